"""CoAP on TCP (RFC 8323 section 3), over IPv4 and IPv6."""

from __future__ import annotations

from typing import Final

from picosec.net.connection import Connection, Listener, authority, connected_socket, listening_sockets

#: The port of CoAP on TCP (RFC 8323 section 8.1).
DEFAULT_PORT: Final = 5683
SCHEME: Final = "coap+tcp"


def listen(host: str | None, port: int = DEFAULT_PORT) -> list[Listener]:
    """Listen on every address that ``host`` stands for; None means all addresses of this machine.

    Raises :class:`~picosec.net.transport.TransportError` when that is not possible.
    """
    sockets = listening_sockets(host, port, "--tcp")
    return [Listener(each, f"{SCHEME}://{authority(each.getsockname())}") for each in sockets]


def connect(host: str, port: int = DEFAULT_PORT, patience: float = 30.0) -> Connection:
    """Return a connection to one peer; ``patience`` is in seconds.

    Raises :class:`~picosec.net.transport.TransportError` when nobody answers there.
    """
    name = f"{SCHEME}://{authority((host, port))}"
    return Connection(connected_socket(host, port, name, patience), name)
