"""Strict deterministic CBOR (RFC 8949 section 4.2.1), both directions (spec/v1/messaging.md, "CBOR").

Written out rather than taken from ``cbor2``, whose decoder builds values before anything has judged the bytes (regular
expressions, dates and cyclic lists from tags), takes ``0`` for ``False`` as a map key, and accepts encodings that are
not the shortest; for the short items of a handshake this pair is also faster. The decoder reads left to right, builds
only what it has checked, and stops at the first fault, so that every implementation reports the same error for the
same bytes. ``cbor2`` lends its types for what Python has no word for, and is the tests' second opinion.

Values: ``int`` (64 bits and a sign), ``bytes``, ``str``, ``float``, ``bool``, ``None``, ``cbor2.undefined``,
``cbor2.CBORSimpleValue``, ``list`` (tuples encode too), ``dict`` with keys of the first three types, and
``cbor2.CBORTag`` for the tags in :data:`TAGS`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import cbor2

from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Bytes of one item or sequence.
MAX_SIZE: Final = 65536
#: Arrays, maps and tags around the innermost item.
MAX_DEPTH: Final = 16
#: The tags that are understood; they stay opaque: COSE_Sign1 (18) and CWT (61).
TAGS: Final = frozenset({16, 18, 61, 96})

CANONICAL_NAN: Final = b"\xf9\x7e\x00"

_WIDTH: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_FLOAT_FORMAT: Final = {25: ">e", 26: ">f", 27: ">d"}
_NAMED_SIMPLE: Final = {20: False, 21: True, 22: None, 23: cbor2.undefined}


def dumps(value: Any) -> bytes:
    """Return the deterministic encoding of ``value``.

    Raises ``TypeError`` for a value or map key outside the profile, ``OverflowError`` for an integer beyond 64 bits.
    """
    encoder = _ENCODERS.get(type(value)) or _encoder_of(value)
    return encoder(value)


def loads(data: bytes) -> Any:
    """Return the one item that ``data`` encodes.

    Raises ``ProtocolError`` with ``MALFORMED``, ``NOT_DETERMINISTIC`` or ``TOO_LARGE`` for the first fault.
    """
    if len(data) > MAX_SIZE:
        _fail(Problem.TOO_LARGE, "MSG-160", f"{len(data)} bytes")
    value, end = _checked(data, 0)
    if end != len(data):
        _fail(Problem.MALFORMED, "MSG-040", f"{len(data) - end} bytes after the item")
    return value


def loads_sequence(data: bytes, max_size: int = MAX_SIZE) -> list[Any]:
    """Return the items of a CBOR sequence (RFC 8742); no bytes are no items. Raises as :func:`loads` does.

    ``max_size`` is what a message may have; whoever reads a file from a disk allows more.
    """
    if len(data) > max_size:
        _fail(Problem.TOO_LARGE, "MSG-160", f"{len(data)} bytes")
    items = []
    position, end = 0, len(data)
    while position < end:
        value, position = _checked(data, position)
        items.append(value)
    return items


def _checked(data: bytes, position: int) -> tuple[Any, int]:
    try:
        return _item(data, position, 0)
    except IndexError:
        _fail(Problem.MALFORMED, "MSG-020", "the input ends inside an item")


def _item(data: bytes, start: int, depth: int) -> tuple[Any, int]:
    """Return the item at ``start`` and the position behind it. Raises ``IndexError`` where the input ends."""
    initial = data[start]
    major, info = initial >> 5, initial & 31
    position = start + 1
    if info < 24:
        argument = info
    elif info < 28:
        position += _WIDTH[info]
        if position > len(data):
            raise IndexError
        argument = int.from_bytes(data[start + 1 : position], "big")
        if major != 7 and argument < _LEAST[info]:
            _fail(Problem.NOT_DETERMINISTIC, "MSG-060", f"byte {start}: {argument} has a shorter form")
    elif info == 31 and 2 <= major <= 5:
        _fail(Problem.NOT_DETERMINISTIC, "MSG-050", f"byte {start}: indefinite length")
    else:
        _fail(Problem.MALFORMED, "MSG-030", f"byte {start}: 0x{initial:02x} starts no item")

    if major == 0:
        return argument, position
    if major == 1:
        return -1 - argument, position
    if major == 2:
        end = position + argument
        if end > len(data):
            raise IndexError
        return data[position:end], end
    if major == 7:
        return _simple_or_float(info, argument, data[start:position], start), position
    if major == 3:
        end = position + argument
        if end > len(data):
            raise IndexError
        try:
            return data[position:end].decode(), end
        except UnicodeDecodeError as error:
            _fail(Problem.MALFORMED, "MSG-070", f"byte {position + error.start}: not UTF-8")

    if depth == MAX_DEPTH:
        _fail(Problem.TOO_LARGE, "MSG-150", f"byte {start}: nested deeper than {MAX_DEPTH}")
    if major == 4:
        if argument > len(data) - position:  # an item takes at least one byte: judge before working for it
            raise IndexError
        items = []
        for _ in range(argument):
            value, position = _item(data, position, depth + 1)
            items.append(value)
        return items, position
    if major == 5:
        return _map(data, position, argument, depth + 1)
    if argument not in TAGS:
        _fail(Problem.MALFORMED, "MSG-140", f"byte {start}: tag {argument}")
    value, position = _item(data, position, depth + 1)
    return cbor2.CBORTag(argument, value), position


def _map(data: bytes, position: int, count: int, depth: int) -> tuple[dict[Any, Any], int]:
    if 2 * count > len(data) - position:
        raise IndexError
    entries: dict[Any, Any] = {}
    previous = b""
    for _ in range(count):
        start = position
        if data[start] >= 0x80:
            _fail(Problem.MALFORMED, "MSG-080", f"byte {start}: a map key that is neither an integer nor a string")
        key, position = _item(data, start, depth)
        encoded = data[start:position]
        if encoded <= previous:
            if key in entries:
                _fail(Problem.MALFORMED, "MSG-090", f"byte {start}: the key stands twice")
            _fail(Problem.NOT_DETERMINISTIC, "MSG-100", f"byte {start}: the key is out of order")
        previous = encoded
        entries[key], position = _item(data, position, depth)
    return entries, position


def _simple_or_float(info: int, argument: int, encoded: bytes, start: int) -> Any:
    if info in _FLOAT_FORMAT:
        (value,) = struct.unpack(_FLOAT_FORMAT[info], encoded[1:])
        if value != value:
            if encoded != CANONICAL_NAN:
                _fail(Problem.NOT_DETERMINISTIC, "MSG-120", f"byte {start}: not the canonical NaN")
        elif len(_shortest_float(value)) != len(encoded):
            _fail(Problem.NOT_DETERMINISTIC, "MSG-110", f"byte {start}: {value} has a shorter form")
        return value
    if argument in _NAMED_SIMPLE and info != 24:
        return _NAMED_SIMPLE[argument]
    if info == 24 and argument < 32:
        _fail(Problem.MALFORMED, "MSG-130", f"byte {start}: simple value {argument} in two bytes")
    return cbor2.CBORSimpleValue(argument)


def _fail(problem: Problem, requirement: str, detail: str) -> NoReturn:
    raise ProtocolError(problem, requirement, f"CBOR: {detail}")


def _shortest_float(value: float) -> bytes:
    if value != value:
        return CANONICAL_NAN
    for initial, format_ in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            packed = struct.pack(format_, value)
        except OverflowError:
            continue
        if struct.unpack(format_, packed)[0] == value:
            return initial + packed
    return b"\xfb" + struct.pack(">d", value)


def _head(major: int, argument: int) -> bytes:
    """Return the shortest head; ``major`` is already shifted into the upper three bits."""
    if argument < 24:
        return _ONE_BYTE[major | argument]
    if argument < 0x100:
        return bytes((major | 24, argument))
    if argument < 0x10000:
        return bytes((major | 25, argument >> 8, argument & 0xFF))
    if argument < 0x100000000:
        return _ONE_BYTE[major | 26] + argument.to_bytes(4, "big")
    return _ONE_BYTE[major | 27] + argument.to_bytes(8, "big")


def _encode_integer(value: int) -> bytes:
    return _head(0x00, value) if value >= 0 else _head(0x20, ~value)


def _encode_bytes(value: bytes) -> bytes:
    return _head(0x40, len(value)) + value


def _encode_text(value: str) -> bytes:
    encoded = value.encode()
    return _head(0x60, len(encoded)) + encoded


def _encode_array(value: Sequence[Any]) -> bytes:
    return _head(0x80, len(value)) + b"".join([dumps(item) for item in value])


def _encode_map(value: dict[Any, Any]) -> bytes:
    rows = []
    for key, entry in value.items():
        if type(key) is bool or not isinstance(key, int | bytes | str):
            raise TypeError(f"a map key of type {type(key).__name__} is outside the profile")
        rows.append((dumps(key), dumps(entry)))
    rows.sort()  # keys are distinct, so entries are never compared
    return _head(0xA0, len(rows)) + b"".join([part for row in rows for part in row])


def _encode_tag(value: cbor2.CBORTag) -> bytes:
    if value.tag not in TAGS:
        raise TypeError(f"tag {value.tag} is outside the profile")
    return _head(0xC0, value.tag) + dumps(value.value)


def _encode_simple(value: cbor2.CBORSimpleValue) -> bytes:
    return _head(0xE0, value.value)


def _encoder_of(value: Any) -> Callable[[Any], bytes]:
    """Return the encoder for a value of a derived type, such as an ``IntEnum``."""
    for base, encoder in _ENCODERS.items():
        if isinstance(value, base):
            return encoder
    raise TypeError(f"{type(value).__name__} is outside the profile")


_ONE_BYTE: Final = [bytes([byte]) for byte in range(256)]
_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    int: _encode_integer,
    bytes: _encode_bytes,
    str: _encode_text,
    list: _encode_array,
    tuple: _encode_array,
    dict: _encode_map,
    bool: lambda value: b"\xf5" if value else b"\xf4",
    type(None): lambda value: b"\xf6",
    float: _shortest_float,
    cbor2.CBORTag: _encode_tag,
    cbor2.CBORSimpleValue: _encode_simple,
    type(cbor2.undefined): lambda value: b"\xf7",
}
