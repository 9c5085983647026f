"""A connection whose messages travel in WebSocket frames (RFC 8323 section 4).

The library speaks WebSocket without doing any I/O; what it wants sent goes through the connection like anything else.
"""

from __future__ import annotations

import socket
from collections.abc import Hashable
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from picosec.messaging.connections import Framing
from picosec.net.connection import Connection
from picosec.net.transport import EndOfStream, TransportError

#: Where CoAP is found, and what it is called there (RFC 8323 sections 4.1 and 8.3).
PATH: Final = "/.well-known/coap"
SUBPROTOCOL: Final = Subprotocol("coap")
#: Bytes of a binary message that is handed on at all; the message layer refuses smaller ones already, in its own words.
MOST_BYTES: Final = 65536

Protocol = ServerProtocol | ClientProtocol


class WebSocketConnection(Connection):
    """A connection whose messages travel in frames. Until the opening handshake is done, none do."""

    framing = Framing.FRAMES

    def __init__(self, connected: socket.socket, name: str, protocol: Protocol, address: Hashable = None) -> None:
        super().__init__(connected, name, address)
        self._protocol = protocol
        self._fragments: list[bytes] | None = None
        if isinstance(protocol, ClientProtocol):
            protocol.send_request(protocol.connect())
            self._pump()

    @property
    def opened(self) -> bool:
        """Whether the opening handshake is done."""
        return self._protocol.state is not State.CONNECTING

    def receive(self) -> list[bytes]:
        """Read once and return the binary messages that are complete.

        Raises :class:`EndOfStream`, and :class:`TransportError` when the other end does not speak CoAP there.
        """
        try:
            data = self._read()
        except EndOfStream:
            if self._asking:
                raise self._refused("it hangs up") from None
            raise
        if data:
            self._protocol.receive_data(data)
        messages = []
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._answer(event)
            elif isinstance(event, Response):
                self._judge(event)
            elif isinstance(event, Frame):
                messages += self._assembled(event)
        self._pump()
        if self._protocol.parser_exc is not None and not self.opened:
            raise self._refused("it speaks no HTTP") if self._asking else EndOfStream
        return messages

    def send(self, data: bytes) -> None:
        """Send one message; after the closing handshake has begun, nothing."""
        try:
            self._protocol.send_binary(data)
        except InvalidState:
            return
        self._pump()

    def finish(self) -> None:
        """Begin the closing handshake."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
        self._pump()

    def _answer(self, request: Request) -> None:
        """Take the opening handshake of a client, or refuse it."""
        assert isinstance(self._protocol, ServerProtocol)
        if request.path.partition("?")[0] != PATH:
            self._protocol.send_response(self._protocol.reject(404, f"CoAP is at {PATH}\n"))
        else:
            self._protocol.send_response(self._protocol.accept(request))

    def _judge(self, response: Response) -> None:
        """Take the server's answer to the opening handshake."""
        failure = self._protocol.handshake_exc
        if failure is None and self._protocol.subprotocol == SUBPROTOCOL:
            return
        raise self._refused(f"HTTP {response.status_code}" if response.status_code != 101 else "it speaks no CoAP")

    @property
    def _asking(self) -> bool:
        """Whether the server has not answered the opening handshake of ours yet."""
        return isinstance(self._protocol, ClientProtocol) and not self.opened

    def _refused(self, reason: str) -> TransportError:
        return TransportError(f"{self.name}: no WebSocket for CoAP can be opened there: {reason}")

    def _assembled(self, frame: Frame) -> list[bytes]:
        """Return the message that a frame completes, if it does."""
        if frame.opcode is Opcode.TEXT:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "CoAP is binary")
        elif frame.opcode is Opcode.BINARY:
            self._fragments = [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            self._fragments.append(bytes(frame.data))
        else:
            return []
        if not frame.fin or self._fragments is None:
            return []
        message, self._fragments = b"".join(self._fragments), None
        return [message]

    def _pump(self) -> None:
        """Write what the protocol wants written; an empty piece stands for the end."""
        for piece in self._protocol.data_to_send():
            if piece:
                self._write(piece)
            else:
                super().finish()


def accepted(connected: socket.socket, name: str, address: Hashable) -> WebSocketConnection:
    """Return a connection that a client made, and whose opening handshake it begins."""
    # Any origin may connect: a web page can ask for what is open to anyone, and has no key for anything else.
    protocol = ServerProtocol(subprotocols=[SUBPROTOCOL], max_size=MOST_BYTES)
    return WebSocketConnection(connected, name, protocol, address)


def asking(connected: socket.socket, name: str, place: str) -> WebSocketConnection:
    """Return a connection to a server at ``place``, its host and port; the opening handshake begins at once."""
    protocol = ClientProtocol(parse_uri(f"ws://{place}{PATH}"), subprotocols=[SUBPROTOCOL], max_size=MOST_BYTES)
    return WebSocketConnection(connected, name, protocol)
