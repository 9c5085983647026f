"""Which tests a mutant has to meet."""

from __future__ import annotations

import pytest

from picosec_conformance.mutants.tracing import reaching

SOURCE = """\
LIMIT = 3

def check(number):
    if (
        number > LIMIT
    ):
        raise ValueError(
            number,
        )
    return number
"""
REACHED = {1: frozenset({-1}), 3: frozenset({-1}), 4: frozenset({1, 2}), 7: frozenset({2}), 10: frozenset({1})}


@pytest.mark.parametrize(
    ("line", "tests"),
    [
        pytest.param(1, {-1}, id="what runs at the start concerns every test"),
        pytest.param(5, {1, 2}, id="a condition on several lines is one"),
        pytest.param(8, {2}, id="a statement on several lines is one"),
        pytest.param(10, {1}, id="what stands behind a branch is not in it"),
    ],
)
def test_tests_that_reach_the_statement_are_chosen(line: int, tests: set[int]) -> None:
    """A test that never gets to the change cannot notice it."""
    assert reaching(SOURCE, line, REACHED) == tests


def test_what_nothing_reaches_meets_no_test() -> None:
    """It survives, and costs nothing."""
    assert reaching(SOURCE, 8, {}) == frozenset()
