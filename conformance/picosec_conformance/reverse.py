"""The reverse message flow with the target on either side (RFC 9528 appendix A.2.2): the client is the Responder."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from picosec.channel.edhoc_messages import encode_identifier
from picosec.channel.session import Role, Session
from picosec.messaging.coap import Code, Message, code_text
from picosec_conformance.combined import session_of
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, meet, prover, sent_by_target
from picosec_conformance.edhoc_run import Run
from picosec_conformance.handshake import PATH, SUITE_CID, answer, edhoc_request, message_of
from picosec_conformance.target import Nonconformity, Target


class AskingResponder:
    """The suite as a client that asks the target to begin, and responds, rightly or wrongly."""

    def __init__(self, target: Target, rng: random.Random, c_r: bytes = SUITE_CID, **choices: Any) -> None:
        self._target = target
        parties = meet(target, rng, **as_initiator(**choices))
        theirs = replace(prover(parties.target), private_key=None)
        self.run = Run(parties.method, (parties.suite,), rng.randbytes(32), b"", c_r, theirs, prover(parties.own))

    def invite(self) -> Message:
        """Send the empty request and return the response."""
        return self._target.exchange(self._target.build(Code.POST, PATH), "begin, please")

    def reach_1(self) -> bytes:
        """Send the empty request and read message_1, which is returned."""
        message = message_of(self.invite())
        with sent_by_target("message_1"):
            self.run.read_message_1(message)
        return message

    def send(self, message: bytes, note: str = "") -> Message:
        """Send a message behind the target's identifier and return the response."""
        return self._target.exchange(edhoc_request(self._target, encode_identifier(self.run.c_i), message), note)

    def send_2(self, message: bytes | None = None) -> Message:
        """Send message_2, the honest one by default, and return the response."""
        return self.send(self.run.compose_message_2() if message is None else message, "message_2")

    def read_3(self, reply: Message) -> Session:
        """Read the message_3 in a response, and return the session to which it leads."""
        message = message_of(reply)
        with sent_by_target("message_3"):
            self.run.read_message_3(message)
        return session_of(self.run, Role.RESPONDER)

    def complete(self) -> Session:
        """Do all of it, honestly."""
        self.reach_1()
        return self.read_3(self.send_2())


class InvitedInitiator:
    """The suite as a server that the target asks to begin, because the Test Interface told it to."""

    def __init__(
        self,
        target: Target,
        control: Control,
        rng: random.Random,
        c_i: bytes = SUITE_CID,
        first: dict[int, Any] | None = None,
        **choices: Any,
    ) -> None:
        self._target = target
        parties = meet(target, rng, **choices)
        self.handle = control.act("open", {5: True} if first is None else {5: True, 4: first})
        theirs = replace(prover(parties.target), private_key=None)
        self.run = Run(parties.method, (parties.suite,), rng.randbytes(32), c_i, b"", prover(parties.own), theirs)
        self.request: Message | None = None

    def wait_invitation(self) -> Message:
        """Return the empty request. Raises ``Nonconformity`` for anything else."""
        request = self.request = self._target.receive("an empty request")
        if (request.code, request.path, request.payload) != (Code.POST, PATH, b""):
            raise Nonconformity(f"expected POST {PATH} without a payload, got {code_text(request.code)} {request.path}")
        return request

    def respond(self, message: bytes, note: str = "", code: int = Code.CHANGED) -> None:
        """Answer the last request of the target."""
        assert self.request is not None
        answer(self._target, self.request, message, note, code)

    def wait_message(self, note: str) -> bytes:
        """Return what the target sends behind the suite's identifier. Raises ``Nonconformity`` for another place."""
        request = self.request = self._target.receive(note)
        prefix = encode_identifier(self.run.c_i)
        if (request.code, request.path) != (Code.POST, PATH) or not request.payload.startswith(prefix):
            raise Nonconformity(f"expected POST {PATH} with {note} behind the server's identifier")
        return request.payload[len(prefix) :]

    def reach_2(self) -> bytes:
        """Answer the invitation with message_1 and read message_2, which is returned."""
        self.wait_invitation()
        self.respond(self.run.compose_message_1(), "message_1")
        message = self.wait_message("message_2")
        with sent_by_target("message_2"):
            self.run.read_message_2(message)
        return message

    def send_3(self, message: bytes | None = None) -> Session:
        """Answer message_2 with message_3, the honest one by default, and return the session."""
        self.respond(self.run.compose_message_3() if message is None else message, "message_3")
        return session_of(self.run, Role.INITIATOR)


def began(target: Target, rng: random.Random) -> bool:
    """Whether the target, as a server, is the Initiator when it is asked to."""
    try:
        AskingResponder(target, rng).complete()
    except Nonconformity:
        return False
    return True


def invited(target: Target, rng: random.Random) -> bool:
    """Whether the target, as a client, asks a server to begin."""
    try:
        InvitedInitiator(target, Control(target), rng).reach_2()
    except Nonconformity:
        return False
    return True
