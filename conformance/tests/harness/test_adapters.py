"""Every adapter keeps one contract: frames out, frames in, in order, whole, and the truth about a target's death."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import cast

import pytest

from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.messaging.stream_message import Signal
from picosec_conformance.adapters import Adapter, AdapterError, ConnectionEnded, TargetDied, open_adapter
from picosec_conformance.adapters.base import Connection, Ending
from picosec_conformance.adapters.further import FurtherLink
from picosec_conformance.adapters.memory import MemoryAdapter
from picosec_conformance.adapters.tcp import TcpAdapter
from picosec_conformance.forms import FORMS

from .miniature import Miniature
from .ttys import joined_ttys

PROGRAM = str(Path(__file__).with_name("miniature.py"))
KINDS = ("subprocess", "udp", "tcp", "websocket", "serial", "memory")
CONNECTIONS = ("tcp", "websocket")
DEADLINE = 5.0

Opener = Callable[..., Adapter]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open an adapter of a kind onto a miniature target, with everything it needs around it."""
    with ExitStack() as stack:

        def open_kind(kind: str, fault: str = "") -> Adapter:
            adapter = _open(kind, fault, stack)
            stack.callback(adapter.close)
            adapter.start()
            return adapter

        yield open_kind


def _open(kind: str, fault: str, stack: ExitStack) -> Adapter:
    if kind == "memory":
        return MemoryAdapter(lambda: Miniature(fault))
    if kind == "subprocess":
        return open_adapter({"kind": kind, "command": ["{python}", PROGRAM, "stdio", fault]})
    if kind in ("udp", *CONNECTIONS):
        process = _spawn([kind, "0", fault], stack)
        assert process.stdout is not None
        return open_adapter({"kind": kind, "host": "127.0.0.1", "port": int(process.stdout.readline())})
    ours, theirs = joined_ttys(stack)
    process = _spawn(["tty", theirs, fault], stack)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return open_adapter({"kind": kind, "device": ours})


def _spawn(arguments: list[str], stack: ExitStack) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    stack.callback(process.stdout.close)
    return process


def request(adapter: Adapter, path: str, token: bytes = b"\xc0\xdb") -> bytes:
    """Return a GET as a frame of the adapter's link."""
    return FORMS[adapter.framing].encode(Message(Type.CON, Code.GET, 7, token, path_options(path)))


def answer_on(adapter: Adapter) -> Message:
    """Return the next message; what a connection begins with is passed over."""
    form = FORMS[adapter.framing]
    while (frame := adapter.receive(DEADLINE)) is not None:
        if form.datagrams or (message := form.decode(frame)).code != Signal.CSM:
            return form.decode(frame) if form.datagrams else message
    raise AssertionError("no answer")


@pytest.mark.parametrize("kind", KINDS)
def test_frame_goes_out_and_its_answer_comes_in(opened: Opener, kind: str) -> None:
    """Whatever the link, a test sees the same message; END and ESC bytes in it included."""
    adapter = opened(kind)

    adapter.send(request(adapter, "/a"))
    answer = answer_on(adapter)

    assert answer.payload == b"/a"
    assert answer.token == b"\xc0\xdb"


@pytest.mark.parametrize("kind", KINDS)
def test_frames_keep_their_order(opened: Opener, kind: str) -> None:
    """Silence is judged by a probe sent behind a frame: that needs an ordered link."""
    adapter = opened(kind)
    for number in range(50):
        adapter.send(request(adapter, f"/{number}", bytes([number])))

    assert [answer_on(adapter).token[0] for _ in range(50)] == list(range(50))


@pytest.mark.parametrize("kind", KINDS)
def test_large_frame_arrives_whole(opened: Opener, kind: str) -> None:
    """A frame that a pipe or tty hands over in pieces is still one frame."""
    adapter = opened(kind)
    segments = "/" + "/".join(["x" * 200] * 6)

    adapter.send(request(adapter, segments))

    assert answer_on(adapter).payload == segments.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_none_after_the_deadline(opened: Opener, kind: str) -> None:
    """A read without a deadline would hang a whole run on one deaf device."""
    adapter = opened(kind, "deaf")
    if kind in CONNECTIONS:
        assert adapter.receive(DEADLINE) is not None, "what a connection begins with"

    adapter.send(request(adapter, "/a"))

    assert adapter.receive(0.05) is None


@pytest.mark.parametrize("kind", KINDS)
def test_start_and_close_may_be_repeated(opened: Opener, kind: str) -> None:
    """Clean-up runs on every path out of a run, some of them twice."""
    adapter = opened(kind)
    adapter.start()

    adapter.send(request(adapter, "/a"))
    assert adapter.receive(DEADLINE) is not None

    adapter.close()
    adapter.close()


def test_program_that_dies_is_told_with_its_last_words(opened: Opener) -> None:
    """A crash is a finding about the target; the engineer needs the exit status and what it said last."""
    adapter = opened("subprocess", "dies")
    adapter.send(request(adapter, "/a"))

    with pytest.raises(TargetDied, match=r"exit status 70.*out of luck"):
        adapter.receive(DEADLINE)

    adapter.power_cycle()
    adapter.send(Message(Type.CON, Code.EMPTY, 9).encode())
    assert adapter.receive(DEADLINE) == Message(Type.RST, Code.EMPTY, 9).encode()


def test_datagram_target_that_dies_is_told_from_one_that_never_was_there() -> None:
    """Who answered, and is refused now, crashed; who was refused from the first on was not started."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
        target.bind(("127.0.0.1", 0))
        port = target.getsockname()[1]
        settings = {"kind": "udp", "host": "127.0.0.1", "port": port}
        with closing(open_adapter(settings)) as adapter, closing(open_adapter(settings)) as late:
            adapter.start()
            adapter.send(b"question")
            target.sendto(b"answer", target.recvfrom(64)[1])
            assert adapter.receive(DEADLINE) == b"answer"
            target.close()
            adapter.send(b"still there?")
            with pytest.raises(TargetDied):
                adapter.receive(DEADLINE)
            late.start()
            late.send(b"anybody?")
            with pytest.raises(AdapterError):
                late.receive(DEADLINE)


def test_listener_that_is_gone_is_told_from_one_that_never_was_there() -> None:
    """Likewise on connections: after a crash nobody takes the next one."""
    with socket.create_server(("127.0.0.1", 0)) as target:
        place = target.getsockname()
        with closing(TcpAdapter(*place)) as adapter:
            adapter.start()
            target.close()
            with pytest.raises(TargetDied):
                adapter.connect()
        with closing(TcpAdapter(*place)) as late, pytest.raises(AdapterError):
            late.connect()


def test_end_of_a_target_is_explained_by_the_link_that_started_it() -> None:
    """A program that ran out of memory did not crash, and only who started it can tell."""
    known: list[Exception] = []

    def ask() -> None:
        for error in known:
            raise error

    with (
        socket.create_server(("127.0.0.1", 0)) as target,
        closing(FurtherLink(TcpAdapter(*target.getsockname()), ask)) as link,
    ):
        link.start()
        target.close()
        with pytest.raises(TargetDied, match="nothing listens"):
            link.connect()
        known.append(AdapterError("somebody killed the program"))
        with pytest.raises(AdapterError, match="killed"):
            link.connect()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"kind": "tcp", "host": "host.invalid"}, id="tcp"),
        pytest.param({"kind": "websocket", "host": "host.invalid"}, id="websocket"),
        pytest.param({"kind": "subprocess", "command": ["/no/such/program"]}, id="subprocess"),
        pytest.param({"kind": "serial", "device": "/dev/no-such-tty"}, id="serial"),
        pytest.param({"kind": "memory", "factory": "no_such_module:thing"}, id="memory"),
    ],
)
def test_link_that_cannot_be_made_is_no_fault_of_the_target(settings: dict[str, object]) -> None:
    """A wrong path in a manifest must not read as a failed certification."""
    with pytest.raises(AdapterError), closing(open_adapter(settings)) as adapter:
        adapter.start()


@pytest.mark.parametrize("kind", ["udp", "memory"])
def test_datagram_link_refuses_raw_bytes(opened: Opener, kind: str) -> None:
    """There is no framing to attack, and a test that believes it did attack one would pass for nothing."""
    with pytest.raises(AdapterError):
        opened(kind).send_raw(b"\xc0")


@pytest.mark.parametrize("kind", CONNECTIONS)
@pytest.mark.parametrize(("fault", "reset"), [("hangs-up", False), ("resets", True)])
def test_end_of_a_connection_is_told_with_its_manner(opened: Opener, kind: str, fault: str, reset: bool) -> None:
    """A target that closes did so on purpose; a reset may be a box on the way: a test must be able to tell."""
    adapter = opened(kind, fault)
    assert adapter.receive(DEADLINE) is not None, "what came before the end comes first"

    adapter.send(request(adapter, "/a"))
    for _ in range(2):
        with pytest.raises(ConnectionEnded) as ended:
            adapter.receive(DEADLINE)
        assert ended.value.reset is reset


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_connection_is_made_anew(opened: Opener, kind: str) -> None:
    """What one test did to its connection is over when the next one begins."""
    adapter = cast(Connection, opened(kind))
    for ending in Ending:
        adapter.send(request(adapter, "/a"))
        adapter.disconnect(ending)
        adapter.connect()
        adapter.send(request(adapter, "/b"))
        assert answer_on(adapter).payload == b"/b"


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_connection_closed_by_half_still_brings_answers(opened: Opener, kind: str) -> None:
    """A client that has said all it wants to may still listen."""
    adapter = cast(Connection, opened(kind))
    adapter.send(request(adapter, "/a"))
    adapter.disconnect(Ending.HALF)

    assert answer_on(adapter).payload == b"/a"
    with pytest.raises(ConnectionEnded):
        adapter.receive(DEADLINE)


def test_bare_connection_shows_the_opening_of_a_websocket(opened: Opener) -> None:
    """What a target answers to a wrong opening must be seen, and no library on the way may mend it."""
    adapter = cast(Connection, opened("websocket"))
    adapter.connect(bare=True)
    lines = ["GET /.well-known/coap HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Protocol: coap", "", ""]

    adapter.send_raw("\r\n".join(lines).encode())

    head = adapter.receive(DEADLINE)
    assert head is not None
    assert head.startswith(b"HTTP/1.1 101 ")
    assert head.endswith(b"\r\n\r\n")
    assert adapter.receive(DEADLINE) == b"\x82\x02\x00\xe1", "then come frames of WebSocket: this one holds a CSM"


@pytest.mark.parametrize("kind", ["udp", "serial", *CONNECTIONS])
def test_power_cycle_without_means_is_an_adapter_error(opened: Opener, kind: str) -> None:
    """The suite cannot pull a plug that nobody described to it."""
    with pytest.raises(AdapterError, match="restart"):
        opened(kind).power_cycle()
