"""An adapter around an adapter, which writes down what passes, in order: the making of a transcript."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, cast

from picosec_conformance.adapters.base import (
    Adapter,
    AdapterError,
    Connection,
    ConnectionEnded,
    Ending,
    Framing,
    TargetDied,
)
from picosec_conformance.transcript import Operation, Outcome, Step

T = TypeVar("T")


class Log:
    """What happened on all links since the current test began."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start over, with the time at zero."""
        self.steps: list[Step] = []
        self._began = time.perf_counter_ns()

    def now(self) -> int:
        """Return the microseconds since the test began."""
        return (time.perf_counter_ns() - self._began) // 1000


class RecordingAdapter:
    """Passes everything on to the adapter that ``make`` returns, and to the log.

    A link that could not be started twice, and never was, is not tried again: each later test is told the same at once.
    One that broke is. Once may be for the target's having died before, which its further links do not show.
    """

    def __init__(self, name: str, framing: Framing, make: Callable[[], Adapter], log: Log) -> None:
        self.framing = framing
        self._name = name
        self._make = make
        self._log = log
        self._adapter: Adapter | None = None
        self._started = False  # at least once
        self.up = False  #: as far as is known
        self._failures = 0
        self._failure = ""

    def start(self) -> None:
        """Start the target unless it is up."""
        if not self.up:
            self._do(Operation.START, None, self._start)

    def _start(self) -> None:
        if self._failures > 1:
            raise AdapterError(self._failure)
        try:
            self._adapter = self._adapter or self._make()
            self._adapter.start()
        except (AdapterError, OSError) as error:
            self._failures += not self._started
            self._failure = str(error)
            raise
        self._started = self.up = True

    def drop(self) -> None:
        """Let go of the link: the target is about to start anew. Not recorded, since the next start is."""
        if self._adapter is not None:
            self._adapter.close()
        self.up = False

    def send(self, frame: bytes) -> None:
        """Send one frame."""
        self._do(Operation.SEND, frame, lambda: self._there.send(frame))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they appear on the line."""
        self._do(Operation.SEND_RAW, data, lambda: self._there.send_raw(data))

    def receive(self, timeout: float) -> bytes | None:
        """Return the next frame, or ``None``."""
        return self._do(Operation.RECEIVE, None, lambda: self._there.receive(timeout))

    def connect(self, *, bare: bool = False) -> None:
        """Make a new connection."""
        self._do(Operation.CONNECT, int(bare), lambda: self._connection.connect(bare=bare))

    def disconnect(self, ending: Ending) -> None:
        """End the connection."""
        self._do(Operation.DISCONNECT, int(ending), lambda: self._connection.disconnect(ending))

    def power_cycle(self) -> None:
        """Take the power away and give it back."""
        self._do(Operation.POWER_CYCLE, None, self._power_cycle)

    def _power_cycle(self) -> None:
        self._there.power_cycle()
        self.up = True

    def close(self) -> None:
        """Let go of the target. Not part of any test, hence not recorded."""
        if self._adapter is not None:
            self._adapter.close()

    @property
    def _there(self) -> Adapter:
        if self._adapter is None:
            raise AdapterError(self._failure or "the link was not started")
        return self._adapter

    @property
    def _connection(self) -> Connection:
        return cast(Connection, self._there)

    def _do(self, operation: Operation, data: bytes | int | None, act: Callable[[], T]) -> T:
        at = self._log.now()
        try:
            result = act()
        except (TargetDied, ConnectionEnded, AdapterError, OSError) as error:
            outcome = _outcome(error)
            # A target without a switch is as it was, and so is one that ended a connection.
            gone = outcome in (Outcome.BROKE, Outcome.DIED) and operation is not Operation.POWER_CYCLE
            self.up = self.up and not gone
            self._log.steps.append(Step(at, self._name, operation, data, outcome, str(error)))
            if isinstance(error, OSError):
                raise AdapterError(str(error)) from error
            raise
        if operation is Operation.RECEIVE:
            at, data = self._log.now(), result  # type: ignore[assignment]
        self._log.steps.append(Step(at, self._name, operation, data))
        return result


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, ConnectionEnded):
        return Outcome.RESET if error.reset else Outcome.CLOSED
    return Outcome.DIED if isinstance(error, TargetDied) else Outcome.BROKE
