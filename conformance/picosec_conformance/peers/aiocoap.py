"""CoAP and OSCORE as others wrote them: aiocoap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picosec.messaging.cbor import loads
from picosec_conformance.peers.lakers import Party
from picosec_conformance.peers.missing import require

#: COSE header parameter of a claims set, and what a COSE_Key for P-256 is made of (RFC 9528, RFC 9053).
_KCCS = 14
_KTY, _EC2, _CURVE, _P256, _D = 1, 2, -1, 1, -4


@dataclass(frozen=True, slots=True)
class OscoreContext:
    """The parameters of an OSCORE context, as one side sees them."""

    master_secret: bytes
    master_salt: bytes
    sender_id: bytes
    recipient_id: bytes
    id_context: bytes | None = None

    @property
    def mirrored(self) -> OscoreContext:
        """The same context as the other side sees it."""
        return OscoreContext(self.master_secret, self.master_salt, self.recipient_id, self.sender_id, self.id_context)


def security_context(parameters: OscoreContext, aead: int = 10) -> Any:
    """Return aiocoap's security context, held in memory, with an empty replay window; ``aead`` is a COSE number."""
    oscore = require("aiocoap.oscore", "aiocoap[oscore]")

    parts = (oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils)
    # Nothing is stored when a number is taken, and no lost window is recovered: the keys live as long as the process.
    members = {"post_seqnoincrease": lambda self: None, "echo_recovery": None}
    context: Any = type("MemoryContext", parts, members)()
    context.alg_aead = next(algorithm for algorithm in oscore.algorithms.values() if algorithm.value == aead)
    context.hashfun = oscore.hashfunctions["sha256"]
    context.sender_id = parameters.sender_id
    context.recipient_id = parameters.recipient_id
    context.id_context = parameters.id_context
    context.derive_keys(parameters.master_salt, parameters.master_secret)
    context.sender_sequence_number = 0
    context.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
    context.recipient_replay_window.initialize_empty()
    return context


def edhoc_credentials(me: Party, peer: bytes, *, by_value: bool = False, combined: bool = False) -> Any:
    """Return aiocoap's EDHOC credentials: method 3, suite 2, through lakers.

    ``combined`` has a client send message_3 together with its first request (RFC 9668); otherwise message_3 goes alone
    and its response must carry message_4.
    """
    edhoc = require("aiocoap.edhoc", "aiocoap[oscore]")
    return edhoc.EdhocCredentials(
        suite=2,
        method=3,
        own_cred_style="by-value" if by_value else "by-key-id",
        own_cred={_KCCS: loads(me.credential)},
        peer_cred={_KCCS: loads(peer)},
        private_key={_KTY: _EC2, _CURVE: _P256, _D: me.private_key},
        use_combined_edhoc=combined,
    )
