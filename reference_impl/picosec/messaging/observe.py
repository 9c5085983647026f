"""The Observe option (RFC 7641): what its values mean, and which of two notifications is the newer one."""

from __future__ import annotations

from typing import Final

from picosec.messaging.coap import Message, Option, uint_bytes, uint_value

#: Values of the option in a request.
REGISTER: Final = 0
DEREGISTER: Final = 1

#: A sequence number has 24 bits; one is ahead of another by less than half of that.
_MODULUS: Final = 1 << 24
_HALF: Final = 1 << 23
#: Seconds after which a notification is newer whatever its number says: no message is on its way for longer.
SPAN: Final = 128.0
#: Numbers per second of a server that counts by its clock: half of all in 256 seconds, the most that is allowed.
_RATE: Final = _HALF / 256


def is_newer(number: int, now: float, last: int, then: float) -> bool:
    """Whether a notification with ``number`` at ``now`` is newer than the freshest, ``last`` at ``then`` (MSG-1790)."""
    return 0 < (number - last) % _MODULUS < _HALF or now > then + SPAN


def next_number(last: int | None, now: float) -> int:
    """Return the sequence number of a notification: larger than the one before, and as large as the time says.

    A server that lost its memory goes on behind what it sent before, as long as its clock did not go back.
    """
    by_clock = int(now * _RATE) % _MODULUS
    if last is None or 0 < (by_clock - last) % _MODULUS < _HALF:
        return by_clock
    return (last + 1) % _MODULUS


def wish(request: Message) -> int | None:
    """Return what a request wants, ``None`` without the option; values other than the two are nobody's wish."""
    value = request.option(Option.OBSERVE)
    number = None if value is None else uint_value(value)
    return number if number in (REGISTER, DEREGISTER) else None


def entry(number: int) -> tuple[int, bytes]:
    """Return the option with a value."""
    return int(Option.OBSERVE), uint_bytes(number)
