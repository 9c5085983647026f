"""Fixtures that several themes of the suite share."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from picosec.messaging.coap import Code, code_text
from picosec_conformance.acquaintance import Acquaintance
from picosec_conformance.blockwise import Ask, TargetAsClient, Upload, read_whole
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier
from picosec_conformance.endorsing import Endorsers
from picosec_conformance.issuing import Issuing
from picosec_conformance.keeper import Keeper
from picosec_conformance.observing import Observer
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Nonconformity, Target
from picosec_conformance.ticketing import Ticketing
from picosec_conformance.zone import Zone


@pytest.fixture(
    params=["open", pytest.param("channel", marks=pytest.mark.needs("channel.oscore.server", CONTROL))],
)
def ask(request: pytest.FixtureRequest, target: Target) -> Ask:
    """Ask in the open, or over a fresh channel."""
    if request.param == "open":
        return target.exchange
    channel: Channel = request.getfixturevalue("channel")
    return channel.ask


@pytest.fixture
def large(target: Target) -> Iterator[str]:
    """Where the target has something large that can be replaced.

    What nothing resets gets back what it had: the next test wants something large as well.
    """
    path = target.manifest.resources.large
    if not target.manifest.black_box:
        yield path
        return
    before = read_whole(target, path)
    yield path
    reply = Upload(target, target.exchange, path).whole(before, 1024)
    if reply.code >> 5 != 2:
        raise Nonconformity(f"{path} does not take back what it had: {code_text(reply.code)}")


@pytest.fixture
def body(rng: random.Random) -> bytes:
    """Return 200 bytes that nothing else holds."""
    return rng.randbytes(200)


@pytest.fixture
def observer(target: Target) -> Iterator[Observer]:
    """The suite, before it registers for something that is there."""
    one = Observer(target)
    target.request(Code.PUT, one.path, b"0")
    yield one
    one.deregister()


@pytest.fixture
def registered(observer: Observer) -> Observer:
    """The suite as an observer."""
    observer.register()
    return observer


@pytest.fixture(
    params=["open", pytest.param("channel", marks=pytest.mark.needs("channel.oscore.client", "channel.oscore.server"))],
)
def client(request: pytest.FixtureRequest, target: Target, control: Control) -> TargetAsClient:
    """The target asking in the open, or over a fresh channel."""
    return TargetAsClient(target, control, request.getfixturevalue("channel") if request.param == "channel" else None)


@pytest.fixture
def acquaintance(target: Target, control: Control, rng: random.Random) -> Acquaintance:
    """Somebody whose identity the target trusts, and of whose history it has seen nothing."""
    return Acquaintance(target, control, rng)


@pytest.fixture
def courier(target: Target, control: Control, rng: random.Random) -> Courier:
    """Everybody whom the target, which knows the date, has to do with by objects."""
    return Courier(target, control, rng)


@pytest.fixture
def zone(target: Target, control: Control, rng: random.Random) -> Zone:
    """A zone whose anchor the target, which knows the date, believes."""
    return Zone(target, control, rng)


@pytest.fixture
def ticketing(target: Target, control: Control, rng: random.Random) -> Ticketing:
    """Keys of tokens, and of who reads redemptions, of a target that knows the date."""
    return Ticketing(target, control, rng)


@pytest.fixture
def issuing(target: Target, control: Control, rng: random.Random) -> Issuing:
    """A target that gets tokens from the suite."""
    return Issuing(target, control, rng)


@pytest.fixture
def keeper(target: Target, control: Control, rng: random.Random) -> Keeper:
    """Issuers of status lists that the target, which knows the date, believes."""
    return Keeper(target, control, rng)


@pytest.fixture
def endorsers(keeper: Keeper) -> Endorsers:
    """Endorsers that the target believes, and somebody whom it lets in by the word of one of them."""
    return Endorsers(keeper)
