"""Faults of whoever follows the history of an identity: what it makes of two that contradict each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from picosec.errors import ProtocolError
from picosec.identity import history
from picosec.identity.history import Forked, History, Known
from picosec.messaging import cbor
from picosec.registry import Problem
from picosec_conformance.faults import fault


@fault("IDN-400")
def believes_the_longest_history() -> None:
    """As chains of blocks do: whoever signs more often is right."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        try:
            return original(self, found)
        except ProtocolError as error:
            if error.requirement != "IDN-400" or len(found.statements) <= len(self.seen):
                raise
            return Known(self.identifier, found.names, found.key)

    Known.follow = follow


@fault("IDN-400")
def takes_a_fork_for_an_old_history() -> None:
    """It is shorter than what is known, and nothing else is looked at."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        if len(found.statements) < len(self.seen) and self.forked is None and not found.recovered:
            raise ProtocolError(Problem.STALE, "IDN-410", "")
        return original(self, found)

    Known.follow = follow


@fault("IDN-400")
def freezes_at_anybodys_word() -> None:
    """The names differ, which is seen sooner than who signed."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        common = history._common(self.seen, found.names)
        if common < min(len(self.seen), len(found.statements)):
            raise Forked(common)
        return original(self, found)

    Known.follow = follow


@fault("IDN-400")
def names_statements_with_their_signatures() -> None:
    """The hash of all there is: with a twin of a signature, a stranger makes a fork."""

    def names(self: History) -> tuple[bytes, ...]:
        first, *rest = self.statements
        further = (sha256(cbor.dumps(each.item())).digest() for each in rest)
        return (first.statement.name, *further)

    History.names = property(names)


@fault("IDN-440")
def treats_owner_and_thief_alike() -> None:
    """Two histories are two histories, whoever speaks in them: the thief who came first has stopped the owner."""

    def compare(self: Known, found: History, common: int) -> None:
        raise ProtocolError(Problem.FORKED, "IDN-430", "") if self.forked is not None else Forked(common)

    Known._compare = compare


@fault("IDN-440")
def outranks_by_the_first_statement_alone() -> None:
    """Only where the histories part is looked at, and the owner had rotated once before he knew."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        if self.forked is None and not history.is_emergency(found, common):
            raise Forked(common)
        original(self, found, common)

    Known._compare = compare


@fault("IDN-450")
def lets_an_old_key_freeze_what_was_recovered() -> None:
    """The owner has spoken, and the thief with the old key as well: that is two, and neither is believed."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        try:
            original(self, found, common)
        except ProtocolError as error:
            if error.requirement == "IDN-450":
                raise Forked(common) from error
            raise

    Known._compare = compare


@fault("IDN-430")
def lets_any_emergency_end_a_fork() -> None:
    """An emergency is the last word, also when it is the second one of that key."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        if self.forked is None or not found.recovered:
            original(self, found, common)

    Known._compare = compare


@fault("IDN-430")
def lets_nobody_end_a_fork() -> None:
    """Frozen is frozen: the owner walks from lamp to lamp."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        if self.forked is not None:
            raise ProtocolError(Problem.FORKED, "IDN-430", "")
        original(self, found, common)

    Known._compare = compare


@fault("IDN-410")
def goes_back_with_an_old_history() -> None:
    """It verifies, and so it is believed: the stolen key is good again."""
    _take_old_news(lambda known, found: Known(known.identifier, found.names, found.key))


@fault("IDN-410")
def takes_old_news_in_silence() -> None:
    """Nothing changes, and nobody learns that what he brought is old."""
    _take_old_news(lambda known, found: known)


def _take_old_news(known_then: Callable[[Known, History], Known]) -> None:
    """Let something else than a refusal come of a history that ends before what was seen."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        try:
            return original(self, found)
        except ProtocolError as error:
            if error.requirement != "IDN-410":
                raise
            return known_then(self, found)

    Known.follow = follow


@fault("IDN-420")
def believes_the_good_half() -> None:
    """It believes statement by statement, and stops where one does not verify."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        try:
            return original(self, found)
        except ProtocolError as error:
            if (
                error.problem is not Problem.AUTHENTICATION_FAILED
                or self.forked is not None
                or len(found.statements) == 1
            ):
                raise
            return self.follow(replace(found, statements=found.statements[:-1]))

    Known.follow = follow
