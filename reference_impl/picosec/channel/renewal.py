"""New keys for a channel: each end offers a nonce and an identifier, and both derive (spec/v1/channel-life.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from picosec.channel.session import Role, Session
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import Problem

#: Bytes of a nonce.
NONCE_SIZE: Final = 8
#: Renewals that one handshake is good for (CHN-1440).
MAX_RENEWALS: Final = 16


@dataclass(frozen=True, slots=True)
class Offer:
    """What one end brings: eight fresh bytes, and the identifier under which it wants to be spoken to."""

    nonce: bytes
    identifier: bytes

    def encode(self) -> bytes:
        """Return the payload that carries the offer."""
        return cbor.dumps([self.nonce, self.identifier])

    @classmethod
    def decode(cls, payload: bytes) -> Offer:
        """Read an offer. Raises ``malformed`` or ``not_deterministic``, and ``bad_request`` (CHN-1370)."""
        match cbor.loads(payload):
            case [bytes(nonce), bytes(identifier)] if len(nonce) == NONCE_SIZE:
                return cls(nonce, identifier)
        raise ProtocolError(Problem.BAD_REQUEST, "CHN-1370", "an offer is a nonce of 8 bytes and an identifier")


def renewal_context(first: Offer, second: Offer) -> bytes:
    """Return the context of EDHOC_KeyUpdate: the offer that began, and the one that answered it (CHN-1310)."""
    return cbor.dumps([first.nonce, first.identifier, second.nonce, second.identifier])


def renewed(session: Session, own: Offer, theirs: Offer, *, began: bool) -> Session:
    """Return the session that follows from both offers (CHN-1310); ``began`` tells whether ours was the first.

    Raises ``bad_identifier`` when both ends offer the same one (CHN-1360).
    """
    if own.identifier == theirs.identifier:
        raise ProtocolError(Problem.BAD_IDENTIFIER, "CHN-1360", "both ends offer the same identifier")
    context = renewal_context(own, theirs) if began else renewal_context(theirs, own)
    ids = (own.identifier, theirs.identifier)
    c_i, c_r = ids if session.role is Role.INITIATOR else ids[::-1]
    return replace(session.updated(context), c_i=c_i, c_r=c_r, renewals=session.renewals + 1)
