"""What has to hold whatever the adversary does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Invariant(StrEnum):
    """A promise to whoever uses the protocol. The value names it in reports and scenarios."""

    ACTED_ONCE = "acted-once"
    AUTHENTIC = "authentic"
    AGREEMENT = "agreement"
    NO_DOWNGRADE = "no-downgrade"
    FRESH_NONCES = "fresh-nonces"
    SECRECY = "secrecy"
    BOUNDED = "bounded"
    ALIVE = "alive"
    RECOVERY = "recovery"
    UNIFORM_ERRORS = "uniform-errors"


#: Each invariant in a sentence.
TEXTS: dict[Invariant, str] = {
    Invariant.ACTED_ONCE: "no request is acted on twice",
    Invariant.AUTHENTIC: "nothing is accepted that the honest peer did not send",
    Invariant.AGREEMENT: "ends that complete agree on keys, identities, method, suite and transcript",
    Invariant.NO_DOWNGRADE: "no handshake completes with a suite behind the first that both ends have",
    Invariant.FRESH_NONCES: "no nonce and no ephemeral key is used twice",
    Invariant.SECRECY: "nothing that the protocol hides appears in the clear",
    Invariant.BOUNDED: "handshakes and channels are kept for honest peers only, and not for ever",
    Invariant.ALIVE: "the target answers a probe",
    Invariant.RECOVERY: "after the storm an honest exchange succeeds",
    Invariant.UNIFORM_ERRORS: "failures of authentication look alike",
}


class Broken(AssertionError):
    """An invariant does not hold, which is the target's fault. ``requirement`` is the rule that was broken."""

    def __init__(self, invariant: Invariant, requirement: str, detail: str) -> None:
        super().__init__(invariant, requirement, detail)
        self.invariant = invariant
        self.requirement = requirement
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.invariant} ({self.requirement}): {self.detail}"


@dataclass(slots=True)
class Tally:
    """What was done and looked at, over all examples and sweeps of a run."""

    acts: Counter[str] = field(default_factory=Counter)
    checks: Counter[Invariant] = field(default_factory=Counter)
    steps: int = 0

    @property
    def frames(self) -> int:
        """How many datagrams were handed over, or dropped."""
        return self.acts.total()

    def hold(self, invariant: Invariant, holds: bool, requirement: str, detail: str) -> None:
        """Count one look at an invariant. Raises ``Broken`` when it does not hold."""
        self.checks[invariant] += 1
        if not holds:
            raise Broken(invariant, requirement, detail)
