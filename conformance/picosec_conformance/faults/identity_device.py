"""Faults of devices that follow the identities of others, or have one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel.channels import Channel
from picosec.channel.credentials import Kind
from picosec.channel.life import Event as Happening
from picosec.channel.trust import TrustStore
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity import history, own
from picosec.identity.history import History, Known
from picosec.identity.keys import credential
from picosec.identity.own import OwnIdentity
from picosec.identity.statement import Statement, sign
from picosec.registry import Problem
from picosec.roles.events import ChannelEnd
from picosec.roles.identities import Identities
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Reply, Request
from picosec.roles.test_interface import TestBuild
from picosec.roles.upkeep import Upkeep
from picosec_conformance.faults import fault


@fault("IDN-340")
def trusts_identities_on_first_use() -> None:
    """An identity that was never heard of is new, and has to be somebody."""
    original = Identities._post

    def post(self: Identities, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.requirement != "IDN-340":
                raise
            identifier = history.read_history(request.payload).identifier
            self._keyring.follow(Known(identifier))
            return original(self, request)

    Identities._post = post


@fault("IDN-340")
def knows_identities_by_eight_bytes() -> None:
    """Messages name them so; with patience, an attacker finds an identity that begins in the same way."""
    original = Identities._post

    def post(self: Identities, request: Request) -> Reply:
        identifier = history.read_history(request.payload).identifier
        for known in list(self._keyring.peers.values()):
            if known.identifier[:8] == identifier[:8]:
                self._keyring.peers.setdefault(identifier, replace(known, identifier=identifier))
        return original(self, request)

    Identities._post = post


@fault("IDN-420")
def forgets_the_key_when_a_history_is_wrong() -> None:
    """It clears the place for the new key first; any stranger locks the holder out."""
    original = Identities._post

    def post(self: Identities, request: Request) -> Reply:
        identifier = history.read_history(request.payload).identifier
        known = self._keyring.peers.get(identifier)
        try:
            return original(self, request)
        except ProtocolError:
            if known is not None:
                self._keyring.follow(replace(known, key=None))
            raise

    Identities._post = post


@fault("IDN-430")
def forgets_that_an_identity_forked() -> None:
    """It refuses the second history, and goes on with the first: whoever came first is right."""
    Known.freeze = lambda self, place: self


@fault("IDN-430")
def believes_the_key_of_a_forked_identity() -> None:
    """No history is taken any more, and the last key is as good as ever."""
    Known.believed = property(lambda self: self.key)


@fault("IDN-500")
def rotates_without_the_old_key() -> None:
    """The new key signs, twice: whoever knew the old one has no reason to believe it."""
    _signing(lambda signers: (signers[-1],) * len(signers))


@fault("IDN-500")
def signs_in_another_order() -> None:
    """Both keys signed; which one first cannot matter."""
    _signing(lambda signers: tuple(reversed(signers)))


def _signing(order: Any) -> None:
    original = own.sign

    def other(said: Statement, vault: Vault, *handles: Handle) -> Any:
        return original(said, vault, *order(handles))

    own.sign = other
    own.check_signatures = lambda found, first=0: None


@fault("IDN-500")
def rotates_to_the_same_key() -> None:
    """A new statement every night, as the policy has it, and the same key in it."""
    original = OwnIdentity.rotate
    OwnIdentity.rotate = lambda self, vault, handle, issued: original(self, vault, self.handle, issued)


@fault("IDN-510")
def recovers_with_the_lost_key() -> None:
    """An emergency is a rotation to the key from the safe, which the old key has to sign."""

    def recover(self: OwnIdentity, vault: Vault, handle: Handle, committed: bytes, issued: int) -> OwnIdentity:
        made = original(self, vault, handle, committed, issued)
        *before, last = made.history.statements
        return replace(made, history=History((*before, sign(last.statement, vault, self.handle, handle))))

    original = OwnIdentity.recover
    OwnIdentity.recover = recover


@fault("IDN-510")
def commits_to_the_key_that_it_used() -> None:
    """The next emergency is far away, and the field has to hold something."""
    original = OwnIdentity.recover

    def recover(self: OwnIdentity, vault: Vault, handle: Handle, committed: bytes, issued: int) -> OwnIdentity:
        return original(self, vault, handle, self.history.statements[-1].statement.committed, issued)

    own.check_links = lambda found: None
    OwnIdentity.recover = recover


@fault("IDN-520")
def recovers_with_any_key() -> None:
    """Whoever stands before the device with a key is its owner."""
    own.check_signatures = lambda found, first=0: None


@fault("IDN-540")
def goes_on_when_the_history_is_full() -> None:
    """One more statement, which nobody will take."""
    own.MAX_STATEMENTS = 1 << 30


@fault("IDN-600")
def shows_its_history_over_channels_only() -> None:
    """Whoever has no channel has to know it already."""
    original = Identities.resource
    Identities.resource = lambda self: replace(original(self), access=Access.CHANNEL)


@fault("IDN-600")
def shows_its_last_statement_alone() -> None:
    """The rest is past; whoever knows the identifier alone can make nothing of it."""
    original = Identities._get

    def get(self: Identities, request: Request) -> Reply:
        reply = original(self, request)
        return replace(reply, payload=History(self._own().history.statements[-1:]).encode())

    Identities._get = get


@fault("IDN-600")
def shows_its_first_statement_for_ever() -> None:
    """It was put into the answer when the device was made."""
    original = Identities._get

    def get(self: Identities, request: Request) -> Reply:
        return replace(original(self, request), payload=History(self._own().history.statements[:1]).encode())

    Identities._get = get


@fault("IDN-610")
def takes_histories_and_follows_none() -> None:
    """It is written down, and nobody is authenticated by it."""
    original = Keyring.follow

    def follow(self: Keyring, known: Known) -> bytes | None:
        before, self.config = self.config, self._config(self.own, TrustStore(), self._policy)
        original(self, known)
        self.config = before
        return None

    Keyring.follow = follow


@fault("IDN-610")
def takes_histories_over_channels_only() -> None:
    """The news has to come from somebody who is known; the holder of the new key is not."""
    original = Identities._post

    def post(self: Identities, request: Request) -> Reply:
        if not request.protected:
            raise ProtocolError(Problem.UNPROTECTED, "IDN-610", "")
        return original(self, request)

    Identities._post = post


@fault("IDN-610")
def refuses_what_it_knows_already() -> None:
    """Three neighbours bring the news, and two are told that something is wrong."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        if found.names == self.seen and self.forked is None:
            raise ProtocolError(Problem.STALE, "IDN-410", "")
        return original(self, found)

    Known.follow = follow


@fault("IDN-620")
def believes_all_keys_that_there_were() -> None:
    """Each was proven once; the stolen one is among them."""
    TrustStore.forget = lambda self, credential: None


@fault("IDN-620")
def believes_the_key_from_the_safe_too_early() -> None:
    """Every key in a history is a key of its holder."""
    original = Keyring.follow

    def follow(self: Keyring, known: Known) -> bytes | None:
        former = original(self, known)
        _believe_others(self, known)
        return former

    post = Identities._post

    def noting(self: Identities, request: Request) -> Reply:
        found = history.read_history(request.payload)
        _KEYS[found.identifier] = [each.statement.key for each in found.statements]
        return post(self, request)

    Keyring.follow, Identities._post = follow, noting


_KEYS: dict[bytes, list[Any]] = {}


def _believe_others(keyring: Keyring, known: Known) -> None:
    for key in _KEYS.get(known.identifier, ()):
        keyring.config.trusted.add(Kind.KID, credential(known.identifier, key))


@fault("IDN-620")
def ends_handshakes_by_the_trust_of_their_beginning() -> None:
    """Each handshake has its copy of what was trusted when it began; the thief begins one before the theft is known."""
    original = Keyring.follow

    def follow(self: Keyring, known: Known) -> bytes | None:
        fresh = TrustStore()
        for row in self.trusted:
            fresh.add(row.kind, row.credential, row.kid)
        self.config = self._config(self.own, fresh, self._policy)
        former = _former(self, known)
        for each in self.peers.values():
            original(self, each)
        original(self, known)
        return former

    Keyring.follow, TrustStore.forgot = follow, lambda self, credential: False


def _former(keyring: Keyring, known: Known) -> bytes | None:
    before = keyring.peers.get(known.identifier)
    if before is None or before.believed is None:
        return None
    former = credential(before.identifier, before.believed)
    current = None if known.believed is None else credential(known.identifier, known.believed)
    return None if former == current else former


@fault("IDN-620")
def opens_the_channels_that_it_waits_for() -> None:
    """The peer proved itself a moment ago; what came in between is the matter of the next handshake."""
    TrustStore.forgot = lambda self, credential: False


@fault("IDN-630")
def keeps_the_channels_of_replaced_keys() -> None:
    """A channel has keys of its own; the thief keeps what he opened."""
    Identities._end_channels = lambda self, former: None


@fault("IDN-630")
def ends_all_channels_for_one_key() -> None:
    """Something changed: everybody shall begin anew."""

    Identities._end_channels = lambda self, former: self._revoke(lambda credential: True)


@fault("IDN-630")
def ends_channels_before_it_answers_over_them() -> None:
    """The holder brings the news over its own channel, and hears nothing."""

    def leave(self: Upkeep, channel: Channel, end: ChannelEnd) -> None:
        if end is ChannelEnd.REVOKED:
            self._channels.close(channel, Happening.CLOSE)
        else:
            self._leaving.append((channel, end))

    Upkeep.leave = leave


@fault("IDN-640")
def forgets_histories_without_power() -> None:
    """Trust is stored when it is given; what was seen since is not."""
    original = TestBuild._boot

    def boot(self: TestBuild) -> None:
        for identifier in self._keyring.peers:
            self._keyring.follow(Known(identifier))
        original(self)

    TestBuild._boot = boot


@fault("IDN-640")
def forgets_its_identity_without_power() -> None:
    """The factory's key is in the firmware, and nothing else is."""
    original = TestBuild._boot

    def boot(self: TestBuild) -> None:
        self._keyring.identity = None
        original(self)

    TestBuild._boot = boot


@fault("IDN-650")
def authenticates_by_the_key_that_it_had() -> None:
    """The handshake was set up when the device started."""
    original = Keyring.assume

    def assume(self: Keyring, identity: OwnIdentity) -> None:
        before = self.identity
        original(self, before or identity)
        self.identity = identity

    Keyring.assume = assume


@fault("IDN-650")
def keeps_its_old_keys() -> None:
    """Peers that know the old one only are served as before, and so is whoever stole it."""
    original = Keyring.assume

    def assume(self: Keyring, identity: OwnIdentity) -> None:
        own_before = self.config.credentials
        original(self, identity)
        former = own_before[len(self.own) :]
        self.own = (*former, *self.own)
        original(self, identity)

    Keyring.assume = assume
