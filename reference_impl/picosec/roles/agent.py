"""What every role is made of: a message layer, channels, and a site of resources, joined without any I/O."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Options, Type, uint_bytes
from picosec.roles.resources import Reply, Request, Site

Entropy = Callable[[int], bytes]


class Agent:
    """One party. Datagrams and the time come in; datagrams and events go out."""

    def __init__(self, site: Site, entropy: Entropy) -> None:
        self._site = site
        self._outgoing: list[tuple[Hashable, bytes]] = []

    def receive(self, datagram: bytes, peer: Hashable, now: float) -> None:
        """Take one datagram. Raises nothing: what a peer sends is answered, reset or ignored."""
        try:
            message = Message.decode(datagram)
        except ProtocolError:
            return
        if message.is_request and message.type in (Type.CON, Type.NON):
            response = self._answer(message, peer, now)
            kind = Type.ACK if message.type == Type.CON else Type.NON
            reply = Message(kind, response.code, message.message_id, message.token, response.options, response.payload)
            self._outgoing.append((peer, reply.encode()))
        elif message.type == Type.CON:
            self._outgoing.append((peer, Message(Type.RST, Code.EMPTY, message.message_id).encode()))

    def tick(self, now: float) -> None:
        """Do what is due at ``now``."""

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is wanted next, if at all."""
        return None

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain the datagrams to send, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def _answer(self, message: Message, peer: Hashable, now: float) -> Message:
        try:
            request = Request(
                message.code,
                message.path,
                message.payload,
                message.content_format,
                message.accept,
                None,
                peer,
                now,
            )
            return as_message(self._site.answer(request))
        except ProtocolError as error:
            return problem.error_response(error)


def as_message(reply: Reply) -> Message:
    """Return a reply as a message whose type, message id and token are the message layer's to fill in."""
    options: Options = ()
    if reply.content_format is not None:
        options = ((int(Option.CONTENT_FORMAT), uint_bytes(reply.content_format)),)
    return Message(Type.ACK, reply.code, 0, b"", options, reply.payload)
