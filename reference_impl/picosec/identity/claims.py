"""The claims of a credential that somebody proved, whichever form it has."""

from __future__ import annotations

from typing import Any

from picosec.messaging import cbor


def claims_of(cred: bytes) -> dict[Any, Any]:
    """Return what a credential claims, nothing for one that has no claims.

    ``cred`` is CRED_x: a claims set, an untagged CWT, or a certificate, which has none; it was read before, so that it
    is one of them.
    """
    claims = cbor.loads(cred)
    if type(claims) is list:
        claims = cbor.loads(claims[2])
    return claims if type(claims) is dict else {}
