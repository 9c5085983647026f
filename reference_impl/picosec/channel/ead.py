"""External authorization data: the items that EDHOC carries for others (RFC 9528 section 3.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.registry import Problem

PADDING_LABEL: Final = 0


@dataclass(frozen=True, slots=True)
class EadItem:
    """One item. ``label`` is never negative; on the wire a critical item's label is.

    Raises ``ValueError`` for what the wire cannot say: a negative label, or critical padding.
    """

    label: int
    value: bytes | None = None
    critical: bool = False

    def __post_init__(self) -> None:
        if self.label < 0 or (self.critical and self.label == PADDING_LABEL):
            raise ValueError(f"no EAD item has label {self.label}, critical {self.critical}")


def padding(length: int) -> tuple[EadItem, ...]:
    """Return items whose encoding has exactly ``length`` bytes, all values zero bytes."""
    items = []
    while length:
        if length == 1:
            value = None
        else:
            head = next(head for head, least in ((5, 65536), (3, 256), (2, 24), (1, 0)) if length - 1 - head >= least)
            value = bytes(min(length - 1 - head, {1: 23, 2: 255, 3: 65535}.get(head, length)))
        item = EadItem(PADDING_LABEL, value)
        items.append(item)
        length -= len(encode_ead((item,)))
    return tuple(items)


def encode_ead(items: Iterable[EadItem]) -> bytes:
    """Return the CBOR sequence of the items."""
    output = b""
    for item in items:
        output += dumps(-item.label if item.critical else item.label)
        if item.value is not None:
            output += dumps(item.value)
    return output


def parse_ead(values: Sequence[Any], requirement: str) -> tuple[EadItem, ...]:
    """Read the items from the decoded tail of a message. Raises ``malformed``, citing ``requirement``."""
    items: list[EadItem] = []
    position = 0
    while position < len(values):
        label = values[position]
        position += 1
        if type(label) is not int:
            raise ProtocolError(Problem.MALFORMED, requirement, "an EAD item without a label")
        value = None
        if position < len(values) and type(values[position]) is bytes:
            value = values[position]
            position += 1
        items.append(EadItem(abs(label), value, label < 0))
    return tuple(items)


def understood(items: Iterable[EadItem], labels: frozenset[int], requirement: str) -> tuple[EadItem, ...]:
    """Return the items with one of ``labels``; padding and other items are passed over.

    Raises ``critical_ead``, citing ``requirement``, when one of the others is critical.
    """
    kept = []
    for item in items:
        if item.label in labels and item.label != PADDING_LABEL:
            kept.append(item)
        elif item.critical:
            raise ProtocolError(Problem.CRITICAL_EAD, requirement, f"critical item {item.label}")
    return tuple(kept)
