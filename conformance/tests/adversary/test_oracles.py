"""Whether refusals that must look alike do."""

from __future__ import annotations

import pytest

from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.invariants import Broken, Invariant
from picosec_conformance.adversary.oracles import FEW, Interrogation
from tests.adversary.conftest import broken


def test_reference_refuses_alike(arena: Arena) -> None:
    """And the times of every two reasons are compared, whatever comes of it."""
    oracles = list(Interrogation(arena, 1, quick=True).run())

    assert [oracle.requirement for oracle in oracles] == ["CHN-520", "CHN-520", "CHN-750"]
    for oracle in oracles:
        assert oracle.rounds == FEW
        assert len(oracle.timings) == len(oracle.reasons) * (len(oracle.reasons) - 1) // 2
        assert all(0 <= timing.comparison.p <= 1 for timing in oracle.timings)
        assert all(min(timing.times) > 0 for timing in oracle.timings)


def test_target_that_tells_is_found() -> None:
    """One word more in an error message, and a forger knows which half of the work is done."""
    with Arena(broken("tells-a-wrong-tag-from-a-wrong-proof")) as opened, pytest.raises(Broken) as caught:
        list(Interrogation(opened, 1, quick=True).run())

    assert caught.value.invariant is Invariant.UNIFORM_ERRORS
    assert caught.value.requirement == "CHN-520"
