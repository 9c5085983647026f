"""What a run of the adversary found out, as plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from picosec_conformance.adversary.invariants import TEXTS, Broken, Invariant
from picosec_conformance.adversary.oracles import Oracle
from picosec_conformance.adversary.scenario import Scenario
from picosec_conformance.adversary.sweeper import Sweep
from picosec_conformance.report.model import Frame, Target


@dataclass(frozen=True, slots=True)
class CounterExample:
    """A broken invariant, and the ``phases`` of the run that found it.

    ``scenario`` is the shortest game that shows it again; where it did not happen again, ``reproduced`` is False and
    the scenario is the game as it was. ``frames`` are what the network saw in it.
    """

    phases: tuple[str, ...]
    broken: Broken
    scenario: Scenario | None
    reproduced: bool
    frames: tuple[Frame, ...] = ()


@dataclass(slots=True)
class Outcome:
    """One run. ``games`` counts those of the state machine; ``acts`` and ``checks`` cover sweeps too."""

    target: Target
    seed: int
    command: str
    games: int = 0
    steps: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    checks: Counter[Invariant] = field(default_factory=Counter)
    game_seconds: float = 0.0
    seconds: float = 0.0
    sweeps: list[Sweep] = field(default_factory=list)
    oracles: list[Oracle] = field(default_factory=list)
    counter_examples: list[CounterExample] = field(default_factory=list)
    #: Why the run ended early, empty when it did not.
    stopped: str = ""

    @property
    def holds(self) -> bool:
        """Whether every invariant held."""
        return not self.counter_examples

    def broken(self, invariant: Invariant) -> bool:
        """Whether an invariant broke."""
        return any(each.broken.invariant is invariant for each in self.counter_examples)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return a run as ``adversary.schema.json`` describes it."""
    target = outcome.target
    return {
        "holds": outcome.holds,
        "stopped": outcome.stopped,
        "target": {name: getattr(target, name) for name in type(target).__slots__},
        "seed": outcome.seed,
        "command": outcome.command,
        "seconds": round(outcome.seconds, 3),
        "examples": {"games": outcome.games, "steps": outcome.steps, "seconds": round(outcome.game_seconds, 3)},
        "acts": dict(sorted(outcome.acts.items())),
        "invariants": [
            {
                "name": invariant.value,
                "text": TEXTS[invariant],
                "checks": outcome.checks[invariant],
                "broken": outcome.broken(invariant),
            }
            for invariant in Invariant
        ],
        "sweeps": [_sweep(sweep) for sweep in outcome.sweeps],
        "oracles": [_oracle(oracle) for oracle in outcome.oracles],
        "counter_examples": [_counter_example(each) for each in outcome.counter_examples],
    }


def _sweep(sweep: Sweep) -> dict[str, Any]:
    return {
        "name": sweep.name,
        "cases": sweep.cases,
        "frames": sweep.frames,
        "seconds": round(sweep.seconds, 3),
        "parts": sweep.parts,
    }


def _oracle(oracle: Oracle) -> dict[str, Any]:
    return {
        "name": oracle.name,
        "requirement": oracle.requirement,
        "reasons": list(oracle.reasons),
        "rounds": oracle.rounds,
        "seconds": round(oracle.seconds, 3),
        "timings": [
            {
                "reasons": list(timing.reasons),
                "microseconds": [round(value, 1) for value in timing.times],
                "u": timing.comparison.u,
                "p": timing.comparison.p,
                "superiority": timing.comparison.superiority,
            }
            for timing in oracle.timings
        ],
    }


def _counter_example(each: CounterExample) -> dict[str, Any]:
    scenario = each.scenario
    return {
        "phases": list(each.phases),
        "invariant": each.broken.invariant.value,
        "requirement": each.broken.requirement,
        "detail": each.broken.detail,
        "reproduced": each.reproduced,
        "scenario": None if scenario is None else scenario.dump(),
        "frames": [
            {
                "direction": frame.direction,
                "peer": frame.peer,
                "seconds": round(frame.seconds, 6),
                "data": frame.data.hex(),
                "note": frame.note,
            }
            for frame in each.frames
        ],
    }
