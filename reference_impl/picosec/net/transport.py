"""What every transport is: something that moves datagrams to and from addresses, and can be waited for."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol


class TransportError(Exception):
    """A transport cannot be opened or has failed; the text says what happened and how to mend it, in one line."""


class EndOfStream(Exception):
    """The other end closed the stream: an orderly end, not a failure."""


class Transport(Protocol):
    """Moves whole datagrams. The loop waits until :meth:`fileno` is readable, then calls :meth:`receive` once."""

    #: The transport as people name it: ``coap://127.0.0.1:5683``, ``/dev/ttyUSB0``, ``stdio``.
    name: str
    #: Whether anybody can write another's address into what arrives here.
    forgeable: bool

    def fileno(self) -> int:
        """Return the descriptor to wait for."""

    def receive(self) -> list[tuple[Hashable, bytes]]:
        """Read once, without blocking when the descriptor is readable; return (address, datagram) pairs.

        Raises :class:`EndOfStream` when the other end is gone in good order, :class:`TransportError` otherwise.
        """

    def send(self, address: Hashable, datagram: bytes) -> None:
        """Send one datagram. On a datagram network a loss is no error; on a stream errors are as for receive."""

    def close(self) -> None:
        """Give the descriptor back; closing twice is fine."""
