"""A whole run: games, sweeps and questions, each until something breaks, which is shrunk to a scenario."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from picosec_conformance.adapters import AdapterError
from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.invariants import Broken, Invariant, Tally
from picosec_conformance.adversary.oracles import Interrogation
from picosec_conformance.adversary.outcome import CounterExample, Outcome
from picosec_conformance.adversary.scenario import Scenario
from picosec_conformance.adversary.shrinking import Game, shrink
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.sweeper import Sweeper
from picosec_conformance.adversary.sweeps import SWEEPS
from picosec_conformance.adversary.tactics import play
from picosec_conformance.manifest import Manifest
from picosec_conformance.report import model

#: Says what is going on and how far it has come.
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: so many games, sweeps (all or a sample) and questions. The seed decides everything."""

    examples: int = 200
    seed: int = 1
    sweeps: bool = True
    oracles: bool = True
    quick: bool = False
    command: tuple[str, ...] = ()


def run_adversary(manifest: Manifest, plan: Plan, progress: Progress = lambda phase, done: None) -> Outcome:
    """Let the adversary play against a target. Raises ``AdapterError`` when nothing can be said about it."""
    target = model.Target(
        manifest.name,
        manifest.version,
        manifest.vendor,
        manifest.profile.role,
        manifest.adapter["kind"],
        manifest.source,
    )
    outcome = Outcome(target, plan.seed, shlex.join(plan.command))
    began = time.perf_counter()
    with Arena(manifest) as arena:
        outcome.acts, outcome.checks = arena.tally.acts, arena.tally.checks
        run = _Run(arena, plan, outcome, progress)
        try:
            run.games()
            if plan.sweeps:
                run.sweeps()
            if plan.oracles:
                run.oracles()
        except AdapterError as error:
            if outcome.holds:
                raise
            outcome.stopped = str(error)
    outcome.seconds = time.perf_counter() - began
    return outcome


class _Run:
    def __init__(self, arena: Arena, plan: Plan, outcome: Outcome, progress: Progress) -> None:
        self._arena = arena
        self._plan = plan
        self._outcome = outcome
        self._progress = progress

    def games(self) -> None:
        """Play the state machine's games until one breaks an invariant."""
        began = time.perf_counter()
        found: list[tuple[Broken, Game | None]] = []

        def over(stage: Stage | None, broken: Broken | None) -> None:
            if found:
                return
            self._outcome.games += 1
            self._progress("examples", self._outcome.games)
            if broken is not None:
                found.append((broken, None if stage is None else (stage.setting, list(stage.steps))))

        try:
            if self._plan.examples:
                play(self._arena.able, self._arena.stage, over, self._plan.examples, self._plan.seed)
        except Exception:  # Hypothesis wraps what it cannot repeat; what was seen the first time counts
            if not found:
                raise
        self._outcome.steps = self._arena.tally.steps
        self._outcome.game_seconds = time.perf_counter() - began
        for broken, game in found:
            self._counter("examples", broken, game)

    def sweeps(self) -> None:
        """Run every sweep."""
        sweeper = Sweeper(self._arena, self._plan.seed, self._progress, quick=self._plan.quick)
        for name in SWEEPS:
            self._outcome.sweeps.append(sweeper.run(name, SWEEPS[name](sweeper)))
            for failure in sweeper.failures:
                self._counter(f"sweep {name}", failure.broken, (failure.setting, list(failure.steps)))
            sweeper.failures.clear()

    def oracles(self) -> None:
        """Compare refusals."""
        try:
            for oracle in Interrogation(self._arena, self._plan.seed, quick=self._plan.quick).run():
                self._outcome.oracles.append(oracle)
                self._progress("oracles", len(self._outcome.oracles))
        except Broken as broken:
            self._counter("oracles", broken, None)

    def _counter(self, phase: str, broken: Broken, game: Game | None) -> None:
        """Shrink a game and note what it shows, unless that is known. What is played for that does not count."""
        examples = self._outcome.counter_examples
        for at, known in enumerate(examples):
            if _kind(known.broken) == _kind(broken):
                examples[at] = replace(known, phases=tuple(dict.fromkeys((*known.phases, phase))))
                return
        if game is None:
            examples.append(CounterExample((phase,), broken, None, False))
            return
        tally, self._arena.tally = self._arena.tally, Tally()
        try:
            example = self._shrunk(phase, broken, game)
        finally:
            self._arena.tally = tally
        examples.append(example)

    def _shrunk(self, phase: str, broken: Broken, game: Game) -> CounterExample:
        last: tuple[Broken, Stage | None] | None = None
        games = 0

        def breaks(candidate: Game) -> bool:
            nonlocal last, games
            games += 1
            self._progress("shrinking", games)
            seen, stage = self._arena.replay(*candidate)
            if seen is None or _kind(seen) != _kind(broken):
                return False
            last = (seen, stage)
            return True

        try:
            reproduced = breaks(game)
            if reproduced:
                game = shrink(game, breaks)
        except AdapterError:  # a target that cannot be power-cycled stays as dead as it is
            reproduced = False
        seen, stage = last or (broken, None)
        scenario = Scenario(seen.detail, seen.invariant, seen.requirement, game[0], tuple(game[1]))
        frames = () if stage is None else tuple(stage.network.frames)
        return CounterExample((phase,), seen, scenario, reproduced, frames)


def _kind(broken: Broken) -> tuple[Invariant, str]:
    return broken.invariant, broken.requirement
