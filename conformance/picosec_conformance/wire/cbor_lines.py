"""CBOR as lines, and what every layer needs to show what it holds."""

from __future__ import annotations

from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item, sequence

_LONG = 72
_SHOWN = 64


def nested(inside: list[Line], depth: int) -> list[Line]:
    """Return lines deeper inside."""
    return [Line(line.depth + depth, line.data, line.text, line.wrong) for line in inside]


def text_or_hex(payload: bytes) -> str:
    """Return text as it reads, and other bytes in hexadecimal."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable():
        return f'"{text}"'
    return payload[:_SHOWN].hex() + (f"… {len(payload)} bytes" if len(payload) > _SHOWN else "")


def cbor_lines(data: bytes) -> list[Line]:
    """Decode a sequence of CBOR items; long collections are spread over lines."""
    items, stop = sequence(data)
    found: list[Line] = []
    for one in items:
        found += _item_lines(data, one, 0, "")
    found += [
        Line(0, b"", f"not deterministic: {fault} at byte {at}", wrong=True)
        for one in items
        for at, fault in one.faults
    ]
    if stop is not None:
        start = items[-1].end if items else 0
        found.append(Line(0, data[start:], f"not CBOR at byte {stop.offset}: {stop.reason}", wrong=True))
    return found


def _item_lines(data: bytes, one: Item, depth: int, label: str) -> list[Line]:
    if len(one.text) <= _LONG or one.major not in (4, 5):
        return [Line(depth, data[one.start : one.end], label + one.text)]
    size = len(one.children) // (one.major - 3)
    kind = "array of" if one.major == 4 else "map of"
    found = [Line(depth, data[one.start : one.children[0].start], f"{label}{kind} {size}")]
    if one.major == 4:
        for child in one.children:
            found += _item_lines(data, child, depth + 1, "")
    else:
        for key, value in one.pairs():
            inner = _item_lines(data, value, depth + 1, f"{key.text}: ")
            found.append(Line(depth + 1, data[key.start : key.end] + inner[0].data, inner[0].text))
            found += inner[1:]
    return found
