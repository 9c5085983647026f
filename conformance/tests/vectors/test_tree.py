"""The committed vectors: in order, and passed by the reference through its own shim."""

import sys

from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.check import findings
from picosec_conformance.vectors.families import generated_files
from picosec_conformance.vectors.runner import Verdict, ask_all, counts, load_all


def test_committed_vectors_are_in_order() -> None:
    assert list(findings(vectors_folder(), generated_files())) == []


def test_generation_gives_the_same_bytes_twice() -> None:
    """A generator that draws from the clock, from entropy or from the order of a set would differ."""
    once = [(file.path, file.dumps()) for file in generated_files()]
    assert once == [(file.path, file.dumps()) for file in generated_files()]


def test_reference_passes_through_its_shim() -> None:
    outcomes = ask_all(load_all(vectors_folder()), [sys.executable, "-m", "picosec_conformance.vectors.shim"], 30.0)
    assert {o.case.id: o.detail for o in outcomes if o.verdict is not Verdict.PASSED} == {}
    assert counts(outcomes)["passed"] == sum(len(file.cases) for file in load_all(vectors_folder()))
