"""Status lists in the Test Interface: what a target is given for them, and what it makes of a wrong gift."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.bearer import Bearer
from picosec_conformance.control import Control
from picosec_conformance.keeper import Keeper
from picosec_conformance.objects import NOW, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import URI
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "identity.status")

ISSUER: dict[int, Any] = {1: b"\x31", 2: Key(b"", Curve.P256, bytes(range(1, 33))).cose_key, 3: URI}


def provision(target: Target, value: Any) -> Message:
    """Return the answer to a provisioning."""
    return target.request(Code.POST, "/ps/test/provision", dumps(value), content_format=CONTENT_FORMAT_CBOR)


def without(entry: dict[int, Any], label: int) -> dict[int, Any]:
    """Return an entry that lacks one member."""
    return {key: value for key, value in entry.items() if key != label}


GIFTS: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {99: 0},
    "issuers-as-map": {1: ISSUER},
    "issuer-as-text": {1: ["keeper"]},
    "grace-as-text": {2: "a week"},
    "grace-as-float": {2: 1.5},
    "grace-below-zero": {2: -1},
    "grace-as-true": {2: True},
    **{f"issuer-without-{label}": {1: [without(ISSUER, label)]} for label in ISSUER},
    **{f"issuer-of-another-type-{label}": {1: [{**ISSUER, label: 7}]} for label in ISSUER},
    "issuer-with-more": {1: [{**ISSUER, 4: 0}]},
    "empty-kid": {1: [{**ISSUER, 1: b""}]},
    "long-kid": {1: [{**ISSUER, 1: bytes(33)}]},
    "empty-name": {1: [{**ISSUER, 3: ""}]},
    "long-name": {1: [{**ISSUER, 3: "x" * 256}]},
    "key-that-agrees": {1: [{**ISSUER, 2: Key(b"", Curve.X25519, bytes(32)).cose_key}]},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("gift", GIFTS)
def test_issuers_outside_the_grammar_are_refused(target: Target, control: Control, gift: str) -> None:
    """A suite with a slip of the pen would otherwise judge a target that it never set up."""
    with target.expect_unchanged():
        reply = provision(target, {6: GIFTS[gift]})
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-040")
def test_issuers_are_given_all_or_none(target: Target, control: Control) -> None:
    """The first is good and the second is not; or all of them are, and something else is not."""
    for gift in (
        {6: {1: [ISSUER, {1: b"\x02"}]}},
        {6: {1: [ISSUER], 2: "a week"}},
        {6: {1: [ISSUER]}, 3: [{1: b"\x03"}]},
        {6: {1: [ISSUER]}, 5: {4: "now"}},
    ):
        with target.expect_unchanged():
            target.expect_refusal(provision(target, gift), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-400")
def test_digest_covers_all_that_is_given_for_status_lists(target: Target, control: Control) -> None:
    """An issuer more, or an issuer of another value, or another grace: each time it is another state."""
    other = Key(b"", Curve.ED25519, bytes(32)).cose_key
    gifts: tuple[dict[str, Any], ...] = (
        {"issuers": [ISSUER]},
        {"issuers": [{**ISSUER, 2: other}]},
        {"issuers": [{**ISSUER, 1: b"\x32"}]},
        {"issuers": [{**ISSUER, 3: "urn:another-list"}]},
        {"grace": 0},
        {"grace": 1},
    )
    digests = [control.state()[0]]
    for gift in gifts:
        control.provision_status(**gift)
        digests.append(control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-400")
def test_digest_covers_which_lists_were_taken(keeper: Keeper) -> None:
    """A list that is replaced by another is another state, also when both say the same of everybody."""
    digests = [keeper.control.state()[0]]
    for entries, issued in (({}, NOW), ({}, NOW + 1), ({3: 1}, NOW + 2)):
        keeper.takes(keeper.token(entries, issued=issued).close())
        digests.append(keeper.control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-100")
def test_factory_reset_forgets_status_lists(keeper: Keeper) -> None:
    """What the first owner took back, and whom he believed, is nothing to the second."""
    keeper.takes(keeper.revoking().close())
    before = keeper.token().close()

    keeper.control.reset()
    blank = keeper.control.state()
    keeper.refuses(before, Problem.UNKNOWN_CREDENTIAL)
    keeper.control.reset()
    assert keeper.control.state() == blank

    keeper.introduce()
    keeper.takes(before)
    assert Bearer(keeper).accepted


@pytest.mark.requirement("CNF-130")
def test_reboot_keeps_what_was_given_for_status_lists(keeper: Keeper) -> None:
    """Issuers, grace and date are as they were before the power cut."""
    keeper.introduce(grace=60)
    before = keeper.control.state()[0]

    keeper.control.reboot()

    assert keeper.control.state()[0] == before
    keeper.takes(keeper.token().close())
