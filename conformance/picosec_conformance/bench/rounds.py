"""Fair turns: contenders run one after the other in short turns, over many rounds, on one core."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: ``rounds`` turns for each contender, each of about ``turn`` seconds of processor time."""

    rounds: int
    turn: float


FULL = Plan(rounds=15, turn=0.25)
QUICK = Plan(rounds=3, turn=0.02)


@runtime_checkable
class Timed(Protocol):
    """A contender that runs in another process, and is timed there."""

    def seconds(self, times: int) -> float:
        """Return the processor time that so many calls took."""


Contender = Callable[[], object] | Timed


def rates(contenders: Mapping[str, Contender], plan: Plan, progress: Callable[[str], None]) -> dict[str, float]:
    """Return each contender's calls per second of processor time: the median of its turns.

    Processor time, not the clock on the wall, because another program's turn on the core is not the contender's work.
    Turns alternate so that a slow phase of the machine slows all alike, and change their order from round to round.
    """
    sizes = {name: _turn_size(call, plan.turn) for name, call in contenders.items()}
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for number in range(plan.rounds):
        progress(f"round {number + 1} of {plan.rounds}")
        for name in order:
            measured[name].append(sizes[name] / _seconds(contenders[name], sizes[name]))
        order.append(order.pop(0))
    return {name: median(values) for name, values in measured.items()}


def _turn_size(call: Contender, seconds: float) -> int:
    """How many calls fill one turn. Also warms the contender up."""
    size = 1
    while (taken := _seconds(call, size)) < seconds / 4:
        size *= 2
    return max(1, round(size * seconds / taken))


def _seconds(call: Contender, times: int) -> float:
    """Processor time of ``times`` calls. Garbage of the contender before is collected first, not during."""
    if isinstance(call, Timed):
        return max(call.seconds(times), 1e-9)
    gc.collect()
    started = process_time()
    for _ in range(times):
        call()
    return max(process_time() - started, 1e-9)
