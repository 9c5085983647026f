"""OSCORE contexts: both ends derive the same keys and build the same nonces; dangerous identifiers are refused."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel, joined
from picosec_conformance.control import Control, oscore_context
from picosec_conformance.manifest import NotGiven
from picosec_conformance.protection import (
    expect_refusal,
    fresh_context,
    plaintext,
    read,
    seal,
    set_up,
    with_option,
    write,
)
from picosec_conformance.target import Target


@pytest.mark.requirement("CHN-600", "CHN-650", "CHN-660")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"master_salt": b""}, id="without-salt"),
        pytest.param({"sender_id": b""}, id="empty-sender-id"),
        pytest.param({"recipient_id": b""}, id="empty-recipient-id"),
        pytest.param({"sender_id": bytes(7), "recipient_id": b"\xff" * 7}, id="longest-ids"),
        pytest.param({"sender_id": b"\x01", "recipient_id": b"\x00\x01"}, id="id-with-a-zero-before-it"),
        pytest.param({"id_context": b"zone 7"}, id="id-context"),
        pytest.param({"id_context": b""}, id="empty-id-context"),
        pytest.param({"master_secret": bytes(range(100))}, id="secret-longer-than-the-block"),
        pytest.param({"aead": 30}, marks=pytest.mark.needs("channel.edhoc.suite.3"), id="ccm-with-a-long-tag"),
        pytest.param({"aead": 24}, marks=pytest.mark.needs("channel.edhoc.suite.4"), id="chacha20-poly1305"),
        pytest.param({"aead": 1}, marks=pytest.mark.needs("channel.edhoc.suite.6"), id="a128gcm"),
    ],
)
def test_both_ends_understand_each_other(
    target: Target, control: Control, rng: random.Random, fields: dict[str, object]
) -> None:
    """Two implementations that derive one bit differently never exchange a word."""
    channel = set_up(target, control, fresh_context(rng, **fields))

    for _ in range(3):
        assert channel.ask(read(target)).code == Code.CONTENT


@pytest.mark.requirement("CHN-600", "CHN-650", "CHN-660")
def test_channel_carries_requests_and_responses(target: Target, channel: Channel) -> None:
    """The one thing a channel is for, on a black box too: a value is read and one is written."""
    assert channel.ask(read(target)).code == Code.CONTENT
    assert channel.ask(write(target)).code >> 5 == 2


@pytest.mark.requirement("CHN-600")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"master_secret": bytes(16)}, id="another-secret"),
        pytest.param({"master_salt": b"another"}, id="another-salt"),
        pytest.param({"id_context": b"zone"}, id="an-id-context"),
    ],
)
def test_every_input_matters_to_the_keys(
    target: Target, control: Control, rng: random.Random, fields: dict[str, object]
) -> None:
    """A context that leaves out an input shares its keys with others that differ in nothing else."""
    given = fresh_context(rng)
    set_up(target, control, given)
    stranger = joined(target, replace(given, **fields))  # type: ignore[arg-type]
    command = with_option(stranger.protect(write(target)), OscoreOption(b"\0", given.recipient_id))

    expect_refusal(target, command, Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-600")
@pytest.mark.needs("channel.oscore.server")
def test_the_answers_key_comes_from_the_targets_identifier(
    target: Target, control: Control, rng: random.Random
) -> None:
    """Two devices with one master secret must not answer with one key."""
    given = fresh_context(rng)
    set_up(target, control, given)
    stranger = joined(target, replace(given, sender_id=b"\x07"))
    reply = target.exchange(stranger.protect(read(target)))

    with pytest.raises(ProtocolError) as refused:
        stranger.unprotect(reply)
    assert refused.value.problem is Problem.DECRYPTION_FAILED


@pytest.mark.requirement("CHN-610")
@pytest.mark.parametrize(
    ("sender_id", "recipient_id"),
    [
        pytest.param(b"\x05", b"\x05", id="equal"),
        pytest.param(b"", b"", id="both-empty"),
        pytest.param(bytes(8), b"\x01", id="long-sender-id"),
        pytest.param(b"\x01", bytes(8), id="long-recipient-id"),
    ],
)
def test_dangerous_identifiers_are_refused(
    target: Target, control: Control, sender_id: bytes, recipient_id: bytes
) -> None:
    """With equal identifiers the first request each way shares key and nonce: their XOR is in the open."""
    context = oscore_context(sender_id, recipient_id, bytes(16))
    with target.expect_unchanged():
        reply = target.request(
            Code.POST, "/ps/test/provision", cbor.dumps({3: [context]}), content_format=CONTENT_FORMAT_CBOR
        )
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_IDENTIFIER)


@pytest.mark.requirement("CHN-650")
@pytest.mark.parametrize("wrong", ["iv-alone", "without-size", "padded-right", "another-number"])
def test_nonce_is_built_from_all_its_parts(target: Target, channel: Channel, wrong: str) -> None:
    """A nonce that leaves out size, identifier or number comes again with another message."""
    sender = channel.context.sender
    number = channel.context.numbers.take()
    right, length = sender.nonce(number), sender.nonce_length
    size, identifier = len(sender.identifier), sender.identifier
    prefix = bytes((size,)) + identifier.rjust(length - 6, b"\0") + bytes(5)
    common_iv = int.from_bytes(sender.nonce(0), "big") ^ int.from_bytes(prefix, "big")
    padded = bytes((size,)) + identifier.ljust(length - 6, b"\0") + number.to_bytes(5, "big")
    nonce = {
        "iv-alone": common_iv.to_bytes(length, "big"),
        "without-size": bytes((right[0] ^ size ^ 0xFF,)) + right[1:],
        "padded-right": (common_iv ^ int.from_bytes(padded, "big")).to_bytes(length, "big"),
        "another-number": sender.nonce(number + 1),
    }[wrong]
    if nonce == right:
        raise NotGiven("with an empty identifier in the context, this makes no difference (oscore.recipient_id)")

    message = seal(target, channel, plaintext(write(target)), number, nonce=nonce)

    expect_refusal(target, message, Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-660")
@pytest.mark.parametrize("wrong", ["version", "algorithm", "kid", "number", "options", "not-wrapped", "label"])
def test_additional_data_bind_all_their_parts(target: Target, channel: Channel, wrong: str) -> None:
    """What is not bound can be exchanged on the way: another algorithm, another request, another version."""
    context = channel.context
    number = context.numbers.take()
    kid, partial_iv, algorithm = context.sender_id, encode_partial_iv(number), context.aead.value
    array = {
        "version": [2, [algorithm], kid, partial_iv, b""],
        "algorithm": [1, [algorithm + 1], kid, partial_iv, b""],
        "kid": [1, [algorithm], context.recipient_id, partial_iv, b""],
        "number": [1, [algorithm], kid, b"\0" + partial_iv, b""],
        "options": [1, [algorithm], kid, partial_iv, OscoreOption(partial_iv, kid).encode()],
    }.get(wrong, [1, [algorithm], kid, partial_iv, b""])
    wrapped = array if wrong == "not-wrapped" else cbor.dumps(array)
    aad = cbor.dumps(["Encrypt" if wrong == "label" else "Encrypt0", b"", wrapped])

    message = seal(target, channel, plaintext(write(target)), number, aad=aad)

    expect_refusal(target, message, Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)
