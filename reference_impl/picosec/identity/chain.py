"""Chains of credentials: each is signed with the key of the one before, and says no more than that.

spec/v1/identity-credentials.md. A chain is judged without a network, from the key of its zone that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from picosec.crypto.curves import PublicKey
from picosec.errors import ProtocolError
from picosec.identity.credential import Claims, Credential, malformed, read_form
from picosec.identity.holder import HolderKey
from picosec.identity.scope import Scope
from picosec.identity.status_token import citing
from picosec.messaging import cbor
from picosec.registry import Problem

#: Bytes of the longest chain (IDN-700), and its credentials (IDN-710).
MAX_SIZE: Final = 4096
MAX_LENGTH: Final = 4
#: Seconds by which an issuer's clock may be ahead (IDN-810).
MAX_AHEAD: Final = 300


@dataclass(frozen=True, slots=True)
class Anchor:
    """A key whose credentials are believed, for one zone. ``scope`` is all that it may grant, None for everything."""

    kid: bytes
    key: PublicKey
    zone: bytes
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Credentials, at least one, the first from an anchor. :func:`read_chain` verifies none of them."""

    credentials: tuple[Credential, ...]

    @property
    def last(self) -> Credential:
        """The credential of whoever shows the chain."""
        return self.credentials[-1]

    @property
    def holder(self) -> HolderKey:
        """His key."""
        return self.last.claims.holder

    @property
    def signer(self) -> bytes:
        """The key identifier of the anchor."""
        return self.credentials[0].signer

    @property
    def cwts(self) -> tuple[bytes, ...]:
        """The credentials, each as an untagged CWT."""
        return tuple(each.cwt for each in self.credentials)

    def encode(self) -> bytes:
        """Return it as it is sent."""
        return cbor.dumps([each.signed.item() for each in self.credentials])

    def followed_by(self, credential: Credential) -> Chain:
        """Return the chain with one more credential."""
        return Chain((*self.credentials, credential))


def read_chain(data: bytes) -> Chain:
    """Return a chain, unverified.

    Raises ``too_large`` (IDN-700), ``malformed`` or ``not_deterministic`` (IDN-710), ``unsupported_algorithm``
    (IDN-720), ``bad_key`` (IDN-730).
    """
    if len(data) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "IDN-700", f"a chain of {len(data)} bytes")
    with citing("IDN-710"):
        items = cbor.loads(data)
    if type(items) is not list or not 0 < len(items) <= MAX_LENGTH:
        raise malformed(f"a chain is an array of 1 to {MAX_LENGTH} credentials")
    unread = [read_form(item) for item in items]
    for each in unread:
        each.check_algorithm()
    return Chain(tuple(each.read() for each in unread))


def verify_chain(chain: Chain, anchor: Anchor) -> None:
    """Judge a chain by the anchor that its first credential names: signatures first, then what it says.

    Raises ``authentication_failed`` (IDN-750), and ``bad_credential`` for another zone (IDN-760), too many
    credentials (IDN-770), or one that says more than the one before (IDN-780 to IDN-800, IDN-2200, IDN-2210).
    """
    check_signatures(chain, anchor)
    check_zone(chain, anchor)
    check_narrowing(chain, anchor)


def check_signatures(chain: Chain, anchor: Anchor) -> None:
    """Raise ``authentication_failed`` unless the anchor signed the first credential, and the holder of each the next
    (IDN-750).
    """
    issuer = HolderKey(anchor.kid, anchor.key)
    for credential in chain.credentials:
        if credential.signer != issuer.kid or not issuer.signs:
            raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-750", "not signed with the key before")
        with citing("IDN-750"):
            credential.signed.verify(issuer.key)
        issuer = credential.claims.holder


def check_zone(chain: Chain, anchor: Anchor) -> None:
    """Raise ``bad_credential`` for a credential of another zone than the anchor's (IDN-760)."""
    if any(each.claims.zone != anchor.zone for each in chain.credentials):
        raise _refused("IDN-760", "of another zone than its anchor")


def check_narrowing(chain: Chain, anchor: Anchor) -> None:
    """Raise ``bad_credential`` for the first rule that a chain breaks: depth (IDN-770), lifetime (IDN-780), scope
    (IDN-790), role and attributes (IDN-800), identity (IDN-2200), code (IDN-2210).
    """
    links = [each.claims for each in chain.credentials]
    pairs = list(pairwise(links))
    if not all(before.depth > after.depth for before, after in pairs):
        raise _refused("IDN-770", "more credentials than may follow")
    if any(after.expires > before.expires or after.not_before < before.not_before for before, after in pairs):
        raise _refused("IDN-780", "valid at a time at which the one before is not")
    scopes = [anchor.scope, *(each.scope for each in links)]
    if not all(_grants(before, after) for before, after in pairwise(scopes)):
        raise _refused("IDN-790", "a scope beyond that of the one before")
    if not all(_describes(before, after) for before, after in pairs):
        raise _refused("IDN-800", "a role or an attribute that the one before does not have")
    if any(after.identity not in (b"", before.identity) for before, after in pairs):
        raise _refused("IDN-2200", "an identity that the one before does not have")
    if any(before.code and after.code != before.code for before, after in pairs):
        raise _refused("IDN-2210", "it follows an application, and is not of the same code")


def _grants(before: Scope | None, after: Scope | None) -> bool:
    return before is None or (after is not None and before.covers(after))


def _describes(before: Claims, after: Claims) -> bool:
    known = {name: cbor.dumps(value) for name, value in before.attributes.items()}  # in Python, true equals 1
    same = all(known.get(name) == cbor.dumps(value) for name, value in after.attributes.items())
    return same and after.role in ("", before.role)


def check_dates(chain: Chain, now: float | None) -> None:
    """Raise ``stale`` for a chain of which a credential has not begun, has ended or comes from the future (IDN-810).

    ``now`` is in seconds since 1970; without it, nobody can tell.
    """
    for claims in (each.claims for each in chain.credentials):
        if now is not None and not max(claims.not_before, claims.issued - MAX_AHEAD) <= now <= claims.expires:
            raise ProtocolError(Problem.STALE, "IDN-810", "a credential does not hold now")


def _refused(requirement: str, detail: str) -> ProtocolError:
    return ProtocolError(Problem.BAD_CREDENTIAL, requirement, f"chain: {detail}")
