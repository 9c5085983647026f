"""New keys over the channel, offered by the peer: what both ends derive, and what is in force meanwhile."""

from __future__ import annotations

import random

import pytest

from picosec.channel.renewal import Offer
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, meet, suites
from picosec_conformance.handshake import open_channel
from picosec_conformance.lives import DRAIN, PATH, Renewing, another_peer, opened, works
from picosec_conformance.protection import again, read
from picosec_conformance.target import Target

pytestmark = [pytest.mark.needs("channel.edhoc.responder", "channel.oscore.server")]


@pytest.mark.requirement("CHN-1300", "CHN-1310")
@pytest.mark.parametrize("identifier", [b"\x0c", b"", bytes(7), b"\xff"], ids=["one", "empty", "seven", "ff"])
def test_both_ends_have_the_same_new_keys(
    target: Target, control: Control, rng: random.Random, identifier: bytes
) -> None:
    """A key that wears out is replaced in the middle of a conversation."""
    ends = Renewing(target, meet(target, rng), rng)
    assert works(target, ends.channel)

    ends.renew(identifier)

    assert works(target, ends.channel)
    assert control.export(ends.session.sender_id, 32768, b"", 32) == ends.session.export(32768, b"", 32)


@pytest.mark.requirement("CHN-1310")
def test_renewal_in_every_suite(target: Target, control: Control, rng: random.Random) -> None:
    """The AEAD stays that of the handshake, with its lengths."""
    for suite in suites(target):
        control.reset(rng.randbytes(32))
        ends = Renewing(target, meet(target, rng, suite=suite), rng)
        ends.renew()
        assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1310")
@pytest.mark.needs("channel.edhoc.initiator")
def test_renewal_of_a_channel_that_the_target_opened(target: Target, control: Control, rng: random.Random) -> None:
    """Who began the handshake and who begins the renewal are two things."""
    ends = Renewing(target, meet(target, rng, **as_initiator()), rng, control)
    for _ in range(2):
        ends.renew()
        assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1300")
def test_each_answer_has_a_nonce_and_an_identifier_of_its_own(
    target: Target, control: Control, rng: random.Random
) -> None:
    """With one nonce for all, whoever can repeat the other side's offer repeats the keys."""
    parties = meet(target, rng)
    ends, other = Renewing(target, parties, rng), Renewing(target, parties, rng)
    in_use = {ends.channel.context.sender_id, other.channel.context.sender_id}
    answers = [ends.offer(identifier=b"\x0c") for _ in range(30)]

    assert len({answer.nonce for answer in answers}) == len(answers)
    assert not in_use & {answer.identifier for answer in answers}


@pytest.mark.requirement("CHN-1300")
def test_answer_has_another_identifier_than_the_offer(target: Target, control: Control, rng: random.Random) -> None:
    """One identifier for both directions would be one key for both: whatever is offered, the answer differs."""
    ends = Renewing(target, meet(target, rng), rng)
    probe = ends.offer(identifier=b"\x0c").identifier
    for number in range(48):
        identifier = bytes([number if number < 24 else 0x20 + number - 24])
        assert ends.offer(identifier=identifier).identifier != identifier
    assert ends.offer(identifier=probe).identifier != probe


@pytest.mark.requirement("CHN-1310")
def test_renewal_can_be_repeated(target: Target, control: Control, rng: random.Random) -> None:
    """Each renewal starts from the one before."""
    ends = Renewing(target, meet(target, rng), rng)
    for _ in range(4):
        ends.renew()
        assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1320")
def test_lost_answer_leaves_the_keys_in_force(target: Target, control: Control, rng: random.Random) -> None:
    """The answer to the offer is dropped: whoever switched already would talk to nobody."""
    ends = Renewing(target, meet(target, rng), rng)
    ends.offer()

    for _ in range(3):
        control.advance(200)
        assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1320")
def test_promised_keys_wait_for_their_confirmation(target: Target, control: Control, rng: random.Random) -> None:
    """The confirmation is dropped for ten minutes; both ends still find together, under either keys."""
    ends = Renewing(target, meet(target, rng), rng)
    old = ends.channel
    ends.derive(ends.offer())
    control.advance(600)
    assert works(target, old)

    assert works(target, ends.channel)
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1330")
def test_what_is_under_way_is_served(target: Target, control: Control, rng: random.Random) -> None:
    """A request was sent before the keys changed and takes the long way round."""
    ends = Renewing(target, meet(target, rng), rng)
    old = ends.channel
    late = [old.protect(read(target)) for _ in range(3)]
    ends.renew()
    assert old.unprotect(target.exchange(late[0])).code == Code.CONTENT
    control.advance(DRAIN - 0.5)

    assert old.unprotect(target.exchange(late[1])).code == Code.CONTENT
    target.expect_refusal(target.exchange(again(target, late[0])), Code.UNAUTHORIZED, Problem.REPLAYED)
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1340")
def test_replaced_keys_are_erased(target: Target, control: Control, rng: random.Random) -> None:
    """Whoever finds the old keys in a backup tomorrow has nothing."""
    ends = Renewing(target, meet(target, rng), rng)
    old = ends.channel
    ends.renew()
    control.advance(DRAIN + 0.5)

    assert not works(target, old)
    assert works(target, ends.channel)
    assert control.state()[2] == 1


@pytest.mark.requirement("CHN-1350")
def test_new_offer_replaces_promised_keys(target: Target, control: Control, rng: random.Random) -> None:
    """An app that begins a renewal a hundred times must not fill the memory with keys for each."""
    ends = Renewing(target, meet(target, rng), rng)
    first = ends.derived(ends.offer())
    for _ in range(100):
        ends.offer()
    ends.derive(ends.offer())

    assert not works(target, open_channel(target, first))
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1300", "CHN-1320")
@pytest.mark.needs("messaging.datagram")
def test_repeated_offer_gets_the_same_answer(target: Target, control: Control, rng: random.Random) -> None:
    """The answer is lost on the way and the offer comes again: two answers would be two sets of keys."""
    ends = Renewing(target, meet(target, rng), rng)
    request = ends.request(ends.own(b"\x0c"))
    first = target.exchange(request)
    second = target.exchange(request)

    assert first.payload == second.payload
    ends.derive(Offer.decode(ends.channel.unprotect(first).payload))
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1320")
def test_recorded_offer_changes_nothing(target: Target, control: Control, rng: random.Random) -> None:
    """The attacker plays yesterday's offer again, to bring yesterday's keys back or to lock both ends out."""
    ends = Renewing(target, meet(target, rng), rng)
    request = ends.request(ends.own(b"\x0c"))
    target.exchange(request)
    ends.renew()

    with target.expect_unchanged():
        target.expect_refusal(target.exchange(again(target, request)), Code.UNAUTHORIZED, Problem.REPLAYED)
    control.advance(DRAIN + 1)
    with target.expect_unchanged():
        target.expect_refusal(target.exchange(again(target, request)), Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)
    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1360")
@pytest.mark.parametrize("length", [8, 16, 64])
def test_identifier_that_does_not_fit_is_refused(
    target: Target, control: Control, rng: random.Random, length: int
) -> None:
    """Cut to fit, two identifiers become one nonce; and a refusal must not cost the keys promised before."""
    ends = Renewing(target, meet(target, rng), rng)
    ends.derive(ends.offer())
    promised, ends.channel = ends.channel, ends.before

    ends.expect_refused(Offer(bytes(8), bytes(length)).encode(), Code.BAD_REQUEST, Problem.BAD_IDENTIFIER)

    assert works(target, promised)


@pytest.mark.requirement("CHN-1370")
@pytest.mark.parametrize(
    "payload",
    ["a0", "80", "8148a0a1a2a3a4a5a6a7", "8248a0a1a2a3a4a5a6a70c", "8247a0a1a2a3a4a5a6410c", "8240410c", "f6"],
)
def test_malformed_offer_is_refused(target: Target, control: Control, rng: random.Random, payload: str) -> None:
    """Whatever is missing would have to be invented, and each end would invent something else."""
    ends = Renewing(target, meet(target, rng), rng)

    ends.expect_refused(bytes.fromhex(payload), Code.BAD_REQUEST, Problem.BAD_REQUEST)

    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1380")
def test_replaced_keys_are_not_renewed(target: Target, control: Control, rng: random.Random) -> None:
    """Old keys still serve for a minute and a half: enough to branch off a second channel, if one could."""
    ends = Renewing(target, meet(target, rng), rng)
    ends.renew()
    ends.channel, current = ends.before, ends.channel

    ends.expect_refused(ends.own(b"\x0d").encode(), Code.BAD_REQUEST, Problem.UNEXPECTED_MESSAGE)

    assert works(target, current)


@pytest.mark.requirement("CHN-1440")
def test_handshake_is_good_for_sixteen_renewals(target: Target, control: Control, rng: random.Random) -> None:
    """Without fresh ephemeral keys, whoever stole the secret once follows for ever: some day a handshake is due."""
    ends = Renewing(target, meet(target, rng), rng)
    for _ in range(16):
        ends.renew()

    ends.expect_refused(ends.own(b"\x0c").encode(), Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)

    assert works(target, ends.channel)


@pytest.mark.requirement("CHN-1280")
def test_provisioned_channel_is_not_renewed(target: Target, control: Control, channel: object) -> None:
    """There is no session to renew from; a made-up one would give keys that nobody else has."""
    request = target.build(Code.POST, PATH, Offer(bytes(8), b"\x0c").encode(), content_format=CONTENT_FORMAT_CBOR)
    reply = channel.ask(request)  # type: ignore[attr-defined]

    assert reply.code == Code.METHOD_NOT_ALLOWED
    assert target.has_problem(reply, Problem.METHOD_NOT_ALLOWED)


@pytest.mark.requirement("CHN-1220", "CHN-1210")
@pytest.mark.parametrize("confirmed", [False, True])
def test_closing_ends_every_key_of_the_channel(
    target: Target, control: Control, rng: random.Random, confirmed: bool
) -> None:
    """Closed in the middle of a renewal: neither the keys before nor those promised may stay behind."""
    parties = meet(target, rng)
    ends = Renewing(target, parties, rng)
    ends.derive(ends.offer())
    if confirmed:
        assert works(target, ends.channel)
    closing = ends.channel if confirmed else ends.before

    assert closing.request(Code.DELETE, PATH).code == Code.DELETED

    assert not works(target, ends.before)
    assert not works(target, ends.channel)
    assert control.state()[2] == 0


@pytest.mark.requirement("CHN-1200", "CHN-1310")
def test_renewing_one_channel_leaves_the_others(target: Target, control: Control, rng: random.Random) -> None:
    """Keys are those of a channel, not of a peer."""
    parties = meet(target, rng)
    ends, sibling = Renewing(target, parties, rng), opened(target, parties)
    other = opened(target, another_peer(control, parties, rng))

    ends.renew()

    assert all(works(target, channel) for channel in (ends.channel, sibling, other))
