"""CoAP on UDP, over IPv4 and IPv6."""

from __future__ import annotations

import errno
import socket
from collections.abc import Hashable
from typing import Any

from picosec.net.transport import TransportError

#: The port of CoAP (RFC 7252 section 12.6).
DEFAULT_PORT = 5683

#: As Python gives it: host and port, on IPv6 also flow and scope.
SocketAddress = tuple[Any, ...]

_LARGEST = 65536


class UdpTransport:
    """One UDP socket. Addresses are socket addresses; a connected socket has one peer, whose address is None."""

    def __init__(self, connection: socket.socket, connected: bool) -> None:
        self._socket = connection
        self._connected = connected
        self.name = url(connection.getpeername() if connected else connection.getsockname())

    @property
    def local_name(self) -> str:
        """This end, as a URL."""
        return url(self._socket.getsockname())

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def receive(self) -> list[tuple[Hashable, bytes]]:
        """Read one datagram; raises TransportError when a connected peer's machine says that nobody listens."""
        try:
            datagram, address = self._socket.recvfrom(_LARGEST)
        except (BlockingIOError, InterruptedError):
            return []
        except ConnectionRefusedError as error:
            if not self._connected:
                return []
            raise self._refused() from error
        return [(None if self._connected else address, datagram)]

    def send(self, address: Hashable, datagram: bytes) -> None:
        """Send one datagram. A network that drops it is no error; retransmission is the message layer's work."""
        try:
            if self._connected:
                self._socket.send(datagram)
            else:
                self._socket.sendto(datagram, address)  # type: ignore[call-overload]
        except ConnectionRefusedError as error:
            if self._connected:
                raise self._refused() from error
        except OSError:
            return

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _refused(self) -> TransportError:
        return TransportError(f"nobody listens at {self.name}: is the device running, and is the port right?")


def listen(host: str | None, port: int = DEFAULT_PORT) -> list[UdpTransport]:
    """Listen on every address that ``host`` stands for; None means all addresses of this machine.

    Raises :class:`TransportError` when the name is unknown, the port is taken, or it may not be used.
    """
    transports: list[UdpTransport] = []
    for family, address in _resolve(host, port, listening=True):
        try:
            bound = socket.socket(family, socket.SOCK_DGRAM)
            try:
                if family == socket.AF_INET6:
                    # IPv4 has a socket of its own, so that each peer has one spelling of its address.
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                bound.setblocking(False)
                bound.bind(address)
            except OSError:
                bound.close()
                raise
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and host in (None, "localhost"):
                continue  # a machine without IPv6, or without IPv4
            for transport in transports:
                transport.close()
            raise TransportError(_why(error, host, port)) from error
        transports.append(UdpTransport(bound, connected=False))
        if port == 0:  # the kernel chose: use the same port for the other families
            port = bound.getsockname()[1]
    if not transports:
        raise TransportError(f"{host or 'this machine'} has no address to listen on")
    return transports


def connect(host: str, port: int = DEFAULT_PORT) -> UdpTransport:
    """Return a transport to one peer; raises :class:`TransportError` when the name is unknown or unreachable."""
    problem: OSError | None = None
    for family, address in _resolve(host, port, listening=False):
        connection = socket.socket(family, socket.SOCK_DGRAM)
        try:
            connection.setblocking(False)
            connection.connect(address)
        except OSError as error:
            connection.close()
            problem = error
            continue
        return UdpTransport(connection, connected=True)
    reason = problem.strerror if problem else "it has no address"
    raise TransportError(f"{host} cannot be reached: {reason}") from problem


def url(address: SocketAddress) -> str:
    """Return a socket address as a URL: ``coap://[::1]:5683``."""
    host, port = address[0], address[1]
    return f"coap://[{host}]:{port}" if ":" in str(host) else f"coap://{host}:{port}"


def _resolve(host: str | None, port: int, *, listening: bool) -> list[tuple[int, SocketAddress]]:
    flags = socket.AI_PASSIVE if listening else 0
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=flags)
    except (socket.gaierror, UnicodeError) as error:
        raise TransportError(f"no address is known for {host!r}: check the spelling, or give a number") from error
    return [(entry[0], entry[4]) for entry in found]


def _why(error: OSError, host: str | None, port: int) -> str:
    place = f"UDP port {port}" + (f" of {host}" if host else "")
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken by another program: stop it, or choose another port (`--udp {host or ''}:{port + 1}`)"
    if error.errno == errno.EACCES:
        return f"{place} may not be used by you: choose a port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: see `ip address`"
    return f"{place}: {error.strerror}"
