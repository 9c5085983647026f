"""A target on a UDP socket: one datagram is one frame."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from picosec_conformance.adapters.base import AdapterError, Framing, TargetDied
from picosec_conformance.adapters.ports import Ports

_LARGEST = 65_535
_START, _AGAIN, _GRACE = 15.0, 0.05, 2.0
_PING = b"\x40\0\0\0"


def with_places(command: Sequence[str], **places: object) -> list[str]:
    """Return a command with its places filled: ``{python}``, and those that are given by name."""
    names = {"python": sys.executable, **places}
    filled = []
    for part in command:
        for name, value in names.items():
            part = part.replace(f"{{{name}}}", str(value))
        filled.append(part)
    return filled


class UdpAdapter:
    """A connected UDP socket. ``restart`` is the command that power-cycles the target, if there is one.

    With ``command`` the target is a program of this machine: it is started, and ended with the link, and so are the
    ``ports`` that were chosen for it.
    """

    framing: Framing = "datagram"

    def __init__(
        self,
        host: str,
        port: int,
        restart: Sequence[str] = (),
        command: Sequence[str] = (),
        ports: Ports | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._ports = ports
        self._restart = list(restart)
        self._command = with_places(command, host=host, port=self._port)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._poll = select.poll()
        self._heard = False

    def start(self) -> None:
        """Start the target if that is asked for, resolve the address and connect."""
        if self._socket is not None:
            return
        self._connect()
        if self._command:
            self._spawn()

    def _connect(self) -> None:
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

    def _spawn(self) -> None:
        """Start the program and ping it until it answers."""
        quiet = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(self._command, stdin=quiet, stdout=quiet, stderr=quiet)
        except OSError as error:
            raise AdapterError(f"cannot start {self._command[0]!r}: {error.strerror}; check adapter.command") from error
        assert self._socket is not None
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._socket.send(_PING)
                if self._poll.poll(_AGAIN * 1000) and self._socket.recv(_LARGEST):
                    return
            except ConnectionRefusedError:
                time.sleep(_AGAIN)
        raise AdapterError(f"{self._command[0]!r} does not answer on {self._host}:{self._port}; check adapter.command")

    def _refused(self, error: OSError) -> AdapterError | TargetDied:
        if self._process is not None and self._process.poll() is not None:
            return TargetDied(f"the target ended with exit status {self._process.returncode}")
        if self._heard:
            return TargetDied(f"nothing listens on {self._host}:{self._port} any more")
        return AdapterError(f"nothing listens on {self._host}:{self._port}; start the target first")

    def connect(self, *, bare: bool = False) -> None:
        """Go on from another local address: another port of this machine."""
        before = self._socket
        self._connect()
        if before is not None:
            before.close()

    def send(self, frame: bytes) -> None:
        """Send one datagram."""
        assert self._socket is not None
        try:
            self._socket.send(frame)
        except ConnectionRefusedError as error:
            raise self._refused(error) from error
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
            data = self._socket.recv(_LARGEST)
        except ConnectionRefusedError as error:
            raise self._refused(error) from error
        self._heard = True
        return data

    def power_cycle(self) -> None:
        """Run the manifest's restart command, or start the program anew."""
        self._heard = False
        if self._command:
            self._end()
            self._spawn()
            return
        if not self._restart:
            raise AdapterError("adapter.restart is not set: give the command that power-cycles the target")
        done = subprocess.run(self._restart, capture_output=True, check=False)
        if done.returncode:
            raise AdapterError(f"adapter.restart failed with exit status {done.returncode}")

    def close(self) -> None:
        """End the program and close the socket."""
        self._end()
        self._heard = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._ports is not None:
            self._ports.close()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
