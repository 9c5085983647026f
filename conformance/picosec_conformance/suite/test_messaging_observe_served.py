"""The target notifies: who is an observer, what it is told, and when it is left alone."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec_conformance.control import Control
from picosec_conformance.observing import DAY, HALF, MODULUS, OBSERVE, REGISTER, Observer, is_ahead, number_of, only


@pytest.mark.requirement("MSG-1600")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_registration_is_answered_with_observe(observer: Observer, kind: Type) -> None:
    """Without the option in the answer a client polls, and the radio never sleeps."""
    observer.kind = kind
    answer = observer.register()
    assert (answer.code, answer.payload) == (Code.CONTENT, b"0")


@pytest.mark.requirement("MSG-1610")
def test_plain_request_registers_nobody(observer: Observer) -> None:
    """Messages that nobody asked for, to a client that looked once."""
    answer = observer.target.exchange(observer.request(None))
    assert answer.option(OBSERVE) is None
    assert observer.put(b"1") == []


@pytest.mark.requirement("MSG-1610")
@pytest.mark.parametrize("value", [2, 7, 0xFFFFFF])
def test_value_that_means_nothing_registers_nobody(observer: Observer, value: int) -> None:
    """A sequence number in a request is a confused client, or somebody who tries."""
    answer = observer.target.exchange(observer.request(value))
    assert (answer.code, answer.option(OBSERVE)) == (Code.CONTENT, None)
    assert observer.put(b"1") == []


@pytest.mark.requirement("MSG-1610")
@pytest.mark.needs("conformance.test-interface")
def test_error_registers_nobody(observer: Observer) -> None:
    """What is refused now must not be told later."""
    observer.put(b"", Code.DELETE)
    answer = observer.target.exchange(observer.request(REGISTER))
    assert (answer.code, answer.option(OBSERVE)) == (Code.NOT_FOUND, None)
    assert observer.put(b"1") == []


@pytest.mark.requirement("MSG-540", "MSG-1610")
def test_registration_with_a_number_that_is_too_long_registers_nobody(observer: Observer) -> None:
    """Four bytes are outside the definition, and the request is one without the option."""
    request = observer.target.build(Code.GET, observer.path, options=((OBSERVE, bytes(4)),))

    assert observer.target.exchange(request).option(OBSERVE) is None
    assert observer.put(b"1") == []


@pytest.mark.requirement("MSG-1620")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_change_is_told(observer: Observer, kind: Type) -> None:
    """The one thing that an observer is there for."""
    observer.kind = kind
    observer.register()
    told = observer.told(b"1")
    assert (told.code, told.payload, told.token) == (Code.CONTENT, b"1", observer.token)
    number_of(told)


@pytest.mark.requirement("MSG-1620")
def test_observer_is_told_for_as_long_as_it_wants(registered: Observer) -> None:
    """Nothing that was acknowledged may take up room, or news ends after so and so many."""
    for number in range(200):
        assert registered.told(bytes((number,))).payload == bytes((number,))


@pytest.mark.requirement("MSG-1620")
def test_every_observer_is_told(registered: Observer) -> None:
    """Two phones watch one lamp."""
    other = Observer(registered.target)
    other.register()
    try:
        registered.target.exchange(registered.target.build(Code.PUT, registered.path, b"1"))
        told: set[bytes] = set()
        frames = registered.target.until_probe_answered()
        while frames:
            messages = [message for message in map(registered.target.parse, frames) if message.code == Code.CONTENT]
            told |= {message.token for message in messages}
            frames = []
            for message in messages:
                if message.type == Type.CON:
                    frames += registered.target.replies_to(Message(Type.ACK, Code.EMPTY, message.message_id))
        assert told == {registered.token, other.token}
    finally:
        other.deregister()


@pytest.mark.requirement("MSG-1630", "MSG-1730")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("changes", [2, 5])
def test_last_state_of_a_burst_arrives(registered: Observer, changes: int) -> None:
    """The lamp flickers and stays on; an observer who sees it off for ever is worse off than one who polls."""
    last = only(registered.put(b"begin"))
    for number in range(changes):
        assert registered.put(bytes((number,))) == []
    while more := registered.acknowledge(last):
        last = only(more)
    assert last.payload == bytes((changes - 1,))


@pytest.mark.requirement("MSG-1630")
@pytest.mark.needs("messaging.datagram")
def test_lost_notification_is_followed_by_the_newest(control: Control, registered: Observer) -> None:
    """The first is lost, the state changes, and only the retransmission arrives."""
    lost = only(registered.put(b"1"))
    registered.put(b"2")
    arrived = registered.own(control.advance(3))
    last = arrived[-1]
    while more := registered.acknowledge(last):
        last = more[-1]
    assert last.payload == b"2"
    assert is_ahead(number_of(last), number_of(lost))


class Replaced:
    """A confirmable notification that was lost and repeated, and then another one that took its place."""

    def __init__(self, control: Control, registered: Observer) -> None:
        self.lost = only(registered.put(b"1"))
        assert registered.put(b"2") == []
        self.repeated = only(registered.own(control.advance(3)))


@pytest.mark.requirement("MSG-1630", "MSG-1620")
@pytest.mark.needs("messaging.datagram")
def test_observer_of_a_replaced_notification_is_told_on(control: Control, registered: Observer) -> None:
    """The network loses one message; once the next is acknowledged, all is as it was before."""
    last = Replaced(control, registered).repeated
    while more := registered.acknowledge(last):
        last = more[-1]

    assert last.payload == b"2"
    assert registered.own(control.advance(200)) == []
    assert registered.told(b"3").payload == b"3"


@pytest.mark.requirement("MSG-1630")
@pytest.mark.needs("messaging.datagram")
def test_acknowledgement_of_the_old_says_nothing_of_the_newest(control: Control, registered: Observer) -> None:
    """The first notification was not lost but late, as its acknowledgement is; the second is lost."""
    replaced = Replaced(control, registered)
    registered.acknowledge(replaced.lost)

    arrived = registered.own(control.advance(30))

    assert arrived
    assert arrived[-1].payload == b"2"


@pytest.mark.requirement("MSG-420", "MSG-430")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("change", [False, True], ids=["as-it-was", "replaced"])
def test_notifications_have_the_patience_of_requests(control: Control, registered: Observer, change: bool) -> None:
    """A server with many observers that repeats too early fills the network, when it is full already."""
    registered.put(b"1")
    if change:
        registered.put(b"2")

    assert registered.own(control.advance(1.9)) == []
    assert len(registered.own(control.advance(1.2))) == 1
    assert registered.own(control.advance(2.8)) == []
    assert len(registered.own(control.advance(3.2))) == 1


@pytest.mark.requirement("MSG-1700", "MSG-1620")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("when", [1.0, 50.0], ids=["early", "at-the-last-moment"])
def test_whoever_was_silent_may_come_back(control: Control, registered: Observer, when: float) -> None:
    """The phone was out of reach for minutes while things changed; it registers anew, and is told."""
    registered.put(b"1")
    control.advance(when)
    registered.put(b"2")
    control.advance(200)
    back = Observer(registered.target)
    back.register()

    assert back.told(b"3").payload == b"3"
    back.deregister()


@pytest.mark.requirement("MSG-1630")
@pytest.mark.needs("messaging.datagram")
def test_last_state_arrives_without_acknowledgements(control: Control, observer: Observer) -> None:
    """The non-confirmable one that was lost was the last of a burst."""
    observer.kind = Type.NON
    observer.register()
    for number in range(4):
        observer.put(bytes((number,)))
    arrived = observer.own(control.advance(60))
    assert arrived[-1].payload == b"\x03"
    assert arrived[-1].type == Type.CON
    observer.acknowledge(arrived[-1])


@pytest.mark.requirement("MSG-1640")
def test_sequence_numbers_rise(registered: Observer) -> None:
    """What does not rise is dropped as old by every client."""
    last = number_of(registered.told(b"first"))
    for value in range(8):
        number = number_of(registered.told(bytes((value,))))
        assert is_ahead(number, last)
        last = number


@pytest.mark.requirement("MSG-1640")
def test_sequence_numbers_rise_over_registrations(registered: Observer) -> None:
    """A client that registers again under its token compares with what it saw before."""
    last = number_of(registered.told(b"1"))
    again = number_of(registered.register())
    assert is_ahead(again, last)
    assert is_ahead(number_of(registered.told(b"2")), again)


@pytest.mark.requirement("MSG-1650", "MSG-1640")
@pytest.mark.parametrize("seconds", [100, 256, 512])
def test_sequence_numbers_go_round(control: Control, registered: Observer, seconds: float) -> None:
    """24 bits are used up some day: after 512 seconds, when a clock makes them, and then the clock stands still."""
    last = number_of(registered.told(b"first"))
    for value in range(12):
        control.advance(seconds)
        number = number_of(registered.told(bytes((value,))))
        assert is_ahead(number, last)
        last = number


@pytest.mark.requirement("MSG-1640")
def test_sequence_numbers_have_room_after_a_long_time(control: Control, observer: Observer) -> None:
    """A server that was on for a year before somebody registers; three bytes are what there is for its clock."""
    control.advance(365 * DAY + 300.5)
    observer.target.introduce()  # what it has shown of itself was forgotten long ago
    last = number_of(observer.register())
    assert is_ahead(number_of(observer.told(b"1")), last)


@pytest.mark.requirement("MSG-1650")
@pytest.mark.parametrize(
    "steps",
    [[1.0], [10.0], [128.0], [255.0], [0.001] * 10, [0.5] * 10, [128.0, 127.9]],
    ids=["1", "10", "128", "255", "ten-thousandths", "ten-halves", "two-long-ones"],
)
def test_sequence_numbers_do_not_overtake_themselves(
    control: Control, registered: Observer, steps: list[float]
) -> None:
    """Numbers that move on by more than half look older than the one before."""
    last = number_of(registered.told(b"first"))
    moved = 0
    for value, seconds in enumerate(steps):
        control.advance(seconds)
        number = number_of(registered.told(bytes((value,))))
        moved += (number - last) % MODULUS
        last = number
    assert moved <= HALF


@pytest.mark.requirement("MSG-1660")
def test_registering_again_replaces(registered: Observer) -> None:
    """A client that is not sure registers again; it must not hear everything twice."""
    registered.register()
    registered.register()
    told = only(registered.put(b"1"))
    assert registered.acknowledge(told) == []
