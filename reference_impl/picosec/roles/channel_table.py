"""The channels of an agent, with a bound: handshakes must not fill a small device's memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Final

from picosec.channel.channels import Bond, Channel, Channels, Opened, channel_from_session
from picosec.channel.credentials import Credential
from picosec.channel.life import DRAIN, IDLE_AFTER, IDLE_TIMEOUT, Event, State
from picosec.channel.session import Session
from picosec.channel.store import ChannelStore
from picosec.channel.whereabouts import Connections
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec.registry import Problem

#: Channels out of handshakes that an agent keeps, unless told otherwise, and how many of them with one peer.
MAX_CHANNELS: Final = 64
MAX_PER_PEER: Final = 8
#: Label, among those for private use, and length of what tells a channel's keys from others in a digest.
_FINGERPRINT_LABEL: Final = 65535
_FINGERPRINT_LENGTH: Final = 8
_order: Final = count()


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """How many channels are kept, how many of them with one peer, and after how many messages with one Sender Key new
    keys are agreed: None leaves that to the limits of the algorithm.
    """

    most: int = MAX_CHANNELS
    per_peer: int = MAX_PER_PEER
    renew_after: int | None = None
    #: Whether channels are stored, to outlive a loss of power.
    store: bool = False


class ChannelTable(Channels):
    """Channels by Recipient ID. Those out of handshakes have a life (spec/v1/channel-life.md) and a bound.

    Provisioned channels are not counted, do not end and never make room: nobody could open them again.
    """

    __slots__ = (
        "_active",
        "_by_peer",
        "_ending",
        "_former",
        "_idle",
        "_store",
        "_woken",
        "admit",
        "confirmed",
        "connections",
        "displaced",
        "lapsed",
        "outlived",
        "policy",
        "time_of",
        "words_ended",
        "worn",
    )

    def __init__(self, policy: ChannelPolicy = ChannelPolicy()) -> None:
        super().__init__()
        self.policy = policy
        #: The connections that are open, and who is heard over them.
        self.connections = Connections()
        #: The channels in force. In all three, the one used last stands last.
        self._active: dict[bytes, Channel] = {}
        self._idle: dict[bytes, Channel] = {}
        self._by_peer: dict[bytes, dict[bytes, Channel]] = {}
        #: Channels whose keys were replaced, and when these are erased.
        self._former: deque[tuple[float, Channel]] = deque()
        self._store: ChannelStore | None = None
        #: Channels that were restored before anybody said what time it is.
        self._woken: list[Channel] = []
        #: Judges the credential of a peer when a channel is about to open, which may be long after its proof was
        #: checked.
        self.admit: Callable[[Credential, float], None] = lambda cred, now: None
        #: Turns seconds since 1970 into the time of whoever owns the channels, None if he knows no date.
        self.time_of: Callable[[int], float | None] = lambda date: None
        #: Whether something else that a peer needs has ended.
        self.outlived: Callable[[Credential, float], bool] = lambda cred, now: False
        #: Whether that of anybody ended since this was asked last: only then are all channels looked at.
        self.words_ended: Callable[[float], bool] = lambda now: False
        #: The channels whose credentials end, by when they do.
        self._ending: list[tuple[int, int, Bond]] = []
        #: What happened since somebody looked: channels that made room, whose credentials ended, that got new keys from
        #: their peers, that need new keys.
        self.displaced: list[Channel] = []
        self.lapsed: list[Channel] = []
        self.confirmed: list[Channel] = []
        self.worn: list[Channel] = []

    def __len__(self) -> int:
        """How many channels there are, each counted once, whatever keys it has."""
        return sum(channel.bond.current in (None, channel) for channel in self)

    def open(self, session: Session, now: float = 0.0, peer: Hashable = None) -> Channel:
        """Take in the channel that a handshake gave, in place of one with the same identifier.

        Raises ``ProtocolError`` with ``busy`` when all channels are in use by other peers (CHN-1270), and
        ``bad_credential`` when the credential was taken back since it was shown (IDN-290).
        """
        return self.keep(channel_from_session(session), now, peer)

    def keep(self, channel: Channel, now: float = 0.0, peer: Hashable = None) -> Channel:
        """Take in a channel that carried a request before its handshake was confirmed. Raises as :meth:`open` does."""
        assert channel.session is not None
        self.admit(channel.session.peer, now)
        channel.used = now
        if peer is not None:
            self.moved(channel, peer)
        self.quieten(now)
        if channel.id in self._active or channel.id in self._idle:
            self.close(self[channel.id], Event.CLOSE)
        self._make_room(channel.session)
        self._take_in(channel)
        self._note_end(channel)
        return channel

    def restore(self, store: ChannelStore) -> None:
        """Take in the channels that outlived the last life, asleep (CHN-1450), and go on storing."""
        for channel in store.restore():
            self.add(channel)
            self._enter(channel, self._idle)
            if channel.bond.heir is not None:
                self.add(channel.bond.heir)
            self._woken.append(channel)
            self._note_end(channel)
        self.store_in(store)

    def store_in(self, store: ChannelStore | None) -> None:
        """Store channels from now on, or no longer: then nothing of them stays stored either."""
        if store is None and self._store is not None:
            self._store.save(())
        self._store = store
        self._save()

    @property
    def stored(self) -> bool:
        """Whether channels are stored."""
        return self._store is not None

    def _save(self) -> None:
        if self._store is not None:
            bonds = {id(channel.bond): channel.bond for channel in self if channel.bond.current is not None}
            kept = [channel for bond in bonds.values() for channel in (bond.current, bond.heir) if channel is not None]
            self._store.save(kept)

    def update(self, channel: Channel, context: bytes) -> Channel:
        """Replace the keys of a channel (CHN-920) and return it. Raises ``ProtocolError`` with ``bad_request``."""
        if channel.session is None:
            raise ProtocolError(Problem.BAD_REQUEST, "CHN-920", "a provisioned channel has no session to update")
        updated = channel_from_session(channel.session.updated(context))
        updated.used, bond = channel.used, channel.bond
        self.close(channel, Event.CLOSE)
        updated.bond = bond
        self._take_in(updated)
        return updated

    def promise(self, channel: Channel, session: Session) -> None:
        """Take in keys that are in force once a message verifies under them (CHN-1320), in place of any promised
        before (CHN-1350). Raises ``ProtocolError`` with ``bad_identifier`` (CHN-1360).
        """
        heir = channel_from_session(session)
        heir.bond, heir.state = channel.bond, State.PROMISED
        self._drop(channel.bond.heir)
        channel.bond.heir = heir
        self.add(heir)
        self._save()

    def replace(self, channel: Channel, session: Session, now: float) -> Channel:
        """Put keys that the peer promised in force at once, and return the channel that has them.

        Raises ``ProtocolError`` with ``bad_identifier`` (CHN-1360).
        """
        successor = channel_from_session(session)
        successor.bond = channel.bond
        self._drop(channel.bond.heir)
        self.add(successor)
        self._succeed(successor, now)
        return successor

    def successor(self, channel: Channel) -> Channel | None:
        """Return the channel with the keys that are in force now, itself as a rule; None when it is gone."""
        current = channel.bond.current or channel
        return current if self.holds(current) else None

    def used(self, channel: Channel, now: float) -> None:
        """Note that a message over a channel verified."""
        channel.used = now
        channel.advance(Event.VERIFIED)
        if channel is channel.bond.heir:
            self._succeed(channel, now)
            self.confirmed.append(channel)
        elif channel.id in self._active or channel.id in self._idle:
            self._leave(channel)
            self._enter(channel)
        if channel.state is State.OPEN and channel.session and channel.context.worn(self.policy.renew_after):
            self.worn.append(channel)

    def unprotect(self, message: Message, now: float = 0.0, peer: Hashable = None) -> Opened:
        """Find the channel of an OSCORE request and verify it; raises as :meth:`Channels.unprotect` does."""
        opened = super().unprotect(message)
        self.used(opened.channel, now)
        if peer is not None:
            self.connections.used(peer, opened.channel.bond.whereabouts)
            opened.channel.bond.whereabouts.heard(peer, opened.position)
        return opened

    def moved(self, channel: Channel, peer: Hashable) -> None:
        """Take an address for the newest of a channel's peer."""
        self.connections.used(peer, channel.bond.whereabouts)
        channel.bond.whereabouts.moved(peer)

    def close(self, channel: Channel, event: Event) -> None:
        """Forget a channel and erase all its keys, those promised and those before included (CHN-1220)."""
        bond = channel.bond
        current = bond.current or channel
        self._drop(bond.heir)
        self._drop(bond.former)
        bond.current = bond.heir = bond.former = None
        self._leave(current)
        self._drop(current, event)
        self._save()

    def quieten(self, now: float) -> None:
        """Let channels become idle that nothing was heard over. Those of an earlier life count from now."""
        while self._woken:
            self._woken.pop().used = now
        while self._active:
            channel = next(iter(self._active.values()))
            if now < channel.used + IDLE_AFTER:
                return
            del self._active[channel.id]
            self._idle[channel.id] = channel
            channel.advance(Event.QUIET)

    def expire(self, now: float) -> list[Channel]:
        """Erase keys that were replaced (CHN-1340), close channels that were idle for too long (CHN-1250), and return
        the latter.
        """
        while self._former and self._former[0][0] <= now:
            former = self._former.popleft()[1]
            if former.bond.former is former:
                former.bond.former = None
            self._drop(former, Event.DRAINED)
        self.quieten(now)
        expired = []
        while self._idle:
            channel = next(iter(self._idle.values()))
            if now < channel.used + IDLE_TIMEOUT:
                break
            self.close(channel, Event.EXPIRED)
            expired.append(channel)
        return expired

    def lapse(self, now: float) -> None:
        """Close the channels whose credentials have ended (IDN-920), or what else their peers need (IDN-2250)."""
        while self._ending:
            channel = self._ending[0][2].current
            if channel is not None and not self._has_ended(channel, now):
                break
            heappop(self._ending)
            if channel is not None:
                self._let_go(channel)
        if self.words_ended(now):
            for channel in [*self._active.values(), *self._idle.values()]:
                if channel.session is not None and self.outlived(channel.session.peer, now):
                    self._let_go(channel)

    def _let_go(self, channel: Channel) -> None:
        self.close(channel, Event.CLOSE)
        self.lapsed.append(channel)

    def _has_ended(self, channel: Channel, now: float) -> bool:
        """Whether the credential that opened a channel has ended, as far as anybody knows."""
        ends = None if channel.session is None else channel.session.peer.ends
        time = None if ends is None else self.time_of(ends)
        return time is not None and now > time

    def _note_end(self, channel: Channel) -> None:
        ends = None if channel.session is None else channel.session.peer.ends
        if ends is None:
            return
        if len(self._ending) > 2 * len(self._by_peer) + self.policy.most:  # most of it closed for other reasons
            self._ending = [row for row in self._ending if row[2].current is not None]
            heapify(self._ending)
        heappush(self._ending, (ends, next(_order), channel.bond))

    def next_timeout(self) -> float | None:
        """Return when :meth:`expire` may have something to do, if ever; at once, when somebody has to say the time."""
        if self._woken:
            return 0.0
        first = next(iter(self._idle.values()), None) or next(iter(self._active.values()), None)
        idle = None if first is None else first.used + IDLE_TIMEOUT
        drained = self._former[0][0] if self._former else None
        while self._ending and self._ending[0][2].current is None:  # closed for another reason
            heappop(self._ending)
        ends = self.time_of(self._ending[0][0]) if self._ending else None
        lapsing = None if ends is None else ends + 1  # seconds are whole: it lasts through its last one
        return min((time for time in (idle, drained, lapsing) if time is not None), default=None)

    def digest_state(self) -> list[Any]:
        """Return what accepted requests, handshakes and key updates change, as a CBOR value."""
        keys = [
            channel.session.export(_FINGERPRINT_LABEL, b"", _FINGERPRINT_LENGTH)
            for channel in self
            if channel.session is not None
        ]
        inboxes = [[channel.id, channel.bond.inbox.state] for channel in self if channel.bond.inbox.used]
        return [self.state(), sorted(keys), inboxes]

    def _succeed(self, channel: Channel, now: float) -> None:
        """Put a channel in force in place of the one before, whose keys serve for a while yet (CHN-1330)."""
        bond = channel.bond
        before = bond.current
        assert before is not None
        self._leave(before)
        self._drop(bond.former)
        before.advance(Event.REPLACED)
        bond.former, bond.current, bond.heir = before, channel, None
        self._former.append((now + DRAIN, before))
        channel.used = now
        self._enter(channel)
        self._save()

    def _drop(self, channel: Channel | None, event: Event = Event.CLOSE) -> None:
        if channel is not None and channel.state is not State.CLOSED:
            self.remove(channel)
            channel.advance(event)

    def _take_in(self, channel: Channel) -> None:
        channel.bond.current = channel
        self.add(channel)
        self._enter(channel)
        self._save()

    def _enter(self, channel: Channel, among: dict[bytes, Channel] | None = None) -> None:
        assert channel.session is not None
        (self._active if among is None else among)[channel.id] = channel
        self._by_peer.setdefault(channel.session.peer.counted_as, {})[channel.id] = channel

    def _leave(self, channel: Channel) -> None:
        assert channel.session is not None
        (self._idle if channel.id in self._idle else self._active).pop(channel.id)
        party = channel.session.peer.counted_as
        del self._by_peer[party][channel.id]
        if not self._by_peer[party]:
            del self._by_peer[party]

    def _make_room(self, session: Session) -> None:
        """Close one channel if there are too many: of the same peer, or one that is idle (CHN-1260, CHN-1270)."""
        own = self._by_peer.get(session.peer.counted_as, {})
        oldest = next(iter(own.values()), None)
        if len(own) < self.policy.per_peer:
            if len(self._active) + len(self._idle) < self.policy.most:
                return
            oldest = next(iter(self._idle.values()), oldest)
        if oldest is None:
            raise ProtocolError(Problem.BUSY, "CHN-1270", "every channel is in use by another peer")
        self.close(oldest, Event.ROOM)
        self.displaced.append(oldest)
