"""Faults of CBOR: a decoder from the shelf, one rule at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import RESPONSE_CODE, Problem
from picosec.roles.device import Lamp
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


@fault("MSG-010")
def writes_maps_in_any_order() -> None:
    """A map is written in the order in which its entries were set: the hash of a report changes with the weather."""

    def unordered(value: dict[Any, Any]) -> bytes:
        rows = [cbor.dumps(key) + cbor.dumps(entry) for key, entry in reversed(value.items())]
        return cbor._head(0xA0, len(rows)) + b"".join(rows)

    cbor._ENCODERS[dict] = unordered


@fault("MSG-010")
def writes_long_heads() -> None:
    """An encoder for tables that leaves room for a length it does not know yet."""
    original = cbor._head

    def roomy(major: int, argument: int) -> bytes:
        return bytes((major | 24, argument)) if 2 < argument < 24 else original(major, argument)

    cbor._head = roomy


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


@fault("MSG-030")
def takes_reserved_bytes_for_zero() -> None:
    """A switch without a default case."""
    _overlook("MSG-030", lambda data: 0)


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


@fault("MSG-070")
def mends_broken_text() -> None:
    """Bad UTF-8 is replaced or skipped, and the text that was checked is not the text that was sent."""
    _overlook("MSG-070", lambda data: cbor2.loads(data, str_errors="ignore"))


@fault("MSG-080")
def takes_any_map_key() -> None:
    """Keys go into a hash table of a language in which true equals 1."""
    _overlook("MSG-080")


@fault("MSG-090")
def lets_the_last_key_win() -> None:
    """A map is filled entry by entry; whoever checked the first value looked at another message."""
    _overlook("MSG-090")


@fault("MSG-100")
def takes_unsorted_maps() -> None:
    """Order is for senders, says the decoder."""
    _overlook("MSG-100")


@fault("MSG-110")
def takes_wide_floats() -> None:
    """Every number is widened to a double at once, and how it came is forgotten."""
    _overlook("MSG-110")


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
    """A recursive decoder on a stack of unknown size."""
    cbor.MAX_DEPTH = 1 << 30


@fault("MSG-170")
def acts_while_it_decodes() -> None:
    """The relay is switched by the handler's first line; the payload is looked at in the second."""
    original = Lamp._put

    def eager(self: Lamp, request: Any) -> Any:
        self.on = True
        self.changes += 1
        return original(self, request)

    Lamp._put = eager


@fault("MSG-180")
def says_bad_request_to_everything() -> None:
    """One catch-all at the top: a sender that could mend its message by making it smaller does not learn so."""
    RESPONSE_CODE[Problem.TOO_LARGE] = 0x80
