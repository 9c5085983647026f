"""A target on a serial line (a tty): slipmux at a given speed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Literal

import serial

from picosec_conformance.adapters.base import AdapterError
from picosec_conformance.adapters.stream import SlipmuxStream


class SerialAdapter(SlipmuxStream):
    """Opens a tty in raw mode, 8N1."""

    def __init__(self, device: str, baudrate: int = 115_200, restart: Sequence[str] = ()) -> None:
        super().__init__()
        self._device, self._baudrate = device, baudrate
        self._restart = list(restart)
        self._port: serial.Serial | None = None

    def start(self) -> None:
        """Open the line and drop what lies in its buffers."""
        if self._port is not None:
            return
        try:
            self._port = serial.Serial(self._device, self._baudrate, exclusive=True)
        except (serial.SerialException, ValueError) as error:
            raise AdapterError(
                f"cannot open {self._device}: {error}; check adapter.device and its permissions"
            ) from error
        self._port.reset_input_buffer()
        self._attach(self._port.fileno(), self._port.fileno())

    def power_cycle(self) -> None:
        """Run the manifest's restart command, and open a line that is gone again."""
        if self._restart:
            done = subprocess.run(self._restart, capture_output=True, check=False)
            if done.returncode:
                raise AdapterError(f"adapter.restart failed with exit status {done.returncode}")
            self.start()
            return
        raise AdapterError("adapter.restart is not set: give the command that power-cycles the target")

    def _gone(self, side: Literal["input", "output"]) -> Exception:
        """Blame the line: it ends when somebody pulls the cable, not when a target crashes."""
        self.close()
        return AdapterError(f"the line {self._device} is gone; was the cable pulled?")

    def close(self) -> None:
        """Close the line."""
        if self._port is not None:
            self._port.close()
            self._port = None
