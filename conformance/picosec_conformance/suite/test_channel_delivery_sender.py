"""The target as a sender: what it promises in each delivery class, it keeps, or it says that it could not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.delivery import DeliveryClass, Place, placed
from picosec.messaging import cbor, problem
from picosec.messaging.blocks import Block
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.handshake import initiate, open_channel
from picosec_conformance.ordered import Asked, DeliveringTarget
from picosec_conformance.target import Target

#: Seconds after which every attempt has ended, whatever the message layer does.
LONG = 300.0
PROMISING = [DeliveryClass.AT_LEAST_ONCE, DeliveryClass.EXACTLY_ONCE]


@pytest.fixture
def sender(target: Target, control: Control, channel: Channel) -> DeliveringTarget:
    """The target, ready to send over a fresh channel."""
    return DeliveringTarget(target, control, channel)


@pytest.mark.requirement("CHN-1700")
def test_at_most_once_is_one_message(sender: DeliveringTarget) -> None:
    """A telegram that nobody answers: sent again it could be acted on again, should the window have moved."""
    sender.act(DeliveryClass.AT_MOST_ONCE, b"one")
    asked = sender.receive()
    assert asked.protected.type == Type.NON
    assert (asked.place, asked.plain.payload) == (None, b"one")

    assert sender.after(LONG) == []
    assert sender.after(LONG) == []


@pytest.mark.requirement("CHN-1700")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("ended", ["reset", "refused", "forged"])
def test_at_most_once_is_not_asked_again(target: Target, sender: DeliveringTarget, ended: str) -> None:
    """Whatever comes back, one is the most that was promised."""
    sender.act(DeliveryClass.AT_MOST_ONCE)
    asked = sender.receive()
    _end(target, sender, asked.protected, ended)

    assert sender.quiet() == []
    assert sender.after(LONG) == []


@pytest.mark.requirement("CHN-1710", "CHN-1740")
@pytest.mark.parametrize("delivery", PROMISING)
def test_unanswered_request_is_asked_again_under_new_numbers(sender: DeliveringTarget, delivery: DeliveryClass) -> None:
    """The peer sleeps for an hour: retransmission has long given up, the promise has not."""
    sender.act(delivery, b"payload")
    asked = [sender.receive()]
    asked += [sender.next() for _ in range(3)]

    assert len({attempt.number for attempt in asked}) == len(asked)
    assert {attempt.content for attempt in asked} == {asked[0].content}
    assert {attempt.plain.payload for attempt in asked} == {b"payload"}


@pytest.mark.requirement("CHN-1710")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("delivery", PROMISING)
@pytest.mark.parametrize("ended", ["reset", "refused", "forged"])
def test_what_does_not_verify_ends_no_promise(
    target: Target, control: Control, sender: DeliveringTarget, delivery: DeliveryClass, ended: str
) -> None:
    """One forged "no such context" per request, and a sender that believes it delivers nothing any more."""
    handle = sender.act(delivery)
    asked = sender.receive()
    for _ in range(3):
        _end(target, sender, asked.protected, ended)
        again = sender.next()
        assert again.number > asked.number
        assert again.content == asked.content
        asked = again

    sender.finish(asked, b"done")
    assert sender.outcomes()[handle] == ("response", b"done")


@pytest.mark.requirement("CHN-1720")
def test_ordered_requests_are_counted(sender: DeliveringTarget) -> None:
    """The receiver knows the next request by its number; a number left out or used twice stops the queue."""
    places = []
    for at in range(5):
        sender.act(DeliveryClass.EXACTLY_ONCE, bytes((at,)))
        asked = sender.receive()
        places.append(asked.place)
        assert (asked.plain.code, asked.plain.path, asked.plain.payload) == (Code.PUT, "/a/valve", bytes((at,)))
        if at == 0:
            assert asked.place == Place(asked.number, 0)
        sender.finish(asked)

    assert places[0] is not None
    assert places == [Place(places[0].stream, at) for at in range(5)]


@pytest.mark.requirement("CHN-1720")
def test_refused_request_uses_up_its_number(target: Target, sender: DeliveringTarget) -> None:
    """The resource says no: an outcome like any other, and the next request has the next number."""
    handle = sender.act(DeliveryClass.EXACTLY_ONCE)
    asked = sender.receive()
    assert asked.place is not None
    sender.reply(asked, placed(problem.response(Problem.NOT_FOUND), asked.place))
    assert sender.outcomes()[handle][0] == "response"

    sender.act(DeliveryClass.EXACTLY_ONCE)
    assert sender.receive().place == Place(asked.place.stream, 1)


@pytest.mark.requirement("CHN-1730")
def test_ordered_requests_wait_for_each_other(sender: DeliveringTarget) -> None:
    """Two commands under way at once can overtake each other, whatever their numbers say."""
    handles = [sender.act(DeliveryClass.EXACTLY_ONCE, bytes((at,))) for at in range(4)]
    asked = sender.quiet()
    for at in range(4):
        assert [attempt.plain.payload for attempt in asked] == [bytes((at,))]
        sender.finish(asked[0], bytes((0x40 + at,)))
        asked = sender.quiet()

    outcomes = sender.outcomes()
    assert [outcomes[handle][1] for handle in handles] == [bytes((0x40 + at,)) for at in range(4)]


@pytest.mark.requirement("CHN-1730")
def test_queue_waits_for_a_request_in_trouble(sender: DeliveringTarget) -> None:
    """The first request gets no answer for a while: the second one does not slip past it."""
    sender.act(DeliveryClass.EXACTLY_ONCE, b"first")
    sender.act(DeliveryClass.EXACTLY_ONCE, b"second")
    seen = sender.quiet()
    seen += [sender.next() for _ in range(2)]

    assert {attempt.plain.payload for attempt in seen} == {b"first"}


@pytest.mark.requirement("CHN-1750")
@pytest.mark.parametrize("marked", ["not-at-all", "other-number", "other-stream", "garbage"])
@pytest.mark.parametrize("code", [Code.CHANGED, Code.NOT_FOUND, Code.SERVICE_UNAVAILABLE])
def test_response_without_its_mark_is_no_outcome(sender: DeliveringTarget, marked: str, code: Code) -> None:
    """Something in front of the resource answers, and the application believes that the valve is open."""
    handle = sender.act(DeliveryClass.EXACTLY_ONCE)
    asked = sender.receive()
    assert asked.place is not None
    place = asked.place
    value = {
        "not-at-all": None,
        "other-number": Place(place.stream, place.number + 1).encode(),
        "other-stream": Place(place.stream + 1, place.number).encode(),
        "garbage": b"\xff\xff",
    }[marked]
    options = () if value is None else ((int(Option.DELIVERY), value),)

    sender.reply(asked, Message(Type.ACK, code, 0, b"", options, b"believe me"))

    assert sender.outcomes().get(handle, ("failed", ""))[0] == "failed"


@pytest.mark.requirement("CHN-1760")
def test_silence_ends_in_doubt(sender: DeliveringTarget) -> None:
    """Nobody ever answers. "It failed" would be a lie: perhaps the valve is open."""
    handle = sender.act(DeliveryClass.EXACTLY_ONCE)
    sender.receive()
    _until_given_up(sender)

    assert sender.outcomes()[handle] == ("failed", "outcome_unknown")


@pytest.mark.requirement("CHN-1760")
@pytest.mark.parametrize("refusal", [Problem.DELIVERY_LOST, Problem.OUT_OF_ORDER])
def test_receiver_that_forgot_leaves_doubt(sender: DeliveringTarget, refusal: Problem) -> None:
    """The first attempt stayed unanswered, the receiver restarted, the second is refused: nobody knows of the first."""
    handle = sender.act(DeliveryClass.EXACTLY_ONCE)
    sender.receive()
    second = sender.next()
    sender.refuse(second, refusal)
    _until_given_up(sender)

    assert sender.outcomes()[handle] == ("failed", "outcome_unknown")


@pytest.mark.requirement("CHN-1760")
def test_what_was_never_sent_is_in_no_doubt(sender: DeliveringTarget) -> None:
    """Behind a request in doubt others wait. They were not sent, and whoever gave them may give them again."""
    first, second = (sender.act(DeliveryClass.EXACTLY_ONCE, payload) for payload in (b"one", b"two"))
    seen = sender.quiet()
    seen += _until_given_up(sender)

    outcomes = sender.outcomes()
    assert {attempt.plain.payload for attempt in seen} == {b"one"}
    assert outcomes[first] == ("failed", "outcome_unknown")
    assert outcomes[second][0] == "failed"
    assert outcomes[second][1] != "outcome_unknown"


@pytest.mark.requirement("CHN-1990")
@pytest.mark.parametrize("length", [1025, 2048])
def test_ordered_request_is_not_cut(
    target: Target, control: Control, channel: Channel, sender: DeliveringTarget, length: int
) -> None:
    """Blocks that are counted as one request, or as several: the receiver refuses both, and the sender goes on."""
    parameters = {1: int(Code.PUT), 2: "/a/valve", 3: bytes(length), 5: channel.context.sender_id, 10: 3}
    target.request(Code.POST, "/ps/test/act", cbor.dumps(["request", parameters]), content_format=CONTENT_FORMAT_CBOR)

    for asked in sender.quiet():
        assert asked.plain.option(Option.BLOCK1) is None
    sender.act(DeliveryClass.EXACTLY_ONCE, b"next")
    assert sender.quiet() or sender.after(LONG)


def _first_of_two(sender: DeliveringTarget) -> tuple[int, Asked]:
    """Make the target ask, answer with the first block of an outcome; the handle, and what it asks then."""
    handle = sender.act(DeliveryClass.EXACTLY_ONCE, b"on")
    asked = sender.receive()
    assert asked.place is not None
    options = ((int(Option.ETAG), b"tag"), Block(0, True, 6).option(Option.BLOCK2))
    sender.reply(asked, placed(Message(Type.ACK, Code.CHANGED, 0, b"", options, bytes(1024)), asked.place))
    return handle, sender.receive()


@pytest.mark.requirement("CHN-2020")
@pytest.mark.needs("messaging.block.client")
def test_rest_of_an_outcome_is_asked_for_without_a_place(sender: DeliveringTarget) -> None:
    """The valve has much to say. A block of that is no request that is acted on, and has no number."""
    handle, further = _first_of_two(sender)
    assert further.place is None
    assert Block.decode(further.plain.option(Option.BLOCK2) or b"").number == 1
    assert further.plain.payload == b""
    options = ((int(Option.ETAG), b"tag"), Block(1, False, 6).option(Option.BLOCK2))
    sender.reply(further, Message(Type.ACK, Code.CHANGED, 0, b"", options, b"end"))

    assert sender.outcomes()[handle] == ("response", bytes(1024) + b"end")


@pytest.mark.requirement("CHN-1760")
@pytest.mark.needs("messaging.block.client")
def test_outcome_without_its_rest_leaves_doubt(sender: DeliveringTarget) -> None:
    """It was acted on; the receiver has forgotten what else it said. "Failed" would be a lie."""
    handle, further = _first_of_two(sender)
    sender.refuse(further, Problem.INCOMPLETE)
    _until_given_up(sender)

    assert sender.outcomes()[handle] == ("failed", "outcome_unknown")


@pytest.mark.requirement("CHN-1770")
def test_after_doubt_a_new_stream_begins(sender: DeliveringTarget) -> None:
    """Number 3 once more, for something else, would be answered as the 3 that is in doubt."""
    sender.act(DeliveryClass.EXACTLY_ONCE)
    asked = sender.receive()
    assert asked.place is not None
    sender.finish(asked)
    sender.act(DeliveryClass.EXACTLY_ONCE)
    sender.receive()
    _until_given_up(sender)

    sender.act(DeliveryClass.EXACTLY_ONCE)
    begun = sender.receive()

    assert begun.number > asked.number
    assert begun.place == Place(begun.number, 0)


@pytest.mark.requirement("CHN-1770")
def test_after_a_reboot_a_new_stream_begins(target: Target, control: Control, sender: DeliveringTarget) -> None:
    """The sender forgot how far it had counted; the receiver did not."""
    for _ in range(3):
        sender.act(DeliveryClass.EXACTLY_ONCE)
        asked = sender.receive()
        sender.finish(asked)
    assert asked.place is not None
    control.reboot()

    sender.act(DeliveryClass.EXACTLY_ONCE)
    begun = sender.receive()

    assert begun.place == Place(begun.number, 0)
    assert begun.place.stream > asked.place.stream


@pytest.mark.requirement("CHN-1770")
@pytest.mark.needs("channel.edhoc.responder", "channel.edhoc.key-update", "channel.oscore.server")
def test_name_of_a_stream_counts_changes_of_keys(target: Target, control: Control, rng: random.Random) -> None:
    """Sequence numbers begin anew with the keys; named by them alone, a new stream would look older than the last."""
    session = initiate(target, meet(target, rng))
    before = DeliveringTarget(target, control, open_channel(target, session))
    before.act(DeliveryClass.EXACTLY_ONCE)
    before.finish(before.receive())
    control.act("key-update", {1: session.sender_id, 2: b"renewal"})
    after = DeliveringTarget(target, control, open_channel(target, session.updated(b"renewal")))
    after.act(DeliveryClass.EXACTLY_ONCE)
    after.receive()
    _until_given_up(after)

    after.act(DeliveryClass.EXACTLY_ONCE)
    begun = after.receive()

    assert begun.place == Place((1 << 20) + begun.number, 0)


@pytest.mark.requirement("CHN-1770")
def test_refused_without_doubt_goes_on_in_a_new_stream(sender: DeliveringTarget) -> None:
    """The receiver restarted before the request reached it: nothing is in doubt, and the sender may just begin anew."""
    sender.act(DeliveryClass.EXACTLY_ONCE)
    sender.finish(sender.receive())
    handle = sender.act(DeliveryClass.EXACTLY_ONCE, b"again")
    refused = sender.receive()
    sender.refuse(refused, Problem.DELIVERY_LOST)

    for begun in sender.quiet() or sender.after(10):
        assert begun.place == Place(begun.number, 0)
        assert begun.plain.payload == b"again"
        sender.finish(begun, b"done")
        assert sender.outcomes()[handle] == ("response", b"done")
        return
    sender.act(DeliveryClass.EXACTLY_ONCE)
    begun = sender.next()
    assert begun.place == Place(begun.number, 0)


def _end(target: Target, sender: DeliveringTarget, asked: Message, how: str) -> None:
    """End an attempt with something that anybody on the path can send."""
    confirmable = asked.type == Type.CON
    kind = Type.ACK if confirmable else Type.NON
    message_id = asked.message_id if confirmable else target.fresh_message_id()
    match how:
        case "reset":
            answer = Message(Type.RST, Code.EMPTY, asked.message_id)
        case "refused":
            answer = replace(
                problem.response(Problem.UNKNOWN_CONTEXT), type=kind, message_id=message_id, token=asked.token
            )
        case _:
            options = ((int(Option.OSCORE), b""),)
            answer = Message(kind, Code.CHANGED, message_id, asked.token, options, bytes(16))
    target.send(answer)


def _until_given_up(sender: DeliveringTarget) -> list[Asked]:
    """Let time pass until the target makes no further attempt; what it sent."""
    seen: list[Asked] = []
    for _ in range(40):
        further = sender.after(LONG)
        if not further:
            return seen
        seen += further
    raise AssertionError("the target never gives up")
