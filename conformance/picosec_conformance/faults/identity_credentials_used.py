"""Faults of whoever lets members of a zone in, takes their objects, and has credentials of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from picosec.channel import store
from picosec.channel.credentials import Credential
from picosec.channel.trust import TrustStore
from picosec.errors import ProtocolError
from picosec.identity.chain import Chain
from picosec.identity.chains import Chains
from picosec.objects import inbox
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Purpose, SenderKey
from picosec.roles import credentials
from picosec.roles.agent import Agent
from picosec.roles.channel_table import ChannelTable
from picosec.roles.credentials import Credentials
from picosec.roles.keyring import Keyring, OwnChain
from picosec.roles.resources import Reply, Request
from picosec.roles.test_interface import TestBuild
from picosec.roles.vouching import Vouching
from picosec_conformance.faults import fault

_shown, _named, _peers = Vouching.shown, Vouching.named, Vouching._peers


# -- channels ------------------------------------------------------------------------------------------------------


@fault("IDN-860")
def forgets_chains_with_the_power() -> None:
    """What was handed over can be handed over again; a name that worked yesterday is unknown today."""
    original = TestBuild._boot

    def boot(self: TestBuild) -> None:
        self._keyring.chains._held.clear()
        original(self)

    TestBuild._boot = boot


@fault("IDN-870")
def knows_anchors_for_chains_alone() -> None:
    """A credential by value is looked up among the issuers of old."""
    Vouching.shown = lambda self, cwt, time: None


@fault("IDN-870")
def knows_no_names() -> None:
    """The chain is held, and nobody looks there when a name comes."""
    Vouching.named = lambda self, kid, time: ()


@fault("IDN-870")
def tries_one_holder_of_a_name() -> None:
    """A name is a name: who took it last is its owner, and the other stays outside."""
    Vouching.named = lambda self, kid, time: _named(self, kid, time)[-1:]


@fault("IDN-870")
def stops_at_the_peer_it_was_introduced_to() -> None:
    """A name that was provisioned is nobody else's."""
    original = TrustStore._vouched

    def vouched(self: TrustStore, id_cred: bytes, time: float | None, *, alone: bool) -> Sequence[Credential]:
        return original(self, id_cred, time, alone=alone) if alone else ()

    TrustStore._vouched = vouched


@fault("IDN-870")
def lets_nobody_in_without_a_date() -> None:
    """Who cannot tell whether a credential has ended refuses them all."""

    def shown(self: Vouching, cwt: bytes, time: float | None) -> Credential | None:
        return _shown(self, cwt, 1 << 62 if time is None else time)

    Vouching.shown = shown


@fault("IDN-880")
def verifies_what_it_is_shown_and_no_more() -> None:
    """The anchor signed it: what it says of zone and scope is not judged when it comes by value."""

    def shown(self: Chains, cwt: bytes, now: float | None) -> Chain:
        from picosec.identity.chain import check_signatures
        from picosec.identity.credential import read_credential

        made = Chain((read_credential(cwt),))
        anchor = self._anchors.get(made.signer)
        if anchor is None:
            return _chains_shown(self, cwt, now)
        check_signatures(made, anchor)
        return made

    Chains.shown = shown


_chains_shown = Chains.shown


@fault("IDN-880")
def asks_the_issuers_of_old_as_well() -> None:
    """The anchor would refuse it, and an issuer of that key takes every CWT."""

    def shown(self: Vouching, cwt: bytes, time: float | None) -> Credential | None:
        try:
            return _shown(self, cwt, time)
        except ProtocolError:
            return None

    Vouching.shown = shown


@fault("IDN-880")
def tells_what_was_wrong_with_a_credential() -> None:
    """The error of the chain is the error of the handshake: unknown, stale, or forged."""

    def shown(self: Vouching, cwt: bytes, time: float | None) -> Credential | None:
        try:
            return _shown(self, cwt, time)
        except ProtocolError as error:
            raise (error.__cause__ or error) from None

    Vouching.shown = shown


@fault("IDN-890")
def judges_a_chain_once() -> None:
    """It was verified when it was handed over."""
    Chains._check_again = lambda self, made, anchor, now: None


@fault("IDN-890")
def goes_by_the_date_of_the_handing_over() -> None:
    """Status is looked up again, because lists change; dates do not."""
    original = Chains._check_again
    Chains._check_again = lambda self, made, anchor, now: original(self, made, anchor, None)
    Credential.valid_at = lambda self, time: True


@fault("IDN-890")
def keeps_chains_of_anchors_that_are_gone() -> None:
    """The chain was good when the anchor was."""
    original = Chains._check_again

    def check(self: Chains, made: Chain, anchor: Any, now: float | None) -> None:
        before = self._anchors
        self._anchors = {**before, anchor.kid: anchor}
        try:
            original(self, made, anchor, now)
        finally:
            self._anchors = before

    Chains._check_again = check


@fault("IDN-890")
def lets_the_middle_of_a_chain_in() -> None:
    """All whose credentials it holds are known by name, whoever handed them over."""
    original = Chains.take

    def take(self: Chains, made: Chain) -> None:
        for length in range(1, len(made.credentials) + 1):
            original(self, Chain(made.credentials[:length]))

    Chains.take = take


@fault("IDN-900")
def opens_channels_with_any_key() -> None:
    """A member is a member, whatever his key is for."""
    original = Vouching._peers

    def peers(self: Vouching, made: Sequence[Chain]) -> Sequence[Credential]:
        return original(
            self,
            [
                Chain(
                    (
                        *each.credentials[:-1],
                        replace(each.last, claims=replace(each.last.claims, purpose=None)),
                    )
                )
                for each in made
            ],
        )

    Vouching._peers = peers


@fault("IDN-900")
def opens_channels_with_keys_for_objects_by_name() -> None:
    """By value it is judged; a name stands for a chain that was judged before."""

    def named(self: Vouching, kid: bytes, time: float | None) -> Sequence[Credential]:
        from picosec.roles.vouching import _peer

        return [_peer(made) for made in self._chains.named(kid, time)]

    Vouching.named = named


@fault("IDN-910")
def ends_channels_of_the_last_link_alone() -> None:
    """The list says nothing of the credential that the peer showed."""
    _without_issuers()


def _without_issuers() -> None:
    def peers(self: Vouching, made: Sequence[Chain]) -> Sequence[Credential]:
        return [replace(each, issuers=()) for each in _peers(self, made)]

    Vouching._peers = peers


@fault("IDN-910")
def looks_for_the_chain_that_it_holds() -> None:
    """What the channel rests on is looked up where chains are held, and may be gone from there."""
    original = Agent.revoke

    def revoke(self: Agent, taken_back: Any) -> None:
        held = {cwt: made.cwts for made in self._keyring.chains for cwt in made.cwts[-1:]}
        _forget_issuers(self)
        original(self, lambda cred: any(taken_back(each) for each in held.get(cred, (cred,))))

    Agent.revoke = revoke


def _forget_issuers(agent: Agent) -> None:
    for channel in agent.channels:
        if channel.session is not None:
            channel.session = replace(channel.session, peer=replace(channel.session.peer, issuers=()))


@fault("IDN-910")
def stores_the_credential_without_its_chain() -> None:
    """A channel that outlived the power knows its peer, and not who let him in."""
    original = store._session
    store._session = lambda *fields: original(*fields[:9])


@fault("IDN-910")
def opens_what_was_good_when_it_was_shown() -> None:
    """A handshake that goes on is not asked again."""
    Vouching.check = lambda self, peer, time: None


@fault("IDN-920")
def lets_channels_outlive_credentials() -> None:
    """The credential was good at the door, and nobody asks again."""

    def peers(self: Vouching, made: Sequence[Chain]) -> Sequence[Credential]:
        return [replace(each, ends=None) for each in _peers(self, made)]

    Vouching._peers = peers


@fault("IDN-920")
def ends_every_channel_with_a_date() -> None:
    """What says when it ends ends then, of whatever kind it is."""
    from picosec.roles import agent

    original = ChannelTable.keep

    def keep(self: ChannelTable, channel: Any, *rest: Any) -> Any:
        session = channel.session
        if session.peer.not_after is not None:
            channel.session = replace(session, peer=replace(session.peer, ends=int(session.peer.not_after)))
        return original(self, channel, *rest)

    agent.ChannelTable.keep = keep


@fault("IDN-920")
def gives_time_with_new_keys() -> None:
    """New keys, new time."""
    original = ChannelTable._succeed

    def succeed(self: ChannelTable, channel: Any, now: float) -> None:
        channel.session = replace(channel.session, peer=replace(channel.session.peer, ends=None))
        original(self, channel, now)

    ChannelTable._succeed = succeed


# -- objects -------------------------------------------------------------------------------------------------------


@fault("IDN-930")
def takes_objects_of_those_it_was_introduced_to() -> None:
    """Chains are for channels."""
    Vouching.senders = lambda self, kid, purpose: ()


@fault("IDN-930")
def tries_one_sender_of_a_name() -> None:
    """Who took the name last keeps its first owner out."""
    original = Vouching.senders
    Vouching.senders = lambda self, kid, purpose: original(self, kid, purpose)[-1:]


@fault("IDN-930")
def prefers_chains_to_introductions() -> None:
    """A member of the zone who calls himself as the hub is called signs for the hub."""
    original = Inbox._senders

    def senders(self: Inbox, statement: Any) -> Any:
        vouched = self.voucher.senders(statement.sender, statement.purpose) if self.voucher is not None else ()
        return vouched or original(self, statement)

    Inbox._senders = senders


@fault("IDN-930")
def counts_objects_by_name() -> None:
    """Two senders of one name share one memory of what was taken."""
    original = Inbox._signer

    def signer(self: Inbox, statement: Any) -> bytes:
        return statement.sender if statement.credentials else original(self, statement)

    Inbox._signer = signer


@fault("IDN-940")
def takes_any_object_of_a_member() -> None:
    """A key of an application signs what only the platform may."""

    def senders(self: Vouching, kid: bytes, purpose: Purpose) -> Sequence[SenderKey]:
        claims = [made.last.claims for made in self._chains if made.holder.kid == kid]
        return [SenderKey(kid, each.holder.key, purpose) for each in claims]

    def found(self: Vouching, sender: SenderKey, now: float | None) -> tuple[bytes, ...]:
        return tuple(made.last.cwt for made in self._chains.named(sender.kid, now))

    Vouching.senders, Vouching.credentials = senders, found


@fault("IDN-940")
def takes_objects_of_keys_for_channels() -> None:
    """A key without a purpose is for everything."""
    original = Vouching.senders

    def senders(self: Vouching, kid: bytes, purpose: Purpose) -> Sequence[SenderKey]:
        free = [made.holder for made in self._chains if made.holder.kid == kid and made.last.claims.purpose is None]
        return [SenderKey(kid, each.key, purpose) for each in free] or original(self, kid, purpose)

    def found(self: Vouching, sender: SenderKey, now: float | None) -> tuple[bytes, ...]:
        return tuple(made.last.cwt for made in self._chains.named(sender.kid, now))

    Vouching.senders, Vouching.credentials = senders, found


@fault("IDN-950")
def lets_senders_outlive_their_chains() -> None:
    """The key is known, and the signature verifies."""
    Vouching.credentials = lambda self, sender, now: (b"\xa0",)


@fault("IDN-950")
def judges_chains_before_signatures() -> None:
    """Whoever writes a name on an envelope learns what became of its owner's credential."""
    original = Vouching.senders
    dates: list[float | None] = [None]
    judge = Inbox.judge

    def judged(self: Inbox, data: bytes, now: float | None) -> Any:
        dates[0] = now
        return judge(self, data, now)

    def senders(self: Vouching, kid: bytes, purpose: Purpose) -> Sequence[SenderKey]:
        found = original(self, kid, purpose)
        for each in found:
            self.credentials(each, dates[0])
        return found

    Inbox.judge, Vouching.senders = judged, senders


@fault("IDN-960")
def remembers_strangers_without_number() -> None:
    """Each new key costs a few bytes, and there are many keys."""
    inbox.MAX_STRANGERS = 1 << 30


@fault("IDN-960")
def forgets_the_first_stranger() -> None:
    """When there is no room the oldest goes, and what he sent can be sent again."""
    original = Inbox.take

    def take(self: Inbox, statement: Any) -> None:
        if self._signer(statement) not in self._taken and len(self._taken) >= inbox.MAX_STRANGERS:
            del self._taken[next(iter(self._taken))]
        original(self, statement)

    Inbox._strangers = lambda self: 0
    Inbox.take = take


# -- its own -------------------------------------------------------------------------------------------------------


@fault("IDN-970")
def says_that_it_took_new_credentials() -> None:
    """They are judged, and 2.04 is said."""
    Keyring.present = _present_once


_present = Keyring.present


def _present_once(self: Keyring, own: OwnChain) -> None:
    if self.own_chain is None or self.own_chain.handle is not own.handle:
        _present(self, own)


@fault("IDN-970")
def shows_the_old_credential_and_holds_the_new() -> None:
    """What it authenticates with was made once, when it was given its key."""

    def present(self: Keyring, own: OwnChain) -> None:
        if self.own_chain is not None and self.own_chain.handle is own.handle:
            self.own_chain = own
        else:
            _present(self, own)

    Keyring.present = present


@fault("IDN-980")
def takes_credentials_of_anybody_for_its_own() -> None:
    """They are good credentials, and newer."""
    original = credentials._check_renewal

    def check(before: Chain, after: Chain) -> None:
        claims = replace(after.last.claims, holder=before.holder, purpose=before.last.claims.purpose)
        original(before, Chain((replace(after.last, claims=claims),)))

    credentials._check_renewal = check
    _present_whatever_key()


def _present_whatever_key() -> None:
    original = Keyring._presented

    def presented(self: Keyring, own: OwnChain) -> Any:
        try:
            return original(self, own)
        except ProtocolError:
            return None

    Keyring._presented = presented


@fault("IDN-980")
def compares_keys_by_their_names() -> None:
    """The same kid is the same key."""
    original = credentials._check_renewal

    def check(before: Chain, after: Chain) -> None:
        claims = after.last.claims
        if claims.holder.kid == before.holder.kid:
            claims = replace(claims, holder=before.holder)
        original(before, Chain((replace(after.last, claims=claims),)))

    credentials._check_renewal = check
    _present_whatever_key()


@fault("IDN-990")
def goes_back_to_old_credentials() -> None:
    """The last that came is the newest."""
    original = credentials._check_renewal

    def check(before: Chain, after: Chain) -> None:
        claims = replace(after.last.claims, issued=before.last.claims.issued + 1)
        original(before, Chain((replace(after.last, claims=claims),)))

    credentials._check_renewal = check


@fault("IDN-830")
def renews_before_it_judges() -> None:
    """The new chain is in place, and then it is looked at."""
    original = Credentials._put

    def put(self: Credentials, request: Request) -> Reply:
        from picosec.identity.chain import read_chain

        own = self._own("IDN-970", credentials.Problem.METHOD_NOT_ALLOWED)
        self._keyring.present(replace(own, chain=read_chain(request.payload)))
        self._keyring.own_chain = own
        return original(self, request)

    Credentials._put = put
