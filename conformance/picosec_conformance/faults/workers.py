"""Processes that run parts of the suite against one target after another.

Each has one pytest session for all of them: the suite is collected once, and what a fault costs is the start of its
broken device and the tests that meet it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self, cast

import pytest

from picosec_conformance import plugin
from picosec_conformance.certify import SUITE, HarnessError, pytest_arguments
from picosec_conformance.faults import faulty
from picosec_conformance.manifest import REFERENCE, Manifest, load_manifest
from picosec_conformance.report.model import Verdict
from picosec_conformance.selection import select
from picosec_conformance.verdicts import from_wire

#: Seconds for an answer of a broken reference. Many are silent where they should not be, and each test waits for that
#: long; the reference itself needs a hundredth of it, and gets what its manifest says.
ANSWER = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """The reference, broken or not (``None``), and the requirements whose tests it has to meet; none are all."""

    fault: str | None
    requirements: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed, the requirements that it names, and why it failed."""

    test: str
    requirements: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which tests failed; which broke; and how long it took."""

    failed: tuple[Failure, ...]
    broken: tuple[str, ...]
    seconds: float


class Workers:
    """``jobs`` processes; a context manager that ends them."""

    def __init__(self, jobs: int, seed: int) -> None:
        self._jobs = jobs
        self._seed = seed
        self._stack = ExitStack()
        self._connections: list[Connection] = []

    def __enter__(self) -> Self:
        context = get_context("spawn")
        for _ in range(self._jobs):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, self._seed), daemon=True)
            process.start()
            there.close()
            self._stack.callback(process.join)
            self._stack.callback(here.close)  # the end of its tasks
            self._connections.append(here)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield the outcome of each task, in their order. Raises ``HarnessError`` when a process gives up."""
        waiting = iter(enumerate(tasks))
        busy: dict[Connection, int] = {}
        outcomes: dict[int, Outcome] = {}
        due = 0

        def hand_out(connection: Connection) -> None:
            number, task = next(waiting, (None, None))
            if number is not None:
                connection.send(task)
                busy[connection] = number

        for connection in self._connections:
            hand_out(connection)
        while busy:
            for ready in cast(list[Connection], wait(list(busy))):
                try:
                    outcomes[busy.pop(ready)] = ready.recv()
                except EOFError as error:
                    raise HarnessError("the suite does not run; `picosec certify` shows why") from error
                hand_out(ready)
            while due in outcomes:
                yield outcomes.pop(due)
                due += 1


def _work(connection: Connection, seed: int) -> None:
    """Be one process: collect the suite, then do one task after another until the connection closes."""
    manifest = load_manifest(REFERENCE)
    arguments = pytest_arguments(manifest, select(manifest), seed, SUITE, None, datetime.now(UTC))
    pytest.main([*arguments, "--picosec-manifest", str(REFERENCE)], plugins=[_Loop(connection, manifest)])


class _Loop:
    """A pytest plugin that runs the tests it is told to, as often as it is told to."""

    def __init__(self, connection: Connection, manifest: Manifest) -> None:
        self._connection = connection
        self._manifest = manifest
        self._failed: list[Failure] = []
        self._broken: list[str] = []
        self._deaf = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Do tasks instead of running every test once."""
        if session.testsfailed:  # something was not collected
            return None
        while True:
            try:
                task: Task = self._connection.recv()
            except EOFError:
                return True
            self._connection.send(self._run(session, task))

    def _run(self, session: pytest.Session, task: Task) -> Outcome:
        manifest = self._manifest
        if task.fault is not None:
            manifest = replace(faulty(manifest, task.fault), answer_timeout=ANSWER)
        plugin.aim(session.config, manifest)
        self._failed, self._broken, self._deaf = [], [], False
        began = time.perf_counter()
        items = [
            item
            for item in session.items
            if not task.requirements or not task.requirements.isdisjoint(plugin.describe(item).requirements)
        ]
        # With nothing to follow it, the last test also ends what belongs to the session: the links to the target.
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        failed = tuple(sorted(self._failed, key=lambda failure: failure.test))
        return Outcome(failed, tuple(sorted(self._broken)), time.perf_counter() - began)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Spend no time on a target that could not be set up for the test before, not even by a power cycle."""
        if self._deaf:
            pytest.skip("the target is deaf")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what failed."""
        self._deaf |= report.when == "setup" and report.failed
        for name, value in cast(list[tuple[str, Any]], report.user_properties):
            if name == "picosec":
                result = from_wire(value)
                if result.verdict is Verdict.FAILED:
                    self._failed.append(Failure(result.id, result.requirements, result.reason))
                elif result.verdict is Verdict.ERROR:
                    self._broken.append(result.id)
