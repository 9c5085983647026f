"""`picosec device --fault`: whoever writes a suite of his own needs something broken to try it on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from picosec.messaging import cbor
from picosec.messaging.blocks import Block
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec_conformance.adapters.subprocess import SubprocessAdapter
from picosec_conformance.cli import main

DEVICE = [sys.executable, "-m", "picosec_conformance", "device", "--stdio"]


@pytest.mark.parametrize("option", [["--fault", "boasts-of-a-feature"], ["--fault=boasts-of-a-feature"], []])
def test_device_is_broken_as_asked(option: list[str]) -> None:
    """The fault has to be in before the device is made: afterwards, it would serve as if nothing had been asked."""
    adapter = SubprocessAdapter([*DEVICE, *option])
    adapter.start()
    try:
        info, more = b"", True
        while more:  # it has more to say than fits into one block
            block = Block(len(info) // 1024, more=False, exponent=6).encode()
            options = (*path_options("/ps/info"), (int(Option.BLOCK2), block))
            adapter.send(Message(Type.CON, Code.GET, len(info) // 1024, b"t", options).encode())
            answer = adapter.receive(10)
            assert answer is not None
            message = Message.decode(answer)
            info += message.payload
            more = (message.option(Option.BLOCK2) or b"\0")[-1] & 8 != 0
    finally:
        adapter.close()

    features = cbor.loads(info)["features"]
    assert ("channel.edhoc.suite.24" in features) is bool(option)


def test_unknown_fault_exits_2_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error must not start a device that is in order, and looks as if the suite had missed something."""
    assert main(["device", "--stdio", "--fault", "no-such-fault"]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert "no-such-fault" in line
    assert "picosec faults --list" in line


def test_missing_name_exits_2() -> None:
    """An option that is cut off is no option."""
    with pytest.raises(SystemExit) as status:
        main(["device", "--fault"])

    assert status.value.code == 2


def test_help_tells_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody finds is not there."""
    with pytest.raises(SystemExit) as status:
        main(["device", "--help"])

    assert status.value.code == 0
    assert "--fault NAME" in capsys.readouterr().out


def test_reference_alone_knows_of_no_faults() -> None:
    """The reference is complete without the suite, and cannot be broken by an option that was left in."""
    command = [sys.executable, "-m", "picosec", "device", "--stdio", "--fault", "boasts-of-a-feature"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)

    assert ended.returncode == 2
