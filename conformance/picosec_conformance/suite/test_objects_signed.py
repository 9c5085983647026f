"""Signed objects: one form, and one set of headers."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.courier import Courier
from picosec_conformance.objects import (
    ALG,
    CLAIMS,
    CONTENT_TYPE,
    ENDS,
    ISSUED,
    KID,
    NOW,
    NUMBER,
    PLATFORM,
    RECIPIENT,
    TYP,
    tagged,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


@pytest.mark.requirement("OBJ-040", "OBJ-130", "OBJ-310")
@pytest.mark.parametrize("name", ["sender", "other_sender"])
def test_signed_object_is_opened(courier: Courier, name: str) -> None:
    """A command that waited in a hub for the night: ES256 on P-256, EdDSA on Ed25519."""
    courier.takes(courier.signed(sender=getattr(courier, name)).close())

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-130", "OBJ-200")
@pytest.mark.parametrize("name", ["app", "other_app"])
def test_signed_object_of_an_application_is_opened(courier: Courier, name: str) -> None:
    """The same code for the other purpose."""
    courier.takes(courier.signed(sender=getattr(courier, name)).close())

    assert courier.control.changes(courier.store) == 1


@pytest.mark.requirement("OBJ-110")
def test_every_parameter_may_be_as_large_as_the_grammar_has_it(courier: Courier) -> None:
    """A sequence number of eight bytes, an end in the year 584 billion."""
    signed = courier.signed(number=2**64 - 1)
    signed.claims[ENDS] = 2**64 - 1

    courier.takes(signed.close())


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("tag", [None, 16, 96, 17, 97, 98, 61, 19], ids=str)
def test_other_tag_is_refused(courier: Courier, tag: int | None) -> None:
    """Without its tag it could be anything; as a MAC, a multi-signature or a CWT it would mean something else."""
    signed = courier.signed().close()
    data = signed[1:] if tag is None else bytes((0xC0 | tag,) if tag < 24 else (0xD8, tag)) + signed[1:]

    courier.refuses(data, Problem.MALFORMED, 18 if tag not in (16, 96) else tag)


@pytest.mark.requirement("OBJ-020")
def test_tag_around_the_tag_is_refused(courier: Courier) -> None:
    """A CWT tag in front: whoever looks for the inner tag and whoever looks at the outer read two things."""
    courier.refuses(b"\xd8\x3d" + courier.signed().close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("what", ["empty", "three", "five", "map", "text", "number"])
def test_other_shape_is_refused(courier: Courier, what: str) -> None:
    """The right tag around something else: a parser that indexes before it looks falls over."""
    signed = courier.signed()
    parts = [dumps(signed.header), {}, signed.payload, signed.sender.sign(signed.to_be_signed())]
    data = {
        "empty": b"",
        "three": tagged(18, *parts[:3]),
        "five": tagged(18, *parts, b""),
        "map": b"\xd2" + dumps(dict(enumerate(parts))),
        "text": b"\xd2" + dumps("object"),
        "number": b"\xd2\x00",
    }[what]

    courier.refuses(data, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020")
def test_detached_payload_is_refused(courier: Courier) -> None:
    """The payload is elsewhere: whoever hands the object over could choose it."""
    signed = courier.signed()
    signature = signed.sender.sign(signed.to_be_signed())

    for payload in (None, "text", [1]):
        signed.payload = payload
        courier.refuses(signed.close(signature), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020")
def test_surplus_behind_the_object_is_refused(courier: Courier) -> None:
    """What follows is not signed, and somebody reads it."""
    courier.refuses(courier.signed().close() + b"\0", Problem.MALFORMED)


@pytest.mark.requirement("MSG-060", "OBJ-020")
@pytest.mark.needs("objects.recipient")
@pytest.mark.parametrize("where", ["tag", "array", "protected", "payload", "header", "claims"])
def test_longer_encoding_is_refused(courier: Courier, where: str) -> None:
    """A second way to write the same object passes filters that know the first; here even with a good signature."""
    signed = courier.signed()
    if where in ("header", "claims"):
        good = dumps(signed.header)
        old, new = {"header": (b"\xa5\x01\x26", b"\xa5\x18\x01\x26"), "claims": (b"\x0f\xa3", b"\x0f\xb8\x03")}[where]
        signed.protected = good.replace(old, new, 1)
        assert signed.protected != good
        data = signed.close()
    else:
        data = signed.close()
        size, payload = len(dumps(signed.header)), bytes((0x40 | len(signed.payload),))
        head = bytes((0x58, size))
        old, new = {
            "tag": (b"\xd2", b"\xd8\x12"),
            "array": (b"\xd2\x84", b"\xd2\x98\x04"),
            "protected": (head, b"\x59\x00" + head[1:]),
            "payload": (payload + signed.payload, bytes((0x58, len(signed.payload))) + signed.payload),
        }[where]
        assert old in data
        data = data.replace(old, new, 1)

    courier.refuses(data, Problem.NOT_DETERMINISTIC, 18)


@pytest.mark.requirement("OBJ-100")
@pytest.mark.parametrize("label", [ALG, CONTENT_TYPE, KID, CLAIMS, TYP])
def test_parameter_in_both_headers_is_refused(courier: Courier, label: int) -> None:
    """One reader takes the protected one, another the last: the same object says two things."""
    signed = courier.signed()
    signed.unprotected = {label: signed.header[label]}
    courier.refuses(signed.close(), Problem.MALFORMED)

    other = {ALG: -8, CONTENT_TYPE: 0, KID: courier.other_sender.kid, CLAIMS: {}, TYP: PLATFORM + 1}
    signed.unprotected = {label: other[label]}
    courier.refuses(signed.close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-110")
@pytest.mark.parametrize("label", [ALG, CONTENT_TYPE, KID, CLAIMS, TYP])
@pytest.mark.parametrize("where", ["nowhere", "unprotected"])
def test_parameter_that_is_not_protected_is_refused(courier: Courier, label: int, where: str) -> None:
    """A hop strips what the sender said, or puts its own beside the signature."""
    signed = courier.signed()
    value = signed.header.pop(label)
    signed.unprotected = {label: value} if where == "unprotected" else {}

    courier.refuses(signed.close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-110")
@pytest.mark.parametrize("label", [2, 5, 6, 7, 11, 12, 33, 35, 99, -1, "x"], ids=str)
@pytest.mark.parametrize("where", ["protected", "unprotected"])
def test_parameter_that_is_not_listed_is_refused(courier: Courier, label: Any, where: str) -> None:
    """crit, counter signatures, certificates, links to keys: each would change what the rest means to who knows it."""
    signed = courier.signed()
    (signed.header if where == "protected" else signed.unprotected)[label] = [ALG] if label == 2 else b"\x01"

    courier.refuses(signed.close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-110")
def test_empty_protected_header_is_refused(courier: Courier) -> None:
    """Everything is said outside of the signature: in COSE's two ways to write no parameters."""
    signed = courier.signed()
    for protected in (b"", b"\xa0", b"\x80", b"\xf6", dumps(b"")):
        signed.protected, signed.unprotected = protected, signed.header
        courier.refuses(signed.close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-110")
def test_parameter_that_stands_twice_is_refused(courier: Courier) -> None:
    """Two recipients in one header; the last one wins in most decoders, and the first in others."""
    signed = courier.signed()
    entries = [dumps(label) + dumps(value) for label, value in signed.header.items()]
    kid = dumps(KID) + dumps(courier.other_sender.kid)
    signed.protected = b"\xa6" + b"".join([*entries[:3], kid, *entries[3:]])

    courier.refuses(signed.close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("value", [None, {}, "", [], 0, True, {ALG: -7}], ids=str)
def test_protected_header_that_is_no_byte_string_is_refused(courier: Courier, value: Any) -> None:
    """A map in its place could be written in a second way after it was signed."""
    signed = courier.signed()
    signature = signed.sender.sign(signed.to_be_signed())

    courier.refuses(tagged(18, value, {}, signed.payload, signature), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("value", [None, b"", b"\xa0", "", [], [1], 0, False], ids=str)
def test_unprotected_header_that_is_no_map_is_refused(courier: Courier, value: Any) -> None:
    """Nothing at all is not an empty map."""
    signed = courier.signed()
    signed.unprotected = value

    courier.refuses(signed.close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-110")
@pytest.mark.parametrize("value", [[1], [ALG, -7], 7, "header", True, None, b"\xa1\x01\x26"], ids=str)
def test_protected_header_that_holds_no_map_is_refused(courier: Courier, value: Any) -> None:
    """The bytes decode, and what they decode to has no members to look for."""
    signed = courier.signed()
    signed.protected = dumps(value)

    courier.refuses(signed.close(), Problem.MALFORMED)


WRONG_VALUES = [
    (CONTENT_TYPE, "application/cbor"),
    (CONTENT_TYPE, 65536),
    (CONTENT_TYPE, -1),
    (KID, b""),
    (KID, bytes(33)),
    (KID, "sender"),
    (KID, 1),
    (TYP, 61),
    (TYP, "application/cwt"),
    (TYP, None),
    (CLAIMS, []),
    (CLAIMS, b"\xa0"),
    (CLAIMS, {}),
]


@pytest.mark.requirement("OBJ-110")
@pytest.mark.parametrize(("label", "value"), WRONG_VALUES, ids=str)
def test_parameter_of_another_type_is_refused(courier: Courier, label: int, value: Any) -> None:
    """Header parameters come in as many types as COSE has; each of these is one that others allow."""
    signed = courier.signed()
    signed.header[label] = value

    courier.refuses(signed.close(), Problem.MALFORMED)


WRONG_CLAIMS = [
    (ENDS, -1),
    (ENDS, NOW + 0.5),
    (ENDS, None),
    (ENDS, "2027"),
    (ISSUED, None),
    (ISSUED, float(NOW) + 0.5),
    (ISSUED, -1),
    (RECIPIENT, b""),
    (RECIPIENT, bytes(33)),
    (RECIPIENT, "reader"),
    (RECIPIENT, [b"reader"]),
    (NUMBER, -1),
    (NUMBER, 1.5),
    (NUMBER, b"\x01"),
    (NUMBER, True),
    (1, "issuer"),
    (2, "subject"),
    (5, NOW),
    (7, b"cti"),
    ("x", 1),
]


@pytest.mark.requirement("OBJ-110")
@pytest.mark.parametrize(("claim", "value"), WRONG_CLAIMS, ids=str)
def test_claim_that_is_not_of_the_grammar_is_refused(courier: Courier, claim: Any, value: Any) -> None:
    """Not-before and audience would limit the object to who reads them, and to nobody else."""
    signed = courier.signed()
    signed.claims[claim] = value

    courier.refuses(signed.close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-110")
@pytest.mark.parametrize("claim", [ISSUED, RECIPIENT, NUMBER])
def test_missing_claim_is_refused(courier: Courier, claim: int) -> None:
    """Without a recipient it is for everybody, without a number for ever."""
    signed = courier.signed()
    del signed.claims[claim]

    courier.refuses(signed.close(), Problem.MALFORMED)
