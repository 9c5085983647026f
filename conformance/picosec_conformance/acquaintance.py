"""The suite as somebody whose identity a target trusts: it hands histories over, and authenticates with any key."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from picosec.channel.credentials import Kind, Usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.edhoc_messages import encode_identifier
from picosec.channel.initiator import Initiator
from picosec.channel.responder import Responder
from picosec.channel.session import Session
from picosec.channel.trust import TrustStore
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CONTENT_FORMAT_IDENTITY_HISTORY, RESPONSE_CODE, Problem
from picosec_conformance.blockwise import Ask
from picosec_conformance.control import Control
from picosec_conformance.courier import upload
from picosec_conformance.handshake import (
    OTHER_CID,
    SUITE_CID,
    TARGET_KID,
    TRUE,
    answer,
    edhoc_request,
    message_of,
    receive_message_1,
)
from picosec_conformance.histories import History
from picosec_conformance.identity import Identity, make_identity
from picosec_conformance.objects import Key
from picosec_conformance.target import Nonconformity, Target

PATH: Final = "/ps/identity"
#: The method in which the Initiator signs and the Responder does not, and the suites for each curve.
METHOD: Final = 1
#: And the one in which it is the other way round.
SIGNING_RESPONDER: Final = 2
SUITES: Final = {Curve.P256: 2, Curve.ED25519: 0}


class Acquaintance:
    """A target that trusts one identity, ``history``, and whose own key the suite knows."""

    def __init__(self, target: Target, control: Control, rng: random.Random, curve: Curve = Curve.P256) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.history = History(rng, curve)
        self.suite = SUITES[curve]
        self._theirs: Identity | None = None
        control.provision_identity(trusted=[self.history.identifier])

    # -- histories -----------------------------------------------------------------------------------------------

    def hand(self, data: bytes, *, ask: Ask | None = None) -> Message:
        """Hand a history over, in blocks if it is large, and return the response."""
        return upload(self.target, PATH, data, CONTENT_FORMAT_IDENTITY_HISTORY, ask)

    def takes(self, data: bytes, *, ask: Ask | None = None) -> None:
        """Hand a history over that has to be taken. Raises ``Nonconformity`` when it is not."""
        reply = self.hand(data, ask=ask)
        if reply.code != Code.CHANGED or reply.payload:
            raise Nonconformity(f"a history that has to be taken was answered {code_text(reply.code)}")

    def refuses(self, data: bytes, problem: Problem) -> None:
        """Hand a history over that has to be refused: with this error, without any effect."""
        with self.target.expect_unchanged():
            self.target.expect_refusal(self.hand(data), RESPONSE_CODE[problem], problem)

    def forks(self, data: bytes) -> None:
        """Hand a history over that shows a fork."""
        self.target.expect_refusal(self.hand(data), RESPONSE_CODE[Problem.FORKED], Problem.FORKED)

    # -- handshakes ----------------------------------------------------------------------------------------------

    def begin(self, key: Key | None = None) -> Initiator:
        """Send message_1 as the holder of the identity, take message_2, and return the Initiator behind it.

        Skips the test for a target that does not take part in such a handshake.
        """
        self._need(METHOD)
        initiator = Initiator(self._config(key or self.history.key), METHOD, SUITE_CID, self.rng.randbytes, self.suite)
        first = self.target.exchange(edhoc_request(self.target, TRUE, initiator.prepare_message_1()), "message_1")
        initiator.process_message_2(message_of(first))
        return initiator

    def end(self, initiator: Initiator) -> Session | None:
        """Send message_3; return the session, or None when the target refuses it."""
        assert initiator.c_r is not None
        third = edhoc_request(self.target, encode_identifier(initiator.c_r), initiator.prepare_message_3())
        reply = self.target.exchange(third, "message_3")
        if reply.code == Code.CHANGED:
            return initiator.complete()
        if reply.code != Code.BAD_REQUEST:
            raise Nonconformity(f"message_3 was answered {code_text(reply.code)}")
        return None

    def invited(self) -> Message:
        """Have the target begin a handshake, answer as the holder of the identity, and return what holds message_3.

        Skips the test as :meth:`begin` does.
        """
        self._need(SIGNING_RESPONDER)
        responder = Responder(self._config(self.history.key, SIGNING_RESPONDER), self.rng.randbytes)
        self.control.act("open", {1: SIGNING_RESPONDER, 2: [self.suite]})
        request, message_1 = receive_message_1(self.target)
        responder.process_message_1(message_1)
        c_r = OTHER_CID if responder.c_i == SUITE_CID else SUITE_CID
        answer(self.target, request, responder.prepare_message_2(c_r), "message_2")
        third = self.target.receive("message_3")
        responder.process_message_3(third.payload[len(encode_identifier(c_r)) :])
        return third

    def authenticates(self, key: Key | None = None) -> Session | None:
        """Try a handshake with a key of the identity, the last one if none is given."""
        return self.end(self.begin(key))

    def _need(self, method: int) -> None:
        for feature in (f"channel.edhoc.method.{method}", f"channel.edhoc.suite.{self.suite}"):
            if not self.target.manifest.declares(feature):
                pytest.skip(f"not declared: {feature}")

    def _config(self, key: Key, method: int = METHOD) -> EdhocConfig:
        if self._theirs is None:
            self._theirs = make_identity(
                Kind.KID, Usage.STATIC_DH, self.suite, self.rng.randbytes, kid=TARGET_KID, name="target"
            )
            self.control.provision(own=[self._theirs.own()], methods=[method], suites=[self.suite], message_4=False)
        trusted = TrustStore()
        trusted.add(Kind.KID, self._theirs.trusted, TARGET_KID)
        credential, kid = self.history.credential(key), self.history.identifier[:8]
        own = Identity(Kind.KID, Usage.SIGNATURE, credential, key.private, kid, credential)
        vault = software_vault(self.rng.randbytes)
        policy = Policy(methods=(method,), suites=(self.suite,), message_4=False)
        return EdhocConfig(vault, [own.unlock(vault)], trusted, policy)


def own_identity(key: Key, safe: bytes) -> dict[int, Any]:
    """Return the entry that gives a target an identity; ``safe`` is the thumbprint of its key for emergencies."""
    return {1: key.curve.value, 2: key.private, 3: safe}
