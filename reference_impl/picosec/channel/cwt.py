"""Signed CWTs as credentials: a COSE_Sign1 over a claims set (RFC 8392, RFC 9052 section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from picosec.channel.credentials import Credential, bad_credential, credential_from_claims, loads_credential
from picosec.crypto.curves import Curve
from picosec.errors import ProtocolError
from picosec.objects.structures import signature_structure
from picosec.registry import Problem

_ALG, _KID = 1, 4
_CURVES: Final = {-7: Curve.P256, -8: Curve.ED25519}


def parse_cwt(cwt: bytes) -> Credential:
    """Read an untagged CWT without judging its signature. Raises ``bad_credential``."""
    _, payload, _ = _parts(loads_credential(cwt))
    return credential_from_claims(loads_credential(payload), cwt)


def check_issued(cwt: bytes, issuers: Iterable[Credential]) -> None:
    """Check that one of ``issuers`` signed an untagged CWT (CHN-430, CHN-440). Raises ``bad_credential``."""
    protected, payload, signature = _parts(loads_credential(cwt))
    curve = _CURVES[loads_credential(protected)[_ALG]]
    message = signature_structure(protected, b"", payload)
    for issuer in issuers:
        if issuer.key.curve is curve:
            try:
                issuer.key.verify(signature, message)
            except InvalidSignature:
                continue
            return
    raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-440", "no trusted issuer signed the CWT")


def _parts(value: Any) -> tuple[bytes, bytes, bytes]:
    """Return protected header, payload and signature.

    ``alg`` stands in the protected header and nowhere else; apart from ``kid`` in one of the two headers, nothing
    else does: what is not understood might change what the signature means.
    """
    if type(value) is not list or [type(part) for part in value] != [bytes, dict, bytes, bytes]:
        raise bad_credential("a CWT is an untagged COSE_Sign1")
    protected, unprotected, payload, signature = value
    header = loads_credential(protected)
    if type(header) is not dict or type(header.get(_ALG)) is not int or header[_ALG] not in _CURVES:
        raise bad_credential("the protected header names no algorithm of ours")
    if not {*header, *unprotected} <= {_ALG, _KID} or _ALG in unprotected or (_KID in header and _KID in unprotected):
        raise bad_credential("a header parameter that is not understood, or stands twice", "CHN-1950")
    return protected, payload, signature
