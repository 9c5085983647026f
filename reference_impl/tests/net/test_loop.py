"""The loop that carries datagrams and time to an agent."""

import os
import time
from contextlib import suppress

from echo_agent import EchoAgent

from picosec.messaging import slipmux
from picosec.net.clock import SystemClock
from picosec.net.loop import run
from picosec.net.stream import StreamTransport


class Pipe:
    """A stream transport and the far ends of its two pipes."""

    def __init__(self) -> None:
        reading, self.far_writing = os.pipe()
        self.far_reading, writing = os.pipe()
        self._near = (reading, writing)
        self.transport = StreamTransport("pipe", reading, writing)

    def close(self) -> None:
        for descriptor in (*self._near, self.far_writing, self.far_reading):
            with suppress(OSError):
                os.close(descriptor)

    def __enter__(self) -> "Pipe":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def test_frames_are_answered_until_the_stream_ends():
    """A bridge sends two frames and hangs up: both are answered, and the loop ends by itself."""
    with Pipe() as pipe:
        os.write(pipe.far_writing, slipmux.encode(b"one") + slipmux.encode(b"two"))
        os.close(pipe.far_writing)

        run(EchoAgent(), [pipe.transport], SystemClock())

        assert slipmux.Decoder().feed(os.read(pipe.far_reading, 4096)) == [b"one", b"two"]


def test_a_frame_may_come_in_pieces():
    """A serial line delivers byte by byte."""
    agent = EchoAgent()
    with Pipe() as pipe:
        frame = slipmux.encode(b"one")
        os.write(pipe.far_writing, frame[:2])
        pipe.transport.receive()
        os.write(pipe.far_writing, frame[2:])
        os.close(pipe.far_writing)

        run(agent, [pipe.transport], SystemClock())

        assert agent.received == [b"one"]


def test_a_reader_that_went_away_ends_the_loop():
    """`picosec device --stdio | head -c 1`: nobody reads any more, so there is nobody to serve."""
    with Pipe() as pipe:
        os.close(pipe.far_reading)
        os.write(pipe.far_writing, slipmux.encode(b"one"))

        run(EchoAgent(), [pipe.transport], SystemClock())


def test_one_stream_that_ends_leaves_the_others_served():
    """A device on two lines loses one of them."""
    agent = EchoAgent()
    with Pipe() as first, Pipe() as second:
        os.close(first.far_writing)
        os.write(second.far_writing, slipmux.encode(b"still here"))

        run(agent, [first.transport, second.transport], SystemClock(), lambda: bool(agent.received))

        assert slipmux.Decoder().feed(os.read(second.far_reading, 4096)) == [b"still here"]


def test_answers_go_back_where_the_request_came_from():
    """Two masters on two lines must not see each other's answers."""
    agent = EchoAgent()
    with Pipe() as first, Pipe() as second:
        os.write(first.far_writing, slipmux.encode(b"first"))
        os.write(second.far_writing, slipmux.encode(b"second"))

        run(agent, [first.transport, second.transport], SystemClock(), lambda: len(agent.received) == 2)

        assert slipmux.Decoder().feed(os.read(first.far_reading, 4096)) == [b"first"]
        assert slipmux.Decoder().feed(os.read(second.far_reading, 4096)) == [b"second"]


def test_what_is_due_is_done_without_any_datagram():
    """A retransmission must not wait for the peer that is not answering."""
    agent = EchoAgent(timers=(time.time() + 0.01,))
    with Pipe() as pipe:
        run(agent, [pipe.transport], SystemClock(), lambda: bool(agent.ticks))

    assert not agent.timers


def test_a_long_frame_passes_a_full_pipe():
    """A frame longer than the pipe holds is written in pieces while the other end reads."""
    frame = bytes(range(256)) * 24
    agent = EchoAgent()
    with Pipe() as pipe:
        for _ in range(8):
            os.write(pipe.far_writing, slipmux.encode(frame))
        run(agent, [pipe.transport], SystemClock(), lambda: len(agent.received) == 8)
        assert slipmux.Decoder().feed(os.read(pipe.far_reading, 1 << 20)) == [frame] * 8
