"""Faults of EDHOC: keys that come out wrong, and keys that do not go away."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from picosec.channel import key_schedule
from picosec.channel.channels import Channel
from picosec.channel.session import Session
from picosec.roles.channel_table import ChannelTable
from picosec_conformance.faults import fault


@fault("CHN-900")
def exports_from_the_session_key() -> None:
    """One derivation is saved: keys for applications come out of PRK_out, next to the key that updates it."""
    Session.export = lambda self, label, context, length: key_schedule.kdf(self.prk_out, label, context, length)


@fault("CHN-900")
def cuts_labels_to_a_byte() -> None:
    """Labels of two bytes are new, and the field has one: applications share keys without knowing it."""
    original = Session.export

    def export(self: Session, label: int, context: bytes, length: int) -> bytes:
        return original(self, label & 0xFF, context, length)

    Session.export = export


@fault("CHN-910")
def swaps_the_identifiers() -> None:
    """C_R is sent by the Responder, so it is taken for the Responder's Sender ID; it is what others send to it."""
    original = Session.oscore

    def oscore(self: Session) -> Any:
        given = original(self)
        return replace(given, sender_id=given.recipient_id, recipient_id=given.sender_id)

    Session.oscore = oscore


@fault("CHN-910")
def exports_no_salt() -> None:
    """The master salt is optional in OSCORE, and is left out; the master secret alone makes other keys."""
    original = Session.oscore
    Session.oscore = lambda self: replace(original(self), master_salt=b"")


@fault("CHN-920")
def updates_without_the_context() -> None:
    """The context of the update is left out: two occasions give one key."""
    original = key_schedule.updated
    key_schedule.updated = lambda prk_out, context: original(prk_out, b"")


@fault("CHN-920")
def updates_what_is_exported_only() -> None:
    """The session is new and the channel is the old one: the update is reported, and nothing changed on the wire."""
    update = ChannelTable.update

    def forgetful(self: ChannelTable, channel: Channel, context: bytes) -> Channel:
        kept = deepcopy(channel.context)
        updated = Channel(kept, update(self, channel, context).session)
        self.add(updated)
        return updated

    ChannelTable.update = forgetful


@fault("CHN-920")
def starts_from_the_first_key_again() -> None:
    """Each update is computed from the key of the handshake: who stole that one has them all."""
    first: dict[bytes, bytes] = {}
    original = key_schedule.updated

    def updated(prk_out: bytes, context: bytes) -> bytes:
        root = first.get(prk_out, prk_out)
        result = original(root, context)
        first[result] = root
        return result

    key_schedule.updated = updated


@fault("CHN-930")
def keeps_the_old_keys_for_stragglers() -> None:
    """Messages may be late, so the keys before the update are kept as well: whoever stole them goes on."""
    update = ChannelTable.update

    def generous(self: ChannelTable, channel: Channel, context: bytes) -> Channel:
        kept = Channel(deepcopy(channel.context), channel.session)
        updated = update(self, channel, context)
        self._by_id[channel.id] = (*self._by_id[channel.id], kept)
        return updated

    ChannelTable.update = generous
