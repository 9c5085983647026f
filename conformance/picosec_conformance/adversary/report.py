"""A run of the adversary in a terminal: figures, what broke, and how to see it again."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from picosec_conformance.adversary.invariants import TEXTS, Invariant
from picosec_conformance.adversary.network_picture import picture
from picosec_conformance.adversary.oracles import Oracle
from picosec_conformance.adversary.outcome import CounterExample, Outcome
from picosec_conformance.adversary.scenario import Scenario
from picosec_conformance.report.terminal import Style
from picosec_conformance.wire import printable

#: Below this, two distributions of times are said to differ.
NOTABLE = 0.001


def lines(outcome: Outcome, style: Style, files: Mapping[int, Path], width: int = 100) -> Iterator[str]:
    """Yield the lines of the report. ``files`` are where scenarios were written, by their place in the list."""
    rate = outcome.games / max(outcome.game_seconds, 1e-9)
    yield f"{outcome.games} games of {outcome.steps} moves in {outcome.game_seconds:.1f} s, {rate:.0f} games per second"
    for sweep in outcome.sweeps:
        yield f"sweep {sweep.name:<7}{sweep.cases:>7} cases, {sweep.frames} datagrams, {sweep.seconds:.1f} s"
        yield from map(style.dim, _wrapped(f"  {_counts(sweep.parts.items())}", width))
    yield ""
    yield from _wrapped(f"{outcome.acts.total()} datagrams: {_counts(outcome.acts.most_common())}", width)
    yield ""
    for oracle in outcome.oracles:
        yield from _oracle(oracle, width)
    yield ""
    for invariant in Invariant:
        broken = outcome.broken(invariant)
        mark = style.bad("x") if broken else style.good("+")
        line = f"{mark} {invariant.value:<15}{outcome.checks[invariant]:>8} checks  {TEXTS[invariant]}"
        yield style.bad(line) if broken else line
    for number, example in enumerate(outcome.counter_examples):
        yield ""
        yield from _counter_example(example, files.get(number), style, width)
    yield ""
    yield f"{outcome.seconds:.1f} s, seed {outcome.seed}"
    if outcome.stopped:
        yield style.bad(f"ended early: {outcome.stopped}")
    name = printable(f"{outcome.target.name} {outcome.target.version}".rstrip())
    yield style.good(f"HOLDS: {name}") if outcome.holds else style.bad(f"BROKEN: {name}")


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ")


def _oracle(oracle: Oracle, width: int) -> Iterator[str]:
    refused = f"refused alike for {len(oracle.reasons)} reasons ({oracle.requirement}), {oracle.rounds} times each"
    yield f"{oracle.name}: {refused}"
    medians = {name: time for each in oracle.timings for name, time in zip(each.reasons, each.times, strict=True)}
    times = ", ".join(f"{name} {time:.0f}" for name, time in medians.items())
    yield from _wrapped(f"  medians in µs: {times}", width)
    notable = sum(timing.comparison.p < NOTABLE for timing in oracle.timings)
    yield f"  {notable or 'none'} of {len(oracle.timings)} pairs differ in time (Mann-Whitney, p < {NOTABLE})"


def _counter_example(example: CounterExample, file: Path | None, style: Style, width: int) -> Iterator[str]:
    broken = example.broken
    found = f"found by {', '.join(example.phases)}"
    yield f"{style.bad('BROKEN')} {style.strong(broken.invariant)}  {broken.requirement}  ({found})"
    yield f"  {printable(broken.detail)}"
    if example.scenario is not None:
        yield from (f"  {line}" for line in moves(example.scenario))
    if not example.reproduced and example.scenario is not None:
        yield "  it did not happen again: the scenario is the whole game"
    if example.frames:
        yield ""
        yield from (f"  {line}" for line in picture(example.frames, width - 2))
    if file is not None:
        yield f"  again: {style.strong(f'picosec scenario {file}')}"


def moves(scenario: Scenario) -> Iterator[str]:
    """Yield a scenario as people read it: the setting, then one line for each move."""
    setting = scenario.setting
    suites, theirs = (",".join(map(str, each)) for each in (setting.suites, setting.target_suites))
    confirmed = ", message_4" if setting.message_4 else ""
    yield f"method {setting.method}, {setting.kind.value}, suites {suites} and {theirs}{confirmed}, seed {setting.seed}"
    for number, step in enumerate(scenario.steps, 1):
        yield f"{number:>3}. {step}"
    yield f"{len(scenario.steps) + 1:>3}. honest peers try to get through"
