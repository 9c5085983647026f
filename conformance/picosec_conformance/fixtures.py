"""What tests are handed: the target and its Test Interface, a channel, entropy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from picosec_conformance.channel import Channel, joined, provision
from picosec_conformance.connections import WAYS
from picosec_conformance.control import Blind, Control
from picosec_conformance.links import Links
from picosec_conformance.manifest import GivenContext
from picosec_conformance.reach import Reach
from picosec_conformance.settings import LINK, LINKS, RECORD, SETTINGS, Settings
from picosec_conformance.target import Record, Target
from picosec_conformance.verdicts import Inconclusive


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
def record(request: pytest.FixtureRequest) -> Record:
    """The frames of the test; reports show them when it does not pass."""
    return request.node.stash[RECORD]  # type: ignore[no-any-return]


@pytest.fixture
def ways(links: Links, settings: Settings, record: Record, rng: random.Random) -> Iterator[Reach]:
    """Every link to the target."""
    every = Reach(links, settings.manifest, record, rng)
    try:
        yield every
    finally:
        every.close()


@pytest.fixture
def target(ways: Reach, request: pytest.FixtureRequest) -> Target:
    """The target, alive and, where it has the Test Interface, in its factory state, on the link that the test needs."""
    return ways.prepared(request.node.stash[LINK])


@pytest.fixture
def reach(target: Target, ways: Reach) -> Reach:
    """Every link to the target, for tests that use several at once.

    Their ``target`` is on the first link that carries all that they need, on the main one if there is none.
    """
    return ways


@pytest.fixture(params=WAYS)
def connection(target: Target, ways: Reach, request: pytest.FixtureRequest) -> Target:
    """The target on a connection, over TCP and over WebSocket."""
    return ways(f"messaging.{request.param}")


@pytest.fixture
def elsewhere(connection: Target, reach: Reach) -> Target:
    """The same target on another link than the connection."""
    name = next((name for name in reach.names if name != connection.link), None)
    if name is None:
        pytest.skip("the target has one link only")
    return reach.link(name)


@pytest.fixture
def production(links: Links, settings: Settings, record: Record, rng: random.Random) -> Iterator[Target]:
    """The production build of the target."""
    if settings.manifest.production is None:
        raise Inconclusive("the manifest has no [production] table: name the adapter of the production build")
    adapter = links.open("production", settings.manifest.production)
    production = Target(adapter, settings.manifest, record, link="production")
    production.begin(rng)
    production.message_id = links.recall("message id of production", production.message_id)
    try:
        yield production
    finally:
        links.keep("message id of production", production.message_id)


@pytest.fixture
def control(target: Target) -> Control:
    """The target's Test Interface, or on a black box what stands in for it."""
    return Blind(target) if target.manifest.black_box else Control(target)


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
    name = f"oscore-{given.name}"
    number = links.recall(name, given.first_number, lasting=given.numbers == "kept")
    channel = joined(target, replace(given, first_number=number))
    if target.manifest.resources.given("protected_put"):
        target.over_channel = channel.leveled
    try:
        yield channel
    finally:
        links.keep(name, channel.context.numbers.value, lasting=given.numbers == "kept")
