"""Whose key it is, what it is for, and for whom: the questions that a good signature does not answer."""

from __future__ import annotations

import pytest

from picosec.crypto.curves import Curve
from picosec.registry import Problem
from picosec_conformance.courier import Courier
from picosec_conformance.objects import APPLICATION, KID, PLATFORM, Group, Key
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


@pytest.mark.requirement("OBJ-190")
@pytest.mark.parametrize("kid", ["new", "longer", "shorter", "own", "signer", "group", "zero"])
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_sender_that_nobody_vouched_for_is_refused(courier: Courier, form: str, kid: str) -> None:
    """Everybody can sign; the name of a key in another list, or half of a name, is no name of a sender."""
    name = {
        "new": b"\x99",
        "longer": courier.other_app.kid + b"\0",
        "shorter": courier.other_app.kid[:-1],
        "own": courier.reader.kid,
        "signer": courier.signer.kid,
        "group": courier.group.kid,
        "zero": b"\0",
    }[kid]
    signed = courier.signed(sender=courier.key(name, Curve.ED25519)).close()
    data = courier.wrapped(signed, form)

    courier.refuses(data, Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("OBJ-190")
@pytest.mark.parametrize("kid", ["new", "longer", "shorter", "sender", "group"])
def test_reader_that_is_not_here_is_refused(courier: Courier, kid: str) -> None:
    """A hop delivers to the wrong door: what opens by trying every key opens what was never meant for it."""
    sealed = courier.sealed()
    sealed.reader[KID] = sealed.party_v[0] = {
        "new": b"\x99",
        "longer": courier.reader.kid + b"\0",
        "shorter": courier.reader.kid[:-1],
        "sender": courier.sender.kid,
        "group": courier.group.kid,
    }[kid]

    courier.refuses(sealed.close(courier.signed().close()), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("OBJ-190")
@pytest.mark.parametrize("kid", ["new", "longer", "shorter", "sender", "own"])
def test_group_that_is_not_joined_is_refused(courier: Courier, kid: str) -> None:
    """Encrypted with the right key under a name that the target does not know."""
    group = courier.chacha_group
    grouped = courier.grouped(group)
    grouped.header[KID] = {
        "new": b"\x99",
        "longer": group.kid + b"\0",
        "shorter": group.kid[:-1],
        "sender": courier.sender.kid,
        "own": courier.reader.kid,
    }[kid]

    courier.refuses(grouped.close(courier.signed(recipient=group.kid).close()), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("OBJ-200")
@pytest.mark.parametrize("name", ["app", "other_app"])
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_key_of_an_application_manages_nothing(courier: Courier, form: str, name: str) -> None:
    """An application lost its key; whoever found it writes what the device is managed by."""
    signed = courier.signed(
        courier.switch(), sender=getattr(courier, name), recipient=courier.reader.kid, purpose=PLATFORM
    ).close()
    data = courier.wrapped(signed, form)

    courier.refuses(data, Problem.WRONG_PURPOSE)
    assert courier.switched() == 0


@pytest.mark.requirement("OBJ-200")
@pytest.mark.parametrize("name", ["sender", "other_sender"])
def test_key_of_the_platform_speaks_for_no_application(courier: Courier, name: str) -> None:
    """The other way round: what manages the device does not join in with what its applications say."""
    signed = courier.signed(courier.keep(), sender=getattr(courier, name), purpose=APPLICATION)

    courier.refuses(signed.close(), Problem.WRONG_PURPOSE)


@pytest.mark.requirement("OBJ-200")
@pytest.mark.parametrize("purpose", [PLATFORM, APPLICATION])
def test_reader_of_another_purpose_is_refused(courier: Courier, purpose: int) -> None:
    """An application that holds its own key on the device would open what manages the device."""
    reader = courier.app_reader if purpose == PLATFORM else courier.reader
    sender = courier.sender if purpose == PLATFORM else courier.app
    signed = courier.signed(sender=sender, recipient=reader.kid).close()

    courier.refuses(courier.sealed(reader, purpose=purpose).close(signed), Problem.WRONG_PURPOSE)


@pytest.mark.requirement("OBJ-200")
@pytest.mark.parametrize("purpose", [PLATFORM, APPLICATION])
def test_group_of_another_purpose_is_refused(courier: Courier, purpose: int) -> None:
    """The same with a key that many have."""
    group = courier.app_group if purpose == PLATFORM else courier.group
    sender = courier.sender if purpose == PLATFORM else courier.app
    signed = courier.signed(sender=sender, recipient=group.kid).close()

    courier.refuses(courier.grouped(group, purpose=purpose).close(signed), Problem.WRONG_PURPOSE)


@pytest.mark.requirement("OBJ-220")
@pytest.mark.parametrize("outer", [PLATFORM, APPLICATION])
@pytest.mark.parametrize("form", ["sealed", "group"])
def test_layers_of_two_purposes_are_refused(courier: Courier, form: str, outer: int) -> None:
    """Each key serves its own purpose, and the whole serves none: a command comes through the door of applications."""
    sender = courier.app if outer == PLATFORM else courier.sender
    reader: Key = courier.reader if outer == PLATFORM else courier.app_reader
    group: Group = courier.group if outer == PLATFORM else courier.app_group
    recipient = reader.kid if form == "sealed" else group.kid
    signed = courier.signed(sender=sender, recipient=recipient).close()
    data = courier.sealed(reader).close(signed) if form == "sealed" else courier.grouped(group).close(signed)

    courier.refuses(data, Problem.WRONG_PURPOSE)


@pytest.mark.requirement("OBJ-230")
@pytest.mark.parametrize("recipient", ["other", "sender", "longer", "shorter", "carrier"])
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_object_for_somebody_else_is_refused(courier: Courier, form: str, recipient: str) -> None:
    """A reader decrypts what was for it, and encrypts it again for somebody who takes it as sent by the signer."""
    kid = {
        "other": b"\x99",
        "sender": courier.sender.kid,
        "longer": courier.reader.kid + b"\0",
        "shorter": courier.reader.kid[:-1],
        "carrier": courier.app.kid,
    }[recipient]
    signed = courier.signed(recipient=kid).close()
    data = courier.wrapped(signed, form)

    courier.refuses(data, Problem.MISDIRECTED)
    assert courier.switched() == 0


@pytest.mark.requirement("OBJ-230")
def test_object_for_a_group_is_opened_in_the_open(courier: Courier) -> None:
    """It is no secret, and for all members."""
    courier.takes(courier.signed(recipient=courier.group.kid).close())


@pytest.mark.requirement("OBJ-230")
@pytest.mark.parametrize("name", ["reader", "other_reader", "signer"])
def test_object_for_any_key_of_the_recipient_is_opened(courier: Courier, name: str) -> None:
    """Whoever has several keys is meant by each of them."""
    courier.takes(courier.signed(recipient=getattr(courier, name).kid).close())


@pytest.mark.requirement("OBJ-230")
def test_object_for_one_member_is_opened_in_its_group(courier: Courier) -> None:
    """All members could read it, and one is asked; the others will see that they are not meant."""
    courier.takes(courier.grouped().close(courier.signed().close()))
    courier.refuses(courier.grouped().close(courier.signed(recipient=b"member").close()), Problem.MISDIRECTED)
