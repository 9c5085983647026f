"""A target inside this process, for the harness's own tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from picosec_conformance.adapters.base import AdapterError, Framing


class InProcessTarget(Protocol):
    """Anything that turns one frame into the frames it sends in answer."""

    def handle(self, frame: bytes) -> list[bytes]:
        """Process one frame."""


class MemoryAdapter:
    """Calls the target directly: no process, no socket, no time."""

    framing: Framing = "datagram"

    def __init__(self, factory: Callable[[], InProcessTarget]) -> None:
        self._factory = factory
        self._target: InProcessTarget | None = None
        self._frames: deque[bytes] = deque()

    def start(self) -> None:
        """Make the target."""
        if self._target is None:
            self._target = self._factory()

    def send(self, frame: bytes) -> None:
        """Let the target process one frame now."""
        assert self._target is not None
        self._frames.extend(self._target.handle(frame))

    def send_raw(self, data: bytes) -> None:
        """Refuse: there is no framing."""
        raise AdapterError("a memory link has no framing; test slipmux over subprocess or serial")

    def receive(self, timeout: float) -> bytes | None:
        """Return the next frame; the target has already said all it will."""
        return self._frames.popleft() if self._frames else None

    def power_cycle(self) -> None:
        """Make a new target."""
        self._frames.clear()
        self._target = self._factory()

    def close(self) -> None:
        """Forget the target."""
        self._target = None
        self._frames.clear()
