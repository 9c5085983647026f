"""The target as Initiator, and message_4: awaited, genuine, forged."""

from __future__ import annotations

import random

import pytest

from picosec.channel.ead import EadItem, encode_ead, padding
from picosec.messaging.cbor import dumps, loads
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_initiators import begun
from picosec_conformance.edhoc_peer import (
    expect_given_up,
)
from picosec_conformance.target import Target


@pytest.mark.requirement("CHN-590")
@pytest.mark.needs("channel.edhoc.initiator")
def test_initiator_waits_for_message_4(target: Target, control: Control, rng: random.Random) -> None:
    """Key confirmation that can be left out by whoever drops it is none."""
    peer, _ = begun(target, control, rng, message_4=True)
    peer.send_2()
    peer.wait_3()
    assert control.state()[2] == 0

    peer.send_4(b"", "no message_4")

    expect_given_up(target, control, None, peer.run.c_r)


@pytest.mark.requirement("CHN-590", "CHN-330")
@pytest.mark.needs("channel.edhoc.initiator", "channel.edhoc.message4")
@pytest.mark.parametrize(
    "ead",
    [b"", encode_ead(padding(9)), encode_ead(padding(300)), encode_ead([EadItem(65535, b"")])],
    ids=["empty", "padding", "long-padding", "unknown"],
)
def test_message_4_opens_the_channel(target: Target, control: Control, rng: random.Random, ead: bytes) -> None:
    """With message_4 the Initiator knows that the Responder has the same keys."""
    peer, _ = begun(target, control, rng, message_4=True)
    peer.send_2()
    peer.wait_3()
    peer.send_4(peer.run.compose_message_4(ead))

    target.until_probe_answered()
    assert control.event("channel")


@pytest.mark.requirement("CHN-990")
@pytest.mark.needs("channel.edhoc.initiator")
@pytest.mark.parametrize("where", ["first-byte", "last-byte", "shorter", "empty", "other-session"])
def test_forged_message_4_is_refused(target: Target, control: Control, rng: random.Random, where: str) -> None:
    """Whoever answered message_2 honestly may still lack the keys that message_4 proves."""
    peer, _ = begun(target, control, rng, message_4=True)
    peer.send_2()
    peer.wait_3()
    content = bytearray(loads(peer.run.compose_message_4()))
    if where == "first-byte":
        content[0] ^= 1
    elif where == "last-byte":
        content[-1] ^= 1
    elif where == "other-session":
        content = bytearray(rng.randbytes(len(content)))
    else:
        del content[len(content) - 1 if where == "shorter" else 0 :]
    peer.send_4(dumps(bytes(content)))

    expect_given_up(target, control, Problem.AUTHENTICATION_FAILED, peer.run.c_r)


@pytest.mark.requirement("CHN-020", "CHN-040", "CHN-350")
@pytest.mark.needs("channel.edhoc.message4")
@pytest.mark.parametrize("what", ["text", "surplus", "value-inside", "label-8-bit-inside", "critical-inside"])
def test_malformed_message_4_is_refused(target: Target, control: Control, rng: random.Random, what: str) -> None:
    """The last message is held to the same rules as the first."""
    peer, _ = begun(target, control, rng, message_4=True)
    peer.send_2()
    peer.wait_3()
    if what == "critical-inside":
        inside = encode_ead([EadItem(65535, None, critical=True)])
    else:
        inside = {"value-inside": b"\x40", "label-8-bit-inside": b"\x18\x00"}.get(what, b"")
    honest = peer.run.compose_message_4(inside)
    message = {"text": dumps("a" * 8), "surplus": honest + b"\x00"}.get(what, honest)
    problem = {"label-8-bit-inside": Problem.NOT_DETERMINISTIC, "critical-inside": Problem.CRITICAL_EAD}
    peer.send_4(message)

    expect_given_up(target, control, problem.get(what, Problem.MALFORMED), peer.run.c_r)
