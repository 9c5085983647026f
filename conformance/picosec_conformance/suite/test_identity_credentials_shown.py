"""Credentials of a zone in handshakes, by value and by reference: who is let in, and who is not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.credentials import (
    BEGINS,
    CONFIRMATION,
    DAY,
    DEPTH,
    ENDS,
    ISSUED,
    KIND,
    PURPOSE,
    SCOPE,
    ZONE,
    Link,
    chain,
    holder_key,
    scope,
)
from picosec_conformance.edhoc_peer import HostileInitiator
from picosec_conformance.identity import claims as issuer_claims
from picosec_conformance.keeper import Keeper
from picosec_conformance.meeting import BOTH_SIDES
from picosec_conformance.objects import APPLICATION as FOR_APPLICATIONS
from picosec_conformance.objects import NOW, PLATFORM
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import status_claim
from picosec_conformance.target import Target
from picosec_conformance.zone import Shown, Zone, signed_by

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


# -- who is let in -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-870")
@BY_VALUE
@BOTH_SIDES
def test_member_is_let_in_by_value(zone: Zone, side: str) -> None:
    """The lamp has never heard of Ann, and knows the zone."""
    assert zone.accepted(zone.link(), "kcwt", side)


@pytest.mark.requirement("IDN-870")
@BOTH_SIDES
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_member_is_let_in_by_reference(zone: Zone, side: str, length: int) -> None:
    """What was handed over once costs its name in each handshake after that."""
    rows: list[tuple[str, dict[Any, Any]]] = [
        (name, {DEPTH: length - 1 - at} if length - 1 - at else {}) for at, name in enumerate("abcd"[:length])
    ]
    links = zone.links(*rows)
    zone.takes(*links)

    assert zone.accepted(links[-1], "kid", side)


@pytest.mark.requirement("IDN-870")
@pytest.mark.parametrize("kid", [b"\x0a", b"\x37", b"\x40", bytes(32), b"\x00\x01"], ids=bytes.hex)
def test_reference_has_any_form(zone: Zone, kid: bytes) -> None:
    """One byte travels as an integer, or as a byte string, and more as a byte string."""
    link = zone.link(zone.new_key(kid))
    zone.takes(link)

    assert zone.accepted(link, "kid")


@pytest.mark.requirement("IDN-870")
@BOTH_WAYS
def test_device_without_a_date_lets_members_in(target: Target, control: Control, rng: random.Random, by: Shown) -> None:
    """It cannot tell whether the credential has ended, and goes by what it has."""
    zone = Zone(target, control, rng, date=None)
    link = zone.link(claims={ENDS: 0})
    zone.takes(link)

    assert zone.accepted(link, by)


class Curve25519(Zone):
    """A zone whose members have keys for Diffie-Hellman on X25519."""

    suite = 0


@pytest.mark.requirement("IDN-870", "CHN-370")
@pytest.mark.needs("channel.edhoc.suite.0")
@BOTH_SIDES
@pytest.mark.parametrize("point", [0, 1, 2**255 - 20], ids=["zero", "one", "minus-one"])
def test_key_that_agrees_on_nothing_keeps_nobody_out(
    target: Target, control: Control, rng: random.Random, side: str, point: int
) -> None:
    """Mallory, who may let others in, gives Ann's name to a point with which every secret is zero."""
    zone = Curve25519(target, control, rng)
    nobody = {1: 1, 2: b"ann", -1: Curve.X25519.value, -2: point.to_bytes(32, "little")}
    mallory = zone.link("mallory", claims={DEPTH: 1})
    trap = zone.link("ann", "mallory", claims={CONFIRMATION: {1: nobody}})
    zone.hand(chain(mallory, trap))  # taken or refused: it is not a key that anybody could have
    ann = zone.link(zone.new_key(b"ann", Curve.X25519))
    zone.takes(ann)

    assert zone.accepted(ann, "kid", side)


@pytest.mark.requirement("IDN-870")
def test_two_holders_of_one_name_are_told_apart(zone: Zone) -> None:
    """Mallory's key has Ann's name, and his chain came later: neither keeps the other out."""
    ann, mallory = (zone.link(zone.new_key(b"ann")) for _ in range(2))
    zone.takes(ann)
    zone.takes(mallory)

    assert zone.accepted(ann, "kid")
    assert zone.accepted(mallory, "kid")


@pytest.mark.requirement("IDN-870")
def test_credential_of_today_and_of_tomorrow(zone: Zone) -> None:
    """The same key, and two credentials: the first has not ended when the second is there."""
    key = zone.key("ann")
    today, tomorrow = zone.link(key), zone.link(key, claims={ENDS: NOW + 2 * DAY})
    zone.takes(today)
    zone.takes(tomorrow)

    assert zone.accepted(today, "kid")
    assert zone.accepted(tomorrow, "kid")


@pytest.mark.requirement("IDN-870")
def test_provisioned_peer_of_the_same_name_is_let_in(zone: Zone, control: Control, rng: random.Random) -> None:
    """Somebody is known by name from before, and the zone has another one of that name."""
    ann = zone.key("ann")
    ccs = dumps(issuer_claims("ann", ann.public, ann.kid))
    other = zone.link(zone.new_key(b"ann"))
    zone.takes(other)
    control.provision(trusted=[trusted_credential("kid", ccs, ann.kid)])

    assert zone.accepted(other, "kid")
    link = zone.link(ann)
    peer = HostileInitiator(zone.target, zone.parties(link))
    peer.reach_2()
    id_cred = b"\xa1\x04" + dumps(ann.kid)
    reply = peer.send_3(peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=id_cred, cred=ccs)))
    assert reply.code == Code.CHANGED


# -- who is not ----------------------------------------------------------------------------------------------------


def _stranger(zone: Zone) -> Link:
    return zone.link(issuer=zone.new_key(b"stranger"))


def _forged(zone: Zone) -> Link:
    return signed_by(zone.link(), zone.new_key(b"mallory"))


WRONG: dict[str, Any] = {
    "of-a-stranger": _stranger,
    "forged": _forged,
    "of-another-zone": lambda zone: zone.link(claims={ZONE: bytes(32)}),
    "ended": lambda zone: zone.link(claims={ENDS: NOW - 1}),
    "not-begun": lambda zone: zone.link(claims={BEGINS: NOW + 1}),
    "from-the-future": lambda zone: zone.link(claims={ISSUED: NOW + 301}),
    "of-no-kind": lambda zone: zone.link(claims={KIND: 3}),
    "with-a-further-claim": lambda zone: zone.link(claims={7: b"id"}),
    "let-in-by-ann": lambda zone: zone.link("bob", "ann"),
    "without-an-end": lambda zone: zone.link().without(ENDS),
    "status-without-a-list": lambda zone: zone.link(claims=status_claim()),
}


@pytest.mark.requirement("IDN-880")
@BY_VALUE
@BOTH_SIDES
@pytest.mark.parametrize("case", WRONG)
def test_credential_by_value_is_judged_like_a_chain(zone: Zone, side: str, case: str) -> None:
    """What is refused at the one door is refused at the other."""
    assert not zone.accepted(WRONG[case](zone), "kcwt", side)


@pytest.mark.requirement("IDN-880")
@BY_VALUE
@BOTH_SIDES
def test_scope_of_the_anchor_holds_by_value(zone: Zone, side: str) -> None:
    """The electrician's anchor signs a credential for everything."""
    zone.believe(zone.anchor, scope=scope(("/actuators/lamp", 1)))

    assert not zone.accepted(zone.link(), "kcwt", side)
    assert zone.accepted(zone.link(claims={SCOPE: scope(("/actuators/lamp", 1))}), "kcwt", side)


@pytest.mark.requirement("IDN-880")
@BY_VALUE
@BOTH_SIDES
@pytest.mark.parametrize("case", ["of-another-zone", "ended", "with-a-further-claim"])
def test_credential_of_a_zone_is_judged_by_anchors_alone(zone: Zone, control: Control, side: str, case: str) -> None:
    """The same key is an issuer of CWTs as of old, which are looked at less closely."""
    control.provision(trusted=[trusted_credential("kcwt", dumps(issuer_claims("issuer", zone.anchor.public)))])

    assert not zone.accepted(WRONG[case](zone), "kcwt", side)


@pytest.mark.requirement("IDN-880", "CHN-430")
@BY_VALUE
def test_cwt_of_no_zone_goes_by_its_issuer(zone: Zone, control: Control) -> None:
    """What was issued before there were zones is good as before; and an anchor is not such an issuer."""
    old = zone.link().without(ZONE)
    assert not zone.accepted(old, "kcwt")

    control.provision(trusted=[trusted_credential("kcwt", dumps(issuer_claims("issuer", zone.anchor.public)))])

    assert zone.accepted(old, "kcwt")


@pytest.mark.requirement("IDN-890")
@BOTH_SIDES
@pytest.mark.parametrize("place", [0, 1, 2])
def test_chain_that_has_ended_lets_nobody_in(zone: Zone, control: Control, side: str, place: int) -> None:
    """It was good when it was handed over, and the weekend is over."""
    further: list[dict[Any, Any]] = [{ENDS: NOW + 60} if at >= place else {} for at in range(3)]
    links = zone.three(*further)
    zone.takes(*links)
    control.provision_objects(date=NOW + 60)
    assert zone.accepted(links[-1], "kid", side)

    control.provision_objects(date=NOW + 61)

    assert not zone.accepted(links[-1], "kid", side)


@pytest.mark.requirement("IDN-890")
@pytest.mark.needs("identity.status")
@BOTH_SIDES
@pytest.mark.parametrize("place", [0, 1, 2])
def test_chain_of_which_a_link_was_taken_back_lets_nobody_in(zone: Zone, keeper: Keeper, side: str, place: int) -> None:
    """Ann's credential is taken back, and the lamp knows Cleo by name."""
    further: list[dict[Any, Any]] = [status_claim() if at == place else {} for at in range(3)]
    links = zone.three(*further)
    keeper.takes(keeper.token().close())
    zone.takes(*links)
    assert zone.accepted(links[-1], "kid", side)

    keeper.takes(keeper.revoking().close())

    assert not zone.accepted(links[-1], "kid", side)


@pytest.mark.requirement("IDN-890", "IDN-870")
@pytest.mark.needs("identity.status")
def test_chain_is_good_again_when_its_link_is(zone: Zone, keeper: Keeper) -> None:
    """It was taken back by mistake; the chain is held, and the next list gives it back."""
    link = zone.link(claims=status_claim())
    keeper.takes(keeper.token().close())
    zone.takes(link)
    keeper.takes(keeper.revoking().close())
    assert not zone.accepted(link, "kid")

    keeper.takes(keeper.token(issued=NOW + 2).close())

    assert zone.accepted(link, "kid")


@pytest.mark.requirement("IDN-890")
@pytest.mark.parametrize("what", ["key", "zone", "scope"])
def test_chain_goes_with_its_anchor(zone: Zone, what: str) -> None:
    """The anchor's key was stolen, and replaced under the same name; or it is for less from now on."""
    links = zone.three()
    zone.takes(*links)
    assert zone.accepted(links[-1], "kid")
    anchor = zone.new_key(zone.anchor.kid) if what == "key" else zone.anchor

    zone.believe(
        anchor,
        zone=bytes(32) if what == "zone" else None,
        scope=scope(("/actuators/lamp", 1)) if what == "scope" else None,
    )

    assert not zone.accepted(links[-1], "kid")


@pytest.mark.requirement("IDN-890", "IDN-870")
def test_more_anchors_take_no_chain_away(zone: Zone) -> None:
    """A second anchor for next year, and the first one given once more."""
    links = zone.three()
    zone.takes(*links)

    zone.believe(zone.new_key(b"second"))
    zone.introduce()

    assert zone.accepted(links[-1], "kid")


@pytest.mark.requirement("IDN-890")
def test_holder_in_the_middle_shows_his_own_chain(zone: Zone) -> None:
    """Cleo handed over what holds Ann's credential too: that is no handing over by Ann."""
    ann, bob, cleo = zone.three()
    zone.takes(ann, bob, cleo)

    assert zone.known(cleo)
    assert not zone.known(ann)
    assert not zone.known(bob)


@pytest.mark.requirement("IDN-900")
@BOTH_SIDES
@BOTH_WAYS
@pytest.mark.parametrize("purpose", [PLATFORM, FOR_APPLICATIONS])
def test_key_for_objects_opens_no_channel(zone: Zone, side: str, by: Shown, purpose: int) -> None:
    """The application's key signs readings; whoever takes the application over is no guest for that."""
    link = zone.link(claims={PURPOSE: purpose})
    zone.takes(link)

    assert not zone.accepted(link, by, side)


@pytest.mark.requirement("IDN-900", "IDN-870")
def test_key_for_objects_keeps_nobody_of_its_name_out(zone: Zone) -> None:
    """Two keys of one name, and one of them opens channels."""
    zone.takes(zone.link(zone.new_key(b"ann"), claims={PURPOSE: PLATFORM}))
    ann = zone.link()
    zone.takes(ann)

    assert zone.accepted(ann, "kid")


@pytest.mark.requirement("CHN-470")
def test_key_restricted_to_signatures_agrees_on_nothing(zone: Zone) -> None:
    """The zone said what the key is for, and the method needs something else."""
    link = zone.link()
    link.claims[CONFIRMATION] = {1: holder_key(link.holder, alg=-7)}

    zone.takes(link)

    assert not zone.accepted(link, "kid")


def rewritten(link: Link) -> list[Any]:
    """Return a credential with the other signature that everybody can make of an ECDSA signature."""
    item = link.item()
    s = P256_ORDER - int.from_bytes(item[3][32:], "big")
    return [*item[:3], item[3][:32] + s.to_bytes(32, "big")]


@pytest.mark.requirement("IDN-870")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("length", [1, 2])
def test_other_form_of_a_signature_keeps_nobody_out(zone: Zone, when: str, length: int) -> None:
    """A stranger saw the chain, and hands over another one that says the same and is not what Ann proves to have."""
    links = zone.links(("bob", {DEPTH: 1}), ("ann", {}))[2 - length :] if length == 2 else [zone.link()]
    other = chain(*map(rewritten, links))
    if when == "before":
        zone.hand(other)
    zone.takes(*links)
    if when == "after":
        zone.hand(other)

    assert zone.accepted(links[-1], "kid")
