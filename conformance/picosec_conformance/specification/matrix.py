"""The traceability matrix: what shows each requirement. Computed from tests, vectors, faults and pages."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from picosec_conformance import plugin
from picosec_conformance.faults import load_faults
from picosec_conformance.resources import vectors_folder
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements

SUITE = Path(__file__).parents[1] / "suite"
_QUOTED = re.compile(r"`([a-z_]+)`")


@dataclass(frozen=True, slots=True)
class Trace:
    """What names one requirement: functions of the suite, vectors (``file#case``), faults; and the errors it names."""

    tests: tuple[str, ...]
    vectors: tuple[str, ...]
    faults: tuple[str, ...]
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
            tuple(fault.name for fault in load_faults().values() if fault.requirement == row.id),
            tuple(name for name in dict.fromkeys(_QUOTED.findall(row.text)) if name in names),
        )
        for row in load_requirements().values()
    }


@cache
def tests_by_requirement() -> dict[str, list[str]]:
    """Return the test functions of the suite by the requirement they name. Raises ``MatrixError``."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for test, requirements in requirements_by_test().items():
        for requirement in requirements:
            found[requirement][test.partition("[")[0]] = None
    return {name: list(rows) for name, rows in found.items()}


@cache
def requirements_by_test() -> dict[str, tuple[str, ...]]:
    """Collect the suite, without running it, and return the requirements that each test names, by the test's id.

    Raises ``MatrixError``.
    """
    collector = _Collector()
    arguments = [str(SUITE), "-c", str(SUITE / "pytest.ini"), "--rootdir", str(SUITE), "--import-mode=importlib"]
    arguments += ["--collect-only", "-p", "no:terminal", "-p", "no:cacheprovider"]
    pytest.main(arguments, plugins=[collector, plugin])
    if collector.broken:
        raise MatrixError("\n".join(collector.broken))
    return collector.found


class _Collector:
    """Reads requirement marks during collection."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, ...]] = {}
        self.broken: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            try:
                self.found[plugin.name_of(item)] = plugin.describe(item).requirements
            except pytest.UsageError as error:
                self.broken.append(str(error))

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
