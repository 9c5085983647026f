"""What tests are handed: the target and its Test Interface, a channel, entropy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from picosec_conformance.adapters import TargetDied
from picosec_conformance.channel import Channel, joined, provision
from picosec_conformance.control import Control
from picosec_conformance.links import Links
from picosec_conformance.manifest import GivenContext
from picosec_conformance.settings import CONTROL, LINKS, SETTINGS, Settings
from picosec_conformance.target import Silence, Target
from picosec_conformance.verdicts import Inconclusive

_MESSAGE_ID = "message id of target"


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """What the run is about."""
    return pytestconfig.stash[SETTINGS]


@pytest.fixture(scope="session")
def links(pytestconfig: pytest.Config) -> Iterator[Links]:
    """All ways to the outside. They outlive a test; what they mean to the next one is in its record."""
    opened = pytestconfig.stash[LINKS]
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def rng(settings: Settings, request: pytest.FixtureRequest) -> random.Random:
    """Everything random in a test comes from here: the run's seed and the test's name decide it."""
    return random.Random(f"{settings.seed}:{request.node.name}")


@pytest.fixture
def target(links: Links, settings: Settings, rng: random.Random) -> Iterator[Target]:
    """The target, alive and, where it has the Test Interface, in its factory state.

    One that the test before has left dead or deaf gets a power cycle first, so that each failure counts once.
    """
    target = Target(links.open("target", settings.manifest.adapter), settings.manifest)
    try:
        _prepare(target, links, rng)
    except (Silence, TargetDied):
        target.power_cycle()
        _prepare(target, links, rng)
    try:
        yield target
    finally:
        links.keep(_MESSAGE_ID, target.message_id)


def _prepare(target: Target, links: Links, rng: random.Random) -> None:
    target.begin(rng)
    if target.manifest.declares(CONTROL):
        Control(target).reset(rng.randbytes(32))
    else:
        target.message_id = links.recall(_MESSAGE_ID, target.message_id)
        target.until_probe_answered()
    target.record_from_here()


@pytest.fixture
def production(links: Links, settings: Settings, rng: random.Random) -> Iterator[Target]:
    """The production build of the target."""
    if settings.manifest.production is None:
        raise Inconclusive("the manifest has no [production] table: name the adapter of the production build")
    production = Target(links.open("production", settings.manifest.production), settings.manifest)
    production.begin(rng)
    production.message_id = links.recall("message id of production", production.message_id)
    try:
        yield production
    finally:
        links.keep("message id of production", production.message_id)


@pytest.fixture
def control(target: Target) -> Control:
    """The target's Test Interface."""
    return Control(target)


@pytest.fixture
def channel(
    target: Target, settings: Settings, links: Links, rng: random.Random, request: pytest.FixtureRequest
) -> Iterator[Channel]:
    """A fresh OSCORE channel with the target; on a black box, the context that its manifest gives.

    The replay window of a black box outlives each test, so each goes on behind the last number of the one before.
    """
    given = settings.manifest.oscore
    if given is None:
        given = GivenContext(b"\x01", b"\x02", rng.randbytes(16), rng.randbytes(8))
        provision(request.getfixturevalue("control"), given)
        yield joined(target, given)
        return
    number = links.recall("sequence number of channel", given.first_number)
    channel = joined(target, replace(given, first_number=number))
    try:
        yield channel
    finally:
        links.keep("sequence number of channel", channel.context.numbers.value)
