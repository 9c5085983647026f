"""Signed CWTs as credentials: what their headers and claims may say, and what is refused whoever signed it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picosec.channel.credentials import Kind, Usage
from picosec.crypto.curves import Curve, public_from_native
from picosec.messaging.cbor import dumps
from picosec.objects.structures import signature_structure
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.edhoc_run import sign
from picosec_conformance.identity import claims, make_identity
from picosec_conformance.meeting import BOTH_SIDES, EITHER_SIDE, EITHER_USE
from picosec_conformance.showing import Meeting
from picosec_conformance.target import Target


class Issued:
    """A peer with a CWT whose every part can be chosen; the target trusts its issuer."""

    def __init__(
        self,
        target: Target,
        control: Control,
        rng: random.Random,
        side: str,
        algorithm: int = -8,
        **choices: Any,
    ) -> None:
        self.meeting = Meeting(target, control, rng, side, Kind.KCWT, **choices)
        self._curve = Curve.P256 if algorithm == -7 else Curve.ED25519
        self._private = rng.randbytes(32)
        native = (
            derive_private_key(int.from_bytes(self._private, "big"), SECP256R1())
            if self._curve is Curve.P256
            else Ed25519PrivateKey.from_private_bytes(self._private)
        )
        self.issuer = dumps(claims("issuer", public_from_native(self._curve, native.public_key())))
        self.meeting.trust_only("kcwt", self.issuer)

    @property
    def claims(self) -> dict[int, Any]:
        """The honest claims."""
        return claims("suite", self.meeting.honest.key)

    def shown(self, protected: object, unprotected: object, payload: object) -> bool:
        """Show the CWT that the issuer makes of these parts; return whether the target accepted it."""
        header = protected if isinstance(protected, bytes) else dumps(protected)
        content = payload if isinstance(payload, bytes) else dumps(payload)
        signature = sign(self._curve, self._private, signature_structure(header, b"", content))
        cwt = dumps([header, unprotected, content, signature])
        return self.meeting.shown(b"\xa1\x0d" + cwt, cwt)


@pytest.mark.requirement("CHN-430")
@BOTH_SIDES
@pytest.mark.parametrize("algorithm", [-7, -8], ids=["es256", "eddsa"])
@pytest.mark.parametrize(
    ("protected", "unprotected"),
    [
        pytest.param({}, {}, id="bare"),
        pytest.param({4: b"issuer"}, {}, id="kid-protected"),
        pytest.param({}, {4: b"issuer"}, id="kid-unprotected"),
    ],
)
def test_token_with_no_more_than_a_key_identifier_is_accepted(
    target: Target,
    control: Control,
    rng: random.Random,
    side: str,
    algorithm: int,
    protected: dict[int, object],
    unprotected: dict[int, object],
) -> None:
    """What issuers write: the algorithm, and perhaps which of their keys it was."""
    issued = Issued(target, control, rng, side, algorithm)

    assert issued.shown({1: algorithm, **protected}, unprotected, issued.claims)


@pytest.mark.requirement("CHN-430")
@BOTH_SIDES
@pytest.mark.parametrize("place", range(3), ids=["first", "second", "third"])
def test_token_of_any_trusted_issuer_is_accepted(
    target: Target, control: Control, rng: random.Random, side: str, place: int
) -> None:
    """Two firms and the owner issue tokens with keys of one kind: whose is tried first must lock nobody out."""
    issued = Issued(target, control, rng, side)
    parties = issued.meeting.parties
    issuers = [
        make_identity(Kind.KCWT, parties.own.usage, parties.suite, rng.randbytes, name=name).trusted
        for name in ("one", "two")
    ]
    issuers.insert(place, issued.issuer)
    issued.meeting.trust_only("kcwt", issuers[0])
    control.provision(trusted=[trusted_credential("kcwt", issuer) for issuer in issuers[1:]])

    assert issued.shown({1: -8}, {}, issued.claims)


@pytest.mark.requirement("CHN-1950")
@BOTH_SIDES
@pytest.mark.parametrize(
    ("protected", "unprotected"),
    [
        pytest.param({1: -8}, {1: -8}, id="algorithm-twice"),
        pytest.param({1: -8, 4: b"a"}, {4: b"a"}, id="kid-twice"),
        pytest.param({1: -8, 2: [99], 99: 1}, {}, id="critical"),
        pytest.param({1: -8, 3: 61}, {}, id="content-type"),
        pytest.param({1: -8}, {99: 1}, id="unknown-unprotected"),
        pytest.param({1: -8}, {33: b""}, id="certificate-unprotected"),
        pytest.param({}, {1: -8}, id="algorithm-unprotected"),
    ],
)
def test_token_whose_headers_say_more_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, protected: object, unprotected: dict[int, object]
) -> None:
    """What is not understood might change what the signature means; what stands twice, which of both counts."""
    issued = Issued(target, control, rng, side)

    assert not issued.shown(protected, unprotected, issued.claims)


@pytest.mark.requirement("CHN-440")
@BOTH_SIDES
@pytest.mark.parametrize(
    ("protected", "unprotected"),
    [
        pytest.param({1: -7}, {}, id="another-algorithm"),
        pytest.param({1: -8.0}, {}, id="algorithm-is-a-float"),
        pytest.param({1: "EdDSA"}, {}, id="algorithm-is-text"),
        pytest.param([-8], {}, id="header-is-an-array"),
        pytest.param(b"\xa1\x01\x38\x07", {}, id="header-is-not-deterministic"),
        pytest.param(b"", {}, id="header-is-empty"),
    ],
)
def test_token_whose_headers_do_not_say_the_algorithm_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, protected: object, unprotected: dict[int, object]
) -> None:
    """What is not understood might change what the signature means; what stands twice, which of both counts."""
    issued = Issued(target, control, rng, side)

    assert not issued.shown(protected, unprotected, issued.claims)


@EITHER_SIDE
@EITHER_USE
@pytest.mark.needs("channel.edhoc.credential.kcwt")
@pytest.mark.parametrize(
    "change",
    [
        "claims-are-an-array",
        "claims-are-not-deterministic",
        "subject-is-a-number",
        "no-cnf",
        "cnf-is-an-array",
        "cnf-without-a-key",
        "key-is-text",
        "kid-is-text",
        "private-part",
        "x-is-text",
        "no-x",
        "x-is-short",
        "x-is-long",
        "y-for-none-or-none-for-y",
        "y-is-short",
        "other-type",
        "other-curve",
        "symmetric-key",
        "operations-are-a-number",
        "no-operations",
        "other-operations",
        "other-algorithm",
        "type-is-a-float",
        "curve-is-a-float",
        "operation-is-true",
        "algorithm-is-a-float",
        "begins-as-text",
        "ends-as-text",
    ],
)
def test_signed_claims_about_an_unusable_key_are_refused(
    target: Target, control: Control, rng: random.Random, side: str, change: str, method: int, suite: int
) -> None:
    """The issuer signed whatever it was given: that a key is vouched for does not make it one."""
    issued = Issued(target, control, rng, side, method=method, suite=suite)
    whole = issued.claims
    key, signs = whole[8][1], issued.meeting.parties.own.usage is Usage.SIGNATURE
    two = -3 in key
    payload: Any = whole
    match change:
        case "claims-are-an-array":
            payload = [whole]
        case "claims-are-not-deterministic":
            payload = b"\xb8\x02" + dumps(whole)[1:]
        case "subject-is-a-number":
            whole[2] = 7
        case "no-cnf":
            del whole[8]
        case "cnf-is-an-array":
            whole[8] = [key]
        case "cnf-without-a-key":
            whole[8] = {2: key}
        case "key-is-text":
            whole[8][1] = "key"
        case "kid-is-text":
            key[2] = "kid"
        case "private-part":
            key[-4] = bytes(32)
        case "x-is-text":
            key[-2] = "x" * 32
        case "no-x":
            del key[-2]
        case "x-is-short":
            key[-2] = key[-2][:-1]
        case "x-is-long":
            key[-2] += b"\0"
        case "y-for-none-or-none-for-y":
            key.pop(-3) if two else key.update({-3: bytes(32)})
        case "y-is-short":
            key[-3] = bytes(31)
        case "other-type":
            key[1] = 1 if two else 2
        case "other-curve":
            key[-1] = 4 if two else 1
        case "symmetric-key":
            whole[8][1] = {1: 4, -1: bytes(32)}
        case "operations-are-a-number":
            key[4] = 2 if signs else 7
        case "no-operations":
            key[4] = []
        case "other-operations":
            key[4] = [3, 4, 5, 6, 9, 10, *((7, 8) if signs else (1, 2))]
        case "other-algorithm":
            key[3] = -25 if signs else -7
        case "type-is-a-float":
            key[1] = float(key[1])
        case "curve-is-a-float":
            key[-1] = float(key[-1])
        case "operation-is-true":
            key[4] = [True, 2.0, 7.0]
        case "algorithm-is-a-float":
            key[3] = -7.0 if signs else -25.0
        case "begins-as-text":
            whole[5] = "2024"
        case "ends-as-text":
            whole[4] = "2044"

    assert not issued.shown({1: -8}, {}, payload)


@EITHER_SIDE
@pytest.mark.needs("channel.edhoc.credential.kcwt")
@pytest.mark.parametrize(
    "form", ["three-parts", "five-parts", "payload-detached", "header-is-a-map", "unprotected-is-an-array", "text"]
)
def test_token_in_another_form_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, form: str
) -> None:
    """A COSE_Sign1 has four parts of fixed types: whoever unpacks before looking falls over the fifth."""
    issued = Issued(target, control, rng, side)
    header, payload = dumps({1: -8}), dumps(issued.claims)
    parts: list[Any] = [header, {}, payload, bytes(64)]
    token: Any = {
        "three-parts": parts[:3],
        "five-parts": [*parts, b""],
        "payload-detached": [header, {}, None, bytes(64)],
        "header-is-a-map": [{1: -8}, {}, payload, bytes(64)],
        "unprotected-is-an-array": [header, [], payload, bytes(64)],
        "text": "token",
    }[form]

    assert not issued.meeting.shown(dumps({13: token}), dumps(token))


@EITHER_SIDE
@EITHER_USE
@pytest.mark.needs("channel.edhoc.credential.kcwt")
@pytest.mark.parametrize("change", ["operation", "operations", "algorithm", "kid", "no-subject", "times", "unknown"])
def test_signed_claims_may_say_more_about_the_key(
    target: Target, control: Control, rng: random.Random, side: str, change: str, method: int, suite: int
) -> None:
    """What fits the use does no harm, and what is not about the key is none of the handshake's business."""
    issued = Issued(target, control, rng, side, method=method, suite=suite)
    whole = issued.claims
    key, signs = whole[8][1], issued.meeting.parties.own.usage is Usage.SIGNATURE
    match change:
        case "operation":
            key[4] = [2 if signs else 7]
        case "operations":
            key[4] = [1 if signs else 8, 4]
        case "algorithm":
            key[3] = (-7 if -3 in key else -8) if signs else -25
        case "kid":
            key[2] = b"name"
        case "no-subject":
            del whole[2]
        case "times":
            whole |= {4: 2_500_000_000, 5: 0}
        case "unknown":
            whole |= {-70001: [1, {2: b"3"}], 1: "issuer"}

    assert issued.shown({1: -8}, {}, whole)
