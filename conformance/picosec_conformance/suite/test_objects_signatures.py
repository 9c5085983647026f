"""Signatures: by the key that is named, over all that is said, and in one form."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from picosec.crypto.curves import P256_ORDER
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.courier import OFF, Courier
from picosec_conformance.objects import (
    ALG,
    ENDS,
    ISSUED,
    NOW,
    NUMBER,
    RECIPIENT,
    tagged,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)

#: The order of the group of Ed25519.
_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.requirement("OBJ-120")
@pytest.mark.parametrize("algorithm", [-35, -36, -9, -19, -37, -257, -47, 5, 1, 0, "ES256", 2**40, -7.0, [-7]], ids=str)
def test_other_signature_algorithm_is_refused(courier: Courier, algorithm: Any) -> None:
    """The attacker chooses it, such as a MAC with the public key as its secret (CVE-2015-9235, of tokens)."""
    signed = courier.signed()
    signed.header[ALG] = algorithm

    courier.refuses(signed.close(), Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("OBJ-130")
@pytest.mark.parametrize("name", ["sender", "other_sender"])
def test_algorithm_of_another_curve_is_refused(courier: Courier, name: str) -> None:
    """The key decides on the algorithm, whatever the header says."""
    signed = courier.signed(sender=getattr(courier, name))
    signed.header[ALG] = {-7: -8, -8: -7}[signed.header[ALG]]

    courier.refuses(signed.close(), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-130")
@pytest.mark.parametrize("name", ["sender", "other_sender"])
def test_contents_that_were_changed_are_refused(courier: Courier, name: str) -> None:
    """On becomes off on the way."""
    signed = courier.signed(sender=getattr(courier, name))
    signature = signed.sender.sign(signed.to_be_signed())
    signed.payload = courier.switch(OFF)

    courier.refuses(signed.close(signature), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-130")
@pytest.mark.parametrize("claim", [ENDS, ISSUED, NUMBER])
def test_claims_that_were_changed_are_refused(courier: Courier, claim: int) -> None:
    """A hop makes an old object young, a taken one new."""
    signed = courier.signed()
    signature = signed.sender.sign(signed.to_be_signed())
    signed.claims[claim] = {ENDS: NOW + 10, ISSUED: NOW - 1, NUMBER: 1000}[claim]

    courier.refuses(signed.close(signature), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-130")
def test_object_for_somebody_else_is_not_readdressed(courier: Courier) -> None:
    """The thief of a command for another lamp writes this one's name on it."""
    signed = courier.signed(recipient=b"elsewhere")
    signature = signed.sender.sign(signed.to_be_signed())
    signed.claims[RECIPIENT] = courier.reader.kid

    courier.refuses(signed.close(signature), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-130")
@pytest.mark.parametrize("name", ["sender", "other_sender"])
@pytest.mark.parametrize("value", ["zeros", "ones", "order", "other", "garbage", "swapped"])
def test_signature_that_does_not_verify_is_refused(courier: Courier, name: str, value: str) -> None:
    """Zeros were a signature of everybody's for a year of Java (CVE-2022-21449)."""
    signed = courier.signed(sender=getattr(courier, name))
    good = signed.sender.sign(signed.to_be_signed())
    signature = {
        "zeros": bytes(64),
        "ones": b"\xff" * 64,
        "order": P256_ORDER.to_bytes(32, "big") * 2,
        "other": (courier.other_sender if name == "sender" else courier.sender).sign(signed.to_be_signed()),
        "garbage": courier.rng.randbytes(64),
        "swapped": good[32:] + good[:32],
    }[value]

    courier.refuses(signed.close(signature), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-130")
def test_second_form_of_an_edwards_signature_is_refused(courier: Courier) -> None:
    """S plus the order of the group verifies where nobody looks at its range (RFC 8032, Section 5.1.7)."""
    signed = courier.signed(sender=courier.other_sender)
    good = signed.sender.sign(signed.to_be_signed())
    large = int.from_bytes(good[32:], "little") + _ED25519_ORDER

    courier.refuses(signed.close(good[:32] + large.to_bytes(32, "little")), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("form", ["none", "text", "empty", "short", "long", "asn1"])
def test_signature_of_another_form_is_refused(courier: Courier, form: str) -> None:
    """Two numbers of 32 bytes: no ASN.1, no leading zero cut off, nothing behind."""
    signed = courier.signed()
    good = signed.sender.sign(signed.to_be_signed())
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    signature = {
        "none": None,
        "text": "signature",
        "empty": b"",
        "short": good[:-1],
        "long": good + b"\0",
        "asn1": encode_dss_signature(r, s),
    }[form]
    data = tagged(18, dumps(signed.header), {}, signed.payload, signature)

    courier.refuses(data, Problem.MALFORMED)


@pytest.mark.requirement("OBJ-130")
@pytest.mark.parametrize("context", ["Signature", "CounterSignature", "CounterSignature0", "MAC0", ""])
def test_signature_of_another_context_is_refused(courier: Courier, context: str) -> None:
    """What the key signed as something else, a counter signature for instance, is no object."""
    signed = courier.signed()
    signed.context = context

    courier.refuses(signed.close(), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("OBJ-130")
def test_signature_over_further_data_is_refused(courier: Courier) -> None:
    """An object says all that it says by itself."""
    signed = courier.signed()
    signed.external = b"only for those who know this"

    courier.refuses(signed.close(), Problem.AUTHENTICATION_FAILED)
