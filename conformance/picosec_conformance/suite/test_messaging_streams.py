"""Connections: how they open, what ends them, and what becomes of requests on them."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.coap import Code, Message, Options, Type, uint_bytes, uint_value
from picosec.messaging.stream_message import (
    BASE_MESSAGE_SIZE,
    AbortOption,
    CsmOption,
    PingOption,
    ReleaseOption,
    Signal,
    StreamMessage,
)
from picosec.registry import Problem
from picosec_conformance.adapters.base import Ending
from picosec_conformance.control import Control, Event
from picosec_conformance.reach import Reach
from picosec_conformance.target import Nonconformity, Target

CSM = StreamMessage(Signal.CSM)
CUSTODY: Options = ((int(PingOption.CUSTODY), b""),)
#: Options that nobody has defined for any signal.
CRITICAL, ELECTIVE = 65001, 65000
STORE = "/ps/test/store"


WAYS = [pytest.param(way, marks=pytest.mark.needs(f"messaging.{way}")) for way in ("stream", "websocket")]


@pytest.fixture(params=WAYS)
def connection(target: Target, ways: Reach, request: pytest.FixtureRequest) -> Target:
    """The target on a connection, over TCP and over WebSocket."""
    return ways(f"messaging.{request.param}")


@pytest.fixture
def elsewhere(connection: Target, reach: Reach) -> Target:
    """The same target on another link."""
    name = next((name for name in reach.names if name != connection.link), None)
    if name is None:
        pytest.skip("the target has one link only")
    return reach.link(name)


def greet(connection: Target, *options: tuple[int, bytes]) -> None:
    """Make a new connection with a CSM that has these options."""
    connection.connect(StreamMessage(Signal.CSM, b"", options))


def aborted(connection: Target) -> StreamMessage:
    """Return the Abort with which the target ends the connection, the last thing that it says, and see it alive."""
    said = connection.until_ended()
    if not said or said[-1].code != Signal.ABORT:
        raise Nonconformity("the target ended the connection without an Abort")
    assert [message.code for message in said].count(Signal.ABORT) == 1
    connection.connect()
    assert connection.until_probe_answered() == []
    return said[-1]


def info(connection: Target) -> Message:
    """Return a request that is answered by some hundred bytes."""
    return connection.build(Code.GET, connection.manifest.resources.get)


def largest_of(connection: Target) -> int:
    """Return what the target said to take."""
    size = connection.csm.option(CsmOption.MAX_MESSAGE_SIZE)
    return BASE_MESSAGE_SIZE if size is None else uint_value(size)


def arrived(connection: Target) -> None:
    """Wait until the target has read what was sent on a connection: links are not in step with each other."""
    connection.send(StreamMessage(Signal.PING, b"arrived"))
    connection.receive_signal(Signal.PONG)


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


# -- what the bytes mean -----------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1070")
@pytest.mark.needs("messaging.stream")
def test_length_counts_what_follows_the_token(target: Target, rng: random.Random) -> None:
    """A length that is wrong by one makes the next message garbage."""
    for payload in (b"", b"x", rng.randbytes(20), rng.randbytes(300)):
        if payload:
            target.request(Code.PUT, target.manifest.resources.protected_get, payload)
        target.request(Code.GET, target.manifest.resources.get)
        target.request(Code.GET, "/no/such/path")

        assert target.until_probe_answered() == []


@pytest.mark.requirement("MSG-1280")
@pytest.mark.needs("messaging.websocket")
def test_no_length_stands_in_a_websocket_message(target: Target) -> None:
    """Two lengths could differ, and then two readers see two messages."""
    target.connect(csm=None)
    target.send(CSM)
    target.send(info(target))
    target.send(StreamMessage(Signal.PING, b"\x01"))

    for _ in range(3):
        data = target.receive_bytes()
        assert data
        assert data[0] >> 4 == 0


#: What is wrong by requirement: the bytes on TCP, behind the CSM.
MALFORMED = {
    "MSG-1080": {"token-length-9": "0901" + "00" * 9, "token-length-15": "0f01" + "00" * 15},
    "MSG-1090": {"class-1": "0020", "class-1-token": "013f01", "class-6": "00c0"},
    "MSG-1100": {"token": "0100c0", "option": "2000b161", "payload": "2000ff00", "token-length": "0100"},
    "MSG-1110": {
        "option-value-cut-short": "3001b3616263"[:10],
        "option-delta-cut-short": "1001d0",
        "option-delta-16-cut-short": "2001e000",
        "option-length-cut-short": "10010d",
        "marker-without-payload": "1045ff",
        "option-delta-15": "1001f0",
        "option-length-15": "10010f",
    },
}
EVERY = [
    pytest.param(bytes.fromhex(data), id=f"{requirement}-{name}", marks=pytest.mark.requirement(requirement))
    for requirement, cases in MALFORMED.items()
    for name, data in cases.items()
    if name != "token-length"
]


def as_sent(connection: Target, data: bytes) -> bytes:
    """Return a message of TCP, shorter than 13 bytes behind its token, as the connection carries it."""
    return data if connection.framing == "tcp" else bytes((data[0] & 15,)) + data[1:]


@pytest.mark.parametrize("data", EVERY)
def test_malformed_message_ends_the_connection(connection: Target, data: bytes) -> None:
    """Behind it nothing tells where the next message begins: reading on is guessing."""
    with connection.expect_unchanged():
        connection.send(as_sent(connection, data))
        aborted(connection)


@pytest.mark.requirement("MSG-1110")
@pytest.mark.needs("messaging.websocket")
@pytest.mark.parametrize("data", ["", "00", "0401c0ffee"], ids=["nothing", "no-code", "token-cut-short"])
def test_websocket_message_that_is_too_short_ends_the_connection(target: Target, data: str) -> None:
    """A frame can be shorter than what it holds."""
    with target.expect_unchanged():
        target.send(bytes.fromhex(data))
        aborted(target)


@pytest.mark.requirement("MSG-1120")
@pytest.mark.needs("messaging.websocket")
@pytest.mark.parametrize("data", ["1045ff", "20450100", "d0000100" + "00" * 12], ids=["wrong", "right", "extended"])
def test_length_in_a_websocket_message_ends_the_connection(target: Target, data: str) -> None:
    """One reader believes the frame, another the length inside it."""
    with target.expect_unchanged():
        target.send(bytes.fromhex(data))
        aborted(target)


@pytest.mark.requirement("MSG-1130")
@pytest.mark.needs("conformance.test-interface")
def test_nothing_counts_behind_a_malformed_message(connection: Target) -> None:
    """An attacker hides a command in what one reader takes for a payload and another for the next message."""
    command = connection.form.encode(connection.build(Code.PUT, STORE, b"smuggled"))
    with connection.expect_unchanged():
        if connection.framing == "tcp":
            connection.send_raw(bytes.fromhex("0020") + command)
        else:
            connection.send(bytes.fromhex("0020"))
            connection.send(command)
        aborted(connection)


# -- signals -----------------------------------------------------------------------------------------------------


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
@pytest.mark.parametrize("number", [3, CRITICAL])
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


# -- requests and responses --------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1250")
@pytest.mark.needs("conformance.test-interface")
def test_response_takes_the_connection_of_its_request(connection: Target, elsewhere: Target) -> None:
    """Two people ask the same slow resource; each gets one answer, and it is his own."""
    slow = connection.manifest.resources.slow
    here, there = connection.build(Code.GET, slow), elsewhere.build(Code.GET, slow)
    connection.send(here)
    arrived(connection)
    elsewhere.send(there)
    said = [elsewhere.parse(data) for data in Control(elsewhere).advance(2.0)]

    assert {message.token for message in said if message.code != Code.EMPTY} == {there.token}
    assert connection.response_to(here).code == Code.CONTENT
    assert connection.until_probe_answered() == []


def ask(connection: Target) -> tuple[int, Message]:
    """Make the target ask the suite for something, and return handle and request."""
    handle = Control(connection).act("request", {1: int(Code.GET), 2: "/x"})
    return handle, connection.receive("the request that the act demands")


@pytest.mark.requirement("MSG-1260")
@pytest.mark.needs("conformance.test-interface")
def test_response_from_elsewhere_answers_nothing(connection: Target, elsewhere: Target) -> None:
    """Tokens are counted from one by many: the answer to another's question has the right token."""
    handle, asked = ask(connection)
    forged = Message(Type.NON, Code.CONTENT, elsewhere.fresh_message_id(), asked.token, (), b"forged")
    elsewhere.replies_to(forged)
    assert Control(connection).events() == []

    connection.send(StreamMessage(Code.CONTENT, asked.token, (), b"right"))

    (event,) = Control(connection).events()
    assert (event.name, event.fields[0], event.fields[2]) == ("response", handle, b"right")


@pytest.mark.requirement("MSG-1260")
@pytest.mark.needs("conformance.test-interface")
def test_response_from_the_connection_behind_answers_nothing(connection: Target) -> None:
    """A client that reconnects quickly takes what comes for the answer that it waited for before."""
    handle, asked = ask(connection)
    connection.connect()
    connection.send(StreamMessage(Code.CONTENT, asked.token, (), b"late"))

    assert _failures(connection) == [Event("failed", {0: handle, 1: "disconnected"})]


@pytest.mark.requirement("MSG-1270")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("what", ["request", "ping"])
@pytest.mark.parametrize("end", ["close", "reset", "abort", "malformed"])
def test_requests_end_with_their_connection(connection: Target, elsewhere: Target, what: str, end: str) -> None:
    """An app shows "please wait" for four minutes although the answer cannot come any more."""
    parameters = {1: int(Code.GET), 2: "/x"} if what == "request" else {}
    handle = Control(connection).act(what, parameters)
    connection.receive("what the act demands")
    match end:
        case "close":
            connection.disconnect()
        case "reset":
            connection.disconnect(Ending.RESET)
        case "abort":
            connection.send(StreamMessage(Signal.ABORT))
            connection.until_ended()
        case _:
            connection.send(as_sent(connection, bytes.fromhex("0020")))
            connection.until_ended()

    assert _failures(elsewhere) == [Event("failed", {0: handle, 1: "disconnected"})]


def _failures(elsewhere: Target) -> list[Event]:
    """Return what the target reports, once the news of the connection's end has reached it."""
    for _ in range(200):
        events = Control(elsewhere).events()
        if events:
            return events
    return []


@pytest.mark.requirement("MSG-500")
def test_request_with_an_unknown_critical_option_ends_nothing(connection: Target) -> None:
    """It is refused, as on datagrams; the connection has others to carry."""
    request = connection.build(Code.GET, connection.manifest.resources.get, options=((CRITICAL, b""),))
    connection.expect_refusal(connection.exchange(request), Code.BAD_OPTION, Problem.BAD_OPTION)

    assert connection.exchange(info(connection)).code == Code.CONTENT


@pytest.mark.requirement("MSG-520")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
def test_response_with_an_unknown_critical_option_is_no_answer(connection: Target) -> None:
    """What it says depends on something that the target does not know."""
    _handle, asked = ask(connection)
    connection.send(StreamMessage(Code.CONTENT, asked.token, ((CRITICAL, b""),), b"misunderstood"))

    assert "response" not in [event.name for event in Control(connection).events()]
    assert connection.exchange(info(connection)).code == Code.CONTENT


# -- WebSocket ---------------------------------------------------------------------------------------------------


def opening(path: str = "/.well-known/coap", *headers: str) -> bytes:
    """Return the opening handshake of a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: target",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def status(target: Target, request: bytes) -> int:
    """Return the HTTP status with which the target answers an opening handshake."""
    target.connect_bare()
    target.send_raw(request)
    answer = target.receive_bytes()
    assert answer is not None, "the opening handshake stays unanswered"
    return int(answer.split(b" ")[1])


@pytest.mark.requirement("MSG-1290")
@pytest.mark.parametrize("offer", [(), ("Sec-WebSocket-Protocol: chat",), ("Sec-WebSocket-Protocol: coap2, CoAP",)])
def test_websocket_without_the_subprotocol_is_refused(target: Target, offer: tuple[str, ...]) -> None:
    """A web page opens any WebSocket that it finds; what it says there must not be taken for CoAP."""
    assert status(target, opening("/.well-known/coap", *offer)) >= 400


@pytest.mark.requirement("MSG-1290")
def test_websocket_is_opened_for_coap_among_others(target: Target) -> None:
    """A client that speaks several protocols offers them all."""
    assert status(target, opening("/.well-known/coap", "Sec-WebSocket-Protocol: chat, coap")) == 101


@pytest.mark.requirement("MSG-1240")
@pytest.mark.parametrize("text", [b"", b"hello", bytes.fromhex("0001")], ids=["empty", "hello", "a-request"])
def test_text_ends_the_websocket(target: Target, text: bytes) -> None:
    """The same bytes as text pass filters for text, and mean something else."""
    with target.expect_unchanged():
        target.send_raw(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)
        assert [message for message in target.until_ended() if message.code != Signal.ABORT] == []
        target.connect()
