"""A target that is a program: slipmux on its standard input and output."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Literal

from picosec_conformance.adapters.base import AdapterError, TargetDied
from picosec_conformance.adapters.ports import Ports
from picosec_conformance.adapters.stream import SlipmuxStream

_GRACE = 2.0
#: Signals by which people and systems end programs; those of crashes are others.
_FROM_OUTSIDE = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM})


class SubprocessAdapter(SlipmuxStream):
    """Spawns ``command`` once and keeps it alive between tests. ``ports`` fill its placeholders."""

    def __init__(self, command: Sequence[str], ports: Ports | None = None) -> None:
        super().__init__()
        self._command = list(command)
        self._ports = Ports() if ports is None else ports
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the adapter

    def start(self) -> None:
        """Spawn the program unless it runs already."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._stop(kill=True)
        try:
            self._process = subprocess.Popen(
                [self._ports.fill(part) for part in self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
            )
        except OSError as error:
            raise AdapterError(f"cannot start {self._command[0]!r}: {error.strerror}; check adapter.command") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._attach(self._process.stdout.fileno(), self._process.stdin.fileno())

    def power_cycle(self) -> None:
        """Kill the program and start it again."""
        self._stop(kill=True)
        self.start()

    def close(self) -> None:
        """End the program: close its input, then insist."""
        self._stop(kill=False)
        self._errors.close()
        self._ports.close()

    def _stop(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        if kill:
            process.kill()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _gone(self, side: Literal["input", "output"]) -> Exception:
        """Say what is known of a dead program: its exit status and the last line it wrote on standard error.

        Programs crash, exit or end on a signal of their own making; who is killed by another's signal did not.
        """
        assert self._process is not None
        try:
            status: int | None = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            status = None
        size = os.fstat(self._errors.fileno()).st_size
        tail = os.pread(self._errors.fileno(), 4096, max(0, size - 4096)).decode(errors="replace").strip().splitlines()
        last = f"; last words: {tail[-1]}" if tail else ""
        if status is not None and -status in _FROM_OUTSIDE:
            name = signal.Signals(-status).name
            return AdapterError(f"somebody killed the program with {name}, or the system ran out of memory{last}")
        return TargetDied(f"the target closed its {side} (exit status {status}{last})")
