"""COSE_Encrypt0 and COSE_Encrypt with one recipient (RFC 9052 section 5): contents for a group, or for one reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import cbor2
from cryptography.exceptions import InvalidTag

from picosec.crypto.aead import Aead, open_, seal
from picosec.crypto.curves import Curve, Entropy, PublicKey, decode_public
from picosec.crypto.kdf import hkdf_expand, hkdf_extract
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.headers import Headers, Label, algorithm_of, decode_headers, headers, malformed
from picosec.objects.structures import ECDH_ES_HKDF_256, derivation_context, encryption_structure
from picosec.registry import Problem

TAG_ENCRYPT0: Final = 16
TAG_ENCRYPT: Final = 96
#: Bytes of the shortest tag: an object can be tried for years, and nobody counts failures (OBJ-120).
MIN_TAG: Final = 16
_KTY, _CRV, _X, _Y = 1, -1, -2, -3
_OKP, _EC2 = 1, 2


@dataclass(frozen=True, slots=True)
class Sealed0:
    """A COSE_Encrypt0: whoever holds the key that ``kid`` names can read it."""

    headers: Headers
    ciphertext: bytes

    def encode(self) -> bytes:
        """Return the tagged message."""
        parts = [self.headers.protected, self.headers.unprotected, self.ciphertext]
        return cbor.dumps(cbor2.CBORTag(TAG_ENCRYPT0, parts))

    @classmethod
    def decode(cls, data: bytes) -> Sealed0:
        """Return a tagged message, unverified. Raises ``malformed``, ``not_deterministic``, ``too_large``."""
        parts = _parts(data, TAG_ENCRYPT0, 3)
        return cls(decode_headers(*parts[:2]), _ciphertext(parts[2]))

    def open(self, key: bytes, external_aad: bytes = b"") -> bytes:
        """Return the contents. Raises ``authentication_failed``, ``unsupported_algorithm``, ``malformed``."""
        return _decrypt("Encrypt0", self.headers, key, self.ciphertext, external_aad)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A COSE_Encrypt whose one recipient derives the content key with ECDH-ES and HKDF."""

    headers: Headers
    ciphertext: bytes
    recipient: Headers

    def encode(self) -> bytes:
        """Return the tagged message."""
        recipient = [self.recipient.protected, self.recipient.unprotected, b""]
        parts = [self.headers.protected, self.headers.unprotected, self.ciphertext, [recipient]]
        return cbor.dumps(cbor2.CBORTag(TAG_ENCRYPT, parts))

    @classmethod
    def decode(cls, data: bytes) -> Sealed:
        """Return a tagged message, unverified. Raises ``malformed``, ``not_deterministic``, ``too_large``."""
        parts = _parts(data, TAG_ENCRYPT, 4)
        recipients = parts[3]
        one = recipients[0] if type(recipients) is list and len(recipients) == 1 else None
        if type(one) is not list or len(one) != 3 or one[2] != b"":
            raise malformed("OBJ-030", "a sealed object has one recipient, with no key of its own inside")
        return cls(decode_headers(*parts[:2]), _ciphertext(parts[2]), decode_headers(*one[:2]))

    def check_agreement(self) -> None:
        """Raise ``unsupported_algorithm`` unless the content key is agreed on by ECDH-ES with HKDF-SHA-256."""
        algorithm = algorithm_of(self.recipient)
        if algorithm != ECDH_ES_HKDF_256:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-120", f"key agreement {algorithm}")

    def open(
        self,
        vault: Vault,
        handle: Handle,
        external_aad: bytes = b"",
        party_u: bytes | None = None,
        party_v: bytes | None = None,
    ) -> bytes:
        """Return the contents for the holder of a private key. ``party_u`` and ``party_v`` are sender and recipient.

        Raises ``authentication_failed``, ``unsupported_algorithm``, ``bad_key``, ``malformed``.
        """
        aead = content_algorithm(self.headers)
        self.check_agreement()
        ephemeral = decode_ephemeral(self.recipient.unprotected.get(Label.EPHEMERAL_KEY))
        secret = vault.agree(handle, ephemeral)
        key = _content_key(aead, secret, derivation_context(aead, self.recipient.protected, party_u, party_v))
        return _decrypt("Encrypt", self.headers, key, self.ciphertext, external_aad)


def seal0(head: Headers, contents: bytes, key: bytes, external_aad: bytes = b"") -> Sealed0:
    """Encrypt for whoever holds ``key``; the headers name algorithm, nonce and key."""
    return Sealed0(head, _encrypt("Encrypt0", head, key, contents, external_aad))


def seal_to(
    head: Headers,
    contents: bytes,
    reader: PublicKey,
    kid: bytes,
    vault: Vault,
    entropy: Entropy,
    external_aad: bytes = b"",
    party_u: bytes | None = None,
    party_v: bytes | None = None,
) -> Sealed:
    """Encrypt for the holder of one private key, with an ephemeral key drawn from 32 bytes of ``entropy``.

    Raises ``bad_key`` for a key that agrees on nothing, such as one that signs.
    """
    aead = content_algorithm(head)
    ephemeral = vault.generate(reader.curve, entropy)
    recipient = headers(
        {Label.ALG: ECDH_ES_HKDF_256}, {Label.EPHEMERAL_KEY: encode_ephemeral(vault.public(ephemeral)), Label.KID: kid}
    )
    context = derivation_context(aead, recipient.protected, party_u, party_v)
    key = _content_key(aead, vault.agree(ephemeral, reader), context)
    return Sealed(head, _encrypt("Encrypt", head, key, contents, external_aad), recipient)


def encode_ephemeral(key: PublicKey) -> dict[int, Any]:
    """Return a public key as a COSE_Key with the members that are needed (RFC 9053 section 7.1)."""
    if key.curve is Curve.P256:
        return {_KTY: _EC2, _CRV: key.curve.value, _X: key.x, _Y: key.y}
    return {_KTY: _OKP, _CRV: key.curve.value, _X: key.x}


def decode_ephemeral(value: Any) -> PublicKey:
    """Return the key of a COSE_Key of the grammar. Raises ``bad_key`` for another form, or no point of its curve."""
    members = value if type(value) is dict else {}
    types = {label: type(member) for label, member in members.items()}  # to Python, true and 1.0 are 1
    kind = members.get(_KTY), members.get(_CRV)
    if types == {_KTY: int, _CRV: int, _X: bytes, _Y: bytes} and kind == (_EC2, Curve.P256.value):
        return decode_public(Curve.P256, members[_X], members[_Y], "OBJ-160")
    if types == {_KTY: int, _CRV: int, _X: bytes} and kind == (_OKP, Curve.X25519.value):
        return decode_public(Curve.X25519, members[_X], requirement="OBJ-160")
    raise ProtocolError(Problem.BAD_KEY, "OBJ-160", "no COSE_Key on a curve of the profile")


def _content_key(aead: Aead, secret: bytes, context: bytes) -> bytes:
    return hkdf_expand(hkdf_extract(b"", secret), context, aead.key_length)


def _parts(data: bytes, tag: int, count: int) -> list[Any]:
    item = cbor.loads(data)
    parts = item.value if isinstance(item, cbor2.CBORTag) and item.tag == tag else None
    if type(parts) is not list or len(parts) != count:
        raise malformed("OBJ-020", f"not the tagged array of {count} that tag {tag} announces")
    return parts


def _ciphertext(value: Any) -> bytes:
    if type(value) is not bytes:
        raise malformed("OBJ-020", "the ciphertext is detached, or no byte string")
    return value


def content_algorithm(head: Headers) -> Aead:
    """Return the algorithm of the contents. Raises ``unsupported_algorithm``."""
    value = algorithm_of(head)
    try:
        return Aead(value)
    except ValueError as error:
        raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-120", f"content encryption {value}") from error


def strong_algorithm(head: Headers) -> Aead:
    """Return the algorithm of the contents, whose tag and nonce have the lengths that they must have.

    Raises ``unsupported_algorithm`` (OBJ-120), ``malformed`` (OBJ-140).
    """
    aead = content_algorithm(head)
    if aead.tag_length < MIN_TAG:
        raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-120", f"{aead.name} has a short tag")
    content_nonce(head, aead)
    return aead


def content_nonce(head: Headers, aead: Aead) -> bytes:
    """Return the nonce. Raises ``malformed`` for one of another length than the algorithm takes (OBJ-140)."""
    nonce = head.entries.get(Label.IV, head.unprotected.get(Label.IV))
    if type(nonce) is not bytes or len(nonce) != aead.nonce_length:
        raise malformed("OBJ-140", f"{aead.name} takes a nonce of {aead.nonce_length} bytes")
    return nonce


def _encrypt(
    context: Literal["Encrypt0", "Encrypt"], head: Headers, key: bytes, contents: bytes, external_aad: bytes
) -> bytes:
    aead = content_algorithm(head)
    aad = encryption_structure(context, head.protected, external_aad)
    return seal(aead, key, content_nonce(head, aead), contents, aad)


def _decrypt(
    context: Literal["Encrypt0", "Encrypt"], head: Headers, key: bytes, ciphertext: bytes, external_aad: bytes
) -> bytes:
    aead = content_algorithm(head)
    aad = encryption_structure(context, head.protected, external_aad)
    try:
        return open_(aead, key, content_nonce(head, aead), ciphertext, aad)
    except InvalidTag as error:
        raise ProtocolError(Problem.AUTHENTICATION_FAILED, "OBJ-150", "the ciphertext does not authenticate") from error
