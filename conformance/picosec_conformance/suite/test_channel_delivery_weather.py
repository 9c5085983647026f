"""What each delivery class promises, under loss, repetition and reordering, with the target on either side."""

from __future__ import annotations

import random

import pytest

from picosec.channel.delivery import DeliveryClass
from picosec_conformance.control import Control
from picosec_conformance.network import Link
from picosec_conformance.target import Nonconformity, Target
from picosec_conformance.weather import Stage, Tally, Weather

WEATHER = {
    "loss": Weather(lost=0.3),
    "disorder": Weather(reordered=0.6, repeated=0.2),
    "storm": Weather(lost=0.25, repeated=0.2, reordered=0.5),
}
#: Requests of one run.
COUNT = 8


@pytest.fixture
def stage(target: Target, control: Control, rng: random.Random, request: pytest.FixtureRequest) -> Stage:
    """The target and an honest party, in some weather."""
    return Stage(Link.over(target), control, rng, WEATHER[request.param])


def expect_at_most_once(tally: Tally) -> None:
    """Judge that nothing was acted on twice."""
    if tally.repeated:
        raise Nonconformity(f"acted on {tally.acted}: {tally.repeated} repeated")


def expect_at_least_once(tally: Tally) -> None:
    """Judge that what was answered was acted on, and that the rest failed."""
    missing = set(tally.answered) - set(tally.acted)
    if missing:
        raise Nonconformity(f"{sorted(missing)} were answered and never acted on")
    if sorted([*tally.answered, *tally.failed]) != list(range(tally.asked)):
        raise Nonconformity(f"answered {tally.answered}, failed {tally.failed}: each request has one end")


def expect_exactly_once(tally: Tally) -> None:
    """Judge that requests were acted on in order and once, and that what failed without doubt was not acted on."""
    expect_at_most_once(tally)
    expect_at_least_once(tally)
    doubt = [number for number, reason in tally.failed.items() if reason == "outcome_unknown"]
    if tally.acted != list(range(len(tally.acted))):
        raise Nonconformity(f"acted on {tally.acted}: not in order, or not all before")
    for number in tally.failed.keys() - set(doubt):
        if number in tally.acted:
            raise Nonconformity(f"request {number} failed without doubt, and was acted on")


@pytest.mark.requirement("CHN-720", "CHN-1780")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("stage", list(WEATHER), indirect=True)
def test_at_most_once_towards_the_target(stage: Stage) -> None:
    """Telegrams in bad weather: some get lost, none is carried out twice."""
    expect_at_most_once(stage.to_target(DeliveryClass.AT_MOST_ONCE, COUNT))


@pytest.mark.requirement("CHN-1700")
@pytest.mark.parametrize("stage", list(WEATHER), indirect=True)
def test_at_most_once_from_the_target(stage: Stage) -> None:
    """The same the other way round."""
    expect_at_most_once(stage.from_target(DeliveryClass.AT_MOST_ONCE, COUNT))


@pytest.mark.requirement("CHN-1710")
@pytest.mark.parametrize("stage", list(WEATHER), indirect=True)
def test_at_least_once_from_the_target(stage: Stage) -> None:
    """What the target reports as answered was carried out, however often it had to ask."""
    expect_at_least_once(stage.from_target(DeliveryClass.AT_LEAST_ONCE, COUNT))


@pytest.mark.requirement("CHN-1780", "CHN-1790", "CHN-1800")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("stage", list(WEATHER), indirect=True)
def test_exactly_once_towards_the_target(stage: Stage) -> None:
    """A queue of commands through a storm: each is carried out once, in order, whatever the network does."""
    tally = stage.to_target(DeliveryClass.EXACTLY_ONCE, COUNT)
    expect_exactly_once(tally)
    assert tally.answered == list(range(COUNT))


@pytest.mark.requirement("CHN-1710", "CHN-1720", "CHN-1730")
@pytest.mark.parametrize("stage", list(WEATHER), indirect=True)
def test_exactly_once_from_the_target(stage: Stage) -> None:
    """The target has the queue: it does not give up while the network delivers at all, and skips nothing."""
    expect_exactly_once(stage.from_target(DeliveryClass.EXACTLY_ONCE, COUNT))
