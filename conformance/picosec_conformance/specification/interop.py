"""The field's own tests (spec/v1/standards/interop.toml), by the names that their events gave them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from picosec_conformance.specification.standards import (
    Fate,
    read_table,
    refuse_surplus,
    standards_folder,
    take,
    take_fate,
)


@dataclass(frozen=True, slots=True)
class Description:
    """One test description of an event; ``note`` says what its tests leave to others, or is empty."""

    id: str
    title: str
    fate: Fate
    note: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One interoperability event. ``expected`` is how many descriptions it has."""

    name: str
    url: str
    scope: str
    expected: int
    descriptions: tuple[Description, ...]


@cache
def load_events() -> tuple[Event, ...]:
    """Return the events. Raises ``StandardsError``."""
    return parse_events(standards_folder() / "interop.toml")


def parse_events(path: Path) -> tuple[Event, ...]:
    """Read the events of a file. Raises ``StandardsError`` for one that is not of the form."""
    table = read_table(path)
    rows = take(table, "event", list, path.name)
    refuse_surplus(table, path.name)
    return tuple(_event(row, f"{path.name}, event {number}") for number, row in enumerate(rows, 1))


def _event(row: dict[str, Any], where: str) -> Event:
    rows = take(row, "description", list, where)
    found = Event(
        name=take(row, "name", str, where),
        url=take(row, "url", str, where),
        scope=take(row, "scope", str, where),
        expected=take(row, "descriptions", int, where),
        descriptions=tuple(_description(item, f"{where}, description {number}") for number, item in enumerate(rows, 1)),
    )
    refuse_surplus(row, where)
    return found


def _description(row: dict[str, Any], where: str) -> Description:
    found = Description(
        id=take(row, "id", str, where),
        title=take(row, "title", str, where),
        fate=take_fate(row, "tests", where),
        note=take(row, "note", str, where) if "note" in row else "",
    )
    refuse_surplus(row, where)
    return found


def interop_gaps(events: Collection[Event], tests: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each description that does not resolve, is lost or double.

    ``tests`` holds the functions of the suite, as ``module.py::function``.
    """
    for event in events:
        ids = [row.id for row in event.descriptions]
        if len(ids) != event.expected:
            yield f"interop.toml: {event.name} has {event.expected} descriptions, but {len(ids)} rows"
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            yield f"interop.toml: {name} stands twice"
        for row in event.descriptions:
            for test in row.fate.covered_by:
                if test not in tests:
                    yield f"interop.toml: {row.id} names {test}, which the suite does not have"
