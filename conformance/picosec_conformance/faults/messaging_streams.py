"""Faults of connections: ends that lose their place in the stream, do not keep to their words, or never let go."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import signalling, stream_message
from picosec.messaging.coap import Code, Message, Type, decode_options
from picosec.messaging.connections import Connection, Input, State
from picosec.messaging.events import ResponseReceived
from picosec.messaging.exchanges import Exchange
from picosec.messaging.router import Router
from picosec.messaging.signalling import Capabilities
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import Decoder, PingOption, Signal, StreamMessage
from picosec.net.connection import Connection as Socket
from picosec.net.websocket import WebSocketListener
from picosec_conformance.faults import fault


def _with_parameters(**changes: Any) -> None:
    """Run connections with other numbers."""
    original = StreamEndpoint.__init__

    def init(self: StreamEndpoint, entropy: Any, *rest: Any, **named: Any) -> None:
        original(self, entropy, *rest, **named)
        self.parameters = replace(self.parameters, **changes)

    StreamEndpoint.__init__ = init


def _take(instead: Callable[[StreamEndpoint, Connection, StreamMessage, float], bool]) -> None:
    """Do something else with some messages: ``instead`` returns whether it did."""
    original = StreamEndpoint._take

    def take(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> None:
        if not instead(self, connection, message, now):
            original(self, connection, message, now)

    StreamEndpoint._take = take


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


# -- opening -----------------------------------------------------------------------------------------------------


@fault("MSG-1000")
def says_nothing_first() -> None:
    """A stack that was made before there were CSMs: the client waits for one, and waits."""
    original = StreamEndpoint.connected

    def connected(self: StreamEndpoint, *arguments: Any, **named: Any) -> Any:
        events = original(self, *arguments, **named)
        self._outbox.pop()
        return events

    StreamEndpoint.connected = connected


@fault("MSG-1000")
def introduces_itself_when_it_has_time() -> None:
    """The CSM waits for something else to be sent, and goes out behind it."""
    original = StreamEndpoint.transmit
    late: list[tuple[Hashable, bytes]] = []

    def transmit(self: StreamEndpoint) -> list[tuple[Hashable, bytes]]:
        outbox = original(self)
        late.extend(each for each in outbox if each[1][1:3] == b"\xe1\x22")
        rest = [each for each in outbox if each not in late]
        behind = [late.pop(0) for _ in range(len(late))] if rest else []
        return rest + behind

    StreamEndpoint.transmit = transmit


@fault("MSG-1010")
def takes_anything_for_a_beginning() -> None:
    """The CSM is optional, or so it seems while all clients send one."""
    original = StreamEndpoint.connected

    def connected(self: StreamEndpoint, peer: Hashable, now: float, *rest: Any, **named: Any) -> Any:
        events = original(self, peer, now, *rest, **named)
        self._connections[peer].state = State.OPEN
        return events

    StreamEndpoint.connected = connected


@fault("MSG-1010")
def acts_before_it_refuses() -> None:
    """The request is handed on, and then somebody finds that there was no CSM."""

    def serve(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if connection.state is State.WAIT_CSM and message.is_request:
            self._serve(connection, message.as_message(), now)
        return False

    _take(serve)


@fault("MSG-1030")
def waits_for_the_first_word_for_ever() -> None:
    """Ten connections that say nothing, and the device has no room for anybody else."""
    _with_parameters(csm_timeout=1e9)


@fault("MSG-1030")
def closes_what_is_quiet() -> None:
    """The timer for the CSM is never stopped."""
    original = StreamEndpoint._take_csm

    def take_csm(self: StreamEndpoint, connection: Connection, csm: StreamMessage, now: float) -> None:
        original(self, connection, csm, now)
        if connection.deadline is None:
            self._timers.set(connection, now + self.parameters.csm_timeout)

    StreamEndpoint._take_csm = take_csm


# -- sizes -------------------------------------------------------------------------------------------------------


def _with_limit(limit: Callable[[int], int]) -> None:
    """Take messages of another size than this end says."""
    original = Decoder.__init__

    def init(self: Decoder, max_message: int = stream_message.BASE_MESSAGE_SIZE) -> None:
        original(self, limit(max_message))

    Decoder.__init__ = init


@fault("MSG-1040")
def takes_any_size() -> None:
    """The limit is told to everybody and checked by nobody: a length field decides how much memory is used."""
    _with_limit(lambda size: 1 << 40)


@fault("MSG-1040")
def counts_the_payload_only() -> None:
    """The header is not counted, and a buffer of the right size overflows by a few bytes."""
    _with_limit(lambda size: size + 8)


@fault("MSG-1040")
def tells_more_than_it_takes() -> None:
    """The buffer holds the header too; whoever believes the CSM loses the connection."""
    _with_limit(lambda size: size - 8)


@fault("MSG-1040")
def waits_for_all_of_what_is_too_large() -> None:
    """The size is looked at when the message is complete, which an attacker sees to that it never is."""
    original = Decoder.next

    def following(self: Decoder) -> StreamMessage | None:
        size = stream_message.message_size(self._pending)
        return None if size is not None and size > len(self._pending) else original(self)

    Decoder.next = following


@fault("MSG-1050")
def sends_what_it_has() -> None:
    """The Max-Message-Size of the peer is read and forgotten."""
    Connection.fits = lambda self, encoded: True


@fault("MSG-1050")
def believes_that_everybody_takes_what_it_takes() -> None:
    """A constant of one's own is used for both directions."""
    Connection.fits = lambda self, encoded: len(encoded) <= stream_message.BASE_MESSAGE_SIZE


@fault("MSG-1050")
def leaves_the_header_out_of_the_size() -> None:
    """The size is compared with options and payload alone."""
    Connection.fits = lambda self, encoded: len(encoded) <= self.capabilities.max_message + 8


@fault("MSG-1060")
def begins_anew_with_each_csm() -> None:
    """What a CSM leaves out falls back to its base value."""
    original = Capabilities.updated
    Capabilities.updated = lambda self, csm: original(Capabilities(), csm)


@fault("MSG-1060")
def hears_the_first_csm_only() -> None:
    """The capabilities are settled when the connection opens."""
    original = StreamEndpoint._take_csm

    def take_csm(self: StreamEndpoint, connection: Connection, csm: StreamMessage, now: float) -> None:
        before, opened = connection.capabilities, connection.state is not State.WAIT_CSM
        original(self, connection, csm, now)
        if opened:
            connection.capabilities = before

    StreamEndpoint._take_csm = take_csm


# -- what the bytes mean -----------------------------------------------------------------------------------------


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


# -- signals -----------------------------------------------------------------------------------------------------


@fault("MSG-1140")
def ignores_signals_that_it_does_not_know() -> None:
    """A later version says with one that all that follows is compressed."""
    _take(lambda self, connection, message, now: message.is_signal and message.code not in set(Signal))


@fault("MSG-1150")
def ignores_critical_options_of_signals() -> None:
    """Options of signals are looked up, and what is not found is not there."""
    signalling.is_critical = lambda number: False


@fault("MSG-1150")
def looks_at_options_of_csms_only() -> None:
    """A Ping is answered without a look at what it asks for."""
    original = signalling.understood
    signalling.understood = lambda signal: (
        original(signal)
        if signal.code == Signal.CSM or signal.code not in set(Signal)
        else replace(signal, options=tuple(each for each in signal.options if each[0] == PingOption.CUSTODY))
    )


@fault("MSG-1160")
def keeps_to_itself_which_option_it_was() -> None:
    """The Abort says that something was wrong with something."""
    original = signalling.abort
    signalling.abort = lambda error: replace(original(error), options=())


@fault("MSG-1170")
def takes_every_option_for_critical() -> None:
    """A newer peer offers something, and is thrown out for it."""
    signalling.is_critical = lambda number: True


@fault("MSG-1170")
def does_not_answer_pings_with_options() -> None:
    """A Ping that is not two bytes long is not recognised."""
    _take(lambda self, connection, message, now: message.code == Signal.PING and bool(message.options))


@fault("MSG-1180")
def aborts_without_a_word() -> None:
    """Devices that do not talk to each other, and nobody learns why."""
    original = signalling.abort
    signalling.abort = lambda error: replace(original(error), payload=b"")


@fault("MSG-1190")
def goes_on_after_an_abort() -> None:
    """The Abort is noted in a log."""
    _take(lambda self, connection, message, now: message.code == Signal.ABORT)


@fault("MSG-1190")
def answers_an_abort_with_an_abort() -> None:
    """Two such ends keep the line busy with their farewells."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code == Signal.ABORT:
            self._send(connection, StreamMessage(Signal.ABORT))
        return False

    _take(answer)


@fault("MSG-1190")
def keeps_a_connection_that_it_aborted() -> None:
    """The peer is expected to close, and does not: connections pile up until there are no more."""
    original = StreamEndpoint._refuse

    def refuse(self: StreamEndpoint, connection: Connection, error: ProtocolError, now: float) -> None:
        original(self, connection, error, now)
        self._closing.clear()

    StreamEndpoint._refuse = refuse


@fault("MSG-1200")
def answers_empty_messages() -> None:
    """As on datagrams, where an empty message is a ping."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.is_empty:
            self._send(connection, StreamMessage(Code.EMPTY))
        return message.is_empty

    _take(answer)


@fault("MSG-1200")
def ends_at_empty_messages() -> None:
    """An empty message has no cell in the table: the address translator's keep-alive ends the connection."""

    def refuse(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.is_empty:
            self._end(connection, Input.REFUSED, now)
        return message.is_empty

    _take(refuse)


@fault("MSG-1210")
def answers_pings_without_their_token() -> None:
    """Nobody looks at the token of a Pong, or so it seems."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code != Signal.PING or len(message.token) == 4:
            return False
        self._send(connection, StreamMessage(Signal.PONG))
        return True

    _take(answer)


@fault("MSG-1210")
def answers_the_last_of_several_pings() -> None:
    """One flag remembers that there was a Ping."""
    original = StreamEndpoint.transmit

    def transmit(self: StreamEndpoint) -> list[tuple[Hashable, bytes]]:
        kept: list[tuple[Hashable, bytes]] = []
        for peer, data in original(self):
            if kept and data[1:2] == kept[-1][1][1:2] == b"\xe3":
                kept.pop()
            kept.append((peer, data))
        return kept

    def held(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        seen = getattr(self, "_seen", None)
        self._seen = message.token if message.code == Signal.PING else None
        return message.code == Signal.PING and seen is not None and len(message.token) == len(seen) == 1

    StreamEndpoint.transmit = transmit
    _take(held)


@fault("MSG-1220")
def gives_custody_too_early() -> None:
    """The Pong is sent at once: the client frees its buffers, and the server forgets the request at a power cut."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code != Signal.PING:
            return False
        self._send(connection, StreamMessage(Signal.PONG, message.token, message.options))
        return True

    _take(answer)


@fault("MSG-1220")
def gives_no_custody() -> None:
    """The option is not known: whoever asked for it waits for ever with full buffers."""
    original = StreamEndpoint._send

    def send(self: StreamEndpoint, connection: Connection, message: StreamMessage) -> None:
        original(self, connection, replace(message, options=()) if message.code == Signal.PONG else message)

    StreamEndpoint._send = send


@fault("MSG-1230")
def keeps_a_released_connection() -> None:
    """A server that restarts waits for clients that never go."""
    _take(lambda self, connection, message, now: message.code == Signal.RELEASE)


@fault("MSG-1230")
def closes_a_released_connection_at_once() -> None:
    """The answers that are still owed are lost."""

    def close(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code == Signal.RELEASE:
            self._end(connection, Input.ABORT, now)
        return message.code == Signal.RELEASE

    _take(close)


# -- requests and responses --------------------------------------------------------------------------------------


@fault("MSG-1250")
def answers_whoever_spoke_last() -> None:
    """One variable holds the peer: a late answer goes to somebody else, with what it says."""
    receive, respond = Router.receive, Router.respond

    def remember(self: Router, data: bytes, peer: Hashable, now: float) -> Any:
        self._last_peer = peer
        return receive(self, data, peer, now)

    def answer(self: Router, exchange: Exchange, response: Message, now: float) -> None:
        last = getattr(self, "_last_peer", exchange.peer)
        if last == exchange.peer or exchange.peer not in self.streams or last in self.streams:
            respond(self, exchange, response, now)
            return
        stray = replace(response, type=Type.NON, message_id=7, token=exchange.request.token)
        self.datagrams._outbox.append((last, stray.encode()))

    Router.receive, Router.respond = remember, answer


@fault("MSG-1260")
def looks_for_tokens_everywhere() -> None:
    """One table of tokens for all connections and datagrams: who guesses a token answers for the server."""
    original = Router.receive

    def receive(self: Router, data: bytes, peer: Hashable, now: float) -> Any:
        if peer not in self.streams and data[:1] and data[0] >> 4 == 5:
            message = Message.decode(data)
            for connection in self.streams.connections():
                if message.token in connection.tokens:
                    self.streams._match(connection, message)
                    return self.streams.further_events()
        return original(self, data, peer, now)

    Router.receive = receive


@fault("MSG-1260")
def takes_its_questions_to_the_next_connection() -> None:
    """Reconnecting goes unnoticed: an answer that comes on the new connection counts for the old question."""
    connected, disconnected = StreamEndpoint.connected, StreamEndpoint.disconnected

    def leave(self: StreamEndpoint, peer: Hashable, now: float) -> Any:
        connection = self._connections.get(peer)
        if connection is not None:
            self._orphans = {token: request.id for token, request in connection.tokens.items()}
            connection.tokens.clear()
        return disconnected(self, peer, now)

    def adopt(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        orphans: dict[bytes, int] = getattr(self, "_orphans", {})
        handle = orphans.pop(message.token, None) if not message.is_signal and not message.is_request else None
        if handle is not None:
            self._events.append(ResponseReceived(handle, message.as_message()))
        return handle is not None

    StreamEndpoint.connected, StreamEndpoint.disconnected = connected, leave
    _take(adopt)


@fault("MSG-1270")
def waits_on_a_connection_that_is_gone() -> None:
    """Only the timer ends a request: four minutes of "please wait"."""
    original = StreamEndpoint._end

    def end(self: StreamEndpoint, connection: Connection, happening: Input, now: float, *, close: bool = True) -> None:
        connection.tokens.clear()
        connection.pings.clear()
        original(self, connection, happening, now, close=close)

    StreamEndpoint._end = end


@fault("MSG-1270")
def calls_the_end_of_a_connection_a_timeout() -> None:
    """The app says that the device is slow, and its user waits before he tries again."""
    from picosec.messaging.stream_sending import StreamSender
    from picosec.registry import Problem

    original = StreamSender._fail

    def fail(self: StreamEndpoint, connection: Connection, request: Any, reason: Problem) -> None:
        original(self, connection, request, Problem.TIMEOUT if reason is Problem.DISCONNECTED else reason)

    StreamSender._fail = fail


# -- WebSocket ---------------------------------------------------------------------------------------------------


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
