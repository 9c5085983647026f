"""Evidence explained: what the vectors hold, and what is wrong with the broken ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec_conformance import wire
from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.model import Case, load

CASES = load(vectors_folder() / "identity" / "evidence_appraise.json").cases
#: What no look at the bytes alone can find.
UNSEEN = {"Forgery", "Stranger", "OtherQuestion", "OtherTime", "BadState"}
GOOD = bytes.fromhex(next(case.inputs["evidence"] for case in CASES if case.id == "es256"))


def faults(data: bytes) -> list[str]:
    """Return what is wrong with evidence."""
    return [line.text for line in wire.lines(data, "evidence") if line.wrong]


def test_evidence_is_recognised_and_summed_up() -> None:
    """What somebody wants to know who finds some on the wire."""
    assert wire.detect(GOOD) == "evidence"
    summary = wire.summary(GOOD, "evidence")
    assert summary.startswith(
        "evidence of 01000102030405060708090a0b0c0d0e0f, debug ports disabled fully and permanently, "
    )
    assert "firmware " in summary
    assert "gate " in summary


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_fault_of_form_is_shown(case: Case) -> None:
    """The decoder finds what a verifier refuses for its form, and nothing wrong with the others."""
    wrong = case.error is not None and not set(case.flags) & UNSEEN

    assert bool(faults(bytes.fromhex(case.inputs["evidence"]))) == wrong


@given(st.binary(max_size=60), st.integers(0, len(GOOD) - 1), st.binary(max_size=3))
def test_no_bytes_break_the_report(noise: bytes, at: int, put: bytes) -> None:
    """Whatever a target sends, a report shows it."""
    for data in (noise, b"\xd2" + noise, GOOD[:at] + put + GOOD[at + len(put) :], GOOD[:at]):
        assert wire.lines(data, "evidence")
        assert isinstance(wire.summary(data, "evidence"), str)
