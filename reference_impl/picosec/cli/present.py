"""What a response looks like to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from picosec.cli.diagnostic import diagnostic
from picosec.errors import ProtocolError
from picosec.messaging import cbor, problem
from picosec.messaging.coap import Code, code_text
from picosec.registry import (
    CONTENT_FORMAT_CBOR,
    CONTENT_FORMAT_LINK_FORMAT,
    CONTENT_FORMAT_PROBLEM_DETAILS,
    CONTENT_FORMAT_SENML_CBOR,
    TEXT,
)

_TEXT_PLAIN: Final = 0

#: SenML (RFC 8428 section 6): label, column. The base values are added to each record before it is shown.
_BASE_NAME, _BASE_TIME, _BASE_UNIT, _BASE_VALUE = -2, -3, -4, -5
_NAME, _UNIT, _VALUE, _STRING, _BOOLEAN, _TIME, _DATA = 0, 1, 2, 3, 4, 6, 8


def status(code: int) -> str:
    """Return a response code in words: ``2.05 Content``."""
    try:
        return f"{code_text(code)} {Code(code).name.replace('_', ' ').capitalize()}"
    except ValueError:
        return code_text(code)


def content(content_format: int | None, payload: bytes) -> str:
    """Return a representation as text; whatever is not what its format promises is shown in hexadecimal."""
    if not payload:
        return ""
    reader = _READERS.get(content_format)
    if reader is None:
        return payload.hex()
    try:
        return reader(payload)
    except (ProtocolError, UnicodeDecodeError, TypeError):
        return f"{payload.hex()} (not what Content-Format {content_format} promises)"


def refusal(code: int, content_format: int | None, payload: bytes) -> str:
    """Return why a request was refused, as a sentence."""
    explanation = None
    if content_format == CONTENT_FORMAT_PROBLEM_DETAILS:
        explanation = _problem(payload)
    explanation = explanation or content(content_format, payload)
    return f"the device refused with {status(code)}" + (f": {explanation}" if explanation else "")


def _problem(payload: bytes) -> str | None:
    """Return problem details in words, None when they name no error of ours."""
    try:
        named = problem.decode(payload)
        detail = cbor.loads(payload).get(problem.DETAIL)
    except ProtocolError:
        return None
    if named is None:
        return None
    text = f"{TEXT[named]} ({named.name.lower()})"
    return f"{text}: {printable(detail)}" if isinstance(detail, str) else text


def _cbor(payload: bytes) -> str:
    return diagnostic(cbor.loads(payload))


def _text(payload: bytes) -> str:
    return printable(payload.decode())


def printable(text: str) -> str:
    """Return text fit for a terminal: a device's words must not move a person's cursor."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _links(payload: bytes) -> str:
    # A comma inside a quoted attribute separates nothing.
    text, quoted = "", False
    for character in _text(payload):
        quoted ^= character == '"'
        text += "\n" if character == "," and not quoted else character
    return text


def _senml(payload: bytes) -> str:
    records = cbor.loads(payload)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise TypeError
    rows = []
    base: dict[int, Any] = {}
    for record in records:
        base |= {label: value for label, value in record.items() if isinstance(label, int) and label < 0}
        rows.append(_senml_row({**base, **record}))
    return table(rows)


def _senml_row(record: Mapping[int, Any]) -> list[str]:
    name = str(record.get(_BASE_NAME, "")) + str(record.get(_NAME, ""))
    value: Any = ""
    if _VALUE in record or _BASE_VALUE in record:
        value = record.get(_BASE_VALUE, 0) + record.get(_VALUE, 0)
    for label in (_STRING, _BOOLEAN, _DATA):
        if label in record:
            value = diagnostic(record[label])
    row = [name, str(value), str(record.get(_UNIT, record.get(_BASE_UNIT, "")))]
    time = record.get(_BASE_TIME, 0) + record.get(_TIME, 0)
    return [*row, f"at {time}"] if time else row


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as columns."""
    widths = [max(len(row[i]) if i < len(row) else 0 for row in rows) for i in range(max(map(len, rows), default=0))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows)
    return "\n".join(lines)


_READERS: Final[Mapping[int | None, Callable[[bytes], str]]] = {
    _TEXT_PLAIN: _text,
    CONTENT_FORMAT_LINK_FORMAT: _links,
    CONTENT_FORMAT_CBOR: _cbor,
    CONTENT_FORMAT_PROBLEM_DETAILS: _cbor,
    CONTENT_FORMAT_SENML_CBOR: _senml,
}
