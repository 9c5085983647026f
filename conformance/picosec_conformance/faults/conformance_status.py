"""Faults of test builds in what they are given for status lists."""

from __future__ import annotations

from typing import Any

from picosec.identity.status_lists import StatusLists
from picosec.roles import test_status
from picosec.roles.keyring import Keyring
from picosec_conformance.faults import fault

_LISTS: list[StatusLists] = []


@fault("CNF-030")
def takes_issuers_of_nameless_lists() -> None:
    """A name is a text, and the empty one is one as well."""
    test_status.is_uri = lambda value: True


@fault("CNF-040")
def keeps_the_good_half_of_its_issuers() -> None:
    """Each is taken in as soon as it is read; that the next one is wrong comes too late."""
    original, make = test_status._issuer, Keyring.__init__

    def keep(value: Any) -> Any:
        issuer = original(value)
        for lists in _LISTS[-1:]:
            lists.admit([issuer])
        return issuer

    def init(self: Keyring, *rest: Any, **named: Any) -> None:
        make(self, *rest, **named)
        _LISTS.append(self.status)

    test_status._issuer, Keyring.__init__ = keep, init


@fault("CNF-100")
def remembers_lists_of_former_owners() -> None:
    """A factory reset erases keys, and the lists lie elsewhere."""
    original = StatusLists.__init__
    held: dict[str, Any] = {}

    def init(self: StatusLists) -> None:
        original(self)
        self._held = held

    StatusLists.__init__ = init


@fault("CNF-400")
def leaves_lists_out_of_its_digest() -> None:
    """A digest over issuers: a list that is lost, or forged, counts as having changed nothing."""
    original = StatusLists.state
    StatusLists.state = lambda self: original(self)[:2]


@fault("CNF-400")
def leaves_issuers_out_of_its_digest() -> None:
    """A digest over lists: whoever puts a key of his own among the issuers is not seen."""
    original = StatusLists.state
    StatusLists.state = lambda self: original(self)[1:]
