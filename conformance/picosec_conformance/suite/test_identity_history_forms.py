"""Histories of identities that are none: too long, of another shape, with other algorithms and keys, of strangers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.acquaintance import Acquaintance
from picosec_conformance.histories import (
    ALG,
    BEFORE,
    COMMITTED,
    HEADER,
    ISSUED,
    KEY,
    KIND,
    LARGEST,
    MOST,
    NUMBER,
    TYP,
    History,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


@pytest.mark.requirement("IDN-300")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("head", [b"", b"\x81", b"\x9f", b"\xff"], ids=bytes.hex)
def test_larger_history_is_refused_unread(acquaintance: Acquaintance, head: bytes) -> None:
    """A stranger's bytes decide how much memory they take: one more than there may be, whatever they are."""
    acquaintance.refuses(head + bytes(LARGEST + 1 - len(head)), Problem.TOO_LARGE)


@pytest.mark.requirement("IDN-300")
@pytest.mark.needs("messaging.block.server")
def test_history_of_all_bytes_that_there_may_be_is_read(acquaintance: Acquaintance) -> None:
    """It is none, and the reader finds out by reading."""
    acquaintance.refuses(bytes(LARGEST), Problem.MALFORMED)


@pytest.mark.requirement("IDN-300", "IDN-310")
@pytest.mark.needs("messaging.block.server")
def test_longest_history_is_taken(acquaintance: Acquaintance) -> None:
    """A key that was replaced for as long as it could be."""
    for _ in range(MOST - 1):
        acquaintance.history.rotate()

    acquaintance.takes(acquaintance.history.encode())


@pytest.mark.requirement("IDN-310")
@pytest.mark.needs("messaging.block.server")
def test_longer_history_is_refused(acquaintance: Acquaintance) -> None:
    """Each further statement costs a device two signatures to verify."""
    for _ in range(MOST):
        acquaintance.history.rotate(Curve.ED25519)

    acquaintance.refuses(acquaintance.history.encode(), Problem.MALFORMED)


def _second(change: Callable[[list[Any]], Any]) -> Callable[[History], Any]:
    """Return what changes the second statement after it was signed."""

    def items(history: History) -> list[Any]:
        statements = history.items()
        change(statements[1])
        return statements

    return items


SHAPES: dict[str, Callable[[History], Any]] = {
    "nothing": lambda history: [],
    "map": lambda history: dict(enumerate(history.items())),
    "one-statement-alone": lambda history: history.items()[0],
    "bytes": lambda history: history.encode(),
    "number": lambda history: 0,
    "statement-as-bytes": lambda history: [dumps(item) for item in history.items()],
    "null-at-the-end": lambda history: [*history.items(), None],
    "three-parts": _second(lambda item: item.pop()),
    "five-parts": _second(lambda item: item.append(b"")),
    "detached": _second(lambda item: item.__setitem__(2, None)),
    "header-as-map": _second(lambda item: item.__setitem__(0, HEADER)),
    "no-header": _second(lambda item: item.__setitem__(0, b"")),
    "type-unprotected": _second(lambda item: item.__setitem__(slice(0, 2), [b"", HEADER])),
    "unprotected-as-array": _second(lambda item: item.__setitem__(1, [])),
    "something-unprotected": _second(lambda item: item.__setitem__(1, {4: b"\x01"})),
    "no-signature": _second(lambda item: item[3].clear()),
    "three-signatures": _second(lambda item: item[3].append(item[3][0])),
    "signatures-as-bytes": _second(lambda item: item.__setitem__(3, b"".join(each[2] for each in item[3]))),
    "signature-of-two-parts": _second(lambda item: item[3][0].pop(1)),
    "signature-of-four-parts": _second(lambda item: item[3][0].append(b"")),
    "signature-as-text": _second(lambda item: item[3][0].__setitem__(2, "x" * 64)),
    "signature-cut": _second(lambda item: item[3][0].__setitem__(2, item[3][0][2][:63])),
    "signature-of-der": _second(lambda item: item[3][0].__setitem__(2, b"\x30" + bytes(70))),
    "algorithm-unprotected": _second(lambda item: item[3][0].__setitem__(slice(0, 2), [b"", {ALG: -7}])),
    "algorithm-missing": _second(lambda item: item[3][0].__setitem__(0, b"\xa0")),
    "kid-in-a-signature": _second(lambda item: item[3][0].__setitem__(0, dumps({ALG: -7, 4: b"\x01"}))),
    "something-unprotected-in-a-signature": _second(lambda item: item[3][0].__setitem__(1, {4: b"\x01"})),
    "header-of-a-signature-as-array": _second(lambda item: item[3][0].__setitem__(0, b"\x80")),
}


@pytest.mark.requirement("IDN-310")
@pytest.mark.parametrize("shape", SHAPES)
def test_other_shape_is_refused(acquaintance: Acquaintance, shape: str) -> None:
    """A parser that indexes before it looks falls over; a second way to write it says two things to two readers."""
    acquaintance.history.rotate()

    acquaintance.refuses(dumps(SHAPES[shape](acquaintance.history)), Problem.MALFORMED)


@pytest.mark.requirement("IDN-310")
def test_two_signatures_under_the_first_statement_are_refused(acquaintance: Acquaintance) -> None:
    """There is no key before it that could have signed."""
    items = acquaintance.history.items()
    items[0][3] *= 2

    acquaintance.refuses(dumps(items), Problem.MALFORMED)


@pytest.mark.requirement("IDN-310")
@pytest.mark.parametrize("typ", [65002, 65003, 65005, 0, "65004", 65004.5, None], ids=str)
def test_statement_of_another_type_is_refused(acquaintance: Acquaintance, typ: Any) -> None:
    """The same key signed something else, which happens to read like a statement; here even with a good signature."""
    statement = acquaintance.history.rotate()
    statement.header = {} if typ is None else {TYP: typ}

    acquaintance.refuses(acquaintance.history.encode(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-310")
def test_further_header_parameter_is_refused(acquaintance: Acquaintance) -> None:
    """What is not understood can change what all others mean."""
    acquaintance.history.rotate().header[2] = [99]

    acquaintance.refuses(acquaintance.history.encode(), Problem.MALFORMED)


def _without(label: int) -> Callable[[dict[Any, Any]], Any]:
    return lambda said: said.pop(label)


def _as_text(label: int) -> Callable[[dict[Any, Any]], Any]:
    return lambda said: said.__setitem__(label, "x")


_LATER = (NUMBER, BEFORE, KEY, COMMITTED, ISSUED)
MEMBERS: dict[str, Callable[[dict[Any, Any]], Any]] = {
    **{f"without-{label}": _without(label) for label in _LATER},
    **{f"another-type-{label}": _as_text(label) for label in _LATER},
    "unknown-member": lambda said: said.__setitem__(7, 0),
    "text-member": lambda said: said.__setitem__("key", 0),
    "number-as-float": lambda said: said.__setitem__(NUMBER, 1.5),
    "number-as-true": lambda said: said.__setitem__(NUMBER, True),
    "number-below-zero": lambda said: said.__setitem__(NUMBER, -1),
    "number-of-the-49th": lambda said: said.__setitem__(NUMBER, MOST),
    "time-as-false": lambda said: said.__setitem__(ISSUED, False),
    "time-below-zero": lambda said: said.__setitem__(ISSUED, -1),
    "hash-cut": lambda said: said.__setitem__(COMMITTED, said[COMMITTED][:31]),
    "name-cut": lambda said: said.__setitem__(BEFORE, said[BEFORE][:8]),
    "hash-long": lambda said: said.__setitem__(COMMITTED, said[COMMITTED] + b"\0"),
    "kind-in-a-rotation": lambda said: said.__setitem__(KIND, 0),
    "kind-in-place-of-the-name": lambda said: said.__setitem__(KIND, said.pop(BEFORE) and 0),
    "key-without-y": lambda said: said[KEY].pop(-3),
    "key-with-the-sign-of-y": lambda said: said[KEY].__setitem__(-3, True),
    "key-with-kid": lambda said: said[KEY].__setitem__(2, b"\x01"),
    "key-with-its-private-part": lambda said: said[KEY].__setitem__(-4, bytes(32)),
    "key-cut": lambda said: said[KEY].__setitem__(-2, said[KEY][-2][:31]),
    "key-symmetric": lambda said: said.__setitem__(KEY, {1: 4, -1: bytes(32)}),
    "key-on-p-384": lambda said: said[KEY].__setitem__(-1, 2),
    "key-on-x25519": lambda said: said.__setitem__(KEY, {1: 1, -1: 4, -2: bytes(32)}),
    "key-of-two-types": lambda said: said[KEY].__setitem__(1, 1),
    "key-type-as-true": lambda said: said[KEY].__setitem__(-1, True),
}


@pytest.mark.requirement("IDN-310")
@pytest.mark.parametrize("member", MEMBERS)
def test_statement_with_other_members_is_refused(acquaintance: Acquaintance, member: str) -> None:
    """Signed by whom it has to be, and still no statement: what one reader skips another one follows."""
    statement = acquaintance.history.rotate()
    statement.entries[KEY] = dict(statement.entries[KEY])
    MEMBERS[member](statement.entries)

    acquaintance.refuses(acquaintance.history.encode(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-310")
@pytest.mark.parametrize("kind", [None, 3, -1, "device", True], ids=str)
def test_first_statement_of_no_kind_is_refused(acquaintance: Acquaintance, kind: Any) -> None:
    """A person, a device and an application are not the same to whoever asks."""
    first = acquaintance.history.statements[0]
    first.entries.pop(KIND)
    if kind is not None:
        first.entries[KIND] = kind
    acquaintance.control.provision_identity(trusted=[acquaintance.history.identifier])

    acquaintance.refuses(acquaintance.history.encode(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-310", "MSG-060")
@pytest.mark.parametrize("where", ["history", "statement", "payload", "algorithm"])
def test_longer_encoding_is_refused(acquaintance: Acquaintance, where: str) -> None:
    """A second way to write the same statement would have a second name, and make a fork out of one history."""
    history = acquaintance.history
    statement = history.rotate()
    if where == "payload":
        good = dumps(statement.entries)
        statement.entries = b"\xb8\x05" + good[1:]
    elif where == "algorithm":
        statement.heads[0] = b"\xa1\x18\x01\x26"
    data = history.encode()
    if where == "history":
        data = b"\x98\x02" + data[1:]
    elif where == "statement":
        data = data[:1] + b"\x98\x04" + data[2:]

    acquaintance.refuses(data, Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("IDN-310")
def test_history_that_ends_too_early_is_refused(acquaintance: Acquaintance) -> None:
    """Cut at every byte: a length that is believed reads behind the end."""
    data = acquaintance.history.encode()
    with acquaintance.target.expect_unchanged():
        for length in range(len(data)):
            reply = acquaintance.hand(data[:length])
            acquaintance.target.expect_refusal(reply, 0x80, Problem.MALFORMED)


@pytest.mark.requirement("IDN-310")
def test_surplus_behind_the_history_is_refused(acquaintance: Acquaintance) -> None:
    """What follows is not signed, and somebody reads it."""
    acquaintance.refuses(acquaintance.history.encode() + b"\0", Problem.MALFORMED)


@pytest.mark.requirement("IDN-320")
@pytest.mark.parametrize("algorithm", [-35, -36, -9, -19, 5, 0, -257, "ES256", b"\x26", -7.5, None, True], ids=repr)
@pytest.mark.parametrize("which", [0, 1])
def test_other_algorithm_is_refused(acquaintance: Acquaintance, algorithm: Any, which: int) -> None:
    """An attacker who may choose the algorithm chooses one with a known way in, such as a MAC with a public key."""
    acquaintance.history.rotate().heads[which] = {ALG: algorithm}

    acquaintance.refuses(acquaintance.history.encode(), Problem.UNSUPPORTED_ALGORITHM)


OFF: dict[str, dict[int, bytes]] = {
    "off-the-curve": {-2: b"\xff" * 32},
    "y-of-another-point": {-3: bytes(31) + b"\x01"},
    "infinity": {-2: bytes(32), -3: bytes(32)},
}


@pytest.mark.requirement("IDN-330")
@pytest.mark.parametrize("point", OFF)
def test_key_off_the_curve_is_refused(acquaintance: Acquaintance, point: str) -> None:
    """Arithmetic with what is no point gives away what it is done with, or crashes."""
    statement = acquaintance.history.rotate()
    statement.entries[KEY] = {**statement.entries[KEY], **OFF[point]}

    acquaintance.refuses(acquaintance.history.encode(), Problem.BAD_KEY)


@pytest.mark.requirement("IDN-330")
@pytest.mark.parametrize("point", OFF)
def test_first_key_off_the_curve_is_refused(acquaintance: Acquaintance, point: str) -> None:
    """Even of an identity that somebody was talked into trusting."""
    first = acquaintance.history.statements[0]
    first.entries[KEY] = {**first.entries[KEY], **OFF[point]}
    acquaintance.control.provision_identity(trusted=[acquaintance.history.identifier])

    acquaintance.refuses(acquaintance.history.encode(), Problem.BAD_KEY)


@pytest.mark.requirement("IDN-340")
@pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519])
def test_history_of_a_stranger_is_refused(acquaintance: Acquaintance, curve: Curve) -> None:
    """Everybody can make an identity; whom to trust is decided elsewhere."""
    stranger = History(acquaintance.rng, curve)
    acquaintance.refuses(stranger.encode(), Problem.UNKNOWN_CREDENTIAL)
    stranger.rotate()

    acquaintance.refuses(stranger.encode(), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-340")
@pytest.mark.parametrize("member", [KEY, COMMITTED, ISSUED, KIND])
def test_identifier_covers_all_that_the_first_statement_says(acquaintance: Acquaintance, member: int) -> None:
    """The holder signs another beginning under the same name: with another key, or another one for emergencies."""
    other = History(acquaintance.rng)
    first = acquaintance.history.statements[0]
    first.entries[member] = {
        KEY: other.key.cose_key,
        COMMITTED: other.statements[0].entries[COMMITTED],
        ISSUED: 1,
        KIND: 1,
    }[member]
    if member == KEY:
        first.signers = [other.key]

    acquaintance.refuses(acquaintance.history.encode(), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-340")
def test_identifier_is_compared_whole(acquaintance: Acquaintance) -> None:
    """A credential is named by eight bytes, which a patient attacker finds again; 32 he does not."""
    identifier = acquaintance.history.identifier
    for place in (8, 16, 31):
        changed = bytearray(identifier)
        changed[place] ^= 1
        acquaintance.control.reset()
        acquaintance.control.provision_identity(trusted=[bytes(changed)])

        acquaintance.refuses(acquaintance.history.encode(), Problem.UNKNOWN_CREDENTIAL)
