"""Curves and public keys. A P-256 key travels as its x-coordinate, the others as RFC 7748 and RFC 8032 have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from picosec.errors import ProtocolError
from picosec.registry import Problem

Entropy = Callable[[int], bytes]

P256 = SECP256R1()
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ES256 = ECDSA(hashes.SHA256(), deterministic_signing=True)
_X962, _POINT = Encoding.X962, PublicFormat.UncompressedPoint


class Curve(Enum):
    """A curve. The value is its COSE elliptic curve number (RFC 9053 section 7.1). Every key has 32 bytes."""

    P256 = 1
    X25519 = 4
    ED25519 = 6


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A decoded and validated public key, so that its owner decodes it once.

    ``x`` is what EDHOC sends: the x-coordinate on P-256, the whole key on the other curves. ``y`` is empty unless the
    curve is P-256 and both coordinates were known. ``native`` is the form that the primitives take.
    """

    curve: Curve
    x: bytes
    y: bytes
    native: Any

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check an ES256 (r ‖ s, 64 bytes) or EdDSA signature.

        Raises ``InvalidSignature``; a key that cannot sign raises it too.
        """
        if self.curve is Curve.ED25519:
            self.native.verify(signature, message)
        elif self.curve is Curve.P256 and len(signature) == 64:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            self.native.verify(encode_dss_signature(r, s), message, ES256)
        else:
            raise InvalidSignature


def public_from_native(curve: Curve, native: Any) -> PublicKey:
    """Wrap a key that the primitives already hold and that is known to lie on ``curve``."""
    if curve is Curve.P256:
        point = native.public_bytes(_X962, _POINT)
        return PublicKey(curve, point[1:33], point[33:], native)
    return PublicKey(curve, native.public_bytes_raw(), b"", native)


def decode_public(curve: Curve, x: bytes, y: bytes | bool | None = None, requirement: str = "CHN-240") -> PublicKey:
    """Decode and validate a public key.

    ``x`` has 32 bytes. On P-256, ``y`` may be the other coordinate or its sign bit; without it either point serves,
    as in EDHOC's ephemeral keys. Raises ``bad_key``, citing ``requirement``, for a wrong length or a point that is not
    on the curve.
    """
    if len(x) != 32:
        raise ProtocolError(Problem.BAD_KEY, requirement, f"a key of {len(x)} bytes, not 32")
    try:
        if curve is Curve.X25519:
            return PublicKey(curve, x, b"", X25519PublicKey.from_public_bytes(x))
        if curve is Curve.ED25519:
            return PublicKey(curve, x, b"", Ed25519PublicKey.from_public_bytes(x))
        if isinstance(y, bytes):
            native = EllipticCurvePublicKey.from_encoded_point(P256, b"\x04" + x + y)
            return PublicKey(curve, x, y, native)
        native = EllipticCurvePublicKey.from_encoded_point(P256, (b"\x03" if y else b"\x02") + x)
    except ValueError as error:
        raise ProtocolError(Problem.BAD_KEY, requirement, "not a point of the curve") from error
    return PublicKey(curve, x, b"", native)
