"""Faults of test builds in what they are given for objects."""

from __future__ import annotations

from typing import Any

from picosec.objects.inbox import Inbox
from picosec.roles import test_objects
from picosec.roles.device import Device
from picosec.roles.keyring import Keyring
from picosec_conformance.faults import fault


@fault("CNF-030")
def takes_keys_with_whatever_is_in_them() -> None:
    """Unknown members are skipped, and a slip of the pen in a suite is never found."""
    original = test_objects.fields

    def fields(value: Any, required: Any, optional: Any) -> Any:
        known = {*required, *optional}
        if isinstance(value, dict):
            value = {label: entry for label, entry in value.items() if label in known}
        return original(value, required, optional)

    test_objects.fields = fields


@fault("CNF-040")
def keeps_the_good_half_of_its_keys() -> None:
    """Each list is taken in as soon as it is read; that the next one is wrong comes too late."""
    original = test_objects._group

    def keep(value: Any) -> Any:
        group = original(value)
        for keyring in _KEYRINGS[-1:]:
            keyring.inbox.admit(groups=[group])
        return group

    make = Keyring.__init__

    def init(self: Keyring, *rest: Any, **named: Any) -> None:
        make(self, *rest, **named)
        _KEYRINGS.append(self)

    test_objects._group, Keyring.__init__ = keep, init


_KEYRINGS: list[Keyring] = []


@fault("CNF-100")
def remembers_what_former_owners_sent() -> None:
    """A factory reset erases keys, and the windows lie elsewhere."""
    taken: dict[bytes, Any] = {}
    make = Inbox.__init__

    def init(self: Inbox, *rest: Any, **named: Any) -> None:
        make(self, *rest, **named)
        self._taken = taken

    Inbox.__init__ = init


@fault("CNF-130")
def loses_keys_for_objects_with_its_power() -> None:
    """The keyring is stored, and what was added to it last is not."""
    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Keyring, **rest: Any) -> None:
        keyring.inbox.own = type(keyring.inbox.own)()
        original(self, entropy, keyring, **rest)

    Device.__init__ = init


@fault("CNF-400")
def leaves_windows_of_objects_out_of_its_digest() -> None:
    """A digest over keys alone: a forgery that moves a window counts as having changed nothing."""
    original = Inbox.state
    Inbox.state = lambda self: original(self)[:1]


@fault("CNF-400")
def leaves_keys_for_objects_out_of_its_digest() -> None:
    """A digest over names: whoever replaces a key under its old name is not seen."""
    original = Inbox.state
    Inbox.state = lambda self: [[[row[:1] for row in rows] for rows in original(self)[0]], original(self)[1]]
