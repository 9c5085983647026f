"""CoAP on WebSocket (RFC 8323 section 4), over TCP.

What speaks WebSocket is loaded for the first connection: 45 ms that nobody waits for who has none.
"""

from __future__ import annotations

import socket
from collections.abc import Hashable
from typing import Final

from picosec.net.connection import Connection, Listener, authority, connected_socket, listening_sockets

#: The port of HTTP, which WebSocket shares (RFC 8323 section 8.3).
DEFAULT_PORT: Final = 80
SCHEME: Final = "coap+ws"


class WebSocketListener(Listener):
    """A socket where WebSocket clients connect."""

    def _connection(self, connected: socket.socket, address: Hashable) -> Connection:
        from picosec.net.websocket_connection import accepted

        return accepted(connected, self.name, address)


def listen(host: str | None, port: int = DEFAULT_PORT) -> list[Listener]:
    """Listen on every address that ``host`` stands for; None means all addresses of this machine.

    Raises :class:`~picosec.net.transport.TransportError` when that is not possible.
    """
    sockets = listening_sockets(host, port, "--ws")
    return [WebSocketListener(each, f"{SCHEME}://{authority(each.getsockname())}") for each in sockets]


def connect(host: str, port: int = DEFAULT_PORT, patience: float = 30.0) -> Connection:
    """Return a connection to one peer, whose opening handshake has begun; ``patience`` is in seconds.

    Raises :class:`~picosec.net.transport.TransportError` when nobody answers there.
    """
    place = authority((host, port))
    name = f"{SCHEME}://{place}"
    from picosec.net.websocket_connection import asking

    return asking(connected_socket(host, port, name, patience), name, place)
