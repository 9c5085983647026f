"""A channel that outlives its transport: it is found by its kid, and its peer where it was heard last."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.delivery import DeliveryClass, Place
from picosec.messaging.coap import Code, Message
from picosec.registry import Problem
from picosec_conformance.adapters.base import Ending
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.handshake import initiate, open_channel
from picosec_conformance.observing import REGISTER, ProtectedObserver
from picosec_conformance.ordered import DeliveringTarget, OrderedSender, counted, only, place_of
from picosec_conformance.protection import again, read, write
from picosec_conformance.reach import Reach
from picosec_conformance.target import Target
from picosec_conformance.verdicts import Inconclusive

#: Classes in which the target chooses where to send.
CLASSES = list(DeliveryClass)
#: Connections, which end.
WAYS = [pytest.param(way, marks=pytest.mark.needs(way)) for way in ("messaging.stream", "messaging.websocket")]


@pytest.fixture
def elsewhere(reach: Reach, target: Target) -> list[Target]:
    """The same target on every other link: other addresses of ours, as it sees them."""
    others = [reach.link(name) for name in reach.names if name != target.link]
    if not others:
        raise Inconclusive("the manifest has one link: give another in [links] to judge how a channel moves")
    return others


@pytest.fixture
def sender(target: Target, control: Control, channel: Channel) -> DeliveringTarget:
    """The target, ready to send over a channel whose peer is on the main link."""
    assert channel.ask(read(target)).code == Code.CONTENT
    return DeliveringTarget(target, control, channel)


def over(link: Target, channel: Channel) -> Channel:
    """Return our end of a channel on another link, with the same keys and numbers."""
    return Channel(link, channel.context)


def asked_on(link: Target) -> list[Message]:
    """Return what the target asked on a link until now; what the message layer repeats counts once."""
    return [message for message in map(link.parse, dict.fromkeys(link.until_probe_answered())) if message.is_request]


@pytest.mark.requirement("CHN-1870")
def test_channel_moves_and_moves_back(target: Target, channel: Channel, elsewhere: list[Target]) -> None:
    """A phone leaves the house and comes home: no handshake on the way, and no request refused."""
    for _ in range(3):
        for link in (*elsewhere, target):
            assert over(link, channel).ask(read(link)).code == Code.CONTENT


@pytest.mark.requirement("CHN-1870")
@pytest.mark.needs("channel.edhoc.responder")
def test_channel_of_a_handshake_moves(
    target: Target, control: Control, elsewhere: list[Target], rng: random.Random
) -> None:
    """The handshake ran over the serial line at the bench; the channel is used over the network in the field."""
    channel = open_channel(target, initiate(target, meet(target, rng)))
    for link in (*elsewhere, target):
        assert over(link, channel).ask(read(link)).code == Code.CONTENT


@pytest.mark.requirement("CHN-1870")
def test_response_goes_where_its_request_came_from(target: Target, channel: Channel, elsewhere: list[Target]) -> None:
    """Two requests under way on two links: each is answered where somebody waits for it."""
    for link in elsewhere:
        here, there = read(target), read(link)
        protected_here, protected_there = channel.protect(here), over(link, channel)
        target.send(protected_here)
        assert protected_there.ask(there).code == Code.CONTENT
        assert channel.unprotect(target.response_to(protected_here)).code == Code.CONTENT
        assert link.until_probe_answered() == []


@pytest.mark.requirement("CHN-1870")
@pytest.mark.needs("messaging.datagram")
def test_late_response_goes_where_its_request_came_from(
    target: Target, control: Control, channel: Channel, elsewhere: list[Target]
) -> None:
    """The work takes a second, and the peer has moved meanwhile: its exchange is still the one on the first link."""
    slow = target.build(Code.GET, "/ps/test/slow")
    acknowledgement = target.reply_to(channel.protect(slow))
    assert acknowledgement.code == Code.EMPTY
    for link in elsewhere:
        assert over(link, channel).ask(read(link)).code == Code.CONTENT

    late = only(map(target.parse, control.advance(1.5)), "late response")

    assert channel.unprotect(late).code == Code.CONTENT
    target.send(Message(2, Code.EMPTY, late.message_id))
    for link in elsewhere:
        assert link.until_probe_answered() == []


@pytest.mark.requirement("CHN-1870")
@pytest.mark.needs("channel.delivery")
def test_ordered_requests_go_on_elsewhere(
    target: Target, control: Control, channel: Channel, elsewhere: list[Target]
) -> None:
    """The link breaks between the act and its response: asked again on another link, nothing is done twice or lost."""
    stream = OrderedSender(target, channel).next_number()
    for number, link in enumerate((*elsewhere, target, *elsewhere)):
        place = Place(stream, number)
        assert OrderedSender(target, channel).write(place).code == Code.CHANGED
        repeated = OrderedSender(link, over(link, channel)).write(place)
        assert (repeated.code, place_of(repeated)) == (Code.CHANGED, place)
        assert counted(control, target) == number + 1


@pytest.mark.requirement("CHN-1880")
@pytest.mark.parametrize("delivery", CLASSES)
def test_target_asks_where_its_peer_was_heard_last(
    target: Target, channel: Channel, sender: DeliveringTarget, elsewhere: list[Target], delivery: DeliveryClass
) -> None:
    """An alarm for somebody who left the house goes where he is, not where he was."""
    for at, link in enumerate((*elsewhere, target, *elsewhere)):
        assert over(link, channel).ask(read(link)).code == Code.CONTENT
        sender.act(delivery, bytes((at,)))
        attempt = only(
            sender.quiet() if link is target else map(sender.attempt, asked_on(link)), "request on that link"
        )
        assert attempt.plain.payload == bytes((at,))
        sender.finish_on(link, attempt)
        if link is not target:
            assert sender.quiet() == []


@pytest.mark.requirement("CHN-1880")
def test_first_request_says_where_its_sender_is(
    target: Target, control: Control, channel: Channel, elsewhere: list[Target]
) -> None:
    """Introduced at the bench, used for the first time far from it: number 0 counts like any other."""
    link = elsewhere[-1]
    assert over(link, channel).ask(read(link)).code == Code.CONTENT
    sender = DeliveringTarget(target, control, channel)

    sender.act(DeliveryClass.AT_MOST_ONCE, b"first")

    sender.finish_on(link, sender.attempt(only(asked_on(link), "request where the peer was heard")))
    assert sender.quiet() == []


@pytest.mark.requirement("CHN-1710")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.needs("channel.migration")
@pytest.mark.parametrize("delivery", [DeliveryClass.AT_LEAST_ONCE, DeliveryClass.EXACTLY_ONCE])
def test_unanswered_request_follows_its_peer(
    target: Target,
    control: Control,
    channel: Channel,
    sender: DeliveringTarget,
    elsewhere: list[Target],
    delivery: DeliveryClass,
) -> None:
    """Asked on a link that broke; the peer shows up on another one, and there it is asked the same."""
    for link in elsewhere:
        assert channel.ask(read(target)).code == Code.CONTENT
        handle = sender.act(delivery, b"follow")
        first = only(sender.quiet(), "request")
        assert over(link, channel).ask(read(link)).code == Code.CONTENT
        found: list[Message] = []
        for _ in range(40):
            control.advance(10)
            found = asked_on(link)
            if found:
                break
        attempt = sender.attempt(only(found, "request on the new link"))
        assert (attempt.content, attempt.place) == (first.content, first.place)
        sender.finish_on(link, attempt, b"here")
        assert sender.outcomes()[handle] == ("response", b"here")


@pytest.mark.requirement("CHN-2090")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("delivery", [DeliveryClass.AT_LEAST_ONCE, DeliveryClass.EXACTLY_ONCE])
def test_what_the_newest_address_leaves_unanswered_is_asked_at_the_one_before(
    target: Target, channel: Channel, sender: DeliveringTarget, elsewhere: list[Target], delivery: DeliveryClass
) -> None:
    """The attacker's copy of a request came first, and what is said to him he cannot answer: the peer is asked next."""
    for link in elsewhere:
        request = channel.protect(read(target))
        assert link.exchange(again(link, request)).code == Code.CHANGED
        target.expect_refusal(target.exchange(request), Code.UNAUTHORIZED, Problem.REPLAYED)
        handle = sender.act(delivery, b"for the peer")
        lost = sender.attempt(only(asked_on(link), "request where the peer was heard last"))

        attempt = sender.next()

        assert (attempt.content, attempt.place) == (lost.content, lost.place)
        sender.finish(attempt, b"here")
        assert sender.outcomes()[handle] == ("response", b"here")
        assert channel.ask(read(target)).code == Code.CONTENT


@pytest.mark.requirement("CHN-1890")
@pytest.mark.parametrize("delivery", CLASSES)
def test_replayed_request_does_not_move_a_channel(
    target: Target, channel: Channel, sender: DeliveringTarget, elsewhere: list[Target], delivery: DeliveryClass
) -> None:
    """Whoever recorded one request would have all that the target says sent to him."""
    recorded = channel.protect(read(target))
    assert channel.unprotect(target.exchange(recorded)).code == Code.CONTENT
    for link in elsewhere:
        link.expect_refusal(link.exchange(again(link, recorded)), Code.UNAUTHORIZED, Problem.REPLAYED)

    sender.act(delivery, b"for the peer")

    assert [each.plain.payload for each in sender.quiet()] == [b"for the peer"]
    for link in elsewhere:
        assert asked_on(link) == []


@pytest.mark.requirement("CHN-1890")
def test_forged_request_does_not_move_a_channel(
    target: Target, channel: Channel, sender: DeliveringTarget, elsewhere: list[Target]
) -> None:
    """The kid stands in the open: anybody can write a request that names it, and nothing that decrypts."""
    protected = channel.protect(read(target))
    for link in elsewhere:
        forged = replace(again(link, protected), payload=protected.payload[:-1] + bytes((protected.payload[-1] ^ 1,)))
        link.expect_refusal(link.exchange(forged), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)

    sender.act(DeliveryClass.AT_MOST_ONCE, b"for the peer")

    assert len(sender.quiet()) == 1
    for link in elsewhere:
        assert asked_on(link) == []


@pytest.mark.requirement("CHN-1890")
def test_overtaken_request_does_not_move_a_channel(
    target: Target, control: Control, channel: Channel, sender: DeliveringTarget, elsewhere: list[Target]
) -> None:
    """An attacker keeps the last request from the old address, and lets it go when the peer has moved."""
    for link in elsewhere:
        kept = over(link, channel).protect(write(link))
        assert channel.ask(read(target)).code == Code.CONTENT
        assert link.exchange(kept).code == Code.CHANGED

    sender.act(DeliveryClass.AT_MOST_ONCE, b"for the peer")

    assert len(sender.quiet()) == 1
    for link in elsewhere:
        assert asked_on(link) == []


@pytest.mark.requirement("CHN-1880", "CHN-1890")
def test_race_does_not_win_a_channel_for_good(
    target: Target, channel: Channel, sender: DeliveringTarget, elsewhere: list[Target]
) -> None:
    """The attacker's copy arrives first, from his address. The original is refused; the peer's next request wins."""
    for link in elsewhere:
        request = channel.protect(read(target))
        assert link.exchange(again(link, request)).code == Code.CHANGED
        target.expect_refusal(target.exchange(request), Code.UNAUTHORIZED, Problem.REPLAYED)
        assert channel.ask(read(target)).code == Code.CONTENT

        sender.act(DeliveryClass.AT_MOST_ONCE, b"for the peer")

        assert len(sender.quiet()) == 1
        assert asked_on(link) == []


@pytest.mark.requirement("CHN-2000")
@pytest.mark.parametrize("delivery", CLASSES)
@pytest.mark.parametrize("way", WAYS)
def test_ended_connection_is_no_address(
    reach: Reach, channel: Channel, elsewhere: list[Target], delivery: DeliveryClass, way: str
) -> None:
    """A phone closes its connection and is at home again: what waits for a dead connection waits for nobody."""
    link = reach(way)
    for home in elsewhere:
        at_home = over(home, channel)
        sender = DeliveringTarget(home, Control(home), at_home)
        assert at_home.ask(read(home)).code == Code.CONTENT
        assert over(link, channel).ask(read(link)).code == Code.CONTENT
        link.disconnect(Ending.HALF)
        link.until_ended()

        sender.act(delivery, b"home")

        attempt = only(sender.quiet(), "request at the address before")
        assert attempt.plain.payload == b"home"
        sender.finish(attempt)
        link.connect()


@pytest.mark.requirement("CHN-2010")
@pytest.mark.needs("messaging.observe.server")
@pytest.mark.parametrize("same_token", [False, True], ids=["new token", "same token"])
def test_observer_is_told_where_it_registered_last(
    target: Target, channel: Channel, elsewhere: list[Target], same_token: bool
) -> None:
    """A phone leaves the house: nobody at home is to learn any more when the lamp is off."""
    for link in elsewhere:
        here, there = ProtectedObserver(target, channel), ProtectedObserver(link, over(link, channel))
        here.register()
        if same_token:
            there.token = here.token
        observation = there.register()
        for _ in range(2):
            assert there.open(observation, only(there.switch(), "notification")).code == Code.CONTENT
        assert here.own(target.until_probe_answered()) == []


@pytest.mark.requirement("CHN-2010")
@pytest.mark.needs("messaging.observe.server")
def test_overtaken_registration_brings_no_observer_back(
    target: Target, channel: Channel, elsewhere: list[Target]
) -> None:
    """An attacker keeps a registration from the old address, and lets it go when the peer has registered elsewhere."""
    for link in elsewhere:
        here, there = ProtectedObserver(target, channel), ProtectedObserver(link, over(link, channel))
        kept, answered = here.ask(REGISTER)
        observation = there.register()
        assert here.send(kept, answered).code == Code.CONTENT
        for _ in range(2):
            assert there.open(observation, only(there.switch(), "notification")).code == Code.CONTENT
        assert here.own(target.until_probe_answered()) == []
