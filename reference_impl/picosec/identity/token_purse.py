"""Who asks for anonymous tokens, and shows them: blinding, the proof of the issuer, and a purse of tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from picosec.crypto.curves import Entropy, PublicKey
from picosec.crypto.p256 import Point, encode_point, random_scalar
from picosec.crypto.vault import Vault
from picosec.crypto.voprf import blind, finalize, verify
from picosec.errors import ProtocolError
from picosec.identity.token import NONCE_SIZE, Redemption, Token, TokenRequest, decode_response
from picosec.identity.token_sealing import seal_redemption
from picosec.objects.request import CarriedRequest
from picosec.registry import Problem


@dataclass(frozen=True, slots=True)
class Source:
    """Where tokens come from and go to: the public key of the issuer, and the key that redemptions are sealed for.

    Both were given beforehand. A public key that came with the tokens could be one for each person, and tell them
    apart.
    """

    kid: bytes
    public: Point
    reader_kid: bytes
    reader: PublicKey


@dataclass(frozen=True, slots=True, repr=False)
class Fetching:
    """A request for tokens that waits for its answer: each nonce with the scalar that hides it."""

    source: Source
    nonces: tuple[bytes, ...]
    blinds: tuple[int, ...]
    blinded: tuple[Point, ...]

    def request(self) -> TokenRequest:
        """Return what to ask."""
        return TokenRequest(self.source.kid, tuple(map(encode_point, self.blinded)))

    def finish(self, response: bytes) -> list[Token]:
        """Return the tokens that an answer makes.

        Raises ``malformed``, ``not_deterministic`` (IDN-1810), ``bad_key`` (IDN-1820), ``authentication_failed`` for a
        proof that another key was used, or none (IDN-1800).
        """
        evaluation = decode_response(response, len(self.nonces))
        verify(self.source.public, self.blinded, evaluation, "IDN-1800")
        return [
            Token(self.source.kid, nonce, finalize(nonce, scalar, element))
            for nonce, scalar, element in zip(self.nonces, self.blinds, evaluation.elements, strict=True)
        ]


def fetching(source: Source, count: int, entropy: Entropy) -> Fetching:
    """Begin to ask for tokens, with nonces and scalars that nobody used before: of each, 32 bytes of ``entropy``."""
    drawn = [(entropy(NONCE_SIZE), random_scalar(entropy)) for _ in range(count)]
    nonces, blinds = zip(*drawn, strict=True)
    return Fetching(source, nonces, blinds, tuple(blind(nonce, scalar) for nonce, scalar in drawn))


@dataclass(slots=True)
class Purse:
    """The tokens that one party has, and where they are from."""

    vault: Vault
    sources: dict[bytes, Source] = field(default_factory=dict)
    _tokens: dict[bytes, list[Token]] = field(default_factory=dict)

    def admit(self, sources: Iterable[Source]) -> None:
        """Take in more sources; of one of a known identifier that has another key, the tokens are worth nothing."""
        for source in sources:
            before = self.sources.get(source.kid)
            if before is not None and encode_point(before.public) != encode_point(source.public):
                self._tokens.pop(source.kid, None)
            self.sources[source.kid] = source

    def source(self, kid: bytes) -> Source:
        """Return where tokens of a key are from. Raises ``unknown_credential`` (IDN-1800)."""
        source = self.sources.get(kid)
        if source is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-1800", "no public key of this identifier")
        return source

    def put(self, tokens: Iterable[Token]) -> None:
        """Take in tokens."""
        for token in tokens:
            self._tokens.setdefault(token.kid, []).append(token)

    def count(self, kid: bytes) -> int:
        """Return how many tokens of a key there are."""
        return len(self._tokens.get(kid, ()))

    def redeem(self, kid: bytes, request: CarriedRequest, entropy: Entropy) -> bytes:
        """Return a redemption that spends one token on a request; the token is gone (IDN-1840).

        Raises ``unknown_credential``, ``exhausted`` without a token, ``bad_key`` or ``too_large``.
        """
        source, tokens = self.source(kid), self._tokens.get(kid)
        if not tokens:
            raise ProtocolError(Problem.EXHAUSTED, "IDN-1840", "no token is left")
        sealed = seal_redemption(Redemption(tokens[0], request), source.reader, source.reader_kid, self.vault, entropy)
        del tokens[0]
        return sealed

    def state(self) -> list[Any]:
        """Return sources, and what names the tokens without giving them away, as a CBOR value for a digest."""
        sources = [
            [kid, encode_point(each.public), each.reader_kid, each.reader.x]
            for kid, each in sorted(self.sources.items())
        ]
        tokens = [
            [kid, [sha256(token.nonce + token.output).digest() for token in tokens]]
            for kid, tokens in sorted(self._tokens.items())
        ]
        return [sources, tokens]
