"""What becomes of work in progress on connections: when it is done, and when its connection or the target ends."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from picosec.messaging.coap import Code
from picosec.messaging.stream_message import CsmOption, Signal, StreamMessage
from picosec_conformance.adapters import ConnectionEnded
from picosec_conformance.adapters.base import Ending
from picosec_conformance.connections import CUSTODY, arrived
from picosec_conformance.control import Control
from picosec_conformance.target import Target

# -- the connection ends first -----------------------------------------------------------------------------------


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("end", ["close", "reset", "abort", "malformed"])
def test_target_survives_answers_that_nobody_waits_for(connection: Target, elsewhere: Target, end: str) -> None:
    """A phone leaves the house while a slow lock turns: the answer has nowhere to go when it is ready."""
    connection.send(connection.build(Code.GET, connection.manifest.resources.slow))
    connection.send(StreamMessage(Signal.PING, b"held", CUSTODY))
    arrived(connection)
    match end:
        case "close":
            connection.disconnect()
        case "reset":
            connection.disconnect(Ending.RESET)
        case _:
            connection.send(StreamMessage(Signal.ABORT if end == "abort" else 0x20))
            connection.until_ended()
    connection.connect()
    for seconds in (2.0, 60.0, 300.0):
        Control(elsewhere).advance(seconds)
        assert connection.until_probe_answered() == []


@pytest.mark.requirement("MSG-1190")
@pytest.mark.needs("conformance.test-interface")
def test_nothing_counts_behind_an_abort(connection: Target) -> None:
    """A peer says that it is over, and goes on talking in the same breath: one of the two is not from it."""
    command = connection.build(Code.PUT, "/ps/test/store", b"afterwards")
    with connection.expect_unchanged():
        if connection.framing == "tcp":
            connection.send_raw(connection.form.encode(StreamMessage(Signal.ABORT)) + connection.form.encode(command))
        else:
            connection.send(StreamMessage(Signal.ABORT))
            connection.send(command)
        assert connection.until_ended() == []
        connection.connect()


@pytest.mark.requirement("MSG-1050")
@pytest.mark.parametrize("size", [8, 9, 11])
def test_not_even_an_abort_is_larger_than_the_peer_takes(connection: Target, size: int) -> None:
    """A peer takes so little that no answer fits: it is not told so by something that does not fit either."""
    connection.connect(StreamMessage(Signal.CSM, b"", ((int(CsmOption.MAX_MESSAGE_SIZE), bytes((size,))),)))
    connection.send(replace(connection.build(Code.GET, connection.manifest.resources.get), token=b"8 bytes!"))
    connection.send(StreamMessage(Signal.PING, b"done"))
    said: list[bytes] = []
    with suppress(ConnectionEnded):
        while (data := connection.receive_bytes()) is not None and connection.read(data).code != Signal.PONG:
            said.append(data)

    assert [len(data) for data in said if len(data) > size] == []
    connection.connect()
    assert connection.until_probe_answered() == []


# -- custody -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1220")
@pytest.mark.needs("conformance.test-interface")
def test_custody_does_not_wait_for_what_came_later(connection: Target, control: Control) -> None:
    """A busy client always has something outstanding: it would never learn that the first of it is done."""
    slow = connection.manifest.resources.slow
    connection.send(connection.build(Code.GET, slow))
    connection.send(StreamMessage(Signal.PING, b"one", CUSTODY))
    early = control.advance(0.6)
    connection.send(connection.build(Code.GET, slow))
    connection.send(StreamMessage(Signal.PING, b"two", CUSTODY))

    late = control.advance(0.6)

    assert pongs(connection, early) == []
    assert pongs(connection, late) == [b"one"]
    assert pongs(connection, control.advance(0.6)) == [b"two"]


@pytest.mark.requirement("MSG-1210")
@pytest.mark.needs("conformance.test-interface")
def test_every_ping_with_custody_is_answered(connection: Target, control: Control) -> None:
    """A nervous client asks twenty times while it waits: however few Pongs are held back, none is forgotten."""
    tokens = [bytes((number,)) for number in range(20)]
    connection.send(connection.build(Code.GET, connection.manifest.resources.slow))
    for token in tokens:
        connection.send(StreamMessage(Signal.PING, token, CUSTODY))

    assert sorted(pongs(connection, control.advance(2.0))) == tokens


def pongs(connection: Target, said: list[bytes]) -> list[bytes]:
    """Return the tokens of the Pongs in what the target said."""
    return [message.token for message in map(connection.read, said) if message.code == Signal.PONG]


# -- a restart behind the connection -----------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1030")
@pytest.mark.needs("conformance.test-interface")
def test_silent_connection_is_refused_after_a_restart_too(connection: Target, elsewhere: Target) -> None:
    """Whoever says nothing while the device restarts behind its connection, is not forgotten for ever."""
    connection.connect(csm=None)
    connection.receive_signal(Signal.CSM)
    Control(elsewhere).reboot()
    Control(elsewhere).advance(31.0)

    with suppress(ConnectionEnded):  # a restart may have ended it
        connection.receive_signal(Signal.ABORT)
    connection.connect()
    assert connection.until_probe_answered() == []


@pytest.mark.requirement("MSG-1030")
@pytest.mark.needs("conformance.test-interface")
def test_connection_has_its_time_after_a_restart_too(connection: Target, elsewhere: Target) -> None:
    """The device restarts while a slow link brings the first bytes: nobody has to connect again."""
    connection.connect(csm=None)
    connection.receive_signal(Signal.CSM)
    Control(elsewhere).reboot()
    Control(elsewhere).advance(20.0)
    try:
        connection.send(StreamMessage(Signal.CSM))
        arrived(connection)
    except ConnectionEnded:
        pytest.skip("a restart of the target ends its connections")

    assert connection.until_probe_answered() == []
