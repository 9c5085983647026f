"""Reading the payloads of the Test Interface: strict in the types and complete in the keys (CNF-020, CNF-030)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import Problem

T = TypeVar("T")


def mismatch(detail: str) -> ProtocolError:
    """Return the error for a payload that does not match the grammar of its resource."""
    return ProtocolError(Problem.BAD_REQUEST, "CNF-030", detail)


def typed(value: Any, kind: type[T]) -> T:
    """Return ``value`` if it is exactly of a CBOR type; in Python, true would pass for 1. Integers are unsigned."""
    if type(value) is not kind or (isinstance(value, int) and value < 0):
        raise mismatch(f"{value!r} is no {kind.__name__}")
    return value


def unsigned(value: Any) -> int:
    """Return ``value`` if it is a CBOR unsigned integer."""
    return typed(value, int)


def payload(data: bytes, kind: type[T]) -> T:
    """Decode a payload of one item of a type. Raises ``malformed``, ``not_deterministic`` and ``bad_request``."""
    return typed(cbor.loads(data), kind)


def fields(value: Any, required: Mapping[int, type], optional: Mapping[int, type]) -> dict[int, Any]:
    """Return a map whose keys and types are as the grammar says; integers are unsigned."""
    entries = typed(value, dict)
    types = {**required, **optional}
    for key, entry in entries.items():
        kind = types.get(key) if type(key) is int else None
        if kind is None:
            raise mismatch(f"the key {key!r} is not in the grammar")
        typed(entry, kind)
    missing = required.keys() - entries.keys()
    if missing:
        raise mismatch(f"the key {min(missing)} is missing")
    return entries


def each(value: Any, read: Callable[[Any], T]) -> list[T]:
    """Return what ``read`` makes of each entry of an array."""
    return [read(entry) for entry in typed(value, list)]


def some(value: Any, read: Callable[[Any], T]) -> tuple[T, ...]:
    """Return what ``read`` makes of each entry of an array that has at least one."""
    entries = each(value, read)
    if not entries:
        raise mismatch("an empty array")
    return tuple(entries)
