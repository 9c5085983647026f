"""Connections: what two ends tell each other about them, and what becomes of requests on them."""

import itertools
from collections.abc import Hashable

import pytest
from fake_link import content, counting, get
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging import connections
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.connections import Framing, Input, State
from picosec.messaging.events import (
    ConnectionEnded,
    ConnectionReleased,
    Event,
    NotificationAcknowledged,
    PongReceived,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
)
from picosec.messaging.parameters import StreamParameters
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import (
    AbortOption,
    CsmOption,
    Decoder,
    PingOption,
    ReleaseOption,
    Signal,
    StreamMessage,
)
from picosec.registry import Problem

CSM = StreamMessage(Signal.CSM)
CUSTODY = ((int(PingOption.CUSTODY), b""),)


def opened(parameters: StreamParameters | None = None, peer: Hashable = "peer") -> StreamEndpoint:
    """Return an endpoint with one connection, before the peer's CSM."""
    endpoint = StreamEndpoint(counting(), parameters or StreamParameters())
    endpoint.connected(peer, 0)
    (csm,) = sent(endpoint)
    assert csm.code == Signal.CSM
    return endpoint


def running(parameters: StreamParameters | None = None) -> StreamEndpoint:
    endpoint = opened(parameters)
    assert take(endpoint, CSM) == []
    return endpoint


def sent(endpoint: StreamEndpoint) -> list[StreamMessage]:
    return [StreamMessage.decode(data) for _, data in endpoint.transmit()]


def take(endpoint: StreamEndpoint, *messages: StreamMessage, now: float = 0) -> list[Event]:
    events = endpoint.receive(b"".join(message.encode() for message in messages), "peer", now)
    while further := endpoint.further_events():
        events += further
    return events


def request(token: bytes = b"t", *options: tuple[int, bytes]) -> StreamMessage:
    return StreamMessage(Code.GET, token, options)


def aborted(endpoint: StreamEndpoint) -> StreamMessage:
    """Return the Abort that is the last thing sent before the connection is closed."""
    *_, abort = sent(endpoint)
    assert abort.code == Signal.ABORT
    assert endpoint.closing() == ["peer"]
    return abort


def test_the_first_message_tells_what_this_end_can_do() -> None:
    """Neither end waits for the other, so neither can keep both waiting."""
    endpoint = StreamEndpoint(counting(), StreamParameters(max_message=2000, block_wise=True))
    endpoint.connected("peer", 0)
    assert sent(endpoint) == [
        StreamMessage(
            Signal.CSM,
            b"",
            ((CsmOption.MAX_MESSAGE_SIZE, (2000).to_bytes(2, "big")), (CsmOption.BLOCK_WISE_TRANSFER, b"")),
        )
    ]


@pytest.mark.parametrize(
    "first",
    [
        request(),
        StreamMessage(Code.CONTENT, b"t"),
        StreamMessage(Signal.PING),
        StreamMessage(Signal.PONG),
        StreamMessage(Signal.RELEASE),
    ],
    ids=lambda message: f"{message.code:02x}",
)
def test_a_peer_that_does_not_introduce_itself_is_refused(first: StreamMessage) -> None:
    """Something else listens or calls there: nothing that it says counts."""
    endpoint = opened()
    assert take(endpoint, first) == [ConnectionEnded("peer")]
    assert aborted(endpoint).payload == b"unexpected_message"


def test_a_silent_connection_is_refused_in_time() -> None:
    """Whoever opens connections and says nothing must not hold them for ever."""
    endpoint = opened()
    assert endpoint.next_timeout() == StreamParameters().csm_timeout
    endpoint.tick(StreamParameters().csm_timeout)
    assert aborted(endpoint).payload == b"timeout"


def test_a_ping_behind_a_response_is_answered_behind_its_effects() -> None:
    """Whoever pings behind a message wants to know what came of it: the Pong must not overtake that."""
    endpoint = running()
    endpoint.request(Message(Type.CON, Code.GET, 0), "peer", 0)
    (asked,) = sent(endpoint)
    response, ping = StreamMessage(Code.CONTENT, asked.token), StreamMessage(Signal.PING, b"p")

    (event,) = endpoint.receive(response.encode() + ping.encode(), "peer", 0)
    assert isinstance(event, ResponseReceived)
    endpoint.request(Message(Type.CON, Code.POST, 0), "peer", 0)
    assert endpoint.further_events() == []

    assert [message.code for message in sent(endpoint)] == [Code.POST, Signal.PONG]


def test_requests_come_and_responses_go_in_any_order() -> None:
    """A slow resource holds up nobody."""
    endpoint = running()
    first, second = take(endpoint, request(b"1"), request(b"2"))
    assert isinstance(first, RequestReceived)
    assert isinstance(second, RequestReceived)
    endpoint.acknowledge(first.exchange, 0)
    endpoint.respond(second.exchange, content(b"two"), 0)
    endpoint.respond(first.exchange, content(b"one"), 0)
    endpoint.respond(first.exchange, content(b"twice"), 0)
    assert sent(endpoint) == [
        StreamMessage(Code.CONTENT, b"2", (), b"two"),
        StreamMessage(Code.CONTENT, b"1", (), b"one"),
    ]


def test_either_end_asks() -> None:
    """Behind address translation only the device can connect, and the app asks all the same."""
    endpoint = running()
    handle = endpoint.request(get("/a"), "peer", 0)
    (asked,) = sent(endpoint)
    assert (asked.code, asked.options) == (Code.GET, ((Option.URI_PATH, b"a"),))
    assert len(asked.token) >= 4
    (event,) = take(endpoint, StreamMessage(Code.CONTENT, asked.token, (), b"x"))
    assert event == ResponseReceived(handle, Message(Type.CON, Code.CONTENT, 0, asked.token, (), b"x"))
    assert take(endpoint, StreamMessage(Code.CONTENT, asked.token, (), b"x")) == []


def test_a_lasting_request_listens_on() -> None:
    """Notifications have the token of the request, for as long as the connection lives."""
    endpoint = running()
    handle = endpoint.request(get("/a"), "peer", 0, lasting=True)
    (asked,) = sent(endpoint)
    notification = StreamMessage(Code.CONTENT, asked.token)
    assert len(take(endpoint, notification, notification)) == 2
    assert endpoint.next_timeout() is None
    assert endpoint.renew(handle, get("/a"), 0)
    assert sent(endpoint) == [asked]
    assert not endpoint.renew(handle, get("/a"), 0)
    assert len(take(endpoint, notification)) == 1
    assert endpoint.renew(handle, get("/a"), 0)
    assert endpoint.disconnected("peer", 0) == [RequestFailed(handle, Problem.DISCONNECTED), ConnectionEnded("peer")]


def test_what_was_forgotten_is_heard_no_more() -> None:
    """A client that lost interest may get one more response, and drops it."""
    endpoint = running()
    handle = endpoint.request(get("/a"), "peer", 0, lasting=True)
    (asked,) = sent(endpoint)
    endpoint.forget(handle, 0)
    endpoint.forget(handle, 0)
    assert take(endpoint, StreamMessage(Code.CONTENT, asked.token)) == []


def test_a_notification_arrives_or_the_connection_ends() -> None:
    """Nothing has to be acknowledged on a connection."""
    endpoint = running()
    handle = endpoint.notify("peer", b"t", content(b"21"), 0, confirmable=True)
    assert sent(endpoint) == [StreamMessage(Code.CONTENT, b"t", (), b"21")]
    assert endpoint.next_timeout() == 0
    assert endpoint.tick(0) == [NotificationAcknowledged(handle)]
    endpoint.notify("peer", b"t", content(b"22"), 0, confirmable=False)
    assert endpoint.further_events() == []
    with pytest.raises(ProtocolError, match="too_large"):
        endpoint.notify("peer", b"t", content(bytes(2000)), 0, confirmable=False)
    with pytest.raises(ProtocolError, match="disconnected"):
        endpoint.notify("nobody", b"t", content(b"22"), 0, confirmable=False)


def test_requests_fail_with_their_connection() -> None:
    """Nobody waits for an answer that cannot come; whether the request was acted on is not known."""
    endpoint = running()
    asked = endpoint.request(get(), "peer", 0)
    pinged = endpoint.ping("peer", 0)
    (served,) = take(endpoint, request())
    assert isinstance(served, RequestReceived)
    sent(endpoint)
    assert endpoint.disconnected("peer", 0) == [
        RequestFailed(asked, Problem.DISCONNECTED),
        RequestFailed(pinged, Problem.DISCONNECTED),
        ConnectionEnded("peer"),
    ]
    endpoint.respond(served.exchange, content(), 0)
    assert sent(endpoint) == []
    assert "peer" not in endpoint
    assert endpoint.next_timeout() is None
    with pytest.raises(ProtocolError, match="disconnected"):
        endpoint.request(get(), "peer", 0)


def test_a_request_does_not_wait_for_ever() -> None:
    """A connection may live while the server behind it does not."""
    endpoint = running()
    handle = endpoint.request(get(), "peer", 0)
    due = endpoint.next_timeout()
    assert due is not None
    assert endpoint.tick(due) == [RequestFailed(handle, Problem.TIMEOUT)]


def test_an_answer_with_an_unknown_critical_option_is_none() -> None:
    """What cannot be understood is not handed on as if it were."""
    endpoint = running()
    handle = endpoint.request(get(), "peer", 0)
    (asked,) = sent(endpoint)
    answer = StreamMessage(Code.CONTENT, asked.token, ((65001, b""),))
    assert take(endpoint, answer) == [RequestFailed(handle, Problem.BAD_OPTION)]


def test_a_request_with_an_unknown_critical_option_is_refused() -> None:
    """The options of requests mean the same on every transport."""
    endpoint = running()
    assert take(endpoint, request(b"t", (65001, b""))) == []
    (refused,) = sent(endpoint)
    assert (refused.code, refused.token) == (Code.BAD_OPTION, b"t")


def test_empty_messages_are_ignored_at_any_time() -> None:
    """They keep address translators awake."""
    endpoint = opened()
    assert take(endpoint, StreamMessage(0), CSM, StreamMessage(0)) == []
    assert sent(endpoint) == []
    assert endpoint.closing() == []


def test_a_ping_is_answered_under_its_token() -> None:
    """An elective option that nobody knows changes nothing."""
    endpoint = running()
    take(endpoint, StreamMessage(Signal.PING, b"\x42", ((65000, b"x"),)))
    assert sent(endpoint) == [StreamMessage(Signal.PONG, b"\x42")]


def test_a_pong_belongs_to_its_ping() -> None:
    """A Pong to nothing says nothing."""
    endpoint = running()
    handle = endpoint.ping("peer", 0)
    (ping,) = sent(endpoint)
    assert ping.code == Signal.PING
    assert take(endpoint, StreamMessage(Signal.PONG, b"other")) == []
    assert take(endpoint, StreamMessage(Signal.PONG, ping.token)) == [PongReceived(handle)]
    assert endpoint.next_timeout() is None


def test_custody_says_that_what_came_before_is_done() -> None:
    """Whoever asks for custody frees its buffers on the answer, so the answer must not come too early."""
    endpoint = running()
    first, second = take(endpoint, request(b"1"), request(b"2"))
    (third,) = take(endpoint, StreamMessage(Signal.PING, b"p", CUSTODY), request(b"3"))
    for event in (second, third):
        assert isinstance(event, RequestReceived)
        endpoint.respond(event.exchange, content(), 0)
    assert [message.code for message in sent(endpoint)] == [Code.CONTENT, Code.CONTENT]
    assert isinstance(first, RequestReceived)
    endpoint.respond(first.exchange, content(), 0)
    assert sent(endpoint)[1:] == [StreamMessage(Signal.PONG, b"p", CUSTODY)]


def test_custody_of_nothing_is_given_at_once() -> None:
    """There is nothing to wait for."""
    endpoint = running()
    take(endpoint, StreamMessage(Signal.PING, b"p", CUSTODY))
    assert sent(endpoint) == [StreamMessage(Signal.PONG, b"p", CUSTODY)]


def test_delayed_pongs_are_bounded() -> None:
    """Pings cost the peer nothing; remembering them must not cost more than a little."""
    endpoint = running()
    take(endpoint, request(), *[StreamMessage(Signal.PING, b"p", CUSTODY)] * 20)
    assert sent(endpoint) == [StreamMessage(Signal.PONG, b"p")] * (20 - StreamParameters().max_delayed_pongs)


def test_what_the_peer_does_not_take_is_not_sent() -> None:
    """A peer with a small buffer says so, and gets an error instead of a message that breaks the connection."""
    endpoint = running()
    (first,) = take(endpoint, request(b"1"))
    assert isinstance(first, RequestReceived)
    endpoint.respond(first.exchange, content(bytes(2000)), 0)
    assert [message.code for message in sent(endpoint)] == [Code.INTERNAL_SERVER_ERROR]
    with pytest.raises(ProtocolError, match="too_large"):
        endpoint.request(Message(Type.CON, Code.PUT, 0, b"", (), bytes(2000)), "peer", 0)

    size = StreamMessage(Signal.CSM, b"", ((CsmOption.MAX_MESSAGE_SIZE, b"\x08"),))
    (_, second) = (take(endpoint, size), *take(endpoint, request(b"2")))
    assert isinstance(second, RequestReceived)
    endpoint.respond(second.exchange, content(bytes(20)), 0)
    assert sent(endpoint) == [StreamMessage(Code.INTERNAL_SERVER_ERROR, b"2")]


def test_a_peer_that_takes_nothing_is_told_no_more_than_that_it_is_over() -> None:
    """Not even an error would fit, nor the reason of an Abort (MSG-1050)."""
    endpoint = opened()
    take(endpoint, StreamMessage(Signal.CSM, b"", ((CsmOption.MAX_MESSAGE_SIZE, b""),)))
    (event,) = take(endpoint, request(b"1"))
    assert isinstance(event, RequestReceived)
    endpoint.respond(event.exchange, content(), 0)
    assert aborted(endpoint).options == ()


def test_what_a_later_csm_leaves_out_stays() -> None:
    """Capabilities add up."""
    endpoint = opened()
    size = (int(CsmOption.MAX_MESSAGE_SIZE), (3000).to_bytes(2, "big"))
    take(endpoint, StreamMessage(Signal.CSM, b"", (size, (CsmOption.BLOCK_WISE_TRANSFER, b""))), CSM)
    (connection,) = endpoint.connections()
    assert (connection.capabilities.max_message, connection.capabilities.block_wise) == (3000, True)
    endpoint.request(Message(Type.CON, Code.PUT, 0, b"", (), bytes(2000)), "peer", 0)
    assert len(sent(endpoint)) == 1


@pytest.mark.parametrize(("size", "outcome"), [(3000, "sent"), (1000, "failed")])
def test_a_large_request_waits_for_the_csm(size: int, outcome: str) -> None:
    """What a peer takes beyond the base value is not known before it says so."""
    endpoint = opened()
    handle = endpoint.request(Message(Type.CON, Code.PUT, 0, b"", (), bytes(2000)), "peer", 0)
    endpoint.request(get(), "peer", 0)
    assert [message.code for message in sent(endpoint)] == [Code.GET]
    csm = StreamMessage(Signal.CSM, b"", ((CsmOption.MAX_MESSAGE_SIZE, size.to_bytes(2, "big")),))
    events = take(endpoint, csm)
    if outcome == "sent":
        assert (events, [message.code for message in sent(endpoint)]) == ([], [Code.PUT])
    else:
        assert events == [RequestFailed(handle, Problem.TOO_LARGE)]


@pytest.mark.parametrize("code", [Signal.CSM, Signal.PING, Signal.PONG, Signal.RELEASE])
def test_an_unknown_critical_option_of_a_signal_ends_the_connection(code: Signal) -> None:
    """The peer asks for something that this end cannot promise."""
    endpoint = running()
    take(endpoint, StreamMessage(code, b"", ((65001, b""),)))
    abort = aborted(endpoint)
    assert abort.payload == b"bad_option"
    assert abort.option(AbortOption.BAD_CSM_OPTION) == (b"\xfd\xe9" if code is Signal.CSM else None)


@pytest.mark.parametrize("code", [0xE0, 0xE6, 0xFF])
def test_a_signal_that_does_not_exist_ends_the_connection(code: int) -> None:
    """It may mean anything, such as that all that follows means something else."""
    endpoint = running()
    take(endpoint, StreamMessage(code))
    assert aborted(endpoint).payload == b"unexpected_message"


@pytest.mark.parametrize(
    ("option", "value"), [(CsmOption.MAX_MESSAGE_SIZE, bytes(5)), (CsmOption.BLOCK_WISE_TRANSFER, b"x")]
)
def test_a_capability_outside_its_definition_counts_for_nothing(option: int, value: bytes) -> None:
    """An option with a bad length is one that is not understood, and these are elective."""
    endpoint = opened()
    take(endpoint, StreamMessage(Signal.CSM, b"", ((option, value),)))
    (connection,) = endpoint.connections()
    assert (connection.capabilities.max_message, connection.capabilities.block_wise) == (1152, False)


@pytest.mark.parametrize("garbage", ["0901", "0020", "010001", "1045ff", "2001d100"])
def test_what_is_malformed_ends_the_connection(garbage: str) -> None:
    """Behind such a message nothing can be trusted, so what follows it has no effect either."""
    endpoint = running()
    events = endpoint.receive(bytes.fromhex(garbage) + request().encode(), "peer", 0)
    assert events == [ConnectionEnded("peer")]
    assert aborted(endpoint).payload == b"malformed"
    assert endpoint.receive(request().encode(), "peer", 0) == []


def test_what_is_too_large_ends_the_connection_at_once() -> None:
    """It was told what this end takes."""
    endpoint = running()
    endpoint.receive(bytes.fromhex("f0ffffffff"), "peer", 0)
    assert aborted(endpoint).payload == b"too_large"


def test_frames_carry_whole_messages() -> None:
    """A WebSocket has frames of its own."""
    endpoint = StreamEndpoint(counting())
    endpoint.connected("peer", 0, Framing.FRAMES)
    endpoint.receive(CSM.encode_frame(), "peer", 0)
    (event,) = endpoint.receive(request().encode_frame(), "peer", 0)
    assert isinstance(event, RequestReceived)
    endpoint.respond(event.exchange, content(b"x"), 0)
    assert [data for _, data in endpoint.transmit()][1:] == [StreamMessage(Code.CONTENT, b"t", (), b"x").encode_frame()]
    endpoint.receive(bytes(10000), "peer", 0)
    assert StreamMessage.decode_frame(endpoint.transmit()[0][1]).payload == b"too_large"


def test_an_abort_ends_everything() -> None:
    """No answer, no farewell."""
    endpoint = running()
    handle = endpoint.request(get(), "peer", 0)
    sent(endpoint)
    assert take(endpoint, StreamMessage(Signal.ABORT), request()) == [
        RequestFailed(handle, Problem.DISCONNECTED),
        ConnectionEnded("peer"),
    ]
    assert sent(endpoint) == []
    assert endpoint.closing() == ["peer"]


def test_a_released_connection_is_closed_when_its_work_is_done() -> None:
    """A server that restarts for an update lets everybody finish."""
    endpoint = running()
    asked = endpoint.request(get(), "peer", 0)
    (question,) = sent(endpoint)
    release = StreamMessage(
        Signal.RELEASE,
        b"",
        (
            (ReleaseOption.ALTERNATIVE_ADDRESS, b"other:5683"),
            (ReleaseOption.ALTERNATIVE_ADDRESS, b"[::1]"),
            (ReleaseOption.HOLD_OFF, b"\x3c"),
        ),
    )
    served, released = take(endpoint, request(), release)
    assert released == ConnectionReleased("peer", ("other:5683", "[::1]"), 60)
    assert isinstance(served, RequestReceived)
    endpoint.respond(served.exchange, content(), 0)
    assert endpoint.closing() == []
    answered, ended = take(endpoint, StreamMessage(Code.CONTENT, question.token))
    assert isinstance(answered, ResponseReceived)
    assert answered.request_id == asked
    assert ended == ConnectionEnded("peer")
    assert endpoint.closing() == ["peer"]
    assert endpoint.next_timeout() is None


def test_a_released_connection_with_nothing_to_do_is_closed_at_once() -> None:
    """The peer waits for it."""
    endpoint = running()
    take(endpoint, StreamMessage(Signal.RELEASE))
    assert endpoint.closing() == ["peer"]


@pytest.mark.parametrize("by_us", [True, False])
def test_a_release_does_not_last_for_ever(by_us: bool) -> None:
    """The other end may have forgotten it."""
    endpoint = running()
    endpoint.request(get(), "peer", 0)
    if by_us:
        endpoint.release("peer", 0, ("other",), 60)
        assert sent(endpoint)[-1].options == (
            (ReleaseOption.ALTERNATIVE_ADDRESS, b"other"),
            (ReleaseOption.HOLD_OFF, b"<"),
        )
    else:
        take(endpoint, StreamMessage(Signal.RELEASE))
    assert [type(event) for event in endpoint.tick(StreamParameters().release_timeout)] == [
        RequestFailed,
        ConnectionEnded,
    ]
    assert endpoint.closing() == ["peer"]


def test_what_waits_on_a_connection_is_bounded() -> None:
    """One peer must not fill the memory of all."""
    endpoint = running(StreamParameters(max_exchanges=2, max_requests=2))
    assert len(take(endpoint, *[request()] * 3)) == 2
    assert [message.code for message in sent(endpoint)] == [Code.SERVICE_UNAVAILABLE]
    endpoint.request(get(), "peer", 0)
    endpoint.ping("peer", 0)
    with pytest.raises(ProtocolError, match="busy"):
        endpoint.request(get(), "peer", 0)


def test_an_idle_connection_makes_room_and_a_busy_one_does_not() -> None:
    """The connection that was unheard of for longest goes first; who is being served stays."""
    endpoint = StreamEndpoint(counting(), StreamParameters(max_connections=2))
    for peer in ("busy", "idle"):
        endpoint.connected(peer, 0)
        endpoint.receive(CSM.encode(), peer, 0)
    endpoint.receive(request().encode(), "busy", 0)
    endpoint.connected("third", 0)
    assert endpoint.closing() == ["idle"]
    endpoint.disconnected("idle", 0)
    endpoint.receive(CSM.encode() + request().encode(), "third", 0)
    endpoint.connected("fourth", 0)
    assert endpoint.closing() == ["fourth"]


def test_connections_outlive_a_restart_of_what_is_behind_them() -> None:
    """A modem keeps them; whatever was pending is forgotten, what the peer can do is not."""
    endpoint = running()
    endpoint.request(get(), "peer", 0)
    (before,) = take(endpoint, request())
    assert isinstance(before, RequestReceived)
    endpoint.receive(request(b"2").encode()[:1], "peer", 0)
    after = StreamEndpoint(counting())
    after.adopt(endpoint.connections(), 0)
    assert sent(after) == []
    (event,) = after.receive(request(b"2").encode()[1:], "peer", 0)
    assert isinstance(event, RequestReceived)
    after.respond(before.exchange, content(), 0)
    assert sent(after) == []


def _reach(state: State) -> StreamEndpoint:
    endpoint = opened()
    if state is not State.WAIT_CSM:
        take(endpoint, CSM, request(b"kept"))
    if state is State.RELEASED_BY_US:
        endpoint.release("peer", 0)
    if state in (State.RELEASED_BY_PEER, State.CLOSED):
        take(endpoint, StreamMessage(Signal.RELEASE))
    if state is State.CLOSED:
        take(endpoint, StreamMessage(Signal.ABORT))
    sent(endpoint)
    endpoint.closing()
    assert endpoint.connections()[0].state is state
    return endpoint


_MESSAGES = {
    Input.CSM: CSM,
    Input.PING: StreamMessage(Signal.PING),
    Input.PONG: StreamMessage(Signal.PONG),
    Input.RELEASE: StreamMessage(Signal.RELEASE),
    Input.ABORT: StreamMessage(Signal.ABORT),
    Input.EMPTY: StreamMessage(0),
    Input.REQUEST: request(b"new"),
    Input.RESPONSE: StreamMessage(Code.CONTENT, b"none"),
    Input.REFUSED: StreamMessage(0x20),
}


@pytest.mark.parametrize(
    ("state", "happening"), list(itertools.product(State, _MESSAGES)), ids=lambda value: value.name
)
def test_a_connection_goes_on_as_its_table_says(state: State, happening: Input) -> None:
    """A peer can send anything at any time; what has no cell ends the connection."""
    endpoint = _reach(state)
    expected = connections.TRANSITIONS.get((state, happening), State.CLOSED)

    take(endpoint, _MESSAGES[happening])

    (connection,) = endpoint.connections()
    assert connection.state is expected
    assert endpoint.closing() == (["peer"] if expected is State.CLOSED and state is not State.CLOSED else [])


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.name)
def test_time_and_the_network_end_connections(state: State) -> None:
    """A connection can break at any time; a released one, or one without CSM, does not last."""
    endpoint = _reach(state)
    due = endpoint.next_timeout()
    assert (due is None) == (state is State.CLOSED)
    if state in (State.WAIT_CSM, State.RELEASED_BY_PEER, State.RELEASED_BY_US):
        assert due is not None
        endpoint.tick(due)
        assert endpoint.connections()[0].state is State.CLOSED
    endpoint = _reach(state)
    endpoint.disconnected("peer", 0)
    assert endpoint.connections() == []
    assert endpoint.closing() == []


def test_the_table_is_complete() -> None:
    """Every state can be left but the last, and every input has a use."""
    assert {state for state, _ in connections.TRANSITIONS} == set(State) - {State.CLOSED}
    assert {happening for _, happening in connections.TRANSITIONS} == set(Input)


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_any_bytes_are_taken_or_refused(pieces: list[bytes]) -> None:
    """A stranger's bytes never raise, and what is refused is refused once."""
    endpoint = opened()
    endpoint.receive(CSM.encode(), "peer", 0)
    for piece in pieces:
        endpoint.receive(piece, "peer", 0)
    decoder = Decoder(8192)
    for _, data in endpoint.transmit():
        decoder.feed(data)
    aborts = 0
    while (message := decoder.next()) is not None:
        aborts += message.code == Signal.ABORT
    assert aborts <= 1


def test_what_fits_is_what_the_peer_takes() -> None:
    """To the byte, with what is still to be added; somebody who is gone objects to nothing."""
    endpoint = opened()
    take(endpoint, StreamMessage(Signal.CSM, b"", ((CsmOption.MAX_MESSAGE_SIZE, b"\x20"),)))
    answer = Message(Type.ACK, Code.CONTENT, 0, payload=bytes(20))
    size = len(StreamMessage(Code.CONTENT, b"t", (), bytes(20)).encode())

    assert endpoint.fits("peer", b"t", answer, 32 - size)
    assert not endpoint.fits("peer", b"t", answer, 33 - size)
    assert endpoint.fits("gone", b"t", answer, 10_000)
