"""Chains of credentials explained: what the vectors hold, and what is wrong with the broken ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec_conformance import wire
from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.model import Case, load

CASES = load(vectors_folder() / "identity" / "credential_chain_take.json").cases
#: What no look at the bytes alone can find.
UNSEEN = {"Forgery", "Revoked", "Time", "Widening"}
GOOD = bytes.fromhex(next(case.inputs["chain"] for case in CASES if case.id == "three"))


def texts(data: bytes, *, wrong: bool = False) -> list[str]:
    """Return what the lines of a chain say, or only what is wrong with it."""
    return [line.text for line in wire.lines(data, "chain") if line.wrong or not wrong]


def test_chain_is_recognised_and_summed_up() -> None:
    """What somebody wants to know who finds one on the wire."""
    assert wire.detect(GOOD) == "chain"
    assert wire.summary(GOOD, "chain") == f"chain of credentials anchor > ann > bob > watch, {len(GOOD)} bytes"


def test_chain_says_who_may_do_what() -> None:
    """Scope, depth and key in words, link by link."""
    said = texts(GOOD)
    for words in (
        "credential, signed by anchor with ES256",
        "credential, signed by bob with EDDSA",
        "may GET, PUT /actuators/lamp; GET /sensors/temperature",
        "may PUT /actuators/lamp",
        "may be followed by 2 more",
        "key watch, X25519",
        "kind device",
    ):
        assert words in said or any(line.startswith(words) for line in said), words


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_fault_of_form_is_shown(case: Case) -> None:
    """The decoder finds what a device refuses for its form, and nothing wrong with the others."""
    unseen = set(case.flags) & UNSEEN or case.id == "key-that-agrees"
    wrong = case.error is not None and not unseen

    assert bool(texts(bytes.fromhex(case.inputs["chain"]), wrong=True)) == wrong


@given(st.binary(max_size=60), st.integers(0, len(GOOD) - 1), st.binary(max_size=3))
def test_no_bytes_break_the_report(noise: bytes, at: int, put: bytes) -> None:
    """Whatever a target sends, a report shows it."""
    for data in (noise, b"\x81" + noise, GOOD[:at] + put + GOOD[at + len(put) :], GOOD[:at]):
        assert wire.lines(data, "chain")
        assert isinstance(wire.summary(data, "chain"), str)
