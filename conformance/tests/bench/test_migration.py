"""A channel that moves under load, over real sockets: what each class promises holds, however the machine schedules."""

import pytest

from picosec_conformance.bench.migration import migrations

REQUESTS = 80


@pytest.fixture(scope="module")
def delivered():
    return {each.delivery: each for each in migrations(REQUESTS)}


def test_the_channel_moves_often(delivered):
    """Without moves the rest says nothing."""
    assert all(each.moves > 5 for each in delivered.values())


def test_at_most_once_repeats_nothing(delivered):
    """A telegram is lost with its link, and never acted on twice."""
    assert delivered["at most once"].repeated == 0


def test_at_least_once_loses_nothing(delivered):
    """A request whose link broke is asked again on the next one."""
    assert (delivered["at least once"].lost, delivered["at least once"].unsettled) == (0, 0)


def test_exactly_once_loses_and_repeats_nothing(delivered):
    """And in order, over four transports and without a handshake."""
    found = delivered["exactly once"]
    assert (found.lost, found.repeated, found.unsettled, found.in_order) == (0, 0, 0, True)
