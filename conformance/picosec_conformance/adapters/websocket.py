"""A target on a WebSocket (RFC 8323 section 4): a frame is one binary message, in which a length of 0 stands."""

from __future__ import annotations

import time
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Close, Opcode
from websockets.frames import Frame as WebSocketFrame
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from picosec_conformance.adapters.base import AdapterError, ConnectionEnded, Framing
from picosec_conformance.adapters.connection import ConnectionAdapter

#: Where CoAP is on every host that speaks it over WebSockets (RFC 8323 section 8.3), and what it is called.
PATH: Final = "/.well-known/coap"
SUBPROTOCOL: Final = "coap"

_HEAD_END = b"\r\n\r\n"
_OPENING = 5.0


class WebSocketAdapter(ConnectionAdapter):
    """CoAP over WebSockets. On a bare connection, frames are the head of the HTTP response, then WebSocket frames."""

    framing: Framing = "websocket"

    def send(self, frame: bytes) -> None:
        """Send one binary message."""
        assert self._protocol is not None, "a bare connection takes raw bytes only"
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(frame)
            self._flush(self._protocol)

    def _begin(self, *, bare: bool) -> None:
        self._pending = bytearray()
        self._parts: list[bytes] = []
        self._upgraded = False
        self._protocol: ClientProtocol | None = None
        if bare:
            return
        protocol = ClientProtocol(
            parse_uri(f"ws://{self._host}:{self._port}{PATH}"), subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=None
        )
        protocol.send_request(protocol.connect())
        self._flush(protocol)
        self._protocol = protocol
        deadline = time.monotonic() + _OPENING
        while protocol.state is State.CONNECTING and protocol.handshake_exc is None and self._ended is None:
            if self._socket is None or not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise AdapterError(f"{self._host}:{self._port} does not answer the opening of a WebSocket")
            self._read(self._socket)
        if protocol.state is not State.OPEN:
            raise self._ended or ConnectionEnded(f"the target refuses the WebSocket: {protocol.handshake_exc}")
        if protocol.subprotocol != SUBPROTOCOL:
            raise ConnectionEnded(f"the target opens a WebSocket without subprotocol {SUBPROTOCOL!r}")

    def _take(self, data: bytes) -> None:
        if self._protocol is None:
            self._take_bare(data)
            return
        try:
            self._protocol.receive_data(data)
        except (EOFError, InvalidHandshake) as error:
            self._ended = ConnectionEnded(f"the target does not speak WebSocket: {error}")
        for event in self._protocol.events_received():
            if not isinstance(event, Response):
                assert isinstance(event, WebSocketFrame)
                self._take_frame(event)
        self._flush(self._protocol)

    def _take_frame(self, frame: WebSocketFrame) -> None:
        match frame.opcode:
            case Opcode.BINARY | Opcode.CONT:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    self._frames.append(b"".join(self._parts))
                    self._parts.clear()
            case Opcode.TEXT:
                self._ended = ConnectionEnded("the target sent a text message on the WebSocket")
            case Opcode.CLOSE:
                code = Close.parse(frame.data).code
                self._ended = ConnectionEnded(f"the target closed the WebSocket with code {int(code)}")

    def _flush(self, protocol: ClientProtocol) -> None:
        for data in protocol.data_to_send():
            if data:  # what is empty asks to close our half, and the other half says when
                self.send_raw(data)

    def _take_bare(self, data: bytes) -> None:
        self._pending += data
        if not self._upgraded and (end := self._pending.find(_HEAD_END)) >= 0:
            self._cut(end + len(_HEAD_END))
            self._upgraded = True
        while self._upgraded and (size := _frame_size(self._pending)) is not None and size <= len(self._pending):
            self._cut(size)

    def _cut(self, size: int) -> None:
        self._frames.append(bytes(self._pending[:size]))
        del self._pending[:size]


def _frame_size(data: bytes | bytearray) -> int | None:
    """Return the bytes of the unmasked WebSocket frame that ``data`` begins with, ``None`` when too few are there."""
    if len(data) < 2:
        return None
    length, extension = data[1] & 127, {126: 2, 127: 8}.get(data[1] & 127, 0)
    if len(data) < 2 + extension:
        return None
    return 2 + extension + (int.from_bytes(data[2 : 2 + extension], "big") if extension else length)
