"""Connections: what signals say, and what is said back."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.coap import Code, Options, uint_value
from picosec.messaging.stream_message import (
    AbortOption,
    PingOption,
    ReleaseOption,
    Signal,
    StreamMessage,
)
from picosec.registry import Problem
from picosec_conformance.connections import CRITICAL, CUSTODY, ELECTIVE, aborted, arrived, as_sent, info
from picosec_conformance.control import Control
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-1140")
@pytest.mark.parametrize("code", [0xE0, 0xE6, 0xFF], ids=["7.00", "7.06", "7.31"])
def test_signal_that_does_not_exist_ends_the_connection(connection: Target, code: int) -> None:
    """A later version may say with it that all that follows means something else."""
    connection.send(StreamMessage(code))

    aborted(connection)


SIGNALS = [Signal.CSM, Signal.PING, Signal.PONG, Signal.RELEASE]


@pytest.mark.requirement("MSG-1150")
@pytest.mark.parametrize("code", SIGNALS, ids=lambda code: code.name)
def test_unknown_critical_option_of_a_signal_ends_the_connection(connection: Target, code: int) -> None:
    """The peer depends on something that the target does not know."""
    connection.send(StreamMessage(code, b"", ((CRITICAL, b""),)))

    aborted(connection)


@pytest.mark.requirement("MSG-1150")
def test_unknown_critical_option_of_the_first_csm_ends_the_connection(connection: Target) -> None:
    """It stands where it is expected most."""
    connection.connect(csm=None)
    connection.send(StreamMessage(Signal.CSM, b"", ((CRITICAL, b""),)))

    aborted(connection)


@pytest.mark.requirement("MSG-1160")
@pytest.mark.parametrize("number", [3, 5, CRITICAL])
def test_bad_option_of_a_csm_is_named(connection: Target, number: int) -> None:
    """Who reads the log learns which of twenty options it was."""
    connection.send(StreamMessage(Signal.CSM, b"", ((number, b""),)))

    value = aborted(connection).option(AbortOption.BAD_CSM_OPTION)
    assert value is not None
    assert uint_value(value) == number


@pytest.mark.requirement("MSG-1170")
@pytest.mark.parametrize("code", [Signal.CSM, Signal.PONG], ids=lambda code: code.name)
def test_unknown_elective_option_of_a_signal_is_ignored(connection: Target, code: int) -> None:
    """A newer peer offers more than this one knows."""
    signal = StreamMessage(code, b"", ((ELECTIVE, b"new"),))

    assert connection.replies_to(connection.form.encode(signal)) == []


@pytest.mark.requirement("MSG-1170")
def test_ping_with_an_unknown_elective_option_is_answered(connection: Target) -> None:
    """The option may mean something to others; the question is the same."""
    connection.send(StreamMessage(Signal.PING, b"\x07", ((ELECTIVE, b"new"),)))

    assert connection.receive_signal(Signal.PONG).token == b"\x07"


@pytest.mark.requirement("MSG-1180")
@pytest.mark.needs("messaging.problem-details")
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("0020", Problem.MALFORMED),
        ("0901" + "00" * 9, Problem.MALFORMED),
        ("00e6", Problem.UNEXPECTED_MESSAGE),
        ("10e230", Problem.BAD_OPTION),
        ("10e130", Problem.BAD_OPTION),
    ],
    ids=["reserved-code", "token-length", "unknown-signal", "ping-option", "csm-option"],
)
def test_abort_names_its_error(connection: Target, data: str, problem: Problem) -> None:
    """An installer reads in the log why the devices do not talk to each other."""
    connection.send(as_sent(connection, bytes.fromhex(data)))

    assert aborted(connection).payload == problem.name.lower().encode()


@pytest.mark.requirement("MSG-1190")
@pytest.mark.parametrize("payload", [b"", b"no reason"])
def test_abort_is_the_end(connection: Target, payload: bytes) -> None:
    """Two ends that answer each other's Aborts never stop; one that goes on talking is not heard any more."""
    connection.send(StreamMessage(Signal.ABORT, b"", (), payload))

    assert connection.until_ended() == []
    connection.connect()
    assert connection.until_probe_answered() == []


@pytest.mark.requirement("MSG-1190")
def test_connection_is_closed_behind_an_abort(connection: Target) -> None:
    """A peer that has lost its place does not close by itself: aborted connections pile up until there are no more."""
    connection.send(bytes.fromhex("0020"))

    assert connection.until_ended()[-1].code == Signal.ABORT


@pytest.mark.requirement("MSG-1200")
def test_empty_message_is_ignored(connection: Target) -> None:
    """Every half minute one comes, to keep an address translator awake."""
    assert connection.replies_to(connection.form.encode(StreamMessage(Code.EMPTY))) == []


@pytest.mark.requirement("MSG-1210")
@pytest.mark.parametrize("length", [0, 1, 4, 8])
def test_ping_is_answered_with_its_token(connection: Target, rng: random.Random, length: int) -> None:
    """Whoever sent three Pings wants to know which of them is answered."""
    token = rng.randbytes(length)
    connection.send(StreamMessage(Signal.PING, token))

    assert connection.receive_signal(Signal.PONG).token == token


@pytest.mark.requirement("MSG-1210")
def test_each_ping_is_answered_once(connection: Target) -> None:
    """In order, however fast they come."""
    tokens = [bytes((number,)) for number in range(20)]
    for token in tokens:
        connection.send(StreamMessage(Signal.PING, token))

    assert [connection.receive_signal(Signal.PONG).token for _ in tokens] == tokens
    assert connection.until_probe_answered() == []


@pytest.mark.requirement("MSG-1220")
@pytest.mark.needs("conformance.test-interface")
def test_custody_waits_for_what_came_before(connection: Target, control: Control) -> None:
    """The client frees its buffers on the Pong; one that comes too early loses the request."""
    slow = connection.build(Code.GET, connection.manifest.resources.slow)
    connection.send(slow)
    connection.send(StreamMessage(Signal.PING, b"\x09", CUSTODY))

    said = [connection.read(data) for data in control.advance(2.0)]

    pong = StreamMessage(Signal.PONG, b"\x09", CUSTODY)
    assert pong in said
    assert [message.token for message in said].index(slow.token) < said.index(pong)


@pytest.mark.requirement("MSG-1220")
@pytest.mark.needs("conformance.test-interface")
def test_custody_is_given_in_order(connection: Target, control: Control) -> None:
    """Each Pong stands for what came before its own Ping, and the first of them for less than the second."""
    for token in (b"one", b"two"):
        connection.send(connection.build(Code.GET, connection.manifest.resources.slow))
        connection.send(StreamMessage(Signal.PING, token, CUSTODY))

    said = [connection.read(data) for data in control.advance(2.0)]

    assert [message.token for message in said if message.code == Signal.PONG] == [b"one", b"two"]


@pytest.mark.requirement("MSG-1220")
def test_custody_of_nothing_is_given_at_once(connection: Target) -> None:
    """Everything that came is answered already."""
    assert connection.exchange(info(connection)).code == Code.CONTENT
    connection.send(StreamMessage(Signal.PING, b"\x09", CUSTODY))

    assert connection.receive_signal(Signal.PONG).option(PingOption.CUSTODY) == b""


@pytest.mark.requirement("MSG-1230")
@pytest.mark.parametrize(
    "options",
    [
        (),
        ((ReleaseOption.HOLD_OFF, b"\x3c"),),
        ((ReleaseOption.ALTERNATIVE_ADDRESS, b"other.example:5683"), (ReleaseOption.ALTERNATIVE_ADDRESS, b"[::1]")),
    ],
    ids=["no-reason", "hold-off", "elsewhere"],
)
def test_released_connection_is_closed(connection: Target, options: Options) -> None:
    """A server that restarts waits for its clients to go."""
    connection.send(StreamMessage(Signal.RELEASE, b"", options))

    assert connection.until_ended() == []


@pytest.mark.requirement("MSG-1230")
@pytest.mark.needs("conformance.test-interface")
def test_released_connection_is_closed_behind_the_last_answer(connection: Target, elsewhere: Target) -> None:
    """Whoever releases a connection still wants its answers."""
    slow = connection.build(Code.GET, connection.manifest.resources.slow)
    connection.send(slow)
    arrived(connection)
    connection.send(StreamMessage(Signal.RELEASE))
    arrived(connection)
    Control(elsewhere).advance(2.0)

    assert [message.token for message in connection.until_ended()] == [slow.token]
