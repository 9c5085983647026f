"""Objects made by hand, part by part, so that a test can have any part wrong (spec/v1/objects.md).

Nothing here judges: what is asked for is made, signed and encrypted, also when no grammar knows it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.vault import SoftwareVault
from picosec.messaging.cbor import dumps
from picosec.registry import (
    CLAIM_RECIPIENT,
    CLAIM_SEQUENCE,
    CONTENT_FORMAT_APPLICATION_OBJECT,
    CONTENT_FORMAT_CBOR,
    CONTENT_FORMAT_COSE_SIGN1,
    CONTENT_FORMAT_PLATFORM_OBJECT,
)

PLATFORM, APPLICATION = CONTENT_FORMAT_PLATFORM_OBJECT, CONTENT_FORMAT_APPLICATION_OBJECT
#: Tags of the forms.
SIGN1, ENCRYPT0, ENCRYPT = 18, 16, 96
#: Header parameters, and claims.
ALG, CONTENT_TYPE, KID, IV, CLAIMS, TYP, EPHEMERAL = 1, 3, 4, 5, 15, 16, -1
ENDS, ISSUED, RECIPIENT, NUMBER = 4, 6, CLAIM_RECIPIENT, CLAIM_SEQUENCE
A128GCM, CHACHA20, CCM_16, CCM_8 = 1, 24, 30, 10
ECDH_ES: Final = -25
#: The date at the target's virtual time 0, in seconds since 1970.
NOW: Final = 1_800_000_000

Properties = tuple[int, int, int, Callable[[bytes], Any]]
#: Bytes of key, nonce and tag, and what encrypts. The last has a tag that is too short for an object.
ALGORITHMS: Final[dict[Any, Properties]] = {
    A128GCM: (16, 12, 16, AESGCM),
    CHACHA20: (32, 12, 16, ChaCha20Poly1305),
    CCM_16: (16, 13, 16, AESCCM),
    CCM_8: (16, 13, 8, lambda key: AESCCM(key, tag_length=8)),
}


@dataclass(frozen=True)
class Key:
    """A private key with its identifier and its purpose, the suite's or the target's."""

    kid: bytes
    curve: Curve
    private: bytes
    purpose: int = PLATFORM

    def own(self) -> dict[int, Any]:
        """Return the entry that makes this a key of the target (Test Interface, ``test-object-own``)."""
        return {1: self.kid, 2: self.curve.value, 3: self.private, 4: self.purpose}

    def sender(self) -> dict[int, Any]:
        """Return the entry that makes the target believe this key's signatures (``test-object-sender``)."""
        return {1: self.kid, 2: self.cose_key, 4: self.purpose}

    @cached_property
    def public(self) -> PublicKey:
        """The public key."""
        vault, handle = self._vault
        return vault.public(handle)

    @cached_property
    def cose_key(self) -> dict[int, Any]:
        """The public key as a COSE_Key."""
        if self.curve is Curve.P256:
            return {1: 2, -1: 1, -2: self.public.x, -3: self.public.y}
        return {1: 1, -1: self.curve.value, -2: self.public.x}

    def sign(self, message: bytes) -> bytes:
        """Return a signature of 64 bytes."""
        vault, handle = self._vault
        return vault.sign(handle, message)

    def agree(self, peer: PublicKey) -> bytes:
        """Return the Diffie-Hellman secret with the owner of another key."""
        vault, handle = self._vault
        return vault.agree(handle, peer)

    @cached_property
    def _vault(self) -> tuple[SoftwareVault, Any]:
        vault = SoftwareVault(bytes(64), {})
        return vault, vault.import_key(self.curve, self.private)


@dataclass(frozen=True)
class Group:
    """A key that the members of a group share."""

    kid: bytes
    key: bytes
    algorithm: int
    purpose: int = PLATFORM

    def entry(self) -> dict[int, Any]:
        """Return the entry that makes the target a member (Test Interface, ``test-object-group``)."""
        return {1: self.kid, 2: self.key, 3: self.algorithm, 4: self.purpose}


def tagged(tag: int, *parts: Any) -> bytes:
    """Return an array under any tag."""
    head = bytes((0xC0 | tag,)) if tag < 24 else bytes((0xD8, tag))
    return head + dumps(list(parts))


def protect(header: dict[Any, Any] | bytes) -> bytes:
    """Return what a protected header is on the wire; bytes are that already, and no parameters are no bytes."""
    return header if isinstance(header, bytes) else dumps(header) if header else b""


class Signed:
    """A COSE_Sign1 before it is closed: every part can be changed, and the signature covers what it then says."""

    def __init__(
        self, sender: Key, recipient: bytes, number: int, payload: bytes, *, purpose: int | None = None
    ) -> None:
        self.sender = sender
        self.claims: Any = {ISSUED: NOW, RECIPIENT: recipient, NUMBER: number}
        self.header: dict[Any, Any] = {
            ALG: -8 if sender.curve is Curve.ED25519 else -7,
            CONTENT_TYPE: CONTENT_FORMAT_CBOR,
            KID: sender.kid,
            CLAIMS: self.claims,
            TYP: sender.purpose if purpose is None else purpose,
        }
        #: The protected header as it is sent and signed, if it is not to be that which ``header`` says.
        self.protected: bytes | None = None
        self.unprotected: Any = {}
        self.payload: Any = payload
        self.tag = SIGN1
        self.context: Any = "Signature1"
        self.external = b""

    @property
    def number(self) -> int:
        """Its sequence number."""
        return int(self.claims[NUMBER])

    def to_be_signed(self) -> bytes:
        """Return the Sig_structure."""
        return dumps([self.context, self._protected, self.external, self.payload])

    def close(self, signature: Any = None) -> bytes:
        """Return the object; ``signature`` is in place of the sender's."""
        signed = self.sender.sign(self.to_be_signed()) if signature is None else signature
        return tagged(self.tag, self._protected, self.unprotected, self.payload, signed)

    @property
    def _protected(self) -> bytes:
        return protect(self.header) if self.protected is None else self.protected


class Sealed:
    """A COSE_Encrypt before it is closed: every part can be changed, and decrypts as it then stands."""

    def __init__(
        self, reader: Key, rng: random.Random, *, algorithm: int = A128GCM, purpose: int | None = None
    ) -> None:
        self._reader = reader
        self._ephemeral = Key(b"", Curve.P256 if reader.curve is Curve.P256 else Curve.X25519, rng.randbytes(32))
        self._rng = rng
        self.header: dict[Any, Any] = {
            ALG: algorithm,
            CONTENT_TYPE: CONTENT_FORMAT_COSE_SIGN1,
            TYP: reader.purpose if purpose is None else purpose,
        }
        self.protected: bytes | None = None
        self.unprotected: Any = {IV: rng.randbytes(_properties(algorithm)[1])}
        self.agreement: Any = {ALG: ECDH_ES}
        self.reader: Any = {KID: reader.kid, EPHEMERAL: dict(self._ephemeral.cose_key)}
        self.tag = ENCRYPT
        self.context: Literal["Encrypt", "Encrypt0", "Enc_Recipient"] = "Encrypt"
        self.external = b""
        self.salt = b""
        #: COSE_KDF_Context: algorithm, PartyU, PartyV, SuppPubInfo (length of the key, protected header).
        self.party_u: list[Any] = [None, None, None]
        self.party_v: list[Any] = [reader.kid, None, None]
        self.key_bits: int | None = None

    def secret(self) -> bytes:
        """Return what both ends agree on."""
        return self._ephemeral.agree(self._reader.public)

    def parts(self, contents: bytes) -> list[Any]:
        """Return the four parts of the message, to be changed after they were authenticated."""
        algorithm = self.header.get(ALG)
        size = _properties(algorithm)[0]
        bits = 8 * size if self.key_bits is None else self.key_bits
        agreement = protect(self.agreement)
        info = dumps([algorithm, self.party_u, self.party_v, [bits, agreement]])
        key = HKDF(SHA256(), size, self.salt, info).derive(self.secret())
        aad = dumps([self.context, self._protected, self.external])
        ciphertext = _encrypted(algorithm, key, _nonce(self.header, self.unprotected), contents, aad)
        return [self._protected, self.unprotected, ciphertext, [[agreement, self.reader, b""]]]

    def close(self, contents: bytes) -> bytes:
        """Return the object around its contents."""
        return tagged(self.tag, *self.parts(contents))

    @property
    def _protected(self) -> bytes:
        return protect(self.header) if self.protected is None else self.protected


class Grouped:
    """A COSE_Encrypt0 before it is closed: every part can be changed, and decrypts as it then stands."""

    def __init__(
        self, group: Group, rng: random.Random, *, algorithm: int | None = None, purpose: int | None = None
    ) -> None:
        self._group = group
        algorithm = group.algorithm if algorithm is None else algorithm
        self.header: dict[Any, Any] = {
            ALG: algorithm,
            CONTENT_TYPE: CONTENT_FORMAT_COSE_SIGN1,
            KID: group.kid,
            TYP: group.purpose if purpose is None else purpose,
        }
        self.protected: bytes | None = None
        self.unprotected: Any = {IV: rng.randbytes(_properties(algorithm)[1])}
        self.key = group.key
        self.tag = ENCRYPT0
        self.context: Literal["Encrypt", "Encrypt0", "Enc_Recipient"] = "Encrypt0"
        self.external = b""

    def parts(self, contents: bytes) -> list[Any]:
        """Return the three parts of the message, to be changed after they were authenticated."""
        aad = dumps([self.context, self._protected, self.external])
        nonce = _nonce(self.header, self.unprotected)
        return [self._protected, self.unprotected, _encrypted(self.header.get(ALG), self.key, nonce, contents, aad)]

    def close(self, contents: bytes) -> bytes:
        """Return the object around its contents."""
        return tagged(self.tag, *self.parts(contents))

    @property
    def _protected(self) -> bytes:
        return protect(self.header) if self.protected is None else self.protected


def _properties(algorithm: Any) -> Properties:
    """Return what an algorithm takes; for one that does not exist, what another one does."""
    return ALGORITHMS.get(algorithm if isinstance(algorithm, int | float) else A128GCM, ALGORITHMS[A128GCM])


def _nonce(header: dict[Any, Any], unprotected: Any) -> Any:
    return header.get(IV, unprotected.get(IV) if isinstance(unprotected, dict) else None)


def _encrypted(algorithm: Any, key: bytes, nonce: Any, contents: bytes, aad: bytes) -> bytes:
    """Encrypt with what there is; where no algorithm can do it, nothing that decrypts comes out."""
    _size, _nonce, _tag, make = ALGORITHMS.get(
        algorithm if isinstance(algorithm, int | float) else 0, ALGORITHMS[A128GCM]
    )
    try:
        encrypted: bytes = make(key).encrypt(nonce, contents, aad)
    except (TypeError, ValueError):
        return contents + bytes(16)
    return encrypted


def derived(algorithm: int, kid: bytes, agreement: bytes, secret: bytes) -> bytes:
    """Return the key of the contents of an object that was sealed for the reader with this identifier."""
    size = ALGORITHMS[algorithm][0]
    info = dumps([algorithm, [None, None, None], [kid, None, None], [8 * size, agreement]])
    return HKDF(SHA256(), size, b"", info).derive(secret)
