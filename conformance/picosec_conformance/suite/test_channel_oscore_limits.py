"""How often a key may be used, algorithm by algorithm, and where the replay window of a new channel begins."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import again, expect_refusal, fresh_context, read, set_up
from picosec_conformance.target import Target

#: COSE algorithm, how many messages a Sender Key may protect, and how many may fail with a Recipient Key.
LIMITS = [
    pytest.param(10, 2**20, 2**14, id="aes-ccm-16-64-128"),
    pytest.param(30, 2**20, 2**20, id="aes-ccm-16-128-128"),
    pytest.param(1, 2**20, 2**20, id="a128gcm"),
    pytest.param(24, 2**20, 2**20, id="chacha20-poly1305"),
]


@pytest.mark.requirement("CHN-880")
@pytest.mark.parametrize(("aead", "protected", "failed"), LIMITS)
def test_sender_key_serves_to_its_limit_and_no_further(
    target: Target, control: Control, rng: random.Random, aead: int, protected: int, failed: int
) -> None:
    """A counter that is off by one, or a limit that was copied from another algorithm."""
    channel = set_up(target, control, fresh_context(rng, aead=aead), first_number=protected - 2)
    for _ in range(2):
        assert channel.ask(read(target)).code == Code.CONTENT

    expect_refusal(target, channel.protect(read(target)), Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)


@pytest.mark.requirement("CHN-890")
@pytest.mark.parametrize(("aead", "protected", "failed"), LIMITS)
def test_recipient_key_bears_forgeries_to_its_limit_and_no_further(
    target: Target, control: Control, rng: random.Random, aead: int, protected: int, failed: int
) -> None:
    """Given up too late, a tag is guessed; too early, whoever sends garbage closes the channel."""
    channel = set_up(target, control, fresh_context(rng, aead=aead), failures=failed - 2)
    genuine = channel.protect(read(target))
    forged = replace(genuine, payload=bytes(40))
    for _ in range(2):
        expect_refusal(target, again(target, forged), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)

    expect_refusal(target, genuine, Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)


@pytest.mark.requirement("CHN-730")
@pytest.mark.parametrize("first", [1, 5, 31])
def test_first_requests_may_overtake_each_other(target: Target, channel: Channel, first: int) -> None:
    """The burst that opens a conversation arrives in disorder: nothing was accepted before, so nothing is a replay."""
    requests = [channel.protect(read(target)) for _ in range(first + 1)]

    for request in reversed(requests):
        assert channel.unprotect(target.exchange(request)).code == Code.CONTENT
    for request in requests:
        target.expect_refusal(target.exchange(again(target, request)), Code.UNAUTHORIZED, Problem.REPLAYED)
