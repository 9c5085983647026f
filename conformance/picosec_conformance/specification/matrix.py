"""The traceability matrix: what shows each requirement. Computed from tests, vectors and pages; nobody edits it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from picosec_conformance import plugin
from picosec_conformance.resources import vectors_folder
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements

SUITE = Path(__file__).parents[1] / "suite"
_QUOTED = re.compile(r"`([a-z_]+)`")


@dataclass(frozen=True, slots=True)
class Trace:
    """What names one requirement: functions of the suite, vectors (``file#case``); and the errors its text names."""

    tests: tuple[str, ...]
    vectors: tuple[str, ...]
    errors: tuple[str, ...]


class MatrixError(Exception):
    """The suite cannot be read: a module does not import, or a test names no requirement. The text says which."""


@cache
def trace() -> dict[str, Trace]:
    """Return the trace of every requirement by id, in page order. Raises ``MatrixError``."""
    tests, vectors = tests_by_requirement(), vectors_by_requirement()
    names = {entry.name for entry in load_registry().errors}
    return {
        row.id: Trace(
            tuple(tests.get(row.id, ())),
            tuple(vectors.get(row.id, ())),
            tuple(name for name in dict.fromkeys(_QUOTED.findall(row.text)) if name in names),
        )
        for row in load_requirements().values()
    }


@cache
def tests_by_requirement() -> dict[str, list[str]]:
    """Collect the suite, without running it, and return its test functions by the requirement they name."""
    collector = _Collector()
    arguments = [str(SUITE), "-c", str(SUITE / "pytest.ini"), "--rootdir", str(SUITE), "--import-mode=importlib"]
    arguments += ["--collect-only", "-p", "no:terminal", "-p", "no:cacheprovider"]
    pytest.main(arguments, plugins=[collector, plugin])
    if collector.broken:
        raise MatrixError("\n".join(collector.broken))
    return {name: list(dict.fromkeys(rows)) for name, rows in collector.found.items()}


class _Collector:
    """Reads requirement marks during collection."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = defaultdict(list)
        self.broken: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            try:
                info = plugin.describe(item)
            except pytest.UsageError as error:
                self.broken.append(str(error))
                continue
            name = f"{item.path.name}::{item.name}".partition("[")[0]
            for requirement in info.requirements:
                self.found[requirement].append(name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(str(report.longrepr))


@cache
def vectors_by_requirement() -> dict[str, list[str]]:
    """Read the vector files and return ``chapter/file#case`` by the requirement that the case names."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(vectors_folder().glob("*/*.json")):
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            for requirement in case["requirements"]:
                found[requirement].append(f"{path.parent.name}/{path.stem}#{case['id']}")
    return dict(found)
