"""Faults of whoever believes delegators too much: what they may say of others, and what they may do to them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

from picosec.channel import initiator, responder
from picosec.errors import ProtocolError
from picosec.identity import chain
from picosec.identity.chain import Anchor, Chain
from picosec.identity.scope import Scope
from picosec.objects.keys import SenderKey
from picosec.registry import Problem
from picosec.roles import credentials, objects, vouching
from picosec.roles.credentials import Credentials
from picosec.roles.resources import Access, Resource
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
