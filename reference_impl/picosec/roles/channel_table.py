"""The channels of an agent, with a bound: handshakes must not fill a small device's memory."""

from __future__ import annotations

from typing import Any, Final

from picosec.channel.channels import Channel, Channels, Opened, channel_from_session
from picosec.channel.session import Session
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec.registry import Problem

#: Channels out of handshakes that an agent keeps, unless told otherwise.
MAX_CHANNELS: Final = 64
#: Label, among those for private use, and length of what tells a channel's keys from others in a digest.
_FINGERPRINT_LABEL: Final = 65535
_FINGERPRINT_LENGTH: Final = 8


class ChannelTable(Channels):
    """Channels by Recipient ID. Of those out of handshakes, the one unused for longest makes room for a new one.

    Provisioned channels are not counted and never make room: nobody could open them again.
    """

    __slots__ = ("_most", "_recent")

    def __init__(self, most: int = MAX_CHANNELS) -> None:
        super().__init__()
        self._most = most
        #: The one used last stands last.
        self._recent: dict[bytes, Channel] = {}

    def open(self, session: Session) -> Channel:
        """Take in the channel that a handshake gave, in place of one with the same identifier."""
        channel = channel_from_session(session)
        self._recent.pop(channel.id, None)
        while len(self._recent) >= self._most:
            oldest = next(iter(self._recent))
            self.remove(self._recent.pop(oldest))
        self.add(channel)
        self._recent[channel.id] = channel
        return channel

    def update(self, channel: Channel, context: bytes) -> Channel:
        """Replace the keys of a channel (CHN-920) and return it. Raises ``ProtocolError`` with ``bad_request``."""
        if channel.session is None:
            raise ProtocolError(Problem.BAD_REQUEST, "CHN-920", "a provisioned channel has no session to update")
        return self.open(channel.session.updated(context))

    def used(self, channel: Channel) -> None:
        """Note that a channel is in use."""
        if self._recent.pop(channel.id, None) is not None:
            self._recent[channel.id] = channel

    def unprotect(self, message: Message) -> Opened:
        """Find the channel of an OSCORE request and verify it; raises as :meth:`Channels.unprotect` does."""
        opened = super().unprotect(message)
        self.used(opened.channel)
        return opened

    def digest_state(self) -> list[Any]:
        """Return what accepted requests, handshakes and key updates change, as a CBOR value."""
        keys = [
            channel.session.export(_FINGERPRINT_LABEL, b"", _FINGERPRINT_LENGTH)
            for channel in self
            if channel.session is not None
        ]
        return [self.state(), sorted(keys)]
