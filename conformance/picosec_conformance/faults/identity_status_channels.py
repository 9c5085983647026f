"""Faults of whoever takes a list that revokes the peer of an open channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel.life import State
from picosec.identity import status_lists
from picosec.identity.status_lists import HeldList, StatusIssuer
from picosec.roles.agent import Agent
from picosec.roles.channel_table import ChannelTable
from picosec.roles.events import ChannelEnd
from picosec_conformance.faults import fault


@fault("IDN-290")
def lets_channels_live() -> None:
    """Credentials are for doors, and whoever is inside is inside."""
    Agent.revoke = lambda self, taken_back: None


@fault("IDN-290")
def ends_every_channel_with_a_status() -> None:
    """A new list, so all that rests on lists begins anew: each one cuts every conversation of the house."""
    HeldList.revokes = lambda self, cred: b"status_list" in cred


@fault("IDN-290")
def ends_one_channel_of_the_peer() -> None:
    """It is found in the table of peers, and the search ends there."""
    original = Agent.revoke

    def revoke(self: Agent, taken_back: Any) -> None:
        found: list[bytes] = []

        def first(cred: bytes) -> bool:
            if found or not taken_back(cred):
                return False
            found.append(cred)
            return True

        original(self, first)

    Agent.revoke = revoke


@fault("IDN-290")
def revokes_places_of_all_lists() -> None:
    """Place 3 is place 3: a lamp that is taken off the wall ends the conversation with the lock."""
    original = HeldList.revokes

    def revokes(self: HeldList, cred: bytes) -> bool:
        reference = status_lists.reference_in(cred)
        named = self.issuer if reference is None else StatusIssuer(self.issuer.kid, self.issuer.key, reference.uri)
        return original(replace(self, issuer=named), cred)

    HeldList.revokes = revokes


@fault("IDN-290")
def lets_channels_live_that_fell_off_the_list() -> None:
    """The entry is read as nothing, and nothing is no reason."""
    original = HeldList.revokes

    def revokes(self: HeldList, cred: bytes) -> bool:
        reference = status_lists.reference_in(cred)
        return reference is not None and self.entries.entry(reference.index) is not None and original(self, cred)

    HeldList.revokes = revokes


@fault("IDN-290")
def cuts_off_who_brings_the_list() -> None:
    """The channel is closed at once, and with it the way for the answer."""

    def revoke(self: Agent, taken_back: Any) -> None:
        for channel in list(self.channels):
            if channel.session is not None and taken_back(channel.session.peer.cred):
                self._upkeep._end(channel, ChannelEnd.REVOKED, None, 0.0)

    Agent.revoke = revoke


@fault("IDN-290")
def spares_channels_with_new_keys() -> None:
    """Channels are remembered by the handshake that opened them; after a renewal they are somebody else's."""
    original = Agent.revoke

    def revoke(self: Agent, taken_back: Any) -> None:
        kept = {channel.session.peer.cred for channel in self.channels if channel.session and channel.generation}
        original(self, lambda cred: cred not in kept and taken_back(cred))

    Agent.revoke = revoke


@fault("IDN-290")
def opens_what_was_verified_before_the_list_came() -> None:
    """The credential was good when it was shown, and the rest of a handshake is a formality."""
    original = ChannelTable.keep

    def keep(self: ChannelTable, *rest: Any) -> Any:
        self.admit = lambda cred, now: None
        return original(self, *rest)

    ChannelTable.keep = keep


@fault("IDN-290")
def forgets_what_sleeps() -> None:
    """Channels that outlived a power cut have no handshake in this life, and are not looked at."""
    original = Agent.revoke

    def revoke(self: Agent, taken_back: Any) -> None:
        awake = {
            channel.session.peer.cred
            for channel in self.channels
            if channel.session is not None and channel.state is not State.ASLEEP
        }
        original(self, lambda cred: cred in awake and taken_back(cred))

    Agent.revoke = revoke
