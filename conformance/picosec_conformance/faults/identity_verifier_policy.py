"""Faults of verifiers: which question evidence answers, whose it is, and what is acceptable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity import evidence, verifier
from picosec.identity.evidence import Evidence
from picosec.identity.verifier import Appraisal, Verifier
from picosec.objects.signed import Signed
from picosec.registry import Problem
from picosec.roles import attestation
from picosec_conformance.faults import fault


def _passing(*requirements: str) -> None:
    """Let evidence pass that one of these requirements forbids, and be judged no further."""
    original = Verifier.appraise

    def appraise(self: Verifier, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Any:
        try:
            return original(self, data, nonce, now, code)
        except ProtocolError as error:
            if error.requirement not in requirements:
                raise
            return None

    Verifier.appraise = appraise


def _reading(change: Callable[[Evidence], Evidence]) -> None:
    """Let a verifier read evidence in another way than it was signed."""
    original = verifier.decode_evidence

    def decode(data: bytes) -> tuple[Signed, Evidence]:
        signed, found = original(data)
        return signed, change(found)

    verifier.decode_evidence = decode


# -- which question it answers -------------------------------------------------------------------------------------


@fault("IDN-1230")
def takes_evidence_again() -> None:
    """It was good once, and its signature still is."""
    _reading(_as_asked)
    original = Verifier.appraise

    def appraise(self: Verifier, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Any:
        _NONCE[:] = [nonce]
        return original(self, data, nonce, now, code)

    Verifier.appraise = appraise


_NONCE: list[bytes] = []


def _as_asked(found: Evidence) -> Evidence:
    return replace(found, nonce=_NONCE[0])


@fault("IDN-1230")
def takes_the_bare_challenge_for_an_answer() -> None:
    """The channel is left out, at both ends, and everything works."""
    attestation.bound_nonce = lambda export, challenge, attester_id: challenge


@fault("IDN-1230")
def binds_questions_to_the_channel_alone() -> None:
    """The exporter is fresh for each channel; that has to be enough."""
    original = attestation.bound_nonce
    attestation.bound_nonce = lambda export, challenge, attester_id: original(export, b"", attester_id)


@fault("IDN-1230")
def takes_its_own_evidence_for_that_of_its_peer() -> None:
    """Question and answer over one channel; which end gave the answer is left out."""
    original = attestation.bound_nonce
    attestation.bound_nonce = lambda export, challenge, attester_id: original(export, challenge, b"")


@fault("IDN-1240")
def looks_for_no_name_of_the_device() -> None:
    """The key says who it is; that a whole batch has the same is the maker's affair."""
    _reading(lambda found: replace(found, ueid=_UEID[found.kid]) if found.kid in _UEID else found)
    original = Verifier.admit

    def admit(self: Verifier, attesters: Any) -> None:
        known = list(attesters)
        _UEID.update({each.kid: each.ueid for each in known})
        original(self, known)

    Verifier.admit = admit


_UEID: dict[bytes, bytes] = {}


@fault("IDN-1250")
def takes_evidence_of_any_time() -> None:
    """Its nonce is fresh."""
    verifier.MAX_DIFFERENCE = 1 << 62


@fault("IDN-1250")
def takes_evidence_from_the_past() -> None:
    """From the future it cannot be, and the past was once now."""
    _reading(lambda found: replace(found, issued=None) if (found.issued or 0) < 1_800_000_000 else found)


@fault("IDN-1250")
def wants_a_date_in_all_evidence() -> None:
    """Who cannot tell the time is not to be believed."""
    _reading(lambda found: replace(found, issued=found.issued or 0))


# -- whether its state is acceptable -------------------------------------------------------------------------------


@fault("IDN-1260")
def accepts_open_debug_ports() -> None:
    """Unless somebody said otherwise; nobody did."""
    original = Appraisal.check

    def check(self: Appraisal, found: Evidence) -> None:
        original(replace(self, least_debug=type(self.least_debug)(0)) if self.least_debug == 1 else self, found)

    Appraisal.check = check


@fault("IDN-1260")
def asks_for_no_more_than_closed_ports() -> None:
    """Disabled is disabled, for good or not."""
    original = Appraisal.check

    def check(self: Appraisal, found: Evidence) -> None:
        original(replace(self, least_debug=type(self.least_debug)(min(self.least_debug, 1))), found)

    Appraisal.check = check


@fault("IDN-1270")
def accepts_software_beside_what_it_knows() -> None:
    """Each piece that it was told of is there, and as it should be."""
    _weighing(lambda known, runs: all(runs.get(name) in hashes for name, hashes in known.items()))


@fault("IDN-1270")
def accepts_software_that_is_not_there() -> None:
    """What runs is good; what does not run can do no harm, and be no guard."""
    _weighing(lambda known, runs: all(each in known.get(name, ()) for name, each in runs.items()))


@fault("IDN-1270")
def knows_software_by_its_name() -> None:
    """The firmware is there, and so is the gate."""
    _weighing(lambda known, runs: known.keys() == runs.keys())


@fault("IDN-1270")
def knows_software_by_its_hash() -> None:
    """Whatever runs is known, under whatever name."""
    _weighing(lambda known, runs: set(runs.values()) <= frozenset().union(*known.values()))


@fault("IDN-1270")
def knows_one_version_of_each() -> None:
    """The one that stood first in the list."""
    _weighing(lambda known, runs: all(runs.get(name) == min(hashes) for name, hashes in known.items()))


def _weighing(good: Callable[[Any, Any], bool]) -> None:
    def check(self: Appraisal, runs: Any) -> None:
        if self.software is not None and not good(self.software, runs):
            raise ProtocolError(Problem.BAD_EVIDENCE, "IDN-1270", "")

    Appraisal._check_software = check


@fault("IDN-1280")
def accepts_an_opened_case() -> None:
    """It was opened, and it still works."""
    _passing("IDN-1280")


@fault("IDN-1280")
def takes_silence_of_a_sensor_for_zero() -> None:
    """Somebody puts a firmware without the claim into a device whose case he opened."""
    _reading(lambda found: replace(found, tampered=found.tampered or 0))


@fault("IDN-1280")
def wants_a_sensor_in_every_device() -> None:
    """Also where nobody asked for one."""
    original = Appraisal.check

    def check(self: Appraisal, found: Evidence) -> None:
        original(replace(self, most_tampered=self.most_tampered or 0), found)

    Appraisal.check = check


@fault("IDN-1290")
def believes_that_an_application_is_what_it_says() -> None:
    """Its credential is good, and so is the platform."""
    attestation.code_of = lambda cred: None


@fault("IDN-1290")
def accepts_any_application_on_a_good_platform() -> None:
    """When the policy says what runs, the credential need not be looked at."""
    original = Verifier.appraise

    def appraise(self: Verifier, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Any:
        said = evidence.decode_evidence(data)[1]
        known = self._known.get(said.kid)
        return original(self, data, nonce, now, None if known and known.appraisal.software is not None else code)

    Verifier.appraise = appraise
