"""Being a target: it is alive, it tells what it is, and what it declares is there."""

from __future__ import annotations

import random

import pytest

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec_conformance.control import Control
from picosec_conformance.features import PROBES, Probe, open_look
from picosec_conformance.reach import Reach, link_for
from picosec_conformance.settings import CONTROL, Settings
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.target import Nonconformity, Target


@pytest.mark.requirement("CNF-500")
@pytest.mark.undeclared
@pytest.mark.parametrize("feature", load_registry().features)
def test_feature_is_as_declared(
    reach: Reach, settings: Settings, rng: random.Random, request: pytest.FixtureRequest, feature: str
) -> None:
    """A data sheet that promises what the device does not have is the first thing a customer finds out."""
    if feature not in settings.manifest.profile.features and not settings.manifest.declares(feature):
        pytest.skip("outside the profile")
    probe: Probe = PROBES[feature]
    resources = settings.manifest.resources
    look = probe.look
    if probe.needs_control and settings.manifest.black_box:
        if feature == "channel.oscore.server" and settings.manifest.oscore is not None:
            channel = request.getfixturevalue("channel")
            look = lambda target, rng: channel.request(Code.GET, resources.protected_get).code == Code.CONTENT  # noqa: E731
        elif (opened := open_look(feature)) is not None:
            look = opened
        else:
            pytest.skip("not declared: conformance.test-interface")
    link = link_for(settings.manifest, [feature])
    observed = link is not None and look(reach.stranger() if probe.stranger else reach.link(link), rng)
    request.node.user_properties.append(("observed", (feature, observed)))

    assert observed or not settings.manifest.declares(feature), f"{feature} is declared, but could not be observed"


@pytest.mark.requirement("CNF-510")
@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 8, 16, 64, 256, 1024])
def test_target_survives_noise(target: Target, rng: random.Random, length: int) -> None:
    """A neighbour's faulty radio sends noise all night: in the morning the lamp still answers."""
    for _ in range(8):
        target.provoke(rng.randbytes(length))

    assert target.until_probe_answered() == []


@pytest.mark.requirement("CNF-510")
def test_target_survives_mutated_requests(target: Target, rng: random.Random) -> None:
    """One flipped bit in a good request is what a real link produces, and what a parser is least prepared for."""
    good = target.form.encode(target.build(Code.GET, target.manifest.resources.get))
    for bit in range(len(good) * 8):
        mutated = bytearray(good)
        mutated[bit // 8] ^= 1 << bit % 8
        target.provoke(bytes(mutated), f"bit {bit} flipped")

    assert target.until_probe_answered() == []


@pytest.mark.requirement("CNF-520", "CNF-530")
@pytest.mark.needs("conformance.test-interface")
def test_device_tells_what_it_is(target: Target, settings: Settings) -> None:
    """An installer reads off a device what it can do, and plans by that."""
    reply = target.request(Code.GET, "/ps/info")
    assert reply.code == Code.CONTENT
    assert reply.content_format == CONTENT_FORMAT_CBOR
    try:
        info = cbor.loads(reply.payload)
    except ProtocolError as error:
        raise Nonconformity(f"/ps/info is not deterministic CBOR: {error}") from error

    assert isinstance(info, dict)
    assert {"name", "version", "role", "features"} <= set(info)
    assert info["role"] == settings.manifest.profile.role
    of_the_build = {"messaging.slipmux", "messaging.stream", "messaging.websocket", CONTROL}
    assert set(info["features"]) - of_the_build == settings.manifest.features - of_the_build


@pytest.mark.requirement("CNF-510")
def test_target_survives_a_storm_of_pings(target: Target) -> None:
    """A flood of the cheapest message there is must not use anything up."""
    for _ in range(200):
        target.send(target.form.probe(target.fresh_message_id(), target.fresh_token()))
    answers = target.until_probe_answered()

    assert len(answers) == 200


@pytest.mark.requirement("CNF-420")
def test_every_link_leads_to_the_same_target(control: Control, reach: Reach) -> None:
    """A gateway that serves radio and cable from two processes shows two lamps where the installer sees one."""
    for name in reach.names:
        value = name.encode() or b"main"
        assert reach.link(name).request(Code.PUT, "/ps/test/store", value).code == Code.CHANGED
        for other in reach.names:
            assert reach.link(other).request(Code.GET, "/ps/test/store").payload == value

    assert control.changes("/ps/test/store") == len(reach.names)
