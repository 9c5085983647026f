"""A peer that shows the target a credential, on either side of a handshake."""

from __future__ import annotations

import random
from typing import Any

from picosec.channel.credentials import Kind
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.edhoc_peer import (
    HostileInitiator,
    HostileResponder,
    as_initiator,
    expect_ended,
    expect_error,
    expect_given_up,
    meet,
    prover,
)
from picosec_conformance.edhoc_run import Prover
from picosec_conformance.handshake import Parties
from picosec_conformance.target import Target


class Meeting:
    """The target on one side, and a peer that shows a credential of one kind."""

    def __init__(
        self, target: Target, control: Control, rng: random.Random, side: str, kind: Kind, **choices: Any
    ) -> None:
        self._target, self._control, self._side = target, control, side
        choices |= {"own_kind": kind}
        self.parties: Parties = meet(target, rng, **(as_initiator(**choices) if side == "initiator" else choices))

    @classmethod
    def of(cls, target: Target, control: Control, side: str, parties: Parties) -> Meeting:
        """Return the meeting of a target and a peer that know each other already."""
        meeting = cls.__new__(cls)
        meeting._target, meeting._control, meeting._side, meeting.parties = target, control, side, parties
        return meeting

    @property
    def honest(self) -> Prover:
        """What the peer would show honestly."""
        return prover(self.parties.own)

    def trust_only(self, kind: str, credential: bytes) -> None:
        """Let the target trust this, and nothing that it trusted before."""
        self._control.reset()
        self._control.provision(
            own=[self.parties.target.own()],
            trusted=[trusted_credential(kind, credential)],
            methods=[self.parties.method],
            suites=[self.parties.suite],
        )

    def shown(self, id_cred: bytes, cred: bytes) -> bool:
        """Show a credential, proven with the honest private key; return whether the target accepted it.

        When it does not, it must say ``bad_credential`` and keep nothing.
        """
        if self._side == "responder":
            peer = HostileInitiator(self._target, self.parties)
            peer.reach_2()
            reply = peer.send_3(peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=id_cred, cred=cred)))
            if reply.code == Code.CHANGED:
                return True
            expect_error(self._target, reply, Problem.BAD_CREDENTIAL)
            expect_ended(self._control)
            return False
        other = HostileResponder(self._target, self._control, self.parties)
        other.wait_1()
        other.run.responder = Prover(id_cred, cred, self.honest.key, self.parties.own.private_key)
        other.send_2()
        for frame in self._target.until_probe_answered():
            if self._target.parse(frame).payload[1:2] >= b"\x40":
                return True
        expect_given_up(self._target, self._control, Problem.BAD_CREDENTIAL)
        return False
