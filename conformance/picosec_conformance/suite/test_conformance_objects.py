"""Objects in the Test Interface: what a target is given for them, and what it makes of a wrong gift."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier
from picosec_conformance.objects import APPLICATION, CCM_16, NOW, PLATFORM, Group, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "objects.recipient")

OWN: dict[int, Any] = {1: b"\x01", 2: 6, 3: bytes(range(32)), 4: PLATFORM}
POINT = Key(b"", Curve.X25519, bytes(range(32))).cose_key
SENDER: dict[int, Any] = {1: b"\x01", 2: Key(b"", Curve.ED25519, bytes(range(32))).cose_key, 4: PLATFORM}
GROUP: dict[int, Any] = {1: b"\x01", 2: bytes(16), 3: 1, 4: PLATFORM}
ACT: dict[int, Any] = {1: b"\x13", 2: b"\x99", 3: 60, 4: b"\xf5", 5: PLATFORM}


def post(target: Target, name: str, value: Any) -> Message:
    """Return the answer of a resource of the Test Interface."""
    return target.request(Code.POST, f"/ps/test/{name}", dumps(value), content_format=CONTENT_FORMAT_CBOR)


def without(entry: dict[int, Any], label: int) -> dict[int, Any]:
    """Return an entry that lacks one member."""
    return {key: value for key, value in entry.items() if key != label}


GIFTS: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {99: 0},
    "own-as-map": {1: OWN},
    "own-as-text": {1: ["key"]},
    "senders-as-number": {2: 1},
    "groups-as-bytes": {3: b"\x01"},
    "date-as-text": {4: "2027-01-15"},
    "date-as-float": {4: 1.5},
    "date-below-zero": {4: -1},
    "date-as-true": {4: True},
    **{f"own-without-{label}": {1: [without(OWN, label)]} for label in OWN},
    **{f"sender-without-{label}": {2: [without(SENDER, label)]} for label in SENDER},
    **{f"group-without-{label}": {3: [without(GROUP, label)]} for label in GROUP},
    **{f"own-of-another-type-{label}": {1: [{**OWN, label: "x"}]} for label in OWN},
    **{f"sender-of-another-type-{label}": {2: [{**SENDER, label: "x"}]} for label in SENDER},
    **{f"group-of-another-type-{label}": {3: [{**GROUP, label: "x"}]} for label in GROUP},
    **{f"own-kid-of-{size}": {1: [{**OWN, 1: bytes(size)}]} for size in (0, 33)},
    **{f"sender-kid-of-{size}": {2: [{**SENDER, 1: bytes(size)}]} for size in (0, 33)},
    **{f"group-kid-of-{size}": {3: [{**GROUP, 1: bytes(size)}]} for size in (0, 33)},
    **{f"group-key-of-{size}": {3: [{**GROUP, 2: bytes(size)}]} for size in (0, 15, 17, 32)},
    "sender-key-of-nothing": {2: [{**SENDER, 2: {}}]},
    "sender-key-on-ed448": {2: [{**SENDER, 2: {1: 1, -1: 7, -2: bytes(57)}}]},
    "sender-key-with-more": {2: [{**SENDER, 2: {**SENDER[2], 3: -8}}]},
    "own-with-more": {1: [{**OWN, 5: 0}]},
    "sender-with-more": {2: [{**SENDER, 3: 0}]},
    "group-with-more": {3: [{**GROUP, 5: 0}]},
    "curve-2": {1: [{**OWN, 2: 2}]},
    "curve-as-true": {1: [{**OWN, 2: True}]},
    "purpose-0": {1: [{**OWN, 4: 0}]},
    "purpose-as-float": {2: [{**SENDER, 4: float(PLATFORM) + 0.5}]},
    "purpose-60": {3: [{**GROUP, 4: 60}]},
    "short-tags": {3: [{**GROUP, 3: 10}]},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("gift", GIFTS)
def test_keys_outside_the_grammar_are_refused(target: Target, control: Control, gift: str) -> None:
    """A suite with a slip of the pen would otherwise judge a target that it never set up."""
    with target.expect_unchanged():
        reply = post(target, "provision", {5: GIFTS[gift]})
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


ACTS: dict[str, Any] = {
    **{f"without-{label}": without(ACT, label) for label in ACT},
    **{f"another-type-{label}": {**ACT, label: [label]} for label in ACT},
    "end-as-text": {**ACT, 6: "tomorrow"},
    "end-below-zero": {**ACT, 6: -1},
    "reader-as-bytes": {**ACT, 7: b"\x01"},
    "group-as-text": {**ACT, 8: "group"},
    "reader-and-group": {**ACT, 7: POINT, 8: b"\x21"},
    **{f"signer-of-{size}": {**ACT, 1: bytes(size)} for size in (0, 33)},
    **{f"recipient-of-{size}": {**ACT, 2: bytes(size)} for size in (0, 33)},
    **{f"group-of-{size}": {**ACT, 8: bytes(size)} for size in (0, 33)},
    "format-65536": {**ACT, 3: 65536},
    "format-below-zero": {**ACT, 3: -1},
    "purpose-60": {**ACT, 5: 60},
    "unknown-key": {**ACT, 99: 0},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.needs("objects.sender")
@pytest.mark.parametrize("act", ACTS)
def test_act_outside_the_grammar_is_refused(courier: Courier, act: str) -> None:
    """Nothing is made, and no number is used up."""
    with courier.target.expect_unchanged():
        reply = post(courier.target, "act", ["object", ACTS[act]])
        courier.target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)
    assert courier.control.events() == []


@pytest.mark.requirement("CNF-040")
@pytest.mark.needs("objects.sender")
@pytest.mark.parametrize("what", ["signer", "cannot-sign", "group", "other-group", "reader-cannot-read", "no-point"])
def test_object_that_cannot_be_made_is_refused(courier: Courier, what: str) -> None:
    """Whoever is asked for what cannot be done says so, makes nothing, and lives."""
    signing = Key(b"", Curve.ED25519, bytes(range(32))).cose_key
    fields = {
        "signer": {**ACT, 1: b"\x99"},
        "cannot-sign": {**ACT, 1: courier.other_reader.kid},
        "group": {**ACT, 8: b"\x99"},
        "other-group": {**ACT, 8: courier.app_group.kid},
        "reader-cannot-read": {**ACT, 7: signing},
        "no-point": {**ACT, 7: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}},
    }[what]

    with courier.target.expect_unchanged():
        assert post(courier.target, "act", ["object", fields]).code >> 5 == 4
    assert courier.control.events() == []


@pytest.mark.requirement("CNF-040")
@pytest.mark.parametrize("part", [1, 2, 3])
def test_keys_are_given_all_or_none(target: Target, control: Control, part: int) -> None:
    """The first entry is good and the second is not; or all of them are, and something else is not."""
    good: dict[int, list[dict[int, Any]]] = {1: [OWN], 2: [SENDER], 3: [GROUP]}
    gifts: tuple[dict[int, Any], ...] = (
        {5: {**good, part: [*good[part], {1: b"\x02"}]}},
        {5: {part: good[part], 4: "now"}},
        {5: good, 3: [{1: b"\x03"}]},
        {5: good, 1: [{1: "kid"}]},
    )
    for gift in gifts:
        with target.expect_unchanged():
            target.expect_refusal(post(target, "provision", gift), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-400")
def test_digest_covers_all_that_is_given_for_objects(target: Target, control: Control, rng: random.Random) -> None:
    """Each list has an entry more, or an entry of another value, and each time it is another state."""
    first, second = (Key(b"\x01", Curve.ED25519, rng.randbytes(32)) for _ in range(2))
    gifts: tuple[dict[str, Any], ...] = (
        {"own": [first.own()]},
        {"own": [second.own()]},
        {"own": [Key(b"\x01", Curve.ED25519, second.private, APPLICATION).own()]},
        {"own": [Key(b"\x02", Curve.ED25519, second.private).own()]},
        {"senders": [first.sender()]},
        {"senders": [second.sender()]},
        {"senders": [Key(b"\x01", Curve.ED25519, second.private, APPLICATION).sender()]},
        {"senders": [Key(b"\x02", Curve.ED25519, second.private).sender()]},
        {"groups": [Group(b"\x01", bytes(16), CCM_16).entry()]},
        {"groups": [Group(b"\x01", b"\x01" * 16, CCM_16).entry()]},
        {"groups": [Group(b"\x01", b"\x01" * 16, 1).entry()]},
        {"groups": [Group(b"\x01", b"\x01" * 16, 1, APPLICATION).entry()]},
        {"groups": [Group(b"\x02", b"\x01" * 16, CCM_16).entry()]},
        {"date": NOW},
        {"date": NOW + 1},
    )
    digests = [control.state()[0]]
    for gift in gifts:
        control.provision_objects(**gift)
        digests.append(control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-400")
def test_digest_covers_which_objects_were_taken(courier: Courier) -> None:
    """What an object asked for changes nothing here; that it was taken does, for each sender."""
    digests = [courier.control.state()[0]]
    for sender, number in ((courier.sender, 5), (courier.sender, 3), (courier.app, 5), (courier.other_sender, 70)):
        nothing = dumps([int(Code.GET), courier.target.manifest.resources.get, None, b""])
        courier.takes(courier.signed(nothing, sender=sender, number=number).close())
        digests.append(courier.control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-100")
def test_factory_reset_forgets_objects(target: Target, control: Control, rng: random.Random) -> None:
    """Keys, date and windows: what the first owner's senders said must not count for the second owner."""
    blank = control.state()
    courier = Courier(target, control, rng)
    data = courier.signed().close()
    courier.takes(data)

    control.reset()

    assert control.state() == blank
    courier.refuses(data, Problem.UNKNOWN_CREDENTIAL)
    courier.introduce()
    courier.takes(data)


@pytest.mark.requirement("CNF-130")
@pytest.mark.needs("objects.sender")
def test_reboot_keeps_what_was_given_for_objects(courier: Courier) -> None:
    """Every key works after a power cut as it did before."""
    before = courier.control.state()[0]

    courier.control.reboot()

    assert courier.control.state()[0] == before
    courier.takes(courier.signed().close())
    courier.takes(courier.sealed(courier.app_reader).close(courier.signed(sender=courier.app).close()))
    courier.takes(courier.grouped().close(courier.signed(recipient=courier.group.kid).close()))
    assert courier.make(b"\xf5", courier.signer, b"\x99")
