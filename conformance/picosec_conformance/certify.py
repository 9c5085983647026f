"""One run of the suite against one target: from a manifest to a report."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shlex
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

import picosec
from picosec_conformance.adapters import AdapterError, ConnectionEnded, TargetDied, open_adapter
from picosec_conformance.manifest import Manifest
from picosec_conformance.report import model
from picosec_conformance.report.model import FeatureTruth, Report, RequirementResult, State, TestResult, Verdict
from picosec_conformance.selection import Selection
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import Requirement
from picosec_conformance.target import Silence, Target
from picosec_conformance.verdicts import from_wire

SUITE = Path(__file__).with_name("suite")
#: Seconds that a target may take from its start to its first answer.
_TIME_TO_START = 20.0
_FAILURES = frozenset({Verdict.FAILED, Verdict.EXPECTED_FAIL})
_NO_VERDICT = frozenset({Verdict.ERROR, Verdict.INCONCLUSIVE})


class HarnessError(Exception):
    """The suite itself could not run. The text says what pytest reported."""


@dataclass(slots=True)
class Collector:
    """Receives every verdict as it falls, also from worker processes."""

    progress: Callable[[TestResult], None]
    started: Callable[[int], None]
    results: list[TestResult] = field(default_factory=list)
    records: dict[str, bytes] = field(default_factory=dict)
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

    def pytest_internalerror(self, excrepr: object) -> bool:
        """Note a fault of the harness, so that pytest need not print it."""
        self.broken.append(str(excrepr))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdict that the plugin attached."""
        if report.when != "teardown":
            return
        for name, value in cast(list[tuple[str, Any]], report.user_properties):
            if name == "observed":
                feature, seen = value
                self.observed[feature] = seen
            elif name == "picosec-transcript" and value[1]:
                test, self.records[test] = value
            elif name == "picosec":
                result = from_wire(value)
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
    began: datetime | None = None,
    transcript: bytes | None = None,
    progress: Callable[[TestResult], None] = lambda result: None,
    started: Callable[[int], None] = lambda count: None,
    recorded: Callable[[bytes], None] = lambda transcript: None,
) -> Report:
    """Run every chosen test and return the report. Raises ``HarnessError`` when pytest itself gives up.

    ``recorded`` is called with the transcript of the run. With ``transcript``, the run happens against that one instead
    of the target, and ``began`` is when it was made: nothing else about the run knows what day it is.
    """
    collector = Collector(progress, started)
    began, moment = began or datetime.now(UTC), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="picosec-") as folder:
        arguments = pytest_arguments(manifest, selection, seed, suite, fault, began)
        arguments += ["--picosec-manifest", _file(folder, "target.toml", manifest.text.encode())]
        if transcript is not None:
            arguments += ["--picosec-transcript", _file(folder, "transcript", transcript)]
        if jobs > 1:
            arguments += ["-n", str(jobs), "--dist", "worksteal"]
        code = pytest.main(arguments, plugins=[collector])
    seconds = time.perf_counter() - moment
    if collector.broken or code not in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ):
        raise HarnessError("\n".join(collector.broken) or f"pytest ended with {code!r}")
    results = tuple(sorted(collector.results, key=lambda result: result.id))
    _nothing_is_missing(selection, results)
    recorded(b"".join(collector.records[test] for test in sorted(collector.records)))
    return _report(manifest, selection, seed, results, collector.observed, seconds, began, suite_hash(suite))


def first_contact(manifest: Manifest) -> None:
    """See that there is something to judge: a target that answers a ping.

    Raises ``AdapterError`` when the link cannot be made or nobody answers: a run would say nothing about the target.
    """
    adapter = open_adapter(manifest.adapter)
    try:
        adapter.start()
        target = Target(adapter, replace(manifest, answer_timeout=max(manifest.answer_timeout, _TIME_TO_START)))
        if not target.form.datagrams:
            target.connect()
        if manifest.calls:
            target.call("/x")
            target.receive("a request of the client")
        else:
            target.until_probe_answered()
    except (Silence, TargetDied, ConnectionEnded) as error:
        raise AdapterError(f"no answer to a first ping ({error}); is this the target, and is it running?") from error
    finally:
        adapter.close()


def pytest_arguments(
    manifest: Manifest, selection: Selection, seed: int, suite: Path, fault: str | None, began: datetime
) -> list[str]:
    """Return what pytest is called with; the suite's own configuration applies, and nobody else's."""
    arguments = [str(suite), "-c", str(SUITE / "pytest.ini"), "--rootdir", str(suite), "--import-mode=importlib"]
    arguments += ["-p", "picosec_conformance.plugin"]
    for unused in ("cacheprovider", "terminal", "faulthandler", "hypothesispytest"):
        arguments += ["-p", f"no:{unused}"]
    arguments += ["--picosec-source", manifest.source, "--picosec-profile", manifest.profile.name]
    arguments += ["--picosec-seed", str(seed), "--picosec-today", began.date().isoformat()]
    arguments += ["--picosec-set", selection.judged_by.version]
    arguments += ["--picosec-fault", fault] if fault is not None else []
    return arguments + [f"--picosec-{kind}={name}" for kind, _, name in (w.partition(" ") for w in selection.words)]


def _file(folder: str, name: str, content: bytes) -> str:
    path = Path(folder, name)
    path.write_bytes(content)
    return str(path)


def _nothing_is_missing(selection: Selection, results: Iterable[TestResult]) -> None:
    """A frozen set counts certain tests; a suite that lost one of them cannot judge by it."""
    ran = {result.id for result in results}
    counted: Mapping[str, tuple[str, ...]] = selection.judged_by.tests or {}
    missing = [test for test, names in counted.items() if test not in ran and selection.takes(test, names)]
    if missing:
        raise HarnessError(
            f"requirement set {selection.judged_by.version} counts {len(missing)} tests that this suite does not have, "
            f"such as {missing[0]}: judge by it with the suite that it was frozen with"
        )


def _report(
    manifest: Manifest,
    selection: Selection,
    seed: int,
    results: tuple[TestResult, ...],
    observed: dict[str, bool],
    seconds: float,
    began: datetime,
    suite: str,
) -> Report:
    requirements = tuple(_requirement(row, results, manifest) for row in selection.full.values())
    features = tuple(
        _truth(name, manifest, observed.get(name), complete=selection.complete)
        for name in load_registry().features
        if name in selection.judged_by.features and _concerns(name, manifest)
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
                known.until.isoformat(),
            )
            for known in manifest.known_failures
        ),
        selection=selection.words,
        specification_version=selection.judged_by.specification,
        set_version=selection.judged_by.version,
        requirement_set=selection.judged_by.hash,
        errata=tuple(
            model.Erratum(erratum.requirement, erratum.date, erratum.text)
            for erratum in selection.judged_by.errata
            if erratum.requirement in selection.full
        ),
        suite_version=importlib.metadata.version("picosec"),
        suite_hash=suite,
        command=shlex.join([*command, *selection.judged_by.argument]),
        started=began.isoformat(timespec="seconds"),
    )


def _requirement(row: Requirement, results: Iterable[TestResult], manifest: Manifest) -> RequirementResult:
    """Judge one requirement by its tests: one failure decides, and what no test showed is untested."""
    tests = [result for result in results if row.id in result.requirements]
    verdicts = {result.verdict for result in tests}
    if manifest.profile.plain and not row.standard and manifest.black_box:
        state, reason = State.NOT_APPLICABLE, "it is about the Test Interface"
    elif row.check == "inspection":
        state, reason = State.INSPECTION, row.reason
    elif verdicts & _FAILURES:
        state, reason = State.FAILED, next(result.reason for result in tests if result.verdict in _FAILURES)
    elif verdicts & _NO_VERDICT:
        state, reason = State.UNTESTED, next(result.reason for result in tests if result.verdict in _NO_VERDICT)
    elif Verdict.PASSED in verdicts:
        state, reason = State.PASSED, ""
    elif lacking := row.condition.lacks(manifest.features.union(manifest.profile.required)):
        state, reason = State.NOT_APPLICABLE, f"{lacking[0]} is not declared"
    else:
        state = State.UNTESTED
        reason = next((result.reason for result in tests), "no test of this run judges it")
    names = tuple(result.id for result in tests)
    level = manifest.profile.level(row)
    return RequirementResult(row.id, row.title, level, row.feature, state, names, row.chapter, row.text, reason)


def _concerns(feature: str, manifest: Manifest) -> bool:
    outside = manifest.declares(feature) and not manifest.profile.plain
    return feature in manifest.profile.features or outside


def _truth(feature: str, manifest: Manifest, observed: bool | None, *, complete: bool) -> FeatureTruth:
    """Hold what is declared against what was seen: four cells, and a fifth for what was not looked for.

    In a complete run, what could not be seen was not seen.
    """
    declared, required = manifest.declares(feature), feature in manifest.profile.required
    verdict: model.TruthVerdict
    if required and not declared:
        verdict = "fail"
    elif declared:
        verdict = "ok" if observed or (observed is None and not complete) else "fail"
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
        missing = [row.id for row in judged if row.state == state and row.level == "MUST"]
        if missing:
            yield f"{len(missing)} requirements {words}: {', '.join(missing[:8])}{', …' if len(missing) > 8 else ''}"
    broken = [result.id for result in results if result.verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE)]
    if broken:
        yield f"{len(broken)} tests gave no verdict: {', '.join(broken[:4])}{', …' if len(broken) > 4 else ''}"
    if selection.complete:
        wrong = [truth.name for truth in features if truth.verdict == "fail"]
        if wrong:
            yield f"features do not hold: {', '.join(wrong)}"


#: What the harness and the reference do besides reaching verdicts; changes there leave the suite the same.
_BESIDE = frozenset(
    {
        "__main__",
        "bench",
        "bundle",
        "cli",
        "commands",
        "faults",
        "mutants",
        "net",
        "peers",
        "report",
        "vectors",
        "wire",
    }
)


def suite_hash(suite: Path = SUITE) -> str:
    """Return the SHA-256 over everything that reaches the verdicts, so that two reports can be compared.

    These are the tests with their data, the harness that runs them, and the parts of the reference that are its peer.
    """
    digest = hashlib.sha256()
    for name, root in (("suite", suite), ("harness", Path(__file__).parent), ("peer", Path(picosec.__file__).parent)):
        for path in sorted(path for path in root.rglob("*" if name == "suite" else "*.py") if path.is_file()):
            inside = path.relative_to(root)
            part = inside.parts[0].removesuffix(".py")
            if "__pycache__" not in inside.parts and (name == "suite" or part not in {*_BESIDE, "suite"}):
                digest.update(f"{name}/{inside.as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def default_jobs(manifest: Manifest) -> int:
    """Return how many targets may run at once: a program can be started several times, one device on a line cannot."""
    return min(2, os.cpu_count() or 1) if manifest.adapter["kind"] == "subprocess" else 1
