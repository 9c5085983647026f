"""What is measured of attestation is evidence as the chapter has it, given and found good."""

from picosec.identity.evidence import Evidence
from picosec_conformance.attestation import judge
from picosec_conformance.bench import attestation


def test_evidence_that_is_measured_is_good() -> None:
    """A rate of refusals, or the size of something else, would say nothing."""
    timed = attestation.contenders()

    assert judge(timed["given"](), attestation._KEY)  # type: ignore[arg-type]
    assert isinstance(timed["judged"](), Evidence)


def test_what_is_kept_holds_the_keys() -> None:
    """A private key of 32 bytes at one side, and a public one of 64 at the other; both know the two hashes."""
    attester, verifier = attestation.kept()

    assert attester > 32 + 2 * 32
    assert verifier > 64 + 2 * 32
