"""A target's own credentials: how it authenticates by them, hands them over, and takes them anew."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from picosec.channel.credentials import Credential, Kind, OwnCredential, Usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.initiator import Initiator
from picosec.channel.responder import Responder
from picosec.channel.trust import TrustStore, parse_credential
from picosec.crypto.vault import software_vault
from picosec.messaging.cbor import loads
from picosec.messaging.coap import Code, Message, Type, code_text
from picosec.registry import CONTENT_FORMAT_CREDENTIAL_CHAIN, RESPONSE_CODE, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier, asking
from picosec_conformance.credentials import (
    CONFIRMATION,
    DEPTH,
    ENDS,
    GET,
    ISSUED,
    PURPOSE,
    PUT,
    SCOPE,
    ZONE,
    Link,
    chain,
    holder_key,
    scope,
)
from picosec_conformance.handshake import (
    OTHER_CID,
    SUITE_CID,
    SUITE_KID,
    TRUE,
    answer,
    edhoc_request,
    initiate,
    message_of,
    open_channel,
    receive_message_1,
)
from picosec_conformance.identity import make_identity
from picosec_conformance.lives import works
from picosec_conformance.objects import NOW, PLATFORM, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import status_claim
from picosec_conformance.target import Nonconformity, Target
from picosec_conformance.zone import OWN_PATH, PATH, Zone, signed_by

pytestmark = pytest.mark.needs(
    CONTROL,
    "identity.credentials",
    "channel.oscore.server",
    "channel.edhoc.responder",
    "channel.edhoc.method.3",
    "channel.edhoc.suite.2",
    "channel.edhoc.credential.kid",
)

BY_VALUE = pytest.mark.needs("channel.edhoc.credential.kcwt")


class Seen:
    """What believes one credential, and notes by which name it was shown."""

    kind: Kind | None = None

    def __init__(self, link: Link) -> None:
        self._link = link

    def shown(self, cwt: bytes, time: float | None) -> Credential | None:
        """Return the credential, if it is the one."""
        self.kind = Kind.KCWT
        return parse_credential(Kind.KCWT, cwt) if cwt == self._link.cwt else None

    def named(self, kid: bytes, time: float | None) -> list[Credential]:
        """Return the credential that a key identifier stands for, if it does."""
        self.kind = Kind.KID
        return [parse_credential(Kind.KCWT, self._link.cwt)] if kid == self._link.holder.kid else []


class Lamp:
    """The target as a member of the zone, with a key of its own, and the suite as somebody it lets in."""

    def __init__(self, target: Target, control: Control, rng: random.Random) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.zone = Zone(target, control, rng)
        control.reset()
        control.provision_objects(date=NOW)
        self.zone.believe(self.zone.anchor)
        self.key = self.zone.new_key(b"lamp")
        suite = make_identity(Kind.KID, Usage.STATIC_DH, 2, rng.randbytes, kid=SUITE_KID, name="suite")
        control.provision(trusted=[suite.trust()], methods=[3], suites=[2], message_4=False)
        self._suite = suite

    def link(self, issuer: str | Key | None = None, **named: Any) -> Link:
        """Return a credential of the target."""
        return self.zone.link(self.key, issuer, **named)

    def shows(self, link: Link) -> Kind | None:
        """Return how the target names a credential when it responds; None when it shows another one."""
        config, seen = self._config(link)
        initiator = Initiator(config, 3, SUITE_CID, self.rng.randbytes, 2)
        first = self.target.exchange(edhoc_request(self.target, TRUE, initiator.prepare_message_1()), "message_1")
        initiator.process_message_2(message_of(first))
        self.control.reboot()
        return seen.kind

    def calls(self, link: Link) -> Kind | None:
        """Return how the target names a credential when it begins."""
        config, seen = self._config(link)
        responder = Responder(config, self.rng.randbytes)
        self.control.act("open", {1: 3, 2: [2]})
        request, message_1 = receive_message_1(self.target)
        responder.process_message_1(message_1)
        c_r = OTHER_CID if responder.c_i == SUITE_CID else SUITE_CID
        answer(self.target, request, responder.prepare_message_2(c_r), "message_2")
        third = self.target.receive("message_3")
        responder.process_message_3(third.payload[1:])
        return seen.kind

    def channel(self, link: Link, claims: dict[Any, Any] | None = None) -> Channel:
        """Open a channel with the target, which answers by a credential; ``claims`` are further ones of the hub."""
        hub = self.zone.link("hub", claims=claims or {})
        self.zone.takes(hub)
        parties = self.zone.parties(hub, "kid")
        own = parties.config
        config = EdhocConfig(own.vault, own.credentials, TrustStore(Seen(link)), own.policy)
        return open_channel(self.target, initiate(self.target, replace(parties, config=config)))

    def give(self, *links: Link) -> None:
        """Make the target a member by this chain, which goes by the name of its key."""
        self.zone.give(self.key, *links, kind="kid")

    def _config(self, link: Link) -> tuple[EdhocConfig, Seen]:
        seen = Seen(link)
        vault = software_vault(self.rng.randbytes)
        own: OwnCredential = self._suite.unlock(vault)
        return EdhocConfig(vault, [own], TrustStore(seen), Policy(methods=(3,), suites=(2,))), seen


@pytest.fixture
def lamp(target: Target, control: Control, rng: random.Random) -> Lamp:
    """The target as a member of a zone."""
    return Lamp(target, control, rng)


def chained(lamp: Lamp, **named: Any) -> list[Link]:
    """Return a chain of two that ends with the target's credential."""
    ann = lamp.zone.link(claims={DEPTH: 1, ENDS: NOW + 864_000})
    return [ann, lamp.link("ann", **named)]


# -- authenticating ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-970")
@pytest.mark.parametrize(
    ("length", "kind"),
    [
        pytest.param(1, None, marks=BY_VALUE),
        (2, None),
        (1, "kid"),
        (2, "kid"),
        pytest.param(1, "kcwt", marks=BY_VALUE),
    ],
    ids=str,
)
def test_target_authenticates_by_its_chain(lamp: Lamp, length: int, kind: str | None) -> None:
    """One credential goes by value; of several, the last one's name goes."""
    links = [lamp.link()] if length == 1 else chained(lamp)
    lamp.zone.give(lamp.key, *links, kind=kind)
    expected = Kind(kind) if kind else Kind.KCWT if length == 1 else Kind.KID

    assert lamp.shows(links[-1]) is expected


@pytest.mark.requirement("IDN-970")
@pytest.mark.needs("channel.edhoc.initiator")
@pytest.mark.parametrize("length", [pytest.param(1, marks=BY_VALUE), 2])
def test_target_that_begins_authenticates_by_its_chain(lamp: Lamp, length: int) -> None:
    """The lamp calls the hub."""
    links = [lamp.link()] if length == 1 else chained(lamp)
    lamp.zone.give(lamp.key, *links)

    assert lamp.calls(links[-1]) is (Kind.KCWT if length == 1 else Kind.KID)


@pytest.mark.requirement("CNF-030")
@pytest.mark.needs("messaging.client")
@pytest.mark.parametrize("length", [1, 2])
def test_target_hands_its_chain_over(lamp: Lamp, length: int) -> None:
    """What the peer has to hold before it can be shown a name."""
    links = [lamp.link()] if length == 1 else chained(lamp)
    lamp.zone.give(lamp.key, *links)
    handle = lamp.control.act("present")
    request = lamp.target.receive("a chain")

    assert (request.code, request.path) == (Code.POST, PATH)
    assert request.content_format == CONTENT_FORMAT_CREDENTIAL_CHAIN
    assert len(loads(request.payload)) == length
    lamp.target.send(Message(Type.ACK, Code.CHANGED, request.message_id, request.token))
    event = lamp.control.event("response")
    assert (event.fields[0], event.fields[1]) == (handle, Code.CHANGED)


# -- renewing ------------------------------------------------------------------------------------------------------


class Renewal:
    """A target with credentials, and a channel over which it is brought new ones."""

    def __init__(self, lamp: Lamp, *links: Link) -> None:
        self.lamp, self.links = lamp, list(links) or [lamp.link()]
        lamp.give(*self.links)
        self.channel = lamp.channel(self.links[-1])

    def bring(self, *links: Link) -> Message:
        """Bring a chain over the channel, and return the response."""
        return self.lamp.zone.renew(chain(*links), self.channel.ask)

    def takes(self, *links: Link) -> None:
        """Bring a chain that has to be taken."""
        reply = self.bring(*links)
        if reply.code != Code.CHANGED or reply.payload:
            raise Nonconformity(f"credentials that have to be taken were answered {code_text(reply.code)}")

    def refuses(self, links: list[Link], problem: Problem) -> None:
        """Bring a chain that has to be refused; the next handshake is by what there was."""
        self.lamp.target.expect_refusal(self.bring(*links), RESPONSE_CODE[problem], problem)
        if self.lamp.shows(self.links[-1]) is None:
            raise Nonconformity("refused credentials took the place of those that there were")


@pytest.fixture
def renewal(lamp: Lamp) -> Renewal:
    """A target with a credential that can be renewed."""
    return Renewal(lamp)


LATER = {ISSUED: NOW + 1, ENDS: NOW + 500_000}


@pytest.mark.requirement("IDN-970")
@pytest.mark.parametrize("length", [1, 2])
def test_new_credentials_are_used_from_the_next_handshake_on(lamp: Lamp, length: int) -> None:
    """A week before the end the hub brings those of the next year."""
    one = length == 1
    old, new = ([lamp.link(claims=claims)] if one else chained(lamp, claims=claims) for claims in ({}, LATER))
    renewal = Renewal(lamp, *old)
    assert lamp.shows(old[-1])

    renewal.channel = lamp.channel(old[-1])
    renewal.takes(*new)

    assert lamp.shows(new[-1])


@pytest.mark.requirement("IDN-970")
def test_channel_of_before_goes_on(renewal: Renewal) -> None:
    """New credentials cut no conversation."""
    renewal.takes(renewal.lamp.link(claims=LATER))

    assert works(renewal.lamp.target, renewal.channel)


@pytest.mark.requirement("IDN-970")
def test_new_credentials_outlive_the_power(renewal: Renewal, control: Control) -> None:
    """They were taken, and the lamp was switched off at the wall."""
    new = renewal.lamp.link(claims=LATER)
    renewal.takes(new)

    control.reboot()

    assert renewal.lamp.shows(new)


@pytest.mark.requirement("IDN-970")
@pytest.mark.needs("objects.recipient")
def test_new_credentials_come_in_an_object(lamp: Lamp, courier: Courier) -> None:
    """The lamp was asleep when the hub had them, and a hop kept them for it; an application's object is nothing."""
    old, new = lamp.link(), lamp.link(claims=LATER)
    lamp.give(old)
    contents = asking(Code.PUT, OWN_PATH, chain(new), CONTENT_FORMAT_CREDENTIAL_CHAIN)
    courier.refuses(courier.signed(contents, sender=courier.app).close(), Problem.UNPROTECTED)
    assert lamp.shows(old)

    courier.takes(courier.signed(contents).close())

    assert lamp.shows(new)


@pytest.mark.requirement("CHN-800", "IDN-830")
def test_stranger_renews_nothing(renewal: Renewal) -> None:
    """What goes around in the open can be repeated; who may bring credentials is known."""
    new = chain(renewal.lamp.link(claims=LATER))
    with renewal.lamp.target.expect_unchanged():
        reply = renewal.lamp.zone.renew(new)
        renewal.lamp.target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNPROTECTED)


@pytest.mark.requirement("IDN-980")
@pytest.mark.parametrize("case", ["another-key", "key-of-the-peer", "another-kid", "restricted", "for-objects"])
def test_renewed_credentials_are_for_the_same_key(renewal: Renewal, case: str) -> None:
    """The hub brings the neighbour's, and the lamp could prove nothing by them."""
    lamp, zone = renewal.lamp, renewal.lamp.zone
    link = lamp.link(claims=LATER)
    if case == "another-key":
        link = zone.link(zone.new_key(lamp.key.kid), claims=LATER)
    elif case == "key-of-the-peer":
        link = zone.link("hub", claims=LATER)
    elif case == "another-kid":
        link.claims[CONFIRMATION] = {1: {**holder_key(lamp.key), 2: b"lamp2"}}
    elif case == "restricted":
        link.claims[CONFIRMATION] = {1: holder_key(lamp.key, alg=-7)}
    else:
        link.claims[PURPOSE] = PLATFORM

    renewal.refuses([link], Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-1600", "IDN-1610")
@pytest.mark.parametrize("granted", [True, False], ids=["granted", "not-granted"])
def test_guest_brings_no_credentials(lamp: Lamp, granted: bool) -> None:
    """He may look at the lamp, and brings it a chain that the anchor once made for it, which ends tonight."""
    old, new = lamp.link(), lamp.link(claims={ISSUED: NOW + 1, ENDS: NOW + 60})
    renewal = Renewal(lamp, old)
    path, methods = (OWN_PATH, PUT) if granted else (lamp.target.manifest.resources.protected_get, GET)
    renewal.channel = lamp.channel(old, {SCOPE: scope((path, methods))})

    if granted:
        renewal.takes(new)
        assert lamp.shows(new)
    else:
        renewal.refuses([new], Problem.FORBIDDEN)


@pytest.mark.requirement("IDN-2220")
@pytest.mark.parametrize("length", [1, 2], ids=["from-the-anchor", "delegated"])
@pytest.mark.parametrize("depth", [1, 2], ids=["by-one", "by-two"])
def test_nobody_steps_between_a_device_and_its_zone(lamp: Lamp, length: int, depth: int) -> None:
    """A guest who may let others in lets the lamp in: for tonight, to do nothing, and by his leave from now on."""
    old = [lamp.link()] if length == 1 else chained(lamp)
    mallory = lamp.zone.link("mallory", claims={DEPTH: depth, ENDS: NOW + 864_000})
    between = [mallory]
    if depth == 2:
        between.append(lamp.zone.link("ann", "mallory", claims={DEPTH: 1, ENDS: NOW + 864_000}))
    new = lamp.link(between[-1].holder, claims={ISSUED: NOW + 1, ENDS: NOW + 60})

    Renewal(lamp, *old).refuses([*between, new], Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-2220")
def test_name_of_who_was_in_between_is_not_enough(lamp: Lamp) -> None:
    """Mallory calls himself Ann, by whom the lamp came into the house."""
    impostor = lamp.zone.link(lamp.zone.new_key(b"ann"), claims={DEPTH: 1, ENDS: NOW + 864_000})
    new = lamp.link(impostor.holder, claims=LATER)

    Renewal(lamp, *chained(lamp)).refuses([impostor, new], Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-2220")
def test_another_zone_does_not_take_a_device_over(lamp: Lamp) -> None:
    """The lamp lets people of two flats in, and is of one of them."""
    other, flat = lamp.zone.new_key(b"other"), lamp.rng.randbytes(32)
    lamp.zone.believe(other, zone=flat)
    new = lamp.link(other, claims={**LATER, ZONE: flat})

    Renewal(lamp).refuses([new], Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-970")
def test_zone_itself_comes_nearer(lamp: Lamp) -> None:
    """Ann let the lamp in, and now the owner does, with another anchor of the same zone."""
    second = lamp.zone.new_key(b"second")
    lamp.zone.believe(second)
    new = lamp.link(second, claims=LATER)
    Renewal(lamp, *chained(lamp)).takes(new)

    assert lamp.shows(new)


@pytest.mark.requirement("IDN-990")
@pytest.mark.parametrize("issued", [NOW, NOW - 1, 0])
def test_no_credentials_take_the_place_of_newer_ones(renewal: Renewal, issued: int) -> None:
    """Somebody kept those of last year, which are for more."""
    renewal.refuses([renewal.lamp.link(claims={ISSUED: issued, ENDS: NOW + 500_000})], Problem.STALE)
    assert renewal.lamp.shows(renewal.links[-1])


@pytest.mark.requirement("IDN-990")
def test_credentials_go_forward_step_by_step(renewal: Renewal) -> None:
    """What was new a moment ago is old now."""
    first, second = (renewal.lamp.link(claims={ISSUED: NOW + number}) for number in (1, 2))
    renewal.takes(first)
    renewal.takes(second)
    for old in (first, second):
        renewal.links = [second]
        renewal.refuses([old], Problem.STALE)
        renewal.channel = renewal.lamp.channel(second)


@pytest.mark.requirement("IDN-830")
@pytest.mark.parametrize("case", ["forged", "of-another-zone", "of-a-stranger", "ended", "of-no-form", "taken-back"])
def test_renewed_credentials_are_judged_like_a_chain(renewal: Renewal, case: str) -> None:
    """Credentials that nobody accepts would lock the lamp out of its own house."""
    lamp = renewal.lamp
    link = lamp.link(lamp.zone.new_key(b"stranger") if case == "of-a-stranger" else None, claims=dict(LATER))
    problem = Problem.BAD_CREDENTIAL
    match case:
        case "forged":
            signed_by(link, lamp.zone.new_key(b"mallory"))
            problem = Problem.AUTHENTICATION_FAILED
        case "of-another-zone":
            link.claims[ZONE] = bytes(32)
        case "of-a-stranger":
            problem = Problem.UNKNOWN_CREDENTIAL
        case "ended":
            link.claims[ENDS] = NOW - 1
            problem = Problem.STALE
        case "of-no-form":
            link.claims[7] = b"id"
            problem = Problem.MALFORMED
        case "taken-back":
            link.claims |= status_claim()

    renewal.refuses([link], problem)


@pytest.mark.requirement("IDN-970", "MSG-570")
def test_target_without_credentials_renews_none(lamp: Lamp) -> None:
    """There is nothing that it could be the renewal of."""
    lamp.zone.introduce()
    channel = lamp.zone.channel(lamp.zone.link("hub"))
    reply = lamp.zone.renew(chain(lamp.link()), channel.ask)
    lamp.target.expect_refusal(reply, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)
