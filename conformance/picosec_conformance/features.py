"""Feature truth: for each feature one probe that sees on the wire whether the target has it (CNF-500)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_PROBLEM_DETAILS
from picosec_conformance.control import Control
from picosec_conformance.target import Target

Look = Callable[[Target, random.Random], bool]


@dataclass(frozen=True, slots=True)
class Probe:
    """How to see a feature. ``look`` returns whether it was seen; ``needs_control`` tells that it drives the target."""

    look: Look
    needs_control: bool = True


def _ping(target: Target, rng: random.Random) -> bool:
    return target.until_probe_answered() == []


def _answers(target: Target, rng: random.Random) -> bool:
    return target.request(Code.GET, target.manifest.resources.get).code >> 5 == 2


def _asks(target: Target, rng: random.Random) -> bool:
    control = Control(target)
    control.act("request", {1: int(Code.GET), 2: "/probe", 4: False})
    request = target.receive("a request")
    return request.code == Code.GET and request.path == "/probe"


def _frames(target: Target, rng: random.Random) -> bool:
    return target.framing == "slipmux"


def _cbor_payload(target: Target, rng: random.Random) -> bool:
    reply = target.request(Code.GET, target.manifest.resources.get)
    try:
        cbor.loads(reply.payload)
    except ProtocolError:
        return False
    return reply.code == Code.CONTENT


def _explains(target: Target, rng: random.Random) -> bool:
    return target.request(Code.GET, "/no/such/path").content_format == CONTENT_FORMAT_PROBLEM_DETAILS


def _test_interface(target: Target, rng: random.Random) -> bool:
    return target.request(Code.GET, "/ps/test/state").code == Code.CONTENT


PROBES: dict[str, Probe] = {
    "messaging.datagram": Probe(_ping, needs_control=False),
    "messaging.server": Probe(_answers, needs_control=False),
    "messaging.client": Probe(_asks),
    "messaging.slipmux": Probe(_frames, needs_control=False),
    "messaging.cbor": Probe(_cbor_payload, needs_control=False),
    "messaging.problem-details": Probe(_explains, needs_control=False),
    "conformance.test-interface": Probe(_test_interface, needs_control=False),
}
