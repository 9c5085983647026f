"""Faults of channels at rest: lost, brought back, or resumed from what somebody else put there."""

from __future__ import annotations

from collections.abc import Iterable

from picosec.channel.channels import Channel
from picosec.channel.life import Event
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.sequence import Reservations
from picosec.channel.store import ChannelStore
from picosec.roles import channel_table
from picosec.roles.channel_table import ChannelTable
from picosec_conformance.faults import fault


@fault("CHN-1450")
def stores_the_last_channel_only() -> None:
    """There is one slot in the flash, and the example has one channel."""
    save = ChannelStore.save

    def last(self: ChannelStore, channels: Iterable[Channel]) -> None:
        save(self, list(channels)[-1:])

    ChannelStore.save = last


@fault("CHN-1450")
def believes_what_comes_after_a_restart() -> None:
    """The window is empty after a restart, and an empty window has seen nothing: every recorded command is new."""
    persist = SecurityContext.persist

    def trusting(self: SecurityContext, storage: Reservations) -> None:
        persist(self, storage)
        self.synchronised = True

    SecurityContext.persist = trusting


@fault("CHN-1450")
def starts_counting_with_the_power() -> None:
    """The counters are in memory; the keys are in flash, and outlive them."""

    restore = ChannelStore.restore

    def restored(self: ChannelStore) -> list[Channel]:
        channels = restore(self)
        for channel in channels:
            channel.context.synchronised = False
        return channels

    ChannelStore.restore = restored
    SecurityContext.persist = lambda self, storage: None


@fault("CHN-1460")
def forgets_to_store_the_end() -> None:
    """Channels are written when they open; that they close is seen by whoever is awake."""
    close = ChannelTable.close

    def unsaved(self: ChannelTable, channel: Channel, event: Event) -> None:
        store, self._store = self._store, None
        close(self, channel, event)
        self._store = store

    ChannelTable.close = unsaved


@fault("CHN-1460")
def stores_replaced_keys() -> None:
    """The old keys are stored with the new ones, to be safe."""
    save = ChannelStore.save
    every: list[Channel] = []

    def hoarding(self: ChannelStore, channels: Iterable[Channel]) -> None:
        now = list(channels)
        every.extend(channel for channel in now if channel not in every)
        current = {id(channel) for channel in now}
        kept = [each for each in every if each.session is not None or id(each) in current]
        save(self, [each for each in kept if each.session is not None])

    ChannelStore.save = hoarding
    channel_table.DRAIN = 1e9


@fault("CHN-1470")
def forgets_what_it_promised() -> None:
    """Only what is in force is stored: a loss of power at the wrong moment, and the peer has keys that nobody knows."""
    save = ChannelStore.save

    def current(self: ChannelStore, channels: Iterable[Channel]) -> None:
        save(self, [channel for channel in channels if channel is not channel.bond.heir])

    ChannelStore.save = current


@fault("CHN-1470")
def puts_promised_keys_in_force_with_the_power() -> None:
    """After a restart the newest keys are taken: the peer, which never got them, talks to a wall."""
    save = ChannelStore.save

    def newest(self: ChannelStore, channels: Iterable[Channel]) -> None:
        kept = []
        for channel in channels:
            if channel.bond.heir is None:
                kept.append(channel)
            elif channel is channel.bond.heir:
                channel.bond.heir = None
                kept.append(channel)
        save(self, kept)

    ChannelStore.save = newest


@fault("CHN-1480")
def resumes_whatever_it_finds() -> None:
    """What lies in the flash was sealed by nobody else, so it must be right: also when it is last week's."""
    counter = "channels"
    original = ChannelStore.restore

    def trusting(self: ChannelStore) -> list[Channel]:
        from picosec.messaging import cbor

        sealed = self._shelf.read()
        if sealed:
            state = cbor.loads(self._vault.unseal(sealed, b"picosec channels"))
            state[0] = self._vault.counter(counter)
            self._shelf.write(self._vault.seal(cbor.dumps(state), b"picosec channels"))
        return original(self)

    ChannelStore.restore = trusting
