"""Faults of whoever takes objects by credentials, and of whoever renews credentials of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity.chain import Chain
from picosec.objects import inbox
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Purpose, SenderKey
from picosec.roles import credentials
from picosec.roles.credentials import Credentials
from picosec.roles.keyring import Keyring, OwnChain
from picosec.roles.resources import Reply, Request
from picosec.roles.vouching import Vouching
from picosec_conformance.faults import fault

_peers = Vouching._peers


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
