"""Ordered requests over a channel, by hand: the suite as the sender who does it right, or otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from picosec.channel.delivery import DeliveryClass, Place, placed
from picosec.channel.oscore import Binding, protect_response
from picosec.channel.oscore_option import OscoreOption
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.problem import response as refusal
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import ON, TargetAsClient
from picosec_conformance.target import Nonconformity, Silence, Target

T = TypeVar("T")


def only(items: Iterable[T], what: str) -> T:
    """Return the one item that there is. Raises ``Nonconformity`` for none or several."""
    found = list(items)
    if len(found) != 1:
        raise Nonconformity(f"expected one {what}, got {len(found)}")
    return found[0]


def place_of(message: Message) -> Place | None:
    """Return the place that a message names. Raises ``Nonconformity`` for one that is none."""
    values = message.option_values(Option.DELIVERY)
    if not values:
        return None
    try:
        place = Place.decode(values[0])
    except ProtocolError as error:
        raise Nonconformity(f"the Delivery option {values[0].hex()} holds no place: {error}") from error
    if len(values) > 1 or place.encode() != values[0]:
        raise Nonconformity("one Delivery option, in deterministic encoding")
    return place


class OrderedSender:
    """Sends ordered requests to the target, with whatever place a test says."""

    def __init__(self, target: Target, channel: Channel) -> None:
        self._target = target
        self.channel = channel

    def next_number(self) -> int:
        """Return the Partial IV of the next attempt: the name of a stream that begins with it."""
        return self.channel.context.numbers.value

    def write(self, place: Place, payload: bytes = ON) -> Message:
        """Ask for a change of the protected resource, at a place; what the response carries."""
        path = self._target.manifest.resources.protected_put
        return self.ask(place, Code.PUT, path, payload, content_format=CONTENT_FORMAT_CBOR)

    def read(self, place: Place) -> Message:
        """Ask for the protected resource, at a place."""
        return self.ask(place, Code.GET, self._target.manifest.resources.protected_get)

    def ask(
        self,
        place: Place | bytes,
        code: int,
        path: str,
        payload: bytes = b"",
        *,
        content_format: int | None = None,
        options: tuple[tuple[int, bytes], ...] = (),
    ) -> Message:
        """Ask anything at a place, or with any value of the option."""
        value = place if isinstance(place, bytes) else place.encode()
        extra = ((int(Option.DELIVERY), value), *options)
        request = self._target.build(code, path, payload, content_format=content_format, options=extra)
        return self.channel.ask(request)

    def expect_refusal(self, reply: Message, problem: Problem) -> None:
        """Judge that a response refuses with this error, and is not marked as an outcome."""
        code = refusal(problem).code
        self._target.expect_refusal(reply, code, problem)
        if place_of(reply) is not None:
            raise Nonconformity("a refusal is no outcome and must not carry the Delivery option")


@dataclass(frozen=True, slots=True)
class Asked:
    """One attempt of the target: the message, what it carries, its Partial IV, and what its response is bound to."""

    protected: Message
    plain: Message
    number: int
    place: Place | None
    binding: Binding

    @property
    def content(self) -> tuple[int, tuple[tuple[int, bytes], ...], bytes]:
        """What has to be the same in each attempt of one request."""
        options = tuple(entry for entry in self.plain.options if entry[0] not in (Option.ECHO, Option.OSCORE))
        return self.plain.code, options, self.plain.payload


class DeliveringTarget:
    """The target as the sender of requests in a delivery class, and the suite as the receiver who answers, or not."""

    def __init__(self, target: Target, control: Control, channel: Channel) -> None:
        self._target = target
        self._control = control
        self._client = TargetAsClient(target, control, channel.context)
        self._channel = channel
        #: What the target sent while it took an answer.
        self._sent: list[bytes] = []
        self._seen: set[bytes] = set()

    def act(self, delivery: DeliveryClass, payload: bytes = b"", code: int = Code.PUT, path: str = "/a/valve") -> int:
        """Make the target send a request in a class; the handle of the act."""
        parameters = {1: int(code), 2: path, 3: payload, 5: self._channel.context.sender_id, 10: int(delivery)}
        return self._control.act("request", parameters)

    def receive(self) -> Asked:
        """Return the attempt that the target makes."""
        if self._sent:
            return self.attempt(self._target.parse(self._sent.pop(0)))
        return self.attempt(self._client.receive())

    def attempt(self, protected: Message) -> Asked:
        """Verify an attempt of the target. Raises ``Nonconformity`` when it does not verify."""
        self._seen.add(protected.encode())
        plain, binding = self._client.opened(protected)
        option = OscoreOption.decode(protected.option(Option.OSCORE) or b"")
        return Asked(protected, plain, int.from_bytes(option.partial_iv, "big"), place_of(plain), binding)

    def after(self, seconds: float) -> list[Asked]:
        """Advance the target's clock and return its attempts; what the message layer repeats counts once."""
        sent, self._sent = self._sent, []
        return self.attempts([*sent, *self._control.advance(seconds)])

    def quiet(self) -> list[Asked]:
        """Return the attempts that the target made until now, and that nobody has looked at."""
        sent, self._sent = self._sent, []
        return self.attempts([*sent, *self._target.until_probe_answered()])

    def next(self) -> Asked:
        """Let time pass until the target makes its next attempt. Raises ``Silence`` when it makes none for an hour."""
        found = self.quiet()
        for _ in range(360):
            if found:
                return found[-1]
            found = self.after(10)
        raise Silence("the target promised to ask again, and did not for an hour")

    def attempts(self, frames: Iterable[bytes]) -> list[Asked]:
        """Return the attempts among frames, each once."""
        found: list[Asked] = []
        for data in frames:
            message = self._target.parse(data)
            if message.is_request and data not in self._seen:
                found.append(self.attempt(message))
        return found

    def finish(self, asked: Asked, payload: bytes = b"") -> None:
        """Answer an attempt with the outcome."""
        plain = Message(Type.ACK, Code.CHANGED, 0, b"", (), payload)
        self.reply(asked, plain if asked.place is None else placed(plain, asked.place))

    def finish_on(self, link: Target, asked: Asked, payload: bytes = b"") -> None:
        """Answer an attempt with the outcome, on the link on which it came."""
        plain = Message(Type.ACK, Code.CHANGED, 0, b"", (), payload)
        link.send(self.sealed(asked, plain if asked.place is None else placed(plain, asked.place)))
        link.until_probe_answered()

    def refuse(self, asked: Asked, problem: Problem) -> None:
        """Answer an attempt with a protected refusal, which is no outcome."""
        self.reply(asked, refusal(problem))

    def reply(self, asked: Asked, plain: Message) -> None:
        """Answer an attempt with any protected response, and wait until the target has taken it."""
        self._target.send(self.sealed(asked, plain))
        self._sent += self._target.until_probe_answered()

    def sealed(self, asked: Asked, plain: Message) -> Message:
        """Return a protected response to an attempt."""
        confirmable = asked.protected.type == Type.CON
        kind = Type.ACK if confirmable else Type.NON
        message_id = asked.protected.message_id if confirmable else self._target.fresh_message_id()
        answer = replace(plain, type=kind, message_id=message_id, token=asked.protected.token)
        return protect_response(self._channel.context, asked.binding, answer)

    def outcomes(self) -> dict[int, tuple[str, object]]:
        """Return what the target reports since the last poll: by handle, payload or the name of an error."""
        return {
            event.fields[0]: (event.name, event.fields[2] if event.name == "response" else event.fields.get(1))
            for event in self._control.events()
            if event.name in ("response", "failed", "reset")
        }


def counted(control: Control, target: Target) -> int:
    """Return how often the protected resource was changed."""
    return control.changes(target.manifest.resources.protected_put)
