"""The kill matrix: every fault against the suite (fault × test), each fault as a target process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from picosec_conformance.certify import run_suite
from picosec_conformance.faults import Fault, faulty, load_faults
from picosec_conformance.manifest import REFERENCE, Manifest, load_manifest
from picosec_conformance.report.model import Verdict
from picosec_conformance.selection import select
from picosec_conformance.specification.requirements import Requirement


@dataclass(frozen=True, slots=True)
class Kill:
    """What the suite said of one fault. ``by`` names the failing tests that name the violated requirement."""

    fault: str
    requirement: str
    story: str
    by: tuple[str, ...]
    unrelated: tuple[str, ...]
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether a test that names the violated requirement failed."""
        return bool(self.by)


def run_fault(fault: str, *, full: bool = False, seed: int = 1) -> Kill:
    """Run the tests of the violated requirement against one fault; with ``full``, or when they all pass, every test."""
    entry = load_faults()[fault]
    manifest = faulty(load_manifest(REFERENCE), fault)
    by, unrelated, seconds = _failures(manifest, entry, (entry.requirement,), seed)
    if full or not by:
        by, unrelated, seconds = _failures(manifest, entry, (), seed)
    return Kill(fault, entry.requirement, entry.story, by, unrelated, seconds)


def _failures(
    manifest: Manifest, fault: Fault, requirements: tuple[str, ...], seed: int
) -> tuple[tuple[str, ...], tuple[str, ...], float]:
    report = run_suite(manifest, select(manifest, requirements=requirements), seed, fault=fault.name)
    failed = [result for result in report.tests if result.verdict is Verdict.FAILED]
    by = tuple(result.id for result in failed if fault.requirement in result.requirements)
    return by, tuple(result.id for result in failed if fault.requirement not in result.requirements), report.seconds


def failing_without_fault(requirements: Iterable[str], seed: int = 1) -> list[str]:
    """Return the tests of these requirements that fail on the unbroken reference: what they kill counts for nothing."""
    manifest = load_manifest(REFERENCE)
    report = run_suite(manifest, select(manifest, requirements=tuple(requirements)), seed)
    return [result.id for result in report.tests if result.verdict in (Verdict.FAILED, Verdict.ERROR)]


def run_faults(
    faults: Iterable[str], *, full: bool = False, jobs: int = 1, done: Callable[[Kill], None] = lambda kill: None
) -> list[Kill]:
    """Run many faults, ``jobs`` at once, and report each as it is done; the result has the order of ``faults``."""
    names = list(faults)
    kills: list[Kill] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for kill in pool.map(run_fault, names) if not full else pool.map(_run_full, names):
            kills.append(kill)
            done(kill)
    return kills


def _run_full(fault: str) -> Kill:
    return run_fault(fault, full=True)


def without_fault(requirements: Iterable[Requirement], faults: Iterable[Fault]) -> Iterator[str]:
    """Yield the testable requirements of level MUST that no fault violates."""
    violated = {fault.requirement for fault in faults}
    for row in requirements:
        if row.testable and row.level == "MUST" and row.id not in violated:
            yield row.id
