"""The endpoint as a server: each request once, each answer as often as it is asked for."""

import itertools

import pytest
from fake_link import content, counting, endpoint, get, only_sent, received_request, sent

from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.parameters import Parameters
from picosec.registry import Problem

_REQUEST = get("/lamp", message_id=77, token=b"tok")


def test_a_prompt_response_rides_on_the_acknowledgement() -> None:
    """One round trip: message id and token are the request's (MSG-310, MSG-320)."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    server.respond(event.exchange, content(b"on"), 0)
    assert only_sent(server) == Message(Type.ACK, Code.CONTENT, 77, b"tok", (), b"on")
    assert server.next_timeout() is None


def test_a_repeated_request_is_answered_again_and_not_served_again() -> None:
    """The acknowledgement was lost: the lamp must not switch twice, and the client must learn that it switched."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    server.respond(event.exchange, content(b"on"), 0)
    first = server.transmit()

    assert server.receive(_REQUEST.encode(), "client", 3) == []
    assert server.transmit() == first


def test_a_copy_that_comes_before_the_answer_is_ignored() -> None:
    """The first one is still being worked on; there is nothing to repeat yet."""
    server = endpoint()
    received_request(server, _REQUEST)
    assert server.receive(_REQUEST.encode(), "client", 0.1) == []
    assert server.transmit() == []


def test_a_copy_with_other_content_is_a_copy_all_the_same() -> None:
    """The message id decides, or an attacker could alter the repetition."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    server.respond(event.exchange, content(b"on"), 0)
    first = server.transmit()
    forged = Message(Type.CON, Code.PUT, 77, b"new", path_options("/lamp"), b"off")

    assert server.receive(forged.encode(), "client", 0) == []
    assert server.transmit() == first


def test_peers_have_message_ids_of_their_own() -> None:
    """One peer's request must not silence another's with the same id."""
    server = endpoint()
    received_request(server, _REQUEST, peer="one")
    received_request(server, _REQUEST, peer="two")


@pytest.mark.parametrize("kind", [Type.CON, Type.NON])
def test_an_id_means_something_new_after_its_lifetime(kind: Type) -> None:
    """EXCHANGE_LIFETIME of RFC 7252, section 4.8.2, for every message: senders count all of them together (MSG-350)."""
    lifetime = 247
    server = endpoint()
    request = get(kind=kind, message_id=5, token=b"t")
    server.respond(received_request(server, request).exchange, content(), 0)
    assert server.receive(request.encode(), "client", lifetime - 0.1) == []
    assert received_request(server, request, now=lifetime)


def test_a_non_confirmable_request_is_served_once_and_answered_without_demand() -> None:
    """The copy is ignored: whoever wants an answer for certain asks with a confirmable request (MSG-340, MSG-390)."""
    server = endpoint()
    request = get(kind=Type.NON, message_id=5, token=b"t")
    server.respond(received_request(server, request).exchange, content(b"22"), 0)
    reply = only_sent(server)
    assert (reply.type, reply.code, reply.token, reply.payload) == (Type.NON, Code.CONTENT, b"t", b"22")

    assert server.receive(request.encode(), "client", 1) == []
    assert server.transmit() == []


def test_a_late_response_is_announced_after_a_second_and_sent_until_it_arrives() -> None:
    """The client stops repeating its request; the server starts repeating its response (MSG-400, MSG-410)."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    assert server.next_timeout() == 1.0
    server.tick(1.0)
    assert only_sent(server) == Message(Type.ACK, Code.EMPTY, 77)

    server.receive(_REQUEST.encode(), "client", 2)
    assert only_sent(server) == Message(Type.ACK, Code.EMPTY, 77)

    server.respond(event.exchange, content(b"done"), 10)
    first = only_sent(server)
    assert (first.type, first.token, first.payload) == (Type.CON, b"tok", b"done")
    assert first.message_id != 77
    due = server.next_timeout()
    assert due is not None
    assert 12 <= due <= 13
    server.tick(due)
    assert only_sent(server) == first

    server.receive(Message(Type.ACK, Code.EMPTY, first.message_id).encode(), "client", due)
    assert server.next_timeout() is None
    assert server.transmit() == []


def test_a_slow_resource_can_say_so_at_once() -> None:
    """Whoever knows that the answer takes long does not wait for the second to pass."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    server.acknowledge(event.exchange, 0)
    server.acknowledge(event.exchange, 0)
    assert only_sent(server) == Message(Type.ACK, Code.EMPTY, 77)


def test_a_response_is_given_once() -> None:
    """A second one, or one after the client gave up, is dropped."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    server.respond(event.exchange, content(b"first"), 0)
    server.transmit()
    server.respond(event.exchange, content(b"second"), 0)
    server.acknowledge(event.exchange, 0)
    assert server.transmit() == []


@pytest.mark.parametrize("peer", ["attacker", "other"])
def test_another_peer_cannot_stop_a_response(peer: str) -> None:
    """Acknowledgements and resets count from where the message went, and nowhere else (MSG-450)."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    server.acknowledge(event.exchange, 0)
    server.respond(event.exchange, content(), 0)
    response = sent(server)[-1]
    for kind in (Type.ACK, Type.RST):
        server.receive(Message(kind, Code.EMPTY, response.message_id).encode(), peer, 0)
    assert server.next_timeout() is not None


@pytest.mark.parametrize("kind", [Type.CON, Type.NON])
def test_an_unknown_critical_option_is_refused_or_ignored(kind: Type) -> None:
    """What the server does not understand must not count as done (MSG-500, MSG-510)."""
    server = endpoint()
    request = Message(kind, Code.PUT, 5, b"t", ((2049, b"unknown"),), b"\xf5")
    assert server.receive(request.encode(), "client", 0) == []
    replies = sent(server)
    if kind is Type.NON:
        assert replies == []
    else:
        assert [(reply.type, reply.code, reply.token) for reply in replies] == [(Type.ACK, Code.BAD_OPTION, b"t")]
        assert problem.decode(replies[0].payload) is Problem.BAD_OPTION
        server.receive(request.encode(), "client", 1)
        assert sent(server) == replies


def test_elective_options_that_are_not_understood_do_not_reach_the_resource() -> None:
    """What the server reads is what it understands (MSG-530)."""
    server = endpoint()
    request = Message(Type.CON, Code.GET, 5, b"t", ((Option.URI_PATH, b"x"), (64998, b""), (65000, b"")))
    assert received_request(server, request).message.options == ((Option.URI_PATH, b"x"),)


def test_a_request_that_is_too_large_is_refused() -> None:
    """Before anything is kept of it (MSG-810)."""
    server = Endpoint(counting(), Parameters(max_message=1152))
    largest = Message(Type.CON, Code.PUT, 1, b"", (), bytes(1152 - 5))
    assert received_request(server, largest)
    larger = Message(Type.CON, Code.PUT, 2, b"", (), bytes(1152 - 4))
    assert server.receive(larger.encode(), "client", 0) == []
    reply = only_sent(server)
    assert reply.code == Code.REQUEST_ENTITY_TOO_LARGE
    assert problem.decode(reply.payload) is Problem.TOO_LARGE


def test_one_peer_cannot_take_all_the_room() -> None:
    """Sixteen requests at a time; the seventeenth is told to come back, and another peer is served (MSG-820)."""
    server = Endpoint(counting(), Parameters(max_exchanges=16))
    events = [received_request(server, get(message_id=n, token=b"t")) for n in range(16)]
    assert server.receive(get(message_id=16, token=b"t").encode(), "client", 0) == []
    reply = only_sent(server)
    assert reply.code == Code.SERVICE_UNAVAILABLE
    assert problem.decode(reply.payload) is Problem.BUSY
    received_request(server, get(message_id=16, token=b"t"), peer="other")

    server.respond(events[0].exchange, content(), 0)
    received_request(server, get(message_id=17, token=b"t"))


@pytest.mark.parametrize("told", [True, False])
def test_only_so_many_answers_are_late(told: bool) -> None:
    """Whoever fills the queue of slow answers still gets the quick ones, and so does everybody else (MSG-820)."""
    server = endpoint()
    events = [received_request(server, get(message_id=n, token=b"t")) for n in range(17)]
    if told:
        for event in events:
            server.acknowledge(event.exchange, 0)
    else:
        server.tick(1.0)
    replies = sent(server)
    assert sorted(reply.code for reply in replies) == [Code.EMPTY] * 16 + [Code.SERVICE_UNAVAILABLE]

    quick = received_request(server, get(message_id=100), now=1)
    server.respond(quick.exchange, content(b"quick"), 1)
    assert only_sent(server).payload == b"quick"


def test_strangers_make_room_for_strangers_and_not_for_friends() -> None:
    """A flood from forged addresses forgets other forged addresses; a peer with work pending stays (MSG-820)."""
    server = Endpoint(counting(), Parameters(max_peers=4))
    working = received_request(server, _REQUEST, peer="friend")
    for n in range(100):
        event = received_request(server, get(message_id=n), peer=n)
        server.respond(event.exchange, content(), 0)
    server.transmit()
    server.respond(working.exchange, content(b"for you"), 0)
    assert only_sent(server).payload == b"for you"


@pytest.mark.parametrize("kind", [Type.CON, Type.NON])
def test_when_everybody_is_being_served_a_newcomer_is_told(kind: Type) -> None:
    """Nobody who was promised an answer is dropped for one who comes later."""
    server = Endpoint(counting(), Parameters(max_peers=2))
    for peer in ("one", "two"):
        received_request(server, _REQUEST, peer=peer)
    assert server.receive(get(kind=kind, message_id=1).encode(), "three", 0) == []
    assert [reply.code for reply in sent(server)] == ([Code.SERVICE_UNAVAILABLE] if kind is Type.CON else [])


def test_a_stranger_costs_no_memory_before_it_asks() -> None:
    """Pings, resets, responses and noise from forged addresses leave nothing behind."""
    server = endpoint()
    noise = ("40000001", "70000001", "60000001", "40450001", "50450001", "60450001", "40010001ff")
    for n, data in itertools.product(range(1000), noise):
        server.receive(bytes.fromhex(data), n, 0)
    server.transmit()
    assert not server._peers._peers


@pytest.mark.parametrize("kind", [Type.CON, Type.NON])
def test_requests_that_were_answered_cost_no_memory(kind: Type) -> None:
    """A flood of requests leaves what is remembered of one peer, and not a deadline for each of them."""
    server = endpoint()
    for message_id in range(5000):
        event = received_request(server, get(kind=kind, message_id=message_id))
        server.respond(event.exchange, content(), 0)
        server.transmit()
    assert len(server._timers) < 200


def test_what_is_not_answered_in_its_lifetime_is_given_up() -> None:
    """A resource that never answers holds its exchange for 247 seconds, not for ever."""
    server = endpoint()
    event = received_request(server, _REQUEST)
    server.tick(1.0)
    server.transmit()
    assert server.next_timeout() == 248.0
    server.tick(248.0)
    server.respond(event.exchange, content(), 249)
    assert server.transmit() == []


def test_without_a_free_message_id_nothing_is_sent() -> None:
    """An id that is used twice could be taken for a copy, and its response be ignored (MSG-460)."""
    server = endpoint()
    for message_id in range(1 << 16):
        event = received_request(server, get(kind=Type.NON, message_id=message_id))
        server.respond(event.exchange, content(), 0)
    ids = [reply.message_id for reply in sent(server)]
    assert 61_440 <= len(ids) < 65_536
    assert len(set(ids)) == len(ids)
