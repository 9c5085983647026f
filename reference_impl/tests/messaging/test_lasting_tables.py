"""Every cell of what lasts: a request that goes on listening, and a notification until it has arrived."""

import itertools

import pytest
from fake_link import content, endpoint, get, only_sent, sent

from picosec.messaging import notifications, requests
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.endpoint import Endpoint, NotificationAcknowledged, NotificationEnded
from picosec.messaging.events import RequestFailed, RequestReset, ResponseReceived
from picosec.messaging.notifications import Notification
from picosec.messaging.requests import Request
from picosec.registry import Problem

R, RI = requests.State, requests.Input
N, NI = notifications.State, notifications.Input


def _empty(kind: Type, message_id: int) -> bytes:
    return Message(kind, Code.EMPTY, message_id).encode()


class _Listener:
    """A client with one lasting request."""

    def __init__(self) -> None:
        self.endpoint: Endpoint = endpoint()
        self.now = 0.0
        self.ids = itertools.count(0x7000)
        self.handle = 0

    @property
    def request(self) -> Request:
        found = self.begun
        assert isinstance(found, Request)
        return found

    def reach(self, state: requests.State) -> None:
        if state is R.QUEUED:
            self.endpoint.ping("peer", 0)
        kind = Type.NON if state is R.UNANSWERED else Type.CON
        self.handle = self.endpoint.request(get(kind=kind), "peer", 0, lasting=True)
        begun = self.endpoint._begun[self.handle]
        self.begun = begun
        if state is R.ACKNOWLEDGED:
            self.apply(RI.ACKNOWLEDGEMENT)
        elif state in (R.LISTENING, R.RENEWING, R.RENEWAL_QUEUED):
            self.apply(RI.LASTING_PIGGYBACKED_RESPONSE)
        elif state is R.FORGOTTEN:
            self.apply(RI.FORGET)
        if state is R.RENEWAL_QUEUED:
            self.endpoint.ping("peer", 0)
        if state in (R.RENEWING, R.RENEWAL_QUEUED):
            self.apply(RI.RENEW)
        sent(self.endpoint)
        assert self.request.state is state

    def apply(self, happening: requests.Input) -> list[object]:
        message = self.request.message
        match happening:
            case RI.ACKNOWLEDGEMENT:
                return self._receive(_empty(Type.ACK, message.message_id))
            case RI.LASTING_PIGGYBACKED_RESPONSE:
                return self._receive(Message(Type.ACK, Code.CONTENT, message.message_id, message.token).encode())
            case RI.LASTING_SEPARATE_RESPONSE:
                return self._receive(Message(Type.CON, Code.CONTENT, next(self.ids), message.token).encode())
            case RI.RESET:
                return self._receive(_empty(Type.RST, message.message_id))
            case RI.RENEW:
                self.endpoint.renew(self.handle, get(), self.now)
            case RI.FORGET:
                self.endpoint.forget(self.handle, self.now)
            case RI.GIVE_UP:
                events: list[object] = []
                while self.request.deadline is not None and not events:
                    self.now = self.endpoint.next_timeout() or self.now
                    events += self.endpoint.tick(self.now)
                return events
        return []

    def _receive(self, data: bytes) -> list[object]:
        return list(self.endpoint.receive(data, "peer", self.now))


#: States of a request that was sent and is not over.
_SENT = [R.UNACKNOWLEDGED, R.ACKNOWLEDGED, R.UNANSWERED, R.LISTENING, R.RENEWING]
_HAPPENINGS = [
    RI.ACKNOWLEDGEMENT,
    RI.LASTING_PIGGYBACKED_RESPONSE,
    RI.LASTING_SEPARATE_RESPONSE,
    RI.RESET,
    RI.RENEW,
    RI.FORGET,
]
_UNSENT = [RI.LASTING_SEPARATE_RESPONSE, RI.RENEW, RI.FORGET]
_CELLS = [
    *itertools.product(_SENT, _HAPPENINGS),
    *itertools.product([R.QUEUED, R.RENEWAL_QUEUED, R.FORGOTTEN], _UNSENT),
]


@pytest.mark.parametrize(("state", "happening"), _CELLS, ids=lambda value: value.name)
def test_a_lasting_request_goes_on_as_its_table_says(state: requests.State, happening: requests.Input) -> None:
    """Notifications come whenever the server likes: before the registration is acknowledged, while it is renewed."""
    client = _Listener()
    client.reach(state)
    expected = requests.TRANSITIONS.get((state, happening), state)
    if (state, happening) == (R.LISTENING, RI.RENEW):
        expected = R.RENEWING  # nothing is in its way, so it does not wait

    events = client.apply(happening)

    assert client.request.state is expected
    answered = happening in (RI.LASTING_SEPARATE_RESPONSE, RI.LASTING_PIGGYBACKED_RESPONSE)
    if (state, happening) not in requests.TRANSITIONS:
        assert events == []
    elif answered:
        assert [type(event) for event in events] == [ResponseReceived]
    else:
        assert [type(event) for event in events] == ([RequestReset] if happening is RI.RESET else [])


@pytest.mark.parametrize("state", [R.UNACKNOWLEDGED, R.ACKNOWLEDGED, R.UNANSWERED, R.RENEWING], ids=lambda s: s.name)
def test_a_registration_that_nobody_answers_fails(state: requests.State) -> None:
    """Whoever waits for news is told when the server is gone."""
    client = _Listener()
    client.reach(state)
    assert client.apply(RI.GIVE_UP) == [RequestFailed(client.handle, Problem.TIMEOUT)]
    assert client.request.state is R.FAILED


def test_what_listens_waits_for_no_time() -> None:
    """Silence is what a resource that does not change sounds like."""
    client = _Listener()
    client.reach(R.LISTENING)
    assert client.endpoint.next_timeout() is None


def test_a_renewal_waits_its_turn_and_keeps_token_and_handle() -> None:
    """A new token would be a second registration, and the server would tell everything twice."""
    client = _Listener()
    client.reach(R.RENEWAL_QUEUED)
    token = client.request.message.token
    ping = next(iter(client.endpoint._peers.find("peer").sent))  # type: ignore[union-attr]
    client.endpoint.receive(_empty(Type.RST, ping), "peer", 0)
    assert only_sent(client.endpoint).token == token
    assert client.request.state is R.RENEWING
    (event,) = client.apply(RI.LASTING_PIGGYBACKED_RESPONSE)
    assert isinstance(event, ResponseReceived)
    assert event.request_id == client.handle


def test_what_is_forgotten_is_rejected() -> None:
    """RFC 7641, 3.6: a client that forgot an observation resets the next notification, and so ends it."""
    client = _Listener()
    client.reach(R.LISTENING)
    token = client.request.message.token
    client.apply(RI.FORGET)
    assert client.endpoint.receive(Message(Type.CON, Code.CONTENT, 0x7777, token).encode(), "peer", 1) == []
    assert sent(client.endpoint) == [Message(Type.RST, Code.EMPTY, 0x7777)]


def test_a_notification_from_another_peer_is_rejected() -> None:
    """Who has overheard the token sends news from an address of its own: a token belongs to one peer."""
    client = _Listener()
    client.reach(R.LISTENING)
    forged = Message(Type.CON, Code.CONTENT, 0x7777, client.request.message.token)
    assert client.endpoint.receive(forged.encode(), "stranger", 1) == []
    assert sent(client.endpoint) == [Message(Type.RST, Code.EMPTY, 0x7777)]
    assert client.request.state is R.LISTENING


def test_what_waits_and_is_forgotten_is_never_sent() -> None:
    """It would register at a server whose notifications nobody wants."""
    client = _Listener()
    client.reach(R.QUEUED)
    client.apply(RI.FORGET)
    peer = client.endpoint._peers.find("peer")
    assert peer is not None
    client.endpoint.receive(_empty(Type.RST, next(iter(peer.sent))), "peer", 0)
    assert sent(client.endpoint) == []
    assert peer.idle


class _Teller:
    """A server with one notification."""

    def __init__(self) -> None:
        self.endpoint: Endpoint = endpoint()
        self.now = 0.0
        self.handle = 0
        self.sent: list[Message] = []

    @property
    def notification(self) -> Notification:
        assert isinstance(self.begun, Notification)
        return self.begun

    def reach(self, state: notifications.State) -> None:
        if state is N.QUEUED:
            self.endpoint.ping("peer", 0)
        self.handle = self.notify(b"1", confirmable=state is not N.SENT)
        self.begun = self.endpoint._begun[self.handle]
        if state is N.DONE:
            self.drain()
            self.apply(NI.ACKNOWLEDGEMENT)
        self.drain()
        assert self.notification.state is state

    def notify(self, payload: bytes, *, confirmable: bool = True, replacing: int | None = None) -> int:
        return self.endpoint.notify(
            "peer", b"tok", content(payload), self.now, confirmable=confirmable, replacing=replacing
        )

    def drain(self) -> list[Message]:
        fresh = [message for message in sent(self.endpoint) if message.token == b"tok"]
        self.sent += fresh
        return fresh

    def apply(self, happening: notifications.Input) -> list[object]:
        last = self.sent[-1].message_id if self.sent else 0x1234
        match happening:
            case NI.ACKNOWLEDGEMENT | NI.ACKNOWLEDGEMENT_OF_OLD:
                return list(self.endpoint.receive(_empty(Type.ACK, last), "peer", self.now))
            case NI.RESET:
                return list(self.endpoint.receive(_empty(Type.RST, last), "peer", self.now))
            case NI.FORGET:
                self.endpoint.forget(self.handle, self.now)
                return []
            case NI.RETRANSMIT:
                return self.tick()
            case NI.GIVE_UP:
                events: list[object] = []
                while self.notification.state is not N.DONE:
                    events += self.tick()
                return events
            case _:
                return []

    def tick(self) -> list[object]:
        self.now = self.endpoint.next_timeout() or self.now
        return list(self.endpoint.tick(self.now))


_TOLD = [NI.ACKNOWLEDGEMENT, NI.RESET, NI.FORGET, NI.GIVE_UP]


@pytest.mark.parametrize(
    ("state", "happening"),
    [*itertools.product([N.UNACKNOWLEDGED, N.SENT, N.DONE], _TOLD), (N.QUEUED, NI.FORGET), (N.QUEUED, NI.RESET)],
    ids=lambda value: value.name,
)
def test_a_notification_goes_on_as_its_table_says(state: notifications.State, happening: notifications.Input) -> None:
    """A peer can acknowledge and reject what it likes, when it likes."""
    server = _Teller()
    server.reach(state)
    expected = notifications.TRANSITIONS.get((state, happening), state)

    events = server.apply(happening)

    assert server.notification.state is expected
    outcomes: dict[tuple[notifications.State, notifications.Input], list[type]] = {
        (N.UNACKNOWLEDGED, NI.ACKNOWLEDGEMENT): [NotificationAcknowledged],
        (N.UNACKNOWLEDGED, NI.RESET): [NotificationEnded],
        (N.UNACKNOWLEDGED, NI.GIVE_UP): [NotificationEnded],
        (N.SENT, NI.RESET): [NotificationEnded],
    }
    assert [type(event) for event in events] == outcomes.get((state, happening), [])
    peer = server.endpoint._peers.find("peer")
    assert peer is not None
    assert (server.handle in server.endpoint._begun) == (expected is not N.DONE)


def test_a_notification_that_is_not_acknowledged_is_sent_again() -> None:
    """Five times in all, as every confirmable message."""
    server = _Teller()
    server.reach(N.UNACKNOWLEDGED)
    assert server.apply(NI.RETRANSMIT) == []
    assert server.drain() == server.sent[:1]
    assert server.notification.state is N.UNACKNOWLEDGED
    server.apply(NI.GIVE_UP)
    assert len(server.drain()) == 3


def test_the_newest_takes_the_place_of_what_did_not_arrive() -> None:
    """RFC 7641, 4.5.2: nobody needs the old state any more; the new one waits for the retransmission that was due."""
    server = _Teller()
    server.reach(N.UNACKNOWLEDGED)
    first = server.sent[0]
    assert server.notify(b"2", replacing=server.handle) == server.handle
    assert server.notify(b"3", replacing=server.handle) == server.handle
    assert server.drain() == []
    due = server.endpoint.next_timeout()
    assert server.apply(NI.RETRANSMIT) == []
    (second,) = server.drain()
    assert (second.payload, second.type) == (b"3", Type.CON)
    assert second.message_id != first.message_id
    again = server.endpoint.next_timeout()
    assert due is not None
    assert again is not None
    assert again - due == pytest.approx(2 * due)
    assert server.endpoint.receive(_empty(Type.ACK, first.message_id), "peer", server.now) == []
    assert server.apply(NI.ACKNOWLEDGEMENT) == [NotificationAcknowledged(server.handle)]


def test_the_newest_follows_what_arrives_late() -> None:
    """The acknowledgement of the old state is not one of the new: that is sent at once, with its own patience."""
    server = _Teller()
    server.reach(N.UNACKNOWLEDGED)
    server.notify(b"2", replacing=server.handle)
    assert server.apply(NI.ACKNOWLEDGEMENT_OF_OLD) == []
    (second,) = server.drain()
    assert second.payload == b"2"
    assert server.apply(NI.ACKNOWLEDGEMENT) == [NotificationAcknowledged(server.handle)]


def test_replacing_does_not_renew_the_patience() -> None:
    """A resource that changes all the time would otherwise be told to a dead address for ever."""
    server = _Teller()
    server.reach(N.UNACKNOWLEDGED)
    events: list[object] = []
    for value in range(20):
        server.notify(bytes((value,)), replacing=server.handle)
        events += server.tick()
        if events:
            break
    assert events == [NotificationEnded(server.handle, Problem.TIMEOUT)]
    assert len(server.drain()) == 4


def test_a_reset_of_an_earlier_form_ends_a_notification() -> None:
    """The client rejects the observation, whichever of its messages it saw."""
    server = _Teller()
    server.reach(N.UNACKNOWLEDGED)
    server.notify(b"2", replacing=server.handle)
    server.tick()
    reset = _empty(Type.RST, server.sent[0].message_id)
    assert server.endpoint.receive(reset, "peer", server.now) == [NotificationEnded(server.handle, None)]


def test_one_confirmable_notification_at_a_time_goes_to_a_peer() -> None:
    """NSTART is one, however many observations the peer has."""
    server = endpoint()
    server.notify("peer", b"a", content(b"1"), 0, confirmable=True)
    first = only_sent(server)
    server.notify("peer", b"b", content(b"2"), 0, confirmable=True)
    assert sent(server) == []
    server.receive(_empty(Type.ACK, first.message_id), "peer", 0)
    assert only_sent(server).token == b"b"


def test_the_table_of_notifications_is_complete() -> None:
    """Every state can be left but the last, and every input has a use."""
    assert {state for state, _ in notifications.TRANSITIONS} == set(N) - {N.DONE}
    assert {happening for _, happening in notifications.TRANSITIONS} == set(NI)
