"""The reviewed list of mutants that no peer can tell from the original, each with the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("survivors.toml")
_FIELDS = frozenset({"module", "place", "before", "after", "reason"})

Key = tuple[str, str, str, str]


class ListError(Exception):
    """The list cannot be used. The text says which entry is wrong."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant as the list names it, and why it survives."""

    key: Key
    reason: str


def load_survivors(path: Path = LIST) -> Mapping[Key, Survivor]:
    """Read the list. Raises ``ListError`` for an entry without a reason, with unknown fields, or named twice."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    except tomllib.TOMLDecodeError as error:
        raise ListError(f"{path.name}: {error}") from error
    found: dict[Key, Survivor] = {}
    for row in rows:
        entry = _survivor(row, path.name)
        if entry.key in found:
            raise ListError(f"{path.name}: {' '.join(entry.key)!r} is listed twice")
        found[entry.key] = entry
    return found


def _survivor(row: Mapping[str, object], name: str) -> Survivor:
    texts = {field: value.strip() for field, value in row.items() if isinstance(value, str)}
    key = tuple(texts.get(field, "") for field in ("module", "place", "before", "after"))
    if (
        row.keys() != texts.keys()
        or row.keys() - _FIELDS
        or not texts.get("reason")
        or not (key[0] and key[2] and key[3])
    ):
        raise ListError(f"{name}: {dict(row)} needs module, before, after and a reason, place where there is one")
    return Survivor((key[0], key[1], key[2], key[3]), texts["reason"])
