"""The face of a message layer: what roles need of one, whether it is over datagrams or over a connection."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from picosec.messaging.coap import Message
from picosec.messaging.events import Event
from picosec.messaging.exchanges import Exchange


class MessageLayer(Protocol):
    """Requests of ours and of peers, notifications and pings, with any number of peers. Times are seconds.

    What comes in, and by which name a peer goes, is each layer's own.
    """

    def respond(self, exchange: Exchange, response: Message, now: float) -> None:
        """Answer a request; only code, options and payload of ``response`` matter. A late one is dropped."""

    def dismiss(self, exchange: Exchange, now: float) -> None:
        """End an exchange without a response, as its client wants; a confirmable request is acknowledged."""

    def acknowledge(self, exchange: Exchange, now: float) -> None:
        """Tell the client that its request arrived and that the response will take a while."""

    def request(self, message: Message, peer: Hashable, now: float, *, lasting: bool = False) -> int:
        """Send a request and return its handle. Message id and token are the layer's to choose.

        A ``lasting`` one is not over when it is answered: every further response with its token is reported as
        another ``ResponseReceived``, until it is forgotten. Raises ``ProtocolError`` with ``BUSY``.
        """

    def renew(self, request_id: int, message: Message, now: float) -> bool:
        """Send another request under the token and the handle of a lasting one that was answered.

        Returns whether it was: one that is not answered yet, or over, is left as it is.
        """

    def notify(
        self,
        peer: Hashable,
        token: bytes,
        message: Message,
        now: float,
        *,
        confirmable: bool,
        replacing: int | None = None,
    ) -> int:
        """Send a response beyond the first to a request with ``token`` and return its handle.

        For a confirmable one follows a ``NotificationAcknowledged`` or ``NotificationEnded``; for another at most the
        latter, when the peer rejects it. ``replacing`` names a confirmable one that did not arrive yet, as far as is
        known: this message takes its place and its handle. Where the transport is reliable, all notifications arrive,
        and a ``NotificationAcknowledged`` may come at once. Raises ``ProtocolError`` with ``BUSY``.
        """

    def forget(self, handle: int, now: float) -> None:
        """Let go of a request or a notification: nothing more is sent, and what still comes is for nobody."""

    def ping(self, peer: Hashable, now: float) -> int:
        """Ask whether the peer is there and return a handle. Raises ``ProtocolError`` with ``BUSY``."""

    def ordered(self, peer: Hashable) -> bool:
        """Whether what this peer sends comes in the order in which it was sent, all of it, and cannot be rejected."""

    def fits(self, peer: Hashable, token: bytes, response: Message, overhead: int = 0) -> bool:
        """Whether the peer, as far as it told, takes a response under ``token`` that grows by ``overhead`` bytes."""

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Hand out what is to be sent, in order: peer and bytes."""

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is due, ``None`` when nothing is waited for."""

    def tick(self, now: float) -> list[Event]:
        """Do what is due."""
