"""Attestation evidence made by hand, part by part, so that a test can have any part wrong.

Nothing here judges: what is asked for is made and signed, also when no grammar knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from picosec.channel.session import Session
from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import CLAIM_TAMPER, CONTENT_FORMAT_CBOR, CONTENT_FORMAT_EAT, EXPORTER_LABEL_ATTESTATION
from picosec_conformance.objects import ALG, KID, NOW, SIGN1, TYP, Key, protect, tagged

#: Claims of evidence.
ISSUED, NONCE, UEID, MAKER, DEBUG, PROFILE, MEASURED, TAMPER = 6, 10, 256, 258, 263, 265, 273, CLAIM_TAMPER
URN: Final = "urn:picosec:evidence:1"
#: Bytes of evidence at most, of a challenge and of a nonce; seconds between two clocks at most.
LARGEST, SIZE, APART = 1024, 32, 300
#: The device that the suite speaks for, and the one that the target is.
READER: Final = b"\x01" + bytes(range(16))
TARGET: Final = b"\x01" + bytes(range(32, 48))
#: Names of makers in their three forms: at random, of the IEEE, and a private enterprise number.
MAKERS: Final[Mapping[str, bytes | int]] = {"random": bytes(range(64, 80)), "ieee": b"\xac\xde\x48", "number": 32473}


def hash_of(code: str) -> bytes:
    """Return the hash of some code."""
    return sha256(code.encode()).digest()


#: What runs on either of them.
SOFTWARE: Final[Mapping[str, bytes]] = {"firmware": hash_of("firmware 1.2"), "gate": hash_of("gate 7")}


def bound(session: Session, challenge: bytes, attester_id: bytes) -> bytes:
    """Return the nonce of evidence over a channel; ``attester_id`` is the OSCORE Sender ID of who gives it."""
    return session.export(EXPORTER_LABEL_ATTESTATION, challenge + attester_id, SIZE)


class Evidence:
    """Evidence before it is closed: every part can be changed, and the signature covers what it says."""

    def __init__(self, attester: Key, nonce: bytes, software: Mapping[str, bytes] = SOFTWARE) -> None:
        self.attester = attester
        self.software: Any = dict(software)
        self.claims: dict[Any, Any] = {
            ISSUED: NOW,
            NONCE: nonce,
            UEID: READER,
            DEBUG: 4,
            PROFILE: URN,
            TAMPER: 0,
        }
        self.header: dict[Any, Any] = {
            ALG: -8 if attester.curve is Curve.ED25519 else -7,
            KID: attester.kid,
            TYP: CONTENT_FORMAT_EAT,
        }
        self.unprotected: Any = {}
        self.tag = SIGN1
        self.context = "Signature1"
        #: What is signed in place of what ``claims`` and ``software`` say.
        self.payload: Any = None

    def change(self, claims: Mapping[Any, Any]) -> Evidence:
        """Change some claims, leave out those that are to be None, and return this."""
        self.claims = {label: value for label, value in {**self.claims, **claims}.items() if value is not None}
        return self

    def close(self, signature: Any = None) -> bytes:
        """Return the evidence; ``signature`` is in place of the attester's."""
        protected = protect(self.header)
        payload = dumps(self.said()) if self.payload is None else self.payload
        if signature is None:
            signature = self.attester.sign(dumps([self.context, protected, b"", payload]))
        return tagged(self.tag, protected, self.unprotected, payload, signature)

    def said(self) -> dict[Any, Any]:
        """Return all claims; the measurements stand among them unless a test put others there."""
        measured = [[CONTENT_FORMAT_CBOR, dumps(self.software)]]
        return {MEASURED: measured, **self.claims}
