"""A further link to a target that another link starts: what its failures mean is known over there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from picosec_conformance.adapters.base import Adapter, AdapterError, Connection, Ending, TargetDied

T = TypeVar("T")


class FurtherLink:
    """Passes everything on. When the link fails, ``ask`` comes first, and may raise something better.

    A refused connection says that nobody listens. That the program crashed, or was killed, its own link knows.
    """

    def __init__(self, adapter: Adapter, ask: Callable[[], None]) -> None:
        self.framing = adapter.framing
        self._adapter = adapter
        self._ask = ask

    def start(self) -> None:
        """Bring the link up."""
        self._explained(self._adapter.start)

    def send(self, frame: bytes) -> None:
        """Send one frame."""
        self._explained(lambda: self._adapter.send(frame))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they appear on the line."""
        self._explained(lambda: self._adapter.send_raw(data))

    def receive(self, timeout: float) -> bytes | None:
        """Return the next frame, or ``None``."""
        return self._explained(lambda: self._adapter.receive(timeout))

    def connect(self, *, bare: bool = False) -> None:
        """Make a new connection."""
        self._explained(lambda: cast(Connection, self._adapter).connect(bare=bare))

    def disconnect(self, ending: Ending) -> None:
        """End the connection, or our half of it."""
        cast(Connection, self._adapter).disconnect(ending)

    def power_cycle(self) -> None:
        """Take the power away and give it back."""
        self._adapter.power_cycle()

    def close(self) -> None:
        """Let go of the link."""
        self._adapter.close()

    def _explained(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except (AdapterError, TargetDied):
            self._ask()
            raise
