"""Histories of identities followed: who may give an identity another key, and what contradicts what was seen."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.acquaintance import Acquaintance
from picosec_conformance.histories import (
    ALG,
    BEFORE,
    COMMITTED,
    ISSUED,
    KEY,
    NUMBER,
    History,
    Statement,
    new_key,
    thumbprint,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)

LINKS: dict[str, Callable[[History], Any]] = {
    "number-again": lambda history: history.last.entries.__setitem__(NUMBER, 1),
    "number-left-out": lambda history: history.last.entries.__setitem__(NUMBER, 3),
    "names-itself": lambda history: history.last.entries.__setitem__(BEFORE, history.last.name),
    "names-the-first": lambda history: history.last.entries.__setitem__(BEFORE, history.identifier),
    "names-nothing": lambda history: history.last.entries.__setitem__(BEFORE, bytes(32)),
    "begins-of-a-name": lambda history: history.last.entries.__setitem__(
        BEFORE, history.last.entries[BEFORE][:8] + bytes(24)
    ),
    "older": lambda history: history.statements[1].entries.__setitem__(ISSUED, 1),
    "statement-left-out": lambda history: history.statements.pop(1),
    "statement-twice": lambda history: history.statements.insert(1, history.statements[1]),
    "in-another-order": lambda history: history.statements.__setitem__(slice(1, 3), history.statements[:0:-1]),
}


@pytest.mark.requirement("IDN-350")
@pytest.mark.parametrize("link", LINKS)
def test_statements_that_do_not_follow_one_another_are_refused(acquaintance: Acquaintance, link: str) -> None:
    """Each is signed as it has to be. A statement that fits into two places lets an attacker choose what happened."""
    history = acquaintance.history
    history.rotate()
    history.rotate()
    LINKS[link](history)
    if link == "older":
        history.last.entries[BEFORE] = history.statements[1].name

    acquaintance.refuses(history.encode(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-350")
def test_beginning_of_a_history_cannot_be_left_out(acquaintance: Acquaintance) -> None:
    """A history that begins in its middle, for an identity that was trusted by the name of that."""
    acquaintance.history.rotate()
    acquaintance.history.statements.pop(0)
    acquaintance.control.provision_identity(trusted=[acquaintance.history.identifier])

    acquaintance.refuses(acquaintance.history.encode(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-380")
@pytest.mark.parametrize("where", ["first", "rotation", "emergency", "stolen"])
def test_commitment_to_a_key_that_shows_is_refused(acquaintance: Acquaintance, where: str) -> None:
    """Whoever steals the key has the one for emergencies as well, and the owner nothing that the thief has not."""
    history = acquaintance.history
    if where == "first":
        history.statements[0].entries[COMMITTED] = thumbprint(history.key)
        acquaintance.control.provision_identity(trusted=[history.identifier])
    elif where == "rotation":
        old, history.key = history.key, history.safe
        history.append(thumbprint(history.safe), old, history.key)
    else:
        stolen, statement = history.key, history.recover()
        statement.entries[COMMITTED] = thumbprint(stolen if where == "stolen" else history.key)

    acquaintance.refuses(history.encode(), Problem.MALFORMED)


def _signed_by(*names: str) -> Callable[[History, Statement], None]:
    """Return what lets others sign a rotation: the ``old`` key, the ``new`` one, the ``safe`` one, a ``stranger``'s."""

    def change(history: History, statement: Statement) -> None:
        old, new = statement.signers
        keys = {"old": old, "new": new, "safe": history.safe, "stranger": new_key(history.rng)}
        statement.signers = [keys[name] for name in names]
        statement.heads = statement.heads[: len(names)]

    return change


UNSIGNED: dict[str, Callable[[History, Statement], Any]] = {
    "new-key-twice": _signed_by("new", "new"),
    "old-key-twice": _signed_by("old", "old"),
    "new-before-old": _signed_by("new", "old"),
    "stranger-for-old": _signed_by("stranger", "new"),
    "stranger-for-new": _signed_by("old", "stranger"),
    "safe-for-old": _signed_by("safe", "new"),
    "as-a-sign1": lambda history, statement: setattr(statement, "context", "Signature1"),
    "as-a-countersignature": lambda history, statement: setattr(statement, "context", "CounterSignature"),
    "with-further-data": lambda history, statement: setattr(statement, "external", b"\0"),
    "algorithm-of-another-key": lambda history, statement: statement.heads.__setitem__(0, {ALG: -8}),
    "algorithm-of-another-new-key": lambda history, statement: statement.heads.__setitem__(1, {ALG: -8}),
}


@pytest.mark.requirement("IDN-360")
@pytest.mark.parametrize("how", UNSIGNED)
def test_rotation_that_not_both_keys_signed_is_refused(acquaintance: Acquaintance, how: str) -> None:
    """A thief with either key alone, and signatures that were made for something else."""
    UNSIGNED[how](acquaintance.history, acquaintance.history.rotate())

    acquaintance.refuses(acquaintance.history.encode(), Problem.AUTHENTICATION_FAILED)


SIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "first-bit": lambda good: bytes((good[0] ^ 0x80,)) + good[1:],
    "last-bit": lambda good: good[:-1] + bytes((good[-1] ^ 1,)),
    "zero": lambda good: bytes(64),
    "order": lambda good: P256_ORDER.to_bytes(32, "big") * 2,
    "halves-exchanged": lambda good: good[32:] + good[:32],
}


@pytest.mark.requirement("IDN-360")
@pytest.mark.parametrize("how", SIGNATURES)
@pytest.mark.parametrize("place", [(0, 0), (1, 0), (1, 1), (2, 0)], ids=["first", "old", "new", "emergency"])
def test_other_signature_is_refused(acquaintance: Acquaintance, how: str, place: tuple[int, int]) -> None:
    """Each counts, wherever it stands; zeros have been taken for a signature by whole operating systems."""
    history = acquaintance.history
    history.rotate()
    history.recover()
    items = history.items()
    part = items[place[0]][3][place[1]]
    part[2] = SIGNATURES[how](part[2])

    acquaintance.refuses(dumps(items), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-360")
def test_signatures_of_another_statement_are_refused(acquaintance: Acquaintance) -> None:
    """The signatures of an earlier rotation between the same keys, under another one."""
    history = acquaintance.history
    other = history.branch()
    history.rotate()
    statement = other.append(other.last.entries[COMMITTED], other.key, history.key)
    statement.entries[ISSUED] = 1
    items = history.items()
    items[1][3] = statement.item()[3]

    acquaintance.refuses(dumps(items), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-360")
def test_first_statement_has_to_be_signed_by_its_key(acquaintance: Acquaintance) -> None:
    """Somebody puts another's key into a history of his own, and claims what that one signs."""
    history = acquaintance.history
    history.statements[0].signers = [new_key(history.rng)]

    acquaintance.refuses(history.encode(), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-360", "IDN-610")
@pytest.mark.parametrize(
    ("first", "second"),
    [(Curve.P256, Curve.ED25519), (Curve.ED25519, Curve.P256), (Curve.ED25519, Curve.ED25519)],
    ids=["to-ed25519", "to-p256", "ed25519"],
)
def test_keys_of_either_curve_are_followed(acquaintance: Acquaintance, first: Curve, second: Curve) -> None:
    """An algorithm that has had its day is left behind like a key."""
    history = History(acquaintance.rng, first)
    acquaintance.control.provision_identity(trusted=[history.identifier])
    history.rotate(second)
    history.recover(second)
    history.rotate(first)

    acquaintance.takes(history.encode())


@pytest.mark.requirement("IDN-370")
@pytest.mark.parametrize("who", ["thief", "stranger", "old", "used"])
def test_emergency_by_another_key_is_refused(acquaintance: Acquaintance, who: str) -> None:
    """One signature is enough for one key only: not for a new one, not for the current one, nor for one used up."""
    history = acquaintance.history
    used = history.safe
    history.recover()
    stolen = history.key
    statement = history.recover()
    if who == "thief":  # who has the current key, and names a new one
        statement.entries[KEY], statement.signers = new_key(history.rng).cose_key, [stolen]
    else:
        key = {"stranger": new_key(history.rng), "old": stolen, "used": used}[who]
        statement.entries[KEY], statement.signers = key.cose_key, [key]

    acquaintance.refuses(history.encode(), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-360")
def test_emergency_has_to_be_signed_by_the_committed_key(acquaintance: Acquaintance) -> None:
    """The thief has seen the committed key somewhere, and signs with the one that he stole."""
    history = acquaintance.history
    stolen = history.key
    history.recover().signers = [stolen]

    acquaintance.refuses(history.encode(), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-390")
@pytest.mark.parametrize("commitment", ["own", "nothing"])
def test_rotation_does_not_change_the_key_for_emergencies(acquaintance: Acquaintance, commitment: str) -> None:
    """The first thing that a thief does: to lock the owner out with the owner's own key."""
    thief = acquaintance.history
    statement = thief.rotate()
    statement.entries[COMMITTED] = thumbprint(new_key(thief.rng)) if commitment == "own" else bytes(32)

    acquaintance.refuses(thief.encode(), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-390", "IDN-370", "IDN-610")
def test_owner_takes_the_identity_back_from_a_thief(acquaintance: Acquaintance) -> None:
    """The thief rotated twice, and all peers believed him; the owner goes on from there with the key from the safe."""
    history = acquaintance.history
    history.rotate()
    history.rotate()
    acquaintance.takes(history.encode())
    thief = history.key

    history.recover()
    acquaintance.takes(history.encode())

    assert acquaintance.authenticates()
    assert not acquaintance.authenticates(thief)


@pytest.mark.requirement("IDN-410")
@pytest.mark.parametrize("left", [1, 2])
def test_old_history_is_refused(acquaintance: Acquaintance, left: int) -> None:
    """Whoever has the stolen key hands over the history from before the theft was known."""
    history = acquaintance.history
    history.rotate()
    history.recover()
    acquaintance.takes(history.encode())
    history.statements = history.statements[:left]

    acquaintance.refuses(history.encode(), Problem.STALE)


@pytest.mark.requirement("IDN-610")
def test_same_history_again_changes_nothing(acquaintance: Acquaintance) -> None:
    """Three neighbours bring the news."""
    acquaintance.history.rotate()
    acquaintance.takes(acquaintance.history.encode())

    with acquaintance.target.expect_unchanged():
        acquaintance.takes(acquaintance.history.encode())


NO_POINT = {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}
WRONG: tuple[tuple[Problem, Callable[[History], Any]], ...] = (
    (Problem.MALFORMED, lambda history: history.last.entries.__setitem__(9, 0)),
    (Problem.UNSUPPORTED_ALGORITHM, lambda history: history.last.heads.__setitem__(0, {ALG: -36})),
    (
        Problem.BAD_KEY,
        lambda history: history.last.entries.__setitem__(KEY, {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}),
    ),
    (Problem.UNKNOWN_CREDENTIAL, lambda history: history.statements[0].entries.__setitem__(ISSUED, 5)),
    (Problem.MALFORMED, lambda history: history.last.entries.__setitem__(NUMBER, 7)),
    (Problem.AUTHENTICATION_FAILED, lambda history: history.last.signers.reverse()),
)


@pytest.mark.requirement("IDN-310", "IDN-320", "IDN-330", "IDN-340", "IDN-350")
@pytest.mark.parametrize(("earlier", "later"), list(combinations(range(len(WRONG)), 2)))
def test_first_step_that_fails_decides(acquaintance: Acquaintance, earlier: int, later: int) -> None:
    """An answer that depends on what else is wrong tells a stranger more than he should know."""
    history = acquaintance.history
    history.rotate()
    for step in (later, earlier):
        WRONG[step][1](history)

    acquaintance.refuses(history.encode(), WRONG[earlier][0])


@pytest.mark.requirement("IDN-420")
@pytest.mark.parametrize("what", ["unsigned", "thief", "stale"])
def test_refused_history_takes_nothing_away(acquaintance: Acquaintance, what: str) -> None:
    """What is believed is believed still: the holder authenticates, and the attacker does not."""
    history = acquaintance.history
    history.rotate()
    acquaintance.takes(history.encode())
    other = history.branch()
    if what == "stale":
        other.statements.pop()
        acquaintance.refuses(other.encode(), Problem.STALE)
    else:
        statement = other.rotate()
        if what == "unsigned":
            statement.signers[0] = other.key
        else:
            statement.entries[COMMITTED] = bytes(32)
        acquaintance.refuses(other.encode(), Problem.AUTHENTICATION_FAILED)

    assert acquaintance.authenticates()
    if what != "stale":
        assert not acquaintance.authenticates(other.key)
    history.rotate()
    acquaintance.takes(history.encode())


@pytest.mark.requirement("IDN-420")
@pytest.mark.parametrize("bad", [1, 2, 3])
def test_good_beginning_of_a_bad_history_is_not_taken(acquaintance: Acquaintance, bad: int) -> None:
    """The first statements are good; whoever believes them on the way has believed half of a refused history."""
    history = acquaintance.history
    for _ in range(3):
        history.rotate()
    history.statements[bad].signers[0] = new_key(history.rng)

    acquaintance.refuses(history.encode(), Problem.AUTHENTICATION_FAILED)
