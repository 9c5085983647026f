"""Faults of recipients of status lists: unpacked carelessly, taken from the wrong hand, and forgotten."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity.status import StatusList
from picosec.identity.status_lists import HeldList, StatusLists
from picosec.registry import Problem
from picosec.roles.device import Device
from picosec.roles.resources import Access, Reply, Request
from picosec.roles.status import Status
from picosec_conformance.faults import fault


def _unpacking(unpack: Any) -> None:
    StatusList.unpack = classmethod(unpack)


@fault("IDN-180")
def takes_half_a_list() -> None:
    """What could be unpacked is taken: everybody in the other half has become valid."""
    original = StatusList.unpack

    def unpack(cls: Any, bits: int, packed: bytes) -> StatusList:
        try:
            return original(bits, packed)
        except ProtocolError as error:
            if error.problem is not Problem.MALFORMED:
                raise
            try:
                return StatusList(bits, zlib.decompressobj().decompress(packed))
            except zlib.error:
                raise error from None

    _unpacking(unpack)


@fault("IDN-180")
def overlooks_what_follows_the_stream() -> None:
    """The library stops where the stream ends, and nobody asks whether the bytes did."""
    original = StatusList.unpack

    def unpack(cls: Any, bits: int, packed: bytes) -> StatusList:
        stream = zlib.decompressobj()
        try:
            stream.decompress(packed, 1 << 18)
        except zlib.error:
            return original(bits, packed)
        return original(bits, packed[: len(packed) - len(stream.unused_data)])

    _unpacking(unpack)


@fault("IDN-180")
def unpacks_every_kind_of_stream() -> None:
    """The library recognises gzip by itself, and so does whoever wants two devices to see two lists."""
    original = StatusList.unpack

    def unpack(cls: Any, bits: int, packed: bytes) -> StatusList:
        if packed[:2] == b"\x1f\x8b":
            return StatusList(bits, zlib.decompress(packed, wbits=47))
        return original(bits, packed)

    _unpacking(unpack)


@fault("IDN-190")
def unpacks_whatever_comes() -> None:
    """The token was small, so the list is: one packet takes all the memory there is."""
    original = StatusList.unpack
    _unpacking(lambda cls, bits, packed: original(bits, packed, 1 << 24))


@fault("IDN-190")
def has_room_for_a_thousand_credentials() -> None:
    """A static buffer, as large as the first customer needed it."""
    original = StatusList.unpack
    _unpacking(lambda cls, bits, packed: original(bits, packed, 128))


@fault("IDN-200")
def forgets_its_list_when_a_bad_one_comes() -> None:
    """The old one is cleared before the new one is read: who is in it needs one broken packet to be in none."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        try:
            return original(self, data, now)
        except ProtocolError:
            self._held.clear()
            raise

    StatusLists.judge = judge


@fault("IDN-200")
def ends_channels_before_it_verifies() -> None:
    """What a token revokes is acted on when it is read, and verified after that."""
    original = Status._put

    def put(self: Status, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.problem in (Problem.AUTHENTICATION_FAILED, Problem.STALE):
                self._revoke(lambda cred: b"status_list" in cred)
            raise

    Status._put = put


@fault("IDN-210")
def takes_lists_over_channels_only() -> None:
    """Who has no channel has nothing to say about who may have one; and the list stays where it is."""
    original = Status.resource
    Status.resource = lambda self: replace(original(self), access=Access.CHANNEL)


@fault("IDN-210")
def refuses_a_list_that_it_has() -> None:
    """The same again is a replay; and the second carrier believes that the device has none."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        judged = original(self, data, now)
        if judged in self._held.values():
            raise ProtocolError(Problem.REPLAYED, "IDN-210")
        return judged

    StatusLists.judge = judge


@fault("IDN-210")
def takes_any_content_format_for_a_list() -> None:
    """It decodes or it does not."""
    original = Status.resource
    Status.resource = lambda self: replace(original(self), takes=None)


@fault("IDN-220")
def forgets_its_lists_with_its_power() -> None:
    """They are in memory: whoever is in one pulls the plug."""
    _at_every_start(lambda lists: lists._held.clear())


@fault("IDN-220")
def forgets_the_order_of_lists_with_its_power() -> None:
    """The entries are stored, and when they were made is not."""

    def forget(lists: StatusLists) -> None:
        lists._held = {uri: replace(held, issued=0, said=b"") for uri, held in lists._held.items()}

    _at_every_start(forget)


@fault("IDN-1900")
def forgets_the_end_of_a_list_with_its_power() -> None:
    """What is written to the flash was decided before lists had an end."""

    def forget(lists: StatusLists) -> None:
        lists._held = {uri: replace(held, ends=None) for uri, held in lists._held.items()}

    _at_every_start(forget)


def _at_every_start(change: Any) -> None:
    """Do something to the lists that a device holds, whenever it gets its power."""
    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Any, **rest: Any) -> None:
        change(keyring.status)
        original(self, entropy, keyring, **rest)

    Device.__init__ = init
