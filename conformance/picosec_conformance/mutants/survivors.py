"""The reviewed list of mutants that no peer can tell from the original, each with the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from picosec_conformance.mutants.generate import Mutant

LIST = Path(__file__).with_name("survivors.toml")
_FIELDS = frozenset({"module", "place", "before", "after", "reason"})


class ListError(Exception):
    """The list cannot be used. The text says which entry is wrong."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """What survives, and why.

    Without ``after`` it is every change of the line; without ``before``, whatever no test reaches in the place, and
    what is inside of it.
    """

    module: str
    place: str
    before: str
    after: str
    reason: str

    def names(self, mutant: Mutant) -> bool:
        """Whether the mutant is one that this entry is about."""
        if mutant.module != self.module:
            return False
        if not self.before:
            return not self.place or f"{mutant.place}.".startswith(f"{self.place}.")
        return (mutant.place, mutant.before) == (self.place, self.before) and self.after in ("", mutant.after)

    def explains(self, mutant: Mutant, tests: int) -> bool:
        """Whether the entry tells why a mutant survived that this many tests reached."""
        return self.names(mutant) and (bool(self.before) or tests == 0)

    def __str__(self) -> str:
        return " | ".join(filter(None, (self.module, self.place, self.before, self.after)))


def load_survivors(path: Path = LIST) -> tuple[Survivor, ...]:
    """Read the list. Raises ``ListError`` for an entry without a reason, with unknown fields, or named twice."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    except tomllib.TOMLDecodeError as error:
        raise ListError(f"{path.name}: {error}") from error
    found: dict[str, Survivor] = {}
    for row in rows:
        entry = _survivor(row, path.name)
        if str(entry) in found:
            raise ListError(f"{path.name}: {entry} is listed twice")
        found[str(entry)] = entry
    return tuple(found.values())


def _survivor(row: Mapping[str, object], name: str) -> Survivor:
    texts = {field: value.strip() for field, value in row.items() if isinstance(value, str)}
    entry = Survivor(*(texts.get(field, "") for field in ("module", "place", "before", "after", "reason")))
    complete = entry.module and entry.reason and (entry.before or not entry.after)
    if row.keys() != texts.keys() or row.keys() - _FIELDS or not complete:
        raise ListError(f"{name}: {dict(row)} needs a module and a reason, and a line before if it has one after")
    return entry


def reason_for(listed: Iterable[Survivor], mutant: Mutant, tests: int) -> str:
    """Return why a mutant survived that this many tests reached; empty when the list does not say."""
    return next((entry.reason for entry in listed if entry.explains(mutant, tests)), "")
