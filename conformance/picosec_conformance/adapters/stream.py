"""What adapters on a byte stream share: slipmux in both directions over one pair of file descriptors."""

from __future__ import annotations

import os
import select
import time
from collections import deque
from typing import Literal

from picosec.messaging import slipmux
from picosec_conformance.adapters.base import Framing, TargetDied

_CHUNK = 1 << 16
#: Seconds that a full line may stay full.
_PATIENCE = 5.0


class SlipmuxStream:
    """Frames over two file descriptors (which may be the same)."""

    framing: Framing = "slipmux"

    def __init__(self) -> None:
        self._read = -1
        self._write = -1
        self._poll = select.poll()
        self._decoder = slipmux.Decoder()
        self._frames: deque[bytes] = deque()

    def _attach(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._poll = select.poll()
        self._poll.register(read, select.POLLIN)
        self._decoder = slipmux.Decoder()
        self._frames.clear()

    def send(self, frame: bytes) -> None:
        """Send one frame."""
        self.send_raw(slipmux.encode(frame))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._write, view) :]
            except BlockingIOError as error:  # a tty takes a few kilobytes and no more until the other side reads
                if not select.select((), (self._write,), (), _PATIENCE)[1]:
                    raise TargetDied("the target does not read its input any more") from error
            except OSError as error:
                raise self._gone("input") from error

    def receive(self, timeout: float) -> bytes | None:
        """Return the next frame, or ``None`` after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not self._frames:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                return None
            self._frames.extend(self._decoder.feed(self._read_chunk()))
        return self._frames.popleft()

    def _read_chunk(self) -> bytes:
        try:
            data = os.read(self._read, _CHUNK)
        except OSError as error:
            raise self._gone("output") from error
        if not data:
            raise self._gone("output")
        return data

    def _gone(self, side: Literal["input", "output"]) -> Exception:
        """Return the error for a line that ended: the target's death, or an accident of the link."""
        raise NotImplementedError
