"""Judging evidence: whose it is, whether it answers the question, and whether its device is in an acceptable state
(spec/v1/identity-attestation.md, "Appraising evidence").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final

from picosec.crypto.curves import PublicKey
from picosec.errors import ProtocolError
from picosec.identity.claims import claims_of
from picosec.identity.evidence import Debug, Evidence, decode_evidence, verify_evidence
from picosec.registry import CLAIM_CODE, Problem

#: Seconds between the clocks of attester and verifier, in either direction (IDN-1250).
MAX_DIFFERENCE: Final = 300


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What of a device is acceptable. Unless something else is said: no debug port is open, any software runs, and if
    there is a sensor, nobody has tampered with it.

    ``software`` are the acceptable hashes of each piece, and then each of them runs and no other. With
    ``most_tampered`` there has to be a sensor.
    """

    least_debug: Debug = Debug.DISABLED
    software: Mapping[str, frozenset[bytes]] | None = None
    most_tampered: int | None = None

    def check(self, evidence: Evidence) -> None:
        """Raise ``bad_evidence`` for a state that is not acceptable (IDN-1260, IDN-1270, IDN-1280)."""
        if evidence.debug < self.least_debug:
            raise _bad("IDN-1260", f"debug ports are {evidence.debug.name.lower()}")
        self._check_software(evidence.software)
        if self.most_tampered is not None and evidence.tampered is None:
            raise _bad("IDN-1280", "nobody would notice when it is tampered with")
        if (evidence.tampered or 0) > (self.most_tampered or 0):
            raise _bad("IDN-1280", f"tampered with {evidence.tampered} times")

    def _check_software(self, runs: Mapping[str, bytes]) -> None:
        if self.software is None:
            return
        if runs.keys() != self.software.keys():
            raise _bad("IDN-1270", f"{', '.join(sorted(runs.keys() ^ self.software.keys()))} is missing, or too much")
        for name, each in runs.items():
            if each not in self.software[name]:
                raise _bad("IDN-1270", f"{name} is another one")


@dataclass(frozen=True, slots=True)
class KnownAttester:
    """A device whose evidence is believed: by which key, and what of it is acceptable."""

    kid: bytes
    key: PublicKey
    ueid: bytes
    appraisal: Appraisal = field(default_factory=Appraisal)


class Verifier:
    """Whom a verifier believes. Its keys serve for evidence and for nothing else (IDN-1160)."""

    def __init__(self) -> None:
        self._known: Mapping[bytes, KnownAttester] = {}

    def admit(self, attesters: Iterable[KnownAttester]) -> None:
        """Believe more devices; one of a known key identifier takes the place of the one there was."""
        self._known = {**self._known, **{each.kid: each for each in attesters}}

    def appraise(self, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Evidence:
        """Return evidence that is good: believed, meant as the answer to this question, and of an acceptable state.

        ``nonce`` is what the evidence has to have, ``now`` in seconds since 1970, None without a trusted clock, and
        ``code`` the hash of the code that the peer is said to be, if it is said. Raises as :func:`decode_evidence`,
        ``unknown_credential`` (IDN-1210), ``authentication_failed`` (IDN-1220), ``replayed`` (IDN-1230), ``stale``
        (IDN-1250), ``bad_evidence``.
        """
        signed, evidence = decode_evidence(data)
        known = self._known.get(evidence.kid)
        if known is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-1210", "nobody is believed by this key")
        verify_evidence(signed, known.key)
        if not compare_digest(evidence.nonce, nonce):
            raise ProtocolError(Problem.REPLAYED, "IDN-1230", "not for this channel, or not for this question")
        if evidence.ueid != known.ueid:
            raise _bad("IDN-1240", "of another device than the key")
        if now is not None and evidence.issued is not None and abs(evidence.issued - now) > MAX_DIFFERENCE:
            raise ProtocolError(Problem.STALE, "IDN-1250", f"issued {evidence.issued - now:.0f} s from now")
        known.appraisal.check(evidence)
        if code is not None and code not in evidence.software.values():
            raise _bad("IDN-1290", "the code of the application is not among what runs")
        return evidence

    def state(self) -> list[Any]:
        """Return who is believed, as a CBOR value for a digest."""
        return [[each.kid, each.key.x, each.ueid, *_said(each.appraisal)] for _kid, each in sorted(self._known.items())]


def code_of(cred: bytes) -> Any:
    """Return the hash of the code that a credential binds its holder to, None for one that binds to none.

    ``cred`` is CRED_x, as :func:`claims_of` takes it. What is no hash is returned too: nothing that runs has it.
    """
    return claims_of(cred).get(CLAIM_CODE)


def _said(appraisal: Appraisal) -> list[Any]:
    software = None
    if appraisal.software is not None:
        software = {name: sorted(hashes) for name, hashes in appraisal.software.items()}
    return [int(appraisal.least_debug), software, appraisal.most_tampered]


def _bad(requirement: str, detail: str) -> ProtocolError:
    return ProtocolError(Problem.BAD_EVIDENCE, requirement, detail)
