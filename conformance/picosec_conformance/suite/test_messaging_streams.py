"""Connections: how they open, and how large a message may be on them."""

from __future__ import annotations

from contextlib import suppress

import pytest

from picosec.messaging.coap import Code, Message, Options, Type, uint_bytes
from picosec.messaging.stream_message import (
    BASE_MESSAGE_SIZE,
    CsmOption,
    Signal,
    StreamMessage,
)
from picosec_conformance.adapters import ConnectionEnded
from picosec_conformance.connections import CSM, ELECTIVE, aborted, arrived, greet, info, largest_of
from picosec_conformance.control import Control
from picosec_conformance.target import Silence, Target

STORE = "/ps/test/store"


# -- opening -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1000")
@pytest.mark.parametrize("hurry", [False, True], ids=["csm-alone", "with-a-request"])
def test_csm_is_the_first_message(connection: Target, hurry: bool) -> None:
    """A client that does not know what the server takes has to assume the least for the whole connection."""
    connection.connect(csm=None)
    connection.send(CSM)
    if hurry:
        connection.send(info(connection))

    connection.receive_signal(Signal.CSM)


@pytest.mark.requirement("MSG-1010")
@pytest.mark.parametrize(
    "code", [Code.PUT, Code.CONTENT, Signal.PING, Signal.PONG, Signal.RELEASE], ids=lambda c: c.name
)
def test_connection_without_csm_is_refused(connection: Target, code: int) -> None:
    """A program for another protocol called the wrong port: nothing that it says may be taken for a request."""
    connection.connect(csm=None)
    connection.send(StreamMessage(code, b"\x01"))

    aborted(connection)


@pytest.mark.requirement("MSG-1010")
@pytest.mark.needs("conformance.test-interface")
def test_request_without_csm_has_no_effect(connection: Target) -> None:
    """The lamp switches although the connection is refused."""
    with connection.expect_unchanged():
        connection.connect(csm=None)
        connection.send(connection.build(Code.PUT, STORE, b"unannounced"))
        aborted(connection)


@pytest.mark.requirement("MSG-1030")
@pytest.mark.needs("conformance.test-interface")
def test_silent_connection_is_refused(connection: Target, elsewhere: Target) -> None:
    """Whoever opens connections and says nothing keeps everybody else out."""
    connection.connect(csm=None)
    connection.receive_signal(Signal.CSM)
    Control(elsewhere).advance(31.0)

    connection.receive_signal(Signal.ABORT)  # before anything else is said that would be refused without a CSM
    assert connection.until_ended() == []
    connection.connect()
    assert connection.until_probe_answered() == []


@pytest.mark.requirement("MSG-1030")
@pytest.mark.needs("conformance.test-interface")
def test_connection_with_csm_lasts(connection: Target, elsewhere: Target) -> None:
    """An app that has nothing to say for a minute is no intruder."""
    connection.connect()
    arrived(connection)
    Control(elsewhere).advance(60.0)

    assert connection.exchange(info(connection)).code == Code.CONTENT


@pytest.mark.requirement("MSG-1030")
@pytest.mark.needs("conformance.test-interface")
def test_connection_has_half_a_minute_for_its_csm(connection: Target, elsewhere: Target) -> None:
    """The slowest link there is needs twenty seconds for a few bytes."""
    connection.connect(csm=None)
    connection.receive_signal(Signal.CSM)
    Control(elsewhere).advance(28.0)
    connection.send(CSM)

    assert connection.exchange(info(connection)).code == Code.CONTENT


# -- sizes -------------------------------------------------------------------------------------------------------


def answer_sizes(connection: Target) -> list[int]:
    """Return the sizes of what the target sends on account of a request for some hundred bytes, and of a probe."""
    return [len(data) for data in connection.replies_to(info(connection))]


@pytest.mark.requirement("MSG-1050")
@pytest.mark.parametrize("size", [24, 64, 200])
def test_nothing_larger_is_sent_than_the_peer_takes(connection: Target, size: int) -> None:
    """A client with a small buffer loses the connection to the first answer that overruns it."""
    greet(connection, (CsmOption.MAX_MESSAGE_SIZE, uint_bytes(size)))

    assert max(answer_sizes(connection)) <= size


@pytest.mark.requirement("MSG-1050")
def test_nothing_larger_than_the_base_is_sent_to_a_peer_that_named_no_size(connection: Target) -> None:
    """1152 bytes are what everybody takes."""
    data = connection.replies_to(connection.build(Code.GET, connection.manifest.resources.large))

    assert max(len(each) for each in data) <= BASE_MESSAGE_SIZE


@pytest.mark.requirement("MSG-1060")
@pytest.mark.parametrize(
    "later",
    [(), ((CsmOption.BLOCK_WISE_TRANSFER, b""),), ((ELECTIVE, b"x"),)],
    ids=["empty", "another-option", "unknown-option"],
)
def test_later_csm_leaves_the_size_as_it_was(connection: Target, later: Options) -> None:
    """A CSM that only adds a capability is taken for a new beginning, and the small buffer is forgotten."""
    greet(connection, (CsmOption.MAX_MESSAGE_SIZE, uint_bytes(64)))
    connection.send(StreamMessage(Signal.CSM, b"", later))

    assert max(answer_sizes(connection)) <= 64


@pytest.mark.requirement("MSG-1060")
def test_later_csm_replaces_the_size(connection: Target) -> None:
    """A client that found more room says so, and is answered whole."""
    whole = connection.exchange(info(connection)).payload
    greet(connection, (CsmOption.MAX_MESSAGE_SIZE, uint_bytes(64)))
    connection.send(StreamMessage(Signal.CSM, b"", ((CsmOption.MAX_MESSAGE_SIZE, uint_bytes(1152)),)))

    assert connection.exchange(info(connection)).payload == whole


@pytest.mark.requirement("MSG-1040")
@pytest.mark.needs("messaging.stream")
@pytest.mark.parametrize("more", [1, 1000, 2**32 - 1], ids=["one-byte", "a-kilobyte", "the-most"])
def test_announced_length_beyond_the_limit_ends_the_connection(target: Target, more: int) -> None:
    """Five bytes announce four billion: a target that waits for them, or sets memory aside, is filled up."""
    beyond = min(largest_of(target) + more - 65805, 2**32 - 1)
    header = b"\xf0" + beyond.to_bytes(4, "big") if beyond >= 0 else _header(largest_of(target) + more)
    with target.expect_unchanged():
        target.send_raw(header)
        with suppress(ConnectionEnded):
            if target.receive_bytes() is None:
                raise Silence("the target knows the length, and waits for more")
        target.until_ended()
        target.connect()


def _header(size: int) -> bytes:
    """Return the first bytes of a message of this size, below 65,805, without a token."""
    rest = size - 4
    return b"\xe0" + (rest - 269).to_bytes(2, "big")


@pytest.mark.requirement("MSG-1040")
def test_message_beyond_the_limit_ends_the_connection(connection: Target) -> None:
    """It was told what the target takes, and sends one byte more."""
    with connection.expect_unchanged():
        connection.send(_filled(connection, largest_of(connection) + 1))
        connection.until_ended()
        connection.connect()


@pytest.mark.requirement("MSG-1040")
def test_largest_message_is_read(connection: Target) -> None:
    """A limit that is told and not kept breaks the peers that trust it."""
    request = _filled(connection, largest_of(connection))

    connection.send(request)

    assert connection.response_to(Message(Type.CON, request.code, 0, request.token)).token == request.token


def _filled(connection: Target, size: int) -> StreamMessage:
    """Return a request that is this large, for a path that nobody serves."""
    request = StreamMessage.of(connection.build(Code.PUT, "/no/such/path", b"x"))
    wanted = size - len(connection.form.encode(request)) + 1
    for length in range(wanted, wanted - 8, -1):
        grown = StreamMessage(request.code, request.token, request.options, bytes(length))
        if len(connection.form.encode(grown)) == size:
            return grown
    raise AssertionError(f"no message has {size} bytes")
