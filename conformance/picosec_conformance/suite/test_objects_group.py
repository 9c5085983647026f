"""Group objects: the key is everybody's, so that what is inside has to say who speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.courier import Courier
from picosec_conformance.objects import (
    A128GCM,
    ALG,
    CCM_8,
    CCM_16,
    CHACHA20,
    CONTENT_TYPE,
    IV,
    KID,
    TYP,
    Grouped,
    tagged,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


def inside(courier: Courier) -> bytes:
    """Return a signed object for the group."""
    return courier.signed(recipient=courier.group.kid).close()


@pytest.mark.requirement("OBJ-040", "OBJ-150", "OBJ-310")
@pytest.mark.parametrize("name", ["group", "gcm_group", "chacha_group"])
def test_group_object_is_opened(courier: Courier, name: str) -> None:
    """All lamps of a corridor, one object; with each algorithm of the grammar."""
    group = getattr(courier, name)

    courier.takes(courier.grouped(group).close(courier.signed(recipient=group.kid).close()))

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-150", "OBJ-310")
def test_group_object_of_an_application_is_opened(courier: Courier) -> None:
    """The same for a group of applications."""
    contents = courier.signed(sender=courier.app, recipient=courier.app_group.kid).close()

    courier.takes(courier.grouped(courier.app_group).close(contents))

    assert courier.control.changes(courier.store) == 1


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("what", ["two", "four", "map", "no-tag", "mac0", "surplus", "detached"])
def test_other_shape_is_refused(courier: Courier, what: str) -> None:
    """The right tag around something else, and the right array under none."""
    parts = courier.grouped().parts(inside(courier))
    data = {
        "two": tagged(16, *parts[:2]),
        "four": tagged(16, *parts, b""),
        "map": b"\xd0" + dumps(dict(enumerate(parts))),
        "no-tag": dumps(parts),
        "mac0": tagged(17, *parts),
        "surplus": tagged(16, *parts) + b"\0",
        "detached": tagged(16, parts[0], parts[1], None),
    }[what]

    courier.refuses(data, Problem.MALFORMED, 16)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("contents", ["request", "sealed", "group", "nothing"])
def test_contents_that_nobody_signed_are_refused(courier: Courier, contents: str) -> None:
    """A member whose key was stolen with its lamp speaks for nobody."""
    data = {
        "request": courier.switch(),
        "sealed": courier.sealed().close(courier.signed().close()),
        "group": courier.grouped().close(inside(courier)),
        "nothing": b"",
    }[contents]

    courier.refuses(courier.grouped().close(data), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-100")
@pytest.mark.parametrize("label", [ALG, CONTENT_TYPE, KID, IV, TYP])
def test_parameter_in_both_headers_is_refused(courier: Courier, label: int) -> None:
    """One member decrypts by the protected one, another by the last."""
    grouped = courier.grouped()
    if label == IV:
        grouped.header[IV] = grouped.unprotected[IV]
    else:
        grouped.unprotected[label] = grouped.header[label]

    courier.refuses(grouped.close(inside(courier)), Problem.MALFORMED)


UNHEARD_OF: dict[str, Callable[[Grouped], Any]] = {
    "protected": lambda grouped: grouped.header.update({99: 0}),
    "critical": lambda grouped: grouped.header.update({2: [ALG]}),
    "kid-context": lambda grouped: grouped.header.update({10: b"context"}),
    "unprotected": lambda grouped: grouped.unprotected.update({99: 0}),
    "partial-iv": lambda grouped: grouped.unprotected.update({6: b"\x01"}),
    "counter-signature": lambda grouped: grouped.unprotected.update({12: b"\x01"}),
    "no-algorithm": lambda grouped: grouped.header.pop(ALG),
    "no-content-type": lambda grouped: grouped.header.pop(CONTENT_TYPE),
    "no-kid": lambda grouped: grouped.header.pop(KID),
    "no-type": lambda grouped: grouped.header.pop(TYP),
    "moved-algorithm": lambda grouped: grouped.unprotected.update({ALG: grouped.header.pop(ALG)}),
    "moved-kid": lambda grouped: grouped.unprotected.update({KID: grouped.header.pop(KID)}),
    "moved-type": lambda grouped: grouped.unprotected.update({TYP: grouped.header.pop(TYP)}),
    "moved-nonce": lambda grouped: grouped.header.update({IV: grouped.unprotected.pop(IV)}),
    "contents": lambda grouped: grouped.header.update({CONTENT_TYPE: 60}),
    "type": lambda grouped: grouped.header.update({TYP: 61}),
    "empty-kid": lambda grouped: grouped.header.update({KID: b""}),
    "long-kid": lambda grouped: grouped.header.update({KID: bytes(33)}),
    "text-kid": lambda grouped: grouped.header.update({KID: "group"}),
}


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("what", UNHEARD_OF)
def test_headers_that_are_not_of_the_grammar_are_refused(courier: Courier, what: str) -> None:
    """One parameter more, one less, or one where it can be changed: authenticated all the same."""
    grouped = courier.grouped()
    UNHEARD_OF[what](grouped)

    courier.refuses(grouped.close(inside(courier)), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020", "OBJ-170")
@pytest.mark.parametrize("value", [None, [1], "", 0], ids=str)
@pytest.mark.parametrize("where", ["protected", "inside", "unprotected"])
def test_header_of_another_type_is_refused(courier: Courier, where: str, value: Any) -> None:
    """No byte string, no map in it, no map beside it."""
    parts = courier.grouped().parts(inside(courier))
    parts[1 if where == "unprotected" else 0] = dumps(value) if where == "inside" else value

    courier.refuses(tagged(16, *parts), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-120")
@pytest.mark.parametrize("algorithm", [CCM_8, 2, 3, 11, 12, 31, -7, "A128GCM"], ids=str)
def test_other_encryption_is_refused(courier: Courier, algorithm: Any) -> None:
    """The tag of eight bytes comes with the key that the group has."""
    grouped = courier.grouped()
    grouped.header[ALG] = algorithm

    courier.refuses(grouped.close(inside(courier)), Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("OBJ-140")
@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("group", 0),
        ("group", 7),
        ("group", 12),
        ("group", 14),
        ("gcm_group", 8),
        ("gcm_group", 13),
        ("chacha_group", 13),
    ],
)
def test_nonce_of_another_length_is_refused(courier: Courier, name: str, length: int) -> None:
    """The key lives long, and two nonces that become one give it away."""
    grouped = courier.grouped(getattr(courier, name))
    grouped.unprotected = {IV: courier.rng.randbytes(length)}

    courier.refuses(grouped.close(inside(courier)), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-140")
@pytest.mark.parametrize("nonce", ["missing", "text", 7], ids=str)
def test_nonce_that_is_none_is_refused(courier: Courier, nonce: Any) -> None:
    """Whoever sent none relies on a library's zeros."""
    parts = courier.grouped().parts(inside(courier))
    parts[1] = {} if nonce == "missing" else {IV: nonce}

    courier.refuses(tagged(16, *parts), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-150")
@pytest.mark.parametrize("name", ["group", "gcm_group", "chacha_group"])
@pytest.mark.parametrize("how", ["first", "last", "cut", "tag-of-8", "short", "empty"])
def test_ciphertext_that_was_changed_is_refused(courier: Courier, name: str, how: str) -> None:
    """Bits turned on the way."""
    group = getattr(courier, name)
    parts = courier.grouped(group).parts(courier.signed(recipient=group.kid).close())
    good = parts[2]
    parts[2] = {
        "first": bytes((good[0] ^ 1,)) + good[1:],
        "last": good[:-1] + bytes((good[-1] ^ 0x80,)),
        "cut": good[:-1],
        "tag-of-8": good[:-8],
        "short": good[:15],
        "empty": b"",
    }[how]

    courier.refuses(tagged(16, *parts), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-150")
def test_object_under_another_key_is_refused(courier: Courier) -> None:
    """Somebody who left the group, and whose key is the one before."""
    grouped = courier.grouped()
    grouped.key = courier.rng.randbytes(16)

    courier.refuses(grouped.close(inside(courier)), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-150")
def test_key_of_another_group_is_refused(courier: Courier) -> None:
    """A member of one group speaks under the name of another."""
    grouped = courier.grouped()
    grouped.header[ALG], grouped.header[KID] = A128GCM, courier.gcm_group.kid
    grouped.unprotected = {IV: courier.rng.randbytes(12)}

    courier.refuses(grouped.close(inside(courier)), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-150")
@pytest.mark.parametrize("what", ["context", "external"])
def test_data_of_another_context_is_refused(courier: Courier, what: str) -> None:
    """Encrypted as something else than a COSE_Encrypt0 that stands alone."""
    grouped = courier.grouped()
    if what == "context":
        grouped.context = "Encrypt"
    else:
        grouped.external = b"only for those who know this"

    courier.refuses(grouped.close(inside(courier)), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-180")
@pytest.mark.parametrize(
    ("name", "algorithm"), [("group", A128GCM), ("gcm_group", CCM_16), ("group", CHACHA20), ("chacha_group", A128GCM)]
)
def test_other_algorithm_with_the_key_of_a_group_is_refused(courier: Courier, name: str, algorithm: int) -> None:
    """GCM and CCM are both counter mode: one key in both of them repeats what must not be repeated."""
    group = getattr(courier, name)
    grouped = courier.grouped(group, algorithm=algorithm)
    grouped.key = (
        group.key
        if algorithm != CHACHA20 and len(group.key) == 16
        else courier.rng.randbytes(32 if algorithm == CHACHA20 else 16)
    )

    courier.refuses(grouped.close(courier.signed(recipient=group.kid).close()), Problem.UNSUPPORTED_ALGORITHM)
