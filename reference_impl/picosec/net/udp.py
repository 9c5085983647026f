"""CoAP on UDP, over IPv4 and IPv6."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Hashable
from typing import Any

from picosec.net.transport import TransportError

#: The port of CoAP (RFC 7252 section 12.6).
DEFAULT_PORT = 5683

#: As Python gives it: host and port, on IPv6 also flow and scope.
SocketAddress = tuple[Any, ...]

_LARGEST = 65536
#: Linux's number of a socket option that Python does not name, and the size of the larger of the two structures.
_IP_PKTINFO = 8
_PKTINFO_SIZE = 20


class UdpTransport:
    """One UDP socket. Addresses are socket addresses; a connected socket has one peer, whose address is None."""

    forgeable = True

    def __init__(self, bound: socket.socket, name: str) -> None:
        self.name = name
        self._socket = bound

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def receive(self) -> list[tuple[Hashable, bytes]]:
        """Read one datagram. Raises :class:`TransportError` when the only peer's machine says that nobody listens."""
        try:
            datagram, address = self._receive()
        except OSError as error:
            self._lost(error)
            return []
        return [(address, datagram)]

    def send(self, address: Hashable, datagram: bytes) -> None:
        """Send one datagram. A network that drops it is no error; retransmission is the message layer's work."""
        try:
            self._send(address, datagram)
        except OSError as error:
            self._lost(error)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _receive(self) -> tuple[bytes, Hashable]:
        return self._socket.recvfrom(_LARGEST)

    def _send(self, address: Any, datagram: bytes) -> None:
        self._socket.sendto(datagram, address)

    def _lost(self, error: OSError) -> None:
        """Take what the network says of a datagram that was lost; a server has other peers to serve."""


class _Connected(UdpTransport):
    """A socket with one peer. It hears what that peer's machine says when nobody listens there."""

    def _receive(self) -> tuple[bytes, Hashable]:
        return self._socket.recv(_LARGEST), None

    def _send(self, address: Any, datagram: bytes) -> None:
        self._socket.send(datagram)

    def _lost(self, error: OSError) -> None:
        if isinstance(error, ConnectionRefusedError):
            text = f"nobody listens at {self.name}: is the device running, and is the port right?"
            raise TransportError(text) from error


class _Everywhere(UdpTransport):
    """A socket on all addresses of this machine that answers from the one that was asked (RFC 7252 section 5.3.2).

    An address is a socket address and, behind it, the control data that name the local address.
    """

    def __init__(self, bound: socket.socket, name: str) -> None:
        super().__init__(bound, name)
        if bound.family == socket.AF_INET6:
            self._level, self._type = socket.IPPROTO_IPV6, socket.IPV6_PKTINFO
            bound.setsockopt(self._level, socket.IPV6_RECVPKTINFO, 1)
        else:
            self._level, self._type = socket.IPPROTO_IP, _IP_PKTINFO
            bound.setsockopt(self._level, _IP_PKTINFO, 1)

    def _receive(self) -> tuple[bytes, Hashable]:
        datagram, control, _flags, address = self._socket.recvmsg(_LARGEST, socket.CMSG_SPACE(_PKTINFO_SIZE))
        local = next((data for level, kind, data in control if (level, kind) == (self._level, self._type)), b"")
        return datagram, (address, self._source(local))

    def _send(self, address: Any, datagram: bytes) -> None:
        remote, local = address
        control = [(self._level, self._type, local)] if local else []
        self._socket.sendmsg([datagram], control, 0, remote)

    def _source(self, local: bytes) -> bytes:
        """Return the control data for an answer, from those of what was received."""
        if self._level == socket.IPPROTO_IPV6:
            return b"" if local[:1] == b"\xff" else local  # nothing is sent from a multicast address
        # struct in_pktinfo: interface, local address, destination in the header; zero where the kernel shall choose.
        return bytes(4) + local[4:8] + bytes(4) if local else b""


def listen(host: str | None, port: int = DEFAULT_PORT) -> list[UdpTransport]:
    """Listen on every address that ``host`` stands for; None means all addresses of this machine.

    Raises :class:`TransportError` when the name is unknown, the port is taken, or it may not be used.
    """
    transports: list[UdpTransport] = []
    for family, resolved in _resolve(host, port, listening=True):
        address = (resolved[0], port, *resolved[2:])
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
        everywhere = bound.getsockname()[0] in ("0.0.0.0", "::")
        kind = _Everywhere if everywhere and sys.platform == "linux" else UdpTransport
        transports.append(kind(bound, url(bound.getsockname())))
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
        return _Connected(connection, url(connection.getpeername()))
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
