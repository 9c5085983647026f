"""Handshake messages with two faults: the step that comes first decides the error."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_initiators import begun, refused
from picosec_conformance.edhoc_peer import HostileInitiator, expect_ended, expect_error, meet, methods
from picosec_conformance.target import Target

#: A key identifier that nobody has, as it stands in a message.
STRANGER = dumps(b"\x7f")

EVERY_METHOD = pytest.mark.parametrize("method", range(4), ids=[f"method-{method}" for method in range(4)])
LENGTHS = pytest.mark.parametrize("change", [-1, 1], ids=["one-byte-less", "one-byte-more"])


def resized(proof: bytes, change: int) -> bytes:
    """Return a proof, encoded, that is longer or shorter than it has to be."""
    return dumps(proof[:-1] if change < 0 else proof + b"\0")


@pytest.mark.requirement("CHN-500")
@EVERY_METHOD
@LENGTHS
def test_length_of_a_proof_counts_before_its_credential(
    target: Target, control: Control, rng: random.Random, method: int, change: int
) -> None:
    """What cannot be a proof, whoever it is from, is refused before anybody is looked up."""
    if method not in methods(target):
        pytest.skip(f"not declared: channel.edhoc.method.{method}")
    peer = HostileInitiator(target, meet(target, rng, method=method))
    peer.reach_2()
    peer.run.compose_plaintext_3()
    plaintext = STRANGER + resized(peer.run["signature_or_mac_3"], change)

    expect_error(target, peer.send_3(peer.run.encrypt_3(plaintext)), Problem.AUTHENTICATION_FAILED)
    expect_ended(control)


@pytest.mark.requirement("CHN-510")
@EVERY_METHOD
@LENGTHS
def test_length_of_a_proof_counts_before_its_credential_at_the_initiator(
    target: Target, control: Control, rng: random.Random, method: int, change: int
) -> None:
    """Anyone can answer message_1: the cheap check comes first on this side, too."""
    peer, _ = begun(target, control, rng, method)
    honest = peer.run.compose_plaintext_2()
    plaintext = honest[:1] + STRANGER + resized(peer.run["signature_or_mac_2"], change)

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, peer.run.encrypt_2(plaintext))
