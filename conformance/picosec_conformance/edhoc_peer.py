"""The suite as a hostile party of handshakes: each message can be made wrong in one way, and what comes back is judged.

What the hostile side sends is composed by :class:`picosec_conformance.edhoc_run.Run`, from the primitives up and
without a check; what an honest side sends is the reference's (:mod:`picosec_conformance.handshake`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from picosec.channel.credentials import Kind
from picosec.channel.edhoc_error import ErrorMessage, is_error
from picosec.channel.edhoc_messages import encode_identifier
from picosec.channel.session import Role
from picosec.channel.trust import parse_credential
from picosec.crypto.aead import InvalidTag
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CONTENT_FORMAT_EDHOC, Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_run import Prover, Run
from picosec_conformance.handshake import (
    OTHER_CID,
    PATH,
    SUITE_CID,
    TRUE,
    Parties,
    answer,
    edhoc_request,
    introduce,
    message_of,
    receive_message_1,
)
from picosec_conformance.identity import Identity
from picosec_conformance.target import Nonconformity, Target

#: In the order in which the suite prefers to speak them: the smallest first.
METHODS = (3, 0, 2, 1)
SUITES_TO_SPEAK = (2, 3, 0, 1, 5, 4, 6)
_CODES = {Problem.UNSUPPORTED_SUITE: 2, Problem.UNKNOWN_CREDENTIAL: 3}


def methods(target: Target) -> list[int]:
    """Return the methods that the target declares. Skips the test when there are none."""
    return _declared(target, "channel.edhoc.method", METHODS)


def suites(target: Target, count: int = 1, curve: Curve | None = None) -> list[int]:
    """Return the suites that the target declares, on one curve if one is given. Skips the test when they are too
    few.
    """
    return _declared(
        target,
        "channel.edhoc.suite",
        [suite for suite in SUITES_TO_SPEAK if curve in (None, SUITES[suite].curve)],
        count,
    )


def same_curves(target: Target, count: int) -> list[int]:
    """Return declared suites that one credential can serve. Skips the test when they are too few."""
    declared = suites(target)
    for first in declared:
        like = [suite for suite in declared if _keys_of(suite) == _keys_of(first)]
        if len(like) >= count:
            return like[:count]
    pytest.skip(f"not declared: {count} suites with the same curve and signature")


def _keys_of(suite: int) -> tuple[Any, ...]:
    return SUITES[suite].curve, SUITES[suite].signature


def kinds(target: Target) -> list[Kind]:
    """Return the kinds of credentials that the target declares. Skips the test when there are none."""
    return _declared(target, "channel.edhoc.credential", list(Kind))


def _declared(target: Target, feature: str, values: Sequence[Any], count: int = 1) -> list[Any]:
    found = [value for value in values if target.manifest.declares(f"{feature}.{getattr(value, 'value', value)}")]
    if len(found) < count:
        pytest.skip(f"not declared: {count} of {feature}.* that the test can use")
    return found


def meet(target: Target, rng: random.Random, **choices: Any) -> Parties:
    """Introduce suite and target as :func:`introduce` does; what is not chosen is the first that the target
    declares.
    """
    return introduce(target, rng, **{**_preferred(target), **choices})


def _preferred(target: Target) -> dict[str, Any]:
    given = target.manifest.edhoc
    if target.manifest.black_box and given is not None:
        kinds_given = {"own_kind": Kind(given.peer.kind), "target_kind": Kind(given.target.kind)}
        return {"method": given.method, "suite": given.suite, "message_4": given.message_4, **kinds_given}
    kind = kinds(target)[0]
    return {"method": methods(target)[0], "suite": suites(target)[0], "own_kind": kind, "target_kind": kind}


def prover(identity: Identity) -> Prover:
    """Return an identity as a :class:`Run` takes it."""
    if not identity.private_key:
        parsed = parse_credential(identity.kind, identity.credential)
        value = dumps(parsed.kid if identity.kid is None else identity.kid)
        named = b"\xa1" + dumps(identity.kind.header) + (value if identity.kind is Kind.KID else parsed.cred)
        return Prover(named, parsed.cred, parsed.key)
    own = identity.unlock(software_vault(bytes))
    return Prover(own.id_cred, own.cred, own.credential.key, identity.private_key)


@contextmanager
def sent_by_target(name: str) -> Iterator[None]:
    """Blame the target, and not the suite, when its message cannot be read. Raises ``Nonconformity``."""
    try:
        yield
    except (ProtocolError, InvalidTag, ValueError, TypeError, KeyError) as error:
        raise Nonconformity(f"the target's {name} cannot be read: {type(error).__name__} {error}") from error


class HostileInitiator:
    """Talks to a Responder."""

    def __init__(self, target: Target, parties: Parties, c_i: bytes = SUITE_CID) -> None:
        self._target = target
        self.message_4 = parties.config.policy.message_4
        theirs = replace(prover(parties.target), private_key=None)
        ephemeral = parties.rng.randbytes(32)
        self.run = Run(parties.method, (parties.suite,), ephemeral, c_i, b"", prover(parties.own), theirs)

    def send_1(self, message: bytes | None = None, ead: bytes = b"", note: str = "message_1") -> Message:
        """Send message_1, the honest one by default, and return the response."""
        honest = self.run.compose_message_1(ead)
        return self._target.exchange(edhoc_request(self._target, TRUE, honest if message is None else message), note)

    def reach_2(self, ead: bytes = b"") -> bytes:
        """Send message_1 and read message_2, which is returned."""
        return self.read_2(self.send_1(ead=ead))

    def read_2(self, reply: Message) -> bytes:
        """Read the message_2 in a response, which is returned."""
        message = message_of(reply, plain=self._target.manifest.profile.plain)
        with sent_by_target("message_2"):
            self.run.read_message_2(message)
        return message

    def send_3(self, message: bytes | None = None, note: str = "message_3") -> Message:
        """Send message_3, the honest one by default, and return the response."""
        content = self.run.compose_message_3() if message is None else message
        return self.send_behind(encode_identifier(self.run.c_r), content, note)

    def send_behind(self, prefix: bytes, content: bytes, note: str = "") -> Message:
        """Send anything behind any prefix and return the response."""
        return self._target.exchange(edhoc_request(self._target, prefix, content), note)


class HostileResponder:
    """Is talked to by an Initiator, which the Test Interface made begin."""

    def __init__(self, target: Target, control: Control, parties: Parties, c_r: bytes = SUITE_CID) -> None:
        self._target, self._control, self._parties = target, control, parties
        theirs = replace(prover(parties.target), private_key=None)
        ephemeral = parties.rng.randbytes(32)
        self.run = Run(parties.method, (parties.suite,), ephemeral, b"", c_r, theirs, prover(parties.own))
        self._request: Message | None = None
        #: What the target reports this handshake under.
        self.handle = 0

    def wait_1(self, suites: Sequence[int] | None = None, first: dict[int, Any] | None = None) -> bytes:
        """Make the target begin, with one suite unless more are given, and read message_1, which is returned.

        ``first`` is the request that the target is to ask over the channel.
        """
        fields: dict[int, Any] = {1: self._parties.method, 2: list(suites or [self._parties.suite])}
        self.handle = self._control.act("open", fields if first is None else {**fields, 4: first})
        self._request, message = receive_message_1(self._target)
        with sent_by_target("message_1"):
            self.run.read_message_1(message)
        if self.run.c_i == self.run.c_r == SUITE_CID:
            self.run.c_r = OTHER_CID
        return message

    def send_2(self, message: bytes | None = None, note: str = "message_2", code: int = Code.CHANGED) -> None:
        """Answer message_1, with an honest message_2 by default."""
        assert self._request is not None
        content = self.run.compose_message_2() if message is None else message
        answer(self._target, self._request, content, note, code)

    def wait_3(self) -> bytes:
        """Read message_3, which is returned."""
        request = self._target.receive("message_3")
        prefix = encode_identifier(self.run.c_r)
        if (request.code, request.path) != (Code.POST, PATH) or not request.payload.startswith(prefix):
            raise Nonconformity(f"expected POST {PATH} with message_3 behind the Responder's identifier")
        self._request = request
        message = request.payload[len(prefix) :]
        self.take_3(message)
        return message

    def take_3(self, message: bytes) -> None:
        """Read a message_3, however it came."""
        with sent_by_target("message_3"):
            self.run.read_message_3(message)

    def send_4(self, message: bytes, note: str = "message_4", code: int = Code.CHANGED) -> None:
        """Answer message_3."""
        assert self._request is not None
        answer(self._target, self._request, message, note, code)


def error_of(reply: Message) -> ErrorMessage:
    """Return the EDHOC error message in a response. Raises ``Nonconformity`` when it is no error response with one."""
    if reply.code >> 5 not in (4, 5):
        raise Nonconformity(f"expected an error response, got {code_text(reply.code)}")
    if reply.content_format != CONTENT_FORMAT_EDHOC:
        raise Nonconformity(f"an EDHOC error message has Content-Format 64, not {reply.content_format}")
    try:
        return ErrorMessage.decode(reply.payload)
    except ProtocolError as error:
        raise Nonconformity(f"the error response carries no EDHOC error message: {error}") from error


def expect_error(target: Target, reply: Message, problem: Problem) -> ErrorMessage:
    """Raise ``Nonconformity`` unless a response refuses with this error.

    The name of an error with ERR_CODE 1 counts where the target explains its errors at all. To plain stacks, codes
    beyond those of RFC 9528 are open, and whether there is an error message at all is judged once (CHN-530).
    """
    if target.manifest.profile.plain and problem is not Problem.UNSUPPORTED_SUITE:
        return _any_error(reply, problem)
    message, code = error_of(reply), _CODES.get(problem, 1)
    if message.code != code:
        raise Nonconformity(f"expected ERR_CODE {code} ({problem.name.lower()}), got {message.code}, {message.info!r}")
    if code == 1 and target.manifest.declares("messaging.problem-details") and message.info != problem.name.lower():
        raise Nonconformity(f"expected ERR_INFO {problem.name.lower()!r}, got {message.info!r}")
    return message


def _any_error(reply: Message, problem: Problem) -> ErrorMessage:
    if reply.code >> 5 not in (4, 5):
        raise Nonconformity(f"expected an error response, got {code_text(reply.code)}")
    if reply.content_format != CONTENT_FORMAT_EDHOC:
        return ErrorMessage(1, "")
    message = error_of(reply)
    wrong = {0, 2} if problem is Problem.UNKNOWN_CREDENTIAL else {0, 2, 3}
    if message.code in wrong:
        raise Nonconformity(f"ERR_CODE {message.code} means something else than {problem.name.lower()}")
    return message


def expect_no_channel(control: Control) -> None:
    """Raise ``Nonconformity`` if the target has a channel; this is also the proof that it is alive."""
    if control.blind:
        control.alive()
        return
    if control.state()[2]:
        raise Nonconformity("the target opened a channel after a handshake that had to fail")


def expect_ended(control: Control) -> None:
    """Raise ``Nonconformity`` if the target has a channel or a session in progress."""
    expect_no_channel(control)
    if not control.blind and control.state()[3]:
        raise Nonconformity("the target keeps a session that had to end")


def settle(target: Target, c_r: bytes = SUITE_CID) -> bool:
    """Let the target finish what it is at, and answer its error messages; return whether it sent message_3.

    Whatever it sends to the EDHOC resource under the Responder's identifier, and is no error message, counts as
    message_3.
    """
    went_on = False
    for frame in target.until_probe_answered():
        message = target.parse(frame)
        if message.is_request and message.path == PATH:
            went_on |= not is_error(message.payload.removeprefix(encode_identifier(c_r)))
            answer(target, message, b"", "nothing to add")
    return went_on


def expect_given_up(target: Target, control: Control, problem: Problem | None, c_r: bytes = SUITE_CID) -> None:
    """Raise ``Nonconformity`` unless the target, as Initiator, gave up, for this reason if one is given."""
    if settle(target, c_r):
        raise Nonconformity("the target went on with the handshake after a message that it had to refuse")
    if control.blind:
        return
    reason = control.event("channel-failed").fields[1]
    if problem is not None and reason != problem.name.lower():
        raise Nonconformity(f"expected the handshake to fail with {problem.name.lower()}, got {reason}")
    expect_no_channel(control)


def as_initiator(**choices: Any) -> dict[str, Any]:
    """Return the choices for :func:`meet` that make the target the Initiator."""
    return {"target_role": Role.INITIATOR, **choices}
