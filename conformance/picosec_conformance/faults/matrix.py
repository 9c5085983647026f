"""The kill matrix: every fault against the suite (fault × test), each fault as a target process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from picosec_conformance.faults import Fault
from picosec_conformance.faults.workers import Outcome, Task, Workers

#: The last words of a program that calls what is not there, or not in that way: code changed, and its fault did not.
_MISHAP = re.compile(r"last words: ((?:AttributeError|ImportError|NameError|TypeError|UnboundLocalError)\b.*)\)")


@dataclass(frozen=True, slots=True)
class Kill:
    """What the suite said of one fault. ``by`` names the failing tests that name the violated requirement.

    A test that breaks instead of failing (``broken``) blames the harness, and kills nothing. ``mishap`` says of what
    the reference died when it was the fault's own mistake: the fault then does not do what its story tells.
    """

    fault: Fault
    by: tuple[str, ...]
    unrelated: tuple[str, ...]
    broken: tuple[str, ...]
    mishap: str
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether a test that names the violated requirement failed, over what the fault is about."""
        return bool(self.by) and not self.mishap


def failing_without_fault(workers: Workers, requirements: Iterable[str], jobs: int) -> list[str]:
    """Return the tests of these requirements that fail on the unbroken reference: what they kill counts for nothing."""
    names = sorted(requirements)
    parts = [frozenset(names[first::jobs]) for first in range(min(jobs, len(names)))]
    outcomes = workers.run([Task(None, part) for part in parts])
    return sorted({test for run in outcomes for test in (*(failure.test for failure in run.failed), *run.broken)})


def run_faults(
    workers: Workers, faults: Iterable[Fault], *, full: bool = False, done: Callable[[Kill], None] = lambda kill: None
) -> list[Kill]:
    """Run the tests of each violated requirement against its fault, and report each in order.

    Every test meets a fault that survives those, or, with ``full``, each fault.
    """
    every = list(faults)
    kills = []
    first = workers.run([Task(fault.name, frozenset() if full else frozenset({fault.requirement})) for fault in every])
    for fault, outcome in zip(every, first, strict=True):
        kill = _kill(fault, outcome)
        kills.append(kill)
        done(kill)
    if full:
        return kills
    survivors = [kill.fault for kill in kills if not kill.by]
    again = dict(zip(survivors, workers.run([Task(fault.name) for fault in survivors]), strict=True))
    return [_kill(kill.fault, again[kill.fault]) if kill.fault in again else kill for kill in kills]


def _kill(fault: Fault, outcome: Outcome) -> Kill:
    by = tuple(failure.test for failure in outcome.failed if fault.requirement in failure.requirements)
    unrelated = tuple(failure.test for failure in outcome.failed if fault.requirement not in failure.requirements)
    mishap = next((found[1] for failure in outcome.failed if (found := _MISHAP.search(failure.reason))), "")
    return Kill(fault, by, unrelated, outcome.broken, mishap, outcome.seconds)


def document(kills: Sequence[Kill], bare: Sequence[str]) -> dict[str, Any]:
    """Return the matrix as JSON values, under ``matrix.schema.json``; ``bare`` are the requirements without a fault."""
    survived = [kill for kill in kills if not kill.killed]
    return {
        "faults": {
            "total": len(kills),
            "killed": len(kills) - len(survived),
            "survived": [kill.fault.name for kill in survived],
        },
        "requirements_without_fault": list(bare),
        "killed_by_unrelated_test_only": [kill.fault.name for kill in survived if kill.unrelated],
        "matrix": [
            {
                "fault": kill.fault.name,
                "requirement": kill.fault.requirement,
                "story": kill.fault.story,
                "killed_by": list(kill.by),
                "also_noticed_by": list(kill.unrelated),
            }
            for kill in kills
        ],
    }


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the matrix."""
    text = files("picosec_conformance.faults").joinpath("matrix.schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed
