"""Plays many cases on few stages, and counts them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from picosec_conformance.adversary.approaches import OutOfReach
from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.invariants import Broken
from picosec_conformance.adversary.setting import Setting
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import Step

#: Cases on one stage, after which honest peers have to get through and a new one is set.
CASES = 250
#: One of how many cases a quick run takes.
SAMPLE = 16

#: One case: does something on a stage.
Case = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What was swept: cases, and datagrams handed over in them. ``parts`` counts cases by what was swept."""

    name: str
    cases: int
    frames: int
    seconds: float
    parts: dict[str, int]


def _nothing(stage: Stage) -> None:
    """Begin without a prologue."""


@dataclass(frozen=True, slots=True)
class Part:
    """Cases to play in one setting, each stage behind the same prologue. Quick runs take a sample where they may."""

    setting: Setting
    name: str
    cases: Iterator[Case]
    prologue: Case = _nothing
    sampled: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that broke an invariant, with all that happened on its stage."""

    broken: Broken
    setting: Setting
    steps: tuple[Step, ...]


class Sweeper:
    """Runs the sweeps on an arena. ``quick`` takes a sample, which ``seed`` decides."""

    def __init__(self, arena: Arena, seed: int, progress: Callable[[str, int], None], *, quick: bool = False) -> None:
        self.arena = arena
        self._rng = random.Random(f"sweeps:{seed}")
        self.quick = quick
        self._progress = progress
        self.failures: list[Failure] = []

    def run(self, name: str, parts: Iterable[Part]) -> Sweep:
        """Run one sweep; what breaks ends the part it breaks in and goes to ``failures``."""
        began, frames = time.perf_counter(), self.arena.tally.frames
        counts: dict[str, int] = {}
        for part in parts:
            counts[part.name] = counts.get(part.name, 0) + self._run(name, part)
        total = self.arena.tally.frames - frames
        return Sweep(name, sum(counts.values()), total, time.perf_counter() - began, counts)

    def _run(self, name: str, part: Part) -> int:
        """Play cases on one stage after the other; return how many were played."""
        done, stage = 0, None
        try:
            for case in part.cases:
                if self.quick and part.sampled and self._rng.randrange(SAMPLE):
                    continue
                done += 1
                self._progress(name, done)
                if stage is None:
                    stage = self.arena.stage(part.setting)
                    with suppress(OutOfReach):
                        part.prologue(stage)
                with suppress(OutOfReach):
                    case(stage)
                if done % CASES == 0:
                    stage.finish()
                    stage = None
            if stage is not None:
                stage.finish()
        except Broken as broken:
            self.failures.append(Failure(broken, part.setting, () if stage is None else tuple(stage.steps)))
        return done
