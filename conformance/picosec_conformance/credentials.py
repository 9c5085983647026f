"""Credentials of zones made by hand, part by part, so that a test can have any part wrong.

Nothing here judges: what is asked for is made and signed, also when no grammar knows it
(spec/v1/identity-credentials.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import (
    CLAIM_ATTRIBUTES,
    CLAIM_CODE,
    CLAIM_DEPTH,
    CLAIM_IDENTITY,
    CLAIM_KIND,
    CLAIM_PURPOSE,
    CLAIM_ROLE,
    CLAIM_STATUS,
    CLAIM_ZONE,
)
from picosec_conformance.objects import ALG, KID, NOW, Key, protect

#: Claims of a credential.
SUBJECT, ENDS, BEGINS, ISSUED, CONFIRMATION, SCOPE = 2, 4, 5, 6, 8, 9
ZONE, ROLE, ATTRIBUTES, KIND, CODE = CLAIM_ZONE, CLAIM_ROLE, CLAIM_ATTRIBUTES, CLAIM_KIND, CLAIM_CODE
DEPTH, IDENTITY, PURPOSE, STATUS = CLAIM_DEPTH, CLAIM_IDENTITY, CLAIM_PURPOSE, CLAIM_STATUS
DEVICE, USER, APPLICATION = 0, 1, 2
#: Bytes and credentials of the longest chain, and how many are held.
LARGEST, LONGEST, HELD = 4096, 4, 16
#: Keys whose objects are remembered that are known by chains.
SENDERS: Final = 64
DAY: Final = 86_400
#: Members of a COSE_Key.
KEY_KID, KEY_ALG = 2, 3
#: Methods as bits of a scope.
GET, POST, PUT = 1, 2, 4


def scope(*entries: tuple[str, int]) -> bytes:
    """Return a scope: paths, each with a set of methods."""
    return dumps([list(entry) for entry in entries])


def holder_key(key: Key, **members: Any) -> dict[Any, Any]:
    """Return a key as a credential has it; ``alg`` restricts what it is for."""
    return {**key.cose_key, KEY_KID: key.kid, **({KEY_ALG: members["alg"]} if "alg" in members else {})}


class Link:
    """A credential before it is closed: every part can be changed, and the signature covers what it then says."""

    def __init__(self, issuer: Key, holder: Key, zone: bytes, claims: dict[Any, Any]) -> None:
        self.issuer, self.holder = issuer, holder
        self.claims: dict[Any, Any] = {
            ENDS: NOW + DAY,
            ISSUED: NOW,
            CONFIRMATION: {1: holder_key(holder)},
            ZONE: zone,
            KIND: USER,
            **claims,
        }
        self.header: dict[Any, Any] = {ALG: -8 if issuer.curve is Curve.ED25519 else -7, KID: issuer.kid}
        self.unprotected: Any = {}
        self.context = "Signature1"
        self.external = b""
        #: What is sent and signed in place of what ``header`` and ``claims`` say.
        self.protected: bytes | None = None
        self.payload: Any = None

    def item(self, signature: Any = None) -> list[Any]:
        """Return it as a CBOR value; ``signature`` is in place of the issuer's."""
        protected = protect(self.header) if self.protected is None else self.protected
        payload = dumps(self.claims) if self.payload is None else self.payload
        if signature is None:
            signature = self.issuer.sign(dumps([self.context, protected, self.external, payload]))
        return [protected, self.unprotected, payload, signature]

    def without(self, claim: int) -> Link:
        """Take a claim away, and return it."""
        del self.claims[claim]
        return self

    @property
    def cwt(self) -> bytes:
        """The credential as EDHOC authenticates it."""
        return dumps(self.item())


def chain(*links: Link | list[Any]) -> bytes:
    """Return a chain of credentials, each closed already or not."""
    return chain_of(link.item() if isinstance(link, Link) else link for link in links)


def chain_of(items: Iterable[Any]) -> bytes:
    """Return a chain of closed credentials."""
    return dumps(list(items))
