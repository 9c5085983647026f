"""What the standards below demand (spec/v1/standards): each statement, with what covers it or why nothing does."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import LEVELS

#: What a row can be: covered by what it names, or not, and then for a reason.
COVERED, LATER, OUT = STATES = ("covered", "later", "out")

#: How the reason of a statement begins that applies today and that no requirement makes.
AWAITED = "Not required yet: "

_ID = re.compile(r"\b(?:" + "|".join(load_registry().chapters.values()) + r")-\d{3,4}\b")
_SECTION = re.compile(r"^(\d+|[A-Z])(\.\d+)*$")

_Value = TypeVar("_Value")


class StandardsError(Exception):
    """A table cannot be read. The text says which, where, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of something that others demand: its state, what covers it, and why nothing does otherwise."""

    state: str
    covered_by: tuple[str, ...] = ()
    reason: str = ""

    @property
    def awaited(self) -> bool:
        """Whether it applies today and a requirement is missing."""
        return self.reason.startswith(AWAITED)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a standard, in our words. ``level`` is MUST, SHOULD or MAY, synonyms and negations folded."""

    section: str
    level: str
    text: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class Standard:
    """One standard. ``keywords`` counts the BCP 14 keywords by section and level; empty if it uses none."""

    name: str
    standard: str
    title: str
    url: str
    scope: str
    statements: tuple[Statement, ...]
    keywords: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def standards_folder() -> Path:
    """Return the folder of the tables."""
    return spec_folder() / "standards"


@cache
def load_standards() -> tuple[Standard, ...]:
    """Return the tables of all standards, by file name. Raises ``StandardsError``."""
    return tuple(parse_standard(path) for path in sorted(standards_folder().glob("*.toml")) if path.stem != "interop")


def parse_standard(path: Path) -> Standard:
    """Read one table. Raises ``StandardsError`` for one that is not of the form."""
    table = read_table(path)
    rows = take(table, "statement", list, path.name)
    found = Standard(
        name=path.stem,
        standard=take(table, "standard", str, path.name),
        title=take(table, "title", str, path.name),
        url=take(table, "url", str, path.name),
        scope=take(table, "scope", str, path.name),
        statements=tuple(_statement(row, f"{path.name}, statement {number}") for number, row in enumerate(rows, 1)),
        keywords=_keywords(table, path.name),
    )
    refuse_surplus(table, path.name)
    return found


def _keywords(table: dict[str, Any], where: str) -> dict[str, dict[str, int]]:
    if "keywords" not in table:
        return {}
    sections = take(table, "keywords", dict, where)
    for section, levels in sections.items():
        of_form = isinstance(levels, dict) and set(levels) <= set(LEVELS)
        if not of_form or not _SECTION.match(section) or not all(isinstance(n, int) for n in levels.values()):
            raise StandardsError(f"{where}: keywords of {section!r} are not counts of {', '.join(LEVELS)} in a section")
    return sections


def _statement(row: dict[str, Any], where: str) -> Statement:
    found = Statement(
        section=take(row, "section", str, where),
        level=take(row, "level", str, where),
        text=take(row, "text", str, where),
        fate=take_fate(row, "requirement", where),
    )
    refuse_surplus(row, where)
    if not _SECTION.match(found.section):
        raise StandardsError(f"{where}: {found.section!r} is no section; write 5.3.1, or B.2")
    if found.level not in LEVELS:
        raise StandardsError(f"{where}: level {found.level!r} is none of {', '.join(LEVELS)}")
    return found


def read_table(path: Path) -> dict[str, Any]:
    """Return what a file holds. Raises ``StandardsError``."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise StandardsError(f"{path.name}: {error}") from error


def take(table: dict[str, Any], name: str, kind: type[_Value], where: str) -> _Value:
    """Take a member that must be there, of the kind, and not empty, out of a table. Raises ``StandardsError``."""
    value = table.pop(name, None)
    if not isinstance(value, kind) or not value:
        raise StandardsError(f"{where}: `{name}` is missing, empty or not of type {kind.__name__}")
    return value


def take_fate(table: dict[str, Any], covering: str, where: str) -> Fate:
    """Take either ``covering``, a list of names, or ``state`` and ``reason``. Raises ``StandardsError``."""
    if covering in table:
        names = take(table, covering, list, where)
        if "state" in table or "reason" in table or not all(isinstance(name, str) for name in names):
            raise StandardsError(f"{where}: `{covering}` is a list of names, and stands without state and reason")
        return Fate(COVERED, tuple(names))
    state, reason = take(table, "state", str, where), take(table, "reason", str, where)
    if state not in (LATER, OUT) or not reason.endswith("."):
        raise StandardsError(f"{where}: needs `{covering}`, or state {LATER} or {OUT} with a sentence for a reason")
    return Fate(state, reason=reason)


def refuse_surplus(table: Mapping[str, Any], where: str) -> None:
    """Raise ``StandardsError`` for what nobody has taken."""
    if table:
        raise StandardsError(f"{where}: unknown {', '.join(sorted(table))}")


def standards_gaps(standards: Collection[Standard], in_force: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each row that does not resolve, or is lost, double or out of place.

    ``in_force`` holds the ids of all requirements that are not withdrawn.
    """
    for standard in standards:
        seen: set[tuple[str, str]] = set()
        before = _order("0")
        for row in standard.statements:
            where = f"{standard.name}.toml: §{row.section} ({row.text})"
            for name in sorted({*row.fate.covered_by, *_ID.findall(row.fate.reason)} - set(in_force)):
                yield f"{where} names {name}, which is no requirement in force"
            if (row.section, row.text) in seen:
                yield f"{where} stands twice"
            if _order(row.section) < before:
                yield f"{where} stands behind a later section"
            seen.add((row.section, row.text))
            before = _order(row.section)
        yield from _counts(standard)


def _counts(standard: Standard) -> Iterator[str]:
    """Hold the rows against the keywords of the document, by section and level."""
    if not standard.keywords:
        return
    rows = Counter((row.section, row.level) for row in standard.statements)
    words = {(section, level): n for section, levels in standard.keywords.items() for level, n in levels.items()}
    for section, level in sorted({*rows, *words}, key=lambda key: (_order(key[0]), key[1])):
        has, needs = rows[section, level], words.get((section, level), 0)
        if has != needs:
            yield f"{standard.name}.toml: §{section} of the document has {needs} {level}, but {has} rows"


def _order(section: str) -> list[tuple[bool, int, str]]:
    """Return what sections are sorted by: numbers as numbers, appendices last."""
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in section.split(".")]
