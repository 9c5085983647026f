"""Profiles for plain stacks demand what the standards demand: neither more, nor at a higher level."""

from __future__ import annotations

from pathlib import Path

import pytest

from picosec_conformance.specification.demands import Demand, demand_gaps, demands, load_overrides
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.specification.standards import Fate, Standard, StandardsError, Statement

PLAIN = [profile for profile in load_registry().profiles.values() if profile.plain]


def standard(*rows: tuple[str, str, str]) -> Standard:
    """Return a standard with these statements: section, level, and the requirement that covers it."""
    statements = tuple(Statement(section, level, "text", Fate("covered", (name,))) for section, level, name in rows)
    return Standard("rfc1", "RFC 1", "", "", "", statements)


def test_highest_level_of_a_statement_counts() -> None:
    """A requirement that one section recommends and another demands is demanded, there."""
    table = standard(("1", "SHOULD", "MSG-010"), ("2", "MUST", "MSG-010"), ("3", "MUST", "MSG-010"))

    assert demands([table], {})["MSG-010"] == Demand("MUST", "RFC 1 §2, RFC 1 §3")


def test_permission_is_no_demand() -> None:
    """What a standard allows, no stack has to do."""
    assert demands([standard(("1", "MAY", "MSG-010"))], {})["MSG-010"].level == ""


def test_row_replaces_what_the_tables_say() -> None:
    """A requirement may cover a statement and go beyond it."""
    ours = Demand("", "", "It is ours.")

    assert demands([standard(("1", "MUST", "MSG-010"))], {"MSG-010": ours})["MSG-010"] == ours


@pytest.mark.parametrize(
    "row",
    [
        'level = "MAY"\nsource = "RFC 1"\nreason = "A sentence."',
        'level = "MUST"\nreason = "A sentence."',
        'level = ""\nsource = "RFC 1"\nreason = "A sentence."',
        'level = "MUST"\nsource = "RFC 1"\nreason = "no sentence"',
        'level = "MUST"\nsource = "RFC 1"\nreason = "A sentence."\ncolour = "red"',
    ],
)
def test_row_out_of_form_is_refused(tmp_path: Path, row: str) -> None:
    """A row that says half of it would be read as something else."""
    (tmp_path / "demands.toml").write_text(f"[MSG-010]\n{row}\n")

    with pytest.raises(StandardsError, match="MSG-010"):
        load_overrides(tmp_path / "demands.toml")


def test_row_for_nothing_is_a_gap() -> None:
    """A requirement that was withdrawn leaves its row behind."""
    assert list(demand_gaps({"MSG-010": Demand()}, ["MSG-020"])) == [
        "demands.toml names MSG-010, which is no requirement in force"
    ]


@pytest.mark.parametrize("profile", PLAIN, ids=lambda profile: profile.name)
def test_plain_profiles_have_only_what_a_standard_demands(profile: object) -> None:
    """A vendor of a plain stack is told what the RFCs say, and not what we like."""
    for row in load_requirements().values():
        if profile.covers(row) and row.chapter != "conformance":  # type: ignore[attr-defined]
            assert row.standard in ("MUST", "SHOULD"), row.id
            assert row.source, row.id
            if row.standard == "SHOULD":
                assert profile.level(row) == "SHOULD", row.id  # type: ignore[attr-defined]


def test_what_is_ours_is_not_demanded_of_plain_stacks() -> None:
    """Sixteen remembered messages, one order of checks, one way to encode: our profiles ask for them, others do not."""
    requirements, profiles = load_requirements(), load_registry().profiles
    for name, profile in (("MSG-350", "coap-server"), ("CHN-690", "oscore-server"), ("CHN-030", "edhoc-responder")):
        assert not profiles[profile].covers(requirements[name])
        assert profiles["device"].covers(requirements[name])
    assert profiles["device"].level(requirements["MSG-330"]) == "MUST"
    assert profiles["coap-server"].level(requirements["MSG-330"]) == "SHOULD"
