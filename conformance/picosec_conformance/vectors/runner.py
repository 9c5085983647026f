"""Judges an implementation by the vectors: depth one of driving a target (spec/v1/conformance.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from picosec_conformance.vectors.child import Shim, ShimBroke
from picosec_conformance.vectors.model import VERSION, Case, VectorFile, load

#: After this many breaks without an answer in between, the rest is not asked.
PATIENCE = 5


class Verdict(StrEnum):
    """What became of one case."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one case; ``detail`` says what was wrong."""

    file: str
    case: Case
    operation: str
    verdict: Verdict
    detail: str = ""


def load_all(folder: Path, chapter: str = "", operation: str = "") -> list[VectorFile]:
    """Read the files below ``folder`` in a stable order; empty arguments select all."""
    files = [load(path) for path in sorted(folder.glob("*/*.json"))]
    return [file for file in files if chapter in ("", file.chapter) and operation in ("", file.operation)]


def judge(case: Case, answer: dict[str, Any]) -> tuple[Verdict, str]:
    """Compare an answer with the one right answer. A crash is not a rejection, and a rejection must name its reason."""
    if "unsupported" in answer:
        return Verdict.UNSUPPORTED, ""
    if "crash" in answer:
        return Verdict.FAILED, f"crashed: {answer['crash'].splitlines()[0][:200]}"
    if case.error is not None:
        if answer.get("error") == case.error:
            return Verdict.PASSED, ""
        got = f"rejected with {answer['error']}" if "error" in answer else "accepted"
        return Verdict.FAILED, f"{got}, must be rejected with {case.error}"
    if "error" in answer:
        return Verdict.FAILED, f"rejected with {answer['error']}, must be accepted"
    difference = first_difference(case.output, answer["output"])
    return (Verdict.FAILED, difference) if difference else (Verdict.PASSED, "")


def first_difference(expected: Any, got: Any, where: str = "output") -> str:
    """Say where two pieces of JSON data first differ; empty when they are equal. ``1``, ``1.0`` and ``true`` differ."""
    if type(expected) is not type(got):
        return f"{where}: expected {_short(expected)}, got {_short(got)}"
    if isinstance(expected, dict):
        for name in (*expected, *got):
            if name not in got or name not in expected:
                return f"{where}.{name}: {'missing' if name not in got else 'not expected'}"
        pairs = [(f"{where}.{name}", expected[name], got[name]) for name in expected]
    elif isinstance(expected, list):
        if len(expected) != len(got):
            return f"{where}: expected {len(expected)} items, got {len(got)}"
        pairs = [(f"{where}[{n}]", one, other) for n, (one, other) in enumerate(zip(expected, got, strict=True))]
    else:
        return "" if expected == got else f"{where}: expected {_short(expected)}, got {_short(got)}"
    return next((found for at, one, other in pairs if (found := first_difference(one, other, at))), "")


def ask_all(
    files: Iterable[VectorFile],
    command: list[str],
    timeout: float,
    progress: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Ask a shim every case. Raises ``OSError`` when the command cannot be started."""
    outcomes = []
    with Shim(command, timeout) as shim:
        for outcome in _outcomes(files, shim):
            progress(outcome)
            outcomes.append(outcome)
    return outcomes


def _outcomes(files: Iterable[VectorFile], shim: Shim) -> Iterator[Outcome]:
    breaks = 0
    for file in files:
        for case in file.cases:
            if breaks >= PATIENCE:
                detail = f"not asked: the shim broke {PATIENCE} times in a row"
                yield Outcome(file.path, case, file.operation, Verdict.BROKEN, detail)
                continue
            try:
                verdict, detail = judge(case, shim.ask(file.operation, case.inputs))
            except ShimBroke as broke:
                breaks += 1
                verdict, detail = Verdict.BROKEN, f"the shim broke: {broke}"
            else:
                breaks = 0
            yield Outcome(file.path, case, file.operation, verdict, detail)


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count the verdicts."""
    total = {verdict.value: 0 for verdict in Verdict}
    for outcome in outcomes:
        total[outcome.verdict.value] += 1
    return total


def exit_status(outcomes: list[Outcome]) -> int:
    """0 when all that the shim supports passed and it supports something, 1 when not, 3 when the shim broke."""
    total = counts(outcomes)
    if total["broken"]:
        return 3
    return 0 if total["passed"] and not total["failed"] else 1


def to_json(outcomes: list[Outcome], command: str, seconds: float) -> str:
    """Return the text of a run's report (vectors/schema/run.schema.json)."""
    names = dict.fromkeys(outcome.operation for outcome in outcomes)
    data = {
        "version": VERSION,
        "shim": command,
        "seconds": round(seconds, 3),
        "counts": counts(outcomes),
        "operations": {name: counts(o for o in outcomes if o.operation == name) for name in names},
        "cases": [
            {
                "file": outcome.file,
                "id": outcome.case.id,
                "operation": outcome.operation,
                "requirements": list(outcome.case.requirements),
                "verdict": outcome.verdict.value,
                "detail": outcome.detail,
            }
            for outcome in outcomes
        ],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"
