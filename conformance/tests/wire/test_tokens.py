"""Anonymous tokens explained: what the vectors hold, and what is wrong with the broken ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec_conformance import wire
from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.model import Case, load


def cases(name: str) -> dict[str, Case]:
    """Return the cases of a file."""
    return {case.id: case for case in load(vectors_folder() / "identity" / f"{name}.json").cases}


ISSUED, FETCHED, REDEEMED = (cases(f"token_{name}") for name in ("issue", "fetch", "redeem"))
REQUEST = bytes.fromhex(ISSUED["two"].inputs["request"])
RESPONSE = bytes.fromhex(FETCHED["two"].inputs["response"])
REDEMPTION = bytes.fromhex(REDEEMED["lamp"].inputs["redemption"])
#: Flags of what a look at the bytes of a request shows, and at those of a redemption.
FORMS = {"Form", "NoPoint"}
OUTSIDE = {"Form", "Headers", "Algorithm"}


def faults(data: bytes) -> list[str]:
    """Return what is wrong with it."""
    return [line.text for line in wire.lines(data, "token") if line.wrong]


def test_all_three_are_recognised_and_summed_up() -> None:
    """What somebody wants to know who finds one on the wire."""
    for data, summary in (
        (REQUEST, "request for 2 tokens of h'51', 74 bytes"),
        (RESPONSE, "2 tokens with a proof, 138 bytes"),
        (REDEMPTION, "redemption for h'61', 230 bytes"),
    ):
        assert wire.detect(data) == "token"
        assert wire.summary(data, "token") == summary


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in ISSUED.values()])
def test_fault_of_a_request_is_shown(case: Case) -> None:
    """The decoder finds what an issuer refuses for its form, and nothing wrong with the others."""
    assert bool(faults(bytes.fromhex(case.inputs["request"]))) == bool(FORMS & set(case.flags))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in REDEEMED.values()])
def test_fault_of_an_envelope_is_shown(case: Case) -> None:
    """And what a device refuses before it decrypts."""
    assert bool(faults(bytes.fromhex(case.inputs["redemption"]))) == bool(OUTSIDE & set(case.flags))


@pytest.mark.parametrize("data", [REQUEST, RESPONSE, REDEMPTION], ids=["request", "response", "redemption"])
def test_every_byte_is_shown_once(data: bytes) -> None:
    """In its place, one after the other."""
    assert b"".join(line.data for line in wire.lines(data, "token")) == data


@given(st.binary(max_size=60), st.integers(0, len(REQUEST) - 1), st.binary(max_size=3))
def test_no_bytes_break_the_report(noise: bytes, at: int, put: bytes) -> None:
    """Whatever a target sends, a report shows it."""
    for whole in (REQUEST, RESPONSE, REDEMPTION):
        for data in (noise, b"\xd8\x60" + noise, whole[:at] + put + whole[at + len(put) :], whole[:at]):
            assert wire.lines(data, "token")
            assert isinstance(wire.summary(data, "token"), str)
