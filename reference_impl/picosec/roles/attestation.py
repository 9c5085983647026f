"""Evidence as a role gives it, ``/ps/attestation``, and asks for it (spec/v1/identity-attestation.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from picosec.channel.channels import Channel
from picosec.channel.session import Session
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.identity.attester import bound_nonce, read_challenge
from picosec.identity.evidence import NONCE_SIZE
from picosec.identity.verifier import code_of
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option, Type, path_options, uint_bytes
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_EAT, Problem
from picosec.roles.client import Client
from picosec.roles.events import Appraised, Event, Failed, Reset, Response
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Reply, Request, Resource

PATH: Final = "/ps/attestation"


class Attesting:
    """What answers whoever asks over a channel for the state of this device.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock.
    """

    def __init__(self, keyring: Keyring, date: Callable[[float], float | None]) -> None:
        self._keyring = keyring
        self._date = date

    def resource(self) -> Resource:
        """Return what verifiers ask."""
        return Resource(
            {Code.POST: self._post},
            Access.PEER,
            takes=(CONTENT_FORMAT_CBOR,),
            gives=(CONTENT_FORMAT_EAT,),
            attributes={"rt": "ps.attestation"},
        )

    def _post(self, request: Request) -> Reply:
        session = None if request.channel is None else request.channel.session
        attester, vault = self._keyring.attester, self._keyring.vault
        if session is None or attester is None:
            raise ProtocolError(Problem.METHOD_NOT_ALLOWED, "IDN-1120", "no exporter, or no key for evidence")
        nonce = bound_nonce(session.export, read_challenge(request.payload), session.sender_id)
        date = self._date(request.now)
        issued = None if date is None else int(date)
        evidence = attester.attest(nonce, vault, issued, self._keyring.tamper.record.count)
        return Reply(Code.CONTENT, evidence, CONTENT_FORMAT_EAT)


@dataclass(frozen=True, slots=True)
class Question:
    """What evidence has to answer: the nonce of it, and the code that the peer is said to be."""

    nonce: bytes
    code: Any


class Appraising:
    """Asks peers for evidence, and reports what it is worth. ``date`` is as above."""

    def __init__(
        self,
        keyring: Keyring,
        client: Client,
        entropy: Entropy,
        date: Callable[[float], float | None],
    ) -> None:
        self._keyring = keyring
        self._client = client
        self._entropy = entropy
        self._date = date
        self._asked: dict[int, Question] = {}

    def ask(self, handle: int, channel: Channel, now: float) -> None:
        """Ask the peer of a channel (IDN-1170).

        Raises ``ProtocolError`` with ``bad_request`` for a channel without an exporter or whose peer was not heard
        yet, ``busy`` or ``exhausted``.
        """
        session, peer = channel.session, channel.bond.peer
        if session is None or peer is None:
            raise ProtocolError(Problem.BAD_REQUEST, "IDN-1120", "no exporter, or nobody knows where the peer is")
        challenge = self._entropy(NONCE_SIZE)
        question = question_of(session, challenge)
        self._client.ask(handle, evidence_request(challenge), peer, now, channel)
        self._asked[handle] = question

    def judged(self, event: Event, now: float) -> Event:
        """Return what an event means for whoever asked: an appraisal, if it is the answer to a question."""
        if not isinstance(event, Response | Failed | Reset) or event.handle not in self._asked:
            return event
        question = self._asked.pop(event.handle)
        match event:
            case Response(handle, message):
                return Appraised(handle, self._problem(question, message, now))
            case Failed(handle, reason):
                return Appraised(handle, reason)
        return Appraised(event.handle, Problem.REFUSED)

    def _problem(self, question: Question, message: Message, now: float) -> Problem | None:
        """Return what is wrong with an answer, None for good evidence."""
        if message.code != Code.CONTENT:
            return Problem.REFUSED
        if message.content_format != CONTENT_FORMAT_EAT:
            return Problem.MALFORMED
        try:
            self._keyring.verifier.appraise(message.payload, question.nonce, self._date(now), question.code)
        except ProtocolError as error:
            return error.problem
        return None


def question_of(session: Session, challenge: bytes) -> Question:
    """Return what is asked of the peer of a session by a challenge."""
    return Question(bound_nonce(session.export, challenge, session.recipient_id), code_of(session.peer.cred))


def evidence_request(challenge: bytes) -> Message:
    """Return the request that a verifier makes (IDN-1170)."""
    formats = (
        (int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_CBOR)),
        (int(Option.ACCEPT), uint_bytes(CONTENT_FORMAT_EAT)),
    )
    options = tuple(sorted((*path_options(PATH), *formats), key=lambda option: option[0]))
    return Message(Type.CON, Code.POST, 0, b"", options, cbor.dumps(challenge))
