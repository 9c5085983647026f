"""Channels in number: several with one peer, peers besides the first, and the target as the one that ends them."""

from __future__ import annotations

import random
from dataclasses import replace

from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.trust import TrustStore
from picosec.crypto.vault import software_vault
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.handshake import Parties, initiate, open_channel
from picosec_conformance.identity import make_identity
from picosec_conformance.target import Target

PATH = "/ps/channel"
#: Seconds without a verified message after which a channel is idle, and after which it is closed.
IDLE_AFTER, IDLE_TIMEOUT = 247, 86_400


def opened(target: Target, parties: Parties) -> Channel:
    """Complete a handshake with the target as Responder; the suite's end of the channel."""
    return open_channel(target, initiate(target, parties))


def another_peer(control: Control, parties: Parties, rng: random.Random, kid: bytes = b"\x2c") -> Parties:
    """Return a second peer that the target trusts as it trusts the first."""
    first = parties.own
    own = make_identity(first.kind, first.usage, parties.suite, rng.randbytes, kid=kid, name="second")
    control.provision(trusted=[own.trust()])
    trusted = TrustStore()
    trusted.add(parties.target.kind, parties.target.trusted, parties.target.kid)
    vault = software_vault(rng.randbytes)
    policy = Policy(methods=(parties.method,), suites=(parties.suite,))
    config = EdhocConfig(vault, [own.unlock(vault)], trusted, policy)
    return replace(parties, own=own, config=config)


def room_for(control: Control, parties: Parties, most: int) -> None:
    """Let the target keep so many channels out of handshakes at most."""
    control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, most_channels=most)


def works(target: Target, channel: Channel) -> bool:
    """Whether the target serves a request over a channel. Raises ``Nonconformity`` for a refusal of another kind."""
    request = target.build(Code.GET, target.manifest.resources.protected_get)
    reply = target.exchange(channel.protect(request))
    if reply.code == Code.UNAUTHORIZED and target.has_problem(reply, Problem.UNKNOWN_CONTEXT):
        return False
    return channel.unprotect(reply).code == Code.CONTENT
