"""The suite as the other end of a channel over which evidence is asked for: as the verifier, and as the attester."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from picosec.channel.credentials import Kind
from picosec.channel.session import Session
from picosec.crypto.curves import Curve, decode_public
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code, Message, Option, code_text, uint_bytes
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_EAT, Problem
from picosec_conformance.blockwise import TargetAsClient
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, meet
from picosec_conformance.evidence import (
    DEBUG,
    ISSUED,
    MAKER,
    MEASURED,
    NONCE,
    PROFILE,
    READER,
    SIZE,
    SOFTWARE,
    TAMPER,
    TARGET,
    UEID,
    URN,
    Evidence,
    bound,
)
from picosec_conformance.handshake import Parties, initiate, open_channel, respond
from picosec_conformance.lives import Renewing
from picosec_conformance.objects import ALG, KID, NOW, TYP, Key
from picosec_conformance.target import Nonconformity, Target

PATH: Final = "/ps/attestation"
EAT: Final = (int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_EAT))


def new_key(rng: random.Random, kid: bytes = b"attest", curve: Curve = Curve.P256) -> Key:
    """Return a key for evidence."""
    return Key(kid, curve, rng.randbytes(32))


def attester_of(key: Key, ueid: bytes = READER, **acceptable: Any) -> dict[int, Any]:
    """Return the entry of an attester that the target knows; ``acceptable`` is named as in the grammar."""
    names = {"debug": 1, "software": 2, "tampered": 3}
    policy = {names[name]: value for name, value in acceptable.items()}
    return {1: key.kid, 2: key.cose_key, 3: ueid, **({4: policy} if policy else {})}


def own_attester(
    key: Key,
    *,
    ueid: bytes = TARGET,
    debug: int = 4,
    software: Mapping[str, bytes] = SOFTWARE,
    maker: bytes | int | None = None,
) -> dict[int, Any]:
    """Return the entry that makes the target an attester."""
    entry = {1: key.kid, 2: key.curve.value, 3: key.private, 4: ueid, 5: debug, 6: dict(software)}
    return entry if maker is None else {**entry, 7: maker}


class Asking:
    """The suite as a verifier, with a channel that a handshake opened."""

    def __init__(
        self, target: Target, control: Control, rng: random.Random, key: Key, session: Session | None = None
    ) -> None:
        self.target, self.control, self.rng, self.key = target, control, rng, key
        self._parties: Parties | None = None
        if session is None:
            self._parties = meet(target, rng)
            session = initiate(target, self._parties)
        self.session = session
        self.channel: Channel = open_channel(target, session)

    def again(self) -> Asking:
        """Return the suite with another channel, opened by the same two parties."""
        assert self._parties is not None
        session = initiate(self.target, self._parties)
        return Asking(self.target, self.control, self.rng, self.key, session)

    def renewed(self) -> Asking:
        """Return the suite with another channel of the same two parties, which got new keys since."""
        assert self._parties is not None
        ends = Renewing(self.target, self._parties, self.rng)
        ends.renew()
        asking = Asking(self.target, self.control, self.rng, self.key, ends.session)
        asking.channel = ends.channel
        return asking

    def post(self, payload: bytes, content_format: int | None = CONTENT_FORMAT_CBOR) -> Message:
        """Ask with any payload, and return the answer."""
        return self.channel.request(Code.POST, PATH, payload, content_format=content_format)

    def ask(self, challenge: bytes | None = None) -> dict[Any, Any]:
        """Ask for evidence, judge all of it that needs no policy, and return its claims.

        Raises ``Nonconformity`` for evidence that is not as the grammar has it, or does not answer the question.
        """
        challenge = self.rng.randbytes(SIZE) if challenge is None else challenge
        claims = judge(self.raw(challenge), self.key)
        expect(claims[NONCE] == bound(self.session, challenge, self.session.recipient_id), "the nonce is bound")
        return claims

    def raw(self, challenge: bytes) -> bytes:
        """Ask for evidence, and return it as it came."""
        reply = self.post(dumps(challenge))
        if (reply.code, reply.content_format) != (Code.CONTENT, CONTENT_FORMAT_EAT):
            raise Nonconformity(f"expected 2.05 with evidence, got {code_text(reply.code)}")
        return reply.payload


class Answering:
    """The suite as an attester that the target knows, with a channel that a handshake opened.

    The target knows the date, :data:`picosec_conformance.objects.NOW`, unless ``date`` is None. ``claims`` are further
    ones of the suite's credential, which is of a ``kind``; ``called`` says whether the target opens the channel, and
    ``acceptable`` what it accepts. With ``parties``, they know each other already.
    """

    def __init__(
        self,
        target: Target,
        control: Control,
        rng: random.Random,
        *,
        curve: Curve = Curve.P256,
        date: int | None = NOW,
        claims: Mapping[int, Any] | None = None,
        kind: Kind | None = None,
        called: bool = False,
        parties: Parties | None = None,
        **acceptable: Any,
    ) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.key = new_key(rng, curve=curve)
        control.provision_attestation(attesters=[attester_of(self.key, **acceptable)])
        if date is not None:
            control.provision_objects(date=date)
        chosen = {} if kind is None else {"own_kind": kind}
        chosen = as_initiator(**chosen) if called else chosen
        self.parties = meet(target, rng, own_claims=claims, **chosen) if parties is None else parties
        self.reopen(called=called)

    def reopen(self, *, called: bool = False) -> None:
        """Open a channel, or have the target open it, and from now on answer over that."""
        if called:
            self.control.act("open", {1: self.parties.method, 2: [self.parties.suite]})
            self.session: Session = respond(self.target, self.parties)
            self.target.until_probe_answered()
        else:
            self.session = initiate(self.target, self.parties)
        self.channel = open_channel(self.target, self.session)
        self._client = TargetAsClient(self.target, self.control, self.channel)
        self.control.events()

    def asked(self) -> bytes:
        """Make the target ask, and return its challenge. Raises ``Nonconformity`` for another request."""
        self.handle = self.control.act("appraise", {1: self.session.sender_id})
        request = self._client.receive()
        said = (request.code, request.path, request.content_format)
        if said != (Code.POST, PATH, CONTENT_FORMAT_CBOR):
            raise Nonconformity(f"expected POST {PATH}, got {code_text(request.code)} {request.path}")
        challenge = _decoded(request.payload)
        expect(type(challenge) is bytes and len(challenge) == SIZE, f"a challenge of {SIZE} bytes")
        return bytes(challenge)

    def made(self, challenge: bytes) -> Evidence:
        """Return good evidence, which can still be changed."""
        return Evidence(self.key, bound(self.session, challenge, self.session.sender_id))

    def answer(self, code: Code, payload: bytes = b"", *options: tuple[int, bytes]) -> str | None:
        """Answer the target's question, and return what it reports, None for good evidence."""
        self._client.answer(code, payload, *options)
        self.target.until_probe_answered()
        event = self.control.event("appraisal")
        if event.fields.get(0) != self.handle or set(event.fields) != {0, 1}:
            raise Nonconformity("the event of an appraisal has its handle and its outcome")
        outcome: str | None = event.fields[1]
        return outcome

    def outcome(self, make: Callable[[Evidence], Any] = lambda made: None) -> str | None:
        """Have the target ask; return what it reports of evidence that ``make`` changed, or of the bytes it returns."""
        made = self.made(self.asked())
        data = make(made)
        return self.answer(Code.CONTENT, data if isinstance(data, bytes) else made.close(), EAT)

    def accepts(self, make: Callable[[Evidence], Any] = lambda made: None) -> None:
        """Give evidence that has to be good. Raises ``Nonconformity`` when it is not."""
        said = self.outcome(make)
        if said is not None:
            raise Nonconformity(f"evidence that is good was said to be {said}")

    def refuses(self, problem: Problem, make: Callable[[Evidence], Any]) -> None:
        """Give evidence that is not good; the target has to say this of it, and to go on with its channel."""
        said = self.outcome(make)
        if said != problem.name.lower():
            raise Nonconformity(f"evidence that is {problem.name.lower()} was said to be {said or 'good'}")
        self.channel.leveled()


# -- what a target made --------------------------------------------------------------------------------------------


def expect(holds: bool, what: str) -> None:
    """Raise ``Nonconformity`` with what the grammar says, unless it holds."""
    if not holds:
        raise Nonconformity(f"the target's evidence is not as the grammar has it: {what}")


def judge(data: bytes, key: Key) -> dict[Any, Any]:
    """Verify evidence that a target signed with a key, and return its claims. Raises ``Nonconformity``."""
    expect(data[:1] == b"\xd2", "a tagged COSE_Sign1")
    item = _decoded(data[1:])
    expect(type(item) is list and len(item) == 4, "a COSE_Sign1 has four parts")
    protected, unprotected, payload, signature = item
    algorithm = -8 if key.curve is Curve.ED25519 else -7
    head = dumps({ALG: algorithm, KID: key.kid, TYP: CONTENT_FORMAT_EAT})
    expect(protected == head and unprotected == {}, "alg, kid and typ are protected, and nothing else is there")
    public = decode_public(key.curve, key.cose_key[-2], key.cose_key.get(-3))
    try:
        public.verify(signature, dumps(["Signature1", protected, b"", payload]))
    except Exception as error:
        raise Nonconformity("the signature of the target's evidence does not verify") from error
    claims = _decoded(payload)
    needed = {NONCE, UEID, DEBUG, PROFILE, MEASURED}
    expect(
        type(claims) is dict and needed <= set(claims) <= {*needed, ISSUED, MAKER, TAMPER}, "its claims, and no other"
    )
    expect(claims[PROFILE] == URN, "its profile")
    return dict(claims)


def software_of(claims: Mapping[Any, Any]) -> dict[str, bytes]:
    """Return the software that evidence lists. Raises ``Nonconformity``."""
    match claims[MEASURED]:
        case [[int(content_format), bytes(measured)]] if content_format == CONTENT_FORMAT_CBOR:
            listed = _decoded(measured)
            expect(type(listed) is dict, "software by its name")
            return dict(listed)
        case _:
            raise Nonconformity("measurements have one entry, in Content-Format 60")


def _decoded(data: Any) -> Any:
    expect(type(data) is bytes, "a byte string")
    try:
        return loads(data)
    except ProtocolError as error:
        raise Nonconformity(f"the target sent what is not deterministic CBOR: {error}") from error
