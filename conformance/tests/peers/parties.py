"""The two sides of every handshake with a peer: RFC 9529 section 3's keys and credentials."""

from __future__ import annotations

import os

from picosec.channel.credentials import Kind, own_credential, parse_ccs
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.trust import TrustStore
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec_conformance.peers.lakers import Party

INITIATOR = Party(
    bytes.fromhex(
        "a2027734322d35302d33312d46462d45462d33372d33322d333908a101a5010202412b2001215820ac75e9ece3e50bfc8ed603998895"
        "22405c47bf16df96660a41298cb4307f7eb62258206e5de611388a4b8a8211334ac7d37ecb52a387d257e6db3c2a93df21ff3affc8"
    ),
    bytes.fromhex("fb13adeb6518cee5f88417660841142e830a81fe334380a953406a1305e8706b"),
)
RESPONDER = Party(
    bytes.fromhex(
        "a2026b6578616d706c652e65647508a101a501020241322001215820bbc34960526ea4d32e940cad2a234148ddc21791a12afbcbac93"
        "622046dd44f02258204519e257236b2a0ce2023f0931f1f386ca7afda64fcde0108c224c51eabf6072"
    ),
    bytes.fromhex("72cc4761dbd4c78f758931aa589d348d1ef874a7e303ede2f140dcf3e6aa4aac"),
)
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
