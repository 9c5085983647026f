"""Connections through the loop, over real sockets of this machine."""

import os
import socket
from collections.abc import Hashable, Iterator
from contextlib import suppress

import pytest
from echo_agent import EchoAgent
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from picosec.crypto.vault import software_vault
from picosec.messaging.coap import Code, path_options
from picosec.messaging.connections import Framing
from picosec.messaging.stream_message import Decoder, Signal, StreamMessage
from picosec.net import connection, tcp, websocket
from picosec.net.clock import SystemClock
from picosec.net.connection import Connection, Listener
from picosec.net.loop import run
from picosec.net.transport import EndOfStream, TransportError
from picosec.net.websocket_connection import PATH
from picosec.roles.device import Device
from picosec.roles.keyring import Keyring


class StubbornAgent(EchoAgent):
    """Answers everything with a great deal, and ends connections on the word "close"."""

    def receive(self, data: bytes, peer: Hashable, now: float) -> None:
        self.received.append(data)
        if b"close" in data:
            self._outgoing.append((peer, b"bye"))
            self.to_close.append(peer)
        else:
            self._outgoing.append((peer, bytes(200_000)))


@pytest.fixture
def listening() -> Iterator[Listener]:
    (listener,) = tcp.listen("127.0.0.1", 0)
    yield listener
    listener.close()


@pytest.fixture
def websockets() -> Iterator[Listener]:
    (listener,) = websocket.listen("127.0.0.1", 0)
    yield listener
    listener.close()


def port_of(listener: Listener) -> int:
    return int(listener.name.rpartition(":")[2])


def calling(listener: Listener) -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", port_of(listener)))
    caller.settimeout(5)
    return caller


def test_bytes_go_back_to_the_connection_that_they_came_from(listening):
    """Two clients of one server."""
    agent = EchoAgent()
    with calling(listening) as first, calling(listening) as second:
        first.sendall(b"first")
        second.sendall(b"second")
        run(agent, [listening], SystemClock(), lambda: len(agent.received) == 2)
        assert first.recv(100) == b"first"
        assert second.recv(100) == b"second"
    assert len({peer for peer, _ in agent.connections}) == 2


def test_the_end_of_a_connection_is_told(listening):
    """Whoever waits for an answer on it waits in vain."""
    agent = EchoAgent()
    calling(listening).close()
    run(agent, [listening], SystemClock(), lambda: bool(agent.disconnections))
    assert agent.disconnections == [peer for peer, _ in agent.connections]


def test_a_connection_that_breaks_costs_nobody_else_anything(listening):
    """A client that crashes resets its connection."""
    agent = EchoAgent()
    with calling(listening) as other:
        broken = calling(listening)
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        broken.sendall(b"x")
        broken.close()
        other.sendall(b"still here")
        run(agent, [listening], SystemClock(), lambda: bool(agent.disconnections) and b"still here" in agent.received)
        assert other.recv(100) == b"still here"


def test_last_words_are_sent_before_the_end(listening):
    """An Abort that is lost explains nothing."""
    agent = StubbornAgent()
    with calling(listening) as caller:
        caller.sendall(b"close")
        run(agent, [listening], SystemClock(), lambda: not agent.to_close and bool(agent.received))
        assert caller.recv(100) == b"bye"
        assert caller.recv(100) == b""


def test_who_reads_nothing_is_not_read_either(listening):
    """Answers pile up for a client that takes none: beyond a bound its further requests stay in the network."""
    agent = StubbornAgent()
    with calling(listening) as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        rounds = 0

        def enough() -> bool:
            nonlocal rounds
            rounds += 1
            with suppress(BlockingIOError):
                caller.setblocking(False)
                caller.send(b"more")
            return rounds > 300 or bool(agent.disconnections)

        run(_Restless(agent), [listening], SystemClock(), enough)
    assert not agent.disconnections
    assert len(agent.received) * 200_000 < 8 * connection.MOST_UNWRITTEN


def test_more_than_the_bound_is_the_end():
    """Notifications pile up for a client that takes none."""
    near, far = socket.socketpair()
    one = Connection(near, "pair")
    while one.reads:
        one.send(bytes(connection.HIGH_WATER))
    with far, pytest.raises(EndOfStream):
        one.send(bytes(connection.MOST_UNWRITTEN))
    one.close()


def test_what_does_not_fit_now_is_sent_later():
    """A large message over a slow network."""
    near, far = socket.socketpair()
    one = Connection(near, "pair")
    payload = os.urandom(800_000)
    one.send(payload)
    assert one.writes
    assert not one.reads
    one.finish()
    received = b""
    while len(received) < len(payload):
        received += far.recv(1 << 20)
        one.flush()
    assert received == payload
    assert far.recv(1) == b""
    one.close()
    far.close()


def test_a_device_serves_tcp(listening):
    """From the first message to the answer, as another implementation would see it."""
    device = Device(os.urandom, Keyring(software_vault(os.urandom)))
    with calling(listening) as caller:
        caller.sendall(StreamMessage(Signal.CSM).encode())
        caller.sendall(StreamMessage(Code.GET, b"t", path_options("/ps/info")).encode())
        decoder, found = Decoder(8192), []

        def answered() -> bool:
            caller.setblocking(False)
            with suppress(BlockingIOError):
                decoder.feed(caller.recv(65536))
            while (message := decoder.next()) is not None:
                found.append(message)
            return len(found) == 2

        run(_Restless(device), [listening], SystemClock(), answered)
    assert [message.code for message in found] == [Signal.CSM, Code.CONTENT]


class _Restless:
    """An agent that lets the loop go round without anything happening."""

    def __init__(self, agent: Device | EchoAgent) -> None:
        self._agent = agent

    def next_timeout(self) -> float:
        return 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(self._agent, name)


class Browser:
    """A WebSocket client at the far end, driven by hand."""

    def __init__(self, listener: Listener, path: str = PATH, subprotocols: tuple[str, ...] = ("coap",)):
        self.socket = calling(listener)
        uri = parse_uri(f"ws://127.0.0.1:{port_of(listener)}{path}")
        self.protocol = ClientProtocol(uri, subprotocols=list(subprotocols) or None)
        self.protocol.send_request(self.protocol.connect())
        self.events = []
        self.ended = False
        self.push()

    def push(self) -> None:
        for piece in self.protocol.data_to_send():
            if piece:
                self.socket.sendall(piece)

    def look(self) -> None:
        self.socket.setblocking(False)
        with suppress(BlockingIOError):
            data = self.socket.recv(65536)
            if data:
                self.protocol.receive_data(data)
            elif not self.ended:
                self.ended = True
                self.protocol.receive_eof()
        self.events += self.protocol.events_received()
        self.socket.setblocking(True)
        self.push()

    def until(self, listener: Listener, agent: EchoAgent, done) -> None:
        def looked() -> bool:
            if self.socket.fileno() >= 0:
                self.look()
            return done()

        run(_Restless(agent), [listener], SystemClock(), looked)


def test_a_whole_conversation_over_a_websocket(websockets):
    """Messages, a fragmented one, a ping in between, and an orderly end."""
    agent, browser = EchoAgent(), Browser(websockets)
    stages = iter(range(10))
    stage = next(stages)

    def done() -> bool:
        nonlocal stage
        if stage == 0 and browser.events:
            browser.protocol.send_binary(b"one")
            browser.protocol.send_binary(b"tw", fin=False)
            browser.protocol.send_ping(b"")
            browser.protocol.send_continuation(b"o", fin=True)
            stage = next(stages)
        elif stage == 1 and len(agent.received) == 2 and len(browser.events) >= 4:
            browser.protocol.send_close(1000)
            stage = next(stages)
        if browser.ended:
            browser.socket.close()
            return bool(agent.disconnections)
        browser.push()
        return False

    browser.until(websockets, agent, done)
    assert browser.protocol.subprotocol == "coap"
    assert agent.connections[0][1] is Framing.FRAMES
    assert agent.received == [b"one", b"two"]
    frames = browser.events[1:]
    assert [bytes(frame.data) for frame in frames if frame.opcode is Opcode.BINARY] == [b"one", b"two"]
    assert {frame.opcode for frame in frames} == {Opcode.BINARY, Opcode.PONG, Opcode.CLOSE}
    assert len(agent.disconnections) == 1


@pytest.mark.parametrize(
    ("path", "subprotocols", "status"),
    [("/", ("coap",), 404), (PATH, (), 400), (PATH, ("chat",), 400)],
)
def test_what_does_not_ask_for_coap_is_refused(path, subprotocols, status, websockets):
    """A web page that looks for something else."""
    agent, browser = EchoAgent(), Browser(websockets, path, subprotocols)
    browser.until(websockets, agent, lambda: browser.ended)
    assert browser.events[0].status_code == status
    assert agent.connections == []
    browser.socket.close()


def test_text_is_refused(websockets):
    """CoAP is binary; what a text would mean nobody has said."""
    agent, browser = EchoAgent(), Browser(websockets)
    sent = False

    def done() -> bool:
        nonlocal sent
        if browser.events and not sent:
            sent = True
            browser.protocol.send_text(b"hello")
            browser.push()
        return browser.ended

    browser.until(websockets, agent, done)
    assert agent.received == []
    assert browser.protocol.close_code == 1003
    browser.socket.close()


def test_what_speaks_no_http_is_dropped(websockets):
    """Somebody took the port of CoAP on TCP."""
    with calling(websockets) as caller:
        caller.sendall(StreamMessage(Signal.CSM).encode() * 20 + b"\r\n\r\n")
        agent = EchoAgent()
        ended = []

        def done() -> bool:
            caller.setblocking(False)
            with suppress(BlockingIOError):
                ended.append(caller.recv(1000))
            return bool(ended)

        run(_Restless(agent), [websockets], SystemClock(), done)
    assert agent.connections == []


def test_handshakes_that_never_end_make_room_for_others(websockets, monkeypatch):
    """Whoever opens connections and says nothing must not keep others out."""
    monkeypatch.setattr("picosec.net.loop.MOST_UNKNOWN", 2)
    silent = [calling(websockets) for _ in range(4)]
    agent, browser = EchoAgent(), Browser(websockets)
    browser.until(websockets, agent, lambda: bool(agent.connections))
    for each in (*silent, browser.socket):
        each.close()


@pytest.mark.parametrize("module", [tcp, websocket])
def test_a_taken_tcp_port_is_one_line_that_names_the_mend(module, listening):
    """The second device started on a port says so, and what to do."""
    with pytest.raises(TransportError, match=r"TCP port \d+ of 127.0.0.1 is taken.*choose another"):
        module.listen("127.0.0.1", port_of(listening))


def test_localhost_is_every_loopback_address_on_one_tcp_port():
    """A person who types localhost must not have to know which address family it means."""
    listeners = tcp.listen("localhost", 0)
    assert len({port_of(each) for each in listeners}) == 1
    for each in listeners:
        each.close()
