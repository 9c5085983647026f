"""Forms that claims of this chapter share: each function says whether a value has one."""

from __future__ import annotations

from typing import Any, Final

from picosec.identity.keys import HASH_SIZE

#: The greatest time there is, in seconds since 1970.
MAX_TIME: Final = 2**64 - 1
#: Attributes of one holder, and bytes of the longest name and value of one.
MAX_ATTRIBUTES: Final = 16
MAX_NAME: Final = 32
MAX_VALUE: Final = 64

Attribute = str | int | bool


def is_time(value: Any) -> bool:
    """Whether it is a number of seconds since 1970."""
    return type(value) is int and 0 <= value <= MAX_TIME


def is_text(value: Any, most: int, least: int = 1) -> bool:
    """Whether it is a text of ``least`` to ``most`` bytes."""
    return type(value) is str and least <= len(value.encode()) <= most


def is_hash(value: Any) -> bool:
    """Whether it is a byte string of the size of SHA-256: a hash, an identifier."""
    return type(value) is bytes and len(value) == HASH_SIZE


def is_attributes(value: Any) -> bool:
    """Whether it is a map of 1 to 16 names, each with a text, an integer or a truth value."""
    if type(value) is not dict or not 0 < len(value) <= MAX_ATTRIBUTES:
        return False
    return all(
        is_text(name, MAX_NAME) and (type(each) in (int, bool) or is_text(each, MAX_VALUE, 0))
        for name, each in value.items()
    )
