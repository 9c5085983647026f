"""The target as the receiver of ordered requests: each is acted on once, in order, or not at all."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.delivery import MAX_NUMBER, MAX_STREAM, Place
from picosec.channel.oscore import echo_request
from picosec.channel.session import Session
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.handshake import initiate, open_channel
from picosec_conformance.ordered import OrderedSender, counted, only, place_of
from picosec_conformance.protection import again, read
from picosec_conformance.target import Target

OFF = b"\xf4"


@pytest.fixture
def sender(target: Target, channel: Channel) -> OrderedSender:
    """The suite, ready to send ordered requests over a fresh channel."""
    return OrderedSender(target, channel)


@pytest.mark.requirement("CHN-1780")
def test_ordered_requests_are_acted_on_in_turn(target: Target, control: Control, sender: OrderedSender) -> None:
    """A queue of commands that nobody disturbs: each is carried out, and each response says which it answers."""
    stream = sender.next_number()
    for number in range(5):
        place = Place(stream, number)
        reply = sender.write(place)
        assert (reply.code, place_of(reply)) == (Code.CHANGED, place)
        assert counted(control, target) == number + 1


@pytest.mark.requirement("CHN-1780")
def test_response_is_marked_without_control(target: Target, sender: OrderedSender) -> None:
    """What a black box shows: a read in its place is answered with the place."""
    plain = sender.channel.ask(read(target))
    place = Place(sender.next_number(), 0)
    reply = sender.read(place)
    assert place_of(reply) == place
    assert (reply.code, reply.content_format) == (Code.CONTENT, plain.content_format)


@pytest.mark.requirement("CHN-1780")
def test_request_without_a_place_is_served_between(target: Target, control: Control, sender: OrderedSender) -> None:
    """Order is for those who ask for it: a read in between belongs to no stream and moves none."""
    stream = sender.next_number()
    for number in range(3):
        assert sender.write(Place(stream, number)).code == Code.CHANGED
        reply = sender.channel.ask(read(target))
        assert reply.code == Code.CONTENT
        assert place_of(reply) is None
    assert counted(control, target) == 3


@pytest.mark.requirement("CHN-1780")
@pytest.mark.parametrize("path", ["/no/such/thing", "resource"])
def test_refusal_of_the_resource_is_an_outcome(
    target: Target, control: Control, sender: OrderedSender, path: str
) -> None:
    """If a "no" did not use up its number, the request behind it would wait for a number that never comes."""
    stream = sender.next_number()
    wanted = target.manifest.resources.protected_put if path == "resource" else path
    reply = sender.ask(Place(stream, 0), Code.DELETE, wanted)
    assert reply.code >> 5 == 4
    assert place_of(reply) == Place(stream, 0)

    assert sender.write(Place(stream, 1)).code == Code.CHANGED
    assert counted(control, target) == 1


@pytest.mark.requirement("CHN-1790")
@pytest.mark.parametrize("times", [1, 2, 5])
def test_repetition_is_answered_and_not_acted_on(
    target: Target, control: Control, sender: OrderedSender, times: int
) -> None:
    """The response was lost and the sender asks again: the valve must not open a second time."""
    stream = sender.next_number()
    sender.write(Place(stream, 0))
    first = sender.write(Place(stream, 1), OFF)
    before = counted(control, target)

    for _ in range(times):
        reply = sender.write(Place(stream, 1), OFF)
        assert (reply.code, reply.payload, place_of(reply)) == (first.code, first.payload, Place(stream, 1))
    assert counted(control, target) == before
    assert sender.write(Place(stream, 2)).code == Code.CHANGED


@pytest.mark.requirement("CHN-1790")
def test_repetition_gives_the_response_of_then(target: Target, control: Control, sender: OrderedSender) -> None:
    """Read, then somebody writes, then the read comes again: its answer is the old value, or order means nothing."""
    stream = sender.next_number()
    path = target.manifest.resources.protected_put
    sender.channel.request(Code.PUT, path, b"\xf5", content_format=60)
    first = sender.ask(Place(stream, 0), Code.GET, path)
    sender.channel.request(Code.PUT, path, OFF, content_format=60)

    repeated = sender.ask(Place(stream, 0), Code.GET, path)

    assert (repeated.code, repeated.payload) == (first.code, first.payload)


@pytest.mark.requirement("CHN-1790")
def test_refusal_is_repeated_like_any_response(target: Target, control: Control, sender: OrderedSender) -> None:
    """A "no such thing" whose response was lost is asked for again, and is still one."""
    place = Place(sender.next_number(), 0)
    first = sender.ask(place, Code.GET, "/no/such/thing")
    assert (sender.ask(place, Code.GET, "/no/such/thing").code, place_of(first)) == (first.code, place)


@pytest.mark.requirement("CHN-1790")
def test_echo_makes_no_other_request(target: Target, control: Control, sender: OrderedSender) -> None:
    """A challenged sender repeats its request with an Echo option: what differs is the proof, not the request."""
    place = Place(sender.next_number(), 0)
    sender.write(place)
    path = target.manifest.resources.protected_put
    reply = sender.ask(place, Code.PUT, path, b"\xf5", content_format=60, options=((int(Option.ECHO), b"12345678"),))
    assert place_of(reply) == place
    assert counted(control, target) == 1


@pytest.mark.requirement("CHN-1800")
@pytest.mark.parametrize("number", [4, 5, 23, 24, 256, MAX_NUMBER])
def test_gap_is_refused(target: Target, control: Control, sender: OrderedSender, number: int) -> None:
    """ "Close the valve" overtakes "open the valve": what comes too early is not carried out."""
    stream = sender.next_number()
    for at in range(3):
        sender.write(Place(stream, at))

    sender.expect_refusal(sender.write(Place(stream, number)), Problem.OUT_OF_ORDER)

    assert counted(control, target) == 3
    assert sender.write(Place(stream, 3)).code == Code.CHANGED


@pytest.mark.requirement("CHN-1800")
@pytest.mark.parametrize("number", [0, 1])
def test_number_of_the_past_is_refused(target: Target, control: Control, sender: OrderedSender, number: int) -> None:
    """An attempt that an attacker held back for three requests is not carried out as if it were new."""
    stream = sender.next_number()
    for at in range(3):
        sender.write(Place(stream, at))

    sender.expect_refusal(sender.write(Place(stream, number)), Problem.OUT_OF_ORDER)

    assert counted(control, target) == 3


@pytest.mark.requirement("CHN-1810")
@pytest.mark.needs("messaging.datagram")
def test_request_that_is_being_acted_on_is_not_begun_again(
    target: Target, control: Control, sender: OrderedSender
) -> None:
    """A resource takes its time, the sender grows impatient: the work must not be done twice at once."""
    place = Place(sender.next_number(), 0)
    option = ((int(Option.DELIVERY), place.encode()),)
    slow = target.build(Code.GET, "/ps/test/slow", options=option)
    acknowledgement = target.reply_to(sender.channel.protect(slow))
    assert acknowledgement.code == Code.EMPTY

    sender.expect_refusal(sender.ask(place, Code.GET, "/ps/test/slow"), Problem.BUSY)

    response = only(map(target.parse, control.advance(1.5)), "late response")
    plain = sender.channel.unprotect(response)
    target.send(Message(2, Code.EMPTY, response.message_id))
    assert (plain.code, place_of(plain)) == (Code.CONTENT, place)
    repeated = sender.ask(place, Code.GET, "/ps/test/slow")
    assert (repeated.code, repeated.payload, place_of(repeated)) == (plain.code, plain.payload, place)


@pytest.mark.requirement("CHN-1820")
@pytest.mark.parametrize("change", ["payload", "code", "path", "option", "without-payload"])
def test_other_request_at_the_same_place_is_refused(
    target: Target, control: Control, sender: OrderedSender, change: str
) -> None:
    """Two programs count alike: the second one's "off" would get the first one's "done", and nobody would know."""
    stream = sender.next_number()
    sender.write(Place(stream, 0))
    path = target.manifest.resources.protected_put
    code, other_path, payload = Code.PUT, path, b"\xf5"
    options: tuple[tuple[int, bytes], ...] = ()
    match change:
        case "payload":
            payload = OFF
        case "code":
            code = Code.POST
        case "path":
            other_path = f"{path}/other"
        case "option":
            options = ((int(Option.URI_QUERY), b"x"),)
        case _:
            payload = b""

    reply = sender.ask(Place(stream, 0), code, other_path, payload, content_format=60, options=options)

    sender.expect_refusal(reply, Problem.DELIVERY_CHANGED)
    assert counted(control, target) == 1
    assert sender.write(Place(stream, 1)).code == Code.CHANGED


@pytest.mark.requirement("CHN-1830")
@pytest.mark.parametrize("number", [1, 2, 1000])
def test_stream_does_not_begin_in_the_middle(
    target: Target, control: Control, sender: OrderedSender, number: int
) -> None:
    """Nobody knows what came before: the first request that a receiver sees is number 0 or none."""
    sender.expect_refusal(sender.write(Place(sender.next_number(), number)), Problem.DELIVERY_LOST)
    assert counted(control, target) == 0


@pytest.mark.requirement("CHN-1830")
@pytest.mark.parametrize("behind", [1, 2, 3])
def test_stream_that_was_given_up_does_not_come_back(
    target: Target, control: Control, sender: OrderedSender, behind: int
) -> None:
    """The sender gave up "open" and began anew; an attacker lets go of the attempt that he held back."""
    for _ in range(4):
        sender.channel.ask(read(target))
    stream = sender.next_number()
    sender.write(Place(stream, 0))

    for number in (0, 1):
        sender.expect_refusal(sender.write(Place(stream - behind, number)), Problem.DELIVERY_LOST)

    assert counted(control, target) == 1
    assert sender.write(Place(stream, 1)).code == Code.CHANGED


@pytest.mark.requirement("CHN-1830")
@pytest.mark.parametrize("sent", [1, 3])
def test_nothing_is_acted_on_twice_after_a_reboot(
    target: Target, control: Control, sender: OrderedSender, sent: int
) -> None:
    """Power fails between the act and its response. The sender asks again; the device has forgotten."""
    stream = sender.next_number()
    for number in range(sent):
        sender.write(Place(stream, number))
    control.reboot()
    before = counted(control, target)

    refused = _fresh(target, sender, Place(stream, sent - 1))
    sender.expect_refusal(refused, Problem.DELIVERY_LOST)
    for number in (0, sent - 1, sent):
        sender.expect_refusal(sender.write(Place(stream, number)), Problem.DELIVERY_LOST)

    assert counted(control, target) == before


@pytest.mark.requirement("CHN-1840")
def test_new_stream_takes_the_place_of_the_old(target: Target, control: Control, sender: OrderedSender) -> None:
    """The sender gave up and begins anew: it is heard at once, and the old stream is over."""
    old = sender.next_number()
    sender.write(Place(old, 0))
    new = sender.next_number()
    assert place_of(sender.write(Place(new, 0))) == Place(new, 0)
    assert place_of(sender.write(Place(new, 1))) == Place(new, 1)
    assert counted(control, target) == 3

    sender.expect_refusal(sender.write(Place(old, 1)), Problem.DELIVERY_LOST)


@pytest.mark.requirement("CHN-1840")
def test_second_attempt_may_begin_the_stream(target: Target, control: Control, sender: OrderedSender) -> None:
    """The very first attempt was lost on the way; the stream has its name all the same."""
    stream = sender.next_number()
    sender.channel.protect(read(target))  # the attempt that never arrives

    assert place_of(sender.write(Place(stream, 0))) == Place(stream, 0)
    assert counted(control, target) == 1


@pytest.mark.requirement("CHN-1840")
def test_new_stream_begins_after_a_reboot(target: Target, control: Control, sender: OrderedSender) -> None:
    """A device that lost its memory is no brick: who begins anew is heard."""
    sender.write(Place(sender.next_number(), 0))
    control.reboot()
    _fresh(target, sender, None)

    stream = sender.next_number()
    for number in range(2):
        assert place_of(sender.write(Place(stream, number))) == Place(stream, number)


@pytest.mark.requirement("CHN-1840", "CHN-860")
def test_proof_of_freshness_may_begin_a_stream(target: Target, control: Control, sender: OrderedSender) -> None:
    """The first request that a device can trust after a reboot is a command with a place: it was never acted on."""
    sender.write(Place(sender.next_number(), 0))
    control.reboot()
    before = counted(control, target)
    value = sender.channel.ask(read(target)).option(Option.ECHO)
    path = target.manifest.resources.protected_put
    proof = () if value is None else ((int(Option.ECHO), value),)

    place = Place(sender.next_number(), 0)
    reply = sender.ask(place, Code.PUT, path, b"\xf5", content_format=60, options=proof)

    assert (reply.code, place_of(reply)) == (Code.CHANGED, place)
    assert counted(control, target) == before + 1


@pytest.mark.requirement("CHN-1840")
def test_stream_of_the_highest_name_begins(target: Target, control: Control, sender: OrderedSender) -> None:
    """A channel whose keys were changed a million times is as good as any other."""
    for number in range(2):
        assert place_of(sender.write(Place(MAX_STREAM, number))) == Place(MAX_STREAM, number)
    assert counted(control, target) == 2


@pytest.mark.requirement("CHN-1850")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00", id="one-number"),
        pytest.param(b"\x00\x00\x00", id="three-numbers"),
        pytest.param(b"\x18\x00\x00", id="long-form"),
        pytest.param(b"\x00\x18\x00", id="long-form-of-the-number"),
        pytest.param(b"\x00\x20", id="negative"),
        pytest.param(b"\x20\x00", id="negative-stream"),
        pytest.param(b"\x00\x40", id="bytes"),
        pytest.param(b"\x00\x60", id="text"),
        pytest.param(b"\x00\xf4", id="false"),
        pytest.param(b"\x00\xf6", id="null"),
        pytest.param(b"\x82\x00\x00", id="array"),
        pytest.param(b"\x00\xf9\x00\x00", id="float"),
        pytest.param(b"\x00\x19\x01", id="cut"),
        pytest.param(b"\x1b" + (MAX_STREAM + 1).to_bytes(8, "big") + b"\x00", id="stream-too-high"),
        pytest.param(b"\x00\x1b" + (MAX_NUMBER + 1).to_bytes(8, "big"), id="number-too-high"),
    ],
)
def test_value_that_is_no_place_is_refused(
    target: Target, control: Control, sender: OrderedSender, value: bytes
) -> None:
    """A place that two readers read differently is two places."""
    path = target.manifest.resources.protected_put
    sender.expect_refusal(sender.ask(value, Code.PUT, path, b"\xf5", content_format=60), Problem.BAD_OPTION)
    assert counted(control, target) == 0


@pytest.mark.requirement("CHN-1850")
@pytest.mark.parametrize("option", [Option.OBSERVE, Option.BLOCK1, Option.BLOCK2])
def test_request_in_parts_has_no_place(target: Target, control: Control, sender: OrderedSender, option: Option) -> None:
    """Half a body is not a request that can be acted on once."""
    stream = sender.next_number()
    path = target.manifest.resources.protected_put
    code = Code.GET if option == Option.OBSERVE else Code.PUT
    reply = sender.ask(Place(stream, 0), code, path, b"\xf5", content_format=60, options=((int(option), b""),))
    sender.expect_refusal(reply, Problem.BAD_OPTION)
    assert counted(control, target) == 0


@pytest.mark.requirement("CHN-1850")
def test_place_stands_once(target: Target, control: Control, sender: OrderedSender) -> None:
    """With two places, one part of a stack checks the first and another acts on the second."""
    stream = sender.next_number()
    path = target.manifest.resources.protected_put
    second = ((int(Option.DELIVERY), Place(stream, 1).encode()),)
    reply = sender.ask(Place(stream, 0), Code.PUT, path, b"\xf5", content_format=60, options=second)
    sender.expect_refusal(reply, Problem.BAD_OPTION)
    assert counted(control, target) == 0


@pytest.mark.requirement("CHN-1860")
@pytest.mark.needs("channel.edhoc.responder")
def test_new_keys_do_not_end_a_stream(target: Target, control: Control, rng: random.Random) -> None:
    """The keys are renewed between an act and the repetition of its request: still once, and the queue goes on."""
    sender, session = _opened(target, rng)
    for _ in range(3):
        sender.channel.ask(read(target))
    stream = sender.next_number()
    sender.write(Place(stream, 0))
    control.act("key-update", {1: session.sender_id, 2: b"renewal"})
    renewed = OrderedSender(target, open_channel(target, session.updated(b"renewal")))

    repeated = renewed.write(Place(stream, 0))

    assert (repeated.code, place_of(repeated), counted(control, target)) == (Code.CHANGED, Place(stream, 0), 1)
    assert place_of(renewed.write(Place(stream, 1))) == Place(stream, 1)
    assert counted(control, target) == 2


@pytest.mark.requirement("CHN-1860")
@pytest.mark.needs("channel.edhoc.responder")
def test_new_stream_begins_under_new_keys(target: Target, control: Control, rng: random.Random) -> None:
    """Sequence numbers begin anew with the keys; the new stream is the newer one all the same, and the old one over."""
    sender, session = _opened(target, rng)
    for _ in range(6):
        sender.channel.ask(read(target))
    old = sender.next_number()
    sender.write(Place(old, 0))
    control.act("key-update", {1: session.sender_id, 2: b"renewal"})
    renewed = OrderedSender(target, open_channel(target, session.updated(b"renewal")))

    new = (1 << 20) + renewed.next_number()
    assert place_of(renewed.write(Place(new, 0))) == Place(new, 0)
    for number in (0, 1):
        renewed.expect_refusal(renewed.write(Place(old, number)), Problem.DELIVERY_LOST)
    assert counted(control, target) == 2


def _fresh(target: Target, sender: OrderedSender, place: Place | None) -> Message:
    """Ask after a reboot, at a place or without one, and prove freshness when the target demands it."""
    request = read(target)
    if place is not None:
        request = replace(request, options=(*request.options, (int(Option.DELIVERY), place.encode())))
    reply = sender.channel.ask(request)
    repeated = echo_request(again(target, request), reply)
    return reply if repeated is None else sender.channel.ask(repeated)


def _opened(target: Target, rng: random.Random) -> tuple[OrderedSender, Session]:
    """Open a channel by a handshake: one whose keys can be renewed."""
    session = initiate(target, meet(target, rng))
    return OrderedSender(target, open_channel(target, session)), session
