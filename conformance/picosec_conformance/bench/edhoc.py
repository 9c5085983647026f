"""EDHOC: one full handshake of both sides, as the reference does it, as lakers does it, and its bare cryptography.

Method 3, suite 2, credentials by ``kid``, no message_4; done when both sides have the OSCORE master secret and salt.
Keys and credentials are those of RFC 9529 section 3.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from picosec.channel import edhoc_coap
from picosec.channel.credentials import Kind, own_credential
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.initiator import Initiator as ReferenceInitiator
from picosec.channel.responder import Responder as ReferenceResponder
from picosec.channel.session import Session
from picosec.channel.trust import TrustStore
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging.coap import Code, Message
from picosec.messaging.endpoint import Endpoint, RequestReceived
from picosec_conformance.bench import primitives
from picosec_conformance.peers.lakers import Initiator, Party, Responder
from picosec_conformance.peers.missing import require

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

#: Makes one handshake and returns its messages.
Handshake = Callable[[], tuple[bytes, bytes, bytes]]


def configuration(me: Party, peer: Party) -> EdhocConfig:
    """Return what one side of the reference brings into its handshakes: all decoded once."""
    vault = software_vault(os.urandom)
    trusted = TrustStore()
    trusted.add(Kind.KID, peer.credential)
    credential = TrustStore().add(Kind.KID, me.credential)
    own = own_credential(Kind.KID, credential, vault.import_key(Curve.P256, me.private_key), vault)
    return EdhocConfig(vault, [own], trusted, Policy(methods=(3,), suites=(2,)))


def reference() -> Handshake:
    """Return the handshake of the reference with itself."""
    of_initiator, of_responder = configuration(INITIATOR, RESPONDER), configuration(RESPONDER, INITIATOR)

    def handshake() -> tuple[bytes, bytes, bytes]:
        messages, _ = complete(of_initiator, of_responder)
        return messages

    return handshake


def complete(of_initiator: EdhocConfig, of_responder: EdhocConfig) -> tuple[tuple[bytes, bytes, bytes], Session]:
    """Make one handshake of the reference, and return its messages and the responder's session."""
    initiator, responder = (
        ReferenceInitiator(of_initiator, 3, C_I, os.urandom),
        ReferenceResponder(of_responder, os.urandom),
    )
    message_1 = initiator.prepare_message_1()
    responder.process_message_1(message_1)
    message_2 = responder.prepare_message_2(C_R)
    initiator.process_message_2(message_2)
    message_3 = initiator.prepare_message_3()
    responder.process_message_3(message_3)
    session = responder.complete()
    initiator.complete().oscore()
    session.oscore()
    return (message_1, message_2, message_3), session


def sizes() -> tuple[int, int, int]:
    """Return the sizes of the reference's three messages in bytes."""
    message_1, message_2, message_3 = reference()()
    return len(message_1), len(message_2), len(message_3)


def coap_bytes() -> tuple[int, int, int]:
    """Return what CoAP adds to each of the three messages: header, token, options and payload marker, in bytes.

    The one byte before messages 1 and 3, ``true`` or C_R, belongs to EDHOC (RFC 9528 appendix A.2) and is not counted.
    """
    message_1, message_2, message_3 = reference()()
    client, server = Endpoint(os.urandom), Endpoint(os.urandom)
    added = []
    for sent, c_r, returned in ((message_1, None, message_2), (message_3, C_R, b"")):
        client.request(edhoc_coap.request(sent, c_r), "server", 0.0)
        ((_, datagram),) = client.transmit()
        added.append(len(datagram) - len(Message.decode(datagram).payload))
        (received,) = server.receive(datagram, "client", 0.0)
        assert isinstance(received, RequestReceived)
        server.respond(received.exchange, edhoc_coap.response(Code.CHANGED, returned), 0.0)
        ((_, datagram),) = server.transmit()
        added.append(len(datagram) - len(returned))
        client.receive(datagram, "server", 0.0)
    return added[0], added[1], added[2]


def lakers() -> Handshake:
    """Return the handshake of lakers with itself. Raises ``PeerMissing``."""
    require("lakers", "lakers-python")

    def handshake() -> tuple[bytes, bytes, bytes]:
        initiator, responder = Initiator(INITIATOR, RESPONDER.credential), Responder(RESPONDER, INITIATOR.credential)
        message_1 = initiator.message_1(C_I)
        message_2 = responder.message_2(message_1, C_R)
        message_3 = initiator.message_3(message_2)
        responder.process_message_3(message_3)
        initiator.finish()
        responder.finish()
        return message_1, message_2, message_3

    return handshake


def bare() -> Callable[[], object]:
    """Return the bare cryptography of one handshake."""
    initiator = primitives.Side.make(INITIATOR.credential, b"\x2b", INITIATOR.private_key, C_I)
    responder = primitives.Side.make(RESPONDER.credential, b"\x32", RESPONDER.private_key, C_R)
    return lambda: primitives.handshake(initiator, responder)
