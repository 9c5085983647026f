"""A target on a UDP socket: one datagram is one frame."""

from __future__ import annotations

import select
import socket
import subprocess
from collections.abc import Sequence

from picosec_conformance.adapters.base import AdapterError, Framing

_LARGEST = 65_535


class UdpAdapter:
    """A connected UDP socket. ``restart`` is the command that power-cycles the target, if there is one."""

    framing: Framing = "datagram"

    def __init__(self, host: str, port: int, restart: Sequence[str] = ()) -> None:
        self._host, self._port = host, port
        self._restart = list(restart)
        self._socket: socket.socket | None = None
        self._poll = select.poll()

    def start(self) -> None:
        """Resolve the address and connect."""
        if self._socket is not None:
            return
        try:
            family, kind, proto, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, proto)
            self._socket.connect(address)
        except OSError as error:
            raise AdapterError(
                f"cannot reach {self._host}:{self._port}: {error}; check adapter.host and adapter.port"
            ) from error
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def send(self, frame: bytes) -> None:
        """Send one datagram."""
        assert self._socket is not None
        try:
            self._socket.send(frame)
        except ConnectionRefusedError as error:
            raise AdapterError(f"nothing listens on {self._host}:{self._port}; start the target first") from error
        except OSError as error:
            raise AdapterError(f"cannot send to {self._host}:{self._port}: {error.strerror}") from error

    def send_raw(self, data: bytes) -> None:
        """Refuse: a datagram has no framing to attack."""
        raise AdapterError("a datagram link has no framing; test slipmux over subprocess or serial")

    def receive(self, timeout: float) -> bytes | None:
        """Return the next datagram."""
        assert self._socket is not None
        if not self._poll.poll(max(0.0, timeout) * 1000):
            return None
        try:
            return self._socket.recv(_LARGEST)
        except ConnectionRefusedError as error:
            raise AdapterError(f"nothing listens on {self._host}:{self._port}; start the target first") from error

    def power_cycle(self) -> None:
        """Run the manifest's restart command."""
        if not self._restart:
            raise AdapterError("adapter.restart is not set: give the command that power-cycles the target")
        done = subprocess.run(self._restart, capture_output=True, check=False)
        if done.returncode:
            raise AdapterError(f"adapter.restart failed with exit status {done.returncode}")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
