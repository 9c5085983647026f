"""Faults of CBOR decoders: from the shelf, one rule at a time."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cbor2

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import Problem
from picosec_conformance.faults import fault

_strict_loads = cbor.loads


def _overlook(requirement: str, read: Callable[[bytes], Any] = cbor2.loads) -> None:
    """Read what breaks one rule as another decoder would; what that one refuses is refused as before."""

    def loads(data: bytes) -> Any:
        try:
            return _strict_loads(data)
        except ProtocolError as error:
            if error.requirement != requirement:
                raise
            try:
                return read(data)
            except Exception:
                raise error from None

    cbor.loads = loads


@fault("MSG-020")
def reads_behind_the_end() -> None:
    """The length is believed and the buffer behind the message happens to hold zeros."""

    def padded(data: bytes) -> Any:
        for count in range(1, 40):
            try:
                return _strict_loads(data + bytes(count))
            except ProtocolError as error:
                if error.requirement != "MSG-020":
                    raise
        raise EOFError

    _overlook("MSG-020", padded)


@fault("MSG-020")
def makes_room_for_what_is_announced() -> None:
    """Memory is reserved by the length alone: nine bytes ask for all there is (CVE-2020-28491, a CBOR parser)."""
    original = cbor._item

    def eager(data: bytes, start: int, depth: int) -> tuple[Any, int]:
        if data[start] in (0x5A, 0x5B, 0x9A, 0x9B, 0xBA, 0xBB):
            bytearray(int.from_bytes(data[start + 1 : start + 9], "big"))
        return original(data, start, depth)

    cbor._item = eager


@fault("MSG-020")
def is_content_with_what_is_there() -> None:
    """A slice that ends early is no error in many languages: four announced bytes become one."""

    def short(data: bytes) -> Any:
        if not data or data[0] >> 5 != 2:
            raise ValueError
        return data[1 + cbor._WIDTH.get(data[0] & 31, 0) :]

    _overlook("MSG-020", short)


@fault("MSG-030")
def takes_reserved_bytes_for_zero() -> None:
    """A switch without a default case."""
    _overlook("MSG-030", lambda data: 0)


@fault("MSG-030")
def takes_a_stray_break_for_nothing() -> None:
    """The end of an indefinite list is null when there is no list."""
    _overlook("MSG-030", lambda data: None if data == b"\xff" else cbor2.loads(data))


@fault("MSG-040")
def ignores_trailing_bytes() -> None:
    """The decoder returns where it stopped, and nobody asks."""
    _overlook("MSG-040")


@fault("MSG-050")
def takes_indefinite_lengths() -> None:
    """Streaming encoders are common, so the library reads what they write."""
    _overlook("MSG-050")


@fault("MSG-060")
def takes_long_heads() -> None:
    """ "Preferred" serialization is taken for a recommendation."""
    _overlook("MSG-060")


@fault("MSG-060")
def asks_numbers_only_for_the_shortest_form() -> None:
    """The rule was read as one about integers; lengths and counts come as they come."""
    original, bounds = cbor._item, cbor._LEAST

    def lenient(data: bytes, start: int, depth: int) -> tuple[Any, int]:
        cbor._LEAST = bounds if data[start] >> 5 < 2 else dict.fromkeys(bounds, 0)
        return original(data, start, depth)

    cbor._item = lenient


@fault("MSG-060")
def is_off_by_one_at_each_width() -> None:
    """23, 255 and 65,535 may be written longer: less than or equal, where less than was meant."""
    cbor._LEAST = {info: least - 1 for info, least in cbor._LEAST.items()}


@fault("MSG-060")
def calls_long_heads_malformed() -> None:
    """One error for everything: a peer cannot tell a broken message from a careless encoder."""
    original = cbor._fail

    def coarse(cause: Problem, requirement: str, detail: str) -> None:
        original(Problem.MALFORMED if requirement == "MSG-060" else cause, requirement, detail)

    cbor._fail = coarse


@fault("MSG-070")
def mends_broken_text() -> None:
    """Bad UTF-8 is replaced or skipped, and the text that was checked is not the text that was sent."""
    _overlook("MSG-070", lambda data: cbor2.loads(data, str_errors="ignore"))


@fault("MSG-070")
def reads_overlong_text() -> None:
    """Two bytes stand for a letter that has one: a filter sees another name (CVE-2000-0884, a web server)."""

    def folded(data: bytes) -> Any:
        short = data.replace(b"\x65\xc1\xb0", b"\x64\x70")
        return _strict_loads(short)

    _overlook("MSG-070", folded)


@fault("MSG-080")
def takes_any_map_key() -> None:
    """Keys go into a hash table of a language in which true equals 1."""
    _overlook("MSG-080")


@fault("MSG-080")
def takes_true_for_one() -> None:
    """In the language of the server true is 1 and 1.0 is 1, also as the key of a setting."""
    _overlook("MSG-080", lambda data: {int(key): value for key, value in cbor2.loads(data).items()})


@fault("MSG-090")
def lets_the_last_key_win() -> None:
    """A map is filled entry by entry; whoever checked the first value looked at another message."""
    _overlook("MSG-090")


@fault("MSG-090")
def lets_the_first_key_win() -> None:
    """A look-up in a list of pairs ends at the first match; whoever fills a table sees the last."""

    def pairs(data: bytes) -> Any:
        found: dict[Any, Any] = {}
        position = 1
        for _ in range(data[0] & 31):
            key, position = cbor._item(data, position, 1)
            value, position = cbor._item(data, position, 1)
            found.setdefault(key, value)
        return found

    _overlook("MSG-090", pairs)


@fault("MSG-100")
def takes_unsorted_maps() -> None:
    """Order is for senders, says the decoder."""
    _overlook("MSG-100")


@fault("MSG-100")
def expects_short_keys_first() -> None:
    """The order of RFC 7049: keys that are in order are refused, and keys that are not are taken."""
    original, strict = cbor._map, cbor._fail

    def tolerant(cause: Problem, requirement: str, detail: str) -> None:
        if requirement != "MSG-100":
            strict(cause, requirement, detail)

    def by_length(data: bytes, position: int, count: int, depth: int) -> tuple[dict[Any, Any], int]:
        entries, end = original(data, position, count, depth)
        keys = [(len(cbor.dumps(key)), cbor.dumps(key)) for key in entries]
        if keys != sorted(keys):
            strict(Problem.NOT_DETERMINISTIC, "MSG-100", "short keys first")
        return entries, end

    cbor._fail, cbor._map = tolerant, by_length


@fault("MSG-110")
def takes_wide_floats() -> None:
    """Every number is widened to a double at once, and how it came is forgotten."""
    _overlook("MSG-110")


@fault("MSG-110")
def knows_two_widths_of_float() -> None:
    """Sixteen bits are too few to bother: a single is as short as it gets."""

    def without_half(value: float) -> bytes:
        return original(value) if len(original(value)) != 3 or value != value else b"\xfa" + struct.pack(">f", value)

    original = cbor._shortest_float
    cbor._shortest_float = without_half


@fault("MSG-120")
def takes_any_nan() -> None:
    """One isnan() for all of them."""
    _overlook("MSG-120")


@fault("MSG-130")
def takes_simple_values_in_two_bytes() -> None:
    """The number decides, not the bytes it came in: f815 is as true as f5."""

    def folded(data: bytes) -> Any:
        for number in range(20, 24):
            data = data.replace(bytes((0xF8, number)), bytes((0xE0 | number,)))
        return _strict_loads(data)

    _overlook("MSG-130", folded)


@fault("MSG-140")
def builds_from_tags() -> None:
    """The library turns tags into dates, sets, fractions and patterns before anyone has asked for them."""
    _overlook("MSG-140")


@fault("MSG-140")
def looks_through_tags() -> None:
    """An unknown tag is skipped and its content taken: a tag then hides what a filter was looking for."""
    _overlook("MSG-140", lambda data: cbor2.loads(data, tag_hook=lambda _decoder, tag: tag.value))


@fault("MSG-150")
def nests_one_level_deeper() -> None:
    """Greater than, where greater or equal was meant."""
    cbor.MAX_DEPTH = 17


@fault("MSG-150")
def nests_one_level_less() -> None:
    """The item at the bottom is counted as a level."""
    cbor.MAX_DEPTH = 15


@fault("MSG-150")
def nests_without_end() -> None:
    """A recursive decoder on a stack of unknown size (CVE-2026-26209, in cbor2)."""
    cbor.MAX_DEPTH = 1 << 30


@fault("MSG-150")
def counts_lists_but_not_tags() -> None:
    """Depth is counted where lists and maps are read; tags wrap tags until the stack ends."""
    original = cbor._item

    def item(data: bytes, start: int, depth: int) -> tuple[Any, int]:
        return original(data, start, depth - 1 if data[start] >> 5 == 6 else depth)

    cbor._item = item
