"""Channels on connections: the same handshakes and the same protection as on datagrams, from either end."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.coap import Code
from picosec_conformance.channel import Channel
from picosec_conformance.connections import WAYS
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, meet
from picosec_conformance.handshake import initiate, introduce, open_channel, respond
from picosec_conformance.target import Target


@pytest.mark.requirement("CHN-090", "CHN-130")
@pytest.mark.needs("channel.edhoc.responder", "conformance.test-interface")
@pytest.mark.parametrize("way", WAYS)
def test_channel_is_opened_on_a_connection(target: Target, rng: random.Random, way: str) -> None:
    """A network that lets nothing but TCP through must not cost anybody the protection."""
    channel = open_channel(target, initiate(target, introduce(target, rng, method=3, suite=2)))

    assert channel.request(Code.GET, target.manifest.resources.protected_get).code == Code.CONTENT


@pytest.mark.requirement("CHN-090", "CHN-130")
@pytest.mark.needs("channel.edhoc.initiator")
@pytest.mark.parametrize("way", WAYS)
def test_target_opens_a_channel_on_a_connection_that_it_accepted(
    target: Target, control: Control, rng: random.Random, way: str
) -> None:
    """A device is called over the only connection that its network allows, and begins the handshake itself."""
    parties = meet(target, rng, **as_initiator(method=3, suite=2))
    control.act("open", {1: parties.method, 2: [parties.suite]})
    session = respond(target, parties)
    target.until_probe_answered()

    channel = open_channel(target, session)
    assert channel.request(Code.GET, target.manifest.resources.protected_get).code == Code.CONTENT


@pytest.mark.requirement("CHN-800")
@pytest.mark.parametrize("way", WAYS)
def test_connection_protects_nothing(target: Target, way: str) -> None:
    """Somebody opened a connection, which makes him nobody's friend."""
    reply = target.request(Code.GET, target.manifest.resources.protected_get)

    assert reply.code == Code.UNAUTHORIZED


@pytest.mark.requirement("CHN-670", "CHN-680")
@pytest.mark.parametrize("way", WAYS)
def test_many_protected_requests_on_one_connection(target: Target, channel: Channel, way: str) -> None:
    """An app that asks a hundred times finds each answer, and each is new."""
    answers = [channel.request(Code.GET, target.manifest.resources.protected_get) for _ in range(100)]

    assert {answer.code for answer in answers} == {Code.CONTENT}
