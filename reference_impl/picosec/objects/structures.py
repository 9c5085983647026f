"""What is signed, authenticated and derived from: the three structures of COSE (RFC 9052, RFC 9053)."""

from __future__ import annotations

from typing import Final, Literal

from picosec.crypto.aead import Aead
from picosec.messaging.cbor import dumps

#: ECDH-ES with HKDF-SHA-256, whose output is the content key (RFC 9053 section 6.3).
ECDH_ES_HKDF_256: Final = -25


def signature_structure(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Return the encoded Sig_structure of a COSE_Sign1 (RFC 9052 section 4.4)."""
    return dumps(["Signature1", protected, external_aad, payload])


def encryption_structure(context: Literal["Encrypt0", "Encrypt"], protected: bytes, external_aad: bytes) -> bytes:
    """Return the encoded Enc_structure (RFC 9052 section 5.3)."""
    return dumps([context, protected, external_aad])


def derivation_context(aead: Aead, protected: bytes, party_u: bytes | None, party_v: bytes | None) -> bytes:
    """Return the encoded COSE_KDF_Context (RFC 9053 section 5.2) for a content key.

    ``protected`` is the protected header of the recipient; the parties are the identities of sender and recipient.
    """
    parties = [[identity, None, None] for identity in (party_u, party_v)]
    return dumps([aead.value, *parties, [8 * aead.key_length, protected]])
