"""Credentials of zones in the Test Interface: what a target is given for them, and what it makes of a wrong gift."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.control import Control
from picosec_conformance.credentials import CONFIRMATION, DEPTH, ENDS, chain, holder_key, scope
from picosec_conformance.objects import NOW, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target
from picosec_conformance.zone import Zone

pytestmark = pytest.mark.needs(CONTROL, "identity.credentials")

ZONE = bytes(range(32))
ANCHOR: dict[int, Any] = {1: b"\x31", 2: Key(b"", Curve.P256, bytes(range(1, 33))).cose_key, 3: ZONE}


def provision(target: Target, value: Any) -> Message:
    """Return the answer to a provisioning."""
    return target.request(Code.POST, "/ps/test/provision", dumps(value), content_format=CONTENT_FORMAT_CBOR)


def without(entry: dict[int, Any], label: int) -> dict[int, Any]:
    """Return an entry that lacks one member."""
    return {key: value for key, value in entry.items() if key != label}


GIFTS: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {99: 0},
    "anchors-as-map": {1: ANCHOR},
    "anchor-as-text": {1: ["anchor"]},
    **{f"anchor-without-{label}": {1: [without(ANCHOR, label)]} for label in ANCHOR},
    **{f"anchor-of-another-type-{label}": {1: [{**ANCHOR, label: 7}]} for label in (*ANCHOR, 4)},
    "anchor-with-more": {1: [{**ANCHOR, 5: 0}]},
    "empty-kid": {1: [{**ANCHOR, 1: b""}]},
    "long-kid": {1: [{**ANCHOR, 1: bytes(33)}]},
    "short-zone": {1: [{**ANCHOR, 3: bytes(31)}]},
    "long-zone": {1: [{**ANCHOR, 3: bytes(33)}]},
    "scope-of-nothing": {1: [{**ANCHOR, 4: b"\x80"}]},
    "scope-of-no-cbor": {1: [{**ANCHOR, 4: b""}]},
    "scope-not-in-order": {1: [{**ANCHOR, 4: scope(("/b", 1), ("/a", 1))}]},
    "key-that-agrees": {1: [{**ANCHOR, 2: Key(b"", Curve.X25519, bytes(32)).cose_key}]},
    "own-as-list": {2: []},
    "own-without-all": {2: {}},
}

OWN: dict[str, Any] = {
    "no-chain": {1: None},
    "no-key": {2: None},
    "chain-as-list": {1: []},
    "empty-chain": {1: b"\x80"},
    "chain-and-more": {1: lambda data: data + b"\x00"},
    "short-key": {2: bytes(31)},
    "zero-key": {2: bytes(32)},
    "another-key": {2: bytes(31) + b"\x01"},
    "usage-2": {3: 2},
    "usage-as-true": {3: True},
    "kind-kccs": {4: "kccs"},
    "kind-as-number": {4: 4},
    "with-more": {5: 0},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("gift", GIFTS)
def test_anchors_outside_the_grammar_are_refused(target: Target, control: Control, gift: str) -> None:
    """A suite with a slip of the pen would otherwise judge a target that it never set up."""
    with target.expect_unchanged():
        reply = provision(target, {8: GIFTS[gift]})
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("case", OWN)
def test_own_chain_outside_the_grammar_is_refused(target: Target, zone: Zone, case: str) -> None:
    """A key that is not that of the last credential, or a chain that is none."""
    link = zone.link("lamp")
    good: dict[int, Any] = {1: chain(link), 2: link.holder.private}
    for label, value in OWN[case].items():
        good[label] = value(good[label]) if callable(value) else value
    own = {label: value for label, value in good.items() if value is not None}
    with target.expect_unchanged():
        reply = provision(target, {8: {2: own}})
        problem = Problem.BAD_KEY if case in ("short-key", "zero-key") else Problem.BAD_REQUEST
        assert reply.code == Code.BAD_REQUEST
        assert target.has_problem(reply, problem)


@pytest.mark.requirement("CNF-030")
def test_chain_of_two_is_not_shown_by_value(target: Target, zone: Zone) -> None:
    """EDHOC carries one credential."""
    ann = zone.link(claims={DEPTH: 1})
    lamp = zone.link("lamp", "ann")
    with target.expect_unchanged():
        reply = provision(target, {8: {2: {1: chain(ann, lamp), 2: lamp.holder.private, 4: "kcwt"}}})
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-040")
def test_anchors_are_given_all_or_none(target: Target, control: Control) -> None:
    """The first is good and the second is not; or all of them are, and something else is not."""
    for gift in (
        {8: {1: [ANCHOR, {1: b"\x02"}]}},
        {8: {1: [ANCHOR], 2: {}}},
        {8: {1: [ANCHOR]}, 3: [{1: b"\x03"}]},
        {8: {1: [ANCHOR]}, 5: {4: "now"}},
    ):
        with target.expect_unchanged():
            target.expect_refusal(provision(target, gift), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-400")
def test_digest_covers_all_that_is_given_for_credentials(target: Target, zone: Zone, control: Control) -> None:
    """An anchor more, or one of another value, a chain that is held, or one of its own: each time another state."""
    other = Key(b"", Curve.ED25519, bytes(32)).cose_key
    digests = [control.state()[0]]
    for change in ({}, {2: other}, {1: b"\x32"}, {3: bytes(32)}, {4: scope(("/a", 1))}, {4: scope(("/a", 3))}):
        control.provision_credentials(anchors=[{**ANCHOR, **change}])
        digests.append(control.state()[0])
    for link in (zone.link(), zone.link("bob"), zone.link(claims={ENDS: NOW + 5})):
        zone.takes(link)
        digests.append(control.state()[0])
    lamp = zone.key("lamp")
    for link in (zone.link(lamp), zone.link(lamp, claims={ENDS: NOW + 5})):
        for kind in ("kcwt", "kid"):
            zone.give(lamp, link, kind=kind)
            digests.append(control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-100")
def test_factory_reset_forgets_credentials(zone: Zone, control: Control) -> None:
    """Whom the first owner let in is nobody to the second."""
    control.reset()
    blank = control.state()
    zone.introduce()
    links = zone.three()
    data = chain(*links)
    zone.takes(*links)
    zone.give(zone.key("lamp"), zone.link("lamp"))

    control.reset()

    assert control.state() == blank
    zone.refuses(data, Problem.UNKNOWN_CREDENTIAL)
    zone.introduce()
    assert not zone.known(links[-1])


@pytest.mark.requirement("CNF-130")
def test_reboot_keeps_what_was_given_for_credentials(zone: Zone, control: Control) -> None:
    """Anchors, the chains that are held, and its own are as they were before the power cut."""
    zone.takes(*zone.three())
    zone.give(zone.key("lamp"), zone.link("lamp"))
    before = control.state()[0]

    control.reboot()

    assert control.state()[0] == before
    zone.takes(zone.link("bob"))


@pytest.mark.requirement("CNF-030")
def test_act_without_a_chain_is_refused(target: Target, control: Control) -> None:
    """There is nothing to hand over; and what there is needs no parameters."""
    for parameters in ({}, {1: b""}):
        with target.expect_unchanged():
            reply = target.request(
                Code.POST, "/ps/test/act", dumps(["present", parameters]), content_format=CONTENT_FORMAT_CBOR
            )
            target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-040")
def test_own_chain_of_a_key_that_signs(zone: Zone, control: Control) -> None:
    """What the key is for is said when it is given."""
    lamp = zone.new_key(b"lamp", Curve.ED25519)
    link = zone.link(lamp)
    link.claims[CONFIRMATION] = {1: holder_key(lamp, alg=-8)}
    before = control.state()[0]

    control.provision_credentials(own={1: chain(link), 2: lamp.private, 3: 1})

    assert control.state()[0] != before
