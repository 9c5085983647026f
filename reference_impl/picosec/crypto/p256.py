"""The group P-256 as RFC 9497 uses it: points added and multiplied, and bytes hashed to them and to scalars (RFC 9380).

Keys that sign or agree need none of this and stay behind the vault.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, TypeAlias

from Crypto.PublicKey.ECC import EccPoint

from picosec.crypto.curves import P256_ORDER, Curve, Entropy, decode_public
from picosec.errors import ProtocolError
from picosec.registry import Problem

#: A point of the curve, or infinity.
Point: TypeAlias = EccPoint

#: Bytes of a compressed point, and of a scalar.
POINT_SIZE: Final = 33
SCALAR_SIZE: Final = 32

_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_A: Final = _PRIME - 3
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
GENERATOR: Final = Point(
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    "P-256",
)
#: Bytes hashed for one field element or scalar: 16 more than it has, so that none is likelier than another.
_WIDE: Final = 48
#: The constant of the map to the curve (RFC 9380 section 8.2).
_Z: Final = _PRIME - 10


def encode_point(point: Point) -> bytes:
    """Return a point in 33 bytes, compressed. The point at infinity has no such form: ``ValueError``."""
    if point.is_point_at_infinity():
        raise ValueError("the point at infinity is no element that travels")
    return bytes([2 + int(point.y) % 2]) + int(point.x).to_bytes(SCALAR_SIZE, "big")


def decode_point(data: bytes, requirement: str) -> Point:
    """Return the point in 33 bytes. Raises ``bad_key``, citing ``requirement``, for no point of the curve.

    Infinity has no form of that length, so that it is none either.
    """
    if len(data) != POINT_SIZE or data[0] not in (2, 3):
        raise ProtocolError(Problem.BAD_KEY, requirement, "an element is a compressed point of 33 bytes")
    numbers = decode_public(Curve.P256, data[1:], data[0] == 3, requirement).native.public_numbers()
    return Point(numbers.x, numbers.y, "P-256")


def decode_scalar(data: bytes) -> int:
    """Return a scalar of the group from 32 bytes. Raises ``ValueError`` for one that is not below its order."""
    scalar = int.from_bytes(data, "big")
    if len(data) != SCALAR_SIZE or scalar >= P256_ORDER:
        raise ValueError("a scalar is 32 bytes, below the order of the group")
    return scalar


def encode_scalar(scalar: int) -> bytes:
    """Return a scalar in 32 bytes."""
    return scalar.to_bytes(SCALAR_SIZE, "big")


def random_scalar(entropy: Entropy) -> int:
    """Return a scalar that is not 0: 32 bytes of ``entropy``, drawn again while they are none."""
    scalar = 0
    while not 0 < scalar < P256_ORDER:
        scalar = int.from_bytes(entropy(SCALAR_SIZE), "big")
    return scalar


def inverse(scalar: int) -> int:
    """Return what a scalar is multiplied with to give 1."""
    return pow(scalar, -1, P256_ORDER)


def hash_to_scalar(message: bytes, tag: bytes) -> int:
    """Return the scalar that bytes hash to, in the domain that ``tag`` names."""
    return int.from_bytes(_expand(message, tag, _WIDE), "big") % P256_ORDER


def hash_to_point(message: bytes, tag: bytes) -> Point:
    """Return the point that bytes hash to (P256_XMD:SHA-256_SSWU_RO_, RFC 9380); nobody knows its logarithm.

    It may be infinity, with a probability that nobody meets.
    """
    one, other = hash_to_field(message, tag)
    return map_to_curve(one) + map_to_curve(other)


def hash_to_field(message: bytes, tag: bytes) -> tuple[int, int]:
    """Return the two elements of the field that bytes hash to on their way to a point."""
    wide = _expand(message, tag, 2 * _WIDE)
    return int.from_bytes(wide[:_WIDE], "big") % _PRIME, int.from_bytes(wide[_WIDE:], "big") % _PRIME


def _expand(message: bytes, tag: bytes, length: int) -> bytes:
    """Return ``length`` bytes, of at most 8,160, that nobody tells from random ones (expand_message_xmd)."""
    suffix = tag + bytes([len(tag)])
    first = sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\x00" + suffix).digest()
    block, blocks = bytes(32), b""
    for number in range(1, -(-length // 32) + 1):
        mixed = bytes(one ^ other for one, other in zip(first, block, strict=True))
        block = sha256(mixed + bytes([number]) + suffix).digest()
        blocks += block
    return blocks[:length]


def map_to_curve(u: int) -> Point:
    """Return the point that a field element is mapped to (simplified SWU, RFC 9380 section 6.6.2)."""
    t = _Z * u * u % _PRIME
    denominator = (t * t + t) % _PRIME
    if denominator == 0:
        x = _B * pow(_Z * _A, -1, _PRIME) % _PRIME
    else:
        x = -_B * pow(_A, -1, _PRIME) * (1 + pow(denominator, -1, _PRIME)) % _PRIME
    square = _square(x)
    y = _root(square)
    if y * y % _PRIME != square:
        x = t * x % _PRIME
        y = _root(_square(x))
    return Point(x, y if y % 2 == u % 2 else _PRIME - y, "P-256")


def _square(x: int) -> int:
    """Return what the square of y is at x."""
    return (x * x * x + _A * x + _B) % _PRIME


def _root(square: int) -> int:
    """Return a square root, or anything where there is none."""
    return pow(square, (_PRIME + 1) // 4, _PRIME)
