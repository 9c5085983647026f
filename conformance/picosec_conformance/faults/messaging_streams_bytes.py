"""Faults in what the bytes on a connection mean, and in the frames of a WebSocket."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import stream_message
from picosec.messaging.coap import decode_options
from picosec.messaging.connections import Connection, State
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec.net.connection import Connection as Socket
from picosec.net.websocket import WebSocketListener
from picosec_conformance.faults import fault


def _read(instead: Callable[[ProtocolError], bool]) -> None:
    """Skip messages instead of refusing them: ``instead`` returns whether to."""
    original = Connection.feed

    def feed(self: Connection, data: bytes) -> StreamMessage | None:
        try:
            return original(self, data)
        except ProtocolError as error:
            if not instead(error):
                raise
            return None

    Connection.feed = feed


def _encoded(length: Callable[[StreamMessage, int], int]) -> None:
    """Send messages to all but signals with another length than they have."""
    original = StreamMessage.encode

    def encode(self: StreamMessage) -> bytes:
        data = original(self)
        if self.is_signal or data[0] >> 4 > 12:
            return data
        return bytes((length(self, data[0] >> 4) << 4 | data[0] & 15,)) + data[1:]

    StreamMessage.encode = encode


@fault("MSG-1070")
def counts_the_token_too() -> None:
    """The length is that of all that follows the code: a client waits for bytes that never come."""
    _encoded(lambda message, length: min(12, length + len(message.token)))


@fault("MSG-1070")
def forgets_the_marker_in_the_length() -> None:
    """The payload marker is nobody's: it is no option and no payload."""
    original = StreamMessage.encode

    def encode(self: StreamMessage) -> bytes:
        data = original(self)
        if self.is_signal or not self.payload or data[0] >> 4 != 13:
            return data
        return data[:1] + bytes((data[1] - 1 & 255,)) + data[2:]

    StreamMessage.encode = encode


@fault("MSG-1080")
def takes_long_tokens() -> None:
    """The four bits of the length are believed: a token of fifteen bytes goes into a field for eight."""
    stream_message.MAX_TOKEN = 15


@fault("MSG-1080")
def skips_long_tokens() -> None:
    """The message is dropped, and its bytes are taken for the next one."""
    _read(lambda error: error.requirement == "MSG-1080")


@fault("MSG-1090")
def takes_reserved_codes_for_responses() -> None:
    """Whatever is no request must be a response."""
    stream_message.RESERVED_CLASSES = frozenset()


@fault("MSG-1090")
def drops_reserved_codes() -> None:
    """As on datagrams: the message is dropped, and the stream goes on."""
    _read(lambda error: error.requirement == "MSG-1090")


@fault("MSG-1100")
def ignores_what_is_in_empty_messages() -> None:
    """Empty messages are ignored, whatever they hold: a covert channel, and a parser that two ends read differently."""
    _read(lambda error: error.requirement == "MSG-1100")


@fault("MSG-1110")
def drops_what_does_not_parse() -> None:
    """As on datagrams: the message is dropped, and the stream goes on."""
    _read(lambda error: error.requirement in ("MSG-1110", "MSG-250", "MSG-260", "MSG-270"))


@fault("MSG-1110")
def reads_as_far_as_it_can() -> None:
    """Options that do not fit are cut, and the request is served without them."""

    def lenient(data: bytes, position: int = 0) -> Any:
        try:
            return decode_options(data, position)
        except ProtocolError:
            return (), b""

    stream_message.decode_options = lenient


@fault("MSG-1110")
def takes_a_marker_for_an_empty_payload() -> None:
    """A marker with nothing behind it looks like a payload of no bytes."""

    def lenient(data: bytes, position: int = 0) -> Any:
        return decode_options(data[:-1] if data.endswith(b"\xff") and len(data) > position else data, position)

    stream_message.decode_options = lenient


@fault("MSG-1120")
def does_not_look_at_the_length_of_a_frame() -> None:
    """The frame knows the length, so the four bits are masked out."""
    original = StreamMessage.decode_frame.__func__
    StreamMessage.decode_frame = classmethod(lambda cls, data: original(cls, bytes((data[0] & 15,)) + data[1:]))


@fault("MSG-1130")
def goes_on_behind_what_it_refuses() -> None:
    """The connection is closed when the buffer is empty: what lay behind the refused message is served before."""
    original = StreamEndpoint.receive

    def receive(self: StreamEndpoint, data: bytes, peer: Hashable, now: float) -> Any:
        events = original(self, data, peer, now)
        connection = self._connections.get(peer)
        if connection is None or connection.state is not State.CLOSED:
            return events
        try:
            message = connection.decoder.next()
        except ProtocolError:
            message = None
        if message is not None and message.is_request:
            connection.state = State.OPEN
            self._serve(connection, message.as_message(), now)
        return events + self.further_events()

    StreamEndpoint.receive = receive


@fault("MSG-1280")
def writes_lengths_into_frames() -> None:
    """One encoder serves both transports; with signals it does not show."""
    original = StreamMessage.encode_frame

    def encode_frame(self: StreamMessage) -> bytes:
        data = original(self)
        return bytes((len(self.payload) & 7 << 4 | 0x10 | data[0],)) + data[1:] if self.code == Signal.PONG else data

    StreamMessage.encode_frame = encode_frame


@fault("MSG-1290")
def opens_websockets_for_anything() -> None:
    """Any web page that opens a WebSocket speaks CoAP to the device, by accident or not."""

    def connection(self: WebSocketListener, connected: Any, address: Hashable) -> Socket:
        from websockets.server import ServerProtocol

        from picosec.net.websocket_connection import SUBPROTOCOL, WebSocketConnection

        protocol = ServerProtocol(
            select_subprotocol=lambda server, offered: SUBPROTOCOL if SUBPROTOCOL in offered else None
        )
        return WebSocketConnection(connected, self.name, protocol, address)

    WebSocketListener._connection = connection


def _with_text(read: Callable[[Any, Any], list[bytes]]) -> None:
    """Do something else with text messages."""
    from websockets.frames import Opcode

    from picosec.net.websocket_connection import WebSocketConnection

    original = WebSocketConnection._assembled

    def assembled(self: WebSocketConnection, frame: Any) -> list[bytes]:
        return read(self, frame) if frame.opcode is Opcode.TEXT else original(self, frame)

    WebSocketConnection._assembled = assembled


@fault("MSG-1240")
def reads_text_like_anything_else() -> None:
    """Bytes are bytes: what a filter lets through as text is served as a request."""
    _with_text(lambda self, frame: [bytes(frame.data)])


@fault("MSG-1240")
def ignores_text() -> None:
    """Text is dropped without a word, and whoever sent it waits for an answer."""
    _with_text(lambda self, frame: [])
