"""Faults of whoever lets peers in by the word of third parties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity.endorsements import Endorsements, HeldEndorsement
from picosec.identity.status_lists import HeldList
from picosec.registry import Problem
from picosec.roles.agent import Agent
from picosec.roles.keyring import Keyring
from picosec_conformance.faults import fault


@fault("IDN-2110")
def lets_in_whoever_nobody_spoke_of() -> None:
    """No bad word was said of him."""
    original = Endorsements.check

    def check(self: Endorsements, identity: bytes, now: float | None) -> None:
        if any(name[1] == identity for name in self._held):
            original(self, identity, now)

    Endorsements.check = check


@fault("IDN-2110")
def needs_one_word_of_any() -> None:
    """A list of endorsers is a list of alternatives."""
    original = Endorsements.check

    def check(self: Endorsements, identity: bytes, now: float | None) -> None:
        required = self.required
        try:
            for kid in required:
                self.required = (kid,)
                try:
                    original(self, identity, now)
                except ProtocolError:
                    continue
                return
        finally:
            self.required = required
        original(self, identity, now)

    Endorsements.check = check


@fault("IDN-2110")
def takes_the_word_of_any_endorser() -> None:
    """All of them were believed, so each is as good as another."""
    original = Endorsements._believed

    def believed(self: Endorsements, name: tuple[bytes, bytes]) -> HeldEndorsement | None:
        found = (original(self, (kid, name[1])) for kid in self._endorsers)
        return next((each for each in found if each is not None), None)

    Endorsements._believed = believed


@fault("IDN-2110")
def compares_the_end_of_identities() -> None:
    """Sixteen bytes are enough for anybody."""
    original = Endorsements._believed

    def believed(self: Endorsements, name: tuple[bytes, bytes]) -> HeldEndorsement | None:
        same = (each for each in self._held if each[0] == name[0] and each[1][16:] == name[1][16:])
        return next((original(self, each) for each in same), None)

    Endorsements._believed = believed


@fault("IDN-2110")
def believes_words_of_keys_that_were_replaced() -> None:
    """The signature was verified when the word came, and nothing about it has changed."""
    Endorsements._believed = lambda self, name: self._held.get(name)


@fault("IDN-2120")
def asks_for_the_end_when_a_word_comes() -> None:
    """It held when it was taken, so it is held."""
    original = Endorsements.check

    def check(self: Endorsements, identity: bytes, now: float | None) -> None:
        kept = self._held
        self._held = {name: replace(each, said=replace(each.said, expires=2**64)) for name, each in kept.items()}
        try:
            original(self, identity, now)
        finally:
            self._held = kept

    Endorsements.check = check


@fault("IDN-2120")
def asks_for_the_list_when_a_word_comes() -> None:
    """It was not withdrawn when it was taken."""
    original = Endorsements.check

    def check(self: Endorsements, identity: bytes, now: float | None) -> None:
        try:
            original(self, identity, now)
        except ProtocolError as error:
            if "status" not in error.detail:
                raise

    Endorsements.check = check


@fault("IDN-2120")
def ends_words_a_day_late() -> None:
    """Everybody deserves a day of grace."""
    original = Endorsements.check

    def check(self: Endorsements, identity: bytes, now: float | None) -> None:
        original(self, identity, None if now is None else now - 86_400)

    Endorsements.check = check


@fault("IDN-2130")
def needs_the_word_of_all_it_knows() -> None:
    """An endorser that was introduced wants to be asked."""
    original = Endorsements.check

    def check(self: Endorsements, identity: bytes, now: float | None) -> None:
        required, self.required = self.required, tuple(self._endorsers)
        try:
            original(self, identity, now)
        finally:
            self.required = required

    Endorsements.check = check


@fault("IDN-2130")
def throws_out_whom_anybody_gave_up() -> None:
    """A word that was withdrawn is a warning."""

    def withdrawn(self: Endorsements, identity: bytes | None, taken: HeldList) -> bool:
        if identity is None:
            return False
        return any(name[1] == identity and taken.revokes(each.claims) for name, each in self._held.items())

    Endorsements.withdrawn = withdrawn


@fault("IDN-2130")
def asks_for_words_about_friends() -> None:
    """Everybody needs the word of the house, whoever introduced him."""
    original = Keyring.identity_of
    Keyring.identity_of = lambda self, cred: original(self, cred) or b""


@fault("IDN-2130")
def asks_about_the_key() -> None:
    """The word was about the one who had that key."""
    original = Keyring.follow

    def follow(self: Keyring, known: Any) -> bytes | None:
        if known.identifier in self.peers and self.peers[known.identifier].believed is not None:
            for name in [name for name in self.endorsements._held if name[1] == known.identifier]:
                del self.endorsements._held[name]
        return original(self, known)

    Keyring.follow = follow


@fault("IDN-2140")
def lets_channels_live_without_the_word() -> None:
    """Words are for doors, and whoever is inside is inside."""
    Agent.dismiss = lambda self, unwanted: None


@fault("IDN-2140")
def ends_channels_of_all_who_were_endorsed() -> None:
    """A new list of withdrawals: better everybody knocks again."""
    Endorsements.withdrawn = lambda self, identity, taken: identity is not None


@fault("IDN-2140")
def lets_channels_live_of_who_fell_off_the_list() -> None:
    """The entry is read as nothing, and nothing is no reason."""
    original = Endorsements.withdrawn

    def withdrawn(self: Endorsements, identity: bytes | None, taken: HeldList) -> bool:
        return len(taken.entries.entries) > 2 and original(self, identity, taken)

    Endorsements.withdrawn = withdrawn


@fault("IDN-2140")
def dismisses_before_it_verifies() -> None:
    """What a list withdraws is acted on when it is read, and verified after that."""
    from picosec.roles.status import Status

    original = Status._put

    def put(self: Any, request: Any) -> Any:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.problem in (Problem.AUTHENTICATION_FAILED, Problem.STALE):
                self._dismiss(lambda cred: self._keyring.identity_of(cred) is not None)
            raise

    Status._put = put
