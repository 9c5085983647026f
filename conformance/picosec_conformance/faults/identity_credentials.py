"""Faults of whoever judges chains of credentials: what it reads, and whom it believes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity import chain, chains, credential, holder
from picosec.identity.chain import Anchor, Chain
from picosec.identity.chains import Chains
from picosec.identity.credential import Unread
from picosec.identity.holder import HolderKey
from picosec.objects.signed import Signed
from picosec.registry import Problem
from picosec_conformance.faults import fault

_signatures = chain.check_signatures


# -- form ----------------------------------------------------------------------------------------------------------


@fault("IDN-700")
def takes_chains_of_any_size() -> None:
    """Whoever sends a megabyte is read to its end."""
    chain.MAX_SIZE = 1 << 20


@fault("IDN-700")
def has_room_for_three_links() -> None:
    """Two kilobytes are enough for the chains of the laboratory."""
    chain.MAX_SIZE = 2048


def _reads_claims(label: int) -> None:
    """Believe whatever one claim is."""
    credential._FORMS[label] = lambda value: True


@fault("IDN-710")
def takes_zones_of_any_length() -> None:
    """A zone is a byte string, and one byte is a short name for it."""
    _reads_claims(credential.CLAIM_ZONE)


@fault("IDN-710")
def takes_members_attributes_of_any_form() -> None:
    """Attributes are for applications, and they will know."""
    _reads_claims(credential.CLAIM_ATTRIBUTES)


@fault("IDN-710")
def takes_any_depth() -> None:
    """Depth is a number, and the comparison later does the rest."""
    _reads_claims(credential.CLAIM_DEPTH)


@fault("IDN-710")
def passes_over_claims_of_members_that_it_does_not_know() -> None:
    """The next version will have more claims: what restricts a credential tomorrow is nothing today."""
    original = credential._check_form

    def check(claims: Any) -> None:
        known = {*credential._NEEDED, *credential._OPTIONAL}
        original({label: each for label, each in claims.items() if label in known} if type(claims) is dict else claims)

    credential._check_form = check


@fault("IDN-710")
def reads_headers_that_nobody_knows() -> None:
    """Only alg and kid are looked at: `crit` says what must be understood, and is not read."""
    original = credential.read_form

    def read_form(item: Any) -> Unread:
        header = credential._HEADER
        signed = Signed.read(item)
        credential._HEADER = {*signed.headers.entries}
        try:
            return original(item)
        finally:
            credential._HEADER = header

    chain.read_form = read_form


@fault("IDN-710")
def lets_users_be_bound_to_code() -> None:
    """The hash of the code is an attribute like others, and may be missing."""
    original = credential._check_form

    def check(claims: Any) -> None:
        try:
            original(claims)
        except ProtocolError as error:
            if "hash of its code" not in error.detail:
                raise

    credential._check_form = check


@fault("IDN-710")
def lets_keys_for_objects_have_depth() -> None:
    """What a key is for and how far it reaches are two claims, judged one by one."""
    original = credential._check_form

    def check(claims: Any) -> None:
        try:
            original(claims)
        except ProtocolError as error:
            if "a key for objects" not in error.detail:
                raise

    credential._check_form = check


@fault("IDN-710")
def reads_keys_with_more_members() -> None:
    """The members it needs are there; that a private key stands among the others goes by unseen."""
    original = holder.is_holder_key

    def is_holder_key(value: Any) -> bool:
        if type(value) is not dict:
            return False
        known = {label: each for label, each in value.items() if label in (1, 2, 3, -1, -2, -3)}
        return original(known)

    credential.is_holder_key = is_holder_key


@fault("IDN-710")
def takes_five_links() -> None:
    """The depth says how long a chain is, and nobody counts."""
    chain.MAX_LENGTH = 5


@fault("IDN-720")
def looks_at_algorithms_when_it_verifies() -> None:
    """An algorithm that nobody knows is a signature that does not verify."""
    Unread.check_algorithm = lambda self: None


@fault("IDN-720")
def looks_at_the_algorithm_of_the_last_link() -> None:
    """The others were verified by whoever signed the next one."""
    original = chain.read_chain

    def read_chain(data: bytes) -> Chain:
        check = Unread.check_algorithm
        seen: list[Unread] = []
        Unread.check_algorithm = lambda self: seen.append(self)
        try:
            made = original(data)
        finally:
            Unread.check_algorithm = check
        seen[-1].check_algorithm()
        return made

    chains.read_chain = read_chain


@fault("IDN-730")
def says_malformed_of_a_key_off_the_curve() -> None:
    """The decoder raised something, and something was wrong with the form."""
    original = credential.read_holder_key

    def read(value: dict[int, Any]) -> HolderKey:
        try:
            return original(value)
        except ProtocolError as error:
            raise ProtocolError(Problem.MALFORMED, "IDN-710", error.detail) from error

    credential.read_holder_key = read


# -- whom it believes ----------------------------------------------------------------------------------------------


@fault("IDN-740")
def takes_any_anchor_for_the_one_there_is() -> None:
    """There is one anchor in the laboratory, so the chain must be its."""
    original = Chains.check

    def check(self: Chains, made: Chain, now: float | None) -> None:
        anchors = self._anchors
        first = next(iter(anchors.values()), None)
        self._anchors = {made.signer: first, **anchors} if first is not None else anchors
        try:
            original(self, made, now)
        finally:
            self._anchors = anchors

    Chains.check = check


@fault("IDN-740")
def has_room_for_one_anchor() -> None:
    """A second anchor takes the place of the first, whatever its name."""

    def admit(self: Chains, anchors: Any) -> None:
        for anchor in anchors:
            self._anchors = {anchor.kid: anchor}

    Chains.admit = admit


@fault("IDN-750")
def verifies_the_first_link() -> None:
    """The anchor signed, and the rest is the matter of whom it trusts."""

    def check(made: Chain, anchor: Anchor) -> None:
        _signatures(Chain(made.credentials[:1]), anchor)

    chain.check_signatures = check


@fault("IDN-750")
def verifies_the_last_link() -> None:
    """Each holder verified his own when he got it, so the last signature is enough."""

    def check(made: Chain, anchor: Anchor) -> None:
        if len(made.credentials) == 1:
            _signatures(made, anchor)
            return
        before = made.credentials[-2].claims.holder
        _signatures(Chain(made.credentials[-1:]), Anchor(before.kid, before.key, anchor.zone))

    chain.check_signatures = check


@fault("IDN-750")
def lets_the_anchor_sign_anywhere() -> None:
    """What the anchor itself signed must be good, wherever it stands."""

    def check(made: Chain, anchor: Anchor) -> None:
        issuers = [anchor]
        for each in made.credentials:
            link = Chain((each,))
            try:
                _signatures(link, issuers[-1])
            except ProtocolError:
                _signatures(link, anchor)
            issuers.append(Anchor(each.claims.holder.kid, each.claims.holder.key, anchor.zone))

    chain.check_signatures = check


@fault("IDN-750")
def goes_by_keys_and_not_by_names() -> None:
    """The signature verifies; whom the header names is a comment."""

    def check(made: Chain, anchor: Anchor) -> None:
        names = [anchor.kid, *(each.claims.holder.kid for each in made.credentials)]
        named = [replace(each, signer=name) for each, name in zip(made.credentials, names, strict=False)]
        _signatures(Chain(tuple(named)), anchor)

    chain.check_signatures = check


@fault("IDN-750")
def lets_any_key_sign() -> None:
    """It is on a curve that signs, and what it was restricted to concerns handshakes."""
    HolderKey.signs = property(lambda self: True)


@fault("IDN-760")
def takes_the_zone_that_is_claimed() -> None:
    """The signature is good, so what it says of the zone must be."""
    chain.check_zone = lambda made, anchor: None


@fault("IDN-760")
def looks_at_the_zone_of_the_first_link() -> None:
    """A chain begins in a zone, and where it ends is not asked."""
    original = chain.check_zone
    chain.check_zone = lambda made, anchor: original(Chain(made.credentials[:1]), anchor)
