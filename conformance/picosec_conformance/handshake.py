"""EDHOC with the target over CoAP (RFC 9528 appendix A.2): the suite as an honest Initiator or Responder.

Each step is a function of its own, so that a test can do one of them wrong.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from picosec.channel.credentials import Kind, Usage, initiator_usage, responder_usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.edhoc_messages import encode_identifier
from picosec.channel.initiator import Initiator
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.responder import Responder
from picosec.channel.session import Role, Session
from picosec.channel.trust import TrustStore
from picosec.crypto.vault import software_vault
from picosec.messaging.coap import Code, Message, Option, Type, code_text, uint_bytes
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, CONTENT_FORMAT_EDHOC
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.identity import Identity, make_identity
from picosec_conformance.manifest import GivenHandshake, NotGiven
from picosec_conformance.target import Nonconformity, Target

PATH = "/.well-known/edhoc"
#: Stands before message_1, where a connection identifier stands before message_3.
TRUE = b"\xf5"

SUITE_KID, TARGET_KID = b"\x2b", b"\x32"
#: The connection identifier that the suite chooses.
SUITE_CID = b"\x0a"
#: And this one where the target, which chose first, has chosen that.
OTHER_CID = b"\x0b"


@dataclass(frozen=True, slots=True)
class Parties:
    """The suite and the target, introduced to each other: what both need for a handshake."""

    method: int
    suite: int
    target: Identity
    own: Identity
    config: EdhocConfig
    rng: random.Random = field(repr=False)

    def initiator(self) -> Initiator:
        """Return a fresh session of the suite as Initiator."""
        return Initiator(self.config, self.method, SUITE_CID, self.rng.randbytes, self.suite)

    def responder(self) -> Responder:
        """Return a fresh session of the suite as Responder."""
        return Responder(self.config, self.rng.randbytes)


def introduce(
    target: Target,
    rng: random.Random,
    *,
    method: int = 3,
    suite: int = 2,
    target_role: Role = Role.RESPONDER,
    target_kind: Kind = Kind.KID,
    own_kind: Kind = Kind.KID,
    target_kid: bytes = TARGET_KID,
    own_kid: bytes = SUITE_KID,
    message_4: bool | None = None,
    own_claims: Mapping[int, Any] | None = None,
) -> Parties:
    """Give the target a credential and trust in the suite's, through the Test Interface; return the suite's side.

    ``own_claims`` are further ones of the suite's credential.

    On a black box the parties are those of its manifest. Raises ``NotGiven`` for a choice that it does not give.
    """
    if target.manifest.black_box:
        target.renew()
        chosen = (method, suite, target_kind, own_kind, message_4, target_kid, own_kid)
        return _introduced(target.manifest.edhoc, chosen, rng)
    message_4 = bool(message_4)
    usages = {Role.INITIATOR: initiator_usage(method), Role.RESPONDER: responder_usage(method)}
    own_role = Role.INITIATOR if target_role is Role.RESPONDER else Role.RESPONDER
    own = make_identity(own_kind, usages[own_role], suite, rng.randbytes, kid=own_kid, name="suite", further=own_claims)
    theirs = make_identity(target_kind, usages[target_role], suite, rng.randbytes, kid=target_kid, name="target")
    Control(target).provision(
        own=[theirs.own()], trusted=[own.trust()], methods=[method], suites=[suite], message_4=message_4
    )
    trusted = TrustStore()
    trusted.add(theirs.kind, theirs.trusted, theirs.kid)
    vault = software_vault(rng.randbytes)
    policy = Policy(methods=(method,), suites=(suite,), message_4=message_4)
    return Parties(method, suite, theirs, own, EdhocConfig(vault, [own.unlock(vault)], trusted, policy), rng)


def _introduced(
    given: GivenHandshake | None, chosen: tuple[int, int, Kind, Kind, bool | None, bytes, bytes], rng: random.Random
) -> Parties:
    """Return the suite's side of the handshake that a manifest gives, if it is the one that a test chose."""
    if given is None:
        raise NotGiven("the manifest gives no credentials for EDHOC ([edhoc])")
    method, suite, target_kind, own_kind, message_4, target_kid, own_kid = chosen
    if (method, suite) != (given.method, given.suite):
        raise NotGiven(f"the manifest gives method {given.method} with suite {given.suite}, and no other ([edhoc])")
    if (target_kind.value, own_kind.value) != (given.target.kind, given.peer.kind):
        raise NotGiven(f"the manifest gives credentials of kind {given.target.kind} and {given.peer.kind} ([edhoc])")
    message_4 = given.message_4 if message_4 is None else message_4
    if message_4 != given.message_4 or target_kid != TARGET_KID or own_kid != SUITE_KID:
        raise NotGiven("only the Test Interface could choose message_4 and key identifiers")
    usage = Usage.STATIC_DH
    theirs, own = (
        Identity(Kind(row.kind), usage, row.credential, row.private_key, row.kid, row.credential)
        for row in (given.target, given.peer)
    )
    trusted = TrustStore()
    trusted.add(theirs.kind, theirs.trusted, theirs.kid)
    vault = software_vault(rng.randbytes)
    policy = Policy(methods=(method,), suites=(suite,), message_4=message_4)
    return Parties(method, suite, theirs, own, EdhocConfig(vault, [own.unlock(vault)], trusted, policy), rng)


def edhoc_request(target: Target, prefix: bytes, message: bytes) -> Message:
    """Return the CoAP request that carries a message: ``TRUE`` or an encoded connection identifier in front."""
    return target.build(Code.POST, PATH, prefix + message, content_format=CONTENT_FORMAT_CID_EDHOC)


def message_of(reply: Message, *, plain: bool = False) -> bytes:
    """Return the EDHOC message in a response. Raises ``Nonconformity`` for a response that carries none.

    A ``plain`` stack need not state the Content-Format: RFC 9528, Section A.2, shows it and does not demand it.
    """
    stated = reply.content_format in (CONTENT_FORMAT_EDHOC, None if plain else CONTENT_FORMAT_EDHOC)
    if reply.code != Code.CHANGED or not stated:
        raise Nonconformity(f"expected 2.04 with Content-Format 64, got {code_text(reply.code)}")
    return reply.payload


def initiate(target: Target, parties: Parties) -> Session:
    """Run a whole handshake with the target as Responder."""
    initiator = parties.initiator()
    first = target.exchange(edhoc_request(target, TRUE, initiator.prepare_message_1()), "message_1")
    initiator.process_message_2(message_of(first, plain=target.manifest.profile.plain))
    assert initiator.c_r is not None
    third = edhoc_request(target, encode_identifier(initiator.c_r), initiator.prepare_message_3())
    last = target.exchange(third, "message_3")
    if parties.config.policy.message_4:
        return initiator.process_message_4(message_of(last, plain=target.manifest.profile.plain))
    if last.code != Code.CHANGED or last.payload:
        raise Nonconformity(f"expected an empty 2.04 after message_3, got {code_text(last.code)}")
    return initiator.complete()


def receive_message_1(target: Target) -> tuple[Message, bytes]:
    """Receive the target's first request and return it with message_1.

    A plain stack need not state the Content-Format: RFC 9528, Section A.2, shows it and does not demand it.
    """
    request = target.receive("message_1")
    formats = (CONTENT_FORMAT_CID_EDHOC, None) if target.manifest.profile.plain else (CONTENT_FORMAT_CID_EDHOC,)
    if (request.code, request.path) != (Code.POST, PATH) or request.content_format not in formats:
        raise Nonconformity(
            f"expected POST {PATH} with Content-Format 65, got {code_text(request.code)} {request.path}"
        )
    if request.payload[:1] != TRUE:
        raise Nonconformity("message_1 must come behind the CBOR item true")
    return request, request.payload[1:]


def answer(target: Target, request: Message, message: bytes, note: str, code: int = Code.CHANGED) -> None:
    """Answer a request of the target with an EDHOC message, or with nothing."""
    options = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_EDHOC)),) if message else ()
    kind = Type.ACK if request.type == Type.CON else Type.NON
    mid = request.message_id if kind == Type.ACK else target.fresh_message_id()
    target.send(Message(kind, code, mid, request.token, options, message), note)


def respond(target: Target, parties: Parties, c_r: bytes = SUITE_CID) -> Session:
    """Run a whole handshake with the target as Initiator, which was told to open a channel."""
    responder = parties.responder()
    request, message_1 = receive_message_1(target)
    responder.process_message_1(message_1)
    if responder.c_i == c_r == SUITE_CID:
        c_r = OTHER_CID
    answer(target, request, responder.prepare_message_2(c_r), "message_2")
    third = target.receive("message_3")
    prefix = encode_identifier(c_r)
    if not third.payload.startswith(prefix):
        raise Nonconformity("message_3 must come behind the Responder's connection identifier")
    responder.process_message_3(third.payload[len(prefix) :])
    if parties.config.policy.message_4:
        answer(target, third, responder.prepare_message_4(), "message_4")
        assert responder.session is not None
        return responder.session
    answer(target, third, b"", "end of the handshake")
    return responder.complete()


def open_channel(target: Target, session: Session) -> Channel:
    """Return the suite's end of the OSCORE channel that a session gives."""
    given = session.oscore()
    context = SecurityContext(
        given.master_secret, given.sender_id, given.recipient_id, master_salt=given.master_salt, aead=given.aead
    )
    return Channel(target, context)
