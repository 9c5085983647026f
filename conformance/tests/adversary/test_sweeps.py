"""Sweeps: that they reach every case, that they find what hides in one of them, and that a sample is a sample."""

from __future__ import annotations

import pytest

from picosec_conformance.adversary.approaches import APPROACHES, STATES
from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.invariants import Invariant
from picosec_conformance.adversary.setting import simplest
from picosec_conformance.adversary.sweeper import Part, Sweeper
from picosec_conformance.adversary.sweeps import SWEEPS
from tests.adversary.conftest import broken


def sweeper(arena: Arena, *, quick: bool = True) -> Sweeper:
    """A sweeper that tells nobody."""
    return Sweeper(arena, 1, lambda phase, done: None, quick=quick)


def part(sweeper: Sweeper, sweep: str, name: str) -> Part:
    """The first part of a sweep with a name."""
    return next(part for part in SWEEPS[sweep](sweeper) if part.name == name)


@pytest.mark.parametrize("sweep", sorted(set(SWEEPS) - {"flood"}))
def test_sample_on_the_reference_breaks_nothing(arena: Arena, sweep: str) -> None:
    """One case in sixteen; `picosec adversary` takes all of them."""
    quick = sweeper(arena)
    result = quick.run(sweep, SWEEPS[sweep](quick))

    assert quick.failures == []
    assert result.cases == sum(result.parts.values()) > 0
    assert result.frames >= result.cases // 2


def test_prefixes_are_complete(arena: Arena) -> None:
    """Every length of message_3, from nothing to all but the last byte, and then the genuine one."""
    stage = arena.stage(simplest(arena.able))
    approach = next(approach for approach in APPROACHES if approach.name == "message_3")
    size = len(approach.reach(stage, "alice").data)
    whole = sweeper(arena, quick=False)
    whole.run("prefix", [part(whole, "prefix", "message_3")])

    assert whole.failures == []
    result = whole.run("prefix", [part(whole, "prefix", "message_3")])
    assert result.cases == size + 1


def test_flips_are_complete(arena: Arena) -> None:
    """Every bit of a protected request."""
    whole = sweeper(arena, quick=False)
    result = whole.run("flip", [part(whole, "flip", "provisioned request")])

    assert whole.failures == []
    assert result.cases % 8 == 1
    assert result.cases > 8 * 30


def test_replays_reach_every_state(arena: Arena) -> None:
    """A message may be harmless in one state and not in the next."""
    assert [part.name for part in SWEEPS["replay"](sweeper(arena))] == list(STATES)


@pytest.mark.parametrize(
    ("fault", "sweep", "name", "invariant"),
    [
        ("takes-any-tag", "flip", "message_3", Invariant.AUTHENTIC),
        ("dies-of-a-short-token", "prefix", "message_1", Invariant.ALIVE),
        ("accepts-replays", "replay", "idle", Invariant.ACTED_ONCE),
        ("keeps-every-handshake", "flood", "message_1", Invariant.BOUNDED),
    ],
)
def test_sweep_finds_the_one_case(fault: str, sweep: str, name: str, invariant: Invariant) -> None:
    """What one bit, one length, one message in one state gives away."""
    with Arena(broken(fault)) as opened:
        whole = sweeper(opened, quick=False)
        whole.run(sweep, [part(whole, sweep, name)])

        (failure,) = whole.failures
        assert failure.broken.invariant is invariant
        assert failure.steps
