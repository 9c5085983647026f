"""Faults of whoever judges credentials by status lists: too kind, too strict, or by the wrong entry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel import initiator, peer
from picosec.errors import ProtocolError
from picosec.identity import status_lists
from picosec.identity.status import StatusList, StatusReference
from picosec.identity.status_lists import HeldList, StatusLists
from picosec.identity.status_token import StatusToken
from picosec.registry import Problem
from picosec_conformance.faults import fault

_check, _entry, _believed = StatusLists._check_entry, StatusList.entry, StatusLists._believed


def _despite(requirement: str) -> None:
    """Let pass what one requirement refuses."""

    def check(self: StatusLists, reference: StatusReference, now: float | None) -> None:
        try:
            _check(self, reference, now)
        except ProtocolError as error:
            if error.requirement != requirement:
                raise

    StatusLists._check_entry = check


@fault("IDN-230")
def looks_nobody_up() -> None:
    """Lists are taken, stored and shown to the auditor."""
    StatusLists.check = lambda self, cred, now: None


@fault("IDN-230")
def lets_the_suspended_in() -> None:
    """INVALID is invalid, and everything else is some state that means something to somebody."""

    def entry(self: StatusList, index: int) -> int | None:
        found = _entry(self, index)
        return found if found in (None, 1) else 0

    StatusList.entry = entry


@fault("IDN-230")
def looks_at_one_bit() -> None:
    """Entries are bits: what has two of them is looked up at half of its place."""
    StatusList.entry = lambda self, index: _entry(replace(self, bits=1), index)


@fault("IDN-230")
def judges_who_calls_and_not_whom_it_calls() -> None:
    """The server checks its clients. As a client it has a list in its memory and asks nobody."""
    original = peer.usable

    def usable(config: Any, role: Any, *rest: Any) -> Any:
        if role is peer.Role.INITIATOR:
            config = peer.EdhocConfig(config.vault, config.credentials, config.trusted, config.policy)
        return original(config, role, *rest)

    initiator.usable = usable


@fault("IDN-240")
def counts_from_the_other_end_of_a_byte() -> None:
    """The first entry is the most significant bits: everybody has his neighbour's status."""

    def entry(self: StatusList, index: int) -> int | None:
        per_byte = 8 // self.bits
        return _entry(self, index // per_byte * per_byte + per_byte - 1 - index % per_byte)

    StatusList.entry = entry


@fault("IDN-240")
def needs_a_fresh_list() -> None:
    """The hub is down, and nobody opens the door any more."""
    _with_grace(lambda grace: 0)


@fault("IDN-240")
def wants_the_time_for_every_list() -> None:
    """Without a clock no list can be young: a device that lost its battery lets nobody in."""

    def check(self: StatusLists, reference: StatusReference, now: float | None) -> None:
        if now is None:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-280")
        _check(self, reference, now)

    StatusLists._check_entry = check


@fault("IDN-240")
def demands_a_status_of_everybody() -> None:
    """A credential that nobody can take back is none."""
    original = status_lists.reference_in

    def reference_in(cred: bytes) -> StatusReference | None:
        return original(cred) or StatusReference(0, "none")

    status_lists.reference_in = reference_in


@fault("IDN-240")
def refuses_for_ever_whom_it_refused() -> None:
    """Revoked is revoked: a credential that was suspended by mistake is never given back."""
    refused: set[StatusReference] = set()

    def check(self: StatusLists, reference: StatusReference, now: float | None) -> None:
        if reference in refused:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-230")
        try:
            _check(self, reference, now)
        except ProtocolError as error:
            if error.requirement == "IDN-230":
                refused.add(reference)
            raise

    StatusLists._check_entry = check


@fault("IDN-250")
def takes_the_end_of_the_list_for_valid() -> None:
    """What is not in the list was not taken back."""
    _despite("IDN-250")


@fault("IDN-250")
def has_thirty_two_bits_for_a_place() -> None:
    """The place is cut to fit, and somebody else has that one."""
    StatusList.entry = lambda self, index: _entry(self, index & 0xFFFFFFFF)


@fault("IDN-250")
def counts_bits_in_sixty_four() -> None:
    """Place times size overflows, and comes out at a place near the beginning."""
    StatusList.entry = lambda self, index: _entry(self, (index * self.bits & (1 << 64) - 1) // self.bits)


@fault("IDN-260")
def believes_without_a_list() -> None:
    """No list, nobody in it: who keeps the list away is trusted."""
    _despite("IDN-260")


@fault("IDN-260")
def looks_in_whatever_list_there_is() -> None:
    """There is one list in the laboratory, and so nobody compares its name."""

    def believed(self: StatusLists, uri: str) -> HeldList | None:
        return _believed(self, uri) or next(iter(self._held.values()), None)

    StatusLists._believed = believed


@fault("IDN-260")
def believes_lists_of_keys_that_were_replaced() -> None:
    """It was verified once, and what became of the key since is another matter."""
    StatusLists._believed = lambda self, uri: self._held.get(uri)


@fault("IDN-270")
def passes_over_what_it_does_not_understand() -> None:
    """Another mechanism, so not ours: who issued it meant it to be taken back all the same."""
    original = status_lists.reference_in

    def reference_in(cred: bytes) -> StatusReference | None:
        try:
            return original(cred)
        except ProtocolError:
            return None

    status_lists.reference_in = reference_in


@fault("IDN-270")
def takes_the_mechanism_that_it_knows() -> None:
    """There are two in the claim, it knows one of them, and that one says valid."""
    original = status_lists.reference_in

    def reference_in(cred: bytes) -> StatusReference | None:
        other = b"\x6fidentifier_list\xa1\x62id\x41\x03"
        return original(cred.replace(b"\xa2\x6bstatus_list", b"\xa1\x6bstatus_list").replace(other, b""))

    status_lists.reference_in = reference_in


def _with_grace(grace: Any) -> None:
    def check(self: StatusLists, reference: StatusReference, now: float | None) -> None:
        before, self.grace = self.grace, grace(self.grace)
        try:
            _check(self, reference, now)
        finally:
            self.grace = before

    StatusLists._check_entry = check


@fault("IDN-1900")
def believes_ended_lists_for_its_grace() -> None:
    """Seven days are seven days, whatever the issuer promised to whom."""
    _despite("IDN-1900")


@fault("IDN-1900")
def looks_at_the_end_when_a_list_comes() -> None:
    """It had not ended when it was taken, and nobody reads it again."""
    original = StatusLists.judge
    StatusLists.judge = lambda self, data, now: replace(original(self, data, now), ends=None)


@fault("IDN-280")
def believes_lists_of_any_age() -> None:
    """Old news is no news: who keeps the lists away keeps his credential."""
    _with_grace(lambda grace: 1 << 70)


@fault("IDN-280")
def has_a_grace_of_its_own() -> None:
    """The policy says none, and seven days are built in."""
    _with_grace(lambda grace: max(grace, status_lists.GRACE))


@fault("IDN-280")
def counts_from_when_a_list_came() -> None:
    """A list is as old as the file is: who brings it again makes it young."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        judged = original(self, data, now)
        return judged if now is None else replace(judged, fresh_until=int(now) + 100)

    StatusLists.judge = judge


@fault("IDN-280")
def goes_by_the_later_of_two_ends() -> None:
    """The issuer wants a new list after an hour; the device has a day, since that is when it ends."""

    def fresh_until(self: StatusToken) -> int:
        lives = self.issued + (self.ttl or 0)
        return lives if self.expires is None else max(self.expires, lives)

    StatusToken.fresh_until = property(fresh_until)
