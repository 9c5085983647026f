"""One run of the bench: every measurement, in order."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import Any, TypeVar

from picosec_conformance.bench import device, edhoc, layers, memory, migration, observing, oscore
from picosec_conformance.bench.certifying import certify
from picosec_conformance.bench.report import (
    Channel,
    Device,
    Edhoc,
    Layers,
    MeasurementFailed,
    Measurements,
    Observe,
    Oscore,
)
from picosec_conformance.bench.rounds import FULL, QUICK, rates

T = TypeVar("T")

PACKAGES = ("picosec", "cryptography", "cbor2", "lakers-python", "aiocoap")


def measure(quick: bool, progress: Callable[[str], None]) -> tuple[Measurements, dict[str, Any], list[str]]:
    """Measure everything; return it with the environment it was measured in, and why something is missing.

    Raises ``PeerMissing`` before any work when a peer is not installed.
    """
    plan = QUICK if quick else FULL
    started = monotonic()
    handshakes = {"picosec": edhoc.reference(), "lakers": edhoc.lakers(), "primitives": edhoc.bare()}
    exchanges = {"picosec": oscore.reference(), "aiocoap": oscore.aiocoap()}
    of_edhoc = rates(handshakes, plan, lambda text: progress(f"EDHOC, {text}"))
    of_oscore = rates(exchanges, plan, lambda text: progress(f"OSCORE, {text}"))
    told = {"picosec": observing.reference(), "aiocoap": observing.aiocoap()}
    of_observe = rates(told, plan, lambda text: progress(f"observe, {text}"))
    of_layers = rates(
        {
            "datagrams": layers.datagrams(),
            "connection": layers.connection(),
            "codec": layers.codec(),
            "aiocoap's codec": layers.aiocoap_codec(),
        },
        plan,
        lambda text: progress(f"OSCORE through message layers, {text}"),
    )
    progress("memory of a channel")
    state = memory.bytes_of_state(memory.CHANNELS_QUICK if quick else memory.CHANNELS)
    progress("memory of the device")
    failures: list[str] = []
    progress("a channel that moves")
    requests = migration.REQUESTS_QUICK if quick else migration.REQUESTS
    delivered = _tried(lambda: migration.migrations(requests), failures)
    size = _tried(device.resident_bytes, failures)
    certified = None
    if not quick:
        progress("certifying the reference")
        certified = _tried(certify, failures)
    found = Measurements(
        edhoc=Edhoc(
            round(of_edhoc["picosec"], 1),
            round(of_edhoc["lakers"], 1),
            round(of_edhoc["primitives"], 1),
            edhoc.sizes(),
            edhoc.coap_bytes(),
        ),
        oscore=Oscore(round(of_oscore["picosec"], 1), round(of_oscore["aiocoap"], 1), *oscore.overheads()),
        observe=Observe(round(of_observe["picosec"], 1), round(of_observe["aiocoap"], 1)),
        layers=Layers(*(round(of_layers[name], 1) for name in of_layers)),
        channel=Channel(state),
        device=Device(size),
        delivery=tuple(delivered or ()),
        certify=certified,
    )
    return found, environment(quick, plan.rounds, monotonic() - started), failures


def _tried(measurement: Callable[[], T], failures: list[str]) -> T | None:
    """Return what a measurement gives; when it does not work, note why. The other figures are none the worse for it."""
    try:
        return measurement()
    except MeasurementFailed as failure:
        failures.append(str(failure))
        return None


def environment(quick: bool, rounds: int, seconds: float) -> dict[str, Any]:
    """Describe where and how the figures came about."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count() or 1,
        "versions": {name: _version(name) for name in PACKAGES},
        "quick": quick,
        "rounds": rounds,
        "seconds": round(seconds, 1),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
