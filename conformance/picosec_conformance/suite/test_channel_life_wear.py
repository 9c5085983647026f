"""New keys in time, by what a channel went through: what failed counts, not only what was protected."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.renewal import Offer
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.lives import PATH, Renewing, works
from picosec_conformance.protection import TargetAsClient, again, read
from picosec_conformance.target import Target

pytestmark = [pytest.mark.needs("channel.edhoc.responder", "channel.oscore.server", "channel.oscore.client")]

#: Failures that a Recipient Key bears with the AEAD of all suites that the test may meet.
FAILURES = 2**14
#: Forgeries that are sent before their answers are awaited, and after which the record begins anew.
BURST, BATCH = 32, 1024


def forge(target: Target, channel: Channel, times: int) -> None:
    """Send forgeries, each of which fails to decrypt."""
    forged = replace(channel.protect(read(target)), payload=bytes(40))
    for begun in range(0, times, BURST):
        if begun % BATCH == 0:
            target.record_from_here()  # it is kept for what went wrong last
        burst = [again(target, forged) for _ in range(min(BURST, times - begun))]
        for request in burst:
            target.send(request)
        for request in burst:
            target.expect_refusal(target.response_to(request), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-1410")
def test_renewal_begins_at_three_quarters_of_the_failures(target: Target, control: Control, rng: random.Random) -> None:
    """Somebody guesses tags, patiently: before the key is given up, and the channel with it, there is a new one."""
    ends = Renewing(target, meet(target, rng), rng)
    forge(target, ends.channel, FAILURES * 3 // 4 - 1)
    assert works(target, ends.channel)
    assert target.until_probe_answered() == []

    forge(target, ends.channel, 1)
    assert works(target, ends.channel)

    client = TargetAsClient(target, control, ends.channel.context)
    offer, _ = client.opened(client.receive())
    assert (offer.code, offer.path) == (Code.POST, PATH)
    Offer.decode(offer.payload)
