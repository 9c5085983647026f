"""A vector case as a readable hexadecimal listing. Pure: JSON data and a link function in, HTML out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

from picosec_conformance.vectors.model import Case
from picosec_docs import markup

_HEX = re.compile(r"(?:[0-9a-f]{2})+")


def value_html(value: Any) -> str:
    """Return one value: bytes as spaced hexadecimal with their length, structures as nested lists."""
    if isinstance(value, Mapping):
        return members_html(value) if value else markup.code("{}")
    if isinstance(value, list):
        if any(isinstance(item, list | Mapping) for item in value):
            return f'<ul class="values">{"".join(f"<li>{value_html(item)}</li>" for item in value)}</ul>'
        return f'<code class="hex">[{escape(", ".join(map(_scalar, value)))}]</code>'
    if value == "":
        return '<span class="size">empty</span>'
    size = f' <span class="size">{_size(value)}</span>' if _is_hex(value) else ""
    return f'<code class="hex">{escape(_scalar(value))}</code>{size}'


def _is_hex(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _size(text: str) -> str:
    return "1 byte" if len(text) == 2 else f"{len(text) // 2} bytes"


def _scalar(value: Any) -> str:
    """Return a value that is no structure, as text: bytes with a space after each."""
    if _is_hex(value):
        return " ".join(value[start : start + 2] for start in range(0, len(value), 2))
    return str(value).lower() if isinstance(value, bool) else str(value)


def members_html(members: Mapping[str, Any]) -> str:
    """Return named values as a definition list; a name inside a structure is written as a path, ``own.kid``."""
    rows = (f"<div><dt>{escape(name)}</dt><dd>{value_html(value)}</dd></div>" for name, value in _paths(members, ""))
    return f'<dl class="listing">{"".join(rows)}</dl>'


def _paths(members: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in members.items():
        if isinstance(value, Mapping) and value:
            yield from _paths(value, f"{before}{name}.")
        else:
            yield before + name, value


def case_html(case: Case, error_address: Callable[[str], str]) -> str:
    """Return inputs, steps and the expected answer of a case; ``error_address`` tells where an error is explained."""
    parts = [_head("Inputs"), members_html(case.inputs)]
    if case.steps:
        parts += [_head("Steps"), members_html(case.steps)]
    if case.error is not None:
        parts.append(_head("Refused with " + markup.anchor(error_address(case.error), markup.code(case.error))))
    else:
        parts += [_head("Output"), members_html(case.output or {})]
    return f'<div class="case">{"".join(parts)}</div>'


def _head(html: str) -> str:
    return f'<p class="listing-head">{html}</p>'
