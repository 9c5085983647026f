"""An endpoint that the suite plays: it opens and accepts channels, asks and answers, by the rules (a peer of the
reference, each step of which the referee can see).

It has no timers: what the network does not deliver never comes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from picosec.channel import edhoc_coap
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import WRONG_SUITE, is_error
from picosec.channel.edhoc_messages import encode_identifier
from picosec.channel.initiator import Initiator, next_suite
from picosec.channel.oscore import echo_request, protect_request, protect_response, unprotect_request
from picosec.channel.oscore import unprotect_response as verify_response
from picosec.channel.responder import Responder
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_CID_EDHOC, CONTENT_FORMAT_EDHOC
from picosec_conformance.adversary.dialogue import Asked, Dialogue
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


class Party:
    """``config`` is what it brings into handshakes, None for one that only has a provisioned channel.

    ``identifiers`` gives connection identifiers that nobody else on the suite's side uses. A party that is not
    ``honest`` shows somebody else's credential, without the key.
    """

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
        self.name = name
        self.config = config
        self.honest = honest
        self.dialogues: list[Dialogue] = []
        #: What it answered to the target, by the path of the request.
        self.answers: dict[str, bytes] = {}
        self._link = link
        self._entropy = entropy
        self._identifiers = identifiers
        self._method = method
        self._pending: dict[bytes, _Pending] = {}
        self._served: dict[bytes, list[Packet]] = {}

    # -- acting --------------------------------------------------------------------------------------------------

    def connect(self) -> list[Packet]:
        """Begin a handshake. Raises ``ProtocolError`` when no credential can serve."""
        dialogue = self._begin()
        return [self._message_1(dialogue, None)]

    def ask(self, dialogue: Dialogue, what: str) -> list[Packet]:
        """Send a request over a channel: ``read``, ``write``, or ``odd``, a write that the resource cannot take."""
        resources = self._link.manifest.resources
        if what == "read":
            message = self._link.build(Code.GET, resources.protected_get)
        else:
            payload = b"\xf5" if what == "write" else b"\x50" + self._entropy(16)
            message = self._link.build(Code.PUT, resources.protected_put, payload, content_format=CONTENT_FORMAT_CBOR)
        return [self._protected(dialogue, message, what)]

    def write_in_the_open(self) -> list[Packet]:
        """Send an unprotected request that changes a resource which anybody may change."""
        message = self._link.build(Code.PUT, self._link.manifest.resources.put, self._entropy(8))
        return [self._request(message, f"{self.name}/plain", f"{self.name}/plain-answer", lambda answer: [])]

    def has(self, identifier: bytes) -> Dialogue | None:
        """Return the latest dialogue that the target's messages name by this identifier, which we chose."""
        return next((each for each in reversed(self.dialogues) if each.chosen == identifier), None)

    def expects(self, token: bytes) -> str | None:
        """Return the name of the answer to the request with this token, None when none is waited for."""
        pending = self._pending.get(token)
        return None if pending is None else pending.title

    def foresee(self, dialogue: Dialogue, message_3: bytes) -> None:
        """As Responder, find out which session the target has when it sends this message_3, without taking it."""
        assert isinstance(dialogue.machine, Responder)
        machine = copy.copy(dialogue.machine)
        machine.config = self._unconfirmed
        try:
            machine.process_message_3(message_3)
            dialogue.foreseen = machine.complete()
        except ProtocolError:
            return

    # -- receiving -----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, sender: str, note: str) -> list[Packet]:
        """Take a datagram and return what is sent on account of it."""
        try:
            message = Message.decode(data)
            if message.is_request:
                return self._serve(data, message)
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

    @property
    def _unconfirmed(self) -> EdhocConfig:
        """The same configuration without message_4, under which a session completes by itself."""
        assert self.config is not None
        return self.config.with_policy(replace(self.config.policy, message_4=False))

    def _begin(self) -> Dialogue:
        dialogue = Dialogue(f"{self.name}-{len(self.dialogues) + 1}", self.name, self.honest)
        self.dialogues.append(dialogue)
        return dialogue

    def _message_1(self, dialogue: Dialogue, suite: int | None, tried: tuple[int, ...] = ()) -> Packet:
        assert self.config is not None
        dialogue.chosen = next(self._identifiers)
        machine = dialogue.machine = Initiator(self.config, self._method, dialogue.chosen, self._entropy, suite)
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
        foreseen.config = self._unconfirmed
        dialogue.foreseen = foreseen.complete()
        assert machine.c_r is not None

        def answered(message: Message) -> list[Packet]:
            return self._finish(dialogue, machine, message)

        prefix = encode_identifier(machine.c_r)
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

    # -- as Responder and server ---------------------------------------------------------------------------------

    def _serve(self, data: bytes, message: Message) -> list[Packet]:
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
        dialogue = self._begin()
        machine = dialogue.machine = Responder(self.config, self._entropy)
        try:
            received = machine.process_message_1(text)
            dialogue.chosen = next(each for each in self._identifiers if each != received.c_i)
            reply = machine.prepare_message_2(dialogue.chosen)
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
            payload = self._entropy(16)
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
        return replace(reply, type=Type.NON, message_id=self._link.fresh_message_id())

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
            fresh = replace(again, message_id=self._link.fresh_message_id(), token=self._link.fresh_token())
            return [self._protected(dialogue, fresh, what, echoed=True)]

        return self._request(protected, label, f"{dialogue.label}/response-{number}", answered, keep=True)

    def _handshake(
        self, dialogue: Dialogue, prefix: bytes, text: bytes, name: str, answer: str, handler: Handler
    ) -> Packet:
        message = self._link.build(Code.POST, PATH, prefix + text, content_format=CONTENT_FORMAT_CID_EDHOC)
        return self._request(message, f"{dialogue.label}/{name}", f"{dialogue.label}/{answer}", handler)

    def _request(self, message: Message, label: str, title: str, handler: Handler, *, keep: bool = False) -> Packet:
        self._pending[message.token] = _Pending(message.message_id, title, handler, keep)
        return Packet(label, self.name, TARGET, message.encode())
