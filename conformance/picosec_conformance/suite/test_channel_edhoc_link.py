"""What the target says of its EDHOC resource before anybody begins a handshake."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Kind
from picosec_conformance.combined import edhoc_link
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import kinds, meet, methods, suites
from picosec_conformance.target import Nonconformity, Target

#: Type of credential and header parameter of each kind.
TYPES = {Kind.KID: (1, 4), Kind.KCCS: (1, 14), Kind.KCWT: (0, 13), Kind.X5T: (2, 34), Kind.X5CHAIN: (2, 33)}


def attributes(target: Target) -> dict[str, list[str]]:
    """Return the values of each attribute of the link, in their order; that of a flag is an empty text."""
    link = edhoc_link(target)
    if link is None:
        raise Nonconformity("/.well-known/core does not list the EDHOC resource")
    found: dict[str, list[str]] = {}
    for part in link.split(";"):
        name, _equals, value = part.partition("=")
        found.setdefault(name.strip(), []).append(value.strip().strip('"') if _equals else "")
    return found


def numbers(values: list[str]) -> list[int]:
    """Return values as sorted numbers. Raises ``Nonconformity`` for one that is none, or that comes twice."""
    if not all(value.removeprefix("-").isdigit() for value in values) or len(set(values)) != len(values):
        raise Nonconformity(f"expected one number in each attribute, and each once: {values}")
    return sorted(map(int, values))


@pytest.mark.requirement("CHN-1620")
def test_link_names_what_is_supported(target: Target, rng: random.Random) -> None:
    """A client that finds the right suite in the list saves a handshake that would only tell it."""
    meet(target, rng)
    link = attributes(target)

    assert "core.edhoc" in " ".join(link["rt"]).split()
    assert numbers(link["ed-method"]) == [methods(target)[0]]
    assert numbers(link["ed-csuite"]) == [suites(target)[0]]
    assert numbers(link["ed-cred-t"]) == sorted({TYPES[kind][0] for kind in kinds(target)})
    assert numbers(link["ed-idcred-t"]) == sorted({TYPES[kind][1] for kind in kinds(target)})


@pytest.mark.requirement("CHN-1620")
def test_link_follows_the_policy(target: Target, control: Control, rng: random.Random) -> None:
    """A suite is withdrawn: a list that still has it sends every client into a refusal."""
    meet(target, rng)
    several = [suite for suite in suites(target) if suite in (2, 3, 5)] or suites(target)[:1]
    for some in (several, several[:1]):
        control.provision(methods=methods(target)[:1], suites=some)
        assert numbers(attributes(target)["ed-csuite"]) == sorted(some)


@pytest.mark.requirement("CHN-1630")
@pytest.mark.parametrize(
    ("attribute", "feature"),
    [
        ("ed-r", "channel.edhoc.responder"),
        ("ed-i", "channel.edhoc.reverse"),
        ("ed-comb-req", "channel.edhoc.combined"),
    ],
)
def test_link_names_the_flows(target: Target, rng: random.Random, attribute: str, feature: str) -> None:
    """A flag without a value, exactly where the flow is there: what is promised and refused costs a handshake."""
    meet(target, rng)
    link = attributes(target)

    assert link.get(attribute, []) == ([""] if target.manifest.declares(feature) else [])


@pytest.mark.requirement("CHN-1630")
@pytest.mark.needs("channel.edhoc.message4", "channel.edhoc.combined")
def test_handshakes_with_message_4_are_not_offered_combined(target: Target, rng: random.Random) -> None:
    """The two exclude each other, and a client cannot know unless it is told."""
    meet(target, rng, message_4=True)

    assert "ed-comb-req" not in attributes(target)
