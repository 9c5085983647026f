"""Conditions of requests: every way in which they hold, and every way in which they do not."""

from __future__ import annotations

import pytest

from picosec.errors import ProtocolError
from picosec.messaging.conditions import UNTAGGED, Conditions
from picosec.registry import Problem


@pytest.mark.parametrize(
    ("conditions", "tag"),
    [
        (Conditions(), None),
        (Conditions(), b"a"),
        (Conditions(match=(b"a",)), b"a"),
        (Conditions(match=(b"b", b"a")), b"a"),
        (Conditions(match=(b"",)), b"a"),
        (Conditions(match=(b"",)), UNTAGGED),
        (Conditions(absent=True), None),
    ],
)
def test_condition_that_holds_lets_the_request_through(conditions: Conditions, tag: bytes | None) -> None:
    """Who knows what is there may change it (MSG-2160, MSG-2180)."""
    conditions.check(tag)


@pytest.mark.parametrize(
    ("conditions", "tag"),
    [
        (Conditions(match=(b"b",)), b"a"),
        (Conditions(match=(b"a",)), None),
        (Conditions(match=(b"",)), None),
        (Conditions(match=(b"a",)), UNTAGGED),
        (Conditions(absent=True), b"a"),
        (Conditions(absent=True), UNTAGGED),
        (Conditions(match=(b"a",), absent=True), b"a"),
        (Conditions(match=(b"a",), absent=True), None),
    ],
)
def test_condition_that_does_not_hold_stops_the_request(conditions: Conditions, tag: bytes | None) -> None:
    """Who does not know what is there may not change it (MSG-2150, MSG-2170)."""
    with pytest.raises(ProtocolError) as caught:
        conditions.check(tag)
    assert caught.value.problem is Problem.PRECONDITION_FAILED
