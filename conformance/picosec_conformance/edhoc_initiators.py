"""What tests of a target as Initiator begin with: an honest message_1, and a Responder that may turn hostile."""

from __future__ import annotations

import random

import pytest

from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import (
    HostileResponder,
    as_initiator,
    expect_given_up,
    meet,
    methods,
)
from picosec_conformance.handshake import Parties
from picosec_conformance.target import Target

ALL_METHODS = pytest.mark.parametrize("method", range(4), ids=[f"method-{method}" for method in range(4)])


def met(target: Target, rng: random.Random, method: int | None = None, **choices: object) -> Parties:
    """Introduce the target as Initiator. Skips a method that it does not declare."""
    if method is None:
        method = methods(target)[0]
    elif method not in methods(target):
        pytest.skip(f"not declared: channel.edhoc.method.{method}")
    return meet(target, rng, **as_initiator(method=method, **choices))


def begun(
    target: Target, control: Control, rng: random.Random, method: int | None = None, **choices: object
) -> tuple[HostileResponder, Parties]:
    """Return a hostile Responder that has an honest message_1."""
    parties = met(target, rng, method, **choices)
    peer = HostileResponder(target, control, parties)
    peer.wait_1()
    return peer, parties


def refused(target: Target, control: Control, peer: HostileResponder, problem: Problem, message: bytes) -> None:
    """Answer with a message_2 and check that the target gives up for this reason."""
    peer.send_2(message)
    expect_given_up(target, control, problem, peer.run.c_r)


def goes_on(target: Target, control: Control, peer: HostileResponder, message: bytes | None = None) -> None:
    """Answer with a message_2 and check that the handshake completes."""
    peer.send_2(message)
    peer.wait_3()
    peer.send_4(b"", "end of the handshake")
    target.until_probe_answered()
    if control.blind:
        return
    assert control.event("channel").fields[5] == "initiator"
