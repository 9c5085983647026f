"""Anonymous tokens given: to whom, how many, and by which key."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.crypto.curves import P256_ORDER as ORDER
from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, RESPONSE_CODE, Problem
from picosec_conformance.acquaintance import Acquaintance
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier, asking
from picosec_conformance.credentials import DEPTH
from picosec_conformance.handshake import introduce, open_channel
from picosec_conformance.identity import Identity
from picosec_conformance.lives import another_credential, another_peer, opened, wakes
from picosec_conformance.objects import NOW
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target
from picosec_conformance.ticketing import PATH, Ticketing
from picosec_conformance.tokens import LARGEST_REQUEST, MOST, NO_POINTS, TokenKey
from picosec_conformance.zone import Zone

pytestmark = pytest.mark.needs(CONTROL, "identity.tokens.issuer", "channel.oscore.server")


@pytest.mark.requirement("IDN-1300")
def test_stranger_gets_no_tokens(ticketing: Ticketing) -> None:
    """He asks, and asks again: nobody would know whose allowance it is."""
    data = ticketing.begin().request().encode()
    with ticketing.target.expect_unchanged():
        reply = ticketing.ask(data, ticketing.target.exchange)
        ticketing.target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNPROTECTED)


@pytest.mark.requirement("IDN-1300")
@pytest.mark.needs("objects.recipient")
def test_tokens_are_not_asked_for_by_object(ticketing: Ticketing, channel: Channel) -> None:
    """A signed request has no way back: what was given to nobody counts for nobody."""
    ticketing.introduce(room=1)
    courier = Courier(ticketing.target, ticketing.control, ticketing.rng)
    courier.takes(courier.signed(asking(Code.POST, PATH, ticketing.begin().request().encode(), 65008)).close())

    ticketing.gets(channel)


@pytest.mark.requirement("IDN-1370")
@pytest.mark.parametrize("count", [1, 2, MOST])
def test_tokens_come_with_a_proof(ticketing: Ticketing, channel: Channel, count: int) -> None:
    """Everything verifies with the public key that all clients know, and every token is good."""
    ticketing.introduce(allowance=MOST)
    tokens = ticketing.gets(channel, count)

    assert [token.output for token in tokens] == [ticketing.key.secret.output(token.nonce) for token in tokens]


@pytest.mark.requirement("IDN-1370")
def test_tokens_are_of_the_key_that_was_named(ticketing: Ticketing, channel: Channel) -> None:
    """One key opens the laundry, the other the cellar."""
    for key in (ticketing.key, ticketing.other, ticketing.key):
        ticketing.gets(channel, 1, key)


@pytest.mark.requirement("IDN-1370")
def test_element_may_come_twice(ticketing: Ticketing, channel: Channel) -> None:
    """An issuer that wonders about it would have to remember what it saw."""
    begun = ticketing.begin()
    elements = [*begun.request().blinded] * 2
    reply = ticketing.ask(dumps([ticketing.key.kid, elements]), channel.ask)

    assert reply.code == Code.CONTENT


@pytest.mark.requirement("IDN-1380")
@pytest.mark.parametrize("rebooted", [False, True])
def test_every_proof_has_its_own_randomness(ticketing: Ticketing, channel: Channel, rebooted: bool) -> None:
    """Two proofs with one random scalar are two equations with one unknown: the private key."""
    data = ticketing.begin().request().encode()
    proofs = [ticketing.ask(data, channel.ask).payload[-64:] for _ in range(2)]
    if rebooted:
        ticketing.control.reboot()
        assert wakes(ticketing.target, channel)
        proofs.append(ticketing.ask(data, channel.ask).payload[-64:])

    assert len({proof[:32] for proof in proofs}) == len({proof[32:] for proof in proofs}) == len(proofs)


@pytest.mark.requirement("IDN-1380")
def test_randomness_of_a_proof_is_no_function_of_the_request(ticketing: Ticketing, channel: Channel) -> None:
    """Whoever knows the private key of another device must not find that of this one by what both proved."""
    begun = ticketing.begin()
    nonces = []
    for key in (ticketing.key, ticketing.other, ticketing.key):
        data = dumps([key.kid, list(begun.request().blinded)])
        nonces.append(_random_scalar(key, ticketing.ask(data, channel.ask).payload[-64:]))

    assert len(set(nonces)) == len(nonces)


def _random_scalar(key: TokenKey, proof: bytes) -> int:
    """Return the random scalar of a proof, as whoever knows the private one finds it."""
    c, s = int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big")
    return (s + c * int.from_bytes(key.scalar, "big")) % ORDER


# -- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1310")
def test_too_many_tokens_are_refused(ticketing: Ticketing, channel: Channel) -> None:
    """Seventeen elements are seventeen multiplications, asked for in one message."""
    ticketing.introduce(allowance=MOST + 1)
    ticketing.denied(channel, ticketing.begin(MOST + 1).request().encode(), Problem.TOO_LARGE)


@pytest.mark.requirement("IDN-1310")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("head", [b"", b"\x82\x41\x51", b"\xff"], ids=bytes.hex)
def test_size_of_a_request_is_looked_at_first(ticketing: Ticketing, channel: Channel, head: bytes) -> None:
    """Whatever it is: it is not decoded to find out."""
    ticketing.denied(channel, head + bytes(LARGEST_REQUEST + 1 - len(head)), Problem.TOO_LARGE)


FORMS: dict[str, Any] = {
    "nothing": b"",
    "cut": lambda kid, blinded: dumps([kid, blinded])[:-1],
    "surplus": lambda kid, blinded: dumps([kid, blinded]) + b"\x00",
    "map": lambda kid, blinded: {1: kid, 2: blinded},
    "no-kid": lambda kid, blinded: [blinded],
    "kid-as-text": lambda kid, blinded: ["x", blinded],
    "empty-kid": lambda kid, blinded: [b"", blinded],
    "long-kid": lambda kid, blinded: [bytes(33), blinded],
    "no-elements": lambda kid, blinded: [kid, []],
    "more": lambda kid, blinded: [kid, blinded, 0],
    "element-outside": lambda kid, blinded: [kid, blinded[0]],
    "element-cut": lambda kid, blinded: [kid, [blinded[0][:-1]]],
    "element-uncompressed": lambda kid, blinded: [kid, [b"\x04" + bytes(64)]],
    "element-as-text": lambda kid, blinded: [kid, ["x" * 33]],
    "good-and-cut": lambda kid, blinded: [kid, [blinded[0], blinded[0][:-1]]],
}


@pytest.mark.requirement("IDN-1320")
@pytest.mark.parametrize("form", FORMS)
def test_other_form_of_a_request_is_refused(ticketing: Ticketing, channel: Channel, form: str) -> None:
    """What one issuer skips and another honours tells the two apart, and who asked which."""
    made = FORMS[form]
    value = made if isinstance(made, bytes) else made(ticketing.key.kid, [*ticketing.begin().request().blinded])
    ticketing.denied(channel, value if isinstance(value, bytes) else dumps(value), Problem.MALFORMED)


@pytest.mark.requirement("MSG-060")
def test_request_of_another_encoding_is_refused(ticketing: Ticketing, channel: Channel) -> None:
    """An array of indefinite length says the same in other bytes."""
    data = b"\x9f" + ticketing.begin().request().encode()[1:] + b"\xff"
    ticketing.denied(channel, data, Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-590")
def test_request_of_another_format_is_refused(ticketing: Ticketing, channel: Channel) -> None:
    """What is not announced as a request for tokens is not tried as one."""
    data = ticketing.begin().request().encode()
    reply = ticketing.ask(data, channel.ask, CONTENT_FORMAT_CBOR)
    ticketing.target.expect_refusal(reply, RESPONSE_CODE[Problem.UNSUPPORTED_FORMAT], Problem.UNSUPPORTED_FORMAT)


@pytest.mark.requirement("IDN-1330")
@pytest.mark.parametrize("kid", [b"\x52", b"\x51\x00", b"other token"], ids=bytes.hex)
def test_tokens_of_an_unknown_key_are_refused(ticketing: Ticketing, channel: Channel, kid: bytes) -> None:
    """A key that is guessed, or nearly the right one."""
    blinded = list(ticketing.begin().request().blinded)
    ticketing.denied(channel, dumps([kid, blinded]), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-1340")
def test_key_that_has_ended_makes_no_tokens(ticketing: Ticketing, channel: Channel) -> None:
    """Last month's tokens are not for sale this month."""
    ticketing.introduce(ends=NOW + 60)
    ticketing.control.advance(60)
    ticketing.gets(channel)
    ticketing.control.advance(1)

    ticketing.denied(channel, ticketing.begin().request().encode(), Problem.STALE)


@pytest.mark.requirement("IDN-1340")
def test_without_a_clock_no_key_ends(target: Target, control: Control, rng: random.Random, channel: Channel) -> None:
    """A device that was never told the date goes by what it has."""
    ticketing = Ticketing(target, control, rng, date=None)
    ticketing.introduce(ends=1)

    ticketing.gets(channel)


@pytest.mark.requirement("IDN-1350")
@pytest.mark.parametrize("element", NO_POINTS)
@pytest.mark.parametrize("place", [0, 1])
def test_element_that_is_no_point_is_refused(ticketing: Ticketing, channel: Channel, element: str, place: int) -> None:
    """On a curve with few points, what comes back is the private scalar modulo something small."""
    elements = list(ticketing.begin(2).request().blinded)
    elements[place] = NO_POINTS[element]
    ticketing.denied(channel, dumps([ticketing.key.kid, elements]), Problem.BAD_KEY)


# -- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1360")
@pytest.mark.parametrize("counts", [(4,), (1, 1, 1, 1), (3, 1)], ids=str)
def test_peer_has_an_allowance(ticketing: Ticketing, channel: Channel, counts: tuple[int, ...]) -> None:
    """Four for this flat, at once or one by one, and not a fifth."""
    for count in counts:
        ticketing.gets(channel, count)

    ticketing.denied(channel, ticketing.begin().request().encode(), Problem.EXHAUSTED)


@pytest.mark.requirement("IDN-1360", "IDN-1870")
def test_more_than_is_left_is_not_given_in_part(ticketing: Ticketing, channel: Channel) -> None:
    """Two, where one is left: neither, and the one is still left."""
    ticketing.gets(channel, 3)
    ticketing.denied(channel, ticketing.begin(2).request().encode(), Problem.EXHAUSTED)

    ticketing.gets(channel)


@pytest.mark.requirement("IDN-1360")
def test_every_key_has_an_allowance_of_its_own(ticketing: Ticketing, channel: Channel) -> None:
    """Who has washed enough may still go to the sauna."""
    ticketing.gets(channel, 4)

    ticketing.gets(channel, 4, ticketing.other)


@pytest.mark.requirement("IDN-1360")
def test_allowance_outlives_the_power(ticketing: Ticketing, channel: Channel) -> None:
    """Pulling the plug is no way to more tokens."""
    ticketing.gets(channel, 3)
    ticketing.control.reboot()
    assert wakes(ticketing.target, channel)
    ticketing.gets(channel)

    ticketing.denied(channel, ticketing.begin().request().encode(), Problem.EXHAUSTED)


@pytest.mark.requirement("IDN-2270")
@pytest.mark.needs(
    "identity.credentials",
    "channel.edhoc.responder",
    "channel.edhoc.method.3",
    "channel.edhoc.suite.2",
    "channel.edhoc.credential.kid",
)
@pytest.mark.parametrize(
    "reboot", [False, pytest.param(True, marks=pytest.mark.needs("channel.resume"))], ids=["awake", "rebooted"]
)
def test_guests_of_a_guest_have_his_allowance(ticketing: Ticketing, zone: Zone, reboot: bool) -> None:
    """Mallory lets in as many keys as he wants tokens; whom the zone let in has his own."""
    if reboot:
        zone.control.provision(methods=[zone.method], suites=[zone.suite], message_4=False, store_channels=True)
    mallory = zone.link("mallory", claims={DEPTH: 2})
    bob = zone.link("bob", "mallory", claims={DEPTH: 1})
    channel = zone.channel(mallory)
    ticketing.gets(channel, 2)
    zone.takes(mallory, bob)
    ticketing.gets(zone.channel(bob, "kid"), 2)
    guest = zone.link("guest", "bob")
    zone.takes(mallory, bob, guest)
    channel = zone.channel(guest, "kid")
    if reboot:
        zone.control.reboot()
        assert wakes(ticketing.target, channel)

    ticketing.denied(channel, ticketing.begin().request().encode(), Problem.EXHAUSTED)
    ticketing.gets(zone.channel(zone.link("ann")), 4)


@pytest.mark.requirement("IDN-1360")
@pytest.mark.needs("channel.edhoc.responder", "channel.resume")
def test_allowance_is_known_over_channels_that_outlive_the_power(ticketing: Ticketing) -> None:
    """The channel was stored; who its peer is, was told by a handshake of another life. His neighbour has his own."""
    parties = introduce(ticketing.target, ticketing.rng)
    ticketing.control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, store_channels=True)
    neighbour = opened(ticketing.target, another_peer(ticketing.control, parties, ticketing.rng))
    channel = opened(ticketing.target, parties)
    ticketing.gets(channel, 3)
    ticketing.control.reboot()
    assert wakes(ticketing.target, channel)
    assert wakes(ticketing.target, neighbour)
    ticketing.gets(channel)

    ticketing.denied(channel, ticketing.begin().request().encode(), Problem.EXHAUSTED)
    ticketing.gets(neighbour, 4)


@pytest.mark.requirement("IDN-1360")
@pytest.mark.needs("channel.edhoc.responder")
def test_new_channel_gives_no_new_allowance(ticketing: Ticketing) -> None:
    """The same phone, ten handshakes: it is the phone that has an allowance."""
    parties = introduce(ticketing.target, ticketing.rng)
    ticketing.gets(opened(ticketing.target, parties), 3)
    channel = opened(ticketing.target, parties)
    ticketing.gets(channel)

    ticketing.denied(channel, ticketing.begin().request().encode(), Problem.EXHAUSTED)


@pytest.mark.requirement("IDN-1360")
@pytest.mark.needs("channel.edhoc.responder")
def test_every_peer_has_an_allowance_of_its_own(ticketing: Ticketing) -> None:
    """One flat that takes all of its tokens takes none of its neighbours'."""
    parties = introduce(ticketing.target, ticketing.rng)
    ticketing.gets(opened(ticketing.target, parties), 4)
    neighbour = another_peer(ticketing.control, parties, ticketing.rng)

    ticketing.gets(opened(ticketing.target, neighbour), 4)


@pytest.mark.requirement("IDN-1360")
@pytest.mark.needs("channel.edhoc.responder")
def test_another_credential_for_the_same_key_gives_no_new_allowance(ticketing: Ticketing) -> None:
    """A credential is renewed every week, or whenever somebody wants more tokens."""
    parties = introduce(ticketing.target, ticketing.rng)
    ticketing.gets(opened(ticketing.target, parties), 4)
    claims = loads(parties.own.credential)
    claims[8][1][2] = kid = b"\x2d"
    renewed = Identity(parties.own.kind, parties.own.usage, dumps(claims), parties.own.private_key, kid, dumps(claims))
    channel = opened(ticketing.target, another_credential(ticketing.control, parties, ticketing.rng, renewed))

    ticketing.denied(channel, ticketing.begin().request().encode(), Problem.EXHAUSTED)


def over(one: Acquaintance) -> Channel:
    """Return a channel of the holder of an identity."""
    session = one.authenticates()
    assert session is not None
    return open_channel(one.target, session)


@pytest.mark.requirement("IDN-1360")
@pytest.mark.needs("identity.history")
def test_another_key_of_an_identity_gives_no_new_allowance(ticketing: Ticketing) -> None:
    """Keys of an identity can be rotated 47 times."""
    one = Acquaintance(ticketing.target, ticketing.control, ticketing.rng)
    one.takes(one.history.encode())
    ticketing.gets(over(one), 4)
    one.history.rotate()
    one.takes(one.history.encode())

    ticketing.denied(over(one), ticketing.begin().request().encode(), Problem.EXHAUSTED)


@pytest.mark.requirement("IDN-1360")
@pytest.mark.needs("channel.edhoc.responder")
def test_all_peers_together_have_the_room_of_the_key(ticketing: Ticketing) -> None:
    """A device that gives out more than it can remember has to forget, or to break its word."""
    ticketing.introduce(room=6)
    parties = introduce(ticketing.target, ticketing.rng)
    ticketing.gets(opened(ticketing.target, parties), 4)
    neighbour = opened(ticketing.target, another_peer(ticketing.control, parties, ticketing.rng))
    ticketing.denied(neighbour, ticketing.begin(3).request().encode(), Problem.EXHAUSTED)

    ticketing.gets(neighbour, 2)


@pytest.mark.requirement("IDN-1870")
@pytest.mark.parametrize("wrong", ["no-point", "unknown", "form"])
def test_refusal_uses_no_allowance(ticketing: Ticketing, channel: Channel, wrong: str) -> None:
    """A phone with a fault asks wrongly all night, and gets its tokens in the morning."""
    blinded = list(ticketing.begin(4).request().blinded)
    requests = {
        "no-point": (dumps([ticketing.key.kid, [*blinded[:3], NO_POINTS["infinity"]]]), Problem.BAD_KEY),
        "unknown": (dumps([b"\x99", blinded]), Problem.UNKNOWN_CREDENTIAL),
        "form": (dumps([ticketing.key.kid, blinded, 0]), Problem.MALFORMED),
    }
    ticketing.denied(channel, *requests[wrong])

    ticketing.gets(channel, 4)
