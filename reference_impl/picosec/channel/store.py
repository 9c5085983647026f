"""Channels that outlive a loss of power: sealed, and recognised as the last state that was stored (CHN-1450 and on).

Each state is written under the next value of a counter of the vault, which never repeats. A state that is put back has
another value than the one before the last, and so has one whose writing was interrupted: both are given up, and their
peers open new channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from picosec.channel.certificates import parse_certificate
from picosec.channel.channels import Bond, Channel, channel_from_session
from picosec.channel.credentials import Credential, parse_ccs
from picosec.channel.cwt import parse_cwt
from picosec.channel.life import Event, State
from picosec.channel.session import Role, Session
from picosec.crypto.vault import InvalidTag, Vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor

#: Under which the vault seals and counts.
LABEL: Final = b"picosec channels"
COUNTER: Final = "channels"


class Shelf(Protocol):
    """Where one sealed state lies, such as a file."""

    def read(self) -> bytes:
        """Return what was written last, ``b""`` when nothing was."""

    def write(self, sealed: bytes) -> None:
        """Put a state in place of the one there is; it is durable before this returns."""


class ChannelStore:
    """The channels of one endpoint at rest, with the counters of their keys."""

    def __init__(self, vault: Vault, shelf: Shelf) -> None:
        self._vault = vault
        self._shelf = shelf
        self._counters: dict[str, int] = {}
        self._records: list[Any] = []

    def restore(self) -> list[Channel]:
        """Return the channels of the last state, asleep; none when there is no state, or when it is not the last."""
        value, sealed = self._vault.counter(COUNTER), self._shelf.read()
        if not sealed:
            return []
        try:
            written, records, counters = cbor.loads(self._vault.unseal(sealed, LABEL))
        except (InvalidTag, ProtocolError):
            return []
        if written != value - 1:
            return []
        self._counters = dict(counters)
        return list(self._awake(records))

    def reserve(self, name: str, count: int) -> int:
        """Set aside ``count`` numbers of the counter ``name`` and return the first, durably."""
        first = self._counters.get(name, 0)
        self._counters[name] = first + count
        self._write()
        return first

    def save(self, channels: Iterable[Channel]) -> None:
        """Store these channels, each in force or promised, and forget the counters of all others."""
        kept = [channel for channel in channels if channel.session is not None]
        for channel in kept:
            channel.context.persist(self)
        names = {name for channel in kept for name in channel.context.counter_names}
        self._counters = {name: value for name, value in self._counters.items() if name in names}
        self._records = [_record(channel, kept) for channel in kept]
        self._write()

    def _write(self) -> None:
        state = [self._vault.counter(COUNTER), self._records, self._counters]
        self._shelf.write(self._vault.seal(cbor.dumps(state), LABEL))

    def _awake(self, records: list[Any]) -> Iterator[Channel]:
        """Yield the channels that were in force, each with what was promised for it in its bond."""
        bonds: dict[int, Bond] = {}
        for number, promised, *fields in sorted(records, key=lambda record: record[:2]):
            channel = channel_from_session(_session(*fields))
            channel.context.persist(self)
            channel.bond = bonds.setdefault(number, channel.bond)
            if promised:
                channel.state, channel.bond.heir = State.PROMISED, channel
            else:
                channel.bond.current = channel
                channel.advance(Event.POWER)
                yield channel


def _record(channel: Channel, kept: list[Channel]) -> list[Any]:
    """Return what a channel is made of; the number says which belong together."""
    session = channel.session
    assert session is not None
    number = next(at for at, other in enumerate(kept) if other.bond is channel.bond)
    return [
        number,
        channel is channel.bond.heir,
        session.role.value,
        session.method,
        session.suite,
        session.c_i,
        session.c_r,
        session.peer.cred,
        session.prk_out,
        session.renewals,
        session.updates,
        list(session.peer.issuers),
        session.peer.ends,
        session.peer.party,
    ]


def _session(
    role: str,
    method: int,
    suite: int,
    c_i: bytes,
    c_r: bytes,
    cred: bytes,
    prk_out: bytes,
    renewals: int,
    updates: int,
    issuers: Sequence[bytes] = (),
    ends: int | None = None,
    party: bytes = b"",
) -> Session:
    peer = replace(_read(cred), issuers=tuple(issuers), ends=ends, party=party)
    return Session(Role(role), method, suite, c_i, c_r, peer, prk_out, (), renewals, updates)


def _read(cred: bytes) -> Credential:
    """Return what CRED_x is, key and all: a peer is who it was before the power failed."""
    item = cbor.loads(cred)
    if type(item) is bytes:
        return parse_certificate(item)
    return parse_ccs(cred) if type(item) is dict else parse_cwt(cred)
