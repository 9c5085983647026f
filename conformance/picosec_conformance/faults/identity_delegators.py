"""Faults of whoever believes too much: delegators about others, peers without a limit, words that have ended."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

from picosec.channel import initiator, responder, store
from picosec.channel.credentials import Credential
from picosec.crypto.curves import Curve, PublicKey
from picosec.errors import ProtocolError
from picosec.identity import chain
from picosec.identity.chain import Anchor, Chain
from picosec.identity.chains import Chains
from picosec.identity.credential import is_credential
from picosec.identity.endorsements import Endorsements
from picosec.identity.scope import Scope
from picosec.messaging.coap import Message, Option
from picosec.objects.keys import SenderKey
from picosec.registry import Problem
from picosec.roles import credentials, objects, vouching
from picosec.roles.agent import Agent
from picosec.roles.credentials import Credentials
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Resource, Site
from picosec.roles.server import Server
from picosec_conformance.faults import fault


def _overlooking(requirement: str, check: Callable[..., None]) -> Callable[..., None]:
    """Return a check that lets pass what one requirement refuses."""

    def overlook(*judged: Any) -> None:
        try:
            check(*judged)
        except ProtocolError as error:
            if error.requirement != requirement:
                raise

    return overlook


@fault("IDN-2200")
def believes_delegators_about_identities() -> None:
    """The claim is signed, by whoever was allowed to sign."""
    chain.check_narrowing = _overlooking("IDN-2200", chain.check_narrowing)


@fault("IDN-2200")
def holds_identities_against_the_first_credential() -> None:
    """Somebody in between who has none hands on that of whoever let him in."""
    original = chain.check_narrowing

    def check(made: Chain, anchor: Anchor) -> None:
        _overlooking("IDN-2200", original)(made, anchor)
        said = {each.claims.identity for each in made.credentials}
        if not said <= {b"", made.credentials[0].claims.identity}:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-2200")

    chain.check_narrowing = check


@fault("IDN-2200")
def lets_identities_be_added() -> None:
    """Another identity is refused; where there was none, nothing is contradicted."""
    original = chain.check_narrowing

    def check(made: Chain, anchor: Anchor) -> None:
        _overlooking("IDN-2200", original)(made, anchor)
        said = [each.claims.identity for each in made.credentials]
        if any(before and after not in (b"", before) for before, after in pairwise(said)):
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-2200")

    chain.check_narrowing = check


@fault("IDN-2210")
def lets_applications_leave_their_code() -> None:
    """The code is that of the application, and whom it lets in is none."""
    chain.check_narrowing = _overlooking("IDN-2210", chain.check_narrowing)


@fault("IDN-2210")
def compares_the_code_of_applications_alone() -> None:
    """Who follows an application and is one has its code; a person has none."""
    original = chain.check_narrowing

    def check(made: Chain, anchor: Anchor) -> None:
        _overlooking("IDN-2210", original)(made, anchor)
        if len({each.claims.code for each in made.credentials} - {b""}) > 1:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-2210")

    chain.check_narrowing = check


@fault("IDN-2220")
def takes_its_own_credentials_from_anybody_in_the_zone() -> None:
    """A chain is a chain, and ends with the right key."""
    credentials._holds = lambda keys, key: True


@fault("IDN-2220")
def knows_who_was_in_between_by_his_name() -> None:
    """The same kid is the same delegator."""
    original = credentials._check_renewal

    def check(before: Chain, after: Chain) -> None:
        names = {each.claims.holder.kid for each in before.credentials}
        between = all(each.claims.holder.kid in names for each in after.credentials[:-1])
        (_overlooking("IDN-2220", original) if between else original)(before, after)

    credentials._check_renewal = check


@fault("IDN-2220")
def goes_over_to_another_zone() -> None:
    """An anchor that is believed signed it."""
    original = credentials._check_renewal

    def check(before: Chain, after: Chain) -> None:
        other = before.last.claims.zone != after.last.claims.zone
        (_overlooking("IDN-2220", original) if other else original)(before, after)

    credentials._check_renewal = check


@fault("IDN-1600")
def takes_its_own_credentials_from_every_guest() -> None:
    """They prove themselves, and so it does not matter who brings them."""
    original = Credentials.own_resource

    def own_resource(self: Credentials) -> Resource:
        made = original(self)
        return Resource(made.handlers, Access.PEER, takes=made.takes, attributes=made.attributes)

    Credentials.own_resource = own_resource


@fault("IDN-2230")
def goes_by_the_credential_that_came_last() -> None:
    """The newest chain of a key says what the key may do."""
    original = objects.together

    def together(scopes: Any) -> Scope | None:
        every = list(scopes)
        return original(every[-1:])

    objects.together = together


@fault("IDN-2230")
def goes_by_what_all_credentials_grant() -> None:
    """What one credential does not grant is not granted."""
    original = objects.together

    def together(scopes: Any) -> Scope | None:
        every = list(scopes)
        if None in every or not every:
            return original(every)
        common = dict(every[0].methods)
        for each in every[1:]:
            common = {path: bits & each.methods.get(path, 0) for path, bits in common.items()}
        return Scope(common)

    objects.together = together


@fault("IDN-2230")
def tells_keys_by_one_coordinate_and_takes_the_last() -> None:
    """Half a point is 32 bytes, and nobody finds another key with the same."""

    def is_of(made: Chain, sender: SenderKey) -> bool:
        return made.holder.key.x == sender.key.x and made.last.claims.purpose is sender.purpose

    vouching._is_of = is_of
    goes_by_the_credential_that_came_last()


@fault("IDN-2240")
def reads_scopes_of_zones_alone() -> None:
    """A scope is of the chapter on zones, and whoever has none was let in without one."""
    original = Keyring.granted
    Keyring.granted = lambda self, cred: original(self, cred) if is_credential(cred) else None


@fault("IDN-2240")
def grants_everything_that_it_does_not_understand() -> None:
    """A scope in another language is a text for people."""
    original = Keyring.granted

    def granted(self: Keyring, cred: bytes) -> Scope | None:
        scope = original(self, cred)
        return None if scope == Scope({}) else scope

    Keyring.granted = granted


@fault("IDN-2250")
def lets_channels_outlive_words() -> None:
    """A word is needed to come in, and who is in is in."""
    Endorsements.ended = lambda self, identity, now: False


@fault("IDN-2250")
def looks_for_ended_words_now_and_then() -> None:
    """A timer ends what has ended, and until it rings a channel is a channel."""
    original = Agent.receive

    def receive(self: Agent, data: bytes, peer: Hashable, now: float) -> None:
        outlived, self.channels.outlived = self.channels.outlived, lambda cred, now: False
        try:
            original(self, data, peer, now)
        finally:
            self.channels.outlived = outlived

    Agent.receive = receive


@fault("IDN-2130")
def ends_channels_with_words_that_nobody_needs() -> None:
    """Somebody vouched for the peer, and does so no longer."""

    def ended(self: Endorsements, identity: bytes, now: float | None) -> bool:
        held = (each for (_kid, about), each in self._held.items() if about == identity)
        return now is not None and any(now > each.said.expires for each in held)

    Endorsements.ended = ended
    Endorsements.ended_meanwhile = lambda self, now: True


@fault("IDN-2130")
def remembers_the_first_word_of_each_endorser() -> None:
    """A channel lasts as long as the word that opened it, whatever was said since."""
    original = Endorsements.ended
    ends: dict[bytes, int] = {}

    def ended(self: Endorsements, identity: bytes, now: float | None) -> bool:
        for (_kid, about), each in self._held.items():
            ends[about] = min(ends.get(about, each.said.expires), each.said.expires)
        late = now is not None and bool(self.required) and now > ends.get(identity, now)
        return late or original(self, identity, now)

    Endorsements.ended = ended
    Endorsements.ended_meanwhile = lambda self, now: True


@fault("IDN-1600")
def grants_what_comes_with_message_3() -> None:
    """Who asks before he is known to be a guest is none yet."""
    original, admit = Server._answer, Site.admit

    def answer(self: Server, message: Message, answering: Any, now: float) -> Any:
        first = answering.exchange.request.option(Option.EDHOC) is not None
        Site.admit = (lambda site, request: admit(site, replace(request, grant=None))) if first else admit
        try:
            return original(self, message, answering, now)
        finally:
            Site.admit = admit

    Server._answer = answer


@fault("IDN-920")
def notices_ends_when_it_has_nothing_else_to_do() -> None:
    """A timer ends channels, and a request over one that has ended is refused; what goes out is not looked at."""
    original = Agent.receive

    def receive(self: Agent, data: bytes, peer: Hashable, now: float) -> None:
        lapse, self._upkeep.lapse = self._upkeep.lapse, lambda now: None
        try:
            original(self, data, peer, now)
        finally:
            self._upkeep.lapse = lapse

    Agent.receive = receive


@fault("IDN-870")
def knows_chains_by_what_they_say() -> None:
    """Two chains that say the same are one chain, whoever made the signatures look different."""

    def use(self: Chains, encoded: bytes, made: Chain, anchor: Anchor) -> None:
        said = b"".join(each.signed.payload for each in made.credentials)
        self._held.pop(said, None)
        self._held[said] = (made, anchor)

    Chains._use = use


def _counting(as_what: Callable[[Chain], bytes]) -> None:
    original = vouching._peer
    vouching._peer = lambda made: replace(original(made), party=as_what(made))


@fault("IDN-2260")
def counts_every_credential_for_itself() -> None:
    """Another credential is another peer."""
    _counting(lambda made: b"")


@fault("IDN-2260")
def counts_every_key_for_itself() -> None:
    """A peer is a key, and whoever let it in is another."""
    _counting(lambda made: made.holder.key.x)


@fault("IDN-2260")
def counts_by_who_let_somebody_in() -> None:
    """Who is let in by Bob counts as Bob, and Bob as whoever let him in."""
    _counting(lambda made: made.credentials[max(0, len(made.credentials) - 2)].claims.holder.key.x)


@fault("IDN-2260")
def counts_parties_by_name() -> None:
    """The kid of the first credential is who it is."""
    _counting(lambda made: made.credentials[0].claims.holder.kid)


@fault("IDN-2260")
def counts_all_members_as_one() -> None:
    """They are all of the zone."""
    _counting(lambda made: made.last.claims.zone)


@fault("IDN-2270")
def gives_every_key_an_allowance() -> None:
    """A peer is a key, and has what a peer gets."""
    original = Keyring.holder
    Keyring.holder = lambda self, peer: original(self, replace(peer, party=b""))


@fault("IDN-2270")
def counts_all_that_a_zone_let_in_as_one() -> None:
    """They came by the same anchor."""
    original = Keyring.holder
    Keyring.holder = lambda self, peer: original(self, replace(peer, party=b"zone" if peer.party else b""))


@fault("IDN-1360")
def forgets_who_is_who_when_it_sleeps() -> None:
    """The key of a peer served the handshake; nothing needs it afterwards."""
    nobody = PublicKey(Curve.P256, b"", b"", None)
    store._read = lambda cred: Credential(cred, nobody)


@fault("IDN-1610")
def lets_grants_outlive_their_credentials() -> None:
    """One credential of the key is good, so that the key is; what the others grant is remembered."""
    original = vouching.Vouching.credentials

    def every(self: vouching.Vouching, sender: SenderKey, now: float | None) -> tuple[bytes, ...]:
        good = original(self, sender, now)
        held = tuple(each.last.cwt for each in self._chains if vouching._is_of(each, sender))
        return (*good, *held)

    vouching.Vouching.credentials = every


@fault("CHN-370")
def gives_up_at_a_key_that_agrees_on_nothing() -> None:
    """A wrong proof is no reason to stop, and a broken key is."""

    def first_proven(peers: Any, check: Callable[[Any], Any]) -> Any:
        for peer in peers[:-1]:
            try:
                return check(peer)
            except ProtocolError as error:
                if error.problem is not Problem.AUTHENTICATION_FAILED:
                    raise
        return check(peers[-1])

    for module in (initiator, responder):
        module.first_proven = first_proven


@fault("IDN-870")
def refuses_whoever_shares_his_name() -> None:
    """Two keys of one name are an attack, and neither of them is believed."""

    def first_proven(peers: Any, check: Callable[[Any], Any]) -> Any:
        with suppress(IndexError):
            assert peers[1]
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-870")
        return check(peers[0])

    for module in (initiator, responder):
        module.first_proven = first_proven
