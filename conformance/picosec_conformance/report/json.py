"""The report as JSON, under ``report.schema.json`` beside this module."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema

from picosec_conformance.report.model import Frame, Report, RequirementResult, State, TestResult, Verdict


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of a report."""
    text = files("picosec_conformance.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def check(document: object) -> None:
    """Hold a parsed report against the schema and its own sums. Raises ``jsonschema.ValidationError``."""
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert isinstance(document, dict)
    for name in ("requirements", "tests"):
        counts = document[name]
        if sum(number for state, number in counts.items() if state != "total") != counts["total"]:
            raise jsonschema.ValidationError(f"{name}: the states do not add up to the total", path=[name])


def to_json(report: Report) -> str:
    """Return the report as JSON text."""
    return json.dumps(document(report), indent=1, ensure_ascii=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """Return the report as JSON values."""
    states, verdicts = report.states, report.verdicts
    return {
        "certified": report.certified,
        "reasons": list(report.reasons),
        "selection": list(report.selection),
        "profile": {"name": report.profile, "title": report.profile_title},
        "target": {
            name: getattr(report.target, name) for name in ("name", "version", "vendor", "role", "adapter", "manifest")
        },
        "seed": report.seed,
        "seconds": round(report.seconds, 6),
        "started": report.started,
        "command": report.command,
        "versions": {
            "specification": report.specification_version,
            "set": report.set_version,
            "requirement_set": report.requirement_set,
            "suite": report.suite_version,
            "suite_hash": report.suite_hash,
        },
        "requirements": {"total": len(report.requirements), **{_key(state): states[state] for state in State}},
        "tests": {"total": len(report.tests), **{_key(verdict): verdicts[verdict] for verdict in Verdict}},
        "features": [
            {
                "name": truth.name,
                "declared": truth.declared,
                "observed": truth.observed,
                "required": truth.required,
                "verdict": truth.verdict,
            }
            for truth in report.features
        ],
        "known_failures": [
            {"test": known.test, "reason": known.reason, "until": known.until, "happened": known.happened}
            for known in report.known_failures
        ],
        "errata": [
            {"requirement": erratum.requirement, "date": erratum.date, "text": erratum.text}
            for erratum in report.errata
        ],
        "requirement_results": [_requirement(row) for row in report.requirements],
        "test_results": [_test(row) for row in report.tests],
    }


def _key(name: str) -> str:
    return name.replace("-", "_")


def _requirement(row: RequirementResult) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "level": row.level,
        "chapter": row.chapter,
        "feature": row.feature,
        "state": str(row.state),
        "reason": row.reason,
        "tests": list(row.tests),
    }


def _test(row: TestResult) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "story": row.story,
        "requirements": list(row.requirements),
        "features": list(row.features),
        "verdict": str(row.verdict),
        "seconds": round(row.seconds, 6),
        "reason": row.reason,
        "replay": row.replay,
        "frames": [_frame(frame) for frame in row.frames],
    }


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "direction": frame.direction,
        "peer": frame.peer,
        "link": frame.link,
        "seconds": round(frame.seconds, 6),
        "layer": frame.layer,
        "data": frame.data.hex(),
        "note": frame.note,
    }
