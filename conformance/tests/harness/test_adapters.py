"""Every adapter keeps one contract: frames out, frames in, in order, whole, and the truth about a target's death."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from picosec.messaging.coap import Code, Message, Type, path_options
from picosec_conformance.adapters import Adapter, AdapterError, TargetDied, open_adapter
from picosec_conformance.adapters.memory import MemoryAdapter

from .miniature import Miniature
from .ttys import joined_ttys

PROGRAM = str(Path(__file__).with_name("miniature.py"))
KINDS = ("subprocess", "udp", "serial", "memory")
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
    if kind == "udp":
        process = _spawn(["udp", "0", fault], stack)
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


def request(path: str, message_id: int = 7) -> bytes:
    """Return a GET as a frame."""
    return Message(Type.CON, Code.GET, message_id, b"\xc0\xdb", path_options(path)).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_frame_goes_out_and_its_answer_comes_in(opened: Opener, kind: str) -> None:
    """Whatever the link, a test sees the same message; END and ESC bytes in it included."""
    adapter = opened(kind)

    adapter.send(request("/a"))
    answer = adapter.receive(DEADLINE)

    assert answer is not None
    assert Message.decode(answer).payload == b"/a"
    assert Message.decode(answer).token == b"\xc0\xdb"


@pytest.mark.parametrize("kind", KINDS)
def test_frames_keep_their_order(opened: Opener, kind: str) -> None:
    """Silence is judged by a probe sent behind a frame: that needs an ordered link."""
    adapter = opened(kind)
    for number in range(50):
        adapter.send(request(f"/{number}", number))

    answers = [adapter.receive(DEADLINE) for _ in range(50)]

    assert [Message.decode(answer or b"").message_id for answer in answers] == list(range(50))


@pytest.mark.parametrize("kind", KINDS)
def test_large_frame_arrives_whole(opened: Opener, kind: str) -> None:
    """A frame that a pipe or tty hands over in pieces is still one frame."""
    adapter = opened(kind)
    segments = "/" + "/".join(["x" * 200] * 6)

    adapter.send(request(segments))
    answer = adapter.receive(DEADLINE)

    assert answer is not None
    assert Message.decode(answer).payload == segments.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_none_after_the_deadline(opened: Opener, kind: str) -> None:
    """A read without a deadline would hang a whole run on one deaf device."""
    adapter = opened(kind, "deaf")

    adapter.send(request("/a"))

    assert adapter.receive(0.05) is None


@pytest.mark.parametrize("kind", KINDS)
def test_start_and_close_may_be_repeated(opened: Opener, kind: str) -> None:
    """Clean-up runs on every path out of a run, some of them twice."""
    adapter = opened(kind)
    adapter.start()

    adapter.send(request("/a"))
    assert adapter.receive(DEADLINE) is not None

    adapter.close()
    adapter.close()


def test_program_that_dies_is_told_with_its_last_words(opened: Opener) -> None:
    """A crash is a finding about the target; the engineer needs the exit status and what it said last."""
    adapter = opened("subprocess", "dies")
    adapter.send(request("/a"))

    with pytest.raises(TargetDied, match=r"exit status 70.*out of luck"):
        adapter.receive(DEADLINE)

    adapter.power_cycle()
    adapter.send(Message(Type.CON, Code.EMPTY, 9).encode())
    assert adapter.receive(DEADLINE) == Message(Type.RST, Code.EMPTY, 9).encode()


@pytest.mark.parametrize(
    "settings",
    [
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


@pytest.mark.parametrize("kind", ["udp", "serial"])
def test_power_cycle_without_means_is_an_adapter_error(opened: Opener, kind: str) -> None:
    """The suite cannot pull a plug that nobody described to it."""
    with pytest.raises(AdapterError, match="restart"):
        opened(kind).power_cycle()
