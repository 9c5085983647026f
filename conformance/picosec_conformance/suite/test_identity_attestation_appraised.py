"""Evidence as a verifier takes it: forged, in another form, of another channel, another question, another device."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Option, uint_bytes
from picosec.registry import CONTENT_FORMAT_COSE_SIGN1, Problem
from picosec_conformance.attestation import EAT, Answering, Asking, attester_of, new_key, own_attester
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier
from picosec_conformance.evidence import (
    DEBUG,
    ISSUED,
    LARGEST,
    MAKER,
    MAKERS,
    MEASURED,
    NONCE,
    PROFILE,
    SIZE,
    TAMPER,
    UEID,
    Evidence,
    bound,
)
from picosec_conformance.handshake import initiate
from picosec_conformance.objects import ALG, KID, NOW, SIGN1, TYP, Key, tagged
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "channel.edhoc.responder", "channel.oscore.client")

CURVES = pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519], ids=["p256", "ed25519"])
#: A change of evidence, or bytes in place of it.
Change = Callable[[Evidence], Any]


@pytest.fixture
def answering(target: Target, control: Control, rng: random.Random) -> Answering:
    """The suite as an attester that the target knows."""
    return Answering(target, control, rng)


# -- the question --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1170", "IDN-1930")
@CURVES
def test_good_evidence_is_good(target: Target, control: Control, rng: random.Random, curve: Curve) -> None:
    """Otherwise nobody opens to anybody."""
    answering = Answering(target, control, rng, curve=curve)
    for _ in range(3):
        answering.accepts()


@pytest.mark.requirement("IDN-1170")
@pytest.mark.needs("channel.edhoc.initiator")
def test_whoever_opened_the_channel_may_ask(target: Target, control: Control, rng: random.Random) -> None:
    """The lock calls the reader, and wants to know what it is talking to."""
    answering = Answering(target, control, rng, called=True)
    answering.accepts()
    answering.refuses(Problem.BAD_EVIDENCE, claims({DEBUG: 0}))


@pytest.mark.requirement("IDN-1170")
def test_each_question_is_a_new_one(answering: Answering) -> None:
    """Whoever foresees a challenge collects the answer to it beforehand."""
    challenges = []
    for _ in range(8):
        challenges.append(answering.asked())
        answering.answer(Code.CONTENT, answering.made(challenges[-1]).close(), EAT)

    assert len(set(challenges)) == len(challenges)
    assert not any(bytes(8) in each for each in challenges)


@pytest.mark.requirement("IDN-1170")
def test_challenge_is_drawn_and_not_counted(target: Target, control: Control, rng: random.Random) -> None:
    """After a reboot, a counter begins again, and so does what was recorded."""
    answering = Answering(target, control, rng)
    before = answering.asked()
    answering.answer(Code.CONTENT, answering.made(before).close(), EAT)
    control.reboot()
    answering.reopen()

    assert answering.asked() != before


@pytest.mark.requirement("IDN-1170")
@pytest.mark.parametrize("code", [Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED, Code.CHANGED, Code.UNAUTHORIZED])
def test_peer_that_gives_no_evidence_is_not_good(answering: Answering, code: Code) -> None:
    """A thief has no evidence to give, and says that there is no such thing."""
    made = answering.made(answering.asked())
    assert answering.answer(code, made.close() if code == Code.CHANGED else b"") == "refused"


@pytest.mark.requirement("IDN-1170")
def test_silence_is_not_good(answering: Answering) -> None:
    """The question stays without an answer until it is given up."""
    answering.asked()
    answering.control.advance(300)
    assert answering.control.event("appraisal").fields[1] == "timeout"


# -- size and form -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1180")
def test_evidence_of_any_size_is_not_taken(answering: Answering) -> None:
    """A device reserves memory for what it can use, and reads no more."""
    answering.refuses(Problem.TOO_LARGE, lambda made: made.close() + bytes(LARGEST + 1 - len(made.close())))


@pytest.mark.requirement("IDN-1180", "IDN-1190")
def test_largest_evidence_is_taken(target: Target, control: Control, rng: random.Random) -> None:
    """Eight pieces of software with the longest names, and the longest of all else."""
    answering = Answering(target, control, rng)
    answering.key = Key(bytes(range(32)), Curve.P256, rng.randbytes(32))
    ueid = rng.randbytes(33)
    control.provision_attestation(attesters=[attester_of(answering.key, ueid)])

    def largest(made: Evidence) -> None:
        made.change({UEID: ueid})
        made.software = {f"{number:032}": rng.randbytes(32) for number in range(8)}

    answering.accepts(largest)


def header(changes: dict[Any, Any]) -> Change:
    """Return a change of the protected header; None leaves a parameter out."""

    def change(made: Evidence) -> None:
        entries = {**made.header, **changes}
        made.header = {label: value for label, value in entries.items() if value is not None}

    return change


def claims(changes: dict[Any, Any]) -> Change:
    """Return a change of claims; None leaves one out."""
    return lambda made: made.change(changes) and None


def software(listed: Any) -> Change:
    """Return a change of what runs."""

    def change(made: Evidence) -> None:
        made.software = listed

    return change


def part(name: str, value: Any) -> Change:
    """Return a change of another part."""
    return lambda made: setattr(made, name, value)


def without(label: int) -> Change:
    """Return a change that leaves a claim out, and closes what remains."""

    def change(made: Evidence) -> bytes:
        made.payload = dumps({key: value for key, value in made.said().items() if key != label})
        return made.close()

    return change


HASH = bytes(32)
FORMS: dict[str, Change] = {
    "empty": lambda made: b"",
    "cut": lambda made: made.close()[:-1],
    "behind": lambda made: made.close() + b"\x00",
    "untagged": lambda made: made.close()[1:],
    "tag-of-a-cwt": lambda made: b"\xd8\x3d" + made.close(),
    "mac": part("tag", 17),
    "three-parts": lambda made: tagged(SIGN1, dumps(made.header), {}, dumps(made.said())),
    "short-signature": lambda made: made.close(bytes(63)),
    "nil-payload": lambda made: tagged(SIGN1, dumps(made.header), {}, None, bytes(64)),
    "unprotected-kid": part("unprotected", {KID: b"attest"}),
    "unprotected-more": part("unprotected", {99: 1}),
    "no-alg": header({ALG: None}),
    "no-kid": header({KID: None}),
    "kid-empty": header({KID: b""}),
    "kid-long": header({KID: bytes(33)}),
    "kid-as-text": header({KID: "attest"}),
    "no-typ": header({TYP: None}),
    "typ-of-an-object": header({TYP: 65002}),
    "typ-as-text": header({TYP: "application/eat+cwt"}),
    "header-more": header({2: [99]}),
    **{f"without-{label}": without(label) for label in (NONCE, UEID, DEBUG, PROFILE, MEASURED)},
    "claim-more": claims({1: "issuer"}),
    "claim-private": claims({-70000: 0}),
    "iat-below-zero": claims({ISSUED: -1}),
    "iat-as-float": claims({ISSUED: float(NOW)}),
    "nonce-cut": claims({NONCE: bytes(31)}),
    "nonces": claims({NONCE: [bytes(32), bytes(32)]}),
    "nonce-as-text": claims({NONCE: "x" * 32}),
    "ueid-short": claims({UEID: bytes(6)}),
    "ueid-long": claims({UEID: bytes(34)}),
    "ueid-as-text": claims({UEID: "reader at the gate"}),
    "no-maker": claims({DEBUG: 3}),
    "maker-of-15-bytes": claims({MAKER: bytes(15)}),
    "maker-of-4-bytes": claims({MAKER: bytes(4)}),
    "maker-below-zero": claims({DEBUG: 3, MAKER: -1}),
    "maker-as-text": claims({DEBUG: 3, MAKER: "1.3.6.1.4.1.32473"}),
    "debug-5": claims({DEBUG: 5}),
    "debug-as-true": claims({DEBUG: True}),
    "debug-as-text": claims({DEBUG: "disabled"}),
    "another-profile": claims({PROFILE: "urn:picosec:evidence:2"}),
    "profile-as-bytes": claims({PROFILE: b"urn:picosec:evidence:1"}),
    "tamper-below-zero": claims({TAMPER: -1}),
    "tamper-as-false": claims({TAMPER: False}),
    "no-measurements": claims({MEASURED: []}),
    "two-measurements": claims({MEASURED: [[60, dumps({"a": HASH})], [60, dumps({"b": HASH})]]}),
    "measured-otherwise": claims({MEASURED: [[258, dumps({"a": HASH})]]}),
    "measured-in-the-open": claims({MEASURED: [[60, {"a": HASH}]]}),
    "measurement-of-one": claims({MEASURED: [[60]]}),
    "no-software": software({}),
    "nine-pieces": software({str(number): HASH for number in range(9)}),
    "software-as-array": software([HASH]),
    "software-behind": claims({MEASURED: [[60, dumps({"a": HASH}) + b"\x00"]]}),
    "hash-cut": software({"a": bytes(31)}),
    "hash-as-text": software({"a": "x" * 32}),
    "nameless": software({"": HASH}),
    "long-name": software({"x" * 33: HASH}),
    "name-as-bytes": software({b"a": HASH}),
    "claims-as-array": part("payload", dumps([1, 2])),
    "claims-cut": part("payload", b"\xa1\x0a"),
}


@pytest.mark.requirement("IDN-1190")
@pytest.mark.parametrize("form", FORMS)
def test_evidence_of_another_form_is_refused(answering: Answering, form: str) -> None:
    """Two readers of one statement would judge two states."""
    answering.refuses(Problem.MALFORMED, FORMS[form])


@pytest.mark.requirement("IDN-1920")
@pytest.mark.parametrize("form", MAKERS)
def test_makers_are_named_in_three_ways(answering: Answering, form: str) -> None:
    """One has a number, another an address block, a third threw dice; their devices are as good."""
    for degree in (1, 3, 4):
        answering.accepts(claims({DEBUG: degree, MAKER: MAKERS[form]}))
    answering.accepts(claims({MAKER: None}))


def backwards(entries: dict[Any, Any]) -> bytes:
    """Return a map with its entries in the wrong order."""
    encoded = sorted((dumps(key), dumps(value)) for key, value in entries.items())
    return bytes([0xA0 | len(entries)]) + b"".join(key + value for key, value in reversed(encoded))


@pytest.mark.requirement("IDN-1190")
@pytest.mark.parametrize("place", ["claims", "software"])
def test_evidence_has_one_encoding(answering: Answering, place: str) -> None:
    """The same in another order, signed well."""

    def change(made: Evidence) -> None:
        if place == "software":
            made.change({MEASURED: [[60, backwards(made.software)]]})
        else:
            made.payload = backwards(made.said())

    answering.refuses(Problem.NOT_DETERMINISTIC, change)


@pytest.mark.requirement("IDN-1190")
@pytest.mark.parametrize("content_format", [None, 60, CONTENT_FORMAT_COSE_SIGN1])
def test_evidence_says_that_it_is_evidence(answering: Answering, content_format: int | None) -> None:
    """What is not said to be evidence is not judged as if it were."""
    made = answering.made(answering.asked())
    said = () if content_format is None else ((int(Option.CONTENT_FORMAT), uint_bytes(content_format)),)
    assert answering.answer(Code.CONTENT, made.close(), *said) == "malformed"


@pytest.mark.requirement("IDN-1200")
@pytest.mark.parametrize("algorithm", [-35, -16, 5, -257, True, "ES256"], ids=str)
def test_other_algorithms_sign_no_evidence(answering: Answering, algorithm: Any) -> None:
    """Whoever chooses the algorithm chooses the weakest."""
    answering.refuses(Problem.UNSUPPORTED_ALGORITHM, header({ALG: algorithm}))


# -- whose it is ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1210")
def test_unknown_attester_is_refused(answering: Answering) -> None:
    """Anybody can make a key and say that it is in a secure element."""

    def forge(made: Evidence) -> None:
        made.attester = new_key(answering.rng, b"stranger")
        made.header[KID] = b"stranger"

    answering.refuses(Problem.UNKNOWN_CREDENTIAL, forge)


@pytest.mark.requirement("IDN-1210")
@pytest.mark.needs("objects.recipient")
def test_sender_of_objects_is_no_attester(target: Target, control: Control, rng: random.Random) -> None:
    """The owner's phone may switch the lamp, and does not know what runs in it."""
    courier = Courier(target, control, rng)
    answering = Answering(target, control, rng)

    def forge(made: Evidence) -> None:
        made.attester = courier.sender
        made.header[KID] = courier.sender.kid

    answering.refuses(Problem.UNKNOWN_CREDENTIAL, forge)


@pytest.mark.requirement("IDN-1160")
@pytest.mark.needs("objects.recipient")
@pytest.mark.parametrize("own_kid", [True, False], ids=["its-own-kid", "kid-of-a-sender"])
def test_attester_is_no_sender_of_objects(target: Target, control: Control, rng: random.Random, own_kid: bool) -> None:
    """Whoever can make a device sign its state must not be able to switch another one with that."""
    courier = Courier(target, control, rng)
    kid = b"attest" if own_kid else courier.sender.kid
    key = new_key(rng, kid)
    control.provision_attestation(attesters=[attester_of(key)])
    signed = courier.signed()
    signed.sender = key
    signed.header[KID] = kid

    courier.refuses(signed.close(), Problem.UNKNOWN_CREDENTIAL if own_kid else Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-1220")
@CURVES
@pytest.mark.parametrize("part_", ["first", "last", "claims", "key"])
def test_forged_evidence_is_refused(
    target: Target, control: Control, rng: random.Random, curve: Curve, part_: str
) -> None:
    """A device that runs something else says what the verifier wants to hear."""
    answering = Answering(target, control, rng, curve=curve)

    def forge(made: Evidence) -> bytes | None:
        good = made.close()
        if part_ == "key":
            made.attester = new_key(rng, curve=curve)
            return None
        if part_ == "claims":
            return made.change({TAMPER: 1}).close(good[-64:])
        place = -64 if part_ == "first" else -1
        changed = bytearray(good)
        changed[place] ^= 1
        return bytes(changed)

    answering.refuses(Problem.AUTHENTICATION_FAILED, forge)


@pytest.mark.requirement("IDN-1220")
def test_signature_is_of_the_key_and_of_its_kind(answering: Answering) -> None:
    """A signature for another use, and one of another algorithm."""
    answering.refuses(Problem.AUTHENTICATION_FAILED, part("context", "Signature"))
    answering.refuses(Problem.AUTHENTICATION_FAILED, header({ALG: -8}))


# -- which question it answers -------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1230")
def test_evidence_is_good_once(answering: Answering) -> None:
    """It was recorded when the device was still what it should be."""
    old = answering.made(answering.asked()).close()
    assert answering.answer(Code.CONTENT, old, EAT) is None

    answering.refuses(Problem.REPLAYED, lambda made: old)


@pytest.mark.requirement("IDN-1230")
def test_evidence_of_another_channel_is_refused(answering: Answering) -> None:
    """The same question, asked of the same device over another channel, where somebody else listens."""
    other = initiate(answering.target, answering.parties)
    challenge = answering.asked()

    made = Evidence(answering.key, bound(other, challenge, answering.session.sender_id))

    assert answering.answer(Code.CONTENT, made.close(), EAT) == "replayed"


NONCES: dict[str, Callable[[Answering, bytes], bytes]] = {
    "the-challenge": lambda one, challenge: challenge,
    "zero": lambda one, challenge: bytes(SIZE),
    "another-question": lambda one, challenge: bound(one.session, bytes(SIZE), one.session.sender_id),
    "the-other-end": lambda one, challenge: bound(one.session, challenge, one.session.recipient_id),
    "no-end": lambda one, challenge: bound(one.session, challenge, b""),
    "another-label": lambda one, challenge: one.session.export(32768, challenge + one.session.sender_id, SIZE),
    "no-challenge": lambda one, challenge: bound(one.session, b"", one.session.sender_id),
}


@pytest.mark.requirement("IDN-1230")
@pytest.mark.parametrize("nonce", NONCES)
def test_evidence_is_bound_in_one_way(answering: Answering, nonce: str) -> None:
    """Whatever leaves something out of the nonce lets something in."""
    challenge = answering.asked()
    made = Evidence(answering.key, NONCES[nonce](answering, challenge))
    assert answering.answer(Code.CONTENT, made.close(), EAT) == "replayed"


@pytest.mark.requirement("IDN-1230")
@pytest.mark.needs("identity.attester", "channel.oscore.server")
@pytest.mark.parametrize("over", ["the-same-channel", "another-channel"])
def test_honest_device_vouches_for_nobody_else(answering: Answering, over: str) -> None:
    """The thief hands the verifier's question on to a device that is in order: here to the verifier itself."""
    key = new_key(answering.rng, b"honest")
    answering.control.provision_attestation(own=own_attester(key), attesters=[attester_of(key)])
    session = answering.session
    if over == "another-channel":
        session = initiate(answering.target, answering.parties)
    honest = Asking(answering.target, answering.control, answering.rng, key, session)
    if over == "the-same-channel":
        honest.channel = answering.channel
    challenge = answering.asked()

    evidence = honest.raw(challenge)

    assert answering.answer(Code.CONTENT, evidence, EAT) == "replayed"


@pytest.mark.requirement("IDN-1240")
def test_key_is_that_of_one_device(answering: Answering) -> None:
    """One key serves a whole batch by mistake, and each says which of them it is."""
    answering.refuses(Problem.BAD_EVIDENCE, claims({UEID: b"\x01" + bytes(16)}))
    answering.refuses(Problem.BAD_EVIDENCE, lambda made: made.change({UEID: made.claims[UEID] + b"\x00"}) and None)


@pytest.mark.requirement("IDN-1250")
@pytest.mark.parametrize("apart", [-301, 301, -NOW, 10 * NOW])
def test_evidence_of_another_time_is_refused(answering: Answering, apart: int) -> None:
    """A clock that was moved makes credentials good that have ended."""
    answering.refuses(Problem.STALE, claims({ISSUED: NOW + apart}))


@pytest.mark.requirement("IDN-1250")
@pytest.mark.parametrize("apart", [-300, 0, 300, None])
def test_clocks_need_not_agree_to_the_second(answering: Answering, apart: int | None) -> None:
    """Nor has every attester one: its evidence is fresh by the nonce."""
    answering.accepts(claims({ISSUED: None if apart is None else NOW + apart}))


@pytest.mark.requirement("IDN-1250")
def test_time_is_that_of_now(answering: Answering) -> None:
    """And not that at which the verifier was started."""
    answering.control.advance(400)
    answering.refuses(Problem.STALE, claims({ISSUED: NOW + 99}))
    answering.accepts(claims({ISSUED: NOW + 400}))


@pytest.mark.requirement("IDN-1250")
def test_verifier_without_a_clock_judges_no_time(target: Target, control: Control, rng: random.Random) -> None:
    """It could only guess."""
    Answering(target, control, rng, date=None).accepts(claims({ISSUED: 1}))
