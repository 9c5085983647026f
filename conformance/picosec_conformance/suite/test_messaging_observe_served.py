"""The target notifies: who is an observer, what it is told, and when it is left alone."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec_conformance.blockwise import Upload, read_whole
from picosec_conformance.control import Control
from picosec_conformance.observing import HALF, MODULUS, OBSERVE, REGISTER, Observer, is_ahead, number_of, only
from picosec_conformance.target import Target

DAY = 86_400


@pytest.fixture
def observer(target: Target) -> Iterator[Observer]:
    """The suite, before it registers for something that is there."""
    one = Observer(target)
    target.request(Code.PUT, one.path, b"0")
    yield one
    one.deregister()


@pytest.fixture
def registered(observer: Observer) -> Observer:
    """The suite as an observer."""
    observer.register()
    return observer


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


@pytest.mark.requirement("MSG-1670")
def test_deregistering_ends_it(registered: Observer) -> None:
    """The client is told by the absence of the option, and then no more."""
    registered.told(b"1")
    answer = registered.deregister()
    assert (answer.code, answer.payload, answer.option(OBSERVE)) == (Code.CONTENT, b"1", None)
    assert registered.put(b"2") == []


@pytest.mark.requirement("MSG-1670")
@pytest.mark.needs("messaging.datagram")
def test_deregistering_stops_the_retransmission(control: Control, registered: Observer) -> None:
    """The notification was lost, and nobody wants it any more."""
    assert len(registered.put(b"1")) == 1
    registered.deregister()
    assert registered.own(control.advance(100)) == []


@pytest.mark.requirement("MSG-1670")
def test_deregistering_twice_is_a_get(registered: Observer) -> None:
    """Of what is not there nothing is left to remove."""
    registered.deregister()
    answer = registered.deregister()
    assert (answer.code, answer.option(OBSERVE)) == (Code.CONTENT, None)


@pytest.mark.requirement("MSG-1680")
@pytest.mark.parametrize("wish", [None, 1], ids=["get", "deregister"])
def test_other_token_ends_nothing(registered: Observer, wish: int | None) -> None:
    """Another program on the same machine leaves, or only looks."""
    other = Observer(registered.target)
    other.target.exchange(other.request(wish))
    assert registered.told(b"1").payload == b"1"


@pytest.mark.requirement("MSG-1680")
def test_plain_get_under_its_token_ends_nothing(registered: Observer) -> None:
    """To look again is not to leave."""
    registered.target.exchange(registered.request(None))
    assert registered.told(b"1").payload == b"1"


@pytest.mark.requirement("MSG-1690")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_reset_ends_it(control: Control, observer: Observer, kind: Type) -> None:
    """A client that restarted knows the token no more, and has one way to say so."""
    observer.kind = kind
    observer.register()
    told = only(observer.put(b"1"))
    observer.reset(told)
    assert observer.put(b"2") == []
    assert observer.own(control.advance(20)) == []


@pytest.mark.requirement("MSG-1690")
@pytest.mark.needs("messaging.datagram")
def test_reset_may_take_its_time(control: Control, observer: Observer) -> None:
    """Nobody waits for an acknowledgement of a non-confirmable notification; a reset may come all the same."""
    observer.kind = Type.NON
    observer.register()
    told = only(observer.put(b"1"))
    assert observer.own(control.advance(2)) == []
    observer.reset(told)
    assert observer.put(b"2") == []
    assert observer.own(control.advance(20)) == []


@pytest.mark.requirement("MSG-1690")
@pytest.mark.needs("messaging.datagram")
def test_reset_stops_the_retransmission(control: Control, registered: Observer) -> None:
    """What was rejected is not sent again."""
    told = only(registered.put(b"1"))
    registered.reset(told)
    assert registered.own(control.advance(100)) == []


@pytest.mark.requirement("MSG-1700")
@pytest.mark.needs("messaging.datagram")
def test_silence_ends_it(control: Control, registered: Observer) -> None:
    """A forged source address: the one who lives there is sent five copies, and never another."""
    first = registered.put(b"1")
    assert len(first) == 1
    assert len(registered.own(control.advance(100))) == 4
    assert registered.put(b"2") == []
    assert registered.own(control.advance(2 * DAY)) == []


@pytest.mark.requirement("MSG-1700", "MSG-1750")
@pytest.mark.needs("messaging.datagram")
def test_stream_of_changes_ends_for_the_silent(control: Control, observer: Observer) -> None:
    """A value that changes every second must not be an amplifier that one datagram switches on."""
    observer.kind = Type.NON
    observer.register()
    sent = 0
    for number in range(300):
        sent += len(observer.put(bytes((number % 256,))))
        sent += len(observer.own(control.advance(1)))
    assert sent <= 8 + 5
    assert observer.put(b"last") == []


@pytest.mark.requirement("MSG-1700")
@pytest.mark.needs("messaging.datagram")
def test_other_registrations_of_the_silent_end_too(control: Control, registered: Observer) -> None:
    """Sixteen registrations are sixteen times five messages, unless silence is silence."""
    other = Observer(registered.target)
    other.register()
    registered.put(b"1")
    control.advance(300)
    assert registered.put(b"2") == []
    assert other.own(registered.target.until_probe_answered()) == []


@pytest.mark.requirement("MSG-1710", "MSG-1720")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_deletion_is_the_last_word(observer: Observer, kind: Type) -> None:
    """A sensor is unplugged: its readers have to know, and nothing more is to come."""
    observer.kind = kind
    observer.register()
    last = only(observer.put(b"", Code.DELETE))
    assert (last.code, last.option(OBSERVE)) == (Code.NOT_FOUND, None)
    observer.target.expect_refusal(last, Code.NOT_FOUND, Problem.NOT_FOUND)
    observer.acknowledge(last)
    assert observer.put(b"1") == []


@pytest.mark.requirement("MSG-1730")
@pytest.mark.needs("messaging.datagram")
def test_one_confirmable_notification_is_outstanding(control: Control, registered: Observer) -> None:
    """Many observations by one client are no way around congestion control."""
    others = [Observer(registered.target) for _ in range(3)]
    for other in others:
        other.register()
    registered.target.exchange(registered.target.build(Code.PUT, registered.path, b"1"))
    frames = map(registered.target.parse, registered.target.until_probe_answered())
    confirmable = {message.message_id for message in frames if message.type == Type.CON}
    again = {message.message_id for message in map(registered.target.parse, control.advance(10))}
    assert len(confirmable) == 1
    assert again <= confirmable


@pytest.mark.requirement("MSG-1740")
@pytest.mark.needs("messaging.datagram")
def test_non_confirmable_notifications_keep_their_distance(control: Control, observer: Observer) -> None:
    """The network does not say that it is full: it drops, and the server sends more."""
    observer.kind = Type.NON
    observer.register()
    sent = observer.put(b"0") + observer.put(b"1") + observer.put(b"2")
    sent += observer.own(control.advance(2.5))
    assert sum(message.type == Type.NON for message in sent) <= 1


@pytest.mark.requirement("MSG-1750")
@pytest.mark.needs("messaging.datagram")
def test_burst_is_interspersed_with_confirmable_notifications(control: Control, observer: Observer) -> None:
    """RFC 7641, section 7: interest has to be confirmed, or a forged registration lasts for ever."""
    observer.kind = Type.NON
    observer.register()
    row = longest = 0
    for number in range(60):
        for message in observer.put(bytes((number,))) + observer.own(control.advance(4)):
            row = 0 if message.type == Type.CON else row + 1
            longest = max(longest, row)
            observer.acknowledge(message)
    assert longest <= 8


@pytest.mark.requirement("MSG-1760")
@pytest.mark.needs("messaging.datagram")
def test_once_a_day_a_notification_is_confirmable(control: Control, observer: Observer) -> None:
    """A value that changes every four hours, to somebody who left after the first."""
    observer.kind = Type.NON
    observer.register()
    kinds: list[int] = []
    for number in range(6):
        told = observer.put(bytes((number,))) + observer.own(control.advance(DAY // 6))
        kinds += [message.type for message in told]
        for message in told:
            observer.acknowledge(message)
    assert Type.CON in kinds


@pytest.mark.requirement("MSG-1770", "MSG-1780")
@pytest.mark.needs("conformance.test-interface")
def test_flood_of_registrations_is_bounded(target: Target) -> None:
    """One client asks three hundred times, each time under another token."""
    target.request(Code.PUT, target.manifest.resources.observable, b"0")
    flood = [Observer(target) for _ in range(300)]
    accepted = set()
    for one in flood:
        answer = target.exchange(one.request(REGISTER))
        assert (answer.code, answer.payload) == (Code.CONTENT, b"0")
        if answer.option(OBSERVE) is not None:
            accepted.add(one.token)
    assert len(accepted) <= 64
    target.exchange(target.build(Code.PUT, target.manifest.resources.observable, b"1"))
    told: set[bytes] = set()
    frames = target.until_probe_answered()
    while frames:
        messages = [message for message in map(target.parse, frames) if message.code == Code.CONTENT]
        told |= {message.token for message in messages}
        frames = [
            frame
            for message in messages
            if message.type == Type.CON
            for frame in target.replies_to(Message(Type.ACK, Code.EMPTY, message.message_id))
        ]
    assert told == accepted


@pytest.mark.requirement("MSG-1620", "MSG-1340")
@pytest.mark.needs("messaging.block.server", "conformance.test-interface")
@pytest.mark.parametrize("size", [1025, 2500, 16], ids=["larger", "much-larger", "small"])
def test_large_resource_is_observed_by_its_first_block(target: Target, size: int) -> None:
    """RFC 7959, section 3.4: a notification is the first block, and the rest is fetched by requests of its own."""
    observer = Observer(target, target.manifest.resources.large)
    observer.register()
    body = bytes(number % 250 for number in range(size))
    Upload(target, target.exchange, observer.path).whole(body, 512)
    told = only(observer.own(target.until_probe_answered()))
    observer.acknowledge(told)
    number_of(told)
    assert told.payload == body[:1024]
    assert (told.option(Option.BLOCK2) is not None) == (size > 1024)
    assert read_whole(target, observer.path) == body if size > 1024 else True
    observer.deregister()


@pytest.mark.requirement("MSG-1610")
@pytest.mark.needs("messaging.block.server", "conformance.test-interface")
def test_request_for_a_later_block_registers_nobody(target: Target) -> None:
    """The rest of a representation is fetched by plain requests; Observe in one of them is none."""
    observer = Observer(target, target.manifest.resources.large)
    block = Block(1, False, exponent_of(512)).option(Option.BLOCK2)
    answer = target.exchange(observer.request(REGISTER, block))
    assert answer.option(OBSERVE) is None


@pytest.mark.requirement("MSG-1870", "MSG-310")
@pytest.mark.parametrize("value", [2, 2 | 8, 2 | 16, 26], ids=str)
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_unwanted_success_is_not_sent(target: Target, kind: Type, value: int) -> None:
    """A sensor that reports to many wants no thanks: each would cost it the energy of a report."""
    target.request(Code.PUT, target.manifest.resources.put, b"0")
    request = target.build(
        Code.GET, target.manifest.resources.put, kind=kind, options=((Option.NO_RESPONSE, bytes((value,))),)
    )
    replies = [target.parse(frame) for frame in target.replies_to(request)]
    empty = [Message(Type.ACK, Code.EMPTY, request.message_id)]
    assert replies == (empty if kind == Type.CON else [])


@pytest.mark.requirement("MSG-1870", "MSG-310")
@pytest.mark.needs("messaging.datagram", "conformance.test-interface")
def test_nothing_follows_what_was_not_wanted(target: Target, control: Control) -> None:
    """The request is done with: no second acknowledgement comes later, and it takes nobody's place."""
    path, unwanted = target.manifest.resources.put, ((int(Option.NO_RESPONSE), b"\2"),)
    target.request(Code.PUT, path, b"0")
    for _ in range(100):
        target.reply_to(target.build(Code.GET, path, options=unwanted))

    assert target.request(Code.GET, path).payload == b"0"
    assert control.advance(300) == []


@pytest.mark.requirement("MSG-1870")
@pytest.mark.parametrize(("value", "sent"), [(8, False), (10, False), (2, True), (16, True), (18, True)])
def test_each_class_has_its_bit(target: Target, rng: random.Random, value: int, sent: bool) -> None:
    """Who wants no thanks may well want to know what went wrong."""
    path = f"/none/{rng.randrange(1 << 32):x}"
    request = target.build(Code.GET, path, kind=Type.NON, options=((Option.NO_RESPONSE, bytes((value,))),))
    codes = [target.parse(frame).code for frame in target.replies_to(request)]
    assert codes == ([Code.NOT_FOUND] if sent else [])


@pytest.mark.requirement("MSG-1870")
def test_interest_in_everything_is_answered(target: Target) -> None:
    """The empty value takes nothing away."""
    target.request(Code.PUT, target.manifest.resources.put, b"0")
    request = target.build(Code.GET, target.manifest.resources.put, options=((Option.NO_RESPONSE, b""),))
    assert target.exchange(request).payload == b"0"


@pytest.mark.requirement("MSG-1880")
@pytest.mark.parametrize("value", [b"", b"\0", b"\1\0", b"\xff\xff"], ids=bytes.hex)
def test_hop_limit_that_cannot_be_is_refused(target: Target, value: bytes) -> None:
    """A request that went round for so long that its count is used up should not have arrived."""
    request = target.build(Code.PUT, target.manifest.resources.put, b"hops", options=((Option.HOP_LIMIT, value),))
    with target.expect_unchanged():
        target.expect_refusal(target.exchange(request), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-1880")
@pytest.mark.parametrize("value", [1, 2, 16, 255])
def test_hop_limit_of_others_is_left_alone(target: Target, value: int) -> None:
    """The last hop has arrived: 1 is enough for an origin server."""
    target.request(Code.PUT, target.manifest.resources.put, b"0")
    request = target.build(Code.GET, target.manifest.resources.put, options=((Option.HOP_LIMIT, bytes((value,))),))
    assert target.exchange(request).payload == b"0"
