"""COSE_Sign1 (RFC 9052 section 4.2): one signature over a payload and the protected header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cbor2
from cryptography.exceptions import InvalidSignature

from picosec.crypto.curves import PublicKey
from picosec.crypto.suites import Signature
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.headers import Headers, algorithm_of, decode_headers, malformed
from picosec.objects.structures import signature_structure
from picosec.registry import Problem

TAG: Final = 18
#: Bytes of a signature, whichever of the algorithms made it.
SIGNATURE_SIZE: Final = 64


@dataclass(frozen=True, slots=True)
class Signed:
    """A COSE_Sign1. ``signature`` has 64 bytes for the algorithms of the profile."""

    headers: Headers
    payload: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Return the tagged message."""
        return cbor.dumps(cbor2.CBORTag(TAG, self.item()))

    def item(self) -> list[Any]:
        """Return it without its tag, as a CBOR value."""
        return [self.headers.protected, self.headers.unprotected, self.payload, self.signature]

    @classmethod
    def decode(cls, data: bytes) -> Signed:
        """Return a tagged message, unverified. Raises ``malformed``, ``not_deterministic``, ``too_large``."""
        item = cbor.loads(data)
        if not isinstance(item, cbor2.CBORTag) or item.tag != TAG:
            raise malformed("OBJ-020", "a signed object is a tagged COSE_Sign1")
        return cls.read(item.value)

    @classmethod
    def read(cls, parts: Any) -> Signed:
        """Return a message without its tag, decoded already, unverified. Raises as :meth:`decode` does."""
        if type(parts) is not list or len(parts) != 4 or [type(part) for part in parts[2:]] != [bytes, bytes]:
            raise malformed("OBJ-020", "a COSE_Sign1 has two headers, its payload inside, and a signature")
        if len(parts[3]) != SIGNATURE_SIZE:
            raise malformed("OBJ-020", f"a signature has {SIGNATURE_SIZE} bytes")
        return cls(decode_headers(*parts[:2]), parts[2], parts[3])

    def read_algorithm(self) -> Signature:
        """Return the algorithm that the header names. Raises ``unsupported_algorithm``."""
        value = algorithm_of(self.headers)
        try:
            return Signature(value)
        except ValueError as error:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-120", f"signature algorithm {value}") from error

    def check_algorithm(self) -> None:
        """Raise ``unsupported_algorithm`` unless the header names an algorithm of the profile (OBJ-120)."""
        self.read_algorithm()

    def verify(self, key: PublicKey, external_aad: bytes = b"") -> None:
        """Check the signature. Raises ``authentication_failed``, also when ``alg`` and key do not belong together."""
        if self.read_algorithm().curve is not key.curve:
            raise ProtocolError(Problem.AUTHENTICATION_FAILED, "OBJ-130", "the key makes no such signatures")
        try:
            key.verify(self.signature, signature_structure(self.headers.protected, external_aad, self.payload))
        except InvalidSignature as error:
            raise ProtocolError(Problem.AUTHENTICATION_FAILED, "OBJ-130", "the signature does not verify") from error


def sign(headers: Headers, payload: bytes, vault: Vault, handle: Handle, external_aad: bytes = b"") -> Signed:
    """Return a signed message whose header names the algorithm of the key."""
    signature = vault.sign(handle, signature_structure(headers.protected, external_aad, payload))
    return Signed(headers, payload, signature)
