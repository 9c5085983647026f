"""Runs the suite against many mutants: collected once, then a process of its own for each of them.

Starting pytest and reading the suite costs as much as a hundred tests. So one session collects the tests, and forks
for each mutant: the child puts the mutant where its target finds it, runs the tests until one fails, and tells which.
"""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import resource
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import cache_from_source
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

import pytest

from picosec_conformance import plugin
from picosec_conformance.certify import SUITE, pytest_arguments
from picosec_conformance.manifest import REFERENCE, Manifest, load_manifest
from picosec_conformance.mutants.generate import REFERENCE as PACKAGE
from picosec_conformance.mutants.generate import Mutant
from picosec_conformance.mutants.survivors import Survivor, reason_for
from picosec_conformance.mutants.tracing import ALWAYS, Tracing, reaching
from picosec_conformance.report.model import Verdict
from picosec_conformance.selection import select
from picosec_conformance.verdicts import from_wire

#: Seconds after which a mutant counts as endless; the whole suite takes a tenth of it.
LIMIT = 60.0
#: Bytes of memory that a mutant and its judge may ask for.
_MEMORY = 4 << 30
#: How many of the last tests that killed are tried first.
_KILLERS = 12
#: Seconds that a program on this machine may take to answer; most mutants that are noticed are silent for as long.
_PATIENCE = 1.0
#: How many tests in a row must come to no verdict, from the first on, until none of them is expected to.
_HOPELESS = 30

Outcome = Literal["killed", "unusable", "survived", "timeout", "broken"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a mutant; ``by`` is the first test that failed, ``reason`` what it said, ``tests`` how many ran.

    ``unusable`` means that no test came to a verdict, as with a target that cannot be reset: nobody certifies that.
    ``broken`` means that some tests ended in an error of the suite's own and none failed: nothing is said about them.
    """

    mutant: Mutant
    outcome: Outcome
    by: str
    reason: str
    tests: int
    seconds: float

    @property
    def detected(self) -> bool:
        """Whether the suite noticed."""
        return self.outcome in ("killed", "unusable", "timeout")


class MutantsError(Exception):
    """No mutant can be judged. The text says why."""


def run_mutants(
    mutants: Sequence[Mutant],
    *,
    jobs: int = 1,
    seed: int = 1,
    suite: Path = SUITE,
    done: Callable[[Judgement], None] = lambda result: None,
) -> tuple[list[Judgement], list[str]]:
    """Judge the mutants, and name the tests that were left out since the whole reference fails them.

    Raises ``MutantsError`` when the target does not run the mutants.
    """
    manifest = load_manifest(REFERENCE)
    session = _Session(manifest, mutants, jobs, done)
    arguments = pytest_arguments(manifest, select(manifest), seed, suite, None, datetime.now(UTC))
    code = pytest.main([*arguments, "--picosec-manifest", str(REFERENCE)], plugins=[session])
    if session.error or code is not pytest.ExitCode.OK:
        raise MutantsError(session.error or "the suite does not run; `picosec certify` shows why")
    return session.judgements, session.sick


@dataclass(slots=True)
class _Child:
    pid: int
    pipe: int
    tree: Path
    mutant: Mutant
    began: float


class _Session:
    """The plugin that takes the place of pytest's own loop over the tests."""

    def __init__(
        self, manifest: Manifest, mutants: Sequence[Mutant], jobs: int, done: Callable[[Judgement], None]
    ) -> None:
        self._manifest = replace(manifest, answer_timeout=_PATIENCE)
        self._waiting = deque(mutants)
        self._jobs = jobs
        self._done = done
        self._verdicts: list[tuple[str, Verdict, str]] = []
        self._reached: Mapping[str, Mapping[int, frozenset[int]]] = {}
        self._killers: dict[str, deque[str]] = {}
        self.judgements: list[Judgement] = []
        self.sick: list[str] = []
        self.error = ""

    def pytest_internalerror(self, excrepr: object) -> None:
        """Keep what went wrong here."""
        self.error = str(excrepr)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the verdict on a test; this happens in the children."""
        for name, value in report.user_properties if report.when == "teardown" else ():
            if name == "picosec":
                result = from_wire(value)  # type: ignore[arg-type]
                self._verdicts.append((result.id, result.verdict, result.reason))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Judge every mutant."""
        if session.testsfailed:  # something was not collected
            return None
        plugin.aim(session.config, self._manifest)
        with tempfile.TemporaryDirectory(prefix="picosec-mutants-") as folder:
            trees = [_tree(Path(folder, str(number))) for number in range(self._jobs)]
            whole = Mutant("__init__.py", "", 1, "", "", "", (PACKAGE / "__init__.py").read_text(encoding="utf-8"))
            tracing = Tracing(trees[0])
            self.sick = self._end(self._start(trees[0], whole, session.items, tracing))["failed"]
            self._reached = tracing.end()
            if self._reached:
                self._all(trees, session.items)
            else:
                self.error = "the target runs the installed reference and not the mutants"
        return True

    def _all(self, trees: list[Path], items: list[pytest.Item]) -> None:
        running: dict[int, _Child] = {}
        while self._waiting or running:
            while trees and self._waiting:
                mutant = self._waiting.popleft()
                child = self._start(trees.pop(), mutant, self._ordered(mutant, items))
                running[child.pipe] = child
            first = min(child.began for child in running.values())
            ready = wait(list(running), max(0.0, first + LIMIT - time.monotonic()))
            late = [pipe for pipe, child in running.items() if time.monotonic() - child.began > LIMIT]
            for pipe in {*ready, *late}:
                child = running.pop(cast(int, pipe))
                self._judge(child, self._end(child) if pipe in ready else self._abort(child))
                trees.append(child.tree)

    def _ordered(self, mutant: Mutant, items: list[pytest.Item]) -> list[pytest.Item]:
        """Return the tests that reach a mutant, those first that killed others of its module, then its chapter's."""
        source = (PACKAGE / mutant.module).read_text(encoding="utf-8")
        tests = reaching(source, mutant.line, self._reached.get(mutant.module, {}))
        chosen = [
            item
            for number, item in enumerate(items)
            if (number in tests or ALWAYS in tests) and plugin.name_of(item) not in self.sick
        ]
        ranks = {name: rank for rank, name in enumerate(self._killers.get(mutant.module, ()))}
        chapter = f"test_{mutant.module.partition('/')[0]}_"

        def rank(item: pytest.Item) -> tuple[int, bool]:
            return ranks.get(plugin.name_of(item), _KILLERS), not item.path.name.startswith(chapter)

        return sorted(chosen, key=rank)

    def _start(
        self, tree: Path, mutant: Mutant, items: Sequence[pytest.Item], tracing: Tracing | None = None
    ) -> _Child:
        path = tree / "picosec" / mutant.module
        _compiled(path).unlink(missing_ok=True)
        path.write_text(mutant.source, encoding="utf-8")
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._run(writing, tree, items, tracing)
        os.close(writing)
        return _Child(pid, reading, tree, mutant, time.monotonic())

    def _run(self, writing: int, tree: Path, items: Sequence[pytest.Item], tracing: Tracing | None) -> NoReturn:
        """Be the child: run the tests, say what failed and what broke, and leave without a trace."""
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            os.environ.update(PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="1")
            for number, (item, following) in enumerate(zip(items, [*items[1:], None], strict=False)):
                if tracing is not None:
                    tracing.begin(number)
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                if tracing is None and self._decided():
                    break
            failed = [test for test, verdict, _ in self._verdicts if verdict is Verdict.FAILED]
            broken = [test for test, verdict, _ in self._verdicts if verdict is Verdict.ERROR]
            reason = next((reason for _, verdict, reason in self._verdicts if verdict is Verdict.FAILED), "")
            reason = reason or next((reason for _, verdict, reason in self._verdicts if verdict is Verdict.ERROR), "")
            answer = {"failed": failed, "broken": broken, "reason": reason, "tests": len(self._verdicts)}
            with os.fdopen(writing, "w") as pipe:
                json.dump(answer, pipe)
        finally:
            os._exit(0)

    def _decided(self) -> bool:
        """Whether further tests change nothing: one failed, or so many came to no verdict that none will."""
        verdicts = [verdict for _, verdict, _ in self._verdicts]
        return verdicts[-1:] == [Verdict.FAILED] or verdicts == [Verdict.ERROR] * _HOPELESS

    def _end(self, child: _Child) -> dict[str, Any]:
        """Read what a child found, and see that its target ends with it."""
        with os.fdopen(child.pipe) as pipe:
            text = pipe.read()
        self._reap(child)
        answer: dict[str, Any] = json.loads(
            text or '{"failed": [], "broken": ["?"], "reason": "no answer", "tests": 0}'
        )
        return answer

    def _abort(self, child: _Child) -> dict[str, Any]:
        os.close(child.pipe)
        self._reap(child)
        return {}

    def _reap(self, child: _Child) -> None:
        os.killpg(child.pid, signal.SIGKILL)  # the zombie keeps the number of the group from being used again
        os.waitpid(child.pid, 0)
        whole = child.tree / "picosec" / child.mutant.module
        shutil.copy2(PACKAGE / child.mutant.module, whole)
        py_compile.compile(str(whole))

    def _judge(self, child: _Child, found: dict[str, Any]) -> None:
        outcome: Outcome = "timeout"
        if found:
            unjudged: Outcome = "unusable" if _HOPELESS <= found["tests"] == len(found["broken"]) else "broken"
            outcome = "killed" if found["failed"] else unjudged if found["broken"] else "survived"
        by = found["failed"][-1] if outcome == "killed" else next(iter(found.get("broken", ())), "")
        if outcome == "killed":
            killers = self._killers.setdefault(child.mutant.module, deque(maxlen=_KILLERS))
            if by in killers:
                killers.remove(by)
            killers.appendleft(by)
        seconds = time.monotonic() - child.began
        result = Judgement(child.mutant, outcome, by, found.get("reason", ""), found.get("tests", 0), seconds)
        self.judgements.append(result)
        self._done(result)


def _tree(folder: Path) -> Path:
    """Copy the reference and compile it, which each start of a target would do again."""
    shutil.copytree(PACKAGE, folder / "picosec", copy_function=shutil.copy2, ignore=shutil.ignore_patterns("*.pyc"))
    compileall.compile_dir(folder, quiet=1)
    return folder


def _compiled(source: Path) -> Path:
    """Return where Python keeps what it compiled, which it takes for fresh if the file is as old and as long."""
    return Path(cache_from_source(str(source)))


def score(judgements: Iterable[Judgement], listed: Collection[Survivor]) -> float:
    """Return the share of mutants that the suite detects, out of those that a peer can tell from the original."""
    counted = [
        result for result in judgements if result.detected or not reason_for(listed, result.mutant, result.tests)
    ]
    return sum(result.detected for result in counted) / len(counted) if counted else 1.0
