"""A device that tells its observers, without a channel: what each is sent, when, and for how long."""

import pytest
from ti_driver import FACTORY, Driver

from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.roles.observers import MOST_OF_CLIENT, PATIENCE, SPACING

STORE = path_options("/ps/test/store")


class Watching(Driver):
    """The suite's end with one resource to observe."""

    def __init__(self) -> None:
        super().__init__()
        self.done("reset", {0: FACTORY})
        self.put(b"0")
        self._id = 0x4000

    def put(self, payload: bytes, code: Code = Code.PUT) -> list[Message]:
        """Change the store and return what is sent on account of that."""
        self._message_id += 1
        replies = self.send(Message(Type.CON, code, self._message_id, b"test", STORE, payload))
        return [reply for reply in replies if reply.token != b"test"]

    def get(self, wish: int | None, token: bytes = b"obs", kind: Type = Type.CON) -> Message:
        self._id += 1
        observe = () if wish is None else ((int(Option.OBSERVE), bytes([wish]) if wish else b""),)
        (reply,) = self.send(Message(kind, Code.GET, self._id, token, (*observe, *STORE)))
        return reply

    def empty(self, kind: Type, message: Message) -> list[Message]:
        return self.send(Message(kind, Code.EMPTY, message.message_id))

    def advance(self, seconds: float) -> list[Message]:
        self.done("time", round(seconds * 1000))
        return self.others


@pytest.fixture
def watching() -> Watching:
    return Watching()


def number_of(message: Message) -> int:
    value = message.option(Option.OBSERVE)
    assert value is not None
    return int.from_bytes(value, "big")


def test_an_observer_is_told_each_change(watching):
    """One registration, and news for as long as it is wanted."""
    first = watching.get(0)
    (second,) = watching.put(b"1")
    watching.empty(Type.ACK, second)
    (third,) = watching.put(b"2")
    assert [first.payload, second.payload, third.payload] == [b"0", b"1", b"2"]
    assert [first.token, second.token, third.token] == [b"obs"] * 3
    assert second.type == third.type == Type.CON
    assert number_of(first) < number_of(second) < number_of(third)


def test_what_did_not_change_is_not_told(watching):
    """A PUT of the same value costs the observers nothing."""
    watching.get(0)
    assert watching.put(b"0") == []


def test_registering_again_replaces(watching):
    """A client that is not sure registers again; it must not be told twice."""
    first, again = watching.get(0), watching.get(0)
    assert number_of(again) > number_of(first)
    assert len(watching.put(b"1")) == 1


def test_deregistering_ends_it(watching):
    """The answer is a plain one, and nothing follows."""
    watching.get(0)
    answer = watching.get(1)
    assert (answer.payload, answer.option(Option.OBSERVE)) == (b"0", None)
    assert watching.put(b"1") == []


def test_another_token_deregisters_nothing(watching):
    """The token is the name of the observation."""
    watching.get(0)
    watching.get(1, token=b"other")
    assert len(watching.put(b"1")) == 1


def test_a_plain_get_leaves_it(watching):
    """To look is not to leave, not even under the same token."""
    watching.get(0)
    watching.get(None)
    assert len(watching.put(b"1")) == 1


@pytest.mark.parametrize("kind", [Type.CON, Type.NON])
def test_a_reset_ends_it(watching, kind):
    """A client that lost its memory knows no token any more."""
    watching.get(0, kind=kind)
    (told,) = watching.put(b"1")
    assert watching.empty(Type.RST, told) == []
    assert watching.advance(100) == []
    assert watching.put(b"2") == []


def test_a_silent_observer_is_given_up(watching):
    """Five copies in 93 seconds, and nothing after: notifications must not flood an address that never asked.

    The other observation of that address has its turn when the first is given up, and is then given up with it.
    """
    watching.get(0)
    watching.get(0, token=b"two")
    told = watching.put(b"1")
    assert len(told) == 1  # NSTART
    assert [message.token for message in watching.advance(93)] == [b"obs"] * 4 + [b"two"]
    assert watching.put(b"2") == []
    assert watching.advance(2 * PATIENCE) == []


def test_a_deleted_resource_is_told_once(watching):
    """4.04 without Observe is the last word."""
    watching.get(0)
    (told,) = watching.put(b"", Code.DELETE)
    assert (told.code, told.type, told.option(Option.OBSERVE)) == (Code.NOT_FOUND, Type.CON, None)
    watching.empty(Type.ACK, told)
    assert watching.put(b"3") == []


def test_an_error_registers_nobody(watching):
    """Who was refused is not told later either."""
    watching.put(b"", Code.DELETE)
    assert watching.get(0).code == Code.NOT_FOUND
    assert watching.put(b"1") == []


def test_the_newest_state_wins(watching):
    """While one notification is on its way, only the newest of what follows is worth sending."""
    watching.get(0)
    (first,) = watching.put(b"1")
    assert watching.put(b"2") == []
    assert watching.put(b"3") == []
    (second,) = watching.empty(Type.ACK, first)
    assert second.payload == b"3"
    assert number_of(second) > number_of(first)
    assert watching.empty(Type.ACK, second) == []


def test_a_lost_notification_is_repeated_as_the_newest(watching):
    """The retransmission that is due carries what is true now, under another message id."""
    watching.get(0)
    (first,) = watching.put(b"1")
    watching.put(b"2")
    (second,) = watching.advance(3)
    assert second.payload == b"2"
    assert second.message_id != first.message_id


def test_non_confirmable_notifications_are_spaced_and_confirmed(watching):
    """One in three seconds; when it is quiet, the last is repeated so that it is known to have arrived."""
    watching.get(0, kind=Type.NON)
    (first,) = watching.put(b"1")
    assert first.type == Type.NON
    assert watching.put(b"2") == []
    assert watching.put(b"3") == []
    assert watching.advance(SPACING - 0.1) == []
    (second,) = watching.advance(0.1)
    assert (second.type, second.payload) == (Type.NON, b"3")
    (third,) = watching.advance(SPACING)
    assert (third.type, third.payload) == (Type.CON, b"3")
    watching.empty(Type.ACK, third)
    assert watching.advance(SPACING * 10) == []
    (fourth,) = watching.put(b"4")
    assert fourth.type == Type.NON


def test_what_changed_back_meanwhile_is_confirmed_too(watching):
    """The client may have missed both, and nothing else will come."""
    watching.get(0, kind=Type.NON)
    watching.put(b"1")
    watching.put(b"2")
    watching.put(b"1")
    (last,) = watching.advance(SPACING)
    assert (last.type, last.payload) == (Type.CON, b"1")


def test_a_long_burst_is_interspersed_with_confirmable_ones(watching):
    """RFC 7641, 7: without that, one spoofed datagram would start a stream that never ends."""
    watching.get(0, kind=Type.NON)
    kinds = []
    for value in range(100):
        kinds += [message.type for message in watching.put(bytes([value])) + watching.advance(1)]
    assert kinds[:5] == [Type.NON] * 4 + [Type.CON]
    assert len(kinds) == 4 + 5  # four, and five copies of the one that nobody acknowledged


def test_once_a_day_an_observer_is_asked_for_a_sign_of_life(watching):
    """A resource that never changes must not keep the dead in its list."""
    watching.get(0)
    (asked,) = watching.advance(PATIENCE)
    assert (asked.type, asked.payload) == (Type.CON, b"0")
    watching.empty(Type.ACK, asked)
    assert len(watching.advance(PATIENCE)) == 1
    watching.advance(100)
    assert watching.put(b"1") == []


def test_there_is_room_for_so_many(watching):
    """A flood of registrations is answered like any GET, and those who came first are told."""
    answers = [watching.get(0, token=bytes([0, number])) for number in range(2 * MOST_OF_CLIENT)]
    assert sum(answer.option(Option.OBSERVE) is not None for answer in answers) == MOST_OF_CLIENT
    assert all(answer.payload == b"0" for answer in answers)


def test_a_state_digest_covers_observers(watching):
    """A refused registration must not leave one behind."""
    before = watching.state()[0]
    watching.get(0)
    assert watching.state()[0] != before
    watching.get(1)
    assert watching.state()[0] == before


def test_a_large_resource_is_told_by_its_first_block(watching):
    """RFC 7959, 3.4: the rest is fetched."""
    observe = ((int(Option.OBSERVE), b""), *path_options("/ps/test/large"))
    (first,) = watching.send(Message(Type.CON, Code.GET, 1, b"big", observe))
    assert first.option(Option.BLOCK2) is not None
    assert first.option(Option.OBSERVE) is not None
    new = Message(Type.CON, Code.PUT, 0x5000, b"test", path_options("/ps/test/large"), bytes(1100))
    told = [reply for reply in watching.send(new) if reply.token == b"big"]
    assert [reply.option(Option.BLOCK2) is not None for reply in told] == [True]


def test_a_later_block_registers_nobody(watching):
    """The Observe of a request for the rest is none."""
    options = ((int(Option.OBSERVE), b""), *path_options("/ps/test/large"), (int(Option.BLOCK2), b"\x16"))
    (answer,) = watching.send(Message(Type.CON, Code.GET, 1, b"big", options))
    assert answer.option(Option.OBSERVE) is None


@pytest.mark.parametrize(("value", "answered"), [(b"\x02", False), (b"\x1a", False), (b"\x08", True), (b"", True)])
@pytest.mark.parametrize("kind", [Type.CON, Type.NON])
def test_no_response_is_what_some_want(watching, kind, value, answered):
    """RFC 7967: one bit for each class of response; a confirmable request is acknowledged all the same."""
    replies = watching.send(Message(kind, Code.GET, 1, b"nr", (*STORE, (int(Option.NO_RESPONSE), value))))
    if answered:
        assert [reply.payload for reply in replies] == [b"0"]
    else:
        assert [reply.code for reply in replies] == ([Code.EMPTY] if kind is Type.CON else [])


@pytest.mark.parametrize(
    ("value", "code"), [(b"\x01", 0x45), (b"\xff", 0x45), (b"\0", 0x80), (b"", 0x80), (b"\1\0", 0x80)]
)
def test_a_hop_limit_has_its_range(watching, value, code):
    """RFC 8768, 3: 1 to 255, and an origin server leaves it alone."""
    (reply,) = watching.send(Message(Type.CON, Code.GET, 1, b"hl", (*STORE, (int(Option.HOP_LIMIT), value))))
    assert reply.code == code
