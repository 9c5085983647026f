"""Channels that credentials of a zone opened: when they end, and how much room their peers take."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.credentials import (
    DEPTH,
    ENDS,
    ISSUED,
    ZONE,
    Link,
)
from picosec_conformance.edhoc_peer import HostileInitiator, HostileResponder, expect_error, expect_given_up
from picosec_conformance.edhoc_run import Prover
from picosec_conformance.identity import claims as issuer_claims
from picosec_conformance.keeper import Keeper
from picosec_conformance.lives import Renewing, room_for, wakes, works
from picosec_conformance.meeting import BOTH_SIDES
from picosec_conformance.objects import NOW
from picosec_conformance.observing import ProtectedObserver
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import PLACE, status_claim
from picosec_conformance.target import Target
from picosec_conformance.zone import Shown, Zone

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
BOTH_WAYS = pytest.mark.parametrize("by", [pytest.param("kcwt", marks=BY_VALUE), "kid"])


def ends(control: Control) -> list[object]:
    """Return why channels were closed, as the target reports it."""
    return [event.fields[2] for event in control.events() if event.name == "channel-closed"]


@pytest.mark.requirement("IDN-910")
@pytest.mark.needs("identity.status")
@BOTH_SIDES
@pytest.mark.parametrize("place", [0, 1, 2])
def test_channel_ends_when_any_link_is_taken_back(zone: Zone, keeper: Keeper, side: str, place: int) -> None:
    """Whoever let Cleo in was thrown out; her conversation is still going on."""
    further: list[dict[Any, Any]] = [status_claim() if at == place else {} for at in range(3)]
    links = zone.three(*further)
    keeper.takes(keeper.token().close())
    zone.takes(*links)
    channel = zone.channel(links[-1], "kid") if side == "responder" else zone.called(links[-1], "kid")
    assert works(zone.target, channel)

    keeper.takes(keeper.revoking().close())

    assert not works(zone.target, channel)
    assert ends(zone.control) == ["revoked"]


@pytest.mark.requirement("IDN-910")
@pytest.mark.needs("identity.status")
def test_channel_of_a_chain_that_was_let_go_ends_too(zone: Zone, keeper: Keeper) -> None:
    """Sixteen others came since, so the chain is held no longer; what it opened rests on it all the same."""
    links = zone.three({}, status_claim(), {})
    keeper.takes(keeper.token().close())
    zone.takes(*links)
    channel = zone.channel(links[-1], "kid")
    for number in range(16):
        zone.takes(zone.link(f"guest-{number}"))
    assert works(zone.target, channel)

    keeper.takes(keeper.revoking().close())

    assert not works(zone.target, channel)


@pytest.mark.requirement("IDN-910")
@pytest.mark.needs("identity.status")
def test_channels_of_others_go_on(zone: Zone, keeper: Keeper) -> None:
    """Ann let Bob in and somebody else Cleo; only Bob's credential is taken back."""
    keeper.takes(keeper.token().close())
    ann = zone.link(claims={DEPTH: 1, **status_claim(PLACE + 1)})
    bob, cleo = (zone.link(name, "ann", claims=status_claim(place)) for name, place in (("bob", PLACE), ("cleo", 5)))
    for guest in (bob, cleo):
        zone.takes(ann, guest)
    kept = [zone.channel(cleo, "kid"), zone.channel(ann)]
    gone = zone.channel(bob, "kid")

    keeper.takes(keeper.revoking().close())

    assert [works(zone.target, channel) for channel in (gone, *kept)] == [False, True, True]


def _held_back(zone: Zone, link: Link) -> HostileResponder:
    """Return a peer whom the target called by a handed-over name, and who has not answered message_3."""
    peer = HostileResponder(zone.target, zone.control, zone.parties(link))
    peer.wait_1()
    named = b"\xa1\x04" + dumps(link.holder.kid)
    peer.run.responder = Prover(named, link.cwt, link.holder.public, link.holder.private)
    peer.send_2()
    peer.wait_3()
    return peer


@pytest.mark.requirement("IDN-910")
@pytest.mark.needs("identity.status", "channel.edhoc.initiator")
@pytest.mark.parametrize("place", [0, 1, 2])
def test_handshake_that_is_going_on_opens_nothing(zone: Zone, keeper: Keeper, place: int) -> None:
    """Cleo knows that Bob, who let her in, will be found out, and holds her last answer back."""
    further: list[dict[Any, Any]] = [status_claim() if at == place else {} for at in range(3)]
    links = zone.three(*further)
    keeper.takes(keeper.token().close())
    zone.takes(*links)
    peer = _held_back(zone, links[-1])
    keeper.takes(keeper.revoking().close())

    peer.send_4(b"")

    expect_given_up(zone.target, zone.control, Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-920")
@pytest.mark.needs("channel.edhoc.initiator")
def test_handshake_that_outlasts_the_credential_opens_nothing(zone: Zone, control: Control) -> None:
    """It was good when it was shown, and the answer comes a minute later."""
    link = zone.link(claims={ENDS: NOW + 60})
    zone.takes(link)
    peer = _held_back(zone, link)
    control.provision_objects(date=NOW + 61)

    peer.send_4(b"")

    expect_given_up(zone.target, zone.control, Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-910")
@pytest.mark.needs("identity.status", "channel.resume")
def test_channel_that_outlived_the_power_ends_too(zone: Zone, keeper: Keeper, control: Control) -> None:
    """It is asleep, and was opened in another life."""
    control.provision(methods=[3], suites=[2], message_4=False, store_channels=True)
    links = zone.three({}, status_claim(), {})
    keeper.takes(keeper.token().close())
    zone.takes(*links)
    channel = zone.channel(links[-1], "kid")
    control.reboot()

    keeper.takes(keeper.revoking().close())

    assert not wakes(zone.target, channel)


@pytest.mark.requirement("IDN-920")
@BOTH_WAYS
def test_channel_ends_when_the_credential_ends(zone: Zone, control: Control, by: Shown) -> None:
    """The guest leaves his phone in the house, with the conversation open."""
    link = zone.link(claims={ENDS: NOW + 60})
    zone.takes(link)
    channel = zone.channel(link, by)
    control.advance(60)
    assert works(zone.target, channel)

    control.advance(1)

    assert control.state()[2] == 0
    assert ends(control) == ["expired"]
    assert not works(zone.target, channel)


@pytest.mark.requirement("IDN-920")
@pytest.mark.needs("channel.edhoc.initiator")
def test_channel_that_the_target_opened_ends_too(zone: Zone, control: Control) -> None:
    """Who called whom makes no difference."""
    link = zone.link(claims={ENDS: NOW + 60})
    channel = zone.called(link)
    assert works(zone.target, channel)

    control.advance(61)

    assert not works(zone.target, channel)


@pytest.mark.requirement("IDN-920")
def test_request_after_the_end_is_not_served(zone: Zone, control: Control) -> None:
    """The clock is set, and no second passes before the request comes."""
    channel = zone.channel(zone.link(claims={ENDS: NOW + 60}))
    control.provision_objects(date=NOW + 61)
    request = zone.target.build(Code.PUT, zone.target.manifest.resources.protected_put, b"\xf5", content_format=60)
    before = control.changes(zone.target.manifest.resources.protected_put)

    reply = zone.target.exchange(channel.protect(request))

    zone.target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)
    assert control.changes(zone.target.manifest.resources.protected_put) == before
    assert control.state()[2] == 0


@pytest.mark.requirement("IDN-920")
def test_channels_end_each_in_its_time(zone: Zone, control: Control) -> None:
    """Three guests, who leave one after the other; and one who stays."""
    links = [zone.link(name, claims={ENDS: NOW + after}) for name, after in (("a", 90), ("b", 30), ("c", 60))]
    channels = [zone.channel(link) for link in (*links, zone.link("d"))]
    for seconds, open_then in ((31, [1, 0, 1, 1]), (30, [1, 0, 0, 1]), (30, [0, 0, 0, 1])):
        control.advance(seconds)
        assert [works(zone.target, channel) for channel in channels] == list(map(bool, open_then))


@pytest.mark.requirement("IDN-920")
@pytest.mark.needs("channel.renewal")
def test_new_keys_give_no_more_time(zone: Zone, control: Control, rng: random.Random) -> None:
    """The keys of the channel are renewed a minute before the end, and the credential is not."""
    link = zone.link(claims={ENDS: NOW + 60})
    zone.takes(link)
    renewing = Renewing(zone.target, zone.parties(link, "kid"), rng)
    renewing.renew()
    assert works(zone.target, renewing.channel)

    control.advance(61)

    assert not works(zone.target, renewing.channel)


@pytest.mark.requirement("IDN-920")
@pytest.mark.needs("channel.resume")
def test_end_is_known_after_a_reboot(zone: Zone, control: Control) -> None:
    """The channel was stored, and with it how long it lasts."""
    control.provision(methods=[3], suites=[2], message_4=False, store_channels=True)
    channel = zone.channel(zone.link(claims={ENDS: NOW + 60}))
    control.reboot()
    assert wakes(zone.target, channel)

    control.advance(61)

    assert not works(zone.target, channel)


@pytest.mark.requirement("IDN-920", "IDN-870")
def test_device_without_a_date_ends_no_channel(target: Target, control: Control, rng: random.Random) -> None:
    """It does not know when it is later than the credential says."""
    zone = Zone(target, control, rng, date=None)
    channel = zone.channel(zone.link(claims={ENDS: NOW + 60}))

    control.advance(200)

    assert works(zone.target, channel)


@pytest.mark.requirement("IDN-920")
@BY_VALUE
def test_other_credentials_end_no_channel(zone: Zone, control: Control) -> None:
    """A CWT of before there were zones was judged when the channel was opened, and is not looked at again."""
    control.provision(trusted=[trusted_credential("kcwt", dumps(issuer_claims("issuer", zone.anchor.public)))])
    old = zone.link(claims={ENDS: NOW + 60}).without(ZONE)
    channel = zone.channel(old, "kcwt")

    control.advance(61)

    assert works(zone.target, channel)


@pytest.mark.requirement("IDN-920")
@pytest.mark.needs("messaging.observe.server")
def test_guest_is_told_nothing_after_the_end(zone: Zone, control: Control, channel: Channel) -> None:
    """He observes the lamp, and it is switched on a second after his time was over."""
    guest = zone.channel(zone.link(claims={ENDS: NOW + 60}))
    observer = ProtectedObserver(zone.target, guest)
    observer.register()
    control.provision_objects(date=NOW + 61)

    request = zone.target.build(Code.PUT, observer.path, b"\xf5", content_format=CONTENT_FORMAT_CBOR)
    reply, *told = zone.target.replies(channel.protect(request))

    assert channel.unprotect(reply).code == Code.CHANGED
    assert not told
    assert not control.advance(5)


def entering(zone: Zone, *links: Link) -> Channel:
    """Hand a chain over, and open a channel with it."""
    zone.takes(*links)
    return zone.channel(links[-1], "kid")


@pytest.mark.requirement("IDN-2260")
@pytest.mark.needs("channel.life")
def test_guests_of_a_guest_take_room_from_each_other(zone: Zone, control: Control) -> None:
    """Mallory, who may let others in, opens channels under one new name after the other: the owner's stays."""
    room_for(control, zone.parties(zone.link()), 4)
    owner = entering(zone, zone.link("owner"))
    mallory = zone.link("mallory", claims={DEPTH: 2})
    bob = zone.link("bob", "mallory", claims={DEPTH: 1})
    chains = [[mallory], [mallory, bob], [mallory, bob, zone.link("c", "bob")], [mallory, zone.link("d", "mallory")]]
    chains += [[mallory, bob, zone.link("e", "bob")]]

    guests = [entering(zone, *links) for links in chains]

    assert works(zone.target, owner)
    assert [works(zone.target, guest) for guest in guests] == [False, False, True, True, True]


@pytest.mark.requirement("IDN-2260")
@pytest.mark.needs("channel.life")
def test_renewed_credential_brings_no_new_room(zone: Zone, control: Control) -> None:
    """Another credential for the same key is not another peer."""
    room_for(control, zone.parties(zone.link()), 2)
    owner = entering(zone, zone.link("owner"))
    guests = [entering(zone, zone.link(claims={ISSUED: NOW - number})) for number in range(3)]

    assert works(zone.target, owner)
    assert [works(zone.target, guest) for guest in guests] == [False, False, True]


@pytest.mark.requirement("IDN-2260", "CHN-1270")
@pytest.mark.needs("channel.life")
def test_whom_others_let_in_is_another_peer(zone: Zone, control: Control) -> None:
    """A key of the same name as Mallory's, and with guests of its own, pushes nobody out of what Mallory uses."""
    room_for(control, zone.parties(zone.link()), 2)
    mallory = zone.link("mallory", claims={DEPTH: 1})
    channels = [entering(zone, mallory, zone.link(name, "mallory")) for name in ("a", "b")]
    other = zone.link(zone.new_key(b"mallory"), claims={DEPTH: 1})
    guest = zone.link("c", other.holder)
    zone.takes(other, guest)
    peer = HostileInitiator(zone.target, zone.parties(guest))
    peer.reach_2()
    id_cred = b"\xa1\x04" + dumps(guest.holder.kid)
    message_3 = peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=id_cred, cred=guest.cwt))

    expect_error(zone.target, peer.send_3(message_3), Problem.BUSY)

    assert all(works(zone.target, channel) for channel in channels)
