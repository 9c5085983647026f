"""The endpoint as a client: it takes its own answers, in time, and nobody else's."""

import pytest
from fake_link import content, counting, endpoint, get, only_sent, sent

from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.endpoint import (
    Endpoint,
    PongReceived,
    RequestFailed,
    RequestReset,
    ResponseReceived,
)
from picosec.messaging.parameters import Parameters
from picosec.registry import Problem


def _asked(client: Endpoint, message: Message | None = None, now: float = 0) -> tuple[int, Message]:
    handle = client.request(message or get(), "server", now)
    return handle, only_sent(client)


def _piggybacked(request: Message, payload: bytes = b"22", token: bytes | None = None) -> Message:
    return Message(Type.ACK, Code.CONTENT, request.message_id, request.token if token is None else token, (), payload)


def test_a_piggybacked_response_ends_the_request() -> None:
    """One round trip, and nothing is left to be done."""
    client = endpoint()
    handle, request = _asked(client)
    response = _piggybacked(request)
    assert client.receive(response.encode(), "server", 0.5) == [ResponseReceived(handle, response)]
    assert client.next_timeout() is None
    assert client.transmit() == []


@pytest.mark.parametrize("jitter", [b"\0\0", b"\x80\0", b"\xff\xff"])
def test_a_silent_server_is_asked_five_times_at_doubling_intervals(jitter: bytes) -> None:
    """RFC 7252, 4.2: first after 2 to 3 seconds, then each time after twice as long; then it is given up."""
    client = Endpoint(lambda count: jitter if count == 2 else b"abcd", Parameters())
    first = 2 * (1 + int.from_bytes(jitter, "big") / 0xFFFF / 2)
    handle, request = _asked(client)
    now, interval = 0.0, first
    for _ in range(4):
        now += interval
        interval *= 2
        assert client.next_timeout() == pytest.approx(now)
        assert client.tick(now - 0.001) == []
        assert client.transmit() == []
        now = client.next_timeout() or 0
        assert client.tick(now) == []
        assert only_sent(client) == request
    now += interval
    assert client.tick(now) == [RequestFailed(handle, Problem.TIMEOUT)]
    assert client.transmit() == []
    assert client.next_timeout() is None
    assert 62 <= now <= 93.001


def test_each_message_has_a_timeout_of_its_own() -> None:
    """Clients that were reset together must not knock together for ever (MSG-430)."""
    client = endpoint()
    timeouts = set()
    for n in range(20):
        client.request(get(), n, 0)
        timeouts.add(client.next_timeout())
        for _, data in client.transmit():
            client.receive(_piggybacked(Message.decode(data)).encode(), n, 0)
    assert len(timeouts) == 20
    assert all(timeout is not None and 2 <= timeout <= 3 for timeout in timeouts)


def test_an_acknowledged_request_is_not_repeated_and_waits_for_its_response() -> None:
    """The server has it; the response is acknowledged in turn, each copy of it, and reported once (MSG-360)."""
    client = endpoint()
    handle, request = _asked(client)
    client.receive(Message(Type.ACK, Code.EMPTY, request.message_id).encode(), "server", 1)
    assert client.next_timeout() == 248
    response = Message(Type.CON, Code.CONTENT, 4711, request.token, (), b"22")

    assert client.receive(response.encode(), "server", 60) == [ResponseReceived(handle, response)]
    assert only_sent(client) == Message(Type.ACK, Code.EMPTY, 4711)
    assert client.receive(response.encode(), "server", 65) == []
    assert only_sent(client) == Message(Type.ACK, Code.EMPTY, 4711)


def test_a_response_may_overtake_the_acknowledgement() -> None:
    """Datagrams do not keep their order; the response says that the request arrived (RFC 7252, 5.2.2)."""
    client = endpoint()
    handle, request = _asked(client)
    response = Message(Type.NON, Code.CONTENT, 4711, request.token, (), b"22")
    assert client.receive(response.encode(), "server", 1) == [ResponseReceived(handle, response)]
    assert client.receive(Message(Type.ACK, Code.EMPTY, request.message_id).encode(), "server", 1) == []
    assert client.next_timeout() is None


def test_an_acknowledged_request_is_given_up_in_the_end() -> None:
    """A server that promised and died holds nobody for ever."""
    client = endpoint()
    handle, request = _asked(client)
    client.receive(Message(Type.ACK, Code.EMPTY, request.message_id).encode(), "server", 1)
    assert client.tick(248) == [RequestFailed(handle, Problem.TIMEOUT)]


def test_a_non_confirmable_request_is_sent_once_and_given_up_in_the_end() -> None:
    """Its sender accepts that it may be lost."""
    client = endpoint()
    handle, _ = _asked(client, get(kind=Type.NON))
    assert client.next_timeout() == 145
    assert client.tick(145) == [RequestFailed(handle, Problem.TIMEOUT)]
    assert client.transmit() == []


def _forgeries(request: Message) -> dict[str, tuple[str, Message]]:
    other = bytes([*request.token[:-1], request.token[-1] ^ 1])
    near = request.message_id ^ 1
    return {
        "piggybacked, other peer": ("attacker", _piggybacked(request)),
        "piggybacked, other token": ("server", _piggybacked(request, token=other)),
        "piggybacked, no token": ("server", _piggybacked(request, token=b"")),
        "piggybacked, longer token": ("server", _piggybacked(request, token=request.token + b"\0")),
        "piggybacked, other id": ("server", Message(Type.ACK, Code.CONTENT, near, request.token)),
        "separate, other peer": ("attacker", Message(Type.CON, Code.CONTENT, 1, request.token)),
        "separate, other token": ("server", Message(Type.CON, Code.CONTENT, 1, other)),
        "non-confirmable, other peer": ("attacker", Message(Type.NON, Code.CONTENT, 1, request.token)),
        "non-confirmable, other token": ("server", Message(Type.NON, Code.CONTENT, 1, other)),
        "acknowledgement, other peer": ("attacker", Message(Type.ACK, Code.EMPTY, request.message_id)),
        "acknowledgement, other id": ("server", Message(Type.ACK, Code.EMPTY, near)),
        "reset, other peer": ("attacker", Message(Type.RST, Code.EMPTY, request.message_id)),
        "reset, other id": ("server", Message(Type.RST, Code.EMPTY, near)),
    }


@pytest.mark.parametrize("name", _forgeries(get(token=b"abcd")))
def test_a_message_that_does_not_match_changes_nothing(name: str) -> None:
    """Whoever guesses one of address, token and message id has not guessed the others (MSG-480, MSG-490)."""
    client = endpoint()
    handle, request = _asked(client)
    peer, forgery = _forgeries(request)[name]

    assert client.receive(forgery.encode(), peer, 1) == []

    resets = [Message(Type.RST, Code.EMPTY, 1)] if forgery.type == Type.CON else []
    assert sent(client) == resets
    assert client.receive(_piggybacked(request).encode(), "server", 1) == [
        ResponseReceived(handle, _piggybacked(request))
    ]


@pytest.mark.parametrize("kind", [Type.ACK, Type.CON, Type.NON])
def test_a_response_with_an_unknown_critical_option_is_rejected(kind: Type) -> None:
    """The client cannot know what it would be taking; its request stays open (MSG-520)."""
    client = endpoint()
    handle, request = _asked(client)
    message_id = request.message_id if kind is Type.ACK else 5
    options = ((65001, b""),)

    strange = Message(kind, Code.CONTENT, message_id, request.token, options)
    assert client.receive(strange.encode(), "server", 1) == []

    assert sent(client) == ([Message(Type.RST, Code.EMPTY, 5)] if kind is Type.CON else [])
    assert client.receive(_piggybacked(request).encode(), "server", 1) == [
        ResponseReceived(handle, _piggybacked(request))
    ]


def test_a_reset_ends_the_request() -> None:
    """The server does not understand, or does not want."""
    client = endpoint()
    handle, request = _asked(client)
    reset = Message(Type.RST, Code.EMPTY, request.message_id)
    assert client.receive(reset.encode(), "server", 1) == [RequestReset(handle)]
    assert client.receive(reset.encode(), "server", 1) == []
    assert client.next_timeout() is None


def test_a_ping_is_answered_by_a_reset_and_by_nothing_else() -> None:
    """An acknowledgement of an empty message says that something is there that does not know pings."""
    client = endpoint()
    handle = client.ping("server", 0)
    ping = only_sent(client)
    assert (ping.type, ping.code, ping.token) == (Type.CON, Code.EMPTY, b"")
    assert client.receive(Message(Type.ACK, Code.EMPTY, ping.message_id).encode(), "server", 1) == []
    assert client.receive(Message(Type.RST, Code.EMPTY, ping.message_id).encode(), "server", 1) == [
        PongReceived(handle)
    ]


def test_one_confirmable_request_at_a_time_waits_for_its_acknowledgement() -> None:
    """NSTART: a congested network is not offered more of the same (MSG-830)."""
    client = endpoint()
    _, first = _asked(client)
    client.request(get("/second"), "server", 0)
    client.request(get("/third"), "server", 0)
    client.request(get("/elsewhere"), "other", 0)
    assert [message.path for message in sent(client)] == ["/elsewhere"]

    client.receive(Message(Type.ACK, Code.EMPTY, first.message_id).encode(), "server", 1)
    second = only_sent(client)
    assert second.path == "/second"
    client.receive(_piggybacked(second).encode(), "server", 1)
    third = only_sent(client)
    client.receive(Message(Type.RST, Code.EMPTY, third.message_id).encode(), "server", 1)
    assert client.transmit() == []


def test_requests_to_one_peer_are_bounded() -> None:
    """A queue that nobody drains does not grow for ever."""
    client = Endpoint(counting(), Parameters(max_requests=3))
    for _ in range(3):
        client.request(get(), "server", 0)
    with pytest.raises(ProtocolError, match="busy"):
        client.request(get(), "server", 0)
    for _ in range(3):
        client.ping("other", 0)
    client.ping("other", 0)
    with pytest.raises(ProtocolError, match="busy"):
        client.ping("other", 0)


def test_tokens_and_ids_of_pending_requests_differ() -> None:
    """Even when entropy repeats itself (MSG-460, MSG-470)."""
    draws = iter([b"\0\1", b"AAAA", b"AAAA", b"AAAA", b"BBBB"])
    client = Endpoint(lambda count: next(draws), Parameters())
    client.request(get(kind=Type.NON), "server", 0)
    client.request(get(kind=Type.NON), "server", 0)
    one, two = sent(client)
    assert (one.token, two.token) == (b"AAAA", b"BBBB")
    assert one.message_id != two.message_id


def test_a_request_waits_for_a_free_message_id() -> None:
    """When all ids were used within their lifetime, the next request is late rather than ambiguous (MSG-460)."""
    client = endpoint()
    count = 0
    while True:
        handle = client.request(get(kind=Type.NON), "server", 0)
        messages = sent(client)
        if not messages:
            break
        count += 1
        assert client.receive(
            Message(Type.NON, Code.CONTENT, count & 0xFFFF, messages[0].token).encode(), "server", count
        )
    assert 61_440 <= count < 65_536
    assert client.next_timeout() == 247
    client.tick(247)
    request = only_sent(client)
    response = Message(Type.ACK, Code.CONTENT, request.message_id, request.token)
    assert client.receive(response.encode(), "server", 247) == []
    answer = Message(Type.NON, Code.CONTENT, 1, request.token)
    assert client.receive(answer.encode(), "server", 1e6) == [ResponseReceived(handle, answer)]


def test_elective_options_of_a_response_that_are_not_understood_are_left_out() -> None:
    """A client reads what it understands (MSG-530)."""
    client = endpoint()
    _, request = _asked(client)
    options = ((Option.CONTENT_FORMAT, b"\x3c"), (65000, b"x"))
    response = Message(Type.ACK, Code.CONTENT, request.message_id, request.token, options)
    (event,) = client.receive(response.encode(), "server", 1)
    assert isinstance(event, ResponseReceived)
    assert event.message.options == ((Option.CONTENT_FORMAT, b"\x3c"),)


def test_an_endpoint_is_client_and_server_to_the_same_peer() -> None:
    """Both sides count message ids for themselves; equal numbers mean nothing."""
    one = endpoint()
    handle, request = _asked(one)
    theirs = get(message_id=request.message_id, token=request.token)
    (event,) = one.receive(theirs.encode(), "server", 0)
    one.respond(event.exchange, content(b"mine"), 0)
    assert only_sent(one).payload == b"mine"
    assert one.receive(_piggybacked(request).encode(), "server", 0) == [ResponseReceived(handle, _piggybacked(request))]
