"""One run of the bench: every measurement, in order."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from picosec_conformance.bench import (
    attestation,
    credentials,
    device,
    edhoc,
    layers,
    memory,
    migration,
    objects,
    observing,
    oscore,
    status,
    tokens,
)
from picosec_conformance.bench.certifying import certify
from picosec_conformance.bench.report import (
    Attestation,
    Channel,
    Credentials,
    Device,
    Edhoc,
    Layers,
    MeasurementFailed,
    Measurements,
    Objects,
    Observe,
    Oscore,
    StatusList,
    Tokens,
)
from picosec_conformance.bench.rounds import FULL, QUICK, Contender, Plan, rates

T = TypeVar("T")

PACKAGES = ("picosec", "cryptography", "cbor2", "lakers-python", "aiocoap")


def measure(
    quick: bool, progress: Callable[[str], None], folder_of_cwt: Path | None = None
) -> tuple[Measurements, dict[str, Any], list[str]]:
    """Measure everything; return it with the environment it was measured in, and why something is missing.

    ``folder_of_cwt`` holds python-cwt and its own cbor2; without it, only the reference makes objects. Raises
    ``PeerMissing`` before any work when a peer is not installed.
    """
    plan = QUICK if quick else FULL
    started = monotonic()
    with _cwt(folder_of_cwt) as (turns, versions):
        of_objects = _objects(turns, plan, progress)
        of_credentials = _credentials(turns, plan, progress)
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
    of_evidence = rates(attestation.contenders(), plan, lambda text: progress(f"attestation, {text}"))
    of_status = rates(status.contenders(), plan, lambda text: progress(f"status lists, {text}"))
    of_tokens = rates(tokens.contenders(), plan, lambda text: progress(f"anonymous tokens, {text}"))
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
        objects=of_objects,
        attestation=Attestation(
            len(attestation.evidence()),
            *attestation.kept(),
            round(of_evidence["given"], 1),
            round(of_evidence["judged"], 1),
        ),
        credentials=of_credentials,
        status_list=StatusList(
            status.ENTRIES,
            status.REVOKED,
            len(status.token()),
            round(of_status["taken"], 1),
            round(of_status["judged"], 1),
        ),
        tokens=Tokens(
            **tokens.sizes(),
            kept_bytes=tokens.kept(),
            issued_per_s=round(16 * of_tokens["issued"], 1),
            redeemed_per_s=round(of_tokens["redeemed"], 1),
            primitives_issued_per_s=round(16 * of_tokens["issued bare"], 1),
            primitives_redeemed_per_s=round(of_tokens["redeemed bare"], 1),
        ),
        channel=Channel(state),
        device=Device(size),
        delivery=tuple(delivered or ()),
        certify=certified,
    )
    return found, environment(quick, plan.rounds, monotonic() - started, versions), failures


def _tried(measurement: Callable[[], T], failures: list[str]) -> T | None:
    """Return what a measurement gives; when it does not work, note why. The other figures are none the worse for it."""
    try:
        return measurement()
    except MeasurementFailed as failure:
        failures.append(str(failure))
        return None


@contextmanager
def _cwt(folder: Path | None) -> Iterator[tuple[Mapping[str, Contender], Mapping[str, str]]]:
    """Give the turns of python-cwt and its version, or nothing without a folder."""
    if folder is None:
        yield {}, {}
    else:
        with objects.cwt(folder) as (turns, versions):
            yield turns, {"cwt": versions["cwt"], "cryptography of cwt": versions["cryptography"]}


def _objects(of_cwt: Mapping[str, Contender], plan: Plan, progress: Callable[[str], None]) -> Objects:
    """Measure objects, each kind by all who make it."""
    of_reference, of_primitives = objects.reference(), objects.bare()
    found: dict[str, dict[str, float]] = {}
    for kind in ("signed", "sealed"):
        contenders: dict[str, Contender] = {"picosec": of_reference[kind], "primitives": of_primitives[kind]}
        if kind in of_cwt:
            contenders["cwt"] = of_cwt[kind]
        measured = rates(contenders, plan, partial(_of_objects, progress, kind))
        found[kind] = {name: round(rate, 1) for name, rate in measured.items()}
    signed, sealed = found["signed"], found["sealed"]
    return Objects(
        signed["picosec"],
        sealed["picosec"],
        signed.get("cwt"),
        sealed.get("cwt"),
        signed["primitives"],
        sealed["primitives"],
    )


def _credentials(of_cwt: Mapping[str, Contender], plan: Plan, progress: Callable[[str], None]) -> Credentials:
    """Measure chains of credentials, each length by all who judge it."""
    found: dict[int, dict[str, float]] = {}
    for length in credentials.LENGTHS:
        contenders: dict[str, Contender] = {"picosec": credentials.contenders(length)}
        if f"chain-{length}" in of_cwt:
            contenders["cwt"] = of_cwt[f"chain-{length}"]
        measured = rates(contenders, plan, partial(_of_chains, progress, length))
        found[length] = {name: round(rate, 1) for name, rate in measured.items()}
    one, three = (found[length] for length in credentials.LENGTHS)
    return Credentials(
        *credentials.sizes(),
        credentials.anchor_bytes(),
        one["picosec"],
        three["picosec"],
        one.get("cwt"),
        three.get("cwt"),
    )


def _of_chains(progress: Callable[[str], None], length: int, text: str) -> None:
    progress(f"chains of {length}, {text}")


def _of_objects(progress: Callable[[str], None], kind: str, text: str) -> None:
    progress(f"objects, {kind}, {text}")


def environment(quick: bool, rounds: int, seconds: float, of_peers: Mapping[str, str]) -> dict[str, Any]:
    """Describe where and how the figures came about; ``of_peers`` are versions in other processes."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count() or 1,
        "versions": {**{name: _version(name) for name in PACKAGES}, **of_peers},
        "quick": quick,
        "rounds": rounds,
        "seconds": round(seconds, 1),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
