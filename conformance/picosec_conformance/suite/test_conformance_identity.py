"""Identities in the Test Interface: what a target is given for them, and what it makes of a wrong gift."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.acquaintance import own_identity
from picosec_conformance.control import Control
from picosec_conformance.histories import new_key, thumbprint
from picosec_conformance.objects import Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "identity.history")

KEY = Key(b"", Curve.ED25519, bytes(range(32)))
OWN: dict[int, Any] = {1: 6, 2: KEY.private, 3: bytes(32)}


def post(target: Target, name: str, value: Any) -> Message:
    """Return the answer of a resource of the Test Interface."""
    return target.request(Code.POST, f"/ps/test/{name}", dumps(value), content_format=CONTENT_FORMAT_CBOR)


def without(entry: dict[int, Any], label: int) -> dict[int, Any]:
    """Return an entry that lacks one member."""
    return {key: value for key, value in entry.items() if key != label}


KEYS: dict[str, Any] = {
    **{f"without-{label}": without(OWN, label) for label in OWN},
    **{f"another-type-{label}": {**OWN, label: "x"} for label in OWN},
    "with-more": {**OWN, 4: 0},
    "curve-4": {**OWN, 1: 4},
    "curve-as-true": {**OWN, 1: True},
    "hash-cut": {**OWN, 3: bytes(31)},
}
GIFTS: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {3: 0},
    "own-as-array": {1: [OWN]},
    "trusted-as-bytes": {2: bytes(32)},
    "trusted-as-text": {2: ["lamp"]},
    "trusted-cut": {2: [bytes(8)]},
    "trusted-cut-behind-a-good-one": {1: OWN, 2: [bytes(32), bytes(33)]},
    "commits-to-itself": {1: {**OWN, 3: thumbprint(KEY)}},
    **{f"own-{name}": {1: entry} for name, entry in KEYS.items()},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("gift", GIFTS)
def test_identity_outside_the_grammar_is_refused(target: Target, control: Control, gift: str) -> None:
    """A suite with a slip of the pen would otherwise judge a target that it never set up."""
    with target.expect_unchanged():
        reply = post(target, "provision", {7: GIFTS[gift]})
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("act", ["rotate", *KEYS])
def test_change_outside_the_grammar_is_refused(target: Target, control: Control, rng: random.Random, act: str) -> None:
    """The identity stays as it is, and nothing is reported."""
    control.provision_identity(own=own_identity(new_key(rng), thumbprint(KEY)))
    demand = ["rotate", {1: 6}] if act == "rotate" else ["recover", KEYS[act]]
    with target.expect_unchanged():
        target.expect_refusal(post(target, "act", demand), Code.BAD_REQUEST, Problem.BAD_REQUEST)
    assert control.events() == []


@pytest.mark.requirement("CNF-400")
def test_digest_covers_identities(target: Target, control: Control, rng: random.Random) -> None:
    """A history that was taken, and a key that was replaced, would otherwise not show as a change."""
    digests = [control.state()[0]]
    control.provision_identity(trusted=[rng.randbytes(32)])
    digests.append(control.state()[0])
    control.provision_identity(own=own_identity(new_key(rng), thumbprint(KEY)))
    digests.append(control.state()[0])
    control.change_identity("rotate")
    digests.append(control.state()[0])

    assert len(set(digests)) == len(digests)
