"""The edges of a context: how often a key may be used, where its window begins, how long its names may be."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Option
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control, oscore_context
from picosec_conformance.protection import (
    TargetAsClient,
    again,
    expect_refusal,
    fresh_context,
    read,
    set_up,
    with_option,
    write,
)
from picosec_conformance.target import Target

#: COSE algorithm, how many messages a Sender Key may protect, and how many may fail with a Recipient Key.
LIMITS = [
    pytest.param(10, 2**20, 2**14, id="aes-ccm-16-64-128"),
    pytest.param(30, 2**20, 2**20, id="aes-ccm-16-128-128"),
    pytest.param(1, 2**20, 2**20, id="a128gcm"),
    pytest.param(24, 2**20, 2**20, id="chacha20-poly1305"),
]


@pytest.mark.requirement("CHN-880")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize(("aead", "protected", "failed"), LIMITS)
def test_sender_key_serves_to_its_limit_and_no_further(
    target: Target, control: Control, rng: random.Random, aead: int, protected: int, failed: int
) -> None:
    """A counter that is off by one, or a limit that was copied from another algorithm."""
    channel = set_up(target, control, fresh_context(rng, aead=aead), first_number=protected - 2)
    for _ in range(2):
        assert channel.ask(read(target)).code == Code.CONTENT

    expect_refusal(target, channel.protect(read(target)), Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)


@pytest.mark.requirement("CHN-880")
@pytest.mark.needs("channel.oscore.server", "channel.oscore.client")
@pytest.mark.parametrize("answers", [0, 1, 2])
def test_requests_and_responses_count_together(
    target: Target, control: Control, rng: random.Random, answers: int
) -> None:
    """One key, two counters: whoever holds the limit against each of them alone protects twice as much."""
    channel = set_up(target, control, fresh_context(rng), first_number=2**20 - 2)
    client = TargetAsClient(target, control, channel.context)
    for _ in range(answers):
        assert channel.ask(read(target)).code == Code.CONTENT
    for _ in range(2 - answers):
        client.act()
        protected = client.receive()
        _, binding = client.opened(protected)
        client.deliver(client.response(binding, protected, b""))

    act = dumps(["request", {1: int(Code.GET), 2: "/some/path", 5: channel.context.sender_id}])
    request = target.build(Code.POST, "/ps/test/act", act, content_format=CONTENT_FORMAT_CBOR)
    assert [message for message in target.replies(request) if message.token != request.token] == []
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


@pytest.mark.requirement("CHN-620", "CHN-710")
@pytest.mark.parametrize("length", [0, 1, 240, 241])
def test_id_context_of_any_length_serves(target: Target, control: Control, rng: random.Random, length: int) -> None:
    """With the longest names beside it, the option is full, and has to work in both directions."""
    given = fresh_context(rng, id_context=bytes(length), sender_id=bytes(7), recipient_id=b"\x01" * 7)
    channel = set_up(target, control, given, first_number=2**20 - 2)
    assert channel.ask(read(target)).code == Code.CONTENT
    client = TargetAsClient(target, control, channel.context)

    client.act()

    protected = client.receive()
    option = OscoreOption.decode(protected.option(Option.OSCORE) or b"")
    assert option.kid_context in (None, bytes(length))
    client.opened(protected)


@pytest.mark.requirement("CHN-1090")
@pytest.mark.parametrize("length", [242, 255, 256, 1000])
def test_id_context_that_no_option_can_carry_is_refused(
    target: Target, control: Control, rng: random.Random, length: int
) -> None:
    """A length of 256 is a length of 0 to a byte: the request would name another context."""
    given = fresh_context(rng)
    entry = oscore_context(given.sender_id, given.recipient_id, given.master_secret, id_context=bytes(length))
    request = target.build(Code.POST, "/ps/test/provision", dumps({3: [entry]}), content_format=CONTENT_FORMAT_CBOR)

    expect_refusal(target, request, Code.BAD_REQUEST, Problem.BAD_IDENTIFIER)


@pytest.mark.requirement("CHN-700")
def test_option_of_255_bytes_is_read(target: Target, channel: Channel) -> None:
    """The longest that the option may be: it is read, and found to name nobody."""
    good = channel.protect(write(target))
    partial_iv = OscoreOption.decode(good.option(Option.OSCORE) or b"").partial_iv
    value = OscoreOption(partial_iv, bytes(255 - 1 - len(partial_iv))).encode()
    assert len(value) == 255

    expect_refusal(target, with_option(good, value), Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)
    expect_refusal(target, with_option(again(target, good), value + b"\0"), Code.BAD_OPTION, Problem.BAD_OPTION)
