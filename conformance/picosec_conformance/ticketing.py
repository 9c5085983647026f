"""The suite as who gets tokens from the target, who spends them there, and who carries them to it."""

from __future__ import annotations

import random
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.errors import ProtocolError
from picosec.identity.token import Token
from picosec.identity.token_purse import Fetching, Source, fetching
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import (
    CONTENT_FORMAT_CBOR,
    CONTENT_FORMAT_TOKEN_REDEMPTION,
    CONTENT_FORMAT_TOKEN_REQUEST,
    CONTENT_FORMAT_TOKEN_RESPONSE,
    RESPONSE_CODE,
    Problem,
)
from picosec_conformance.blockwise import Ask
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.courier import upload
from picosec_conformance.objects import NOW, Sealed
from picosec_conformance.target import Nonconformity, Target
from picosec_conformance.tokens import TokenKey, envelope, reader_entry, reading, scope, sealed

PATH: Final = "/ps/tokens"
REDEEM: Final = f"{PATH}/redeem"


class Ticketing:
    """Two token keys and two readers' keys of the target, and the ways to it. It knows the date unless that is None.

    A token key allows to set one resource and to read another, neither of which is open to everybody.
    """

    def __init__(self, target: Target, control: Control, rng: random.Random, date: int | None = NOW) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.key = TokenKey(b"\x51", bytes(1) + rng.randbytes(31))
        self.other = TokenKey(b"other tokens", bytes(1) + rng.randbytes(31))
        self.reader = reading(b"\x61", Curve.P256, bytes(1) + rng.randbytes(31))
        self.second = reading(rng.randbytes(32), Curve.X25519, rng.randbytes(32))
        resources = target.manifest.resources
        self.lamp, self.thermometer = resources.protected_put, resources.protected_get
        self.introduce()
        control.provision_tokens(readers=[reader_entry(self.reader), reader_entry(self.second)])
        if date is not None:
            control.provision_objects(date=date)

    def introduce(self, **fields: Any) -> None:
        """Give the target both keys; ``fields`` are those of :meth:`TokenKey.entry`."""
        fields = {"scope": scope(self.lamp, self.thermometer), **fields}
        self.control.provision_tokens(keys=[self.key.entry(**fields), self.other.entry(**fields)])

    # -- getting tokens ------------------------------------------------------------------------------------------

    def begin(self, count: int = 1, key: TokenKey | None = None) -> Fetching:
        """Return a request for tokens, as an honest client makes it."""
        key = key or self.key
        source = Source(key.kid, key.secret.public, self.reader.kid, self.reader.public)
        return fetching(source, count, self.rng.randbytes)

    def ask(self, data: bytes, ask: Ask, content_format: int = CONTENT_FORMAT_TOKEN_REQUEST) -> Message:
        """Ask for tokens in any form."""
        return upload(self.target, PATH, data, content_format, ask)

    def gets(self, channel: Channel, count: int = 1, key: TokenKey | None = None) -> list[Token]:
        """Get tokens over a channel. Raises ``Nonconformity`` when there are none, or they are no good."""
        begun = self.begin(count, key)
        return self.judged(begun, self.ask(begun.request().encode(), channel.ask))

    def judged(self, begun: Fetching, reply: Message) -> list[Token]:
        """Return the tokens of a response. Raises ``Nonconformity`` unless its proof verifies, and each is good."""
        if (reply.code, reply.content_format) != (Code.CONTENT, CONTENT_FORMAT_TOKEN_RESPONSE):
            raise Nonconformity(f"expected 2.05 with tokens, got {code_text(reply.code)}")
        try:
            return begun.finish(reply.payload)
        except ProtocolError as error:
            raise Nonconformity(f"the tokens are no good: {error}") from error

    def denied(self, channel: Channel, data: bytes, problem: Problem) -> None:
        """Ask for tokens that have to be refused with this error, by a target that lives on.

        That nothing was counted shows in what the peer may have after that: the request changes the channel.
        """
        self.target.expect_refusal(self.ask(data, channel.ask), RESPONSE_CODE[problem], problem)
        self.target.until_probe_answered()

    # -- spending them -------------------------------------------------------------------------------------------

    def switching(self, payload: bytes = b"\xf5") -> list[Any]:
        """Return the request that tokens are spent on."""
        return [int(Code.PUT), self.lamp, CONTENT_FORMAT_CBOR, payload]

    def contents(self, key: TokenKey | None = None, request: Any = None, nonce: bytes | None = None) -> list[Any]:
        """Return what a redemption holds, of a token that nobody had before unless ``nonce`` is given."""
        nonce = self.rng.randbytes(32) if nonce is None else nonce
        return (key or self.key).contents(nonce, self.switching() if request is None else request)

    def redemption(self, contents: Any = None) -> bytes:
        """Return a redemption that has to be taken, unless something about its contents is wrong."""
        return sealed(self.reader, self.rng, self.contents() if contents is None else contents)

    def envelope(self, algorithm: int = 30) -> Sealed:
        """Return a redemption before it is closed."""
        return envelope(self.reader, self.rng, algorithm)

    def hand(
        self, data: bytes, *, ask: Ask | None = None, content_format: int = CONTENT_FORMAT_TOKEN_REDEMPTION
    ) -> Message:
        """Hand a redemption over, in blocks if it is large, and return the response."""
        return upload(self.target, REDEEM, data, content_format, ask)

    def takes(self, data: bytes, *, ask: Ask | None = None) -> None:
        """Hand a redemption over that has to be taken. Raises ``Nonconformity`` when it is not."""
        reply = self.hand(data, ask=ask)
        if reply.code != Code.CHANGED or reply.payload:
            raise Nonconformity(f"a redemption that has to be taken was answered {code_text(reply.code)}")

    def refuses(self, data: bytes, problem: Problem) -> None:
        """Hand a redemption over that has to be refused: with this error, without any effect."""
        with self.target.expect_unchanged():
            self.target.expect_refusal(self.hand(data), RESPONSE_CODE[problem], problem)

    def refuses_in(self, envelope: Sealed, problem: Problem) -> None:
        """Hand a good token over in an envelope that has to be refused."""
        self.refuses(envelope.close(dumps(self.contents())), problem)

    def switched(self) -> int:
        """Return how often tokens changed what is not open to everybody."""
        return self.control.changes(self.lamp)
