"""Faults of recipients of chains: what may not grow, dates and status, and what is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity import chain, chains
from picosec.identity.chain import Anchor, Chain
from picosec.identity.chains import Chains
from picosec.identity.credential import Claims, Credential
from picosec.identity.scope import Scope
from picosec.registry import Problem
from picosec_conformance.faults import fault

_narrowing = chain.check_narrowing


# -- what may not grow ---------------------------------------------------------------------------------------------


def _before_narrowing(change: Any) -> None:
    """Let each pair of claims be judged as if they said something else: ``change`` gets claims and those before."""

    def check(made: Chain, anchor: Anchor) -> None:
        claims: list[Claims] = []
        for each in made.credentials:
            claims.append(change(each.claims, claims[-1] if claims else None))
        _narrowing(Chain(tuple(Credential(each, b"", made.last.signed) for each in claims)), anchor)

    chain.check_narrowing = check


@fault("IDN-770")
def counts_no_depth() -> None:
    """A chain has four links at most, and that is deep enough."""
    _before_narrowing(lambda claims, before: replace(claims, depth=9 if before is None else before.depth - 1))


@fault("IDN-770")
def lets_everybody_let_one_in() -> None:
    """A depth of none is read as a depth of one."""
    _before_narrowing(lambda claims, before: replace(claims, depth=2 * claims.depth + (before is None)))


@fault("IDN-770")
def lets_depth_be_handed_on() -> None:
    """A link may have the depth of the one before, as it may have its scope."""

    def keep(claims: Claims, before: Claims | None) -> Claims:
        if before is None:
            return replace(claims, depth=claims.depth * 10)
        same = before.depth > 0 and claims.depth * 10 in (before.depth, before.depth + 1)
        return replace(claims, depth=before.depth - 1 if same else claims.depth * 10)

    _before_narrowing(keep)


@fault("IDN-780")
def lets_links_outlive_the_one_before() -> None:
    """Each credential has its end, and is good until then."""
    _before_narrowing(lambda claims, before: replace(claims, expires=before.expires if before else claims.expires))


@fault("IDN-780")
def lets_links_begin_before() -> None:
    """The end counts; a beginning was yesterday in any case."""
    _before_narrowing(lambda claims, before: replace(claims, not_before=before.not_before if before else 0))


@fault("IDN-790")
def grants_what_each_link_says() -> None:
    """The last link says what its holder may do, and was signed."""
    _before_narrowing(lambda claims, before: replace(claims, scope=before.scope if before else claims.scope))


@fault("IDN-790")
def compares_paths_and_no_methods() -> None:
    """Who may read the lamp may switch it."""
    Scope.covers = lambda self, other: all(path in self.methods for path in other.methods)


@fault("IDN-790")
def grants_all_that_lies_below() -> None:
    """A path stands for everything that begins with it."""

    def covers(self: Scope, other: Scope) -> bool:
        return all(
            any(path.startswith(each) and bits & ~mine == 0 for each, mine in self.methods.items())
            for path, bits in other.methods.items()
        )

    Scope.covers = covers


@fault("IDN-790")
def takes_no_scope_for_no_claim() -> None:
    """Nothing is said, so nothing is claimed that could be too much."""
    chain._grants = lambda before, after: before is None or after is None or before.covers(after)


@fault("IDN-790")
def lets_anchors_grant_everything() -> None:
    """An anchor is an anchor: its scope is stored, and shown in the settings."""
    original = chain.check_narrowing
    chain.check_narrowing = lambda made, anchor: original(made, replace(anchor, scope=None))


@fault("IDN-790")
def holds_scopes_against_the_first_link() -> None:
    """What Ann has, all may have whom she let in, whatever stood between."""

    def check(made: Chain, anchor: Anchor) -> None:
        first = made.credentials[0].claims.scope
        for each in made.credentials:
            if not chain._grants(first, each.claims.scope):
                raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-790")
        scopes = [replace(each, claims=replace(each.claims, scope=first)) for each in made.credentials]
        _narrowing(Chain(tuple(scopes)), anchor)

    chain.check_narrowing = check


@fault("IDN-800")
def believes_roles_that_were_added() -> None:
    """Whoever lets somebody in may say what he is."""
    _before_narrowing(lambda claims, before: replace(claims, role=""))


@fault("IDN-800")
def lets_attributes_be_added() -> None:
    """Values that were there may not change; what was not there contradicts nothing."""

    def added(claims: Claims, before: Claims | None) -> Claims:
        known = before.attributes if before else claims.attributes
        return replace(claims, attributes={name: each for name, each in claims.attributes.items() if name in known})

    _before_narrowing(added)


@fault("IDN-800")
def takes_true_for_one_in_attributes() -> None:
    """In this language they are equal."""

    def describes(before: Claims, after: Claims) -> bool:
        same = all(before.attributes.get(name, "") == each for name, each in after.attributes.items())
        return same and set(after.attributes) <= set(before.attributes) and after.role in ("", before.role)

    chain._describes = describes


# -- dates and status ----------------------------------------------------------------------------------------------


@fault("IDN-810")
def takes_chains_that_have_ended() -> None:
    """Handshakes judge the dates, so nobody does when a chain is handed over."""
    chains.check_dates = lambda made, now: None


@fault("IDN-810")
def looks_at_the_dates_of_the_last_link() -> None:
    """It is the last one that is shown."""
    original = chains.check_dates
    chains.check_dates = lambda made, now: original(Chain(made.credentials[-1:]), now)


@fault("IDN-810")
def takes_credentials_of_next_year() -> None:
    """What was signed tomorrow is good today."""
    chain.MAX_AHEAD = 1 << 65


@fault("IDN-810")
def allows_anchors_no_second() -> None:
    """Every clock is right, or its owner's fault."""
    chain.MAX_AHEAD = 0


@fault("IDN-820")
def asks_for_no_status_of_chains() -> None:
    """Lists are for credentials that stand alone."""
    Chains.check_status = lambda self, cwts, now: None


@fault("IDN-820")
def asks_for_the_status_of_the_last_link() -> None:
    """Who let him in was taken back, and he was not."""
    chains._revocable = lambda made: [made.last.cwt] if made.last.claims.status is not None else []


# -- taking and holding --------------------------------------------------------------------------------------------


@fault("IDN-830")
def holds_what_it_has_read() -> None:
    """The chain is stored while it is judged, and a refusal is an answer like any other."""
    original = Chains.judge

    def judge(self: Chains, data: bytes, now: float | None) -> Chain:
        made = chain.read_chain(data)
        if made.signer in self._anchors:
            self.take(made)
        return original(self, data, now)

    Chains.judge = judge


@fault("IDN-840")
def refuses_a_chain_that_it_holds() -> None:
    """Twice the same is a repetition, and repetitions are attacks."""
    original = Chains.judge

    def judge(self: Chains, data: bytes, now: float | None) -> Chain:
        if data in self._held:
            raise ProtocolError(Problem.REPLAYED, "IDN-840")
        return original(self, data, now)

    Chains.judge = judge


@fault("IDN-850")
def lets_the_first_sixteen_in() -> None:
    """There is room for sixteen; whoever comes later is told that all is well."""
    original = Chains.take

    def take(self: Chains, made: Chain) -> None:
        if len(self._held) < chains.MAX_HELD or made.encode() in self._held:
            original(self, made)

    Chains.take = take


@fault("IDN-850")
def goes_by_who_came_first() -> None:
    """Use is not noted: whoever was here first is the first to go."""

    def use(self: Chains, encoded: bytes, made: Chain, anchor: Anchor) -> None:
        self._held.setdefault(encoded, (made, anchor))

    Chains._use = use


@fault("IDN-850")
def holds_chains_without_number() -> None:
    """Memory is cheap in the laboratory."""
    chains.MAX_HELD = 1 << 20
