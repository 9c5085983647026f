"""Games of the adversary that broke an implementation once, played again on every target."""

from __future__ import annotations

import pytest

from picosec_conformance.adversary.invariants import Tally
from picosec_conformance.adversary.scenario import Scenario, kept_scenarios
from picosec_conformance.adversary.setting import abilities
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.network import Link
from picosec_conformance.target import Target

KEPT = [
    pytest.param(
        scenario,
        id=name,
        marks=[pytest.mark.requirement(scenario.requirement), pytest.mark.needs(*scenario.features)],
    )
    for name, scenario in kept_scenarios().items()
]


@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("scenario", KEPT)
def test_kept_scenario_breaks_nothing(target: Target, scenario: Scenario) -> None:
    """What has worked on one implementation is tried on the next: a network that delivers late, twice, altered or to
    somebody else, impostors, and losses of power; afterwards, an honest peer must get through."""
    stage = Stage(Link.over(target), abilities(target.manifest), scenario.setting, Tally())
    try:
        for step in scenario.steps:
            stage.perform(step)
        stage.finish()
    finally:
        target.record.frames = list(stage.network.frames)
