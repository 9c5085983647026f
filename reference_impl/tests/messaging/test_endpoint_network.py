"""Two endpoints on a network that loses, repeats, delays and reorders: each request has one outcome, and one effect."""

from collections import Counter

import pytest
from fake_link import Link, Weather, content, endpoint, fair, get
from hypothesis import given, settings
from hypothesis import strategies as st

from picosec.messaging.coap import Message, Type
from picosec.messaging.endpoint import Endpoint, RequestFailed, RequestReceived, ResponseReceived
from picosec.registry import Problem

#: For one datagram: the delays of its copies.
_copies = st.lists(st.floats(0.001, 20), max_size=3)


class _Shop:
    """Serves every request with its own path, at once or late, and counts how often."""

    def __init__(self, delays: list[float]) -> None:
        self.delays = delays
        self.served: Counter[str] = Counter()

    def __call__(self, link: Link, name: str, event: RequestReceived) -> None:
        path = event.message.path
        self.served[path] += 1
        delay = self.delays[sum(self.served.values()) % len(self.delays)] if self.delays else 0.0
        server = link.endpoints[name]
        answer = content(path.encode())
        if delay:
            link.later(delay, lambda: server.respond(event.exchange, answer, link.now))
        else:
            server.respond(event.exchange, answer, link.now)


def _weather(fates: list[list[float]]) -> Weather:
    remaining = iter(fates)
    return lambda _datagram: next(remaining, [0.01])


def _quiet(one: Endpoint) -> bool:
    return one.next_timeout() is None and all(peer.idle for peer in one._peers._peers.values())


@settings(deadline=None)
@given(
    fates=st.lists(_copies, max_size=60),
    delays=st.lists(st.floats(0, 30), max_size=4),
    kinds=st.lists(st.sampled_from([Type.CON, Type.NON]), min_size=1, max_size=6),
)
def test_every_request_has_one_outcome_and_at_most_one_effect(
    fates: list[list[float]], delays: list[float], kinds: list[Type]
) -> None:
    """Whatever the network does, nothing happens twice, nothing is answered wrongly, and nothing waits for ever."""
    shop = _Shop(delays)
    client, server = endpoint(), endpoint()
    link = Link({"client": client, "server": server}, shop, _weather(fates))
    asked = {client.request(get(f"/{n}", kind), "server", 0): f"/{n}" for n, kind in enumerate(kinds)}

    link.run(until=5000)

    events = link.events.get("client", [])
    assert sorted(event.request_id for event in events) == sorted(asked)
    for event in events:
        if isinstance(event, ResponseReceived):
            assert event.message.payload.decode() == asked[event.request_id]
        else:
            assert event == RequestFailed(event.request_id, Problem.TIMEOUT)
    assert all(count == 1 for count in shop.served.values())
    assert _quiet(client)
    assert _quiet(server)


@settings(deadline=None)
@given(losses=st.lists(st.integers(0, 4), max_size=20), delays=st.lists(st.floats(0, 30), max_size=4))
def test_four_losses_in_a_row_are_survived(losses: list[int], delays: list[float]) -> None:
    """Retransmission does what it is for: any message may be lost four times."""
    left: Counter[bytes] = Counter()
    budget = iter(losses)
    shop = _Shop(delays)

    def weather(datagram: bytes) -> list[float]:
        if Message.decode(datagram).type != Type.CON:
            return [0.01]
        if datagram not in left:
            left[datagram] = next(budget, 0)
        left[datagram] -= 1
        return [] if left[datagram] >= 0 else [0.01]

    client, server = endpoint(), endpoint()
    link = Link({"client": client, "server": server}, shop, weather)
    handles = [client.request(get(f"/{n}"), "server", 0) for n in range(4)]
    link.run(until=5000)

    assert [type(event) for event in link.events["client"]] == [ResponseReceived] * len(handles)
    assert _quiet(client)
    assert _quiet(server)


def test_endpoints_that_ask_each_other_do_not_confuse_their_exchanges() -> None:
    """Both are client and server, with equal message ids and tokens in both directions."""
    shop = _Shop([])
    one, two = endpoint(), endpoint()
    link = Link({"one": one, "two": two}, shop)
    for n in range(10):
        one.request(get(f"/to-two/{n}"), "two", 0)
        two.request(get(f"/to-one/{n}"), "one", 0)
    link.run(until=10)
    for name, path in (("one", "/to-two/"), ("two", "/to-one/")):
        responses = [event for event in link.events[name] if isinstance(event, ResponseReceived)]
        assert [event.message.payload.decode() for event in responses] == [f"{path}{n}" for n in range(10)]


@pytest.mark.parametrize("silence", ["client", "server"])
def test_a_partner_that_disappears_is_let_go(silence: str) -> None:
    """Power is cut in the middle of a separate response: the other side forgets, in its time."""
    shop = _Shop([5.0])
    client, server = endpoint(), endpoint()
    cut = False

    def weather(_datagram: bytes) -> list[float]:
        return [] if cut else fair(_datagram)

    link = Link({"client": client, "server": server}, shop, weather)
    client.request(get(), "server", 0)
    link.run(until=2)
    cut = True
    del link.endpoints[silence]
    link.run(until=1000)
    (survivor,) = link.endpoints.values()
    assert _quiet(survivor)
