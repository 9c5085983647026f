"""Objects whose senders a target knows by nothing but a chain of credentials."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.courier import FORMS, OFF, Courier
from picosec_conformance.credentials import DEPTH, ENDS, HELD, PURPOSE, SENDERS, Link, chain
from picosec_conformance.keeper import Keeper
from picosec_conformance.objects import APPLICATION, NOW, PLATFORM, Key
from picosec_conformance.objects import ENDS as OBJECT_ENDS
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import status_claim
from picosec_conformance.target import Nonconformity
from picosec_conformance.zone import Zone

pytestmark = pytest.mark.needs(CONTROL, "identity.credentials", "objects.recipient")

CURVES = pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519], ids=["p256", "ed25519"])


def known(zone: Zone, key: Key, *before: Link, claims: dict[Any, Any] | None = None) -> list[Link]:
    """Hand over the chain that makes a key one for objects, and return it."""
    issuer = before[-1].holder if before else None
    links = [*before, zone.link(key, issuer, claims={PURPOSE: key.purpose, **(claims or {})})]
    zone.takes(*links)
    return links


@pytest.mark.requirement("IDN-930")
@CURVES
@pytest.mark.parametrize("form", FORMS)
def test_member_sends_objects(zone: Zone, courier: Courier, curve: Curve, form: str) -> None:
    """The lamp has never been told of Ann's phone, and its light goes on."""
    phone = zone.new_key(b"phone", curve)
    known(zone, phone)

    courier.takes(courier.wrapped(courier.signed(sender=phone), form))

    assert courier.switched() == 1


@pytest.mark.requirement("IDN-930")
def test_member_lets_others_send_objects(zone: Zone, courier: Courier) -> None:
    """Three links, of which the first two open channels."""
    ann = zone.link(claims={DEPTH: 2})
    bob = zone.link("bob", "ann", claims={DEPTH: 1})
    phone = zone.new_key(b"phone")
    known(zone, phone, ann, bob)

    courier.takes(courier.signed(sender=phone).close())

    assert courier.switched() == 1


@pytest.mark.requirement("IDN-930")
def test_application_sends_objects(zone: Zone, courier: Courier) -> None:
    """Its key is for what is open to everybody, and for no more."""
    app = zone.new_key(b"app", Curve.ED25519, APPLICATION)
    known(zone, app)

    courier.takes(courier.signed(sender=app).close())
    courier.refuses(courier.signed(courier.switch(), sender=app).close(), Problem.UNPROTECTED)

    assert courier.control.changes(courier.store) == 1


@pytest.mark.requirement("IDN-930")
def test_two_senders_of_one_name_are_told_apart(zone: Zone, courier: Courier) -> None:
    """Mallory names his key as Ann named hers, and hands his chain over after hers."""
    keys = [zone.new_key(b"phone", curve) for curve in (Curve.P256, Curve.P256, Curve.ED25519)]
    for key in keys:
        known(zone, key)

    for key in keys:
        courier.takes(courier.signed(sender=key, number=5).close())
        courier.refuses(courier.signed(sender=key, number=5).close(), Problem.REPLAYED)

    assert courier.switched() == len(keys)


@pytest.mark.requirement("IDN-930", "OBJ-130")
def test_provisioned_sender_goes_first(zone: Zone, courier: Courier) -> None:
    """A chain for the name of somebody who was introduced in person makes nobody that one."""
    impostor = Key(courier.sender.kid, Curve.P256, zone.rng.randbytes(32))
    known(zone, impostor)

    courier.refuses(courier.signed(sender=impostor).close(), Problem.AUTHENTICATION_FAILED)
    courier.takes(courier.signed().close())


@pytest.mark.requirement("OBJ-260", "IDN-930")
def test_object_is_taken_once_whatever_becomes_of_the_chain(zone: Zone, courier: Courier, control: Control) -> None:
    """Recorded, and brought again after a reboot, after sixteen other chains, and with the same chain."""
    phone = zone.new_key(b"phone")
    links = known(zone, phone)
    recorded = courier.signed(sender=phone, number=5).close()
    courier.takes(recorded)
    assert courier.switched() == 1

    control.reboot()
    courier.refuses(recorded, Problem.REPLAYED)
    for number in range(HELD):
        zone.takes(zone.link(f"guest-{number}"))
    courier.refuses(recorded, Problem.UNKNOWN_CREDENTIAL)
    zone.takes(*links)
    courier.refuses(recorded, Problem.REPLAYED)

    assert courier.switched() == 0  # counted from the reboot on


@pytest.mark.requirement("IDN-930", "OBJ-260")
def test_renewed_credential_begins_nothing_anew(zone: Zone, courier: Courier) -> None:
    """The key is the same, and so is what was taken of it."""
    phone = zone.new_key(b"phone")
    known(zone, phone)
    recorded = courier.signed(sender=phone, number=5).close()
    courier.takes(recorded)

    known(zone, phone, claims={ENDS: NOW + 500})

    courier.refuses(recorded, Problem.REPLAYED)
    courier.takes(courier.signed(sender=phone, number=6).close())


@pytest.mark.requirement("IDN-940")
@pytest.mark.parametrize("purpose", [PLATFORM, APPLICATION])
def test_key_signs_objects_of_its_purpose(zone: Zone, courier: Courier, purpose: int) -> None:
    """An application's key signs what only the platform may; and the platform what is an application's."""
    other = APPLICATION if purpose == PLATFORM else PLATFORM
    key = zone.new_key(b"key", purpose=purpose)
    known(zone, key)
    contents = courier.keep()

    for form in FORMS if purpose == APPLICATION else FORMS[:1]:
        recipient = courier.reader.kid if other == PLATFORM else courier.app_reader.kid
        signed = courier.signed(contents, sender=key, recipient=recipient, purpose=other)
        courier.refuses(courier.wrapped(signed, form), Problem.WRONG_PURPOSE)


@pytest.mark.requirement("IDN-940")
def test_key_of_a_channel_signs_no_objects(zone: Zone, courier: Courier) -> None:
    """Ann may open a channel with it; what somebody made her sign is no request of hers."""
    zone.takes(zone.link())

    courier.refuses(courier.signed(sender=zone.key("ann")).close(), Problem.WRONG_PURPOSE)


@pytest.mark.requirement("IDN-940", "OBJ-190")
def test_holder_in_the_middle_sends_nothing(zone: Zone, courier: Courier) -> None:
    """Ann's credential stands in the chain, and is not what it was handed over for."""
    known(zone, zone.new_key(b"phone"), zone.link(claims={DEPTH: 1}))

    courier.refuses(courier.signed(sender=zone.key("ann")).close(), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-950")
@pytest.mark.parametrize("place", [0, 1])
def test_sender_is_one_until_his_chain_ends(zone: Zone, courier: Courier, control: Control, place: int) -> None:
    """The guest left on Sunday, and his phone signs on."""
    phone = zone.new_key(b"phone")
    ann = zone.link(claims={DEPTH: 1, **({ENDS: NOW + 60} if place == 0 else {})})
    known(zone, phone, ann, claims={ENDS: NOW + 60})
    control.provision_objects(date=NOW + 60)
    courier.takes(courier.signed(sender=phone).close())

    control.provision_objects(date=NOW + 61)

    courier.refuses(courier.signed(sender=phone).close(), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-950")
@pytest.mark.needs("identity.status")
@pytest.mark.parametrize("place", [0, 1])
def test_sender_is_one_until_a_link_is_taken_back(zone: Zone, keeper: Keeper, courier: Courier, place: int) -> None:
    """The phone is lost, or Ann is gone who let it in."""
    phone = zone.new_key(b"phone")
    keeper.takes(keeper.token().close())
    ann = zone.link(claims={DEPTH: 1, **(status_claim() if place == 0 else {})})
    known(zone, phone, ann, claims=status_claim() if place else {})
    courier.takes(courier.signed(sender=phone).close())

    keeper.takes(keeper.revoking().close())

    courier.refuses(courier.signed(sender=phone).close(), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-950")
def test_sender_goes_with_his_anchor(zone: Zone, courier: Courier) -> None:
    """The anchor's key was replaced under its name."""
    phone = zone.new_key(b"phone")
    known(zone, phone)

    zone.believe(zone.new_key(zone.anchor.kid))

    courier.refuses(courier.signed(sender=phone).close(), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-950")
def test_signature_is_judged_before_the_chain(zone: Zone, courier: Courier, control: Control) -> None:
    """Who has no key learns nothing about the credentials of those who have one."""
    known(zone, zone.new_key(b"phone"), claims={ENDS: NOW + 60})
    control.provision_objects(date=NOW + 61)

    courier.refuses(courier.signed(sender=zone.new_key(b"phone")).close(), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-960")
def test_memory_for_senders_is_bounded(zone: Zone, courier: Courier, control: Control) -> None:
    """Who may let others in makes keys without number, so that the device forgets what it took."""
    phones = [zone.new_key(f"phone-{number}".encode(), Curve.ED25519) for number in range(SENDERS + 1)]
    first = known(zone, phones[0])
    recorded = courier.signed(sender=phones[0], number=7).close()
    courier.takes(recorded)
    for phone in phones[1:SENDERS]:
        known(zone, phone)
        courier.takes(courier.signed(courier.switch(OFF), sender=phone).close())
    known(zone, phones[SENDERS])

    courier.refuses(courier.signed(sender=phones[SENDERS]).close(), Problem.EXHAUSTED)

    zone.takes(*first)
    courier.refuses(recorded, Problem.REPLAYED)
    courier.takes(courier.signed(sender=phones[0], number=8).close())
    courier.takes(courier.signed().close())  # who was provisioned has a place of his own


@pytest.mark.requirement("IDN-930")
@pytest.mark.needs("channel.edhoc.responder")
def test_object_lasts_no_longer_than_it_says(zone: Zone, courier: Courier) -> None:
    """A good chain makes no old object young."""
    phone = zone.new_key(b"phone")
    known(zone, phone)
    signed = courier.signed(sender=phone)
    signed.claims[OBJECT_ENDS] = NOW - 1

    courier.refuses(signed.close(), Problem.STALE)


@pytest.mark.requirement("IDN-930")
def test_chain_and_object_come_together(zone: Zone, courier: Courier) -> None:
    """Nothing has to pass between them: a hop hands over the one, and then the other."""
    phone = zone.new_key(b"phone", Curve.ED25519)
    link = zone.link(phone, claims={PURPOSE: PLATFORM})
    made = courier.signed(sender=phone).close()
    courier.refuses(made, Problem.UNKNOWN_CREDENTIAL)
    if zone.hand(chain(link)).code != 0x44:
        raise Nonconformity("a chain that has to be taken was refused")

    courier.takes(made)
