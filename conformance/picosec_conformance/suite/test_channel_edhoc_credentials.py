"""Credentials that come with a message: what makes them acceptable, with the target on either side."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha256
from hmac import digest

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picosec.channel.credentials import Kind, Usage
from picosec.crypto.curves import Curve, PublicKey
from picosec.messaging.cbor import dumps, loads
from picosec.objects.structures import signature_structure
from picosec_conformance.control import Control
from picosec_conformance.edhoc_run import sign
from picosec_conformance.identity import claims, make_identity
from picosec_conformance.meeting import BOTH_SIDES, certificate
from picosec_conformance.showing import Meeting
from picosec_conformance.target import Target


@pytest.mark.requirement("CHN-380")
@BOTH_SIDES
@pytest.mark.parametrize("algorithm", [-15, -16], ids=["truncated", "whole"])
def test_certificate_is_found_by_either_hash(
    target: Target, control: Control, rng: random.Random, side: str, algorithm: int
) -> None:
    """The peer chooses which hash it sends: eight bytes on a slow radio, the whole one elsewhere."""
    meeting = Meeting(target, control, rng, side, Kind.X5T)
    digest = sha256(meeting.parties.own.credential).digest()

    assert meeting.shown(dumps({34: [algorithm, digest if algorithm == -16 else digest[:8]]}), meeting.honest.cred)


@pytest.mark.requirement("CHN-410")
@BOTH_SIDES
def test_known_claims_set_by_value_is_accepted(target: Target, control: Control, rng: random.Random, side: str) -> None:
    """Byte for byte what was provisioned."""
    meeting = Meeting(target, control, rng, side, Kind.KCCS)

    assert meeting.shown(meeting.honest.id_cred, meeting.honest.cred)


@pytest.mark.requirement("CHN-420")
@BOTH_SIDES
@pytest.mark.parametrize("change", ["subject", "claim", "another-key"])
def test_unknown_claims_set_by_value_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, change: str
) -> None:
    """Anyone can write claims about itself: they count when somebody who is trusted provisioned them."""
    meeting = Meeting(target, control, rng, side, Kind.KCCS)
    whole = loads(meeting.honest.cred)
    stranger = make_identity(
        Kind.KCCS, meeting.parties.own.usage, meeting.parties.suite, rng.randbytes, name="stranger"
    )
    ccs = {
        "subject": dumps({**whole, 2: "administrator"}),
        "claim": dumps({**whole, -70001: True}),
        "another-key": stranger.credential,
    }[change]

    assert not meeting.shown(b"\xa1\x0e" + ccs, ccs)


@pytest.mark.requirement("CHN-430")
@BOTH_SIDES
def test_cwt_of_a_trusted_issuer_is_accepted(target: Target, control: Control, rng: random.Random, side: str) -> None:
    """The credential itself was never seen before."""
    meeting = Meeting(target, control, rng, side, Kind.KCWT)

    assert meeting.shown(meeting.honest.id_cred, meeting.honest.cred)


def signed_by_itself(meeting: Meeting, payload: bytes) -> list[object]:
    """Return a CWT that is signed with the key that it is about. Skips the test for a key that cannot sign."""
    curve = meeting.honest.key.curve
    if curve is Curve.X25519:
        pytest.skip("a key on X25519 cannot sign")
    protected = dumps({1: -7 if curve is Curve.P256 else -8})
    message = signature_structure(protected, b"", payload)
    return [protected, {}, payload, sign(curve, meeting.parties.own.private_key, message)]


@pytest.mark.requirement("CHN-440")
@BOTH_SIDES
@pytest.mark.parametrize(
    "how", ["signature", "claims", "issuer", "itself", "mac", "algorithm-unprotected", "not-signed"]
)
def test_cwt_that_no_trusted_issuer_signed_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, how: str
) -> None:
    """A CWT is worth as much as its signature."""
    meeting = Meeting(target, control, rng, side, Kind.KCWT)
    protected, unprotected, payload, signature = loads(meeting.honest.cred)
    mac, issuer_key = dumps({1: 5}), loads(meeting.parties.own.trusted)[8][1][-2]
    other = make_identity(Kind.KCWT, meeting.parties.own.usage, meeting.parties.suite, rng.randbytes, name="other")
    if how == "issuer":
        meeting.trust_only("kcwt", other.trusted)
    cwt = dumps(
        {
            "signature": [protected, unprotected, payload, signature[:-1] + bytes((signature[-1] ^ 1,))],
            "claims": [protected, unprotected, dumps({**loads(payload), 2: "administrator"}), signature],
            "issuer": [protected, unprotected, payload, signature],
            "mac": [mac, {}, payload, digest(issuer_key, signature_structure(mac, b"", payload), "sha256")],
            "itself": signed_by_itself(meeting, payload) if how == "itself" else [],
            "algorithm-unprotected": [b"", loads(protected), payload, signature],
            "not-signed": [protected, unprotected, payload, b""],
        }[how]
    )

    assert not meeting.shown(b"\xa1\x0d" + cwt, cwt)


class Authorities:
    """A root, an authority below it, and an end entity with the peer's key."""

    def __init__(
        self, rng: random.Random, key: PublicKey, below: bool | None = True, path_length: int | None = None
    ) -> None:
        root, middle = (Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)) for _ in range(2))
        self.root = certificate("root", root.public_key(), "root", root, True, path_length)
        self.middle = certificate("middle", middle.public_key(), "root", root, below)
        self.leaf = certificate("suite", key.native, "middle", middle)
        self.forged = certificate("suite", key.native, "middle", root)


@pytest.mark.requirement("CHN-390")
@BOTH_SIDES
@pytest.mark.parametrize("path", ["trusted-itself", "one-step", "two-steps", "with-root"])
def test_certificate_with_a_path_is_accepted(
    target: Target, control: Control, rng: random.Random, side: str, path: str
) -> None:
    """The target was given one certificate, and the chain leads there."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)
    made = Authorities(rng, meeting.honest.key)
    anchor = {"trusted-itself": made.leaf, "one-step": made.middle, "two-steps": made.root, "with-root": made.root}[
        path
    ]
    chain = {"two-steps": [made.leaf, made.middle], "with-root": [made.leaf, made.middle, made.root]}.get(
        path, made.leaf
    )
    meeting.trust_only("x5chain", anchor)

    assert meeting.shown(dumps({33: chain}), dumps(made.leaf))


@pytest.mark.requirement("CHN-400")
@BOTH_SIDES
@pytest.mark.parametrize(
    "path",
    [
        "other-root",
        "gap",
        "wrong-order",
        "forged-signature",
        "issued-by-an-end-entity",
        "no-constraints",
        "path-length",
    ],
)
def test_certificate_without_a_path_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, path: str
) -> None:
    """Each certificate has to be signed by the next, and each signer has to be an authority."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)
    key = meeting.honest.key
    below = {"issued-by-an-end-entity": False, "no-constraints": None}.get(path, True)
    made = Authorities(rng, key, below, 0 if path == "path-length" else None)
    chain = {
        "gap": made.leaf,
        "wrong-order": [made.middle, made.leaf],
        "forged-signature": [made.forged, made.middle],
    }.get(path, [made.leaf, made.middle])
    meeting.trust_only("x5chain", Authorities(rng, key).root if path == "other-root" else made.root)

    assert not meeting.shown(dumps({33: chain}), dumps(made.leaf))


#: Which requirement it is depends on whose credential is shown.
EITHER_SIDE = pytest.mark.parametrize(
    "side",
    [
        pytest.param("responder", marks=pytest.mark.requirement("CHN-470")),
        pytest.param("initiator", marks=pytest.mark.requirement("CHN-1030")),
    ],
)


@EITHER_SIDE
@pytest.mark.parametrize(
    "how",
    [
        pytest.param("operations", marks=pytest.mark.needs("channel.edhoc.credential.kccs")),
        pytest.param("algorithm", marks=pytest.mark.needs("channel.edhoc.credential.kccs")),
        pytest.param("certificate", marks=pytest.mark.needs("channel.edhoc.credential.x5t")),
    ],
)
def test_key_for_another_use_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, how: str
) -> None:
    """A key that signs elsewhere does Diffie-Hellman here, or the other way round: each use helps against the other."""
    meeting = Meeting(target, control, rng, side, Kind.X5T if how == "certificate" else Kind.KCCS)
    key, signs = meeting.honest.key, meeting.parties.own.usage is Usage.SIGNATURE
    if how == "certificate":
        issuer = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        shown = certificate("suite", key.native, "issuer", issuer, signs=not signs)
        meeting.trust_only("x5t", shown)
        assert not meeting.shown(dumps({34: [-15, sha256(shown).digest()[:8]]}), dumps(shown))
        return
    whole = claims("suite", key)
    verify, derive, es256, ecdh_es = 2, 7, -7, -25
    whole[8][1] |= {4: [derive if signs else verify]} if how == "operations" else {3: ecdh_es if signs else es256}
    ccs = dumps(whole)
    meeting.trust_only("kccs", ccs)

    assert not meeting.shown(b"\xa1\x0e" + ccs, ccs)


@EITHER_SIDE
@pytest.mark.needs("channel.edhoc.credential.kccs")
@pytest.mark.parametrize("flaw", ["private-part", "no-y", "not-a-point", "no-key", "other-curve"])
def test_trusted_name_with_an_unusable_key_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, flaw: str
) -> None:
    """A claims set by value whose key is unusable: whatever it looks like, it must end in a refusal and not in a
    crash.
    """
    meeting = Meeting(target, control, rng, side, Kind.KCCS)
    whole = claims("suite", meeting.honest.key)
    key = whole[8][1]
    flaws: dict[str, Callable[[], object]] = {
        "private-part": lambda: key.update({-4: bytes(32)}),
        "no-y": lambda: key.pop(-3, None),
        "not-a-point": lambda: key.update({-2: b"\xff" * 32}),
        "no-key": lambda: whole.pop(8),
        "other-curve": lambda: key.update({-1: 3}),
    }
    flaws[flaw]()
    ccs = dumps({**whole, -70001: flaw})

    assert not meeting.shown(b"\xa1\x0e" + ccs, ccs)
