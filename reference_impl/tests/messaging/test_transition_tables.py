"""Every cell of the message layer's tables, filled or empty, is visited through an endpoint's own entrance."""

import dataclasses
import itertools

import pytest
from fake_link import endpoint, get, received_request, sent

from picosec.messaging import exchanges, requests
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.endpoint import Endpoint, PongReceived, RequestFailed, RequestReset, ResponseReceived
from picosec.messaging.exchanges import Exchange
from picosec.messaging.reactions import REACTIONS, Kind, Reaction, reaction_to_malformed
from picosec.messaging.requests import Request

R, RI = requests.State, requests.Input
X, XI = exchanges.State, exchanges.Input


class _Client:
    """An endpoint with one request of its own in a given state, after ``reach``."""

    def __init__(self) -> None:
        self.endpoint = endpoint()
        self.now = 0.0
        self.request: Request | None = None
        self.blocker: Message | None = None

    def reach(self, state: requests.State) -> None:
        match state:
            case R.QUEUED:
                self.endpoint.request(get("/blocker"), "peer", 0)
                self.blocker = sent(self.endpoint)[0]
                self._ask(get())
            case R.UNACKNOWLEDGED:
                self._ask(get())
            case R.UNANSWERED:
                self._ask(get(kind=Type.NON))
            case R.PINGING:
                self._ask(None)
            case R.ACKNOWLEDGED:
                self._ask(get())
                self.apply(RI.ACKNOWLEDGEMENT)
            case R.ANSWERED:
                self._ask(get())
                self.apply(RI.PIGGYBACKED_RESPONSE)
            case R.RESET:
                self._ask(get())
                self.apply(RI.RESET)
            case R.FAILED:
                self._ask(get(kind=Type.NON))
                self.apply(RI.GIVE_UP)
        assert self.state is state

    def _ask(self, message: Message | None) -> None:
        if message is None:
            self.endpoint.ping("peer", 0)
        else:
            self.endpoint.request(message, "peer", 0)
        peer = self.endpoint._peers.find("peer")
        assert peer is not None
        candidates: list[Request | Exchange] = [*peer.queue, *peer.sent.values()]
        self.request = next(one for one in reversed(candidates) if isinstance(one, Request) and one.id == self._last_id)
        sent(self.endpoint)

    @property
    def _last_id(self) -> int:
        return self.endpoint._last_id

    @property
    def state(self) -> requests.State:
        assert self.request is not None
        return self.request.state

    def apply(self, happening: requests.Input) -> list[object]:
        """Make it happen as the peer, or time, would."""
        assert self.request is not None
        message = self.request.message
        match happening:
            case RI.ACKNOWLEDGEMENT:
                return self._receive(Message(Type.ACK, Code.EMPTY, message.message_id))
            case RI.PIGGYBACKED_RESPONSE:
                return self._receive(Message(Type.ACK, Code.CONTENT, message.message_id, message.token))
            case RI.SEPARATE_RESPONSE:
                return self._receive(Message(Type.CON, Code.CONTENT, 0x7777, message.token))
            case RI.RESET:
                return self._receive(Message(Type.RST, Code.EMPTY, message.message_id))
            case RI.RETRANSMIT:
                return self._tick()
            case RI.GIVE_UP:
                events: list[object] = []
                while self.request.deadline is not None and not events and self.state not in requests.FINAL:
                    events += self._tick()
                return events
            case _:  # the place becomes free
                if self.blocker is None:
                    return []
                return self._receive(Message(Type.RST, Code.EMPTY, self.blocker.message_id))

    def _receive(self, message: Message) -> list[object]:
        return list(self.endpoint.receive(message.encode(), "peer", self.now))

    def _tick(self) -> list[object]:
        self.now = self.endpoint.next_timeout() or self.now
        return list(self.endpoint.tick(self.now))


_WIRE_INPUTS = [RI.ACKNOWLEDGEMENT, RI.PIGGYBACKED_RESPONSE, RI.SEPARATE_RESPONSE, RI.RESET]


#: What test_lasting_tables.py visits.
_LASTING = {R.LISTENING, R.RENEWAL_QUEUED, R.RENEWING, R.FORGOTTEN}
#: A message that was not sent has no id that an acknowledgement could refer to.
_CELLS = [
    cell
    for cell in itertools.product([state for state in R if state not in _LASTING], _WIRE_INPUTS)
    if cell[0] is not R.QUEUED or cell[1] is RI.SEPARATE_RESPONSE
]


@pytest.mark.parametrize(("state", "happening"), _CELLS, ids=lambda value: value.name)
def test_a_request_goes_on_as_its_table_says(state: requests.State, happening: requests.Input) -> None:
    """A peer can send anything at any time; what has no cell moves nothing and is reported to nobody."""
    client = _Client()
    client.reach(state)
    expected = requests.TRANSITIONS.get((state, happening), state)

    events = client.apply(happening)

    assert client.state is expected
    assert [type(event) for event in events] == _reported(state, happening)


def _reported(state: requests.State, happening: requests.Input) -> list[type]:
    match requests.TRANSITIONS.get((state, happening)):
        case R.ANSWERED:
            return [ResponseReceived]
        case R.RESET:
            return [PongReceived if state is R.PINGING else RequestReset]
        case R.FAILED:
            return [RequestFailed]
        case _:
            return []


@pytest.mark.parametrize(
    "state",
    [state for state in R if (state, RI.GIVE_UP) in requests.TRANSITIONS and state not in _LASTING],
    ids=lambda s: s.name,
)
def test_time_ends_every_request(state: requests.State) -> None:
    """A peer that falls silent holds no request, and no memory, for ever."""
    client = _Client()
    client.reach(state)
    assert [type(event) for event in client.apply(RI.GIVE_UP)] == [RequestFailed]
    assert client.state is R.FAILED
    peer = client.endpoint._peers.find("peer")
    assert peer is not None
    assert peer.idle


@pytest.mark.parametrize("state", [R.UNACKNOWLEDGED, R.PINGING], ids=lambda s: s.name)
def test_a_silent_peer_is_sent_the_same_again(state: requests.State) -> None:
    """Retransmission leaves the state as it is."""
    client = _Client()
    client.reach(state)
    assert client.apply(RI.RETRANSMIT) == []
    assert client.state is requests.TRANSITIONS[state, RI.RETRANSMIT]
    assert len(sent(client.endpoint)) == 1


@pytest.mark.parametrize(
    ("message", "state"), [(get(), R.UNACKNOWLEDGED), (None, R.PINGING)], ids=["SEND_CONFIRMABLE", "SEND_PING"]
)
def test_what_waits_is_sent_when_its_place_is_free(message: Message | None, state: requests.State) -> None:
    """A request that waits behind another is not forgotten, and does not overtake."""
    client = _Client()
    client.reach(R.QUEUED)
    assert sent(client.endpoint) == []
    client.apply(RI.SEND_CONFIRMABLE)
    assert client.state is R.UNACKNOWLEDGED
    first = client.request
    assert first is not None

    client._ask(message)
    assert client.state is R.QUEUED
    client._receive(Message(Type.RST, Code.EMPTY, first.message.message_id))
    assert client.state is state


def test_what_needs_no_acknowledgement_needs_no_place() -> None:
    """A non-confirmable request is sent beside a confirmable one."""
    client = _Client()
    client.endpoint.request(get("/blocker"), "peer", 0)
    client.reach(R.UNANSWERED)


def test_the_tables_of_requests_are_complete() -> None:
    """Every state can be left but the final ones, and every state can be reached."""
    assert {state for state, _ in requests.TRANSITIONS} == set(R) - requests.FINAL
    assert set(requests.TRANSITIONS.values()) == set(R) - {R.QUEUED}
    assert {happening for _, happening in requests.TRANSITIONS} == set(RI)


class _Server:
    """An endpoint with one exchange in a given state, after ``reach``."""

    def __init__(self) -> None:
        self.endpoint: Endpoint = endpoint()
        self.now = 0.0
        self.exchange: Exchange | None = None

    def reach(self, state: exchanges.State) -> None:
        kind = Type.NON if state is X.RECEIVED_NON_CONFIRMABLE else Type.CON
        self.exchange = received_request(self.endpoint, get(kind=kind, message_id=9, token=b"t")).exchange
        if state in (X.ACKNOWLEDGED, X.RESPONDING):
            self.apply(XI.ACKNOWLEDGE)
        if state in (X.RESPONDING, X.DONE):
            self.apply(XI.RESPOND)
        sent(self.endpoint)
        assert self.exchange.state is state

    def apply(self, happening: exchanges.Input) -> None:
        assert self.exchange is not None
        message_id = self.exchange.message_id if self.exchange.message_id is not None else 9
        match happening:
            case XI.RESPOND:
                self.endpoint.respond(self.exchange, Message(Type.ACK, Code.CONTENT, 0), self.now)
            case XI.DISMISS:
                self.endpoint.dismiss(self.exchange, self.now)
            case XI.ACKNOWLEDGE:
                self.endpoint.acknowledge(self.exchange, self.now)
            case XI.ACKNOWLEDGEMENT:
                self.endpoint.receive(Message(Type.ACK, Code.EMPTY, message_id).encode(), "client", self.now)
            case XI.RESET:
                self.endpoint.receive(Message(Type.RST, Code.EMPTY, message_id).encode(), "client", self.now)
            case XI.RETRANSMIT:
                self._tick()
            case XI.GIVE_UP:
                while self.exchange.deadline is not None:
                    self._tick()

    def _tick(self) -> None:
        self.now = self.endpoint.next_timeout() or self.now
        self.endpoint.tick(self.now)


_TIMELY = {
    (X.RECEIVED, XI.RETRANSMIT): X.ACKNOWLEDGED,  # what is due there is the acknowledgement
    (X.RECEIVED, XI.GIVE_UP): X.DONE,
    (X.RECEIVED_NON_CONFIRMABLE, XI.RETRANSMIT): X.DONE,  # and here and there the end
    (X.ACKNOWLEDGED, XI.RETRANSMIT): X.DONE,
}


@pytest.mark.parametrize(("state", "happening"), list(itertools.product(X, XI)), ids=lambda value: value.name)
def test_an_exchange_goes_on_as_its_table_says(state: exchanges.State, happening: exchanges.Input) -> None:
    """A client can acknowledge, reset and repeat whenever it likes; time passes in every state."""
    server = _Server()
    server.reach(state)
    expected = _TIMELY.get((state, happening)) or exchanges.TRANSITIONS.get((state, happening), state)

    server.apply(happening)

    assert server.exchange is not None
    assert server.exchange.state is expected
    peer = server.endpoint._peers.find("client")
    assert peer is not None
    assert peer.idle == (expected is X.DONE)


def test_the_table_of_exchanges_is_complete() -> None:
    """Every state can be left but the last, and every input has a use."""
    assert {state for state, _ in exchanges.TRANSITIONS} == set(X) - {X.DONE}
    assert {happening for _, happening in exchanges.TRANSITIONS} == set(XI)


_EXAMPLES: dict[Kind, Message] = {
    Kind.EMPTY: Message(Type.CON, Code.EMPTY, 5),
    Kind.REQUEST: get(message_id=5, token=b"t"),
    Kind.RESPONSE: Message(Type.CON, Code.CONTENT, 5, b"t"),
    Kind.MALFORMED: Message(Type.CON, 0x20, 5),
}


@pytest.mark.parametrize(("kind", "what"), list(itertools.product(Type, Kind)), ids=lambda value: value.name)
def test_each_combination_of_type_and_code_has_one_reaction(kind: Type, what: Kind) -> None:
    """RFC 7252, table 1: who answers what should not be answered starts an endless exchange of resets."""
    server = endpoint()
    data = dataclasses.replace(_EXAMPLES[what], type=kind).encode()

    events = server.receive(data, "stranger", 0)

    reset = Message(Type.RST, Code.EMPTY, 5)
    replies: dict[Reaction, list[Message]] = {
        Reaction.SEND_RESET: [reset],
        Reaction.MATCH_BY_TOKEN: [reset] if kind is Type.CON else [],
    }
    assert sent(server) == replies.get(REACTIONS[kind, what], [])
    assert bool(events) == (REACTIONS[kind, what] is Reaction.SERVE)


@pytest.mark.parametrize(
    "data", [b"", b"\x40", b"\x40\x01\0", b"\0\1\0\0", b"\x80\1\0\0", b"\xc0\1\0\0"], ids=bytes.hex
)
def test_what_is_not_coap_has_no_reaction(data: bytes) -> None:
    """Another version may use the same bytes for anything; half a header has no id to reset."""
    assert reaction_to_malformed(data) is Reaction.IGNORE
    server = endpoint()
    assert server.receive(data, "stranger", 0) == []
    assert server.transmit() == []
