"""The suite as who issues tokens to the target, and reads what the target spends them on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from picosec.channel.oscore import Binding, protect_response
from picosec.crypto.curves import Curve
from picosec.crypto.p256 import random_scalar
from picosec.errors import ProtocolError
from picosec.identity.token import TokenRequest, encode_response
from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.registry import (
    CONTENT_FORMAT_CBOR,
    CONTENT_FORMAT_TOKEN_REQUEST,
    CONTENT_FORMAT_TOKEN_RESPONSE,
    RESPONSE_CODE,
    Problem,
)
from picosec_conformance.control import Control, Event
from picosec_conformance.made_objects import open_sealed
from picosec_conformance.protection import TargetAsClient, fresh_context, read, set_up
from picosec_conformance.target import Nonconformity, Target
from picosec_conformance.ticketing import PATH
from picosec_conformance.tokens import LAMP, TokenKey, reading


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the target for tokens, and what an answer to it is bound to."""

    handle: int
    protected: Message
    binding: Binding
    blinded: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a redemption of the target holds, and what it is sealed with."""

    data: bytes
    nonce: bytes
    output: bytes
    request: list[Any]
    iv: bytes
    ephemeral: dict[Any, Any]


class Issuing:
    """A target that knows two token keys, whose private scalars the suite has, and a channel between both."""

    def __init__(self, target: Target, control: Control, rng: random.Random, curve: Curve = Curve.P256) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.key = TokenKey(b"\x51", bytes(1) + rng.randbytes(31))
        self.other = TokenKey(b"other tokens", bytes(1) + rng.randbytes(31))
        self.reader = reading(b"\x61", curve, bytes(1) + rng.randbytes(31))
        control.provision_tokens(sources=[key.source(self.reader) for key in (self.key, self.other)])
        self._channels = -1
        self.connect()

    def connect(self) -> None:
        """Open a channel that the target knows the other end of."""
        self._channels += 2
        identifiers = {"sender_id": bytes([self._channels]), "recipient_id": bytes([self._channels + 1])}
        channel = set_up(self.target, self.control, fresh_context(self.rng, **identifiers))
        channel.ask(read(self.target))
        self._client = TargetAsClient(self.target, self.control, channel.context)

    def asked(self, count: int = 1, key: TokenKey | None = None) -> Asked:
        """Make the target ask for tokens, and return what it sends. Raises ``Nonconformity`` for no such request."""
        key = key or self.key
        handle = self.control.act("fetch-tokens", {1: self._client.context.sender_id, 2: key.kid, 3: count})
        protected = self._client.receive()
        message, binding = self._client.opened(protected)
        if (message.code, message.path, message.content_format) != (Code.POST, PATH, CONTENT_FORMAT_TOKEN_REQUEST):
            raise Nonconformity(f"expected a POST to {PATH}, got {message.path}")
        try:
            request = TokenRequest.decode(message.payload)
            request.points()
        except ProtocolError as error:
            raise Nonconformity(f"the target asks for tokens in another form: {error}") from error
        if (request.kid, len(request.blinded)) != (key.kid, count):
            raise Nonconformity("the target asks for other tokens than it was told to")
        return Asked(handle, protected, binding, request.blinded)

    def evaluated(self, asked: Asked, key: TokenKey | None = None) -> tuple[list[bytes], bytes]:
        """Return what an honest issuer answers: elements, and their proof."""
        points = TokenRequest(b"", asked.blinded).points()
        evaluation = (key or self.key).secret.evaluate_all(points, random_scalar(self.rng.randbytes))
        elements, proof = loads(encode_response(evaluation))
        return elements, proof

    def answer(
        self,
        asked: Asked,
        payload: bytes,
        *,
        code: int = Code.CONTENT,
        content_format: int = CONTENT_FORMAT_TOKEN_RESPONSE,
    ) -> Event:
        """Answer a request for tokens, and return what the target reports. Raises ``Nonconformity`` for nothing."""
        options = ((int(Option.CONTENT_FORMAT), uint_bytes(content_format)),)
        plain = Message(Type.ACK, code, asked.protected.message_id, asked.protected.token, options, payload)
        self._client.deliver(protect_response(self._client.context, asked.binding, plain))
        events = [event for event in self.control.events() if event.fields.get(0) == asked.handle]
        if len(events) != 1:
            raise Nonconformity("expected one event of the tokens that were asked for")
        return events[0]

    def gives(self, count: int = 1, key: TokenKey | None = None) -> int:
        """Give tokens to the target, and return how many it then has. Raises ``Nonconformity`` when it takes none."""
        asked = self.asked(count, key)
        event = self.answer(asked, dumps(list(self.evaluated(asked, key))))
        if event.name != "tokens" or event.fields.get(1) != (key or self.key).kid:
            raise Nonconformity(f"expected an event of tokens, got {event.name!r}")
        return int(event.fields[2])

    def fails(self, asked: Asked, payload: bytes, **answered: Any) -> str:
        """Answer with something that has to be refused, and return the name of the error.

        Raises ``Nonconformity`` for a target that has a token of it all the same.
        """
        event = self.answer(asked, payload, **answered)
        if event.name != "failed":
            raise Nonconformity(f"expected an event of the failure, got {event.name!r}")
        if self.left():
            raise Nonconformity("the target has tokens of an answer that it refused")
        return str(event.fields.get(1))

    def left(self, key: TokenKey | None = None) -> bool:
        """Whether the target has a token left; if so, it is spent."""
        demand = dumps(["redeem", {1: (key or self.key).kid, 2: int(Code.GET), 3: "/", 5: b""}])
        reply = self.target.request(Code.POST, "/ps/test/act", demand, content_format=CONTENT_FORMAT_CBOR)
        if reply.code == Code.CHANGED:
            return True
        self.target.expect_refusal(reply, RESPONSE_CODE[Problem.EXHAUSTED], Problem.EXHAUSTED)
        return False

    def spends(self, payload: bytes = b"\xf5", key: TokenKey | None = None, path: str = LAMP) -> Shown:
        """Make the target spend a token, and open the redemption. Raises ``Nonconformity`` for what is none."""
        key = key or self.key
        request = [int(Code.PUT), path, CONTENT_FORMAT_CBOR, payload]
        parameters = {1: key.kid, 2: int(Code.PUT), 3: path, 4: CONTENT_FORMAT_CBOR, 5: payload}
        handle = self.control.act("redeem", parameters)
        event = self.control.event("redemption")
        data = event.fields.get(1)
        if event.fields.get(0) != handle or not isinstance(data, bytes):
            raise Nonconformity("the event of a redemption has its handle and its bytes")
        contents, iv, ephemeral = open_sealed(data, self.reader, CONTENT_FORMAT_CBOR)
        match loads(contents):
            case [kid, bytes(nonce), bytes(output), inside] if kid == key.kid and inside == request:
                if len(nonce) != 32 or output != key.secret.output(nonce):
                    raise Nonconformity("the token is none of the key that it was fetched from")
                return Shown(data, nonce, output, inside, iv, ephemeral)
            case _:
                raise Nonconformity("what is sealed is not the token and the request")
