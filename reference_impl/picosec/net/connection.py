"""Connections on stream sockets: bytes in, bytes out, and what cannot be written yet waits in bounded space."""

from __future__ import annotations

import errno
import socket
from collections.abc import Hashable
from contextlib import suppress
from itertools import count
from typing import Any, Final

from picosec.messaging.connections import Framing
from picosec.net.transport import EndOfStream, TransportError

#: Bytes read at once.
READ_SIZE: Final = 65536
#: From so many unwritten bytes on, nothing more is read: who does not read answers gets no more of them.
HIGH_WATER: Final = 65536
#: So many unwritten bytes are the end of a connection.
MOST_UNWRITTEN: Final = 1 << 20

#: What accepting says when the connection is gone again, or there is no room for one more.
_PASSING: Final = frozenset({errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EPROTO})


class Connection:
    """One connection. The loop waits until it can read or write, then calls :meth:`receive` or :meth:`flush`.

    ``address`` names the other end, and comes back never; that of the only peer of a client is None.
    """

    framing: Framing = Framing.STREAM

    forgeable = False

    def __init__(self, connected: socket.socket, name: str, address: Hashable = None) -> None:
        self.name = name
        self.address = address
        self._socket = connected
        self._unwritten = bytearray()
        self._finishing = False
        connected.setblocking(False)
        with suppress(OSError):  # not TCP
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    @property
    def opened(self) -> bool:
        """Whether messages may go; before that, what comes and goes is about the connection itself."""
        return True

    @property
    def reads(self) -> bool:
        """Whether more is to be read now."""
        return len(self._unwritten) < HIGH_WATER

    @property
    def writes(self) -> bool:
        """Whether something waits until it can be written."""
        return bool(self._unwritten)

    def receive(self) -> list[bytes]:
        """Read once and return what came, where frames carry it message by message; raises EndOfStream."""
        data = self._read()
        return [data] if data else []

    def send(self, data: bytes) -> None:
        """Write, now or when there is room; raises EndOfStream."""
        self._write(data)

    def flush(self) -> None:
        """Write what waits, as far as there is room; raises EndOfStream."""
        if self._unwritten:
            del self._unwritten[: self._written(self._unwritten)]
        if self._finishing and not self._unwritten:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def finish(self) -> None:
        """Say that nothing more comes, behind what waits; the other end closes then. Raises EndOfStream."""
        self._finishing = True
        self.flush()

    def close(self) -> None:
        """Close the socket; closing twice is fine."""
        self._socket.close()

    def _read(self) -> bytes:
        """Return what there is, ``b""`` for nothing yet; raises EndOfStream."""
        try:
            data = self._socket.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            raise EndOfStream from error
        if not data:
            raise EndOfStream
        return data

    def _write(self, data: bytes) -> None:
        written = 0 if self._unwritten else self._written(data)
        self._unwritten += data[written:]
        if len(self._unwritten) > MOST_UNWRITTEN:
            raise EndOfStream

    def _written(self, data: bytes | bytearray) -> int:
        """Return how many bytes the socket took."""
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise EndOfStream from error


class Listener:
    """A socket where others connect. Who does has shown that it reads what is sent to its address."""

    forgeable = False

    def __init__(self, listening: socket.socket, name: str) -> None:
        self.name = name
        self._socket = listening
        self._numbers = count(1)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def accept(self) -> Connection | None:
        """Return a new connection, None when it is gone already or there is no room for it."""
        try:
            connected, address = self._socket.accept()
        except OSError as error:
            if error.errno in _PASSING:
                return None
            raise TransportError(f"{self.name}: {error.strerror}") from error
        return self._connection(connected, (address, next(self._numbers)))

    def close(self) -> None:
        """Close the socket; connections stay."""
        self._socket.close()

    def _connection(self, connected: socket.socket, address: Hashable) -> Connection:
        return Connection(connected, self.name, address)


def listening_sockets(host: str | None, port: int, option: str) -> list[socket.socket]:
    """Listen on every address that ``host`` stands for; None means all addresses of this machine.

    ``option`` is how a person asked for it. Raises :class:`TransportError` when the name is unknown, the port is
    taken, or it may not be used.
    """
    sockets: list[socket.socket] = []
    for family, resolved in _resolve(host, port, listening=True):
        try:
            listening = socket.socket(family, socket.SOCK_STREAM)
            try:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.setblocking(False)
                listening.bind((resolved[0], port, *resolved[2:]))
                listening.listen()
            except OSError:
                listening.close()
                raise
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and host in (None, "localhost"):
                continue  # a machine without IPv6, or without IPv4
            for each in sockets:
                each.close()
            raise TransportError(_why(error, host, port, option)) from error
        sockets.append(listening)
        port = port or listening.getsockname()[1]  # the kernel chose: use the same port for the other families
    if not sockets:
        raise TransportError(f"{host or 'this machine'} has no address to listen on")
    return sockets


def connected_socket(host: str, port: int, name: str, patience: float) -> socket.socket:
    """Return a socket that is connected; ``patience`` is in seconds.

    Raises :class:`TransportError` when the name is unknown, or nobody answers there.
    """
    problem: OSError | None = None
    for _family, address in _resolve(host, port, listening=False):
        try:
            return socket.create_connection(address[:2], patience)
        except OSError as error:
            problem = error
    if isinstance(problem, ConnectionRefusedError):
        raise TransportError(f"nobody listens at {name}: is the device running, and is the port right?") from problem
    reason = (problem.strerror or "no answer") if problem else "it has no address"
    raise TransportError(f"{name} cannot be reached: {reason}") from problem


def authority(address: tuple[Any, ...]) -> str:
    """Return a socket address as it stands in a URL: ``[::1]:5683``."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _resolve(host: str | None, port: int, *, listening: bool) -> list[tuple[int, tuple[Any, ...]]]:
    flags = socket.AI_PASSIVE if listening else 0
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except (socket.gaierror, UnicodeError) as error:
        raise TransportError(f"no address is known for {host!r}: check the spelling, or give a number") from error
    return [(entry[0], entry[4]) for entry in found]


def _why(error: OSError, host: str | None, port: int, option: str) -> str:
    place = f"TCP port {port}" + (f" of {host}" if host else "")
    if error.errno == errno.EADDRINUSE:
        another = f"`{option} {host or ''}:{port + 1}`"
        return f"{place} is taken by another program: stop it, or choose another port ({another})"
    if error.errno == errno.EACCES:
        return f"{place} may not be used by you: choose a port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: see `ip address`"
    return f"{place}: {error.strerror}"
