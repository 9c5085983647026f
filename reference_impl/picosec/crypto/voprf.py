"""The verifiable oblivious pseudorandom function of RFC 9497 on P256-SHA256.

Who holds the key evaluates it on inputs that it does not see, and proves that it used the key of its public key; who
asks learns the outputs, and nothing about the key. The mode without a proof is there to be held against its published
values; nothing here uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final, NoReturn

from picosec.crypto.curves import P256_ORDER
from picosec.crypto.p256 import (
    GENERATOR,
    SCALAR_SIZE,
    Point,
    decode_scalar,
    encode_point,
    encode_scalar,
    hash_to_point,
    hash_to_scalar,
    inverse,
)
from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Bytes of a proof, and of an output.
PROOF_SIZE: Final = 2 * SCALAR_SIZE
OUTPUT_SIZE: Final = 32


class Mode(IntEnum):
    """Which of the functions of RFC 9497."""

    OPRF = 0
    VOPRF = 1

    @property
    def context(self) -> bytes:
        """Return what keeps its hashes apart from those of all others."""
        return b"OPRFV1-" + bytes([self.value]) + b"-P256-SHA256"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the holder of the key answers: an element for each that was asked about, and one proof for all."""

    elements: tuple[Point, ...]
    proof: bytes


class SecretKey:
    """A key of the function. Its scalar stays in here; what goes out are evaluations, outputs and the public key.

    No vault keeps it, since evaluating gives out whole points, and proving is arithmetic with the scalar; neither is
    among what the mechanisms of a token do.
    """

    __slots__ = ("__scalar", "public")

    def __init__(self, scalar: bytes, requirement: str) -> None:
        """Take in a scalar of 32 bytes. Raises ``bad_key``, citing ``requirement``, for 0 or one beyond the group."""
        try:
            self.__scalar = decode_scalar(scalar)
            self.public = GENERATOR * self.__scalar
            encode_point(self.public)
        except ValueError as error:
            raise ProtocolError(Problem.BAD_KEY, requirement, "no private scalar of P-256") from error

    def __reduce__(self) -> NoReturn:
        raise TypeError("the scalar does not leave its key")

    def evaluate(self, blinded: Point) -> Point:
        """Return the element that a blinded one evaluates to."""
        return blinded * self.__scalar

    def evaluate_all(self, blinded: Sequence[Point], r: int) -> Evaluation:
        """Evaluate elements, and prove it with ``r``, a random scalar that is used once and that nobody else knows."""
        elements = tuple(self.evaluate(each) for each in blinded)
        m = _combined(_factors(self.public, blinded, elements), blinded)
        c = _challenge(self.public, m, m * self.__scalar, GENERATOR * r, m * r)
        s = (r - c * self.__scalar) % P256_ORDER
        return Evaluation(elements, encode_scalar(c) + encode_scalar(s))

    def output(self, message: bytes, mode: Mode = Mode.VOPRF) -> bytes:
        """Return the output for an input, 32 bytes; what :func:`finalize` gives to whoever asked blindly."""
        return _output(message, self.evaluate(hash_input(message, mode)))


def hash_input(message: bytes, mode: Mode = Mode.VOPRF) -> Point:
    """Return the element of an input of at most 65,535 bytes."""
    return hash_to_point(message, b"HashToGroup-" + mode.context)


def blind(message: bytes, scalar: int, mode: Mode = Mode.VOPRF) -> Point:
    """Return the element of an input, hidden by a random scalar that is not 0."""
    return hash_input(message, mode) * scalar


def verify(public: Point, blinded: Sequence[Point], evaluation: Evaluation, requirement: str) -> None:
    """Hold an evaluation of as many elements as there are in ``blinded`` against the public key.

    Raises ``authentication_failed``, citing ``requirement``, for a proof that does not verify.
    """
    _each, m, z = composites(public, blinded, evaluation.elements)
    try:
        c, s = (decode_scalar(part) for part in (evaluation.proof[:SCALAR_SIZE], evaluation.proof[SCALAR_SIZE:]))
        proven = _challenge(public, m, z, GENERATOR * s + public * c, m * s + z * c) == c
    except ValueError:
        proven = False
    if not proven:
        raise ProtocolError(Problem.AUTHENTICATION_FAILED, requirement, "no proof that this key evaluated")


def finalize(message: bytes, scalar: int, evaluated: Point) -> bytes:
    """Return the output for an input that was blinded with ``scalar``: 32 bytes."""
    return _output(message, evaluated * inverse(scalar))


def composites(public: Point, blinded: Sequence[Point], evaluated: Sequence[Point]) -> tuple[list[int], Point, Point]:
    """Return what makes one pair of many, M and Z, and the factors that do; nobody can choose them (ComputeComposites).

    The holder of the key finds Z as M times its scalar, with fewer multiplications.
    """
    factors = _factors(public, blinded, evaluated)
    return factors, _combined(factors, blinded), _combined(factors, evaluated)


def derive_key(seed: bytes, info: bytes, mode: Mode = Mode.VOPRF) -> bytes:
    """Return the private scalar that 32 bytes of seed, and public bytes, give (RFC 9497 section 3.2.1)."""
    scalar, counter = 0, 0
    while scalar == 0:
        scalar = hash_to_scalar(seed + _sized(info) + bytes([counter]), b"DeriveKeyPair" + mode.context)
        counter += 1
    return encode_scalar(scalar)


def _output(message: bytes, element: Point) -> bytes:
    return sha256(_sized(message) + _sized(encode_point(element)) + b"Finalize").digest()


def _factors(public: Point, blinded: Sequence[Point], evaluated: Sequence[Point]) -> list[int]:
    context = Mode.VOPRF.context
    seed = sha256(_sized(encode_point(public)) + _sized(b"Seed-" + context)).digest()
    return [
        hash_to_scalar(
            b"".join([_sized(seed), number.to_bytes(2, "big"), _sized(encode_point(one)), _sized(encode_point(other))])
            + b"Composite",
            b"HashToScalar-" + context,
        )
        for number, (one, other) in enumerate(zip(blinded, evaluated, strict=True))
    ]


def _combined(factors: Sequence[int], points: Sequence[Point]) -> Point:
    total = GENERATOR.point_at_infinity()
    for factor, point in zip(factors, points, strict=True):
        total = total + point * factor
    return total


def _challenge(public: Point, m: Point, z: Point, t2: Point, t3: Point) -> int:
    transcript = b"".join(_sized(encode_point(point)) for point in (public, m, z, t2, t3))
    return hash_to_scalar(transcript + b"Challenge", b"HashToScalar-" + Mode.VOPRF.context)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
