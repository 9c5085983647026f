"""The target notifies: when it stops, how often it asks for a sign of life, and what it has room for."""

from __future__ import annotations

import pytest

from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec_conformance.blockwise import Upload, read_whole
from picosec_conformance.control import Control
from picosec_conformance.observing import DAY, OBSERVE, REGISTER, Observer, number_of, only
from picosec_conformance.target import Target


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
