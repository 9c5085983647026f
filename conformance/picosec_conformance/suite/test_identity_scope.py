"""What peers may do by the scopes of their credentials: over channels, in objects, and whatever they try besides."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.channel.credentials import Kind, Usage
from picosec.crypto.curves import Curve
from picosec.messaging import observe
from picosec.messaging.blocks import Block
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.blockwise import Upload
from picosec_conformance.channel import Channel
from picosec_conformance.combined import CombiningInitiator
from picosec_conformance.control import trusted_credential
from picosec_conformance.courier import Courier
from picosec_conformance.credentials import (
    CONFIRMATION,
    DEPTH,
    ENDS,
    GET,
    POST,
    PURPOSE,
    PUT,
    SCOPE,
    ZONE,
    holder_key,
    scope,
)
from picosec_conformance.handshake import initiate, open_channel
from picosec_conformance.identity import claims as issuer_claims
from picosec_conformance.identity import make_identity
from picosec_conformance.keeper import Keeper
from picosec_conformance.lives import Renewing, another_credential, wakes
from picosec_conformance.objects import NOW, PLATFORM
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import status_claim
from picosec_conformance.zone import Zone

pytestmark = pytest.mark.needs(
    CONTROL,
    "channel.oscore.server",
    "channel.edhoc.responder",
    "channel.edhoc.method.3",
    "channel.edhoc.suite.2",
    "channel.edhoc.credential.kid",
)

ON, OFF = dumps(True), dumps(False)
DELETE = 8
P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


def paths(zone: Zone) -> tuple[str, str]:
    """Return a resource that answers GET, and one that PUT changes, neither open to everybody."""
    resources = zone.target.manifest.resources
    return resources.protected_get, resources.protected_put


def allowed(zone: Zone, entries: dict[str, int] | None, name: str = "ann") -> Channel:
    """Open a channel with a credential that grants this, None for everything, and nothing else."""
    claims = {} if entries is None else {SCOPE: scope(*sorted(entries.items(), key=lambda entry: entry[0].encode()))}
    return zone.channel(zone.link(name, claims=claims))


def put(channel: Channel, path: str, payload: bytes = ON) -> int:
    """Ask over a channel for a change, and return the code of the answer."""
    return channel.request(Code.PUT, path, payload, content_format=CONTENT_FORMAT_CBOR).code


def refused(zone: Zone, channel: Channel, code: Code, path: str, payload: bytes = b"") -> None:
    """Ask for what was not granted: the error is the right one, and nothing changes."""
    content_format = CONTENT_FORMAT_CBOR if payload else None
    changes = zone.control.state()[1]
    reply = channel.request(code, path, payload, content_format=content_format)
    assert reply.code == Code.FORBIDDEN
    assert zone.target.has_problem(reply, Problem.FORBIDDEN)
    assert zone.control.state()[1] == changes


@pytest.mark.requirement("IDN-1600", "IDN-1610", "IDN-1620")
def test_guest_does_what_he_was_granted_and_nothing_else(zone: Zone) -> None:
    """He may look at the lamp, and neither switch it nor read the temperature."""
    sensor, lamp = paths(zone)
    guest = allowed(zone, {lamp: GET})

    assert guest.request(Code.GET, lamp).code == Code.CONTENT
    refused(zone, guest, Code.PUT, lamp, ON)
    refused(zone, guest, Code.GET, sensor)


@pytest.mark.requirement("IDN-1600", "IDN-1610", "IDN-1620")
@pytest.mark.parametrize("granted", range(1, 16))
def test_every_set_of_methods_is_what_it_says(zone: Zone, granted: int) -> None:
    """Bits are counted from one end, and a method is its code less one."""
    _sensor, lamp = paths(zone)
    guest = allowed(zone, {lamp: granted})

    for code, bit in ((Code.GET, GET), (Code.PUT, PUT), (Code.POST, POST), (Code.DELETE, DELETE)):
        payload = ON if code in (Code.PUT, Code.POST) else b""
        if granted & bit:
            reply = guest.request(code, lamp, payload, content_format=CONTENT_FORMAT_CBOR if payload else None)
            assert reply.code != Code.FORBIDDEN
        else:
            refused(zone, guest, code, lamp, payload)


@pytest.mark.requirement("IDN-1600")
@pytest.mark.parametrize("form", ["below", "above", "longer", "shorter", "other-case", "slash", "all"])
def test_paths_are_compared_whole(zone: Zone, form: str) -> None:
    """Granted is something that looks like the lamp to who compares beginnings."""
    _sensor, lamp = paths(zone)
    near = {
        "below": f"{lamp}/x",
        "above": lamp.rsplit("/", 1)[0] or "/x",
        "longer": f"{lamp}x",
        "shorter": lamp[:-1],
        "other-case": lamp.upper(),
        "slash": f"{lamp}/",
        "all": "/",
    }[form]
    guest = allowed(zone, {near: 127})

    refused(zone, guest, Code.PUT, lamp, ON)


def queried(zone: Zone, channel: Channel, code: Code, path: str, payload: bytes = b"") -> Message:
    """Ask with a query that means nothing to the resource."""
    content_format = CONTENT_FORMAT_CBOR if payload else None
    query = ((int(Option.URI_QUERY), b"guest=1"),)
    return channel.ask(zone.target.build(code, path, payload, content_format=content_format, options=query))


@pytest.mark.requirement("IDN-1940")
def test_query_changes_no_grant(zone: Zone) -> None:
    """He may look at the lamp, however he asks; and he may not switch it, however he asks."""
    sensor, lamp = paths(zone)
    guest = allowed(zone, {lamp: GET, f"{sensor}?guest=1": 127})

    assert queried(zone, guest, Code.GET, lamp).code == Code.CONTENT
    for code, path, payload in ((Code.PUT, lamp, ON), (Code.GET, sensor, b"")):
        changes = zone.control.state()[1]
        reply = queried(zone, guest, code, path, payload)
        assert reply.code == Code.FORBIDDEN
        assert zone.target.has_problem(reply, Problem.FORBIDDEN)
        assert zone.control.state()[1] == changes


@pytest.mark.requirement("IDN-1620")
def test_member_without_a_scope_may_do_everything(zone: Zone) -> None:
    """Who is granted all that the zone has."""
    sensor, lamp = paths(zone)
    member = allowed(zone, None)

    assert member.request(Code.GET, sensor).code == Code.CONTENT
    assert put(member, lamp) == Code.CHANGED


@pytest.mark.requirement("IDN-1620")
def test_who_was_introduced_by_himself_may_do_everything(zone: Zone, channel: Channel) -> None:
    """The owner, beside guests."""
    _sensor, lamp = paths(zone)
    allowed(zone, {lamp: GET})

    assert put(channel, lamp) == Code.CHANGED


@pytest.mark.requirement("IDN-1600", "IDN-1620")
@pytest.mark.parametrize("by", [pytest.param("kcwt", marks=pytest.mark.needs("channel.edhoc.credential.kcwt")), "kid"])
def test_scope_is_that_of_the_last_credential(zone: Zone, by: Any) -> None:
    """Ann may switch the lamp, Bob, whom she lets in, may look at it; and both are known by now."""
    sensor, lamp = paths(zone)
    wide, narrow = scope((lamp, GET | PUT), (sensor, GET)), scope((lamp, GET))
    if by == "kid":
        links = zone.links(("ann", {DEPTH: 1, SCOPE: wide}), ("bob", {SCOPE: narrow}))
        zone.takes(*links)
        zone.takes(links[0])
        last = links[1]
    else:
        last = zone.link("bob", claims={SCOPE: narrow})
    guest = zone.channel(last, by)

    assert guest.request(Code.GET, lamp).code == Code.CONTENT
    refused(zone, guest, Code.PUT, lamp, ON)
    refused(zone, guest, Code.GET, sensor)


@pytest.mark.requirement("IDN-1640")
def test_each_channel_has_the_grant_of_its_own_credential(zone: Zone) -> None:
    """Ann has two credentials for one key: one of last year, with which she may do more, and one of today."""
    sensor, lamp = paths(zone)
    wide = zone.channel(zone.link("ann", claims={SCOPE: scope((lamp, GET | PUT))}))
    narrow = zone.channel(zone.link("ann", claims={SCOPE: scope((sensor, GET))}))

    assert put(wide, lamp) == Code.CHANGED
    refused(zone, narrow, Code.PUT, lamp, OFF)
    assert narrow.request(Code.GET, sensor).code == Code.CONTENT
    refused(zone, wide, Code.GET, sensor)


@pytest.mark.requirement("IDN-1600", "IDN-1640")
def test_channel_that_the_target_opened_has_a_grant_too(zone: Zone) -> None:
    """Who called whom makes no difference."""
    _sensor, lamp = paths(zone)
    guest = zone.called(zone.link("ann", claims={SCOPE: scope((lamp, GET))}))

    assert guest.request(Code.GET, lamp).code == Code.CONTENT
    refused(zone, guest, Code.PUT, lamp, ON)


@pytest.mark.requirement("IDN-1600", "IDN-1610")
@pytest.mark.needs("messaging.block.server")
def test_body_in_blocks_is_refused_with_its_first(zone: Zone) -> None:
    """A guest fills the memory with the first half of what he may not send."""
    _sensor, lamp = paths(zone)
    guest = allowed(zone, {lamp: GET})
    upload = Upload(zone.target, guest.ask, lamp, code=Code.PUT, content_format=CONTENT_FORMAT_CBOR)

    reply = upload.part(Block(0, True, 2), bytes(64))

    assert reply.code == Code.FORBIDDEN
    assert zone.target.has_problem(reply, Problem.FORBIDDEN)


@pytest.mark.requirement("IDN-1600")
@pytest.mark.needs("channel.resume")
def test_grant_outlives_the_power(zone: Zone) -> None:
    """The channel was stored, and what its peer may do was in memory."""
    sensor, lamp = paths(zone)
    zone.control.provision(methods=[zone.method], suites=[zone.suite], message_4=False, store_channels=True)
    guest = allowed(zone, {lamp: GET, sensor: GET})
    zone.control.reboot()
    assert wakes(zone.target, guest)

    refused(zone, guest, Code.PUT, lamp, ON)
    assert guest.request(Code.GET, lamp).code == Code.CONTENT


@pytest.mark.requirement("IDN-1600", "IDN-1640")
@pytest.mark.needs("channel.renewal")
def test_new_keys_bring_no_new_grant(zone: Zone) -> None:
    """A channel that was renewed is a channel of the guest's."""
    _sensor, lamp = paths(zone)
    link = zone.link("ann", claims={SCOPE: scope((lamp, GET))})
    zone.takes(link)
    renewing = Renewing(zone.target, zone.parties(link, "kid"), zone.rng)
    renewing.renew()

    refused(zone, renewing.channel, Code.PUT, lamp, ON)


@pytest.mark.requirement("IDN-1630")
@pytest.mark.needs("channel.renewal", "channel.life")
def test_guest_looks_after_his_own_channel(zone: Zone) -> None:
    """He was granted the lamp alone, and may still renew keys, and leave."""
    _sensor, lamp = paths(zone)
    link = zone.link("ann", claims={SCOPE: scope((lamp, GET))})
    zone.takes(link)
    renewing = Renewing(zone.target, zone.parties(link, "kid"), zone.rng)

    renewing.renew()
    assert renewing.channel.request(Code.DELETE, "/ps/channel").code == Code.DELETED


@pytest.mark.requirement("IDN-1630")
@pytest.mark.parametrize("path", ["/ps/info", "/.well-known/core"])
def test_what_is_open_is_open_to_guests(zone: Zone, path: str) -> None:
    """A stranger may read it; a guest is no less."""
    _sensor, lamp = paths(zone)

    assert allowed(zone, {lamp: GET}).request(Code.GET, path).code == Code.CONTENT


@pytest.mark.requirement("IDN-1630")
@pytest.mark.needs("identity.attester")
def test_guest_may_ask_what_he_talks_to(zone: Zone) -> None:
    """Before he tells the gate who he is, he wants to know what it runs."""
    _sensor, lamp = paths(zone)
    guest = allowed(zone, {lamp: GET})
    challenge = dumps(zone.rng.randbytes(32))

    reply = guest.request(Code.POST, "/ps/attestation", challenge, content_format=CONTENT_FORMAT_CBOR)

    assert reply.code != Code.FORBIDDEN


@pytest.mark.requirement("IDN-1600")
@pytest.mark.needs("messaging.observe.server")
def test_guest_observes_what_he_may_read(zone: Zone) -> None:
    """Who may not read it may not be told of each change either."""
    sensor, lamp = paths(zone)
    guest = allowed(zone, {sensor: GET})

    reply = guest.ask(zone.target.build(Code.GET, lamp, options=(observe.entry(observe.REGISTER),)))

    assert reply.code == Code.FORBIDDEN
    assert reply.option(Option.OBSERVE) is None


@pytest.mark.requirement("IDN-1610", "IDN-1620")
@pytest.mark.needs("objects.recipient")
@pytest.mark.parametrize("granted", [True, False], ids=["granted", "not-granted"])
def test_object_does_what_its_sender_was_granted(zone: Zone, courier: Courier, granted: bool) -> None:
    """A guest who may not switch the lamp over a channel sends a signed command for it."""
    sensor, lamp = paths(zone)
    phone = zone.new_key(b"phone")
    zone.takes(zone.link(phone, claims={PURPOSE: PLATFORM, SCOPE: scope((lamp if granted else sensor, PUT))}))

    courier.takes(courier.signed(sender=phone).close())

    assert courier.switched() == int(granted)


@pytest.mark.requirement("IDN-2230")
@pytest.mark.needs("objects.recipient")
@pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519], ids=["p256", "ed25519"])
@pytest.mark.parametrize("last", ["wide", "narrow"])
def test_nobody_takes_from_a_sender_what_he_was_granted(zone: Zone, courier: Courier, curve: Curve, last: str) -> None:
    """Mallory, who may let others in, lets Ann's phone in once more, to do nothing: the wall switch goes on working."""
    sensor, lamp = paths(zone)
    phone = zone.new_key(b"phone", curve)
    wide = [zone.link(phone, claims={PURPOSE: PLATFORM, SCOPE: scope((lamp, PUT))})]
    mallory = zone.link("mallory", claims={DEPTH: 1})
    narrow = [mallory, zone.link(phone, "mallory", claims={PURPOSE: PLATFORM, SCOPE: scope((sensor, GET))})]
    for links in (wide, narrow) if last == "narrow" else (narrow, wide):
        zone.takes(*links)

    courier.takes(courier.signed(sender=phone).close())

    assert courier.switched() == 1


@pytest.mark.requirement("IDN-2230")
@pytest.mark.needs("objects.recipient")
def test_key_that_looks_like_a_senders_takes_nothing_from_him(zone: Zone, courier: Courier) -> None:
    """Half of a point is the same, and nobody has the private key of the other half."""
    sensor, lamp = paths(zone)
    phone = zone.new_key(b"phone")
    mirrored = {**holder_key(phone), -3: (P256_PRIME - int.from_bytes(phone.public.y, "big")).to_bytes(32, "big")}
    zone.takes(zone.link(phone, claims={PURPOSE: PLATFORM, SCOPE: scope((lamp, PUT))}))
    claims = {CONFIRMATION: {1: mirrored}, PURPOSE: PLATFORM, SCOPE: scope((sensor, GET))}
    zone.takes(zone.link("mallory", claims={DEPTH: 1}), zone.link(phone, "mallory", claims=claims))

    courier.takes(courier.signed(sender=phone).close())

    assert courier.switched() == 1


@pytest.mark.requirement("IDN-1610")
@pytest.mark.needs("objects.recipient", "identity.status")
@pytest.mark.parametrize("how", ["ended", "taken-back"])
def test_grant_goes_with_its_credential(zone: Zone, keeper: Keeper, courier: Courier, how: str) -> None:
    """Ann's phone has two credentials, one of which is good still; the lamp stood in the other."""
    sensor, lamp = paths(zone)
    phone = zone.new_key(b"phone")
    keeper.takes(keeper.token().close())
    over = {ENDS: NOW + 60} if how == "ended" else status_claim()
    zone.takes(zone.link(phone, claims={PURPOSE: PLATFORM, SCOPE: scope((sensor, GET))}))
    zone.takes(zone.link(phone, claims={PURPOSE: PLATFORM, SCOPE: scope((lamp, PUT)), **over}))
    if how == "ended":
        zone.control.provision_objects(date=NOW + 61)
    else:
        keeper.takes(keeper.revoking().close())

    courier.takes(courier.signed(sender=phone).close())

    assert courier.switched() == 0


SCOPES_OF_OTHERS: dict[str, Any] = {
    "text": "lamp:read",
    "empty": b"",
    "no-cbor": b"\xff",
    "nothing": dumps([]),
    "out-of-order": dumps([["/b", 1], ["/a", 1]]),
    "set": True,
}


@pytest.mark.requirement("IDN-2240", "IDN-1610")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.needs(f"channel.edhoc.credential.{kind}"), id=kind)
        for kind in ("kcwt", "kccs")
    ],
)
def test_scope_of_no_zone_limits_as_well(zone: Zone, kind: str) -> None:
    """An issuer of before there were zones lets somebody read the lamp, and so did who introduced a claims set."""
    sensor, lamp = paths(zone)
    guest = of_no_zone(zone, kind, scope((lamp, GET)))

    assert guest.request(Code.GET, lamp).code == Code.CONTENT
    refused(zone, guest, Code.PUT, lamp, ON)
    refused(zone, guest, Code.GET, sensor)


@pytest.mark.requirement("IDN-2240", "IDN-1610")
@pytest.mark.needs("channel.edhoc.credential.kcwt")
@pytest.mark.parametrize("case", SCOPES_OF_OTHERS)
def test_scope_that_nobody_understands_grants_nothing(zone: Zone, case: str) -> None:
    """It was meant to limit somebody, in another language."""
    sensor, lamp = paths(zone)
    guest = of_no_zone(zone, "kcwt", SCOPES_OF_OTHERS[case])

    refused(zone, guest, Code.PUT, lamp, ON)
    refused(zone, guest, Code.GET, sensor)
    assert guest.request(Code.GET, "/ps/info").code == Code.CONTENT


def of_no_zone(zone: Zone, kind: str, granted: Any) -> Channel:
    """Open a channel with a credential that has a scope and no zone: of an issuer, or introduced by itself."""
    if kind == "kccs":
        own = make_identity(
            Kind.KCCS, Usage.STATIC_DH, zone.suite, zone.rng.randbytes, kid=b"\x2d", further={SCOPE: granted}
        )
        parties = another_credential(zone.control, zone.parties(zone.link()), zone.rng, own)
        return open_channel(zone.target, initiate(zone.target, parties))
    issuer = dumps(issuer_claims("issuer", zone.anchor.public))
    zone.control.provision(trusted=[trusted_credential("kcwt", issuer)])
    return zone.channel(zone.link(claims={SCOPE: granted}).without(ZONE), "kcwt")


@pytest.mark.requirement("IDN-1600", "IDN-1610", "IDN-1620")
@pytest.mark.needs("channel.edhoc.combined", "channel.edhoc.credential.kcwt")
def test_guest_is_one_from_his_first_request_on(zone: Zone) -> None:
    """He asks together with the message that shows who he is."""
    sensor, lamp = paths(zone)
    for name, code, path, payload, expected in (
        ("a", Code.GET, lamp, b"", Code.CONTENT),
        ("b", Code.PUT, lamp, ON, Code.FORBIDDEN),
        ("c", Code.GET, sensor, b"", Code.FORBIDDEN),
    ):
        parties = zone.parties(zone.link(name, claims={SCOPE: scope((lamp, GET))}))
        suite = CombiningInitiator(zone.target, zone.rng, parties=parties)
        content_format = CONTENT_FORMAT_CBOR if payload else None
        changes = zone.control.state()[1]

        request = suite.combined(zone.target.build(code, path, payload, content_format=content_format))
        reply = suite.channel.unprotect(zone.target.exchange(request))

        assert reply.code == expected
        assert zone.control.state()[1] == changes
