"""The status lists that an endpoint holds: which it takes, and what they say of a credential.

spec/v1/identity-status.md. Bytes and the date come in; who owns the lists keeps them through a loss of power (IDN-220).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.errors import ProtocolError
from picosec.identity.status import VALID, StatusList, StatusReference, reference_in
from picosec.identity.status_token import StatusToken, decode_token, verify_token
from picosec.registry import Problem

#: Seconds by which an issuer's clock may be ahead (IDN-150).
MAX_AHEAD: Final = 300
#: Seconds for which a list is believed that is fresh no longer, unless a policy says otherwise (IDN-280).
GRACE: Final = 604_800


@dataclass(frozen=True, slots=True)
class StatusIssuer:
    """A key whose lists are believed, for the list that is named ``uri``."""

    kid: bytes
    key: PublicKey
    uri: str


@dataclass(frozen=True, slots=True)
class HeldList:
    """A list that was taken, or may be. ``said`` is the digest of its claims.

    ``ends`` is the last second in which it is believed at all, None where its issuer does not say.
    """

    issuer: StatusIssuer
    issued: int
    fresh_until: int
    said: bytes
    entries: StatusList
    ends: int | None = None

    def revokes(self, cred: bytes) -> bool:
        """Whether the status of a credential stands in this list, and is not VALID (IDN-290)."""
        reference = reference_in(cred)
        named = reference is not None and reference.uri == self.issuer.uri
        return reference is not None and named and self.entries.entry(reference.index) != VALID

    def row(self) -> list[Any]:
        """Return it as a CBOR value."""
        issuer, entries = self.issuer, self.entries
        key = [issuer.key.curve.value, issuer.key.x, issuer.key.y]
        packed = zlib.compress(entries.entries)
        return [issuer.uri, issuer.kid, key, self.issued, self.fresh_until, self.said, entries.bits, packed, self.ends]


def _held(
    uri: str,
    kid: bytes,
    key: list[Any],
    issued: int,
    fresh_until: int,
    said: bytes,
    bits: int,
    packed: bytes,
    ends: int | None = None,
) -> HeldList:
    curve, x, y = key
    issuer = StatusIssuer(kid, decode_public(Curve(curve), x, y or None), uri)
    return HeldList(issuer, issued, fresh_until, said, StatusList.unpack(bits, packed), ends)


class StatusLists:
    """Lists by name, the newest of each, and the issuers that are believed.

    There is one list for each name that an issuer was provisioned for, so strangers cannot fill the memory.
    """

    def __init__(self) -> None:
        self._issuers: dict[tuple[str, bytes], StatusIssuer] = {}
        self._held: dict[str, HeldList] = {}
        self.grace = GRACE
        self._keep: Callable[[], None] = lambda: None

    def admit(self, issuers: Iterable[StatusIssuer], grace: int | None = None) -> None:
        """Believe more issuers; a key of a known identifier for the same list takes the place of the one there was."""
        self._issuers |= {(issuer.uri, issuer.kid): issuer for issuer in issuers}
        self.grace = self.grace if grace is None else grace

    def judge(self, data: bytes, now: float | None) -> HeldList:
        """Return the list in a token; ``now`` is in seconds since 1970, ``None`` without a trusted clock.

        Nothing changes: :meth:`take` does that. Raises, for the first that applies, ``too_large``, ``malformed``,
        ``not_deterministic``, ``unsupported_algorithm``, ``unknown_credential``, ``authentication_failed``, ``stale``
        (IDN-100 to IDN-170), and ``malformed`` or ``too_large`` for its entries (IDN-180, IDN-190).
        """
        signed, token = decode_token(data)
        issuer = self._issuers.get((token.uri, token.kid))
        if issuer is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-130", "no issuer of this list")
        verify_token(signed, issuer.key)
        _check_time(token, now)
        said, held = sha256(signed.payload).digest(), self._believed(token.uri)
        if held is not None and held.said == said:
            return held
        if held is not None and token.issued <= held.issued:
            raise ProtocolError(Problem.STALE, "IDN-170", f"{held.issued - token.issued} s older than what is held")
        return HeldList(issuer, token.issued, token.fresh_until, said, token.entries(), token.expires)

    def take(self, judged: HeldList) -> None:
        """Hold a list, just judged, in place of the one there was."""
        self._held[judged.issuer.uri] = judged
        self._keep()

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Have a list that was taken stored by this, before anybody acts on it (IDN-220)."""
        self._keep = keep

    def remembered(self) -> list[Any]:
        """Return the lists, as CBOR values for :meth:`recall`."""
        return [each.row() for _uri, each in sorted(self._held.items())]

    def recall(self, rows: Iterable[Any]) -> None:
        """Hold again the lists of an earlier life; they are believed while their issuers are."""
        for row in rows:
            held = _held(*row)
            self._held[held.issuer.uri] = held

    def revokes(self, cred: bytes) -> bool:
        """Whether a list that is held says that a credential was taken back."""
        return any(held.revokes(cred) for held in self._held.values())

    def check(self, cred: bytes, now: float | None) -> None:
        """Judge the status of a credential that a peer shows; ``now`` as for :meth:`judge`.

        Raises ``bad_credential`` unless it has none (IDN-230, IDN-250, IDN-260, IDN-270, IDN-280, IDN-1900).
        """
        reference = reference_in(cred)
        if reference is not None:
            self._check_entry(reference, now)

    def _check_entry(self, reference: StatusReference, now: float | None) -> None:
        held = self._believed(reference.uri)
        if held is None:
            raise _refused("IDN-260", "no list")
        if now is not None and held.ends is not None and now > held.ends:
            raise _refused("IDN-1900", "the list has ended")
        if now is not None and now > held.fresh_until + self.grace:
            raise _refused("IDN-280", "the list is too old")
        entry = held.entries.entry(reference.index)
        if entry is None:
            raise _refused("IDN-250", "not in the list")
        if entry != VALID:
            raise _refused("IDN-230", f"entry {entry}")

    def _believed(self, uri: str) -> HeldList | None:
        """Return the list of a name, None unless the key that signed it is believed still (IDN-260)."""
        held = self._held.get(uri)
        issuer = None if held is None else self._issuers.get((uri, held.issuer.kid))
        if held is None or issuer is None or _name(issuer.key) != _name(held.issuer.key):
            return None
        return held

    def state(self) -> list[Any]:
        """Return issuers, grace and lists as a CBOR value for a digest."""
        issuers = sorted([uri, kid, _name(issuer.key)] for (uri, kid), issuer in self._issuers.items())
        held = sorted([uri, _name(each.issuer.key), each.said] for uri, each in self._held.items())
        return [issuers, self.grace, held]


def _check_time(token: StatusToken, now: float | None) -> None:
    if now is None:
        return
    if token.issued > now + MAX_AHEAD:
        raise ProtocolError(Problem.STALE, "IDN-150", f"issued {token.issued - now:.0f} s from now")
    if token.expires is not None and now > token.expires:
        raise ProtocolError(Problem.STALE, "IDN-160", f"ended {now - token.expires:.0f} s ago")


def _name(key: PublicKey) -> bytes:
    return bytes([key.curve.value]) + key.x + key.y


def _refused(requirement: str, detail: str) -> ProtocolError:
    return ProtocolError(Problem.BAD_CREDENTIAL, requirement, f"status of the credential: {detail}")
