"""What the standards demand of each requirement: read off their tables, or ``demands.toml`` where those cannot tell.

The profiles for plain stacks are made of this: a requirement that no standard makes is not part of them, and one that a
standard merely recommends is a recommendation there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.requirements import LEVELS, Requirement
from picosec_conformance.specification.standards import Standard, StandardsError, read_table, refuse_surplus

#: MAY is no demand.
_DEMANDS = tuple(level for level in LEVELS if level != "MAY")


@dataclass(frozen=True, slots=True)
class Demand:
    """What the standards make of a requirement: its level (empty: nothing), where, and the reason if not obvious."""

    level: str = ""
    source: str = ""
    reason: str = ""


def demands_file() -> Path:
    """Return the file of the rows that replace what the tables say."""
    return spec_folder() / "demands.toml"


def load_overrides(path: Path | None = None) -> dict[str, Demand]:
    """Return the rows of ``demands.toml`` by requirement. Raises ``StandardsError``."""
    path = demands_file() if path is None else path
    return {name: _override(dict(row), f"{path.name}, {name}") for name, row in read_table(path).items()}


def _override(row: dict[str, Any], where: str) -> Demand:
    found = Demand(row.pop("level", "?"), row.pop("source", ""), row.pop("reason", ""))
    refuse_surplus(row, where)
    if found.level not in ("", *_DEMANDS) or not found.reason.endswith("."):
        raise StandardsError(f"{where}: needs a level, one of {', '.join(_DEMANDS)} or empty, and a sentence as reason")
    if bool(found.level) != bool(found.source):
        raise StandardsError(f"{where}: a source stands where there is a level, and only there")
    return found


def demands(standards: Iterable[Standard], overrides: Mapping[str, Demand]) -> dict[str, Demand]:
    """Return what the standards demand, by requirement."""
    found: dict[str, dict[str, list[str]]] = {}
    for standard in standards:
        for row in standard.statements:
            place = f"{standard.standard} §{row.section}"
            for name in row.fate.covered_by:
                places = found.setdefault(name, {}).setdefault(row.level, [])
                places += [] if place in places else [place]
    tables = {name: _highest(levels) for name, levels in found.items()}
    return {**tables, **overrides}


def _highest(levels: Mapping[str, list[str]]) -> Demand:
    for level in _DEMANDS:
        if level in levels:
            return Demand(level, ", ".join(levels[level]))
    return Demand()


def with_demands(requirements: Iterable[Requirement], found: Mapping[str, Demand]) -> list[Requirement]:
    """Return the requirements with what the standards demand of them."""
    nothing = Demand()
    return [
        replace(row, standard=found.get(row.id, nothing).level, source=found.get(row.id, nothing).source)
        for row in requirements
    ]


def demand_gaps(overrides: Mapping[str, Demand], in_force: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each row that names no requirement in force."""
    for name in sorted(set(overrides) - set(in_force)):
        yield f"demands.toml names {name}, which is no requirement in force"
