"""What encrypts: algorithms, nonces, derived keys and tags of sealed objects."""

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
    IV,
    TYP,
    Sealed,
    tagged,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


@pytest.mark.requirement("OBJ-120")
@pytest.mark.parametrize(
    "algorithm", [CCM_8, 2, 3, 11, 12, 13, 31, 33, -7, -25, 0, "A128GCM", 2**40, 1.0, True, [1]], ids=str
)
def test_other_encryption_is_refused(courier: Courier, algorithm: Any) -> None:
    """Eight bytes of tag can be tried in the years that an object lies around; the first is such a one."""
    sealed = courier.sealed()
    sealed.header[ALG] = algorithm
    sealed.unprotected[IV] = courier.rng.randbytes(13)

    courier.refuses_in(sealed, Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("OBJ-120")
@pytest.mark.parametrize("algorithm", [-26, -27, -28, -29, -31, -6, -3, 1, "ECDH-ES", -25.0, [-25]], ids=str)
def test_other_key_agreement_is_refused(courier: Courier, algorithm: Any) -> None:
    """Static keys on both ends, wrapped keys, keys that both had before: each is another proof of another thing."""
    sealed = courier.sealed()
    sealed.agreement = {ALG: algorithm}

    courier.refuses_in(sealed, Problem.UNSUPPORTED_ALGORITHM)


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

    courier.refuses_in(sealed, Problem.MALFORMED)


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

    courier.refuses_in(sealed, Problem.AUTHENTICATION_FAILED)


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

    courier.refuses_in(courier.sealed(stranger), Problem.AUTHENTICATION_FAILED)
