"""New keys over the channel, offered by the target: when it begins, what it derives, and what it does when it fails."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from picosec.channel.oscore import protect_response, unprotect_request
from picosec.channel.renewal import Offer
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.messaging.problem import response as refusal
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, meet
from picosec_conformance.handshake import open_channel
from picosec_conformance.lives import PATH, Renewing, works
from picosec_conformance.protection import read
from picosec_conformance.target import Nonconformity, Target

pytestmark = [pytest.mark.needs("channel.edhoc.responder", "channel.oscore.server", "channel.oscore.client")]

_CBOR = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_CBOR)),)


class Asked:
    """A request of the target over a channel, and the means to answer it."""

    def __init__(self, target: Target, channel: Channel, request: Message) -> None:
        self._target, self._channel, self.request = target, channel, request
        self.plain, self._binding = unprotect_request(channel.context, request)
        if (self.plain.code, self.plain.path) != (Code.POST, PATH):
            raise Nonconformity(f"expected POST {PATH} over the channel")

    @property
    def offer(self) -> Offer:
        """What the target offers."""
        try:
            return Offer.decode(self.plain.payload)
        except ProtocolError as error:
            raise Nonconformity(f"the payload is no offer: {error}") from error

    def answer(self, code: int = Code.CHANGED, payload: bytes = b"") -> None:
        """Answer with a payload in CBOR, or none."""
        self.reply(Message(Type.ACK, code, 0, b"", _CBOR if payload else (), payload))

    def reply(self, message: Message) -> None:
        """Answer with any message."""
        ours = Message(
            Type.ACK, message.code, self.request.message_id, self.request.token, message.options, message.payload
        )
        self._target.send(protect_response(self._channel.context, self._binding, ours))


def offered(target: Target, ends: Renewing) -> Asked:
    """Return the offer that the target sends over the channel."""
    return Asked(target, ends.channel, target.receive("an offer of new keys"))


def begun(target: Target, control: Control, ends: Renewing) -> Asked:
    """Make the target offer new keys."""
    control.act("renew", {1: ends.channel.context.sender_id})
    return offered(target, ends)


def accept(ends: Renewing, asked: Asked, identifier: bytes = b"\x0c") -> None:
    """Answer an offer with one, and put the new keys in force on the suite's side."""
    theirs = asked.offer
    asked.answer(payload=ends.own(identifier).encode())
    ends.derive(theirs, began=False)


def expect_confirmation(target: Target, ends: Renewing) -> None:
    """Judge that the target sends a request under the new keys, and answer it."""
    Asked(target, ends.channel, target.receive("a request under the new keys")).answer()


@pytest.mark.requirement("CHN-1310", "CHN-1420")
def test_target_renews_and_confirms(target: Target, control: Control, rng: random.Random) -> None:
    """Both ends must know that both have the keys, also when nobody has anything to say."""
    ends = Renewing(target, meet(target, rng), rng)
    for _ in range(3):
        asked = begun(target, control, ends)
        assert asked.offer.identifier != ends.channel.context.sender_id
        accept(ends, asked)
        expect_confirmation(target, ends)
        assert works(target, ends.channel)
    assert [event.name for event in control.events()].count("channel") == 4


@pytest.mark.requirement("CHN-1310", "CHN-1420")
@pytest.mark.needs("channel.edhoc.initiator")
def test_target_renews_what_it_opened(target: Target, control: Control, rng: random.Random) -> None:
    """The Initiator of the handshake begins the renewal as well: identifiers must not change sides."""
    ends = Renewing(target, meet(target, rng, **as_initiator()), rng, control)
    accept(ends, begun(target, control, ends))
    expect_confirmation(target, ends)

    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1330")
def test_requests_under_the_old_keys_are_served_by_the_end_that_began(
    target: Target, control: Control, rng: random.Random
) -> None:
    """A request was under way when the answer to the offer overtook it."""
    ends = Renewing(target, meet(target, rng), rng)
    late = ends.channel.protect(read(target))
    accept(ends, begun(target, control, ends))
    expect_confirmation(target, ends)

    assert ends.before.unprotect(target.exchange(late)).code == Code.CONTENT


@pytest.mark.requirement("CHN-1340")
def test_the_end_that_began_erases_the_old_keys(target: Target, control: Control, rng: random.Random) -> None:
    """Even when nobody ever answers under the new ones."""
    ends = Renewing(target, meet(target, rng), rng)
    accept(ends, begun(target, control, ends))
    expect_confirmation(target, ends)
    control.advance(94)

    assert not works(target, ends.before)
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1410")
@pytest.mark.parametrize("after", [2, 5, 20])
def test_renewal_begins_by_itself(target: Target, control: Control, rng: random.Random, after: int) -> None:
    """Nobody counts messages by hand; at the limit it would be too late to say anything."""
    parties = meet(target, rng)
    ends = Renewing(target, parties, rng)
    control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, renew_after=after)
    for _ in range(after - 1):
        assert works(target, ends.channel)
        assert target.until_probe_answered() == []

    for _ in range(2):
        assert works(target, ends.channel)

    accept(ends, offered(target, ends))
    expect_confirmation(target, ends)
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1410")
def test_renewed_keys_count_from_the_beginning(target: Target, control: Control, rng: random.Random) -> None:
    """Counted on from where the old keys were, each message would bring the next renewal."""
    parties = meet(target, rng)
    ends = Renewing(target, parties, rng)
    control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, renew_after=6)
    for _ in range(7):
        assert works(target, ends.channel)
    accept(ends, offered(target, ends))
    expect_confirmation(target, ends)

    for _ in range(3):
        assert works(target, ends.channel)
    assert target.until_probe_answered() == []


def _refuse(asked: Asked) -> None:
    asked.reply(refusal(Problem.BUSY))


def _not_found(asked: Asked) -> None:
    asked.answer(Code.NOT_FOUND)


def _empty(asked: Asked) -> None:
    asked.answer()


def _garbage(asked: Asked) -> None:
    asked.answer(payload=b"\x82\x40\x41\x0c")


def _same_identifier(asked: Asked) -> None:
    asked.answer(payload=Offer(bytes(8), asked.offer.identifier).encode())


def _long_identifier(asked: Asked) -> None:
    asked.answer(payload=Offer(bytes(8), bytes(8)).encode())


@pytest.mark.requirement("CHN-1430")
@pytest.mark.parametrize(
    "answer",
    [_refuse, _not_found, _empty, _garbage, _same_identifier, _long_identifier],
    ids=lambda each: each.__name__,
)
def test_offer_that_is_not_taken_up_changes_nothing(
    target: Target, control: Control, rng: random.Random, answer: Callable[[Asked], None]
) -> None:
    """The other end is busy, older, or broken: a conversation must not end because one end wanted it to go on."""
    ends = Renewing(target, meet(target, rng), rng)
    asked = begun(target, control, ends)

    answer(asked)

    assert target.until_probe_answered() == []
    assert works(target, ends.channel)
    control.event("channel-failed")
    accept(ends, begun(target, control, ends))
    expect_confirmation(target, ends)
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1430")
@pytest.mark.needs("messaging.datagram")
def test_offer_that_is_not_answered_changes_nothing(target: Target, control: Control, rng: random.Random) -> None:
    """An attacker drops every offer: both ends go on as if there had been none."""
    ends = Renewing(target, meet(target, rng), rng)
    asked = begun(target, control, ends)

    control.advance(100)

    assert works(target, ends.channel)
    assert control.event("channel-failed").fields[1] == "timeout"
    asked.answer(payload=ends.own(b"\x0c").encode())  # what was held back comes too late
    target.until_probe_answered()
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1430")
def test_answer_in_the_open_changes_nothing(target: Target, control: Control, rng: random.Random) -> None:
    """Somebody on the path answers in place of the peer, with an offer of his own."""
    ends = Renewing(target, meet(target, rng), rng)
    asked = begun(target, control, ends)
    forged = Message(
        Type.ACK, Code.CHANGED, asked.request.message_id, asked.request.token, _CBOR, Offer(bytes(8), b"\x0c").encode()
    )

    target.send(forged)

    assert target.until_probe_answered() == []
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1390")
def test_responder_gives_way(target: Target, control: Control, rng: random.Random) -> None:
    """Both ends count, and both reach the mark in the same exchange: one offer has to win, at both ends the same."""
    ends = Renewing(target, meet(target, rng), rng)
    asked = begun(target, control, ends)
    theirs = ends.offer()
    asked.reply(refusal(Problem.BUSY))
    target.until_probe_answered()
    ends.derive(theirs)

    ends.confirm()

    assert works(target, ends.channel)
    assert works(target, ends.before)


@pytest.mark.requirement("CHN-1390")
def test_responder_derives_nothing_from_its_own_offer(target: Target, control: Control, rng: random.Random) -> None:
    """A peer that answers both offers must not end up with two channels."""
    ends = Renewing(target, meet(target, rng), rng)
    asked = begun(target, control, ends)
    theirs = ends.offer()
    first = ends.derived(theirs)
    asked.answer(payload=ends.own(b"\x0d").encode())

    assert target.until_probe_answered() == []
    ends.channel = open_channel(target, first)
    ends.confirm()
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1400")
@pytest.mark.needs("channel.edhoc.initiator")
def test_initiator_stands_by_its_offer(target: Target, control: Control, rng: random.Random) -> None:
    """The same crossing, seen from the other end."""
    ends = Renewing(target, meet(target, rng, **as_initiator()), rng, control)
    asked = begun(target, control, ends)
    ends.expect_refused(ends.own(b"\x0d").encode(), Code.SERVICE_UNAVAILABLE, Problem.BUSY)

    accept(ends, asked)

    expect_confirmation(target, ends)
    assert works(target, ends.channel)
