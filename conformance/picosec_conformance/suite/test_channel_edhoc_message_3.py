"""The target as Responder and a hostile message_3."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.credentials import Kind, initiator_usage
from picosec.channel.ead import EadItem, encode_ead
from picosec.messaging.cbor import dumps, loads, loads_sequence
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.edhoc_peer import (
    HostileInitiator,
    error_of,
    expect_ended,
    expect_error,
    kinds,
    meet,
    methods,
    prover,
)
from picosec_conformance.handshake import SUITE_KID, Parties
from picosec_conformance.identity import claims, make_identity
from picosec_conformance.target import Target

ALL_METHODS = pytest.mark.parametrize("method", range(4), ids=[f"method-{method}" for method in range(4)])
#: Methods in which both sides use their keys for the same thing, so that one could show the other's credential.
SAME_USE_METHODS = pytest.mark.parametrize("method", [0, 3], ids=["method-0", "method-3"])


def met(target: Target, rng: random.Random, method: int, **choices: object) -> Parties:
    """Introduce suite and target. Skips a method that the target does not declare."""
    if method not in methods(target):
        pytest.skip(f"not declared: channel.edhoc.method.{method}")
    return meet(target, rng, method=method, **choices)


def reached(
    target: Target, rng: random.Random, method: int | None = None, **choices: object
) -> tuple[HostileInitiator, Parties]:
    """Return a hostile Initiator that has an honest message_2."""
    parties = met(target, rng, methods(target)[0] if method is None else method, **choices)
    peer = HostileInitiator(target, parties)
    peer.reach_2()
    return peer, parties


def refused(target: Target, control: Control, peer: HostileInitiator, problem: Problem, message: bytes) -> None:
    """Send a message_3 and check that it is refused for this reason, and that the session is over."""
    expect_error(target, peer.send_3(message), problem)
    expect_ended(control)


def parts(peer: HostileInitiator) -> tuple[bytes, bytes]:
    """Return the encoded ID_CRED_I and proof of the honest message_3."""
    plaintext = peer.run.compose_plaintext_3()
    proof = dumps(peer.run["signature_or_mac_3"])
    return plaintext[: -len(proof)], proof


@pytest.mark.requirement("CHN-010")
@pytest.mark.parametrize("shape", ["nothing", "text", "two-strings", "surplus", "cut", "array"])
def test_message_3_of_another_shape_is_refused(
    target: Target, control: Control, rng: random.Random, shape: str
) -> None:
    """Message 3 is one byte string, and nothing else."""
    peer, _ = reached(target, rng)
    content = loads(peer.run.compose_message_3())
    message = {
        "nothing": b"",
        "text": dumps("a" * len(content)),
        "two-strings": dumps(content[:4]) + dumps(content[4:]),
        "surplus": dumps(content) + b"\x00",
        "cut": dumps(content)[:-1],
        "array": b"\x81" + dumps(content),
    }[shape]

    refused(target, control, peer, Problem.MALFORMED, message)


@pytest.mark.requirement("CHN-030")
@pytest.mark.parametrize("form", ["longer-length", "chunks"])
def test_other_encoding_of_message_3_is_refused(
    target: Target, control: Control, rng: random.Random, form: str
) -> None:
    """The same ciphertext in another encoding."""
    peer, _ = reached(target, rng)
    content = loads(peer.run.compose_message_3())
    longer = b"\x59" + len(content).to_bytes(2, "big") + content

    refused(
        target,
        control,
        peer,
        Problem.NOT_DETERMINISTIC,
        longer if form == "longer-length" else b"\x5f" + dumps(content) + b"\xff",
    )


@pytest.mark.requirement("CHN-010")
@pytest.mark.needs("channel.edhoc.credential.kid")
@pytest.mark.parametrize(
    "shape",
    [
        "nothing",
        "no-proof",
        "proof-text",
        pytest.param("kid-in-map", marks=pytest.mark.beyond),
        pytest.param("kid-in-the-other-form", marks=pytest.mark.beyond),
        "empty-map",
        "value-without-label",
    ],
)
def test_malformed_plaintext_3_is_refused(target: Target, control: Control, rng: random.Random, shape: str) -> None:
    """Correctly encrypted, wrong inside: who has the keys of the session must keep to the grammar all the same."""
    peer, _ = reached(target, rng, own_kind=Kind.KID)
    id_cred, proof = parts(peer)
    plaintext = {
        "nothing": b"",
        "no-proof": id_cred,
        "proof-text": id_cred + b"\x68" + b"a" * 8,
        "kid-in-map": b"\xa1\x04" + dumps(SUITE_KID) + proof,
        "kid-in-the-other-form": dumps(SUITE_KID) + proof,
        "empty-map": b"\xa0" + proof,
        "value-without-label": id_cred + proof + b"\x40",
    }[shape]

    refused(target, control, peer, Problem.MALFORMED, peer.run.encrypt_3(plaintext))


@pytest.mark.requirement("CHN-030")
def test_other_encoding_inside_message_3_is_refused(target: Target, control: Control, rng: random.Random) -> None:
    """A label that takes one byte more than it needs, where the MAC covers its short form."""
    peer, _ = reached(target, rng)
    id_cred, proof = parts(peer)

    refused(target, control, peer, Problem.NOT_DETERMINISTIC, peer.run.encrypt_3(id_cred + proof + b"\x18\x00"))


@pytest.mark.requirement("CHN-500", "CHN-540")
@ALL_METHODS
@pytest.mark.parametrize("where", ["first-byte", "last-byte", "any-bit", "shorter", "shorter-than-a-tag", "empty"])
def test_forged_ciphertext_is_refused(
    target: Target, control: Control, rng: random.Random, method: int, where: str
) -> None:
    """Whoever sits between changes message_3."""
    peer, _ = reached(target, rng, method=method)
    content = bytearray(loads(peer.run.compose_message_3()))
    if where == "first-byte":
        content[0] ^= 0x80
    elif where == "last-byte":
        content[-1] ^= 1
    elif where == "any-bit":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    else:
        del content[{"shorter": len(content) - 1, "shorter-than-a-tag": 7, "empty": 0}[where] :]

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, dumps(bytes(content)))


@pytest.mark.requirement("CHN-500")
@ALL_METHODS
@pytest.mark.parametrize("where", ["first-byte", "last-byte", "one-byte-less", "one-byte-more", "empty", "zeros"])
def test_forged_proof_is_refused(target: Target, control: Control, rng: random.Random, method: int, where: str) -> None:
    """Anyone can run the exchange up to here: the proof is what only the owner of the credential can make."""
    peer, _ = reached(target, rng, method=method)
    id_cred, _ = parts(peer)
    proof = bytearray(peer.run["signature_or_mac_3"])
    if where == "first-byte":
        proof[0] ^= 1
    elif where == "last-byte":
        proof[-1] ^= 1
    elif where == "one-byte-more":
        proof.append(0)
    elif where == "zeros":
        proof = bytearray(len(proof))
    else:
        del proof[len(proof) - 1 if where == "one-byte-less" else 0 :]

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, peer.run.encrypt_3(id_cred + dumps(bytes(proof))))


@pytest.mark.requirement("CHN-500")
@ALL_METHODS
def test_credential_without_its_private_key_is_refused(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """A thief has the credential, which is public, and makes the proof with a key of its own."""
    peer, parties = reached(target, rng, method=method)
    peer.run.initiator = replace(prover(parties.own), private_key=rng.randbytes(32))

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, peer.run.compose_message_3())


@pytest.mark.requirement("CHN-500")
@pytest.mark.needs("channel.edhoc.credential.kid")
@ALL_METHODS
def test_same_key_under_another_name_is_refused(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """Misbinding: somebody registers another's key under its own name, and the session ends up with the wrong one."""
    peer, parties = reached(target, rng, method=method, own_kind=Kind.KID)
    renamed = dumps(claims("somebody else", prover(parties.own).key, SUITE_KID))

    refused(
        target,
        control,
        peer,
        Problem.AUTHENTICATION_FAILED,
        peer.run.encrypt_3(peer.run.compose_plaintext_3(cred=renamed)),
    )


@pytest.mark.requirement("CHN-500")
def test_data_that_the_proof_does_not_cover_is_refused(target: Target, control: Control, rng: random.Random) -> None:
    """External data is covered by the proof: what is added behind it comes from nobody."""
    peer, _ = reached(target, rng)

    refused(
        target,
        control,
        peer,
        Problem.AUTHENTICATION_FAILED,
        peer.run.encrypt_3(peer.run.compose_plaintext_3() + b"\x00"),
    )


@pytest.mark.requirement("CHN-520")
@ALL_METHODS
def test_failures_of_authentication_look_alike(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """An answer that tells a wrong tag from a wrong MAC or signature helps whoever forges both."""
    answers = []
    for forge in ("ciphertext", "proof", "length"):
        control.reset()
        peer, _ = reached(target, rng, method=method)
        id_cred, proof = parts(peer)
        if forge == "ciphertext":
            content = bytearray(loads(peer.run.compose_message_3()))
            content[-1] ^= 1
            message = dumps(bytes(content))
        else:
            value = bytearray(loads(proof))
            value[-1] ^= 1
            message = peer.run.encrypt_3(id_cred + dumps(bytes(value[: -1 if forge == "length" else None])))
        reply = peer.send_3(message)
        error_of(reply)
        answers.append((reply.code, reply.options, reply.payload))

    assert answers[0] == answers[1] == answers[2]


@pytest.mark.requirement("CHN-450", "CHN-530")
@pytest.mark.parametrize(
    ("kind", "id_cred"),
    [
        pytest.param(Kind.KID, {4: b"\x7f"}, id="kid"),
        pytest.param(Kind.X5T, {34: [-15, bytes(8)]}, id="x5t"),
    ],
)
def test_unknown_reference_is_refused(
    target: Target, control: Control, rng: random.Random, kind: Kind, id_cred: dict[int, object]
) -> None:
    """The Initiator must learn that its credential is not known here, so that it can send it by value."""
    if kind not in kinds(target):
        pytest.skip(f"not declared: channel.edhoc.credential.{kind.value}")
    peer, _ = reached(target, rng)
    message = peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=dumps(id_cred)))

    refused(target, control, peer, Problem.UNKNOWN_CREDENTIAL, message)


@pytest.mark.requirement("CHN-470")
@pytest.mark.parametrize(
    "id_cred",
    [
        pytest.param({35: "https://example.org/certificate"}, id="x5u"),
        pytest.param({32: bytes(40)}, id="x5bag"),
        pytest.param({999: b""}, id="unknown-parameter"),
        pytest.param({4: SUITE_KID, 10: b""}, id="two-parameters"),
        pytest.param({34: bytes(8)}, id="hash-without-algorithm"),
    ],
)
def test_unsupported_kind_of_reference_is_refused(
    target: Target, control: Control, rng: random.Random, id_cred: dict[int, object]
) -> None:
    """What is not understood must not be taken for what is: ERR_CODE 3 would ask for the same again."""
    peer, _ = reached(target, rng)
    message = peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=dumps(id_cred)))

    refused(target, control, peer, Problem.BAD_CREDENTIAL, message)


@pytest.mark.requirement("CHN-470")
@pytest.mark.needs("channel.edhoc.credential.kid")
@ALL_METHODS
def test_key_that_cannot_serve_is_refused(target: Target, control: Control, rng: random.Random, method: int) -> None:
    """The kid leads to a key on a curve that the session does not use."""
    parties = met(target, rng, method, own_kind=Kind.KID)
    misfit = 2 if prover(parties.own).key.curve.name != "P256" else 0
    stranger = make_identity(Kind.KID, initiator_usage(method), misfit, rng.randbytes, kid=b"\x7f", name="misfit")
    control.provision(trusted=[stranger.trust()])
    peer = HostileInitiator(target, parties)
    peer.reach_2()
    message = peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=dumps({4: b"\x7f"})))

    refused(target, control, peer, Problem.BAD_CREDENTIAL, message)


@pytest.mark.requirement("CHN-480")
@SAME_USE_METHODS
def test_own_credential_is_refused(target: Target, control: Control, rng: random.Random, method: int) -> None:
    """Reflection: the peer shows the target's own credential, which the target was even told to trust."""
    parties = met(target, rng, method)
    control.provision(trusted=[parties.target.trust()])
    peer = HostileInitiator(target, parties)
    peer.reach_2()
    peer.run.initiator = prover(parties.target)

    refused(target, control, peer, Problem.BAD_CREDENTIAL, peer.run.compose_message_3())


@pytest.mark.requirement("CHN-480")
@pytest.mark.needs("channel.edhoc.credential.kid")
@pytest.mark.parametrize("method", [0, 3], ids=["method-0", "method-3"])
def test_own_key_under_another_name_is_refused(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """Somebody had the target's public key registered as another's, and now plays its words back to it."""
    parties = met(target, rng, method)
    mirror = prover(parties.target)
    ccs = dumps(claims("somebody else", mirror.key, b"\x7f"))
    control.provision(trusted=[trusted_credential("kid", ccs, b"\x7f")])
    peer = HostileInitiator(target, parties)
    peer.reach_2()
    peer.run.initiator = replace(mirror, id_cred=dumps({4: b"\x7f"}), cred=ccs)

    refused(target, control, peer, Problem.BAD_CREDENTIAL, peer.run.compose_message_3())


@pytest.mark.requirement("CHN-370")
@ALL_METHODS
@pytest.mark.parametrize("order", ["before", "behind"])
def test_each_credential_with_the_same_kid_is_tried(
    target: Target, control: Control, rng: random.Random, method: int, order: str
) -> None:
    """Key identifiers are short and not unique: that somebody else has the same one must lock nobody out."""
    parties = met(target, rng, method, own_kind=Kind.KID)
    stranger = make_identity(Kind.KID, parties.own.usage, parties.suite, rng.randbytes, kid=SUITE_KID, name="stranger")
    trusted = [stranger.trust(), parties.own.trust()] if order == "before" else [parties.own.trust(), stranger.trust()]
    control.reset()
    control.provision(own=[parties.target.own()], trusted=trusted, methods=[method], suites=[parties.suite])
    peer = HostileInitiator(target, parties)
    peer.reach_2()

    assert peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-340")
@ALL_METHODS
def test_unknown_critical_item_in_message_3_is_refused(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """An authenticated peer says that going on without this is not safe."""
    peer, _ = reached(target, rng, method=method)
    item = encode_ead([EadItem(65535, b"", critical=True)])

    refused(target, control, peer, Problem.CRITICAL_EAD, peer.run.compose_message_3(item))


@pytest.mark.requirement("CHN-340")
def test_critical_item_of_a_stranger_is_a_failure_of_authentication(
    target: Target, control: Control, rng: random.Random
) -> None:
    """Whether an item is understood is told to those who proved who they are."""
    peer, _ = reached(target, rng)
    plaintext = peer.run.compose_plaintext_3() + encode_ead([EadItem(65535, b"", critical=True)])
    assert loads_sequence(plaintext)

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, peer.run.encrypt_3(plaintext))
