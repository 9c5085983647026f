"""Requests that the Test Interface makes a test build send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from picosec.messaging.coap import Code, Message, Option, Options, Type, path_options, uint_bytes
from picosec.messaging.options import DEFINITIONS
from picosec.roles.test_fields import mismatch, some, typed

#: Fields of a request to send, those that it needs first; the first request of a channel names no other one.
ASKED: Final[tuple[Mapping[int, type], Mapping[int, type]]] = (
    {1: int, 2: str},
    {3: bytes, 4: bool, 5: bytes, 6: int, 7: int, 8: list, 10: int},
)
FIRST: Final[tuple[Mapping[int, type], Mapping[int, type]]] = (ASKED[0], {3: bytes, 6: int})
#: Options that an act may demand; what else a request needs, the target knows better.
_DEMANDED: Final = frozenset(
    map(int, (Option.IF_MATCH, Option.ETAG, Option.IF_NONE_MATCH, Option.URI_QUERY, Option.ACCEPT))
)
#: Methods whose requests have no payload (MSG-2400).
_BODILESS: Final = frozenset({int(Code.GET), int(Code.DELETE)})


def asked(entries: Mapping[int, Any]) -> Message:
    """Return the request that the fields of an act describe. Raises ``bad_request`` for one that cannot be sent."""
    code, path, content_format = entries[1], entries[2], entries.get(6)
    options: Options = path_options(path)
    if not 0 < code < 32 or not path.startswith("/") or any(len(segment) > 255 for _number, segment in options):
        raise mismatch(f"no request with code {code} for {path!r} can be sent")
    if content_format is not None:
        if content_format > 0xFFFF:
            raise mismatch(f"no Content-Format {content_format}")
        options = (*options, (int(Option.CONTENT_FORMAT), uint_bytes(content_format)))
    options = (*options, *_demanded(entries.get(8)))
    if code in _BODILESS and entries.get(3):
        raise mismatch("a request with this code has no payload")
    kind = Type.CON if entries.get(4, True) else Type.NON
    return Message(kind, code, 0, b"", tuple(sorted(options, key=lambda option: option[0])), entries.get(3, b""))


def _demanded(value: Any) -> Options:
    """Return the further options of a request, those of one number in the order in which they were given."""
    options = some(value, _option) if value is not None else ()
    numbers = [number for number, _value in options]
    if any(numbers.count(number) > 1 and not DEFINITIONS[number].repeatable for number in numbers):
        raise mismatch("an option that stands once was given twice")
    return options


def _option(value: Any) -> tuple[int, bytes]:
    match typed(value, list):
        case [int(number), bytes(content)] if number in _DEMANDED and DEFINITIONS[number].admits(number, content):
            return number, content
        case _:
            raise mismatch("no option that can be sent on demand")
