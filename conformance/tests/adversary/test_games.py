"""The state machine against the reference, briefly, and against broken references, which it has to find."""

from __future__ import annotations

import pytest

from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.invariants import Broken, Invariant, Tally
from picosec_conformance.adversary.run import Plan, run_adversary
from picosec_conformance.adversary.setting import simplest
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import HOSTILE, step
from picosec_conformance.adversary.tactics import play
from picosec_conformance.network import ACTS
from tests.adversary.conftest import broken


def test_reference_holds(arena: Arena) -> None:
    """A few games; `picosec adversary` plays more."""
    games = 0

    def over(stage: Stage | None, broken: Broken | None) -> None:
        nonlocal games
        games += 1
        assert broken is None

    arena.tally = Tally()
    play(arena.able, arena.stage, over, examples=25, seed_number=2)

    assert games >= 25
    assert set(arena.tally.acts) <= set(ACTS)
    assert len(arena.tally.acts) > 8
    assert all(arena.tally.checks[each] for each in Invariant if each is not Invariant.UNIFORM_ERRORS)


def test_same_seed_plays_the_same_games(arena: Arena) -> None:
    """A counter-example that cannot be found again is an anecdote."""

    def games() -> list[str]:
        played: list[str] = []

        def over(stage: Stage | None, broken: Broken | None) -> None:
            assert stage is not None
            played.append(" ".join([str(stage.setting), *map(str, stage.steps)]))

        play(arena.able, arena.stage, over, examples=4, seed_number=5)
        return played

    assert games() == games()


#: Fault, games that are enough to find it, and what it breaks.
FAULTS = [
    ("accepts-replays", 150, {Invariant.ACTED_ONCE}),
    ("marks-before-it-verifies", 150, {Invariant.AUTHENTIC, Invariant.RECOVERY}),
    ("skips-the-mac", 150, {Invariant.AUTHENTIC}),
    ("reuses-a-nonce", 150, {Invariant.FRESH_NONCES}),
    ("forgets-numbers-at-reboot", 150, {Invariant.FRESH_NONCES, Invariant.ACTED_ONCE}),
    ("keeps-an-ephemeral-key", 150, {Invariant.FRESH_NONCES}),
    ("keeps-the-session-after-message-3", 150, {Invariant.BOUNDED, Invariant.AGREEMENT}),
    ("answers-twice", 150, {Invariant.ACTED_ONCE}),
    ("downgrades", 300, {Invariant.NO_DOWNGRADE}),
    ("believes-anybody", 150, {Invariant.AUTHENTIC}),
    ("quotes-what-it-served", 150, {Invariant.SECRECY}),
    ("dies-of-a-short-token", 150, {Invariant.ALIVE}),
]


@pytest.mark.parametrize(("fault", "examples", "invariants"), FAULTS, ids=[row[0] for row in FAULTS])
def test_fault_is_found_and_shrunk(arena: Arena, fault: str, examples: int, invariants: set[Invariant]) -> None:
    """Who does not find what is known to be there finds nothing. The game that is left breaks nothing else."""
    outcome = run_adversary(broken(fault), Plan(examples, seed=2, sweeps=False, oracles=False))

    assert not outcome.holds
    found = outcome.counter_examples[0]
    assert found.broken.invariant in invariants
    assert found.reproduced
    assert found.scenario is not None
    assert len(found.scenario.steps) <= 8
    assert arena.replay(found.scenario.setting, found.scenario.steps)[0] is None


def test_step_about_what_is_not_there_is_passed_over(arena: Arena) -> None:
    """A scenario from one target does not always fit another one; that is not the other one's fault."""
    stage = arena.stage(simplest(arena.able))
    absent = {"packet": "x", "donor": "x", "party": "x", "dialogue": "x", "field": "kid", "bit": 1, "length": 1}
    absent |= {"fresh": True, "what": "content", "count": 1}
    for move in set(HOSTILE) - {"noise", "trespass"}:
        assert not stage.perform(step(move, **{name: absent[name] for name in HOSTILE[move]})), move
    stage.finish()
