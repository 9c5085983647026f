"""Anonymous tokens: what is asked, answered and shown (spec/v1/identity-tokens.md). Nothing is judged by keys here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from picosec.crypto.p256 import POINT_SIZE, Point, decode_point, encode_point
from picosec.crypto.voprf import OUTPUT_SIZE, PROOF_SIZE, Evaluation
from picosec.errors import ProtocolError
from picosec.identity.status_token import citing
from picosec.messaging import cbor
from picosec.objects.request import CarriedRequest, request_of
from picosec.objects.statement import MAX_KID
from picosec.registry import Problem

#: Bytes of the largest request for tokens, and how many tokens one asks for at most (IDN-1310).
MAX_REQUEST: Final = 1024
MAX_COUNT: Final = 16
#: Bytes of the nonce that a token is made from.
NONCE_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Asks for tokens of the key that ``kid`` names, by 1 to 16 blinded elements."""

    kid: bytes
    blinded: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return it as it is sent over a channel."""
        return cbor.dumps([self.kid, list(self.blinded)])

    @classmethod
    def decode(cls, data: bytes) -> TokenRequest:
        """Return a request. Raises ``too_large`` (IDN-1310), ``malformed`` or ``not_deterministic`` (IDN-1320)."""
        if len(data) > MAX_REQUEST:
            raise ProtocolError(Problem.TOO_LARGE, "IDN-1310", f"{len(data)} bytes")
        with citing("IDN-1320"):
            match cbor.loads(data):
                case [bytes(kid), [_, *_] as blinded] if is_kid(kid) and all(map(_is_element, blinded)):
                    request = cls(kid, tuple(blinded))
                case _:
                    raise _malformed("IDN-1320", "not a key and blinded elements")
        if len(request.blinded) > MAX_COUNT:
            raise ProtocolError(Problem.TOO_LARGE, "IDN-1310", f"{len(request.blinded)} tokens at once")
        return request

    def points(self) -> list[Point]:
        """Return the elements. Raises ``bad_key`` for one that is no point of the curve (IDN-1350)."""
        return [decode_point(each, "IDN-1350") for each in self.blinded]


def encode_response(evaluation: Evaluation) -> bytes:
    """Return what a request for tokens is answered with."""
    return cbor.dumps([[encode_point(each) for each in evaluation.elements], evaluation.proof])


def decode_response(data: bytes, count: int) -> Evaluation:
    """Return the evaluation of ``count`` elements, whose proof is not verified.

    Raises ``malformed`` or ``not_deterministic`` (IDN-1810), ``bad_key`` for an element that is no point (IDN-1820).
    """
    with citing("IDN-1810"):
        match cbor.loads(data):
            case [[*elements], bytes(proof)] if all(map(_is_element, elements)) and len(proof) == PROOF_SIZE:
                if len(elements) != count:
                    raise _malformed("IDN-1810", f"{len(elements)} elements for {count}")
            case _:
                raise _malformed("IDN-1810", "not elements and a proof")
    return Evaluation(tuple(decode_point(each, "IDN-1820") for each in elements), proof)


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token: whoever has it may do once what its key stands for. ``output`` is what the key makes of ``nonce``."""

    kid: bytes
    nonce: bytes
    output: bytes


@dataclass(frozen=True, slots=True)
class Redemption:
    """A token, and the request that it is spent on."""

    token: Token
    request: CarriedRequest

    def encode(self) -> bytes:
        """Return what is sealed."""
        token = self.token
        return cbor.dumps([token.kid, token.nonce, token.output, self.request.value])

    @classmethod
    def decode(cls, data: bytes) -> Redemption:
        """Return what was sealed. Raises ``malformed`` or ``not_deterministic`` (IDN-1400)."""
        with citing("IDN-1400"):
            match cbor.loads(data):
                case [bytes(kid), bytes(nonce), bytes(output), request] if is_kid(kid) and (
                    len(nonce),
                    len(output),
                ) == (NONCE_SIZE, OUTPUT_SIZE):
                    return cls(Token(kid, nonce, output), request_of(request))
                case _:
                    raise _malformed("IDN-1400", "not a token and a request")


def is_kid(value: object) -> bool:
    """Whether a value is a key identifier."""
    return type(value) is bytes and 0 < len(value) <= MAX_KID


def _is_element(value: Any) -> bool:
    return type(value) is bytes and len(value) == POINT_SIZE


def _malformed(requirement: str, detail: str) -> ProtocolError:
    return ProtocolError(Problem.MALFORMED, requirement, f"token: {detail}")
