"""What a bundle claims, held against what its replay gives: everything but durations, and the wording of reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: The lists of a report whose rows are compared by a key: name of the list, key, what decides.
_ROWS = (
    ("test_results", "id", "verdict"),
    ("requirement_results", "id", "state"),
    ("features", "name", "verdict"),
)
#: Not compared: durations, and errata that were found since.
_FREE = frozenset({"seconds", "errata"})


def differences(claimed: Any, replayed: dict[str, Any], rows: str) -> Iterator[str]:
    """Yield one sentence for each row of the list ``rows`` that the claimed report and the replayed one tell otherwise.

    ``claimed`` is whatever the bundle holds as a report.
    """
    (name, key, decides), *_ = [row for row in _ROWS if row[0] == rows]
    theirs, ours = _by_key(claimed, name, key), _by_key(replayed, name, key)
    if theirs is None or ours is None:
        yield f"{name} is no list of rows with {key!r} each"
        return
    for identity in dict.fromkeys([*ours, *theirs]):
        if identity not in theirs or identity not in ours:
            yield f"{identity}: only in the {'replay' if identity in ours else 'report'}"
            continue
        one, other = _fixed(theirs[identity]), _fixed(ours[identity])
        if one != other and one.get(decides) != other.get(decides):
            yield f"{identity}: {one.get(decides)} in the report, {other.get(decides)} in the replay"
        elif one != other:
            yield f"{identity}: {_first_difference(one, other)}"


def other_differences(claimed: Any, replayed: dict[str, Any]) -> Iterator[str]:
    """Yield one sentence for each field of the report outside these lists that differs."""
    if not isinstance(claimed, dict):
        yield "it is no report"
        return
    listed = {name for name, _, _ in _ROWS} | _FREE
    for name in dict.fromkeys([*replayed, *claimed]):
        if name not in listed and claimed.get(name) != replayed.get(name):
            yield f"{name} differs" + _shown(claimed.get(name), replayed.get(name))


def wordings(claimed: Any, replayed: dict[str, Any]) -> int:
    """Return in how many rows only the words of a reason differ: they depend on the versions of Python and pytest."""
    count = 0
    for name, key, _ in _ROWS:
        theirs, ours = _by_key(claimed, name, key) or {}, _by_key(replayed, name, key) or {}
        count += sum(theirs[row].get("reason") != ours[row].get("reason") for row in theirs.keys() & ours.keys())
    return count


def _by_key(report: Any, name: str, key: str) -> dict[str, dict[str, Any]] | None:
    rows = report.get(name) if isinstance(report, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get(key), str) for row in rows):
        return None
    found = {row[key]: row for row in rows}
    return found if len(found) == len(rows) else None


def _fixed(value: Any) -> Any:
    """Return what has to be the same in every replay."""
    if isinstance(value, dict):
        return {key: _fixed(entry) for key, entry in value.items() if key not in _FREE and key != "reason"}
    if isinstance(value, list):
        return [_fixed(entry) for entry in value]
    return value


def _first_difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    name = next(name for name in [*other, *one] if one.get(name) != other.get(name))
    return f"{name} differs" + _shown(one.get(name), other.get(name))


def _shown(one: Any, other: Any) -> str:
    short = [value for value in (one, other) if not isinstance(value, dict | list) and len(str(value)) <= 60]
    return f": {one!r} in the report, {other!r} in the replay" if len(short) == 2 else ""
