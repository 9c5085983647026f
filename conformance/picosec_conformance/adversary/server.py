"""The answering half of an endpoint that the suite plays: Responder and server, each step of which the referee sees."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

from picosec.channel import edhoc_coap
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import is_error
from picosec.channel.oscore import protect_response, unprotect_request
from picosec.channel.responder import Responder
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.registry import CONTENT_FORMAT_EDHOC
from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.handshake import PATH
from picosec_conformance.network import Link, Packet
from picosec_conformance.network.network import TARGET


class Server:
    """``config`` is what it brings into handshakes, None for one that only has a provisioned channel.

    ``identifiers`` gives connection identifiers that nobody else on the suite's side uses. One that is not ``honest``
    shows a credential that is somebody else's, or that nobody trusts.
    """

    def __init__(
        self,
        name: str,
        link: Link,
        entropy: Callable[[int], bytes],
        identifiers: Iterator[bytes],
        config: EdhocConfig | None = None,
        *,
        honest: bool = True,
    ) -> None:
        self.name = name
        self.config = config
        self.honest = honest
        self.dialogues: list[Dialogue] = []
        #: What it answered to the target, by the path of the request.
        self.answers: dict[str, bytes] = {}
        self.link = link
        self.entropy = entropy
        self.identifiers = identifiers
        self._served: dict[bytes, list[Packet]] = {}

    def has(self, identifier: bytes) -> Dialogue | None:
        """Return the latest dialogue that the target's messages name by this identifier, which we chose."""
        return next((each for each in reversed(self.dialogues) if each.chosen == identifier), None)

    def foresee(self, dialogue: Dialogue, message_3: bytes) -> bool:
        """As Responder, find out which session the target has when it sends this message_3; False if it has none."""
        if dialogue.waiting is None:
            return False
        machine = copy.copy(dialogue.waiting)
        machine.config = self.unconfirmed
        try:
            machine.process_message_3(message_3)
        except ProtocolError:
            return False
        dialogue.foreseen = machine.complete()
        return True

    @property
    def unconfirmed(self) -> EdhocConfig:
        """Its configuration without message_4, under which a session completes by itself."""
        assert self.config is not None
        return self.config.with_policy(replace(self.config.policy, message_4=False))

    def begin(self) -> Dialogue:
        """Return a new dialogue."""
        dialogue = Dialogue(f"{self.name}-{len(self.dialogues) + 1}", self.name, self.honest)
        self.dialogues.append(dialogue)
        return dialogue

    def serve(self, data: bytes, message: Message) -> list[Packet]:
        """Answer a request; a copy of one gets the same answer."""
        if data not in self._served:
            self._served[data] = self._served_anew(message)
        return self._served[data]

    def _served_anew(self, message: Message) -> list[Packet]:
        if message.option(Option.OSCORE) is not None:
            return self._serve_protected(message)
        if self.config is None or message.path != PATH or message.code != Code.POST:
            return [self._reply(message, f"{self.name}/refusal", Code.NOT_FOUND)]
        try:
            identifier, text = edhoc_coap.split_prefix(message.payload)
        except ProtocolError as error:
            return [self._reply(message, f"{self.name}/refusal", error.response_code)]
        if identifier is None:
            return [self._take_message_1(message, text)]
        dialogue = self.has(identifier)
        if dialogue is None or not isinstance(dialogue.machine, Responder) or is_error(text):
            return [self._reply(message, f"{self.name}/refusal", Code.BAD_REQUEST)]
        return [self._take_message_3(dialogue, dialogue.machine, message, text)]

    def _take_message_1(self, message: Message, text: bytes) -> Packet:
        assert self.config is not None
        dialogue = self.begin()
        machine = dialogue.machine = Responder(self.config, self.entropy)
        try:
            received = machine.process_message_1(text)
            dialogue.chosen = next(each for each in self.identifiers if each != received.c_i)
            reply = machine.prepare_message_2(dialogue.chosen)
            dialogue.waiting = copy.copy(machine)
        except ProtocolError as error:
            return self._refusal(dialogue, machine, message, error)
        return self._reply(message, f"{dialogue.label}/message_2", Code.CHANGED, reply)

    def _take_message_3(self, dialogue: Dialogue, machine: Responder, message: Message, text: bytes) -> Packet:
        try:
            machine.process_message_3(text)
            reply = machine.prepare_message_4() if machine.config.policy.message_4 else b""
            session = machine.session if reply else machine.complete()
        except ProtocolError as error:
            return self._refusal(dialogue, machine, message, error)
        assert session is not None
        dialogue.final = reply
        dialogue.open(session)
        return self._reply(message, f"{dialogue.label}/message_4", Code.CHANGED, reply)

    def _serve_protected(self, message: Message) -> list[Packet]:
        refusal: int = Code.UNAUTHORIZED
        for dialogue in reversed(self.dialogues):
            if dialogue.context is None:
                continue
            try:
                plain, binding = unprotect_request(dialogue.context, message)
            except ProtocolError as error:
                refusal = error.response_code
                continue
            payload = self.entropy(16)
            self.answers[plain.path] = payload
            dialogue.served += 1
            reply = Message(Type.ACK, Code.CONTENT, message.message_id, message.token, (), payload)
            protected = self._in_kind(message, protect_response(dialogue.context, binding, reply))
            return [Packet(f"{dialogue.label}/answer-{dialogue.served}", self.name, TARGET, protected.encode())]
        return [self._reply(message, f"{self.name}/refusal", refusal)]

    def _refusal(self, dialogue: Dialogue, machine: Responder, message: Message, error: ProtocolError) -> Packet:
        text = machine.error_message(error)
        return self._reply(message, f"{dialogue.label}/error", error.response_code, text)

    def _reply(self, message: Message, label: str, code: int, text: bytes = b"") -> Packet:
        """Answer in the open, with a message of EDHOC or nothing."""
        options = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_EDHOC)),) if text else ()
        reply = Message(Type.ACK, code, message.message_id, message.token, options, text)
        return Packet(label, self.name, TARGET, self._in_kind(message, reply).encode())

    def _in_kind(self, request: Message, reply: Message) -> Message:
        """Answer a non-confirmable request without acknowledging it."""
        if request.type == Type.CON:
            return reply
        return replace(reply, type=Type.NON, message_id=self.link.fresh_message_id())
