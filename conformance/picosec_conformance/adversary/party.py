"""An endpoint that the suite plays: it opens and accepts channels, asks and answers, by the rules.

It has no timers: what the network does not deliver never comes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import WRONG_SUITE, is_error
from picosec.channel.edhoc_messages import encode_identifier
from picosec.channel.initiator import Initiator, next_suite
from picosec.channel.oscore import echo_request, protect_request
from picosec.channel.oscore import unprotect_response as verify_response
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Type
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_CID_EDHOC, CONTENT_FORMAT_EDHOC
from picosec_conformance.adversary.dialogue import Asked, Dialogue
from picosec_conformance.adversary.server import Server
from picosec_conformance.handshake import PATH, TRUE
from picosec_conformance.network import Link, Packet
from picosec_conformance.network.network import TARGET

Handler = Callable[[Message], list[Packet]]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request of ours without an answer: what the answer will be called, and what is done with it."""

    message_id: int
    title: str
    handler: Handler
    keep: bool = False


class Party(Server):
    """An endpoint that begins handshakes and sends requests, besides answering them."""

    def __init__(
        self,
        name: str,
        link: Link,
        entropy: Callable[[int], bytes],
        identifiers: Iterator[bytes],
        config: EdhocConfig | None = None,
        method: int = 3,
        *,
        honest: bool = True,
    ) -> None:
        super().__init__(name, link, entropy, identifiers, config, honest=honest)
        self._method = method
        self._pending: dict[bytes, _Pending] = {}

    # -- acting --------------------------------------------------------------------------------------------------

    def connect(self) -> list[Packet]:
        """Begin a handshake. Raises ``ProtocolError`` when no credential can serve."""
        dialogue = self.begin()
        return [self._message_1(dialogue, None)]

    def ask(self, dialogue: Dialogue, what: str) -> list[Packet]:
        """Send a request over a channel: ``read``, ``write``, or ``odd``, a write that the resource cannot take."""
        resources = self.link.manifest.resources
        if what == "read":
            message = self.link.build(Code.GET, resources.or_nowhere("protected_get"))
        else:
            payload = b"\xf5" if what == "write" else b"\x50" + self.entropy(16)
            message = self.link.build(
                Code.PUT, resources.or_nowhere("protected_put"), payload, content_format=CONTENT_FORMAT_CBOR
            )
        return [self._protected(dialogue, message, what)]

    def write_in_the_open(self) -> list[Packet]:
        """Send an unprotected request that changes a resource which anybody may change."""
        message = self.link.build(Code.PUT, self.link.manifest.resources.or_nowhere("put"), self.entropy(8))
        return [self._request(message, f"{self.name}/plain", f"{self.name}/plain-answer", lambda answer: [])]

    def expects(self, token: bytes) -> str | None:
        """Return the name of the answer to the request with this token, None when none is waited for."""
        pending = self._pending.get(token)
        return None if pending is None else pending.title

    # -- receiving -----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, sender: str, note: str) -> list[Packet]:
        """Take a datagram and return what is sent on account of it."""
        try:
            message = Message.decode(data)
            if message.is_request:
                return self.serve(data, message)
            pending = self._pending.get(message.token)
            if not message.is_response or pending is None:
                return []
            if message.type == Type.ACK and message.message_id != pending.message_id:
                return []
        except ProtocolError:
            return []
        if not pending.keep:
            del self._pending[message.token]
        return pending.handler(message)

    # -- as Initiator --------------------------------------------------------------------------------------------

    def _message_1(self, dialogue: Dialogue, suite: int | None, tried: tuple[int, ...] = ()) -> Packet:
        assert self.config is not None
        dialogue.chosen = next(self.identifiers)
        machine = dialogue.machine = Initiator(self.config, self._method, dialogue.chosen, self.entropy, suite)
        tried = (*tried, machine.suite.number)

        def answered(message: Message) -> list[Packet]:
            return self._take_message_2(dialogue, machine, tried, message)

        return self._handshake(dialogue, TRUE, machine.prepare_message_1(), "message_1", "message_2", answered)

    def _take_message_2(
        self, dialogue: Dialogue, machine: Initiator, tried: tuple[int, ...], message: Message
    ) -> list[Packet]:
        try:
            if message.code != Code.CHANGED:
                return self._try_again(dialogue, machine, tried, message)
            machine.process_message_2(message.payload)
            message_3 = machine.prepare_message_3()
        except ProtocolError as error:
            if machine.c_r is None:
                return []
            prefix, text = encode_identifier(machine.c_r), machine.error_message(error)
            return [self._handshake(dialogue, prefix, text, "error", "end", lambda answer: [])]
        foreseen = copy.copy(machine)
        foreseen.config = self.unconfirmed
        dialogue.foreseen = foreseen.complete()
        assert machine.c_r is not None

        def answered(message: Message) -> list[Packet]:
            return self._finish(dialogue, machine, message)

        prefix = encode_identifier(machine.c_r)
        dialogue.final = prefix + message_3
        return [self._handshake(dialogue, prefix, message_3, "message_3", "message_4", answered)]

    def _try_again(
        self, dialogue: Dialogue, machine: Initiator, tried: tuple[int, ...], message: Message
    ) -> list[Packet]:
        if message.content_format != CONTENT_FORMAT_EDHOC or not is_error(message.payload):
            return []
        error = machine.process_error(message.payload)
        if error.code != WRONG_SUITE:
            return []
        return [self._message_1(dialogue, next_suite(machine, error.info, tried), tried)]

    def _finish(self, dialogue: Dialogue, machine: Initiator, message: Message) -> list[Packet]:
        try:
            if message.code == Code.CHANGED:
                dialogue.open(machine.process_message_4(message.payload) if message.payload else machine.complete())
        except ProtocolError:
            pass
        return []

    # -- as client -----------------------------------------------------------------------------------------------

    def _protected(self, dialogue: Dialogue, message: Message, what: str, *, echoed: bool = False) -> Packet:
        assert dialogue.context is not None
        context = dialogue.context
        protected, binding = protect_request(context, message)
        assert binding.nonce is not None
        number = len(dialogue.asked) + 1
        label = f"{dialogue.label}/request-{number}"
        asked = Asked(label, context, what, message, protected, binding, binding.nonce)
        dialogue.asked.append(asked)

        def answered(reply: Message) -> list[Packet]:
            try:
                asked.response = verify_response(context, binding, reply)
            except ProtocolError:
                return []  # not the answer: the request goes on waiting for it
            del self._pending[message.token]
            again = None if echoed else echo_request(message, asked.response)
            if again is None:
                return []
            fresh = replace(again, message_id=self.link.fresh_message_id(), token=self.link.fresh_token())
            return [self._protected(dialogue, fresh, what, echoed=True)]

        return self._request(protected, label, f"{dialogue.label}/response-{number}", answered, keep=True)

    def _handshake(
        self, dialogue: Dialogue, prefix: bytes, text: bytes, name: str, answer: str, handler: Handler
    ) -> Packet:
        message = self.link.build(Code.POST, PATH, prefix + text, content_format=CONTENT_FORMAT_CID_EDHOC)
        return self._request(message, f"{dialogue.label}/{name}", f"{dialogue.label}/{answer}", handler)

    def _request(self, message: Message, label: str, title: str, handler: Handler, *, keep: bool = False) -> Packet:
        self._pending[message.token] = _Pending(message.message_id, title, handler, keep)
        return Packet(label, self.name, TARGET, message.encode())
