"""Faults of being a target: alive, honest about its features, and able to show what it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from picosec.channel.credentials import OwnCredential
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.crypto.vault import Vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message
from picosec.registry import Problem
from picosec.roles import device, test_resources
from picosec.roles.agent import Agent
from picosec.roles.handshakes import Opening
from picosec.roles.resources import Reply, Request
from picosec_conformance.faults import fault


@fault("CNF-500")
def lacks_a_declared_method() -> None:
    """The data sheet promises signatures; the build left them out to save flash."""
    from picosec.channel import edhoc_config

    edhoc_config.METHODS = (2, 3)


@fault("CNF-510")
def dies_of_noise() -> None:
    """A length that is trusted: one malformed datagram ends the process (compare CVE-2018-12680)."""
    original = Agent.receive

    def receive(self: Agent, datagram: bytes, peer: Any, now: float) -> None:
        if len(datagram) > 4 and datagram[0] & 15 > 8:
            sys.exit("picosec: segmentation fault")
        original(self, datagram, peer, now)

    Agent.receive = receive


@fault("CNF-520")
def keeps_its_version_secret() -> None:
    """The information resource lacks the version: nobody can tell which devices need the update."""
    original = device.Device._get_info

    def info(self: device.Device, request: Request) -> Reply:
        entries = cbor.loads(original(self, request).payload)
        del entries["version"]
        return Reply(Code.CONTENT, cbor.dumps(entries), 60)

    device.Device._get_info = info


@fault("CNF-530")
def boasts_of_a_feature() -> None:
    """The device claims what its manifest does not: an installer plans by it."""
    original = device.Device._get_info

    def info(self: device.Device, request: Request) -> Reply:
        entries = cbor.loads(original(self, request).payload)
        entries["features"].append("channel.edhoc.suite.24")
        return Reply(Code.CONTENT, cbor.dumps(entries), 60)

    device.Device._get_info = info


@fault("CNF-470")
def grows_large_and_stays_so() -> None:
    """The large resource outlives the reset: what one test put there, the next one finds."""
    large = test_resources.Large()

    def kept(self: test_resources.Large) -> None:
        self.__dict__ = large.__dict__

    test_resources.Large.__init__ = kept


@fault("CNF-380")
def shows_whichever_credential_comes_first() -> None:
    """The parameter is parsed and forgotten: tests about certificates pass without a certificate on the wire."""
    original = EdhocConfig.own
    EdhocConfig.own = lambda self, role, method, suite, kind=None: original(self, role, method, suite)


@fault("CNF-390")
def sends_credentials_by_reference_only() -> None:
    """The shorter way always: who knows the issuer alone learns a hash that it cannot resolve."""
    original = EdhocConfig.__init__

    def initialize(
        self: EdhocConfig, vault: Vault, own: Sequence[OwnCredential], trusted: Any, policy: Policy, *rest: Any
    ) -> None:
        original(self, vault, own, trusted, replace(policy, by_value=False), *rest)

    EdhocConfig.__init__ = initialize


@fault("CNF-900")
def takes_every_noise_for_a_refusal() -> None:
    """What cannot be read is reported as a refusal: the owner of a peer with a broken encoder never hears of it."""
    original = Opening.refused

    def refused(self: Opening, response: Message) -> Message:
        try:
            return original(self, response)
        except ProtocolError as error:
            if error.problem is not Problem.MALFORMED:
                raise
            raise ProtocolError(Problem.REFUSED, "CHN-1060") from error

    Opening.refused = refused
