"""Objects that the target makes: opened by the book, and never two that should have been one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, RESPONSE_CODE, Problem
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier
from picosec_conformance.made_objects import Opened, open_grouped, open_sealed, open_signed
from picosec_conformance.objects import APPLICATION, NOW, PLATFORM, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL)

CONTENTS = dumps({"reading": 21})
SIGNERS = pytest.mark.parametrize("name", ["signer", "app_signer"])


def made(courier: Courier, signer: Key, **fields: Any) -> Opened:
    """Have the target make a signed object for the suite, and return what it says."""
    return open_signed(courier.make(CONTENTS, signer, b"suite", **fields), signer)


def reader_of(courier: Courier, signer: Key, curve: Curve) -> Key:
    """Return a key of the suite's that reads what a key of the target's signs."""
    return courier.key(b"suite", curve, signer.purpose)


@pytest.mark.requirement("OBJ-370")
@SIGNERS
def test_signed_object_says_what_it_was_made_for(courier: Courier, name: str) -> None:
    """A reading that an archive still believes in next year."""
    signer = getattr(courier, name)

    for content_format in (112, 0, 65535):
        opened = made(courier, signer, content_format=content_format)

        assert (opened.contents, opened.content_format, opened.recipient) == (CONTENTS, content_format, b"suite")
        assert (opened.purpose, opened.ends) == (signer.purpose, None)


@pytest.mark.requirement("OBJ-370")
@SIGNERS
@pytest.mark.parametrize("later", [0, 1000])
def test_signed_object_says_when_it_was_made(courier: Courier, name: str, later: int) -> None:
    """Whoever opens it goes by the sender's clock."""
    if later:
        courier.control.advance(later)

    opened = made(courier, getattr(courier, name), ends=NOW + 5000)

    assert 0 <= opened.issued - NOW - later <= 1
    assert opened.ends == NOW + 5000


@pytest.mark.requirement("OBJ-370")
@SIGNERS
def test_sender_that_does_not_know_the_date_makes_objects_all_the_same(
    target: Target, control: Control, rng: random.Random, name: str
) -> None:
    """Its time is wrong then, but it is a time; a recipient without a clock, or with an end to go by, takes it."""
    courier = Courier(target, control, rng, date=None)

    opened = made(courier, getattr(courier, name), ends=NOW)

    assert opened.issued >= 0
    assert opened.ends == NOW


@pytest.mark.requirement("OBJ-370")
@SIGNERS
@pytest.mark.parametrize("contents", [b"", b"\0", bytes(255), bytes(800)], ids=len)
def test_contents_of_every_size_are_signed(courier: Courier, name: str, contents: bytes) -> None:
    """Nothing at all is contents, too."""
    signer = getattr(courier, name)

    assert open_signed(courier.make(contents, signer, b"suite"), signer).contents == contents


@pytest.mark.requirement("OBJ-370")
@SIGNERS
@pytest.mark.parametrize("curve", [Curve.P256, Curve.X25519])
def test_sealed_object_is_for_its_reader(courier: Courier, name: str, curve: Curve) -> None:
    """The signature is inside, and names the reader as well."""
    signer = getattr(courier, name)
    reader = reader_of(courier, signer, curve)

    contents, _nonce, _ephemeral = open_sealed(
        courier.make(CONTENTS, signer, reader.kid, reader=reader.cose_key), reader
    )

    opened = open_signed(contents, signer)
    assert (opened.contents, opened.recipient, opened.purpose) == (CONTENTS, reader.kid, signer.purpose)


@pytest.mark.requirement("OBJ-370")
@pytest.mark.parametrize("name", ["group", "gcm_group", "chacha_group", "app_group"])
def test_group_object_is_for_its_members(courier: Courier, name: str) -> None:
    """With the algorithm that the group's key was given for."""
    group = getattr(courier, name)
    signer = courier.signer if group.purpose == PLATFORM else courier.app_signer

    contents, _nonce = open_grouped(courier.make(CONTENTS, signer, group.kid, group=group.kid), group)

    opened = open_signed(contents, signer)
    assert (opened.contents, opened.recipient, opened.purpose) == (CONTENTS, group.kid, group.purpose)


@pytest.mark.requirement("OBJ-370")
@pytest.mark.needs("objects.recipient")
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_target_opens_what_it_made(courier: Courier, form: str) -> None:
    """It writes to itself: two ends by the same hand, and one grammar."""
    self_trust = {1: courier.signer.kid, 2: courier.signer.cose_key, 4: PLATFORM}
    courier.control.provision_objects(senders=[self_trust])
    how: dict[str, dict[str, Any]] = {
        "signed": {},
        "sealed": {"reader": courier.reader.cose_key},
        "group": {"group": courier.group.kid},
    }

    courier.takes(courier.make(courier.switch(), courier.signer, courier.reader.kid, **how[form]))

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-210")
@SIGNERS
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_key_signs_for_no_other_purpose(courier: Courier, form: str, name: str) -> None:
    """Whoever makes an application sign what manages devices manages devices."""
    signer = getattr(courier, name)
    purpose = APPLICATION if signer.purpose == PLATFORM else PLATFORM
    group = courier.group if purpose == PLATFORM else courier.app_group
    fields: dict[int, Any] = {1: signer.kid, 2: group.kid, 3: CONTENT_FORMAT_CBOR, 4: CONTENTS, 5: purpose}
    how: dict[str, dict[int, Any]] = {"signed": {}, "sealed": {7: courier.reader.cose_key}, "group": {8: group.kid}}

    with courier.target.expect_unchanged():
        reply = courier.target.request(
            Code.POST, "/ps/test/act", dumps(["object", fields | how[form]]), content_format=CONTENT_FORMAT_CBOR
        )
        courier.target.expect_refusal(reply, RESPONSE_CODE[Problem.WRONG_PURPOSE], Problem.WRONG_PURPOSE)
    assert courier.control.events() == []


@pytest.mark.requirement("OBJ-210")
@SIGNERS
def test_key_signs_for_its_own_purpose(courier: Courier, name: str) -> None:
    """And says so."""
    signer = getattr(courier, name)

    assert made(courier, signer).purpose == signer.purpose


@pytest.mark.requirement("OBJ-290")
@SIGNERS
def test_numbers_do_not_return(courier: Courier, name: str) -> None:
    """Recipients take each number once: the second object of a number is never read."""
    signer = getattr(courier, name)

    numbers = [made(courier, signer).number for _ in range(10)]

    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)


@pytest.mark.requirement("OBJ-290")
@SIGNERS
@pytest.mark.parametrize("before", [1, 3, 65])
def test_numbers_do_not_return_after_a_loss_of_power(courier: Courier, name: str, before: int) -> None:
    """A sensor whose battery is empty each winter would speak to nobody each spring."""
    signer = getattr(courier, name)
    numbers = [made(courier, signer).number for _ in range(before)]

    for _ in range(3):
        courier.control.reboot()
        numbers.append(made(courier, signer).number)

    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)


@pytest.mark.requirement("OBJ-290")
def test_all_forms_count_together(courier: Courier) -> None:
    """The envelope does not show in the number: it is the key's."""
    signer, reader = courier.signer, reader_of(courier, courier.signer, Curve.P256)
    sealed, _, _ = open_sealed(courier.make(CONTENTS, signer, reader.kid, reader=reader.cose_key), reader)
    grouped, _ = open_grouped(courier.make(CONTENTS, signer, courier.group.kid, group=courier.group.kid), courier.group)

    numbers = [open_signed(each, signer).number for each in (sealed, grouped)] + [made(courier, signer).number]

    assert len(set(numbers)) == 3


@pytest.mark.requirement("OBJ-290")
def test_key_that_is_given_again_goes_on(courier: Courier) -> None:
    """Whoever sets the device up a second time does not set its counter back."""
    first = made(courier, courier.signer).number
    courier.introduce()

    assert made(courier, courier.signer).number > first


@pytest.mark.requirement("OBJ-290")
def test_key_of_two_names_counts_once(courier: Courier) -> None:
    """A recipient that knows the key by both names, and keeps one window for it, would refuse half of what comes."""
    alias = Key(b"alias", courier.signer.curve, courier.signer.private)
    courier.control.provision_objects(own=[alias.own()])

    numbers = [made(courier, signer).number for signer in (courier.signer, alias, courier.signer, alias)]

    assert len(set(numbers)) == 4


@pytest.mark.requirement("OBJ-300")
@pytest.mark.parametrize("curve", [Curve.P256, Curve.X25519])
def test_sealed_objects_share_no_key(courier: Courier, curve: Curve) -> None:
    """One key and one nonce for two objects: whoever has both has what tells them apart, and soon can write a third."""
    reader = reader_of(courier, courier.signer, curve)

    opened = [
        open_sealed(courier.make(CONTENTS, courier.signer, reader.kid, reader=reader.cose_key), reader)
        for _ in range(4)
    ]

    assert len({nonce for _, nonce, _ in opened}) == 4
    assert len({ephemeral[-2] for _, _, ephemeral in opened}) == 4
    own = (courier.signer, courier.reader, courier.other_reader, reader)
    assert not {ephemeral[-2] for _, _, ephemeral in opened} & {key.public.x for key in own}


@pytest.mark.requirement("OBJ-360")
@pytest.mark.parametrize("name", ["group", "gcm_group", "chacha_group"])
def test_nonces_of_a_group_do_not_return(courier: Courier, name: str) -> None:
    """Two objects under one nonce give away what tells them apart and, with GCM, the key that authenticates."""
    group = getattr(courier, name)
    nonces = []
    for lives in range(3):
        if lives:
            courier.control.reboot()
        for _ in range(3):
            data = courier.make(CONTENTS, courier.signer, group.kid, group=group.kid)
            nonces.append(open_grouped(data, group)[1])

    assert len(set(nonces)) == len(nonces)
