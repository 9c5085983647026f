"""A device that gives evidence: its key for that, and the nonce by which evidence belongs to one channel and question
(spec/v1/identity-attestation.md, "Giving evidence").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.evidence import NONCE_SIZE, Debug, Evidence
from picosec.messaging import cbor
from picosec.registry import EXPORTER_LABEL_ATTESTATION, Problem


@dataclass(frozen=True, slots=True)
class Attester:
    """A key that signs evidence and nothing else (IDN-1150), and what holds of the device that has it.

    ``software`` are SHA-256 hashes by the name of what runs; ``maker`` is as :class:`Evidence` has it.
    """

    kid: bytes
    handle: Handle
    ueid: bytes
    debug: Debug
    software: Mapping[str, bytes]
    maker: bytes | int | None = None

    def attest(self, nonce: bytes, vault: Vault, issued: int | None, tampered: int | None) -> bytes:
        """Return evidence of this moment. Raises ``bad_key`` for a key that does not sign."""
        evidence = Evidence(self.kid, nonce, self.ueid, self.debug, self.software, issued, tampered, self.maker)
        return evidence.sign(vault, self.handle).encode()

    def state(self, vault: Vault) -> list[Any]:
        """Return it, without secrets, as a CBOR value for a digest."""
        return [self.kid, vault.public(self.handle).x, self.ueid, int(self.debug), dict(self.software), self.maker]


def read_challenge(payload: bytes) -> bytes:
    """Return the challenge of a verifier. Raises ``malformed`` or ``not_deterministic`` (IDN-1110)."""
    try:
        challenge = cbor.loads(payload)
    except ProtocolError as error:
        raise ProtocolError(error.problem, "IDN-1110", error.detail) from error
    if type(challenge) is not bytes or len(challenge) != NONCE_SIZE:
        raise ProtocolError(Problem.MALFORMED, "IDN-1110", f"a challenge is {NONCE_SIZE} bytes")
    return challenge


def bound_nonce(export: Callable[[int, bytes, int], bytes], challenge: bytes, attester_id: bytes) -> bytes:
    """Return the nonce of evidence that is given in answer to a challenge over a channel (IDN-1130).

    ``export`` is the exporter of the channel's session, and ``attester_id`` the OSCORE Sender ID of the attester:
    without it, evidence of one end would serve the other.
    """
    return export(EXPORTER_LABEL_ATTESTATION, challenge + attester_id, NONCE_SIZE)
