"""Endorsements in the Test Interface: what a target is given for them, and what it makes of a wrong gift."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.control import Control
from picosec_conformance.endorsing import Endorsers
from picosec_conformance.objects import NOW, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "identity.endorsements")

ENDORSER: dict[int, Any] = {1: b"\x51", 2: Key(b"", Curve.P256, bytes(range(1, 33))).cose_key}


def provision(target: Target, value: Any) -> Message:
    """Return the answer to a provisioning."""
    return target.request(Code.POST, "/ps/test/provision", dumps(value), content_format=CONTENT_FORMAT_CBOR)


GIFTS: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {99: 0},
    "endorsers-as-map": {1: ENDORSER},
    "endorser-as-text": {1: ["house"]},
    "endorser-without-kid": {1: [{2: ENDORSER[2]}]},
    "endorser-without-key": {1: [{1: b"\x51"}]},
    "endorser-with-more": {1: [{**ENDORSER, 3: 0}]},
    "empty-kid": {1: [{**ENDORSER, 1: b""}]},
    "long-kid": {1: [{**ENDORSER, 1: bytes(33)}]},
    "key-that-agrees": {1: [{**ENDORSER, 2: Key(b"", Curve.X25519, bytes(32)).cose_key}]},
    "needed-as-text": {2: "house"},
    "needed-text": {2: ["house"]},
    "needed-empty": {2: [b""]},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize("gift", GIFTS)
def test_endorsers_outside_the_grammar_are_refused(target: Target, control: Control, gift: str) -> None:
    """A suite with a slip of the pen would otherwise judge a target that it never set up."""
    with target.expect_unchanged():
        reply = provision(target, {9: GIFTS[gift]})
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-040")
def test_endorsers_are_given_all_or_none(target: Target, control: Control) -> None:
    """The first is good and the second is not; or all of them are, and something else is not."""
    for gift in (
        {9: {1: [ENDORSER, {1: b"\x02"}]}},
        {9: {1: [ENDORSER], 2: "house"}},
        {9: {1: [ENDORSER], 2: [b"\x51"]}, 3: [{1: b"\x03"}]},
    ):
        with target.expect_unchanged():
            target.expect_refusal(provision(target, gift), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-400")
def test_digest_covers_all_that_is_given_for_endorsements(target: Target, control: Control) -> None:
    """An endorser more, or one with another key, or another need: each time it is another state."""
    other = Key(b"", Curve.ED25519, bytes(32)).cose_key
    gifts: tuple[dict[str, Any], ...] = (
        {"endorsers": [ENDORSER]},
        {"endorsers": [{**ENDORSER, 2: other}]},
        {"endorsers": [{**ENDORSER, 1: b"\x52"}]},
        {"required": [b"\x51"]},
        {"required": [b"\x51", b"\x52"]},
        {"required": []},
    )
    digests = [control.state()[0]]
    for gift in gifts[:-1]:
        control.provision_endorsements(**gift)
        digests.append(control.state()[0])
    assert len(set(digests)) == len(digests)

    control.provision_endorsements(**gifts[-1])
    assert control.state()[0] == digests[3]


@pytest.mark.requirement("CNF-400")
def test_digest_covers_which_endorsements_were_taken(endorsers: Endorsers) -> None:
    """A word more, and a newer one that says the same."""
    digests = [endorsers.control.state()[0]]
    for issued in (NOW, NOW + 1):
        endorsers.takes(endorsers.word(issued=issued).close())
        digests.append(endorsers.control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-100")
def test_factory_reset_forgets_endorsements(endorsers: Endorsers) -> None:
    """Whose word counted for the first owner is nothing to the second."""
    data = endorsers.word().close()
    endorsers.takes(data)

    endorsers.control.reset()
    blank = endorsers.control.state()
    endorsers.refuses(data, Problem.UNKNOWN_CREDENTIAL)
    endorsers.introduce(endorsers.house)
    endorsers.control.reset()

    assert endorsers.control.state() == blank


@pytest.mark.requirement("CNF-130")
def test_reboot_keeps_what_was_given_for_endorsements(endorsers: Endorsers) -> None:
    """Endorsers, and whose word peers need, are as they were before the power cut."""
    before = endorsers.control.state()[0]

    endorsers.control.reboot()

    assert endorsers.control.state()[0] == before
    assert not endorsers.accepted
    endorsers.takes(endorsers.word().close())
    assert endorsers.accepted
