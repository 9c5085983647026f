"""Slipmux on a tty: a pty pair stands for the line and the computer at its other end."""

import os
import pty
from contextlib import suppress

import pytest
from echo_agent import EchoAgent

from picosec.messaging import slipmux
from picosec.net.clock import SystemClock
from picosec.net.loop import run
from picosec.net.serial import open_serial
from picosec.net.transport import TransportError


@pytest.fixture
def line():
    """The computer's end of a serial line, and the name of the device's end."""
    far, near = pty.openpty()
    name = os.ttyname(near)
    os.close(near)
    yield far, name
    with suppress(OSError):
        os.close(far)


def test_every_byte_passes_a_serial_line_unchanged(line):
    """A tty left in its default mode would echo, turn CR into LF, and take 0x03 for an interrupt."""
    far, name = line
    frame = bytes(range(256))
    agent = EchoAgent()
    transport = open_serial(name, 115200)
    os.write(far, slipmux.encode(frame))

    run(agent, [transport], SystemClock(), lambda: bool(agent.received))

    assert agent.received == [frame]
    assert slipmux.Decoder().feed(os.read(far, 4096)) == [frame]
    transport.close()


def test_a_line_that_hangs_up_ends_the_loop(line):
    """Somebody pulls the USB adapter."""
    far, name = line
    transport = open_serial(name)
    os.close(far)

    run(EchoAgent(), [transport], SystemClock())

    transport.close()


def test_a_line_in_use_is_one_line_that_names_the_mend(line):
    """Two programs on one line would each see half of the frames."""
    _far, name = line
    first = open_serial(name)

    with pytest.raises(TransportError, match="another program uses it"):
        open_serial(name)

    first.close()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/dev/ttyNONE", "/dev/ttyNONE: there is no such device"),
        ("/dev/null", "/dev/null: this is not a serial line"),
    ],
)
def test_a_wrong_path_is_one_line_that_names_the_mend(path, text):
    """A typing error in the name of the tty."""
    with pytest.raises(TransportError, match=text):
        open_serial(path)


def test_a_baud_rate_that_is_none_is_one_line_that_names_the_mend(line):
    """No line runs at -1 baud."""
    _far, name = line
    with pytest.raises(TransportError, match="baud rate -1 is not available"):
        open_serial(name, -1)
