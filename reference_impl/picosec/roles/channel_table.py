"""The channels of an agent, with a bound: handshakes must not fill a small device's memory."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from picosec.channel.channels import Channel, Channels, Opened, channel_from_session
from picosec.channel.life import IDLE_AFTER, IDLE_TIMEOUT, Event
from picosec.channel.session import Session
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec.registry import Problem

#: Channels out of handshakes that an agent keeps, unless told otherwise, and how many of them with one peer.
MAX_CHANNELS: Final = 64
MAX_PER_PEER: Final = 8
#: Label, among those for private use, and length of what tells a channel's keys from others in a digest.
_FINGERPRINT_LABEL: Final = 65535
_FINGERPRINT_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """How many channels are kept, and how many of them with one peer."""

    most: int = MAX_CHANNELS
    per_peer: int = MAX_PER_PEER


class ChannelTable(Channels):
    """Channels by Recipient ID. Those out of handshakes have a life (spec/v1/channel-life.md) and a bound.

    Provisioned channels are not counted, do not end and never make room: nobody could open them again.
    """

    __slots__ = ("_active", "_by_peer", "_idle", "displaced", "policy")

    def __init__(self, policy: ChannelPolicy = ChannelPolicy()) -> None:
        super().__init__()
        self.policy = policy
        #: In all of them, the one used last stands last.
        self._active: dict[bytes, Channel] = {}
        self._idle: dict[bytes, Channel] = {}
        self._by_peer: dict[bytes, dict[bytes, Channel]] = {}
        #: Channels that made room since somebody looked.
        self.displaced: list[Channel] = []

    def open(self, session: Session, now: float = 0.0, peer: Hashable = None) -> Channel:
        """Take in the channel that a handshake gave, in place of one with the same identifier.

        Raises ``ProtocolError`` with ``busy`` when all channels are in use by other peers (CHN-1270).
        """
        return self.keep(channel_from_session(session), now, peer)

    def keep(self, channel: Channel, now: float = 0.0, peer: Hashable = None) -> Channel:
        """Take in a channel that carried a request before its handshake was confirmed. Raises as :meth:`open` does."""
        assert channel.session is not None
        channel.bond.peer, channel.used = peer, now
        self.quieten(now)
        if channel.id in self._active or channel.id in self._idle:
            self.close(self[channel.id], Event.CLOSE)
        self._make_room(channel.session)
        self._take_in(channel)
        return channel

    def update(self, channel: Channel, context: bytes) -> Channel:
        """Replace the keys of a channel (CHN-920) and return it. Raises ``ProtocolError`` with ``bad_request``."""
        if channel.session is None:
            raise ProtocolError(Problem.BAD_REQUEST, "CHN-920", "a provisioned channel has no session to update")
        updated = channel_from_session(channel.session.updated(context))
        updated.bond, updated.used = channel.bond, channel.used
        self.close(channel, Event.CLOSE)
        self._take_in(updated)
        return updated

    def used(self, channel: Channel, now: float, peer: Hashable = None) -> None:
        """Note that a message over a channel verified, and where it came from."""
        channel.bond.peer, channel.used = peer, now
        channel.advance(Event.VERIFIED)
        if channel.session is not None:
            self._leave(channel)
            self._enter(channel)

    def unprotect(self, message: Message, now: float = 0.0, peer: Hashable = None) -> Opened:
        """Find the channel of an OSCORE request and verify it; raises as :meth:`Channels.unprotect` does."""
        opened = super().unprotect(message)
        self.used(opened.channel, now, peer)
        return opened

    def close(self, channel: Channel, event: Event) -> None:
        """Forget a channel and erase its keys (CHN-1220)."""
        self.remove(channel)
        self._leave(channel)
        channel.advance(event)

    def quieten(self, now: float) -> None:
        """Let channels become idle that nothing was heard over."""
        while self._active:
            channel = next(iter(self._active.values()))
            if now < channel.used + IDLE_AFTER:
                return
            del self._active[channel.id]
            self._idle[channel.id] = channel
            channel.advance(Event.QUIET)

    def expire(self, now: float) -> list[Channel]:
        """Close the channels that were idle for too long (CHN-1250) and return them."""
        self.quieten(now)
        expired = []
        while self._idle:
            channel = next(iter(self._idle.values()))
            if now < channel.used + IDLE_TIMEOUT:
                break
            self.close(channel, Event.EXPIRED)
            expired.append(channel)
        return expired

    def next_timeout(self) -> float | None:
        """Return when :meth:`expire` may have something to do, if ever."""
        first = next(iter(self._idle.values()), None) or next(iter(self._active.values()), None)
        return None if first is None else first.used + IDLE_TIMEOUT

    def digest_state(self) -> list[Any]:
        """Return what accepted requests, handshakes and key updates change, as a CBOR value."""
        keys = [
            channel.session.export(_FINGERPRINT_LABEL, b"", _FINGERPRINT_LENGTH)
            for channel in self
            if channel.session is not None
        ]
        return [self.state(), sorted(keys)]

    def _take_in(self, channel: Channel) -> None:
        self.add(channel)
        self._enter(channel)

    def _enter(self, channel: Channel) -> None:
        assert channel.session is not None
        self._active[channel.id] = channel
        self._by_peer.setdefault(channel.session.peer.cred, {})[channel.id] = channel

    def _leave(self, channel: Channel) -> None:
        assert channel.session is not None
        (self._idle if channel.id in self._idle else self._active).pop(channel.id)
        cred = channel.session.peer.cred
        del self._by_peer[cred][channel.id]
        if not self._by_peer[cred]:
            del self._by_peer[cred]

    def _make_room(self, session: Session) -> None:
        """Close one channel if there are too many: of the same peer, or one that is idle (CHN-1260, CHN-1270)."""
        own = self._by_peer.get(session.peer.cred, {})
        oldest = next(iter(own.values()), None)
        if len(own) < self.policy.per_peer:
            if len(self._active) + len(self._idle) < self.policy.most:
                return
            oldest = next(iter(self._idle.values()), oldest)
        if oldest is None:
            raise ProtocolError(Problem.BUSY, "CHN-1270", "every channel is in use by another peer")
        self.close(oldest, Event.ROOM)
        self.displaced.append(oldest)
