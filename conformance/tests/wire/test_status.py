"""Status list tokens explained: what the vectors hold, and what is wrong with the broken ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec_conformance import wire
from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.model import Case, load

CASES = load(vectors_folder() / "identity" / "status_token_take.json").cases
#: What no look at the bytes alone can find.
UNSEEN = {"Forgery", "OldList"}
GOOD = bytes.fromhex(next(case.inputs["token"] for case in CASES if case.id == "es256"))


def faults(data: bytes) -> list[str]:
    """Return what is wrong with a token."""
    return [line.text for line in wire.lines(data, "status-list") if line.wrong]


def test_token_is_recognised_and_summed_up() -> None:
    """What somebody wants to know who finds one on the wire."""
    assert wire.detect(GOOD) == "status-list"
    assert wire.summary(GOOD, "status-list") == (
        "status list https://example.com/statuslists/1, 16 entries, 3 not valid, 1 bit each, 185 bytes"
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_fault_of_form_is_shown(case: Case) -> None:
    """The decoder finds what a device refuses for its form, and nothing wrong with the others."""
    wrong = case.error is not None and not set(case.flags) & UNSEEN

    assert bool(faults(bytes.fromhex(case.inputs["token"]))) == wrong


@given(st.binary(max_size=60), st.integers(0, len(GOOD) - 1), st.binary(max_size=3))
def test_no_bytes_break_the_report(noise: bytes, at: int, put: bytes) -> None:
    """Whatever a target sends, a report shows it."""
    for data in (noise, b"\xd2" + noise, GOOD[:at] + put + GOOD[at + len(put) :], GOOD[:at]):
        assert wire.lines(data, "status-list")
        assert isinstance(wire.summary(data, "status-list"), str)
