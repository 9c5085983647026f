"""CBOR as people read it: a tolerant decoder that keeps every item's place and writes diagnostic notation.

It shares no code with ``picosec.messaging.cbor``, which refuses what this one explains. Notation is that of RFC 8949
section 8: an encoding indicator (``_1``) marks an argument longer than needed, ``_`` an indefinite length.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_DEPTH = 48
_SHOWN_BYTES = 160
_SIMPLE = {20: "false", 21: "true", 22: "null", 23: "undefined"}


class Stop(Exception):
    """The bytes stop being CBOR. ``offset`` counts from the start of the data."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.offset = offset
        self.reason = reason


@dataclass(slots=True)
class Item:
    """One data item: its place, its notation, and what it holds.

    ``value`` is an int, bytes, str, float, bool or None; ``children`` the items of an array, the alternating keys and
    values of a map, or the content of a tag. ``faults`` are the rules of deterministic encoding that it breaks.
    """

    start: int
    end: int
    major: int
    value: object
    text: str
    children: list[Item] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[Item, Item]]:
        """Yield the keys and values of a map."""
        yield from zip(self.children[::2], self.children[1::2], strict=True)

    def get(self, key: object) -> Item | None:
        """Return the value under a key of a map, None if there is none."""
        return next((value for name, value in self.pairs() if name.value == key), None)


def sequence(data: bytes, at: int = 0) -> tuple[list[Item], Stop | None]:
    """Read items until the data ends or stops being CBOR."""
    found: list[Item] = []
    while at < len(data):
        try:
            one = item(data, at)
        except Stop as stop:
            return found, stop
        found.append(one)
        at = one.end
    return found, None


def item(data: bytes, at: int = 0, depth: int = 0) -> Item:
    """Read one item. Raises ``Stop``."""
    if depth > MAX_DEPTH:
        raise Stop(at, f"nested deeper than {MAX_DEPTH}")
    start = at
    major, info, argument, at = _head(data, at)
    if major == 7:
        return _simple(start, at, info, argument)
    if info == 31 and major in (0, 1, 6):
        raise Stop(start, "an integer or tag cannot have an indefinite length")
    faults = _longer_than_needed(start, info, argument)
    mark = f"_{info - 24}" if faults else ""
    if major in (0, 1):
        number = argument if major == 0 else -1 - argument
        return Item(start, at, major, number, f"{number}{mark}", faults=faults)
    if major in (2, 3):
        if info == 31:
            return _chunks(data, start, at, major, depth)
        if at + argument > len(data):
            raise Stop(start, f"a string of {argument} bytes, but {len(data) - at} follow")
        return _string(data[at : at + argument], start, at + argument, major, mark, faults)
    if major == 6:
        content = item(data, at, depth + 1)
        return Item(
            start, content.end, 6, argument, f"{argument}{mark}({content.text})", [content], faults + content.faults
        )
    return _collection(data, start, at, major, None if info == 31 else argument, mark, faults, depth)


def _head(data: bytes, at: int) -> tuple[int, int, int, int]:
    if at >= len(data):
        raise Stop(at, "an item is missing: the data ends here")
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, info, at + 1
    if info == 31:
        return major, info, 0, at + 1
    if info > 27:
        raise Stop(at, f"0x{data[at]:02x} is not assigned as a first byte")
    size = 1 << (info - 24)
    if at + 1 + size > len(data):
        raise Stop(at, f"the head needs {size} more bytes, but {len(data) - at - 1} follow")
    return major, info, int.from_bytes(data[at + 1 : at + 1 + size]), at + 1 + size


def _longer_than_needed(start: int, info: int, argument: int) -> list[tuple[int, str]]:
    least = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}.get(info, 0)
    return [(start, "an argument longer than needed")] if argument < least else []


def _string(content: bytes, start: int, end: int, major: int, mark: str, faults: list[tuple[int, str]]) -> Item:
    if major == 3:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            faults = [*faults, (start, "a text string that is not UTF-8")]
        else:
            return Item(start, end, 3, text, json.dumps(text, ensure_ascii=False) + mark, faults=faults)
    shown = content.hex() if len(content) <= _SHOWN_BYTES else f"{content[:_SHOWN_BYTES].hex()}… {len(content)} bytes"
    return Item(start, end, major, content, f"h'{shown}'{mark}", faults=faults)


def _chunks(data: bytes, start: int, at: int, major: int, depth: int) -> Item:
    parts: list[Item] = []
    while data[at : at + 1] != b"\xff":
        part = item(data, at, depth + 1)
        if part.major != major or data[at] & 31 == 31:
            raise Stop(at, "a chunk of an indefinite-length string must be a definite string of the same type")
        parts.append(part)
        at = part.end
    fault = (start, "an indefinite length")
    content = [part.value for part in parts]
    value: object = b"".join(c if isinstance(c, bytes) else str(c).encode() for c in content)
    text = f"(_ {', '.join(part.text for part in parts)})"
    return Item(start, at + 1, major, value, text, faults=[fault, *(f for part in parts for f in part.faults)])


def _collection(
    data: bytes,
    start: int,
    at: int,
    major: int,
    count: int | None,
    mark: str,
    faults: list[tuple[int, str]],
    depth: int,
) -> Item:
    found: list[Item] = []
    if count is None:
        faults = [*faults, (start, "an indefinite length")]
        mark = "_ "
        while data[at : at + 1] != b"\xff":
            found.append(item(data, at, depth + 1))
            at = found[-1].end
        at += 1
        if major == 5 and len(found) % 2:
            raise Stop(at - 1, "a map ends between a key and its value")
    else:
        for _ in range(count * (major - 3)):
            found.append(item(data, at, depth + 1))
            at = found[-1].end
        mark = f"{mark} " if mark else ""
    for one in found:
        faults = faults + one.faults
    if major == 4:
        return Item(start, at, 4, None, f"[{mark}{', '.join(one.text for one in found)}]", found, faults)
    keys = [data[one.start : one.end] for one in found[::2]]
    for one, before, key in zip(found[2::2], keys, keys[1:], strict=False):
        if key <= before:
            faults = [*faults, (one.start, "a repeated key" if key == before else "a key out of order")]
    inside = ", ".join(f"{key.text}: {value.text}" for key, value in zip(found[::2], found[1::2], strict=True))
    return Item(start, at, 5, None, f"{{{mark}{inside}}}", found, faults)


def _simple(start: int, at: int, info: int, argument: int) -> Item:
    if info == 31:
        raise Stop(start, "a break where an item is expected")
    if info in (25, 26, 27):
        return _float(start, at, info, argument)
    if info == 24 and argument < 32:
        raise Stop(start, f"simple value {argument} in two bytes")
    text = _SIMPLE.get(argument, f"simple({argument})")
    return Item(start, at, 7, {20: False, 21: True}.get(argument), text)


def _float(start: int, at: int, info: int, argument: int) -> Item:
    form = {25: ">e", 26: ">f", 27: ">d"}[info]
    value = struct.unpack(form, argument.to_bytes(struct.calcsize(form)))[0]
    shorter = info > 25 and (math.isnan(value) or any(_fits(value, form) for form in (">e", ">f")[: info - 25]))
    text = "NaN" if math.isnan(value) else ("-" * (value < 0) + "Infinity" if math.isinf(value) else repr(value))
    faults = [(start, "a float longer than needed")] if shorter else []
    return Item(start, at, 7, value, text + (f"_{info - 24}" if shorter else ""), faults=faults)


def _fits(value: float, form: str) -> bool:
    try:
        return bool(struct.unpack(form, struct.pack(form, value))[0] == value)
    except OverflowError:
        return False
