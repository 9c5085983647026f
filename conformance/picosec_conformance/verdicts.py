"""How outcomes become verdicts, and how results travel from a worker to the process that reports."""

from __future__ import annotations

import re
from typing import Any

import pytest

from picosec.errors import ProtocolError
from picosec_conformance.adapters import AdapterError
from picosec_conformance.manifest import NotGiven
from picosec_conformance.report.model import Frame, TestResult, Verdict
from picosec_conformance.settings import Settings


class Inconclusive(Exception):
    """A test cannot tell, and says why. Neither a pass nor the target's fault."""


def verdict_of(outcome: pytest.ExceptionInfo[BaseException] | None) -> tuple[Verdict, str]:
    """Return the verdict on what a test raised, with the reason in words; a skip, or something that the
    manifest does not give, is not applicable."""
    match outcome and outcome.value:
        case None:
            return Verdict.PASSED, ""
        case pytest.skip.Exception() as skipped:
            return Verdict.NOT_APPLICABLE, str(skipped.msg)
        case NotGiven() as missing:
            return Verdict.NOT_APPLICABLE, str(missing)
        case Inconclusive() as reason:
            return Verdict.INCONCLUSIVE, str(reason)
        case AssertionError() | pytest.fail.Exception() | ProtocolError() as failure:
            return Verdict.FAILED, _ADDRESS.sub("", str(failure)) or type(failure).__name__
        case AdapterError() as broken:
            return Verdict.ERROR, str(broken)
        case error:
            return Verdict.ERROR, _ADDRESS.sub("", f"{type(error).__name__}: {error}")


#: Where an object lay in memory tells nobody anything, and differs from run to run.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+(?=>)")


def apply_known_failures(test: str, verdict: Verdict, reason: str, settings: Settings) -> tuple[Verdict, str]:
    """Apply the manifest's known failures, strictly: one that does not happen, or has expired, is a failure."""
    for known in settings.manifest.known_failures:
        if known.test == test:
            if verdict == Verdict.FAILED and settings.today <= known.until:
                return Verdict.EXPECTED_FAIL, f"{known.reason} ({reason})"
            if verdict == Verdict.FAILED:
                return Verdict.FAILED, f"{reason} (known until {known.until}, which is past: {known.reason})"
            if verdict == Verdict.PASSED:
                return Verdict.FAILED, "the manifest lists this as a known failure, but it passes; remove the entry"
    return verdict, reason


def to_wire(result: TestResult) -> dict[str, Any]:
    """Return a result as plain values, which a worker can send to the process that reports."""
    values = {name: getattr(result, name) for name in TestResult.__slots__}
    frames = [[f.direction, f.seconds, f.data.hex(), f.note, f.layer, f.peer, f.link] for f in result.frames]
    return {**values, "verdict": result.verdict.value, "frames": frames}


def from_wire(values: dict[str, Any]) -> TestResult:
    """Undo ``to_wire``."""
    frames = tuple(
        Frame(d, s, bytes.fromhex(data), note, layer, peer, link)
        for d, s, data, note, layer, peer, link in values["frames"]
    )
    return TestResult(
        **{
            **values,
            "requirements": tuple(values["requirements"]),
            "features": tuple(values["features"]),
            "verdict": Verdict(values["verdict"]),
            "frames": frames,
        }
    )
