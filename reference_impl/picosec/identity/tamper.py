"""What a sensor for tampering noticed, for as long as the device lives (spec/v1/identity-tamper.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from picosec.messaging import cbor


class TamperKind(IntEnum):
    """What was noticed."""

    OTHER = 0
    OPENED = 1
    MOVED = 2
    PROBED = 3
    DISTURBED = 4


@dataclass(frozen=True, slots=True)
class TamperRecord:
    """How often something was noticed, and the last of it; ``time`` is in seconds since 1970, None if nobody knew."""

    count: int = 0
    time: int | None = None
    kind: TamperKind | None = None

    def after(self, kind: TamperKind, time: int | None) -> TamperRecord:
        """Return what is known once one thing more was noticed. A count never goes back (IDN-1540)."""
        return TamperRecord(self.count + 1, time, kind)

    def encode(self) -> bytes:
        """Return it as it is sent."""
        return cbor.dumps(self.value())

    def value(self) -> dict[int, Any]:
        """Return it as a CBOR value."""
        return {1: self.count} if self.kind is None else {1: self.count, 2: self.time, 3: int(self.kind)}


class TamperLog:
    """The record of one device. It has to outlive a loss of power (IDN-1520): whoever owns a log keeps it."""

    def __init__(self) -> None:
        self.record = TamperRecord()
        self._keep: Callable[[], None] = lambda: None

    def notice(self, kind: TamperKind, time: int | None) -> None:
        """Count one thing more, and have it kept before anybody is told."""
        self.record = self.record.after(kind, time)
        self._keep()

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Call this whenever something more is to be remembered."""
        self._keep = keep

    def remembered(self) -> list[Any]:
        """Return what is remembered, as CBOR values."""
        return [] if self.record.kind is None else [[self.record.count, self.record.time, int(self.record.kind)]]

    def recall(self, rows: Iterable[Any]) -> None:
        """Remember it again."""
        for count, time, kind in rows:
            self.record = TamperRecord(count, time, TamperKind(kind))
