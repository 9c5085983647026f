"""`picosec device` as a program: how it starts, serves and ends."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from picosec.messaging import cbor, slipmux
from picosec.messaging.blocks import block_of
from picosec.messaging.coap import Code, Message, Option, Options, Type, path_options

COMMAND = [sys.executable, "-m", "picosec", "device", "--stdio"]


def start(*options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )


def ask(
    device: subprocess.Popen,
    path: str,
    code: int = Code.GET,
    payload: bytes = b"",
    options: Options = (),
    number: int = 1,
) -> Message:
    request = Message(Type.CON, code, number, b"t", (*path_options(path), *options), payload)
    device.stdin.write(slipmux.encode(request.encode()))
    decoder, frames = slipmux.Decoder(), []
    while not frames:
        data = os.read(device.stdout.fileno(), 65536)
        assert data, device.stderr.read()
        frames = decoder.feed(data)
    return Message.decode(frames[0])


def read(device: subprocess.Popen, path: str) -> bytes:
    """Return a representation, which may come in blocks."""
    reply, body, number = ask(device, path), b"", 1
    while (block := block_of(reply, Option.BLOCK2)) is not None and block.more:
        body += reply.payload
        further = replace(block, number=block.number + 1, more=False).option(Option.BLOCK2)
        number += 1
        reply = ask(device, path, options=(further,), number=number)
    return body + reply.payload


def ended(device: subprocess.Popen) -> tuple[int, bytes]:
    _out, err = device.communicate(timeout=5)
    return device.returncode, err


@pytest.mark.parametrize(("options", "code"), [([], Code.NOT_FOUND), (["--test-interface"], Code.CONTENT)])
def test_the_test_interface_is_there_when_asked_for_and_only_then(options, code):
    """A production device must have nothing under /ps/test."""
    device = start(*options)

    assert ask(device, "/ps/test/state").code == code

    device.stdin.close()
    device.stdin = None
    assert ended(device) == (0, b"")


def test_what_it_is_fits_the_names_of_the_registry():
    """The suite compares this with the manifest."""
    device = start()
    info = cbor.loads(read(device, "/ps/info"))

    assert info["role"] == "device"
    assert "channel.edhoc.responder" in info["features"]
    assert "channel.resume" not in info["features"], "nothing outlives this process"
    assert ended(device) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_somebody_who_stops_it_sees_no_traceback(number):
    """Ctrl-C, a service manager, a terminal that closes: all are orderly ends."""
    device = start()
    ask(device, "/ps/info")
    device.send_signal(number)

    assert ended(device) == (0, b"")


def test_a_reader_that_leaves_ends_it():
    """`picosec device --stdio | head -c 10`."""
    device = start()
    device.stdout.close()
    device.stdin.write(slipmux.encode(Message(Type.CON, Code.EMPTY, 1).encode()))
    device.stdout = None

    assert ended(device) == (0, b"")


def test_nothing_but_frames_reaches_standard_output():
    """One stray print would break the framing for good."""
    device = start("--test-interface", "--identity", "none.toml")

    out, err = device.communicate(timeout=5)

    assert (device.returncode, out) == (2, b"")
    assert err.count(b"\n") == 1


def test_a_taken_port_is_one_line():
    """The second device on one port."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        line = [sys.executable, "-m", "picosec", "device", "--udp", f"127.0.0.1:{port}"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=10, check=False)

    assert done.returncode == 2
    assert done.stderr == (
        f"picosec: UDP port {port} of 127.0.0.1 is taken by another program: "
        f"stop it, or choose another port (`--udp 127.0.0.1:{port + 1}`)\n"
    )


def test_device_ends_with_its_input_whatever_else_it_serves():
    """Who starts a device over standard input ends it that way; sockets beside it must not keep it."""
    device = start("--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--test-interface")
    ask(device, "/ps/test/state")

    device.stdin.close()
    device.stdin = None

    assert ended(device)[0] == 0
