"""Text that a target had a hand in, made harmless before people see it.

A device's name, a failed assertion that quotes a payload, a note: any of them may hold an escape sequence that forges a
verdict on a terminal, or a character that turns text around.
"""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from picosec_conformance.wire import printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def cleaned(value: T) -> T:
    """Return the same frozen dataclass with every text in it made printable; line breaks stay."""
    return replace(value, **{field.name: _cleaned(getattr(value, field.name)) for field in fields(value)})


def _cleaned(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Enum):
        return "\n".join(map(printable, value.expandtabs().split("\n")))
    if isinstance(value, tuple):
        return tuple(map(_cleaned, value))
    return cleaned(cast("DataclassInstance", value)) if hasattr(value, "__dataclass_fields__") else value
