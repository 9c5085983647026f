"""Sealed objects: one reader, and nothing that a hop could add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.courier import Courier
from picosec_conformance.objects import (
    A128GCM,
    ALG,
    CCM_16,
    CHACHA20,
    CONTENT_TYPE,
    EPHEMERAL,
    IV,
    KID,
    TYP,
    Sealed,
    tagged,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


@pytest.mark.requirement("OBJ-040", "OBJ-150", "OBJ-310")
@pytest.mark.parametrize("algorithm", [A128GCM, CHACHA20, CCM_16])
@pytest.mark.parametrize("name", ["reader", "other_reader"])
def test_sealed_object_is_opened(courier: Courier, algorithm: int, name: str) -> None:
    """For whoever holds one private key, with every algorithm of the grammar on both curves."""
    reader = getattr(courier, name)
    contents = courier.signed(recipient=reader.kid).close()

    courier.takes(courier.sealed(reader, algorithm=algorithm).close(contents))

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-150", "OBJ-310")
@pytest.mark.parametrize("algorithm", [A128GCM, CHACHA20, CCM_16])
def test_sealed_object_of_an_application_is_opened(courier: Courier, algorithm: int) -> None:
    """The same between an application and its part on the device."""
    contents = courier.signed(sender=courier.app).close()

    courier.takes(courier.sealed(courier.app_reader, algorithm=algorithm).close(contents))

    assert courier.control.changes(courier.store) == 1


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("what", ["three", "five", "map", "no-tag", "other-tag", "surplus"])
def test_other_shape_is_refused(courier: Courier, what: str) -> None:
    """The right tag around something else, and the right array under none."""
    parts = courier.sealed().parts(courier.signed().close())
    data = {
        "three": tagged(96, *parts[:3]),
        "five": tagged(96, *parts, b""),
        "map": b"\xd8\x60" + dumps(dict(enumerate(parts))),
        "no-tag": dumps(parts),
        "other-tag": tagged(97, *parts),
        "surplus": tagged(96, *parts) + b"\0",
    }[what]

    courier.refuses(data, Problem.MALFORMED, 96)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("ciphertext", [None, "text", []], ids=["detached", "text", "array"])
def test_ciphertext_that_is_no_byte_string_is_refused(courier: Courier, ciphertext: Any) -> None:
    """Detached, the contents would be whatever the hop brings along."""
    parts = courier.sealed().parts(courier.signed().close())
    parts[2] = ciphertext

    courier.refuses(tagged(96, *parts), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("inside", ["nothing", "contents", "untagged", "sealed", "group", "text"])
def test_contents_that_are_no_signed_object_are_refused(courier: Courier, inside: str) -> None:
    """Encryption says nothing about who encrypted: everybody has the reader's public key."""
    signed = courier.signed()
    contents = {
        "nothing": b"",
        "contents": signed.payload,
        "untagged": signed.close()[1:],
        "sealed": courier.sealed().close(signed.close()),
        "group": courier.grouped().close(signed.close()),
        "text": dumps("object"),
    }[inside]

    courier.refuses_in(courier.sealed(), Problem.MALFORMED, contents)


@pytest.mark.requirement("OBJ-030")
@pytest.mark.parametrize("what", ["none", "two", "same-twice", "not-an-array", "nested", "nil"])
def test_other_number_of_recipients_is_refused(courier: Courier, what: str) -> None:
    """A list that a stranger wrote: whoever walks through it works for the stranger, and two readers see each other."""
    parts = courier.sealed().parts(courier.signed().close())
    (first,) = parts[3]
    stranger = courier.sealed(courier.key(b"stranger", Curve.P256))
    (other,) = stranger.parts(b"")[3]
    parts[3] = {
        "none": [],
        "two": [first, other],
        "same-twice": [first, first],
        "not-an-array": first,
        "nested": [[*first, [other]]],
        "nil": None,
    }[what]

    courier.refuses(tagged(96, *parts), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-030")
@pytest.mark.parametrize("wrapped", [bytes(24), b"\0", None, "key"], ids=["key", "byte", "nil", "text"])
def test_wrapped_key_is_refused(courier: Courier, wrapped: Any) -> None:
    """The key of the contents is agreed on; one that was sent along is somebody else's choice."""
    parts = courier.sealed().parts(courier.signed().close())
    parts[3][0][2] = wrapped

    courier.refuses(tagged(96, *parts), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-100")
@pytest.mark.parametrize("label", [ALG, CONTENT_TYPE, IV, TYP])
def test_parameter_in_both_headers_is_refused(courier: Courier, label: int) -> None:
    """One reader decrypts by the protected one, another by the last."""
    sealed = courier.sealed()
    if label == IV:
        sealed.header[IV] = sealed.unprotected[IV]
    else:
        sealed.unprotected[label] = sealed.header[label]
    courier.refuses_in(sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-100")
def test_parameter_in_both_headers_of_the_recipient_is_refused(courier: Courier) -> None:
    """The second pair of headers has the same rule."""
    sealed = courier.sealed()
    sealed.reader[ALG] = -25
    courier.refuses_in(sealed, Problem.MALFORMED)

    sealed = courier.sealed()
    sealed.agreement[KID] = sealed.reader[KID]
    courier.refuses_in(sealed, Problem.MALFORMED)


UNHEARD_OF: dict[str, Callable[[Sealed], Any]] = {
    "protected": lambda sealed: sealed.header.update({99: 0}),
    "protected-kid": lambda sealed: sealed.header.update({KID: b"reader"}),
    "protected-critical": lambda sealed: sealed.header.update({2: [ALG]}),
    "unprotected": lambda sealed: sealed.unprotected.update({99: 0}),
    "unprotected-kid": lambda sealed: sealed.unprotected.update({KID: b"reader"}),
    "partial-iv": lambda sealed: sealed.unprotected.update({6: b"\x01"}),
    "counter-signature": lambda sealed: sealed.unprotected.update({11: b"\x01"}),
    "text": lambda sealed: sealed.unprotected.update({"x": 0}),
    "agreement": lambda sealed: sealed.agreement.update({99: 0}),
    "agreement-critical": lambda sealed: sealed.agreement.update({2: [ALG]}),
    "party-u": lambda sealed: sealed.agreement.update({-21: b"somebody"}),
    "recipient": lambda sealed: sealed.reader.update({99: 0}),
    "salt": lambda sealed: sealed.reader.update({-20: b"salt"}),
    "static-key": lambda sealed: sealed.reader.update({-2: sealed.reader[EPHEMERAL]}),
}


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("where", UNHEARD_OF)
def test_parameter_that_is_not_listed_is_refused(courier: Courier, where: str) -> None:
    """A hop's own header never enters; what is protected and unknown changes what the rest means."""
    sealed = courier.sealed()
    UNHEARD_OF[where](sealed)

    courier.refuses_in(sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("where", ["protected", "unprotected", "agreement", "reader"])
def test_parameter_that_stands_twice_is_refused(courier: Courier, where: str) -> None:
    """One decoder takes the first and another one the last; with the same value in both, a careless one takes it."""
    sealed = courier.sealed()
    parts = sealed.parts(courier.signed().close())
    twice = {
        "protected": sealed.header,
        "unprotected": sealed.unprotected,
        "agreement": sealed.agreement,
        "reader": sealed.reader,
    }[where]
    old = dumps(twice)
    (last, value) = list(twice.items())[-1]
    new = bytes((old[0] + 1,)) + old[1:] + dumps(last) + dumps(value)
    if where in ("protected", "agreement"):
        old, new = dumps(old), dumps(new)

    courier.refuses(tagged(96, *parts).replace(old, new, 1), Problem.MALFORMED)


MOVED: dict[str, Callable[[Sealed], Any]] = {
    "no-algorithm": lambda sealed: sealed.header.pop(ALG),
    "no-content-type": lambda sealed: sealed.header.pop(CONTENT_TYPE),
    "no-type": lambda sealed: sealed.header.pop(TYP),
    "algorithm": lambda sealed: sealed.unprotected.update({ALG: sealed.header.pop(ALG)}),
    "content-type": lambda sealed: sealed.unprotected.update({CONTENT_TYPE: sealed.header.pop(CONTENT_TYPE)}),
    "type": lambda sealed: sealed.unprotected.update({TYP: sealed.header.pop(TYP)}),
    "nonce": lambda sealed: sealed.header.update({IV: sealed.unprotected.pop(IV)}),
    "no-agreement": lambda sealed: sealed.agreement.pop(ALG),
    "agreement": lambda sealed: sealed.reader.update({ALG: sealed.agreement.pop(ALG)}),
    "no-reader": lambda sealed: sealed.reader.pop(KID),
    "reader": lambda sealed: sealed.agreement.update({KID: sealed.reader.pop(KID)}),
    "no-ephemeral": lambda sealed: sealed.reader.pop(EPHEMERAL),
    "ephemeral": lambda sealed: sealed.agreement.update({EPHEMERAL: sealed.reader.pop(EPHEMERAL)}),
}


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("what", MOVED)
def test_parameter_in_another_place_is_refused(courier: Courier, what: str) -> None:
    """A hop takes away what it does not like, or puts where it can be changed what has to be authenticated."""
    sealed = courier.sealed()
    MOVED[what](sealed)

    courier.refuses_in(sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize(
    ("label", "value"),
    [(CONTENT_TYPE, 60), (CONTENT_TYPE, 96), (CONTENT_TYPE, "application/cose"), (TYP, 61), (TYP, "object")],
    ids=str,
)
def test_value_that_is_not_of_the_grammar_is_refused(courier: Courier, label: int, value: Any) -> None:
    """What is sealed is a signed object of one of two purposes, and says so."""
    sealed = courier.sealed()
    sealed.header[label] = value

    courier.refuses_in(sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("kid", [b"", bytes(33), "reader", 7, None], ids=str)
def test_reader_that_cannot_be_named_so_is_refused(courier: Courier, kid: Any) -> None:
    """An identifier has 1 to 32 bytes; a table that is asked for anything else may answer anything."""
    sealed = courier.sealed()
    sealed.reader[KID] = kid

    courier.refuses_in(sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("protected", [b"", b"\xa0", b"\x80", b"\xf6"], ids=bytes.hex)
@pytest.mark.parametrize("where", ["outer", "recipient"])
def test_empty_protected_header_is_refused(courier: Courier, where: str, protected: bytes) -> None:
    """Nothing is authenticated but the contents."""
    sealed = courier.sealed()
    if where == "outer":
        sealed.protected, sealed.unprotected = protected, {**sealed.header, **sealed.unprotected}
    else:
        sealed.agreement, sealed.reader = protected, {**sealed.reader, ALG: -25}

    courier.refuses_in(sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("value", [[1], 7, "header", None, b"\xa1\x01\x01"], ids=str)
@pytest.mark.parametrize("where", ["outer", "recipient"])
def test_protected_header_that_holds_no_map_is_refused(courier: Courier, where: str, value: Any) -> None:
    """The bytes decode, and what they decode to has no members to look for."""
    sealed = courier.sealed()
    if where == "outer":
        sealed.protected = dumps(value)
    else:
        sealed.agreement = dumps(value)

    courier.refuses_in(sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-020", "OBJ-170")
@pytest.mark.parametrize("value", [None, [], "", 0], ids=str)
@pytest.mark.parametrize("where", ["protected", "unprotected", "agreement", "reader"])
def test_header_of_another_type_is_refused(courier: Courier, where: str, value: Any) -> None:
    """Nothing where byte strings and maps belong, in either pair of headers."""
    parts = courier.sealed().parts(courier.signed().close())
    if where in ("protected", "unprotected"):
        parts[("protected", "unprotected").index(where)] = value
    else:
        parts[3][0][("agreement", "reader").index(where)] = value

    courier.refuses(tagged(96, *parts), Problem.MALFORMED)
