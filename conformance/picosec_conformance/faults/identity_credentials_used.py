"""Faults of whoever lets members of a zone in."""

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
from picosec.roles.agent import Agent
from picosec.roles.channel_table import ChannelTable
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
