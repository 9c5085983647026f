"""The target as Initiator, and a hostile message_2."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.credentials import Kind
from picosec.channel.ead import EadItem, encode_ead, padding
from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import Message1
from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.edhoc_initiators import ALL_METHODS, begun, goes_on, met, refused
from picosec_conformance.edhoc_peer import (
    HostileResponder,
    expect_given_up,
    kinds,
    prover,
    suites,
)
from picosec_conformance.handshake import SUITE_KID, answer, receive_message_1
from picosec_conformance.identity import claims, make_identity
from picosec_conformance.target import Target


@pytest.mark.requirement("CHN-020", "CHN-550")
@pytest.mark.parametrize(
    "shape", ["nothing", "text", "two-strings", "surplus", "cut", "array", "key-alone", "key-cut-short"]
)
def test_message_2_of_another_shape_is_refused(
    target: Target, control: Control, rng: random.Random, shape: str
) -> None:
    """Message 2 is one byte string: the ephemeral key, and at least one byte behind it."""
    peer, _ = begun(target, control, rng)
    content = loads(peer.run.compose_message_2())
    message = {
        "nothing": b"",
        "text": dumps("a" * len(content)),
        "two-strings": dumps(content[:32]) + dumps(content[32:]),
        "surplus": dumps(content) + b"\x00",
        "cut": dumps(content)[:-1],
        "array": b"\x81" + dumps(content),
        "key-alone": dumps(content[:32]),
        "key-cut-short": dumps(content[:31]),
    }[shape]

    refused(target, control, peer, Problem.MALFORMED, message)


@pytest.mark.requirement("CHN-040")
@pytest.mark.parametrize("form", ["longer-length", "chunks"])
def test_other_encoding_of_message_2_is_refused(
    target: Target, control: Control, rng: random.Random, form: str
) -> None:
    """The same bytes in another encoding."""
    peer, _ = begun(target, control, rng)
    content = loads(peer.run.compose_message_2())
    longer = b"\x59" + len(content).to_bytes(2, "big") + content
    message = longer if len(content) < 256 and form == "longer-length" else b"\x5f" + dumps(content) + b"\xff"

    refused(target, control, peer, Problem.NOT_DETERMINISTIC, message)


def parts(peer: HostileResponder) -> tuple[bytes, bytes, bytes]:
    """Return the encoded C_R, ID_CRED_R and proof of the honest message_2."""
    plaintext = peer.run.compose_plaintext_2()
    proof = dumps(peer.run["signature_or_mac_2"])
    return plaintext[:1], plaintext[1 : -len(proof)], proof


@pytest.mark.requirement("CHN-020")
@pytest.mark.needs("channel.edhoc.credential.kid")
@pytest.mark.parametrize(
    "shape",
    [
        "identifier-alone",
        "no-proof",
        "proof-text",
        "identifier-text",
        "identifier-in-the-other-form",
        "kid-in-map",
        "kid-in-the-other-form",
        "empty-map",
        "value-without-label",
        "no-cbor",
    ],
)
def test_malformed_plaintext_2_is_refused(target: Target, control: Control, rng: random.Random, shape: str) -> None:
    """Correctly encrypted, wrong inside."""
    peer, _ = begun(target, control, rng, own_kind=Kind.KID)
    c_r, id_cred, proof = parts(peer)
    plaintext = {
        "identifier-alone": c_r,
        "no-proof": c_r + id_cred,
        "proof-text": c_r + id_cred + b"\x68" + b"a" * 8,
        "identifier-text": b"\x61\x0a" + id_cred + proof,
        "identifier-in-the-other-form": b"\x41" + c_r + id_cred + proof,
        "kid-in-map": c_r + b"\xa1\x04" + dumps(SUITE_KID) + proof,
        "kid-in-the-other-form": c_r + dumps(SUITE_KID) + proof,
        "empty-map": c_r + b"\xa0" + proof,
        "value-without-label": c_r + id_cred + proof + b"\x40",
        "no-cbor": c_r + id_cred + b"\x1c",
    }[shape]

    refused(target, control, peer, Problem.MALFORMED, peer.run.encrypt_2(plaintext))


@pytest.mark.requirement("CHN-040")
@pytest.mark.parametrize("part", ["identifier", "label"])
def test_other_encoding_inside_message_2_is_refused(
    target: Target, control: Control, rng: random.Random, part: str
) -> None:
    """One byte more than needed, where the proof covers the short form."""
    peer, _ = begun(target, control, rng)
    c_r, id_cred, proof = parts(peer)
    plaintext = b"\x18" + c_r + id_cred + proof if part == "identifier" else c_r + id_cred + proof + b"\x18\x00"

    refused(target, control, peer, Problem.NOT_DETERMINISTIC, peer.run.encrypt_2(plaintext))


@pytest.mark.requirement("CHN-250")
@pytest.mark.parametrize(
    "x", [1, 2**256 - 2**224 + 2**192 + 2**96 - 1, 2**256 - 1], ids=["no-point", "prime", "largest"]
)
def test_key_off_the_curve_is_refused(target: Target, control: Control, rng: random.Random, x: int) -> None:
    """Points of weaker curves leak the Initiator's private keys."""
    peer, _ = begun(target, control, rng, suite=suites(target, curve=Curve.P256)[0])
    content = loads(peer.run.compose_message_2())

    refused(target, control, peer, Problem.BAD_KEY, dumps(x.to_bytes(32, "big") + content[32:]))


@pytest.mark.requirement("CHN-260")
@pytest.mark.needs("channel.edhoc.initiator")
@pytest.mark.parametrize(
    "point",
    ["00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "01" + "00" * 30 + "80"],
    ids=["0", "1", "p-1", "1-with-the-unused-bit"],
)
def test_key_of_small_order_is_refused(target: Target, control: Control, rng: random.Random, point: str) -> None:
    """The secret with such a key is zero, whatever the Initiator's key is."""
    peer, _ = begun(target, control, rng, suite=0)
    content = loads(peer.run.compose_message_2())

    refused(target, control, peer, Problem.BAD_KEY, dumps(bytes.fromhex(point) + content[32:]))


@pytest.mark.requirement("CHN-280")
def test_each_message_1_has_a_new_key(target: Target, control: Control, rng: random.Random) -> None:
    """A key that comes twice ends forward secrecy."""
    parties = met(target, rng)
    keys = []
    for _ in range(4):
        control.act("open", {1: parties.method, 2: [parties.suite]})
        request, message_1 = receive_message_1(target)
        keys.append(Message1.decode(message_1).g_x)
        answer(target, request, ErrorMessage(1, "refused").encode(), "error", Code.BAD_REQUEST)
        target.until_probe_answered()

    assert len(set(keys)) == 4


@pytest.mark.requirement("CHN-300")
def test_equal_identifiers_are_refused(target: Target, control: Control, rng: random.Random) -> None:
    """The Responder chooses the Initiator's own identifier: both directions would share a key and a nonce."""
    parties = met(target, rng)
    peer = HostileResponder(target, control, parties)
    peer.wait_1()
    peer.run.c_r = peer.run.c_i

    refused(target, control, peer, Problem.BAD_IDENTIFIER, peer.run.compose_message_2())


@pytest.mark.requirement("CHN-1020")
@pytest.mark.parametrize("length", [8, 17, 64, 255])
def test_long_identifier_is_refused(target: Target, control: Control, rng: random.Random, length: int) -> None:
    """The Responder chooses, and must not be able to choose what is cut, or what overruns a buffer."""
    peer, _ = begun(target, control, rng)
    peer.run.c_r = rng.randbytes(length)

    refused(target, control, peer, Problem.BAD_IDENTIFIER, peer.run.compose_message_2())


@pytest.mark.requirement("CHN-1020")
def test_longest_identifier_is_accepted(target: Target, control: Control, rng: random.Random) -> None:
    """All of the room in the nonce can be used."""
    peer, _ = begun(target, control, rng)
    peer.run.c_r = rng.randbytes(peer.run.suite.application_aead.nonce_length - 6)

    goes_on(target, control, peer)


@pytest.mark.requirement("CHN-1030")
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
    peer, _ = begun(target, control, rng)
    message = peer.run.encrypt_2(peer.run.compose_plaintext_2(id_cred=dumps(id_cred)))

    refused(target, control, peer, Problem.BAD_CREDENTIAL, message)


@pytest.mark.requirement("CHN-1030")
@pytest.mark.needs("channel.edhoc.credential.kid")
@ALL_METHODS
def test_key_that_cannot_serve_is_refused(target: Target, control: Control, rng: random.Random, method: int) -> None:
    """The kid leads to a key on a curve that the session does not use."""
    parties = met(target, rng, method, own_kind=Kind.KID)
    misfit = 2 if prover(parties.own).key.curve is not Curve.P256 else 0
    stranger = make_identity(Kind.KID, parties.own.usage, misfit, rng.randbytes, kid=b"\x7f", name="misfit")
    control.provision(trusted=[stranger.trust()])
    peer = HostileResponder(target, control, parties)
    peer.wait_1()
    message = peer.run.encrypt_2(peer.run.compose_plaintext_2(id_cred=dumps({4: b"\x7f"})))

    refused(target, control, peer, Problem.BAD_CREDENTIAL, message)


@pytest.mark.requirement("CHN-330")
@pytest.mark.parametrize(
    "ead",
    [
        pytest.param(encode_ead(padding(1)), id="1-byte"),
        pytest.param(encode_ead(padding(30)), id="30-bytes"),
        pytest.param(encode_ead(padding(300)), id="300-bytes"),
        pytest.param(encode_ead([*padding(2), *padding(2)]), id="twice"),
        pytest.param(encode_ead([EadItem(65535, b"unknown")]), id="unknown"),
        pytest.param(encode_ead([EadItem(65535), *padding(5), EadItem(2**31, b"")]), id="among-unknown"),
    ],
)
def test_initiator_passes_over_padding_and_unknown_items(
    target: Target, control: Control, rng: random.Random, ead: bytes
) -> None:
    """Padding hides the length of a credential; unknown items are how extensions arrive."""
    peer, _ = begun(target, control, rng)

    goes_on(target, control, peer, peer.run.compose_message_2(ead))


@pytest.mark.requirement("CHN-350")
@ALL_METHODS
@pytest.mark.parametrize("label", [65535, 2**31], ids=["16-bit-label", "32-bit-label"])
def test_unknown_critical_item_in_message_2_is_refused(
    target: Target, control: Control, rng: random.Random, method: int, label: int
) -> None:
    """An authenticated Responder says that going on without this is not safe."""
    peer, _ = begun(target, control, rng, method)
    item = encode_ead([EadItem(label, b"", critical=True)])

    refused(target, control, peer, Problem.CRITICAL_EAD, peer.run.compose_message_2(item))


@pytest.mark.requirement("CHN-350", "CHN-510")
@ALL_METHODS
def test_critical_item_of_a_stranger_is_a_failure_of_authentication(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """Anyone can answer message_1 with a list of items: which of them the Initiator knows is told to those only who
    proved who they are.
    """
    peer, _ = begun(target, control, rng, method)
    plaintext = peer.run.compose_plaintext_2() + encode_ead([EadItem(65535, b"", critical=True)])

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, peer.run.encrypt_2(plaintext))


@pytest.mark.requirement("CHN-370")
@pytest.mark.needs("channel.edhoc.initiator")
@ALL_METHODS
def test_each_credential_with_the_same_kid_is_tried(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """Key identifiers are short and not unique."""
    parties = met(target, rng, method, own_kind=Kind.KID)
    strangers = [
        make_identity(Kind.KID, parties.own.usage, parties.suite, rng.randbytes, kid=SUITE_KID, name=name)
        for name in ("one", "two")
    ]
    control.reset()
    control.provision(
        own=[parties.target.own()],
        trusted=[strangers[0].trust(), parties.own.trust(), strangers[1].trust()],
        methods=[parties.method],
        suites=[parties.suite],
    )
    peer = HostileResponder(target, control, parties)
    peer.wait_1()

    goes_on(target, control, peer)


@pytest.mark.requirement("CHN-460")
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
    """A Responder that nobody introduced."""
    if kind not in kinds(target):
        pytest.skip(f"not declared: channel.edhoc.credential.{kind.value}")
    peer, _ = begun(target, control, rng)
    message = peer.run.encrypt_2(peer.run.compose_plaintext_2(id_cred=dumps(id_cred)))

    refused(target, control, peer, Problem.UNKNOWN_CREDENTIAL, message)


@pytest.mark.requirement("CHN-1040")
@pytest.mark.parametrize("method", [0, 3], ids=["method-0", "method-3"])
def test_own_credential_is_refused(target: Target, control: Control, rng: random.Random, method: int) -> None:
    """Reflection: the target would complete a handshake with itself, and take its own words for another's."""
    parties = met(target, rng, method)
    control.provision(trusted=[parties.target.trust()])
    peer = HostileResponder(target, control, parties)
    peer.wait_1()
    peer.run.responder = prover(parties.target)

    refused(target, control, peer, Problem.BAD_CREDENTIAL, peer.run.compose_message_2())


@pytest.mark.requirement("CHN-1040")
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
    peer = HostileResponder(target, control, parties)
    peer.wait_1()
    peer.run.responder = replace(mirror, id_cred=dumps({4: b"\x7f"}), cred=ccs)

    refused(target, control, peer, Problem.BAD_CREDENTIAL, peer.run.compose_message_2())


@pytest.mark.requirement("CHN-510", "CHN-550")
@ALL_METHODS
@pytest.mark.parametrize("where", ["first-byte", "last-byte", "one-byte-less", "one-byte-more", "empty", "zeros"])
def test_forged_proof_is_refused(target: Target, control: Control, rng: random.Random, method: int, where: str) -> None:
    """Anyone can answer message_1: the proof is what only the owner of the credential can make."""
    peer, _ = begun(target, control, rng, method)
    c_r, id_cred, _ = parts(peer)
    proof = bytearray(peer.run["signature_or_mac_2"])
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
    message = peer.run.encrypt_2(c_r + id_cred + dumps(bytes(proof)))

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, message)


@pytest.mark.requirement("CHN-510")
@ALL_METHODS
def test_credential_without_its_private_key_is_refused(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """A thief shows the Responder's credential and makes the proof with a key of its own."""
    peer, parties = begun(target, control, rng, method)
    peer.run.responder = replace(prover(parties.own), private_key=rng.randbytes(32))

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, peer.run.compose_message_2())


@pytest.mark.requirement("CHN-510")
@pytest.mark.needs("channel.edhoc.credential.kid")
@ALL_METHODS
def test_same_key_under_another_name_is_refused(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """Misbinding: the proof is for a credential with the same key and another subject."""
    peer, parties = begun(target, control, rng, method, own_kind=Kind.KID)
    renamed = dumps(claims("somebody else", prover(parties.own).key, SUITE_KID))
    message = peer.run.encrypt_2(peer.run.compose_plaintext_2(cred=renamed))

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, message)


@pytest.mark.requirement("CHN-510")
@ALL_METHODS
def test_proof_over_another_message_1_is_refused(
    target: Target, control: Control, rng: random.Random, method: int
) -> None:
    """Whoever sits between changed message_1 on its way: the Responder's proof is over what it got, not what was
    sent.
    """
    peer, _ = begun(target, control, rng, method)
    honest = peer.run.message_1
    peer.run.compose_plaintext_2()
    sent = {name: peer.run[name] for name in ("th_2", "prk_2e")}
    peer.run.message_1 = honest + encode_ead(padding(1))
    plaintext = peer.run.compose_plaintext_2()
    peer.run.steps.update(sent)

    refused(target, control, peer, Problem.AUTHENTICATION_FAILED, peer.run.encrypt_2(plaintext))


@pytest.mark.requirement("CHN-550")
def test_any_changed_bit_of_message_2_ends_the_handshake(target: Target, control: Control, rng: random.Random) -> None:
    """The stream cipher of message_2 lets bits be changed: what comes out may be nonsense, but never a channel."""
    parties = met(target, rng)
    for _ in range(12):
        peer = HostileResponder(target, control, parties)
        peer.wait_1()
        message = bytearray(peer.run.compose_message_2())
        message[rng.randrange(34, len(message))] ^= 1 << rng.randrange(8)
        peer.send_2(bytes(message))
        expect_given_up(target, control, None, peer.run.c_r)


@pytest.mark.requirement("CHN-550")
def test_reflected_message_1_is_refused(target: Target, control: Control, rng: random.Random) -> None:
    """The attacker sends back what it got: the target's own key, as if it were a Responder's."""
    peer, _ = begun(target, control, rng)
    peer.send_2(dumps(peer.run["g_x"] + loads(peer.run.compose_message_2())[32:]))

    expect_given_up(target, control, None, peer.run.c_r)
