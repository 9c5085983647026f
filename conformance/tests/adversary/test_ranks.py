"""The Mann-Whitney U test, against values that others published."""

from __future__ import annotations

import random

import pytest

from picosec_conformance.adversary.ranks import mann_whitney


def test_published_example() -> None:
    """The example of SciPy's documentation (ages at diagnosis): U = 17, asymptotic p = 0.11134688653314041."""
    result = mann_whitney([19, 22, 16, 29, 24], [20, 11, 17, 12])

    assert result.u == 17
    assert result.p == pytest.approx(0.11134688653314041, abs=1e-12)
    assert result.superiority == 17 / 20


def test_equal_samples_differ_in_nothing() -> None:
    """Ties are shared."""
    result = mann_whitney([1.0, 1.0, 2.0], [1.0, 1.0, 2.0])

    assert result.superiority == 0.5
    assert result.p == 1.0


def test_one_value_everywhere_says_nothing() -> None:
    """A clock that is too coarse."""
    assert mann_whitney([5, 5, 5], [5, 5]).p == 1.0


def test_a_shift_is_found() -> None:
    """Ten microseconds in a hundred."""
    rng = random.Random(1)
    fast = [rng.gauss(100, 10) for _ in range(100)]
    slow = [rng.gauss(110, 10) for _ in range(100)]

    assert mann_whitney(fast, slow).p < 1e-6
    assert mann_whitney(fast, slow).superiority < 0.3
    assert mann_whitney(fast, fast[::-1]).p > 0.9


def test_empty_sample_is_refused() -> None:
    """There is nothing to compare."""
    with pytest.raises(ValueError, match="at least one"):
        mann_whitney([], [1.0])
