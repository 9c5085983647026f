"""The target observes: which notifications it believes, when it asks again, and how it leaves."""

from __future__ import annotations

from contextlib import suppress

import pytest

from picosec.messaging.blocks import Block, block_of
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes, uint_value
from picosec_conformance.control import Control
from picosec_conformance.observing import DEREGISTER, MODULUS, OBSERVE, REGISTER, ObservingTarget, only
from picosec_conformance.target import Nonconformity, Target


@pytest.fixture
def observing(target: Target, control: Control) -> ObservingTarget:
    """The target, registered and answered with sequence number 1."""
    one = ObservingTarget(target, control)
    one.accept()
    assert one.news() == [b"0"]
    return one


def asked_again(one: ObservingTarget) -> Message:
    """Let time pass until the target registers again for what has a Max-Age of 10 seconds, and return how."""
    for _ in range(26):
        for frame in one.control.advance(1):
            return one.target.parse(frame)
    raise Nonconformity("the target did not register again")


@pytest.mark.requirement("CNF-770")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("confirmable", [True, False])
def test_observation_is_begun_as_demanded(target: Target, control: Control, confirmable: bool) -> None:
    """The suite is the server here: it sees what a client asks for."""
    one = ObservingTarget(target, control, "/some/news", confirmable=confirmable)
    registration = one.registration
    assert (registration.code, registration.path) == (Code.GET, "/some/news")
    assert [uint_value(value) for value in registration.option_values(OBSERVE)] == [REGISTER]
    assert registration.type == (Type.CON if confirmable else Type.NON)
    one.accept(payload=b"first")
    assert one.happened() == [("notification", b"first")]


@pytest.mark.requirement("MSG-1790", "MSG-1820")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_newer_notification_is_handed_on(observing: ObservingTarget, kind: Type) -> None:
    """The news that the whole thing is for; a confirmable one is acknowledged, and nothing else is sent."""
    replies = observing.notify(2, b"new", kind=kind)
    assert [(reply.type, reply.code) for reply in replies] == ([(Type.ACK, Code.EMPTY)] if kind == Type.CON else [])
    assert observing.news() == [b"new"]


@pytest.mark.requirement("MSG-1790")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_late_notification_is_dropped(observing: ObservingTarget, kind: Type) -> None:
    """The network delivers "on" after "off", and the lamp of the display stays on."""
    observing.notify(5, b"off", kind=kind)
    observing.notify(4, b"on", kind=kind)
    assert observing.news() == [b"off"]


@pytest.mark.requirement("MSG-1790")
def test_repeated_number_is_dropped(observing: ObservingTarget) -> None:
    """A copy under another message id is no copy to the message layer."""
    observing.notify(2, b"new")
    observing.notify(2, b"forged")
    assert observing.news() == [b"new"]


@pytest.mark.requirement("MSG-1790")
@pytest.mark.parametrize(
    ("last", "number", "newer"),
    [
        (MODULUS - 1, 0, True),
        (MODULUS - 1, 5, True),
        (0, MODULUS - 1, False),
        (5, 4 + (1 << 23), True),
        (5, 5 + (1 << 23), False),
        (5, 6 + (1 << 23), False),
        ((1 << 23) + 5, 4, True),
        ((1 << 23) + 5, 6, False),
        (255, 256, True),
        (65535, 65536, True),
        (65536, 65535, False),
    ],
)
def test_numbers_go_round(target: Target, control: Control, last: int, number: int, newer: bool) -> None:
    """After 2^24 changes the smaller number is the newer one, and half of the circle decides."""
    one = ObservingTarget(target, control)
    one.accept(last)
    one.notify(number, b"new")
    assert one.news() == ([b"0", b"new"] if newer else [b"0"])


@pytest.mark.requirement("MSG-1790")
@pytest.mark.parametrize(("seconds", "newer"), [(100, False), (128, False), (128.001, True), (1000, True)])
def test_after_128_seconds_any_number_is_newer(target: Target, control: Control, seconds: float, newer: bool) -> None:
    """A server that restarted counts from the beginning; a client that waits for more is blind from then on."""
    one = ObservingTarget(target, control)
    one.accept(1000, max_age=5000)
    control.advance(seconds)
    one.notify(3, b"new")
    assert one.news() == ([b"0", b"new"] if newer else [b"0"])


@pytest.mark.requirement("MSG-1790")
def test_dropped_notification_does_not_count(observing: ObservingTarget) -> None:
    """The newest stays the newest, whatever comes late: neither its number nor its time moves."""
    observing.notify(100, b"a")
    observing.control.advance(50)
    observing.notify(50, b"late")
    observing.notify(60, b"late too")
    observing.control.advance(80)
    observing.notify(70, b"b")
    assert observing.news() == [b"a", b"b"]


@pytest.mark.requirement("MSG-1800")
@pytest.mark.parametrize(("max_age", "earliest"), [(None, 65), (10, 15), (300, 305), (0, 5)])
def test_who_hears_nothing_asks_again(target: Target, control: Control, max_age: int | None, earliest: int) -> None:
    """A server that lost its memory has lost its observers; so has one whose notifications are all dropped."""
    one = ObservingTarget(target, control)
    one.accept(max_age=max_age)
    assert control.advance(earliest - 1) == []
    frames = control.advance(11.5)
    assert frames
    again, first = target.parse(frames[0]), one.registration
    assert (again.code, again.token, again.options) == (Code.GET, first.token, first.options)
    one.answer(again, b"1", (OBSERVE, uint_bytes(2)))
    assert one.news() == [b"0", b"1"]


@pytest.mark.requirement("MSG-1800")
def test_notification_puts_off_asking_again(observing: ObservingTarget) -> None:
    """As long as news comes, there is nothing to ask."""
    for number in range(2, 5):
        assert observing.control.advance(60) == []
        observing.notify(number, b"new")
    assert len(observing.control.advance(76)) >= 1


@pytest.mark.requirement("MSG-1800")
def test_pause_before_asking_again_is_random(target: Target, control: Control) -> None:
    """A thousand clients of a server that restarted must not come at once."""
    pauses = set()
    for seed in range(8):
        control.reset(bytes((seed,)))
        one = ObservingTarget(target, control, f"/news/{seed}")
        one.accept(max_age=1000)
        control.advance(1004)
        waited = 4.0
        while not control.advance(0.5):
            waited += 0.5
            if waited > 15.5:
                raise Nonconformity("the target did not register again within 15.5 seconds of the Max-Age")
        pauses.add(waited)
    assert len(pauses) > 1


@pytest.mark.requirement("MSG-1810")
def test_nothing_is_observed_twice(observing: ObservingTarget) -> None:
    """Two observations of one thing cost twice and say the same."""
    with suppress(Nonconformity):  # the act may be refused
        observing.control.act("observe", {2: "/news"})
    assert observing.target.until_probe_answered() == []


@pytest.mark.requirement("MSG-1820")
@pytest.mark.needs("messaging.datagram")
def test_late_notification_is_acknowledged_too(observing: ObservingTarget) -> None:
    """It is for this client; a reset would end the observation."""
    observing.notify(5, b"new")
    reply = only(observing.notify(4, b"old"))
    assert (reply.type, reply.code) == (Type.ACK, Code.EMPTY)


@pytest.mark.requirement("MSG-1830", "CNF-780")
@pytest.mark.needs("messaging.datagram")
def test_forgotten_observation_is_reset(observing: ObservingTarget) -> None:
    """The shortest way to leave: say nothing, and reject what comes."""
    observing.control.act("cancel", {1: observing.handle, 2: True})
    assert observing.target.until_probe_answered() == []
    reply = only(observing.notify(2, b"new"))
    assert (reply.type, reply.code) == (Type.RST, Code.EMPTY)
    assert observing.news() == []


@pytest.mark.requirement("MSG-1830")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("token", ["unknown", "longer", "empty"])
def test_notification_for_nobody_is_reset(observing: ObservingTarget, token: str) -> None:
    """A notification of somebody else's observation, or of one before the restart."""
    own = observing.registration.token
    tokens = {"unknown": bytes(byte ^ 0xFF for byte in own), "longer": own[:7] + b"\0", "empty": b""}
    reply = only(observing.notify(2, b"new", token=tokens[token]))
    assert (reply.type, reply.code) == (Type.RST, Code.EMPTY)
    assert observing.news() == []


@pytest.mark.requirement("MSG-1840", "CNF-780")
def test_deregistration_names_the_registration(observing: ObservingTarget) -> None:
    """A server finds the observation by its token, and over a channel by all options."""
    observing.control.act("cancel", {1: observing.handle})
    asked = observing.target.receive("a deregistration")
    first = observing.registration
    assert (asked.code, asked.token) == (Code.GET, first.token)
    assert [uint_value(value) for value in asked.option_values(OBSERVE)] == [DEREGISTER]
    assert [entry for entry in asked.options if entry[0] != OBSERVE] == [
        entry for entry in first.options if entry[0] != OBSERVE
    ]
    observing.answer(asked, b"last")
    assert observing.happened() == [("response", b"last")]


@pytest.mark.requirement("MSG-1840", "CNF-780")
def test_deregistration_waits_for_the_answer_to_a_registration(target: Target, control: Control) -> None:
    """It is given up while the server is asked whether it still knows of it: the server has to be told all the same."""
    one = ObservingTarget(target, control)
    one.accept(max_age=10)
    again = asked_again(one)
    control.act("cancel", {1: one.handle})
    target.send(Message(Type.ACK, Code.CONTENT, again.message_id, again.token, ((OBSERVE, b"\2"),), b"still here"))

    asked = target.receive("a deregistration")
    assert (asked.code, asked.token) == (Code.GET, one.registration.token)
    assert [uint_value(value) for value in asked.option_values(OBSERVE)] == [DEREGISTER]
    one.answer(asked, b"last")
    assert [event for event in one.happened() if event[0] == "response"] == [("response", b"last")]


@pytest.mark.requirement("CNF-780")
@pytest.mark.needs("messaging.datagram")
def test_observation_that_waits_for_its_turn_is_ended_without_a_word(target: Target, control: Control) -> None:
    """Another request is on its way; what was wanted meanwhile is not wanted any more."""
    control.act("ping", {})
    ping = target.receive("a ping")
    handle = control.act("observe", {2: "/news"})
    control.act("cancel", {1: handle})

    assert target.replies_to(Message(Type.RST, Code.EMPTY, ping.message_id)) == []
    assert [event.name for event in control.events()] == ["pong"]


@pytest.mark.requirement("MSG-480", "MSG-1800")
@pytest.mark.needs("messaging.datagram")
def test_old_answer_does_not_answer_another_registration(target: Target, control: Control) -> None:
    """A copy of the first answer was under way for long: the server may have forgotten everything meanwhile."""
    one = ObservingTarget(target, control)
    one.accept(max_age=10)
    again = asked_again(one)
    target.replies_to(
        Message(Type.ACK, Code.CONTENT, one.registration.message_id, again.token, ((OBSERVE, b"\2"),), b"old")
    )

    assert one.news() == [b"0"]
    assert target.parse(control.advance(4)[0]) == again


@pytest.mark.requirement("CNF-300", "CNF-770")
@pytest.mark.needs("messaging.datagram")
def test_request_goes_out_behind_an_answered_registration(target: Target, control: Control) -> None:
    """One at a time; and when it is answered, the next, whether more news of the first is to come or not."""
    one = ObservingTarget(target, control)
    control.act("request", {1: int(Code.GET), 2: "/next"})
    assert target.until_probe_answered() == []
    target.send(Message(Type.ACK, Code.CONTENT, one.registration.message_id, one.registration.token, ((OBSERVE, b""),)))

    assert target.receive("the other request").path == "/next"


@pytest.mark.requirement("MSG-450", "MSG-1800")
@pytest.mark.needs("messaging.datagram")
def test_registration_that_was_acknowledged_is_not_repeated(target: Target, control: Control) -> None:
    """The server takes its time to look whether it still knows of the observation, and says so."""
    one = ObservingTarget(target, control)
    one.accept(max_age=10)
    again = asked_again(one)
    target.send(Message(Type.ACK, Code.EMPTY, again.message_id))
    target.until_probe_answered()

    assert control.advance(20) == []
    one.notify(2, b"still here")
    assert one.news() == [b"0", b"still here"]


@pytest.mark.requirement("CNF-780")
def test_notification_that_crosses_the_deregistration_is_not_its_answer(observing: ObservingTarget) -> None:
    """It was on its way when the client left."""
    observing.control.act("cancel", {1: observing.handle})
    asked = observing.target.receive("a deregistration")
    observing.notify(2, b"crossing")
    observing.answer(asked, b"last")
    assert [event for event in observing.happened() if event[0] == "response"] == [("response", b"last")]


@pytest.mark.requirement("MSG-1850", "MSG-1830")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize(
    ("code", "observe"),
    [
        (Code.NOT_FOUND, False),
        (Code.NOT_ACCEPTABLE, False),
        (Code.SERVICE_UNAVAILABLE, False),
        (Code.CONTENT, False),
        (Code.NOT_FOUND, True),
    ],
)
def test_last_word_ends_the_observation(observing: ObservingTarget, code: Code, observe: bool) -> None:
    """The resource is gone: what still comes under the token is for nobody."""
    options = ((OBSERVE, b"\2"),) if observe else ()
    mid = observing.target.fresh_message_id()
    observing.target.replies_to(Message(Type.CON, code, mid, observing.registration.token, options, b"end"))
    assert observing.happened() == [("response", b"end")]
    reply = only(observing.notify(9, b"more"))
    assert reply.type == Type.RST
    assert observing.news() == []
    assert observing.control.advance(100) == []


@pytest.mark.requirement("MSG-1850")
def test_refused_registration_is_over(target: Target, control: Control) -> None:
    """No Observe in the answer: nothing will come, and nothing is to be waited for."""
    one = ObservingTarget(target, control)
    one.answer(one.registration, b"only")
    assert one.happened() == [("response", b"only")]
    assert control.advance(200) == []


@pytest.mark.requirement("MSG-1800", "MSG-840")
@pytest.mark.needs("messaging.datagram")
def test_server_that_is_gone_is_reported(observing: ObservingTarget) -> None:
    """Whoever waits for news learns that none will come."""
    observing.control.advance(100)
    observing.control.advance(100)
    assert observing.happened() == [("failed", b"")]


@pytest.mark.requirement("MSG-1790")
@pytest.mark.needs("messaging.datagram")
def test_copy_of_a_notification_is_one(observing: ObservingTarget) -> None:
    """The acknowledgement was lost; the copy gets another, and is no news."""
    message = Message(
        Type.CON,
        Code.CONTENT,
        observing.target.fresh_message_id(),
        observing.registration.token,
        ((int(Option.OBSERVE), b"\2"),),
        b"new",
    )
    replies = [observing.target.replies_to(message) for _ in range(3)]
    assert [len(each) for each in replies] == [1, 1, 1]
    assert observing.news() == [b"new"]


@pytest.mark.requirement("MSG-1860")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_large_notification_is_fetched_and_handed_on_whole(observing: ObservingTarget, kind: Type) -> None:
    """The first block is the news that there is news; half a configuration is worse than none."""
    body = bytes(number % 249 for number in range(1500))
    first, second = Block(0, True, 6).option(Option.BLOCK2), Block(1, False, 6).option(Option.BLOCK2)
    etag = (int(Option.ETAG), b"one")
    target, token = observing.target, observing.registration.token
    options = (etag, (OBSERVE, b"\2"), first)
    target.send(Message(kind, Code.CONTENT, target.fresh_message_id(), token, options, body[:1024]))
    asked = target.receive("an acknowledgement, or a request for the rest")
    while asked.code != Code.GET:
        asked = target.receive("a request for the rest")
    assert asked.option(OBSERVE) is None
    assert asked.path == observing.registration.path
    block = block_of(asked, Option.BLOCK2)
    assert block is not None
    assert (block.number, block.size, asked.token != token) == (1, 1024, True)
    observing.answer(asked, body[1024:], etag, second)
    assert observing.happened() == [("notification", body)]
