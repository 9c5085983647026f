"""What a verifier makes of true evidence: which states are acceptable, and which code an application is."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from picosec.channel.credentials import Kind
from picosec_conformance.attestation import Answering
from picosec_conformance.control import Control
from picosec_conformance.credentials import APPLICATION, CODE, DEPTH, KIND
from picosec_conformance.evidence import DEBUG, MAKER, MAKERS, SOFTWARE, TAMPER, Evidence, hash_of
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target
from picosec_conformance.zone import Shown, Zone

pytestmark = pytest.mark.needs(CONTROL, "channel.edhoc.responder", "channel.oscore.client")

FIRMWARE, GATE = SOFTWARE["firmware"], SOFTWARE["gate"]
#: What the verifier was told of the software: two versions of one piece, one of the other.
ACCEPTABLE: Mapping[str, list[bytes]] = {"firmware": [hash_of("firmware 1.1"), FIRMWARE], "gate": [GATE]}


def claiming(answering: Answering, label: int, value: int | None) -> str | None:
    """Return what the target says of evidence with this claim, or without it."""
    return answering.outcome(lambda made: made.change({label: value}) and None)


def debugged(answering: Answering, degree: int) -> str | None:
    """Return what the target says of evidence with this state of debug ports; with 3 goes the name of a maker."""
    maker = MAKERS["ieee"] if degree == 3 else None
    return answering.outcome(lambda made: made.change({DEBUG: degree, MAKER: maker}))


def running(answering: Answering, software: Mapping[str, bytes]) -> str | None:
    """Return what the target says of evidence that lists this software."""

    def change(made: Evidence) -> None:
        made.software = dict(software)

    return answering.outcome(change)


@pytest.mark.requirement("IDN-1260")
def test_open_debug_port_is_not_acceptable(target: Target, control: Control, rng: random.Random) -> None:
    """Whoever holds the probe reads what the device protects, while the device tells the truth about it."""
    answering = Answering(target, control, rng)

    said = [debugged(answering, degree) for degree in range(5)]

    assert said == ["bad_evidence", None, None, None, None]


@pytest.mark.requirement("IDN-1260")
@pytest.mark.parametrize("least", range(5))
def test_policy_says_how_closed_a_port_has_to_be(
    target: Target, control: Control, rng: random.Random, least: int
) -> None:
    """A lock asks for more than the lamp on a developer's desk."""
    answering = Answering(target, control, rng, debug=least)

    said = [debugged(answering, degree) is None for degree in range(5)]

    assert said == [degree >= least for degree in range(5)]


@pytest.mark.requirement("IDN-1270")
def test_any_software_runs_unless_it_was_said(target: Target, control: Control, rng: random.Random) -> None:
    """A verifier that was told nothing about software knows whose device it is, and no more."""
    answering = Answering(target, control, rng)
    assert running(answering, {"something": bytes(32)}) is None


@pytest.mark.requirement("IDN-1270")
def test_each_acceptable_version_is_accepted(target: Target, control: Control, rng: random.Random) -> None:
    """The update reaches one device today and the other tomorrow."""
    answering = Answering(target, control, rng, software=ACCEPTABLE)
    for firmware in ACCEPTABLE["firmware"]:
        assert running(answering, {"firmware": firmware, "gate": GATE}) is None


OTHER: dict[str, dict[str, bytes]] = {
    "another-version": {"firmware": hash_of("firmware 1.0"), "gate": GATE},
    "one-piece-changed": {"firmware": FIRMWARE, "gate": hash_of("gate 7, and a back door")},
    "one-piece-more": {**SOFTWARE, "miner": hash_of("miner")},
    "one-piece-missing": {"firmware": FIRMWARE},
    "swapped": {"firmware": GATE, "gate": FIRMWARE},
    "under-another-name": {"firmware": FIRMWARE, "gates": GATE},
    "nothing-of-it": {"x": bytes(32)},
}


@pytest.mark.requirement("IDN-1270")
@pytest.mark.parametrize("software", OTHER)
def test_other_software_is_not_acceptable(target: Target, control: Control, rng: random.Random, software: str) -> None:
    """Somebody put his own firmware into the reader, or an application beside it."""
    answering = Answering(target, control, rng, software=ACCEPTABLE)
    assert running(answering, OTHER[software]) == "bad_evidence"
    answering.channel.leveled()


@pytest.mark.requirement("IDN-1280")
def test_opened_case_is_not_acceptable(target: Target, control: Control, rng: random.Random) -> None:
    """Somebody was inside; a device that has no sensor cannot say so."""
    answering = Answering(target, control, rng)

    said = [claiming(answering, TAMPER, count) for count in (None, 0, 1, 2**32)]

    assert said == [None, None, "bad_evidence", "bad_evidence"]


@pytest.mark.requirement("IDN-1280")
@pytest.mark.parametrize("most", [0, 2])
def test_policy_says_how_often_is_too_often(target: Target, control: Control, rng: random.Random, most: int) -> None:
    """The owner changed the battery twice; and where he says a number, he has a device with a sensor."""
    answering = Answering(target, control, rng, tampered=most)

    said = [claiming(answering, TAMPER, count) is None for count in (None, most, most + 1)]

    assert said == [False, True, False]


def bound_to(code: Any) -> dict[int, Any]:
    """Return the claims of a credential that is good for one piece of code."""
    return {KIND: APPLICATION, CODE: code}


KINDS = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.needs(f"channel.edhoc.credential.{kind.value}"), id=kind.value)
        for kind in (Kind.KID, Kind.KCCS, Kind.KCWT)
    ],
)


@pytest.mark.requirement("IDN-1290")
@KINDS
def test_application_is_the_code_that_it_says(target: Target, control: Control, rng: random.Random, kind: Kind) -> None:
    """The gate's application has a credential of its own, and the platform says that it runs."""
    answering = Answering(target, control, rng, kind=kind, claims=bound_to(GATE))
    answering.accepts()
    assert running(answering, {"under any name": GATE}) is None
    assert running(answering, {"firmware": FIRMWARE}) == "bad_evidence"


@pytest.mark.requirement("IDN-1290")
@pytest.mark.needs("identity.credentials", "channel.edhoc.method.3", "channel.edhoc.suite.2")
@pytest.mark.parametrize("by", ["kcwt", "kid"])
def test_application_of_a_zone_is_the_code_that_it_says(zone: Zone, by: Shown) -> None:
    """Its owner let it in, for as long as it is this application; by value, or by a chain that the target holds."""
    application = ("gate", {KIND: APPLICATION, CODE: GATE})
    links = zone.links(application) if by == "kcwt" else zone.links(("ann", {DEPTH: 1}), application)
    if by == "kid":
        zone.takes(*links)
    answering = Answering(zone.target, zone.control, zone.rng, parties=zone.parties(links[-1], by))
    answering.accepts()

    assert running(answering, {"firmware": FIRMWARE, "gate": hash_of("gate 6")}) == "bad_evidence"


@pytest.mark.requirement("IDN-1290")
@pytest.mark.parametrize("software", ["another-version", "removed", "named-only"])
def test_stolen_key_of_an_application_is_not_its_code(
    target: Target, control: Control, rng: random.Random, software: str
) -> None:
    """Malware on the same platform found the key of the gate's application, and the platform measures malware."""
    answering = Answering(target, control, rng, claims=bound_to(GATE))
    listed = {
        "another-version": {"firmware": FIRMWARE, "gate": hash_of("gate 6")},
        "removed": {"firmware": FIRMWARE},
        "named-only": {"firmware": FIRMWARE, GATE.hex()[:32]: hash_of("malware")},
    }

    assert running(answering, listed[software]) == "bad_evidence"


@pytest.mark.requirement("IDN-1290")
def test_code_is_found_among_what_is_acceptable(target: Target, control: Control, rng: random.Random) -> None:
    """A policy that accepts the platform does not stand in for the application."""
    answering = Answering(target, control, rng, claims=bound_to(GATE), software={"firmware": [FIRMWARE]})

    assert running(answering, {"firmware": FIRMWARE}) == "bad_evidence"
    assert running(answering, SOFTWARE) == "bad_evidence"
