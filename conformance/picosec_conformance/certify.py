"""One run of the suite against one target: from a manifest to a report."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shlex
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from picosec_conformance import plugin
from picosec_conformance.manifest import Manifest
from picosec_conformance.report import model
from picosec_conformance.report.model import FeatureTruth, Report, RequirementResult, State, TestResult, Verdict
from picosec_conformance.resources import spec_folder
from picosec_conformance.selection import Selection
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import Requirement

SUITE = Path(__file__).with_name("suite")
_BAD = frozenset({Verdict.FAILED, Verdict.ERROR})


class HarnessError(Exception):
    """The suite itself could not run. The text says what pytest reported."""


@dataclass(slots=True)
class Collector:
    """Receives every verdict as it falls, also from worker processes."""

    progress: Callable[[TestResult], None]
    started: Callable[[int], None]
    results: list[TestResult] = field(default_factory=list)
    observed: dict[str, bool] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn how many tests there are."""
        if session.items:
            self.started(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Learn how many tests there are when workers run them."""
        self.started(len(ids))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a test module that does not import."""
        if report.failed:
            self.broken.append(str(report.longrepr))

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note a fault of the harness."""
        self.broken.append(str(excrepr))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdict that the plugin attached."""
        if report.when != "teardown":
            return
        for name, value in cast(list[tuple[str, Any]], report.user_properties):
            if name == "observed":
                feature, seen = value
                self.observed[feature] = seen
            elif name == "picosec":
                result = plugin.from_wire(value)
                self.results.append(result)
                self.progress(result)


def run_suite(
    manifest: Manifest,
    selection: Selection,
    seed: int,
    *,
    jobs: int = 1,
    suite: Path = SUITE,
    fault: str | None = None,
    progress: Callable[[TestResult], None] = lambda result: None,
    started: Callable[[int], None] = lambda count: None,
) -> Report:
    """Run every chosen test and return the report. Raises ``HarnessError`` when pytest itself gives up."""
    chapters = [word.partition(" ")[2] for word in selection.words if word.startswith("chapter ")]
    named = [word.partition(" ")[2] for word in selection.words if word.startswith("requirement ")]
    arguments = [str(suite), "-c", str(SUITE / "pytest.ini"), "--rootdir", str(suite), "--import-mode=importlib"]
    arguments += [
        "-p",
        "picosec_conformance.plugin",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-p",
        "no:faulthandler",
    ]
    arguments += ["-p", "no:hypothesispytest", "--picosec-manifest", manifest.source]
    arguments += ["--picosec-profile", manifest.profile.name, "--picosec-seed", str(seed)]
    arguments += ["--picosec-fault", fault] if fault is not None else []
    arguments += [f"--picosec-chapter={chapter}" for chapter in chapters]
    arguments += [f"--picosec-requirement={name}" for name in named]
    if jobs > 1:
        arguments += ["-n", str(jobs), "--dist", "worksteal"]
    collector = Collector(progress, started)
    began, moment = datetime.now(UTC), time.perf_counter()
    code = pytest.main(arguments, plugins=[collector])
    seconds = time.perf_counter() - moment
    if collector.broken or code not in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ):
        raise HarnessError("\n".join(collector.broken) or f"pytest ended with {code!r}")
    results = tuple(sorted(collector.results, key=lambda result: result.id))
    return _report(manifest, selection, seed, results, collector.observed, seconds, began)


def _report(
    manifest: Manifest,
    selection: Selection,
    seed: int,
    results: tuple[TestResult, ...],
    observed: dict[str, bool],
    seconds: float,
    began: datetime,
) -> Report:
    requirements = tuple(_requirement(row, results, manifest) for row in selection.full.values())
    features = tuple(
        _truth(name, manifest, observed.get(name)) for name in load_registry().features if _concerns(name, manifest)
    )
    reasons = tuple(_reasons(selection, results, requirements, features))
    command = ["picosec", "certify", *manifest.argument, "--profile", manifest.profile.name, "--seed", str(seed)]
    return Report(
        certified=not reasons and selection.complete,
        profile=manifest.profile.name,
        profile_title=manifest.profile.title,
        target=model.Target(
            manifest.name,
            manifest.version,
            manifest.vendor,
            manifest.profile.role,
            manifest.adapter["kind"],
            manifest.source,
        ),
        seed=seed,
        seconds=seconds,
        tests=results,
        requirements=requirements,
        features=features,
        reasons=reasons,
        known_failures=tuple(
            model.KnownFailure(
                known.test,
                known.reason,
                any(r.id == known.test and r.verdict == Verdict.EXPECTED_FAIL for r in results),
            )
            for known in manifest.known_failures
        ),
        selection=selection.words,
        specification_version=load_registry().version,
        requirement_set=hashlib.sha256((spec_folder() / "requirements.json").read_bytes()).hexdigest(),
        suite_version=importlib.metadata.version("picosec"),
        suite_hash=_suite_hash(),
        command=shlex.join(command),
        started=began.isoformat(timespec="seconds"),
    )


def _requirement(row: Requirement, results: Iterable[TestResult], manifest: Manifest) -> RequirementResult:
    """Judge one requirement by its tests: one failure decides, and what no test showed is untested."""
    tests = [result for result in results if row.id in result.requirements]
    verdicts = {result.verdict for result in tests}
    if row.check == "inspection":
        state, reason = State.INSPECTION, row.reason
    elif verdicts & _BAD or Verdict.EXPECTED_FAIL in verdicts:
        state = State.FAILED
        reason = next(r.reason for r in tests if r.verdict in _BAD or r.verdict == Verdict.EXPECTED_FAIL)
    elif Verdict.PASSED in verdicts:
        state, reason = State.PASSED, ""
    elif not manifest.declares(row.feature) and row.feature not in manifest.profile.required:
        state, reason = State.NOT_APPLICABLE, f"{row.feature} is not declared"
    else:
        state = State.UNTESTED
        reason = next((result.reason for result in tests), "no test of this run judges it")
    names = tuple(result.id for result in tests)
    return RequirementResult(row.id, row.title, row.level, row.feature, state, names, row.page, row.text, reason)


def _concerns(feature: str, manifest: Manifest) -> bool:
    return feature in manifest.profile.features or manifest.declares(feature)


def _truth(feature: str, manifest: Manifest, observed: bool | None) -> FeatureTruth:
    """Hold what is declared against what was seen: four cells, and a fifth for what could not be seen."""
    declared, required = manifest.declares(feature), feature in manifest.profile.required
    verdict: model.TruthVerdict
    if required and not declared:
        verdict = "fail"
    elif declared:
        verdict = "fail" if observed is False else "ok"
    else:
        verdict = "warn" if observed else "absent"
    return FeatureTruth(feature, declared, observed, required, verdict, load_registry().features[feature])


def _reasons(
    selection: Selection,
    results: tuple[TestResult, ...],
    requirements: tuple[RequirementResult, ...],
    features: tuple[FeatureTruth, ...],
) -> Iterable[str]:
    """Say in sentences what stands between the target and its certificate, within what the run judges."""
    judged = [row for row in requirements if row.id in selection.chosen]
    for state, words in ((State.FAILED, "failed"), (State.UNTESTED, "not tested")):
        missing = [row.id for row in judged if row.state == state and (row.level == "MUST" or state == State.FAILED)]
        if missing:
            yield f"{len(missing)} requirements {words}: {', '.join(missing[:8])}{', …' if len(missing) > 8 else ''}"
    broken = [result.id for result in results if result.verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE)]
    if broken:
        yield f"{len(broken)} tests gave no verdict: {', '.join(broken[:4])}{', …' if len(broken) > 4 else ''}"
    if selection.complete:
        wrong = [truth.name for truth in features if truth.verdict == "fail"]
        if wrong:
            yield f"features do not hold: {', '.join(wrong)}"


def _suite_hash() -> str:
    """Return the SHA-256 over the suite's modules, so that two reports can be compared."""
    digest = hashlib.sha256()
    for path in sorted(SUITE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def default_jobs(manifest: Manifest) -> int:
    """Return how many targets may run at once: a program can be started several times, one device on a line cannot."""
    return min(2, os.cpu_count() or 1) if manifest.adapter["kind"] == "subprocess" else 1
