"""The endorsements that an endpoint holds, and which of them a peer has to have (spec/v1/identity-endorsements.md).

Who owns them keeps them through a loss of power (IDN-2090).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.errors import ProtocolError
from picosec.identity.chain import MAX_AHEAD
from picosec.identity.endorsement import Endorsement, decode_endorsement, read_claims
from picosec.identity.status_lists import HeldList, StatusLists
from picosec.identity.status_token import citing
from picosec.objects.headers import Label
from picosec.registry import Problem

#: Endorsements that are held; the one that was not used for the longest time makes room (IDN-2100).
MAX_HELD: Final = 32


@dataclass(frozen=True, slots=True)
class Endorser:
    """A third party whose word counts."""

    kid: bytes
    key: PublicKey


@dataclass(frozen=True, slots=True)
class HeldEndorsement:
    """An endorsement that was taken, or may be. ``claims`` are its claims as they were signed."""

    endorser: Endorser
    said: Endorsement
    claims: bytes

    @property
    def name(self) -> tuple[bytes, bytes]:
        """Who says it of whom: of these there is one, the newest."""
        return self.endorser.kid, self.said.identity

    def row(self) -> list[Any]:
        """Return it as a CBOR value."""
        key = self.endorser.key
        return [self.endorser.kid, [key.curve.value, key.x, key.y], self.claims]


def _held(kid: bytes, key: list[Any], claims: bytes) -> HeldEndorsement:
    curve, x, y = key
    endorser = Endorser(kid, decode_public(Curve(curve), x, y or None))
    return HeldEndorsement(endorser, read_claims(claims), claims)


class Endorsements:
    """What was said of whom, by whom, and whose word a peer needs.

    Each was verified when it was taken. Dates, status and endorser are judged at every use.
    """

    def __init__(self, status: StatusLists) -> None:
        self._status = status
        self._endorsers: dict[bytes, Endorser] = {}
        self._keep: Callable[[], None] = lambda: None
        #: The one used last stands last.
        self._held: dict[tuple[bytes, bytes], HeldEndorsement] = {}
        #: Key identifiers of those whose word every peer with an identity needs.
        self.required: tuple[bytes, ...] = ()
        #: Up to when it was noticed which of their words ended.
        self._asked = 0.0

    def admit(self, endorsers: Iterable[Endorser], required: Iterable[bytes] | None = None) -> None:
        """Believe more endorsers; one of a known identifier takes the place of the one there was.

        ``required`` are those whose word a peer needs from now on, None for the same as before.
        """
        self._endorsers |= {each.kid: each for each in endorsers}
        self.required = self.required if required is None else tuple(required)
        self._asked = 0.0

    def judge(self, data: bytes, now: float | None) -> HeldEndorsement:
        """Return the endorsement in bytes that were handed over; ``now`` is in seconds since 1970, None without a
        trusted clock.

        Nothing changes: :meth:`take` does that. Raises, for the first that applies, as :func:`decode_endorsement`,
        ``unknown_credential`` (IDN-2030), ``authentication_failed`` (IDN-2040), ``stale`` (IDN-2050, IDN-2060),
        ``bad_credential`` for one that was withdrawn (IDN-2070).
        """
        signed, said = decode_endorsement(data)
        endorser = self._endorsers.get(signed.headers.entries[Label.KID])
        if endorser is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-2030", "no endorser of this identifier")
        with citing("IDN-2040"):
            signed.verify(endorser.key)
        _check_dates(said, now)
        judged = HeldEndorsement(endorser, said, signed.payload)
        held = self._believed(judged.name)
        if held is not None and held.claims != judged.claims and said.issued <= held.said.issued:
            raise ProtocolError(Problem.STALE, "IDN-2060", "a newer one is held, or one of the same time")
        with citing("IDN-2070"):
            self._status.check(judged.claims, now)
        return judged

    def take(self, judged: HeldEndorsement) -> None:
        """Hold an endorsement, just judged, in place of the one there was."""
        self._use(judged)
        while len(self._held) > MAX_HELD:
            del self._held[next(iter(self._held))]
        self._keep()

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Have an endorsement that was taken stored by this (IDN-2090)."""
        self._keep = keep

    def remembered(self) -> list[Any]:
        """Return the endorsements, the one used last as the last, as CBOR values for :meth:`recall`."""
        return [each.row() for each in self._held.values()]

    def recall(self, rows: Iterable[Any]) -> None:
        """Hold again the endorsements of an earlier life; they count while their endorsers are believed."""
        for row in rows:
            self._use(_held(*row))

    def check(self, identity: bytes, now: float | None) -> None:
        """Judge whether a peer has what it needs; ``identity`` is empty for one that has none.

        Raises ``bad_credential`` when an endorsement is missing (IDN-2110), has ended or was withdrawn (IDN-2120).
        """
        found = []
        for kid in self.required:
            held = self._believed((kid, identity))
            if held is None:
                raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-2110", f"not endorsed by {kid.hex()}")
            if now is not None and now > held.said.expires:
                raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-2120", "an endorsement has ended")
            with citing("IDN-2120"):
                self._status.check(held.claims, now)
            found.append(held)
        for held in found:
            self._use(held)

    def ended(self, identity: bytes, now: float | None) -> bool:
        """Whether a word that a peer needs, and that is believed, has ended (IDN-2250)."""
        needed = (self._believed((kid, identity)) for kid in self.required)
        return now is not None and any(held is not None and now > held.said.expires for held in needed)

    def ended_meanwhile(self, now: float | None) -> bool:
        """Whether a word that peers need has ended since this was asked last."""
        if now is None or not self.required:
            return False
        since, self._asked = self._asked, now
        return any(since <= each.said.expires < now for (kid, _), each in self._held.items() if kid in self.required)

    def withdrawn(self, identity: bytes | None, taken: HeldList) -> bool:
        """Whether a list that was just taken withdraws what a peer needs (IDN-2140); one without identity needs
        nothing.
        """
        if identity is None:
            return False
        needed = (self._believed((kid, identity)) for kid in self.required)
        return any(held is not None and taken.revokes(held.claims) for held in needed)

    def _believed(self, name: tuple[bytes, bytes]) -> HeldEndorsement | None:
        """Return what an endorser says of an identity, None unless the key that signed it is believed still."""
        held = self._held.get(name)
        return held if held is not None and self._endorsers.get(name[0]) == held.endorser else None

    def _use(self, held: HeldEndorsement) -> None:
        self._held.pop(held.name, None)
        self._held[held.name] = held

    def state(self) -> list[Any]:
        """Return endorsers, requirements and what is held as a CBOR value for a digest."""
        endorsers = sorted([each.kid, each.key.x, each.key.y] for each in self._endorsers.values())
        held = sorted([kid, identity, each.claims] for (kid, identity), each in self._held.items())
        return [endorsers, list(self.required), held]


def _check_dates(said: Endorsement, now: float | None) -> None:
    if now is not None and not said.issued - MAX_AHEAD <= now <= said.expires:
        raise ProtocolError(Problem.STALE, "IDN-2050", "the endorsement does not hold now")
