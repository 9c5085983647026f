"""Attestation: the size of evidence and of what both sides keep, and how often per second it is given and judged."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.identity.attester import Attester
from picosec.identity.evidence import Debug
from picosec.identity.verifier import Appraisal, KnownAttester, Verifier
from picosec.messaging.cbor import dumps
from picosec_conformance.attestation import attester_of, own_attester
from picosec_conformance.evidence import READER, SOFTWARE
from picosec_conformance.objects import NOW, Key

_KEY: Final = Key(b"\x51", Curve.P256, bytes(range(1, 33)))
_NONCE: Final = random.Random(1).randbytes(32)


def evidence() -> bytes:
    """Return evidence of two pieces of software, with a date and a tamper count, signed with ES256."""
    return _given()()


def kept() -> tuple[int, int]:
    """Return the bytes of what an attester keeps, its private key included, and of what a verifier keeps of it."""
    known = attester_of(_KEY, READER, debug=1, software={name: [each] for name, each in SOFTWARE.items()}, tampered=0)
    return len(dumps(own_attester(_KEY))), len(dumps(known))


def contenders() -> dict[str, Callable[[], object]]:
    """Return what is timed: to give evidence, and to judge it by a policy."""
    data, verifier = evidence(), Verifier()
    software = {name: frozenset([each]) for name, each in SOFTWARE.items()}
    verifier.admit([KnownAttester(_KEY.kid, _KEY.public, READER, Appraisal(Debug.DISABLED, software, 0))])
    return {"given": _given(), "judged": lambda: verifier.appraise(data, _NONCE, NOW)}


def _given() -> Callable[[], bytes]:
    vault = software_vault(bytes)
    attester = Attester(
        _KEY.kid, vault.import_key(_KEY.curve, _KEY.private), READER, Debug.DISABLED_FULLY_AND_PERMANENTLY, SOFTWARE
    )
    return lambda: attester.attest(_NONCE, vault, NOW, 0)
