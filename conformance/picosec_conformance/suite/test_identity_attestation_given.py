"""Evidence that a device gives: of what, to whom, and bound to what."""

from __future__ import annotations

import random

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_COSE_SIGN1, RESPONSE_CODE, Problem
from picosec_conformance.attestation import PATH, Asking, new_key, own_attester, software_of
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, meet
from picosec_conformance.evidence import (
    DEBUG,
    ISSUED,
    MAKER,
    MAKERS,
    NONCE,
    SIZE,
    SOFTWARE,
    TAMPER,
    TARGET,
    UEID,
    bound,
    hash_of,
)
from picosec_conformance.handshake import respond
from picosec_conformance.objects import NOW
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "channel.edhoc.responder", "channel.oscore.server")

CURVES = pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519], ids=["p256", "ed25519"])


@pytest.fixture
def asking(target: Target, control: Control, rng: random.Random) -> Asking:
    """The suite as a verifier, and the target as an attester."""
    key = new_key(rng)
    control.provision_attestation(own=own_attester(key))
    return Asking(target, control, rng, key)


@pytest.mark.requirement("IDN-1100")
@CURVES
def test_device_shows_what_state_it_is_in(target: Target, control: Control, rng: random.Random, curve: Curve) -> None:
    """The lock asks the reader at the gate, before it believes it."""
    key = new_key(rng, curve=curve)
    control.provision_attestation(own=own_attester(key))

    claims = Asking(target, control, rng, key).ask()

    assert claims[UEID] == TARGET
    assert software_of(claims) == SOFTWARE


@pytest.mark.requirement("IDN-1100")
@pytest.mark.needs("channel.edhoc.initiator")
def test_whoever_opened_the_channel_may_be_asked(target: Target, control: Control, rng: random.Random) -> None:
    """Who began the handshake and who asks for evidence are two things."""
    key = new_key(rng)
    control.provision_attestation(own=own_attester(key))
    parties = meet(target, rng, **as_initiator())
    control.act("open", {1: parties.method, 2: [parties.suite]})
    session = respond(target, parties)
    target.until_probe_answered()

    assert Asking(target, control, rng, key, session).ask()[UEID] == TARGET


@pytest.mark.requirement("IDN-1100")
def test_each_question_is_answered(asking: Asking) -> None:
    """Also the same one again: evidence is of the moment."""
    challenge = asking.rng.randbytes(SIZE)
    for _ in range(3):
        asking.ask(challenge)
        asking.ask()


CHALLENGES = {
    "empty": b"",
    "null": b"\xf6",
    "cut": dumps(bytes(31)),
    "long": dumps(bytes(33)),
    "text": dumps("x" * 32),
    "array": dumps([bytes(32)]),
    "map": dumps({10: bytes(32)}),
    "bare": bytes(range(0x40, 0x60)),
    "behind": dumps(bytes(32)) + b"\x00",
    "two": dumps(bytes(32)) * 2,
}


@pytest.mark.requirement("IDN-1110")
@pytest.mark.parametrize("form", CHALLENGES)
def test_other_challenges_are_refused(asking: Asking, form: str) -> None:
    """What is signed would otherwise be bound to what two readers read in two ways."""
    reply = asking.post(CHALLENGES[form])
    asking.target.expect_refusal(reply, RESPONSE_CODE[Problem.MALFORMED], Problem.MALFORMED)
    asking.ask()


@pytest.mark.requirement("IDN-1110")
def test_challenge_has_one_encoding(asking: Asking) -> None:
    """A length in two bytes, where one is enough."""
    reply = asking.post(b"\x59\x00\x20" + bytes(32))
    asking.target.expect_refusal(reply, RESPONSE_CODE[Problem.NOT_DETERMINISTIC], Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("IDN-1120")
def test_provisioned_channel_gives_no_evidence(
    target: Target, control: Control, rng: random.Random, channel: Channel
) -> None:
    """It has no exporter; evidence that is bound to nothing would be good everywhere."""
    control.provision_attestation(own=own_attester(new_key(rng)))

    reply = channel.request(Code.POST, PATH, dumps(bytes(SIZE)), content_format=CONTENT_FORMAT_CBOR)

    target.expect_refusal(reply, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)


@pytest.mark.requirement("MSG-570")
@pytest.mark.needs("identity.attester")
def test_device_without_a_key_gives_no_evidence(target: Target, control: Control, rng: random.Random) -> None:
    """Nothing signed is not the same as an unsigned something."""
    reply = Asking(target, control, rng, new_key(rng)).post(dumps(bytes(SIZE)))
    target.expect_refusal(reply, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)


@pytest.mark.requirement("CHN-800")
@pytest.mark.needs("identity.attester")
def test_stranger_is_given_no_evidence(target: Target, control: Control, rng: random.Random) -> None:
    """What runs on a device is a map for whoever looks for a hole."""
    control.provision_attestation(own=own_attester(new_key(rng)))
    with target.expect_unchanged():
        reply = target.request(Code.POST, PATH, dumps(bytes(SIZE)), content_format=CONTENT_FORMAT_CBOR)
        target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNPROTECTED)


@pytest.mark.requirement("IDN-1130")
def test_evidence_is_bound_to_question_and_channel(asking: Asking) -> None:
    """The same question over two channels, and two questions over one: four answers that are good once."""
    other = asking.again()
    challenges = [bytes(SIZE), asking.rng.randbytes(SIZE)]

    nonces = {each.ask(challenge)[NONCE] for each in (asking, other) for challenge in challenges}

    assert len(nonces) == 4


@pytest.mark.requirement("IDN-1130")
def test_evidence_is_bound_to_its_end_of_the_channel(asking: Asking) -> None:
    """Whoever is asked could otherwise ask the same back, and return what he is told as his own."""
    challenge = asking.rng.randbytes(SIZE)

    nonce = asking.ask(challenge)[NONCE]

    assert nonce != bound(asking.session, challenge, asking.session.sender_id)


@pytest.mark.requirement("IDN-1130")
@pytest.mark.needs("channel.renewal")
def test_evidence_is_bound_to_the_keys_in_force(asking: Asking) -> None:
    """A channel got new keys: what the old ones exported is past."""
    asking.renewed().ask()


@pytest.mark.requirement("IDN-1140")
def test_evidence_says_what_runs_now(asking: Asking) -> None:
    """An update, a debugger that is attached, and the next answer."""
    before = asking.ask()
    assert (before[DEBUG], software_of(before)) == (4, SOFTWARE)
    updated = {"firmware": hash_of("firmware 1.3"), "a": hash_of("a"), "gate-keeper": hash_of("gate 8")}
    asking.control.provision_attestation(own=own_attester(asking.key, debug=0, software=updated))

    after = asking.ask()

    assert (after[DEBUG], software_of(after)) == (0, updated)


@pytest.mark.requirement("IDN-1910")
@pytest.mark.parametrize("form", MAKERS)
def test_maker_who_can_open_the_ports_is_named(asking: Asking, form: str) -> None:
    """The lock sees that a back door is there; now it sees whose."""
    own = own_attester(asking.key, debug=3, maker=MAKERS[form])
    asking.control.provision_attestation(own=own)

    claims = asking.ask()

    assert (claims[DEBUG], claims.get(MAKER)) == (3, MAKERS[form])


@pytest.mark.requirement("IDN-1140")
def test_evidence_has_a_date_where_there_is_one(asking: Asking) -> None:
    """A date of nineteen-seventy would be a lie of a device that has no clock."""
    assert ISSUED not in asking.ask()
    asking.control.provision_objects(date=NOW)
    assert asking.ask()[ISSUED] == NOW
    asking.control.advance(90)
    assert asking.ask()[ISSUED] == NOW + 90


@pytest.mark.requirement("IDN-1140", "IDN-1530")
@pytest.mark.needs("identity.tamper")
def test_evidence_says_that_somebody_tampers(asking: Asking) -> None:
    """Somebody opens the case between two questions."""
    counts = [asking.ask()[TAMPER]]
    for kind in (1, 3):
        asking.control.act("tamper", {1: kind})
        counts.append(asking.ask()[TAMPER])

    assert counts == [0, 1, 2]


@pytest.mark.requirement("IDN-1140")
def test_evidence_outlives_a_reboot(asking: Asking) -> None:
    """Key and name of the device are its maker's, and no setting."""
    asking.control.reboot()

    claims = asking.again().ask()

    assert software_of(claims) == SOFTWARE


@pytest.mark.requirement("IDN-1150")
@pytest.mark.needs("objects.sender")
def test_attestation_key_signs_no_object(asking: Asking) -> None:
    """An application that may choose what the device signs would have it say anything about itself."""
    draft = {1: asking.key.kid, 2: b"reader", 3: CONTENT_FORMAT_CBOR, 4: dumps(bytes(SIZE)), 5: 65002}
    with asking.target.expect_unchanged():
        reply = asking.target.request(
            Code.POST, "/ps/test/act", dumps(["object", draft]), content_format=CONTENT_FORMAT_CBOR
        )
        problem = Problem.UNKNOWN_CREDENTIAL
        asking.target.expect_refusal(reply, RESPONSE_CODE[problem], problem)
    assert asking.control.events() is not None


@pytest.mark.requirement("IDN-1150", "IDN-1160")
@pytest.mark.needs("objects.recipient")
def test_evidence_is_no_object(asking: Asking) -> None:
    """Its signature is good, and it is handed over as if it were an order."""
    evidence = asking.raw(asking.rng.randbytes(SIZE))
    reply = asking.target.request(Code.POST, "/ps/objects", evidence, content_format=CONTENT_FORMAT_COSE_SIGN1)
    asking.target.expect_refusal(reply, Code.BAD_REQUEST, Problem.MALFORMED)
