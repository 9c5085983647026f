"""A target that is a client: the suite listens on a UDP socket, and has the client called if there is a command."""

from __future__ import annotations

import select
import socket
import subprocess
from collections.abc import Sequence
from typing import Any

from picosec_conformance.adapters.base import AdapterError, ConnectionEnded, Framing
from picosec_conformance.adapters.udp import with_places

_LARGEST = 65_535
_GRACE = 2.0


class ListenAdapter:
    """A bound UDP socket. Frames go to whoever sent the last one.

    ``send_raw`` has the client called: it runs ``command``, in which ``{host}`` and ``{port}`` are those of the socket
    and ``{path}`` is what is given. Without a command, the client calls when it likes.
    """

    framing: Framing = "datagram"

    def __init__(self, host: str, port: int = 0, command: Sequence[str] = ()) -> None:
        self._address = (host, port)
        self._command = list(command)
        self._socket: socket.socket | None = None
        self._peer: Any = None
        self._process: subprocess.Popen[bytes] | None = None
        self._poll = select.poll()

    def start(self) -> None:
        """Bind."""
        if self._socket is not None:
            return
        try:
            family, kind, proto, _, address = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, proto)
            self._socket.bind(address)
        except OSError as error:
            host, port = self._address
            raise AdapterError(
                f"cannot listen on {host}:{port}: {error}; check adapter.host and adapter.port"
            ) from error
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def send(self, frame: bytes) -> None:
        """Send one datagram to the client; nobody gets it before the client has sent one."""
        assert self._socket is not None
        if self._peer is not None:
            self._socket.sendto(frame, self._peer)

    def send_raw(self, data: bytes) -> None:
        """End the call before, and have the client called for a path."""
        assert self._socket is not None
        self._end()
        while self.receive(0) is not None:
            pass
        self._peer = None
        if self._command:
            host, port = self._socket.getsockname()[:2]
            command = with_places(self._command, host=host, port=port, path=data.decode())
            quiet = subprocess.DEVNULL
            try:
                self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
            except OSError as error:
                raise AdapterError(f"cannot start {command[0]!r}: {error.strerror}; check adapter.command") from error

    def receive(self, timeout: float) -> bytes | None:
        """Return the next datagram. Raises ``ConnectionEnded`` when none comes because the client has ended."""
        assert self._socket is not None
        if not self._poll.poll(max(0.0, timeout) * 1000):
            if self._process is not None and self._process.poll() is not None:
                raise ConnectionEnded("the client has ended")
            return None
        data, self._peer = self._socket.recvfrom(_LARGEST)
        return data

    def power_cycle(self) -> None:
        """End the call."""
        self._end()

    def close(self) -> None:
        """End the call and close the socket."""
        self._end()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

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
