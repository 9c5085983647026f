"""What adapters on connections share: one socket, a fresh connection on demand, and the truth about its end."""

from __future__ import annotations

import select
import socket
import struct
import subprocess
import time
from collections import deque
from collections.abc import Sequence

from picosec_conformance.adapters.base import AdapterError, ConnectionEnded, Ending, Framing, TargetDied

_CHUNK = 1 << 16
#: Seconds in which a target that was just started begins to listen.
_START = 5.0
#: Seconds that a connection may take to be made, or to take what is sent.
_PATIENCE = 5.0


class ConnectionAdapter:
    """One TCP connection after another to a host and port; what lies on it is for those who inherit.

    ``restart`` is the command that power-cycles the target, if there is one.
    """

    framing: Framing

    def __init__(self, host: str, port: int, restart: Sequence[str] = ()) -> None:
        self._host, self._port = host, port
        self._restart = list(restart)
        self._socket: socket.socket | None = None
        self._poll = select.poll()
        self._frames: deque[bytes] = deque()
        self._ended: ConnectionEnded | None = None
        self._listened = False  # since the target started

    def start(self) -> None:
        """Connect unless there is a connection. A target that was just started gets time to listen."""
        deadline = time.monotonic() + _START
        while self._socket is None or self._ended is not None:
            try:
                self.connect()
            except AdapterError as error:
                if not isinstance(error.__cause__, ConnectionRefusedError) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)  # nothing tells when somebody else's program begins to listen

    def connect(self, *, bare: bool = False) -> None:
        """Drop the connection, if there is one, and make another; a ``bare`` one carries raw bytes only.

        Raises ``TargetDied`` when nobody listens where somebody did.
        """
        self._drop()
        try:
            self._socket = socket.create_connection((self._host, self._port), _PATIENCE)
        except OSError as error:
            if self._listened and isinstance(error, ConnectionRefusedError):
                raise TargetDied(f"nothing listens on {self._host}:{self._port} any more") from error
            raise AdapterError(
                f"cannot connect to {self._host}:{self._port}: {error.strerror or error}; is the target running?"
            ) from error
        self._listened = True
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._frames.clear()
        self._ended = None
        self._begin(bare=bare)

    def disconnect(self, ending: Ending) -> None:
        """End the connection, or only our direction of it (``HALF``): what the target still says can be received."""
        if self._socket is None:
            return
        if ending is Ending.HALF:
            self._socket.shutdown(socket.SHUT_WR)
            return
        if ending is Ending.RESET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._drop()

    def send(self, frame: bytes) -> None:
        """Send one frame."""
        raise NotImplementedError

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are. That the connection has ended is told to who receives, behind what came before."""
        if self._socket is None:
            return
        try:
            self._socket.sendall(data)
        except TimeoutError:
            self._ended = ConnectionEnded("the target does not read from its connection any more")
        except OSError:
            pass

    def receive(self, timeout: float) -> bytes | None:
        """Return the next frame, or ``None`` after ``timeout`` seconds. Raises ``ConnectionEnded``."""
        deadline = time.monotonic() + timeout
        while not self._frames:
            if self._socket is None or self._ended is not None:
                raise self._ended or ConnectionEnded("there is no connection")
            left = deadline - time.monotonic()
            if not self._poll.poll(max(0.0, left) * 1000):
                return None
            self._read(self._socket)
        return self._frames.popleft()

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_CHUNK)
        except OSError:
            self._ended = ConnectionEnded("the connection was reset", reset=True)
            return
        if data:
            self._take(data)
        else:
            self._ended = ConnectionEnded("the target closed the connection")

    def _begin(self, *, bare: bool) -> None:
        """Start on a new connection."""

    def _take(self, data: bytes) -> None:
        """Find frames in what came."""
        raise NotImplementedError

    def power_cycle(self) -> None:
        """Run the manifest's restart command, and connect again."""
        if not self._restart:
            raise AdapterError("adapter.restart is not set: give the command that power-cycles the target")
        done = subprocess.run(self._restart, capture_output=True, check=False)
        if done.returncode:
            raise AdapterError(f"adapter.restart failed with exit status {done.returncode}")
        self.close()
        self.start()

    def close(self) -> None:
        """Let go of the target."""
        self._drop()
        self._listened = False

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
