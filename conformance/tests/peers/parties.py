"""The two sides of every handshake with a peer: RFC 9529 section 3's keys and credentials."""

from __future__ import annotations

import os

from picosec.channel.credentials import Kind, own_credential, parse_ccs
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.trust import TrustStore
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec_conformance.peers.known import INITIATOR, RESPONDER
from picosec_conformance.peers.lakers import Party

__all__ = ["C_I", "C_R", "INITIATOR", "RESPONDER", "Party", "reference"]

C_I, C_R = b"\x37", b"\x27"


def reference(
    me: Party, peer: Party, *, by_value: bool = False, message_4: bool = False, **policy: object
) -> EdhocConfig:
    """What the reference brings into a handshake as ``me``, with static Diffie-Hellman keys."""
    vault = software_vault(os.urandom)
    trusted = TrustStore()
    trusted.add(Kind.KID, peer.credential)
    handle = vault.import_key(Curve.P256, me.private_key)
    kind = Kind.KCCS if by_value else Kind.KID
    own = own_credential(kind, parse_ccs(me.credential), handle, vault)
    settings = {"methods": (3,), "suites": (2,), "message_4": message_4, "by_value": by_value, **policy}
    return EdhocConfig(vault, [own], trusted, Policy(**settings))
