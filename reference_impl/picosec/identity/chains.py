"""The chains of credentials that an endpoint holds, and the anchors that it believes.

spec/v1/identity-credentials.md. Who owns them keeps them through a loss of power (IDN-860).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from picosec.crypto.curves import Curve, decode_public
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor, Chain, check_dates, read_chain, verify_chain
from picosec.identity.credential import read_credential
from picosec.identity.scope import decode_scope
from picosec.identity.status_lists import StatusLists
from picosec.registry import Problem

#: Chains that are held; the one that was not used for the longest time makes room (IDN-850).
MAX_HELD: Final = 16


class Chains:
    """What was presented, by whom it may be shown again with no more than a key identifier.

    Each was verified when it was taken. Dates, status and anchor are judged at every use.
    """

    def __init__(self, status: StatusLists) -> None:
        self._status = status
        self._anchors: dict[bytes, Anchor] = {}
        #: By encoding, with the anchor by which each was verified; the one used last stands last.
        self._held: dict[bytes, tuple[Chain, Anchor]] = {}
        self._keep: Callable[[], None] = lambda: None

    def admit(self, anchors: Iterable[Anchor]) -> None:
        """Believe more anchors; one of a known identifier takes the place of the one there was."""
        self._anchors |= {anchor.kid: anchor for anchor in anchors}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Chain]:
        return (chain for chain, _anchor in self._held.values())

    def judge(self, data: bytes, now: float | None) -> Chain:
        """Return a chain that is good; ``now`` is in seconds since 1970, ``None`` without a trusted clock.

        Nothing changes: :meth:`take` does that. Raises as :func:`read_chain` and :meth:`check` do.
        """
        chain = read_chain(data)
        self.check(chain, now)
        return chain

    def shown(self, cwt: bytes, now: float | None) -> Chain:
        """Return the chain of one that a lone credential is, if it is good. Raises as :meth:`judge` does."""
        chain = Chain((read_credential(cwt),))
        self.check(chain, now)
        return chain

    def check(self, chain: Chain, now: float | None) -> None:
        """Judge a chain that was read.

        Raises, for the first that applies, ``unknown_credential`` (IDN-740), as :func:`verify_chain` does, ``stale``
        (IDN-810), ``bad_credential`` for what was taken back (IDN-820).
        """
        anchor = self._anchors.get(chain.signer)
        if anchor is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-740", "no anchor of this identifier")
        verify_chain(chain, anchor)
        check_dates(chain, now)
        self.check_status(_revocable(chain), now)

    def check_status(self, cwts: Iterable[bytes], now: float | None) -> None:
        """Raise ``bad_credential`` if any of these credentials was taken back (IDN-820)."""
        for cwt in cwts:
            self._status.check(cwt, now)

    def take(self, chain: Chain) -> None:
        """Hold a chain, just judged. One that is held already only counts as used."""
        self._use(chain.encode(), chain, self._anchors[chain.signer])
        while len(self._held) > MAX_HELD:
            del self._held[next(iter(self._held))]
        self._keep()

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Have a chain that was taken stored by this (IDN-860)."""
        self._keep = keep

    def remembered(self) -> list[Any]:
        """Return the chains, the one used last as the last, as CBOR values for :meth:`recall`."""
        return [[encoded, _row(anchor)] for encoded, (_chain, anchor) in self._held.items()]

    def recall(self, rows: Iterable[Any]) -> None:
        """Hold again the chains of an earlier life; they are good while their anchors are believed."""
        for encoded, row in rows:
            self._held[encoded] = (read_chain(encoded), _anchor(*row))

    def named(self, kid: bytes, now: float | None) -> list[Chain]:
        """Return the chains that end with a key of this identifier and are good now, none if none is held.

        Raises what the last of the others raised when all of them are good no longer: ``stale`` or ``bad_credential``.
        """
        standing, refusal = [], None
        for encoded, (chain, anchor) in list(self._held.items()):
            if chain.holder.kid != kid:
                continue
            try:
                self._check_again(chain, anchor, now)
            except ProtocolError as error:
                refusal = error
                continue
            self._use(encoded, chain, anchor)
            standing.append(chain)
        if refusal is not None and not standing:
            raise refusal
        return standing

    def _check_again(self, chain: Chain, anchor: Anchor, now: float | None) -> None:
        """Judge what may have changed since a chain was taken."""
        known = self._anchors.get(anchor.kid)
        if known is None or _row(known) != _row(anchor):
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-890", "its anchor is believed no longer")
        check_dates(chain, now)
        self.check_status(_revocable(chain), now)

    def _use(self, encoded: bytes, chain: Chain, anchor: Anchor) -> None:
        self._held.pop(encoded, None)
        self._held[encoded] = (chain, anchor)

    def state(self) -> list[Any]:
        """Return anchors and chains as a CBOR value for a digest."""
        return [sorted(_row(anchor) for anchor in self._anchors.values()), sorted(self._held)]


def _anchor(kid: bytes, curve: bytes, x: bytes, y: bytes, zone: bytes, scope: bytes) -> Anchor:
    key = decode_public(Curve(curve[0]), x, y or None)
    return Anchor(kid, key, zone, decode_scope(scope, "IDN-740") if scope else None)


def _revocable(chain: Chain) -> list[bytes]:
    """Return the credentials that can be taken back."""
    return [each.cwt for each in chain.credentials if each.claims.status is not None]


def _row(anchor: Anchor) -> list[bytes]:
    """Return all that an anchor is."""
    key, scope = anchor.key, b"" if anchor.scope is None else anchor.scope.encode()
    return [anchor.kid, bytes([key.curve.value]), key.x, key.y, anchor.zone, scope]
