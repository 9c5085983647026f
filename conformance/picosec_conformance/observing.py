"""What tests of observe share: the suite as an observer of the target, and the target as an observer of the suite."""

from __future__ import annotations

from dataclasses import replace

from picosec.channel.observation import Observation
from picosec.channel.oscore import protect_request
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type, code_text, uint_bytes, uint_value
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.target import Nonconformity, Target

DAY = 86_400
OBSERVE = int(Option.OBSERVE)
REGISTER, DEREGISTER = 0, 1
MODULUS, HALF = 1 << 24, 1 << 23


def number_of(message: Message) -> int:
    """Return the sequence number of a notification. Raises ``Nonconformity`` for what is none."""
    value = message.option(OBSERVE)
    if value is None or len(value) > 3 or len(message.option_values(OBSERVE)) > 1:
        raise Nonconformity("a notification needs Observe, once, with at most three bytes")
    return uint_value(value)


def only(messages: list[Message]) -> Message:
    """Return the one message that there has to be. Raises ``Nonconformity``."""
    if len(messages) != 1:
        raise Nonconformity(f"expected one message, got {len(messages)}")
    return messages[0]


def is_ahead(number: int, last: int) -> bool:
    """Whether a sequence number comes after another."""
    return 0 < (number - last) % MODULUS < HALF


class Observer:
    """The suite, as a client that observes a resource of the target in the open."""

    def __init__(self, target: Target, path: str | None = None, kind: Type = Type.CON) -> None:
        self.target = target
        self.path = target.manifest.resources.observable if path is None else path
        self.kind = kind
        self.token = target.fresh_token()

    def request(self, wish: int | None, *others: tuple[int, bytes]) -> Message:
        """Return a GET under the token of the observation."""
        observe = () if wish is None else ((OBSERVE, uint_bytes(wish)),)
        request = self.target.build(Code.GET, self.path, kind=self.kind, options=(*observe, *others))
        return replace(request, token=self.token)

    def register(self) -> Message:
        """Register and return the answer. Raises ``Nonconformity`` when that is no registration."""
        answer = self.target.exchange(self.request(REGISTER))
        if answer.code != Code.CONTENT:
            raise Nonconformity(f"a registration was answered {code_text(answer.code)}")
        number_of(answer)
        return answer

    def deregister(self) -> Message:
        """Deregister and return the answer."""
        return self.target.exchange(self.request(DEREGISTER))

    def put(self, payload: bytes, code: Code = Code.PUT) -> list[Message]:
        """Change the resource, and return what is sent to the observer on account of that."""
        self.target.exchange(self.target.build(code, self.path, payload if code == Code.PUT else b""))
        return self.own(self.target.until_probe_answered())

    def own(self, frames: list[bytes]) -> list[Message]:
        """Return those of some frames that are for this observer."""
        return [message for message in map(self.target.parse, frames) if message.token == self.token]

    def acknowledge(self, message: Message) -> list[Message]:
        """Acknowledge a notification if it wants that, and return what is sent on account of it."""
        if message.type != Type.CON:
            return []
        return self.own(self.target.replies_to(Message(Type.ACK, Code.EMPTY, message.message_id)))

    def told(self, payload: bytes) -> Message:
        """Change the resource, and return the one notification of that, acknowledged."""
        found = only(self.put(payload))
        self.acknowledge(found)
        return found

    def reset(self, message: Message) -> None:
        """Reject a notification."""
        self.target.replies_to(Message(Type.RST, Code.EMPTY, message.message_id))


class ProtectedObserver:
    """The suite, as a client that observes a resource of the target over a channel."""

    def __init__(self, target: Target, channel: Channel) -> None:
        self.target = target
        self.channel = channel
        self.path = target.manifest.resources.protected_observable
        self.token = target.fresh_token()
        self._state = b"\xf4"

    def ask(self, wish: int, *others: tuple[int, bytes]) -> tuple[Message, Observation]:
        """Return a protected GET under the token of the observation, and what its answers are bound to."""
        request = self.target.build(Code.GET, self.path, options=((OBSERVE, uint_bytes(wish)), *others))
        protected, binding = protect_request(self.channel.context, replace(request, token=self.token))
        return protected, Observation(binding)

    def send(self, protected: Message, observation: Observation) -> Message:
        """Send a request and return what its answer carries."""
        return self.open(observation, self.target.exchange(protected))

    def register(self) -> Observation:
        """Register. Raises ``Nonconformity`` when the answer is no registration."""
        protected, observation = self.ask(REGISTER)
        if self.send(protected, observation).option(OBSERVE) is None:
            raise Nonconformity("the answer to a registration has no inner Observe")
        return observation

    def open(self, observation: Observation, message: Message) -> Message:
        """Return what a response carries. Raises ``Nonconformity`` when it does not verify."""
        try:
            return observation.unprotect(self.channel.context, message)
        except ProtocolError as error:
            raise Nonconformity(f"a protected response does not verify: {error}") from error

    def switch(self) -> list[Message]:
        """Change the resource over the channel; return the notifications as they came, acknowledged."""
        self._state = b"\xf5" if self._state == b"\xf4" else b"\xf4"
        request = self.target.build(Code.PUT, self.path, self._state, content_format=CONTENT_FORMAT_CBOR)
        self.channel.ask(request)
        found = self.own(self.target.until_probe_answered())
        for message in found:
            if message.type == Type.CON:
                self.target.send(Message(Type.ACK, Code.EMPTY, message.message_id))
        self.target.until_probe_answered()
        return found

    def own(self, frames: list[bytes]) -> list[Message]:
        """Return those of some frames that are for this observer."""
        return [message for message in map(self.target.parse, frames) if message.token == self.token]


class ObservingTarget:
    """The target as a client that observes the suite, in the open."""

    def __init__(self, target: Target, control: Control, path: str = "/news", *, confirmable: bool = True) -> None:
        self.target = target
        self.control = control
        self.handle = control.act("observe", {2: path, 4: confirmable})
        self.registration = target.receive("a registration")

    def answer(self, request: Message, payload: bytes, *options: tuple[int, bytes], code: Code = Code.CONTENT) -> None:
        """Answer a request of the target, piggybacked or as a non-confirmable message, and see that it was taken."""
        confirmable = request.type == Type.CON
        kind, mid = (Type.ACK, request.message_id) if confirmable else (Type.NON, self.target.fresh_message_id())
        self.target.send(Message(kind, code, mid, request.token, options, payload))
        self.target.until_probe_answered()

    def accept(self, number: int = 1, payload: bytes = b"0", max_age: int | None = None) -> None:
        """Take the registration."""
        age = () if max_age is None else ((int(Option.MAX_AGE), uint_bytes(max_age)),)
        self.answer(self.registration, payload, (OBSERVE, uint_bytes(number)), *age)

    def notify(
        self,
        number: int,
        payload: bytes,
        *options: tuple[int, bytes],
        kind: Type = Type.CON,
        token: bytes | None = None,
    ) -> list[Message]:
        """Send a notification, and return what the target sends on account of it."""
        message = Message(
            kind,
            Code.CONTENT,
            self.target.fresh_message_id(),
            self.registration.token if token is None else token,
            tuple(sorted(((OBSERVE, uint_bytes(number)), *options))),
            payload,
        )
        return [self.target.parse(frame) for frame in self.target.replies_to(message)]

    def news(self) -> list[bytes]:
        """Return the payloads that the target reports since the last poll."""
        return [payload for name, payload in self.happened() if name == "notification"]

    def happened(self) -> list[tuple[str, bytes]]:
        """Return what the target reports about the observation since the last poll: names of events, with payloads."""
        return [
            (event.name, event.fields[2] if event.name in ("notification", "response") else b"")
            for event in self.control.events()
            if event.fields.get(0) == self.handle
        ]
