"""Combined requests with the target on either side (RFC 9668), and what it says of its EDHOC resource."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from picosec.channel.combined import Combined, combine, split
from picosec.channel.credentials import Credential
from picosec.channel.oscore import Binding, protect_response, unprotect_request
from picosec.channel.session import Role, Session
from picosec.crypto.curves import Curve, PublicKey
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileInitiator, HostileResponder, as_initiator, meet
from picosec_conformance.edhoc_run import Run
from picosec_conformance.handshake import PATH, Parties, open_channel
from picosec_conformance.target import Nonconformity, Target

_NOBODY = Credential(b"", PublicKey(Curve.P256, b"", b"", None))


def session_of(run: Run, role: Role) -> Session:
    """Return what a run that the suite made by hand leads to, on the suite's side."""
    return Session(role, run.method, run.suite.number, run.c_i, run.c_r, _NOBODY, run["prk_out"])


class CombiningInitiator:
    """The suite as an Initiator that has read message_2: it can combine, rightly or wrongly."""

    def __init__(
        self,
        target: Target,
        rng: random.Random,
        c_i: bytes | None = None,
        parties: Parties | None = None,
        **choices: Any,
    ) -> None:
        self._target = target
        parties = meet(target, rng, **choices) if parties is None else parties
        self.peer = HostileInitiator(target, parties) if c_i is None else HostileInitiator(target, parties, c_i)
        self.peer.reach_2()
        self.message_3 = self.peer.run.compose_message_3()
        self.channel: Channel = open_channel(target, session_of(self.peer.run, Role.INITIATOR))

    def read(self) -> Message:
        """Return a request for the protected resource, in the clear."""
        return self._target.build(Code.GET, self._target.manifest.resources.protected_get)

    def combined(self, request: Message | None = None, message_3: bytes | None = None) -> Message:
        """Return the combined request for ``request``, with another message_3 if one is given."""
        protected = self.channel.protect(self.read() if request is None else request)
        return combine(self.message_3 if message_3 is None else message_3, protected)


def with_edhoc_option(message: Message, *values: bytes) -> Message:
    """Return a message with EDHOC options of these values in place of those it has."""
    others = tuple(entry for entry in message.options if entry[0] != Option.EDHOC)
    options = sorted((*others, *((int(Option.EDHOC), value) for value in values)), key=lambda entry: entry[0])
    return replace(message, options=tuple(options))


class CombiningTarget:
    """The target as an Initiator that was told to open a channel with a first request, and has sent message_1."""

    def __init__(
        self,
        target: Target,
        control: Control,
        rng: random.Random,
        first: dict[int, Any] | None = None,
        *,
        store_channels: bool = False,
        **choices: Any,
    ) -> None:
        self._target = target
        parties = meet(target, rng, **as_initiator(**choices))
        if store_channels:
            control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, store_channels=True)
        self.peer = HostileResponder(target, control, parties)
        self.peer.wait_1(first={1: int(Code.GET), 2: "/probe"} if first is None else first)
        self.channel: Channel | None = None

    def receive(self) -> tuple[Message, Combined]:
        """Answer message_1, and return the combined request that follows, whole and in its parts."""
        self.peer.send_2()
        request = self._target.receive("a combined request")
        if request.option(Option.EDHOC) is None or request.option(Option.OSCORE) is None:
            raise Nonconformity("expected a request with an EDHOC and an OSCORE option")
        try:
            parts = split(request)
        except ProtocolError as error:
            raise Nonconformity(f"the combined request cannot be taken apart: {error}") from error
        return request, parts

    def opened(self, parts: Combined) -> tuple[Message, Binding]:
        """Read message_3 and verify the request behind it."""
        self.peer.take_3(parts.message_3)
        self.channel = open_channel(self._target, session_of(self.peer.run, Role.RESPONDER))
        try:
            return unprotect_request(self.channel.context, parts.protected)
        except ProtocolError as error:
            raise Nonconformity(f"the request behind message_3 does not verify: {error}") from error

    def respond(self, binding: Binding, request: Message, plain: Message) -> None:
        """Answer over the channel."""
        assert self.channel is not None
        answer = replace(plain, type=Type.ACK, message_id=request.message_id, token=request.token)
        self._target.send(protect_response(self.channel.context, binding, answer))


def served_together(target: Target, rng: random.Random) -> bool:
    """Whether the target, as Responder, serves a combined request."""
    try:
        suite = CombiningInitiator(target, rng)
        request = suite.combined()
        return suite.channel.unprotect(target.exchange(request)).code == Code.CONTENT
    except (Nonconformity, ProtocolError):
        return False


def asked_together(target: Target, rng: random.Random) -> bool:
    """Whether the target, as Initiator, sends a combined request."""
    try:
        CombiningTarget(target, Control(target), rng).receive()
    except (Nonconformity, ProtocolError):
        return False
    return True


def edhoc_link(target: Target) -> str | None:
    """Return the attributes of the link to the EDHOC resource as they stand in the target's list, if it is in it."""
    reply = target.request(Code.GET, "/.well-known/core")
    for entry in reply.payload.decode(errors="replace").split(","):
        address, _, attributes = entry.partition(";")
        if address.strip() == f"<{PATH}>":
            return attributes
    return None
