"""CBOR as people read it: diagnostic notation (RFC 8949 section 8)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isinf, isnan
from typing import Any, Final

import cbor2

#: Columns that a value may take before it is spread over lines.
WIDTH: Final = 76


def diagnostic(value: Any, indent: int = 0) -> str:
    """Return ``value``, as :func:`picosec.messaging.cbor.loads` gives it, in diagnostic notation.

    A map or array that does not fit on a line has one entry on each.
    """
    if isinstance(value, dict):
        rows = [(diagnostic(key) + ": ", entry) for key, entry in value.items()]
        return _container("{", rows, "}", indent)
    if isinstance(value, list | tuple):
        return _container("[", (("", entry) for entry in value), "]", indent)
    if isinstance(value, cbor2.CBORTag):
        return f"{value.tag}({diagnostic(value.value, indent)})"
    return _simple(value)


def _simple(value: Any) -> str:
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if value is cbor2.undefined:
        return "undefined"
    if isinstance(value, float):
        if isnan(value):
            return "NaN"
        if isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return repr(value)
    if isinstance(value, cbor2.CBORSimpleValue):
        return f"simple({value.value})"
    return str(value)


def _container(start: str, rows: Iterable[tuple[str, Any]], end: str, indent: int) -> str:
    rows = list(rows)
    flat = start + ", ".join(key + diagnostic(entry) for key, entry in rows) + end
    if indent + len(flat) <= WIDTH and "\n" not in flat:
        return flat
    margin = " " * (indent + 2)
    lines = [margin + key + diagnostic(entry, indent + 2) for key, entry in rows]
    return start + "\n" + ",\n".join(lines) + "\n" + " " * indent + end
