"""Sealed objects: one reader, one way to agree on a key, and nothing that a hop could add."""

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
    CCM_8,
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

#: Prime of the field of P-256.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
#: u-coordinates of small order on Curve25519, and forms of them above the prime (RFC 7748, Section 6.1).
SMALL_ORDER = {
    "zero": 0,
    "one": 1,
    "order-8": 325606250916557431795983626356110631294008115727848805560023387167927233504,
    "other-order-8": 39382357235489614581723060781553021112529911719440698176882885853963445705823,
    "minus-one": 2**255 - 20,
    "prime": 2**255 - 19,
    "prime-plus-one": 2**255 - 18,
}


def refuses(courier: Courier, sealed: Sealed, problem: Problem, contents: bytes | None = None) -> None:
    """Judge that the target refuses an envelope, whose contents alone it would take."""
    courier.refuses(sealed.close(courier.signed().close() if contents is None else contents), problem)


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

    refuses(courier, courier.sealed(), Problem.MALFORMED, contents)


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
    refuses(courier, sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-100")
def test_parameter_in_both_headers_of_the_recipient_is_refused(courier: Courier) -> None:
    """The second pair of headers has the same rule."""
    sealed = courier.sealed()
    sealed.reader[ALG] = -25
    refuses(courier, sealed, Problem.MALFORMED)

    sealed = courier.sealed()
    sealed.agreement[KID] = sealed.reader[KID]
    refuses(courier, sealed, Problem.MALFORMED)


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

    refuses(courier, sealed, Problem.MALFORMED)


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

    refuses(courier, sealed, Problem.MALFORMED)


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

    refuses(courier, sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-170")
@pytest.mark.parametrize("kid", [b"", bytes(33), "reader", 7, None], ids=str)
def test_reader_that_cannot_be_named_so_is_refused(courier: Courier, kid: Any) -> None:
    """An identifier has 1 to 32 bytes; a table that is asked for anything else may answer anything."""
    sealed = courier.sealed()
    sealed.reader[KID] = kid

    refuses(courier, sealed, Problem.MALFORMED)


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

    refuses(courier, sealed, Problem.MALFORMED)


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

    refuses(courier, sealed, Problem.MALFORMED)


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


@pytest.mark.requirement("OBJ-120")
@pytest.mark.parametrize(
    "algorithm", [CCM_8, 2, 3, 11, 12, 13, 31, 33, -7, -25, 0, "A128GCM", 2**40, 1.0, True, [1]], ids=str
)
def test_other_encryption_is_refused(courier: Courier, algorithm: Any) -> None:
    """Eight bytes of tag can be tried in the years that an object lies around; the first is such a one."""
    sealed = courier.sealed()
    sealed.header[ALG] = algorithm
    sealed.unprotected[IV] = courier.rng.randbytes(13)

    refuses(courier, sealed, Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("OBJ-120")
@pytest.mark.parametrize("algorithm", [-26, -27, -28, -29, -31, -6, -3, 1, "ECDH-ES", -25.0, [-25]], ids=str)
def test_other_key_agreement_is_refused(courier: Courier, algorithm: Any) -> None:
    """Static keys on both ends, wrapped keys, keys that both had before: each is another proof of another thing."""
    sealed = courier.sealed()
    sealed.agreement = {ALG: algorithm}

    refuses(courier, sealed, Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("OBJ-140")
@pytest.mark.parametrize(
    ("algorithm", "length"),
    [
        *((A128GCM, length) for length in (0, 8, 11, 13, 16)),
        *((CHACHA20, length) for length in (8, 13, 24)),
        *((CCM_16, length) for length in (7, 12, 14)),
    ],
)
def test_nonce_of_another_length_is_refused(courier: Courier, algorithm: int, length: int) -> None:
    """AES-GCM takes a nonce of any length and hashes it: two of them may meet in one."""
    sealed = courier.sealed(algorithm=algorithm)
    sealed.unprotected = {IV: courier.rng.randbytes(length)}

    refuses(courier, sealed, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-140")
@pytest.mark.parametrize("nonce", ["missing", "text", 1, None], ids=str)
def test_nonce_that_is_none_is_refused(courier: Courier, nonce: Any) -> None:
    """Without a nonce, some libraries take zeros."""
    sealed = courier.sealed()
    contents = courier.signed().close()
    parts = sealed.parts(contents)
    parts[1] = {} if nonce == "missing" else {IV: nonce}

    courier.refuses(tagged(96, *parts), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-150")
@pytest.mark.parametrize("algorithm", [A128GCM, CHACHA20, CCM_16])
@pytest.mark.parametrize("how", ["first", "last", "cut", "tag-of-8", "only-tag", "short", "empty", "longer"])
def test_ciphertext_that_was_changed_is_refused(courier: Courier, algorithm: int, how: str) -> None:
    """A shorter tag is easier to guess, and a library that takes it takes any."""
    parts = courier.sealed(algorithm=algorithm).parts(courier.signed().close())
    good = parts[2]
    parts[2] = {
        "first": bytes((good[0] ^ 1,)) + good[1:],
        "last": good[:-1] + bytes((good[-1] ^ 0x80,)),
        "cut": good[:-1],
        "tag-of-8": good[:-8],
        "only-tag": good[-16:],
        "short": good[:15],
        "empty": b"",
        "longer": good + b"\0",
    }[how]

    courier.refuses(tagged(96, *parts), Problem.AUTHENTICATION_FAILED)


CONTEXTS: dict[str, Callable[[Sealed], None]] = {
    "party-u": lambda sealed: setattr(sealed, "party_u", [b"somebody", None, None]),
    "no-party-v": lambda sealed: setattr(sealed, "party_v", [None, None, None]),
    "other-party-v": lambda sealed: setattr(sealed, "party_v", [b"\x99", None, None]),
    "key-length": lambda sealed: setattr(sealed, "key_bits", 256),
    "salt": lambda sealed: setattr(sealed, "salt", b"salt"),
    "context": lambda sealed: setattr(sealed, "context", "Encrypt0"),
    "recipient-context": lambda sealed: setattr(sealed, "context", "Enc_Recipient"),
    "external": lambda sealed: setattr(sealed, "external", b"only for those who know this"),
}


@pytest.mark.requirement("OBJ-150")
@pytest.mark.parametrize("what", CONTEXTS)
def test_key_or_data_of_another_context_is_refused(courier: Courier, what: str) -> None:
    """The key is bound to its reader and its algorithm, the ciphertext to its form: it fits nowhere else."""
    sealed = courier.sealed()
    CONTEXTS[what](sealed)

    refuses(courier, sealed, Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-150")
def test_header_that_was_changed_is_refused(courier: Courier) -> None:
    """Another algorithm with a nonce of the same length is written over the one that encrypted."""
    parts = courier.sealed().parts(courier.signed().close())
    parts[0] = dumps({ALG: CHACHA20, CONTENT_TYPE: 18, TYP: courier.reader.purpose})

    courier.refuses(tagged(96, *parts), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-150")
def test_object_for_another_key_is_refused(courier: Courier) -> None:
    """Sealed to somebody's key under this reader's name."""
    stranger = courier.key(courier.reader.kid, Curve.P256)

    refuses(courier, courier.sealed(stranger), Problem.AUTHENTICATION_FAILED)


OFF_CURVE: dict[str, Callable[[dict[int, Any]], Any]] = {
    "y-moved": lambda key: key.update({-3: _moved(key[-3])}),
    "x-moved": lambda key: key.update({-2: _moved(key[-2])}),
    "x-above-prime": lambda key: key.update({-2: b"\xff" * 32}),
    "prime": lambda key: key.update({-2: _P.to_bytes(32, "big")}),
    "zero": lambda key: key.update({-2: bytes(32), -3: bytes(32)}),
    "swapped": lambda key: key.update({-2: key[-3], -3: key[-2]}),
}


def _moved(coordinate: bytes) -> bytes:
    return coordinate[:-1] + bytes((coordinate[-1] ^ 1,))


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("how", OFF_CURVE)
def test_point_off_the_curve_is_refused(courier: Courier, how: str) -> None:
    """Points of other curves give a private key away bit by bit (invalid curve attack, CVE-2015-7940)."""
    sealed = courier.sealed()
    OFF_CURVE[how](sealed.reader[EPHEMERAL])

    refuses(courier, sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("point", SMALL_ORDER)
def test_point_of_small_order_is_refused(courier: Courier, point: str) -> None:
    """The secret is zero whatever the reader's key, so that everybody can read and write."""
    sealed = courier.sealed(courier.other_reader)
    sealed.reader[EPHEMERAL] = {1: 1, -1: 4, -2: SMALL_ORDER[point].to_bytes(32, "little")}
    sealed.secret = lambda: bytes(32)  # type: ignore[method-assign]

    refuses(courier, sealed, Problem.BAD_KEY, courier.signed(recipient=courier.other_reader.kid).close())


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize(("reader", "other"), [("reader", "other_reader"), ("other_reader", "reader")])
def test_ephemeral_key_of_another_curve_is_refused(courier: Courier, reader: str, other: str) -> None:
    """A good key, and the reader's is of another kind."""
    sealed = courier.sealed(getattr(courier, reader))
    sealed.reader[EPHEMERAL] = courier.sealed(getattr(courier, other)).reader[EPHEMERAL]

    refuses(courier, sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
def test_object_for_a_key_that_signs_is_refused(courier: Courier) -> None:
    """The sender takes the key that the target signs with for one that reads."""
    sealed = courier.sealed(courier.app_reader)
    sealed.reader[KID] = courier.app_signer.kid
    sealed.party_v[0] = courier.app_signer.kid

    refuses(courier, sealed, Problem.BAD_KEY, courier.signed(sender=courier.app).close())


FORMS: dict[str, Callable[[dict[int, Any]], Any]] = {
    "no-type": lambda key: key.pop(1),
    "no-curve": lambda key: key.pop(-1),
    "no-x": lambda key: key.pop(-2),
    "no-y": lambda key: key.pop(-3),
    "sign-of-y": lambda key: key.update({-3: bool(key[-3][-1] & 1)}),
    "short-x": lambda key: key.update({-2: key[-2][1:]}),
    "long-x": lambda key: key.update({-2: b"\0" + key[-2]}),
    "short-y": lambda key: key.update({-3: key[-3][1:]}),
    "x-as-text": lambda key: key.update({-2: "x"}),
    "other-type": lambda key: key.update({1: 1}),
    "type-as-text": lambda key: key.update({1: "EC2"}),
    "curve-as-true": lambda key: key.update({-1: True}),
    "type-as-float": lambda key: key.update({1: 2.0}),
    "p-384": lambda key: key.update({-1: 2}),
    "named": lambda key: key.update({2: b"kid"}),
    "restricted": lambda key: key.update({3: -25}),
    "private": lambda key: key.update({-4: bytes(32)}),
}


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("how", FORMS)
def test_ephemeral_key_of_another_form_is_refused(courier: Courier, how: str) -> None:
    """A key has four members here, and nobody has to guess what a fifth one is good for."""
    sealed = courier.sealed()
    FORMS[how](sealed.reader[EPHEMERAL])

    refuses(courier, sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("key", [{}, [], b"\x04" + bytes(64), "key"], ids=["empty", "array", "point", "text"])
def test_ephemeral_key_that_is_none_is_refused(courier: Courier, key: Any) -> None:
    """No COSE_Key at all."""
    sealed = courier.sealed()
    sealed.reader[EPHEMERAL] = key

    refuses(courier, sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("how", ["with-y", "short", "long", "edwards"])
def test_montgomery_key_of_another_form_is_refused(courier: Courier, how: str) -> None:
    """The other kind of key, three members."""
    sealed = courier.sealed(courier.other_reader)
    key = sealed.reader[EPHEMERAL]
    key |= {"with-y": {-3: bytes(32)}, "short": {-2: key[-2][1:]}, "long": {-2: key[-2] + b"\0"}, "edwards": {-1: 6}}[
        how
    ]

    refuses(courier, sealed, Problem.BAD_KEY, courier.signed(recipient=courier.other_reader.kid).close())


@pytest.mark.requirement("MSG-060", "OBJ-020")
@pytest.mark.needs("objects.recipient")
@pytest.mark.parametrize("where", ["tag", "protected", "agreement", "inside"])
def test_longer_encoding_is_refused(courier: Courier, where: str) -> None:
    """A second way to write the same, at any depth, with everything authenticated."""
    sealed, contents = courier.sealed(), courier.signed().close()
    if where == "protected":
        sealed.protected = dumps(sealed.header).replace(b"\xa3\x01\x01", b"\xa3\x01\x18\x01")
    elif where == "agreement":
        sealed.agreement = b"\xa1\x01\x39\x00\x18"
    elif where == "inside":
        contents = contents.replace(b"\xd2\x84", b"\xd2\x98\x04", 1)
    data = sealed.close(contents)
    if where == "tag":
        data = b"\xd9\x00\x60" + data[2:]

    courier.refuses(data, Problem.NOT_DETERMINISTIC, 96)
