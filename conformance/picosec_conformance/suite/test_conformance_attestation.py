"""Attestation in the Test Interface: what a target is given for it, and what it makes of a wrong gift."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.attestation import attester_of, new_key, own_attester
from picosec_conformance.control import Control
from picosec_conformance.objects import Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "identity.attester", "identity.verifier")

KEY = Key(b"attest", Curve.ED25519, bytes(range(32)))
OWN = own_attester(KEY)
KNOWN = attester_of(KEY)
HASH = bytes(32)


def without(entry: dict[int, Any], label: int) -> dict[int, Any]:
    """Return an entry that lacks one member."""
    return {key: value for key, value in entry.items() if key != label}


OWNS: dict[str, Any] = {
    **{f"without-{label}": without(OWN, label) for label in OWN},
    **{f"another-type-{label}": {**OWN, label: "x"} for label in OWN},
    "with-more": {**OWN, 8: 0},
    "no-maker": {**OWN, 5: 3},
    "maker-cut": {**OWN, 7: bytes(15)},
    "maker-below-zero": {**OWN, 5: 3, 7: -1},
    "maker-as-null": {**OWN, 7: None},
    "curve-4": {**OWN, 2: 4},
    "kid-empty": {**OWN, 1: b""},
    "ueid-short": {**OWN, 4: bytes(6)},
    "ueid-long": {**OWN, 4: bytes(34)},
    "debug-5": {**OWN, 5: 5},
    "debug-as-true": {**OWN, 5: True},
    "no-software": {**OWN, 6: {}},
    "nine-pieces": {**OWN, 6: {str(number): HASH for number in range(9)}},
    "nameless": {**OWN, 6: {"": HASH}},
    "long-name": {**OWN, 6: {"x" * 33: HASH}},
    "name-as-bytes": {**OWN, 6: {b"a": HASH}},
    "hash-cut": {**OWN, 6: {"a": bytes(31)}},
}
POLICIES: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {4: 0},
    "debug-5": {1: 5},
    "debug-as-text": {1: "disabled"},
    "no-software": {2: {}},
    "nameless": {2: {"": [HASH]}},
    "no-hashes": {2: {"a": []}},
    "hash-alone": {2: {"a": HASH}},
    "hash-cut": {2: {"a": [HASH, bytes(31)]}},
    "count-below-zero": {3: -1},
}
GIFTS: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {3: 0},
    "own-as-array": {1: [OWN]},
    "attesters-as-map": {2: KNOWN},
    **{f"own-{name}": {1: entry} for name, entry in OWNS.items()},
    **{f"attester-without-{label}": {2: [without(KNOWN, label)]} for label in (1, 2, 3)},
    "attester-with-more": {2: [{**KNOWN, 5: 0}]},
    "attester-of-half-a-key": {2: [{**KNOWN, 2: {1: 2, -1: 1, -2: HASH}}]},
    "attester-of-x25519": {2: [{**KNOWN, 2: {1: 1, -1: 4, -2: HASH}}]},
    "attester-without-a-name": {2: [{**KNOWN, 3: b""}]},
    "second-attester": {1: OWN, 2: [KNOWN, without(KNOWN, 3)]},
    **{f"policy-{name}": {2: [{**KNOWN, 4: policy}]} for name, policy in POLICIES.items()},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("gift", GIFTS)
def test_attestation_outside_the_grammar_is_refused(target: Target, control: Control, gift: str) -> None:
    """A suite with a slip of the pen would otherwise judge a target that it never set up."""
    with target.expect_unchanged():
        reply = target.request(
            Code.POST, "/ps/test/provision", dumps({10: GIFTS[gift]}), content_format=CONTENT_FORMAT_CBOR
        )
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize(
    "act",
    [
        ["appraise", {}],
        ["appraise", {1: "x"}],
        ["appraise", {1: b"", 2: 0}],
        ["appraise", {1: b"no-such"}],
        ["tamper", {}],
        ["tamper", {1: 5}],
        ["tamper", {1: True}],
        ["tamper", {1: 1, 2: 0}],
    ],
    ids=str,
)
def test_acts_outside_the_grammar_are_refused(target: Target, control: Control, act: list[Any]) -> None:
    """Nothing is asked, and nothing is noticed."""
    with target.expect_unchanged():
        reply = target.request(Code.POST, "/ps/test/act", dumps(act), content_format=CONTENT_FORMAT_CBOR)
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)
    assert control.events() == []


@pytest.mark.requirement("CNF-400")
@pytest.mark.needs("identity.tamper")
def test_digest_covers_attestation(target: Target, control: Control, rng: random.Random) -> None:
    """A key, an attester, what is accepted of it, and what a sensor noticed would otherwise not show as a change."""
    digests = [control.state()[0]]

    def note() -> None:
        digests.append(control.state()[0])

    for own in (own_attester(KEY), own_attester(KEY, debug=0), own_attester(new_key(rng))):
        control.provision_attestation(own=own)
        note()
    for known in (KNOWN, attester_of(KEY, debug=2), attester_of(KEY, software={"a": [HASH]}), attester_of(KEY, HASH)):
        control.provision_attestation(attesters=[known])
        note()
    for _ in range(2):
        control.act("tamper", {1: 1})
        note()

    assert len(set(digests)) == len(digests)
