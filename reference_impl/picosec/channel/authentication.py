"""Proving and checking who one is: MACs with a static Diffie-Hellman key, or signatures over a MAC (RFC 9528 section
5).
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from cryptography.exceptions import InvalidSignature

from picosec.channel.credentials import Credential, Usage
from picosec.channel.key_schedule import signed
from picosec.crypto.suites import HASH_LENGTH, Suite
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Bytes of an ES256 or EdDSA signature.
SIGNATURE_LENGTH: Final = 64


def mac_length(usage: Usage, suite: Suite) -> int:
    """Return the length of the MAC inside a proof of this kind."""
    return HASH_LENGTH if usage is Usage.SIGNATURE else suite.mac_length


def check_length(proof: bytes, usage: Usage, suite: Suite, requirement: str) -> None:
    """Check that Signature_or_MAC_x is as long as its kind is. Raises ``authentication_failed``, citing
    ``requirement``.
    """
    if len(proof) != (SIGNATURE_LENGTH if usage is Usage.SIGNATURE else suite.mac_length):
        raise failed(requirement)


def prove(
    usage: Usage, vault: Vault, handle: Handle, mac: bytes, id_cred: bytes, th: bytes, cred: bytes, ead: bytes
) -> bytes:
    """Return Signature_or_MAC_x."""
    if usage is Usage.STATIC_DH:
        return mac
    return vault.sign(handle, signed(id_cred, th, cred, ead, mac))


def check(
    usage: Usage, peer: Credential, proof: bytes, mac: bytes, id_cred: bytes, th: bytes, ead: bytes, requirement: str
) -> None:
    """Check Signature_or_MAC_x against the expected ``mac``. Raises ``authentication_failed``, citing
    ``requirement``.
    """
    if usage is Usage.STATIC_DH:
        if not compare_digest(proof, mac):
            raise failed(requirement)
        return
    try:
        peer.key.verify(proof, signed(id_cred, th, peer.cred, ead, mac))
    except InvalidSignature as error:
        raise failed(requirement) from error


def failed(requirement: str) -> ProtocolError:
    """Return the one error of all failed authentication: nothing in it tells what failed (CHN-520)."""
    return ProtocolError(Problem.AUTHENTICATION_FAILED, requirement)
