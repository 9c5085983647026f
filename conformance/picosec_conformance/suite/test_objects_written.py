"""The form of what a target makes: everything that the grammar lists, where it lists it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging import cbor
from picosec_conformance.courier import Courier
from picosec_conformance.objects import (
    ALG,
    CLAIMS,
    CONTENT_TYPE,
    ECDH_ES,
    ENCRYPT,
    ENCRYPT0,
    ENDS,
    EPHEMERAL,
    ISSUED,
    IV,
    KID,
    NOW,
    NUMBER,
    RECIPIENT,
    SIGN1,
    TYP,
    Group,
    Key,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)

FORMAT = 60
READER = b"\x77"
#: Lengths of the nonces, by algorithm.
NONCES = {1: 12, 24: 12, 30: 13}


def opened(data: bytes, tag: int) -> tuple[dict[Any, Any], list[Any]]:
    """Return the protected header of an object and its other parts; ``loads`` takes deterministic CBOR alone."""
    item = cbor.loads(data)
    assert item.tag == tag
    protected, *parts = item.value
    header = cbor.loads(protected)
    assert isinstance(header, dict), "a protected header is a map"
    return header, parts


@pytest.mark.requirement("OBJ-370")
@pytest.mark.parametrize("ends", [None, NOW + 3600])
@pytest.mark.parametrize("name", ["signer", "app_signer"])
def test_signed_object_has_what_the_grammar_lists(courier: Courier, name: str, ends: int | None) -> None:
    """A reader refuses what it does not know, so a parameter too many makes an object that nobody can open."""
    signer: Key = getattr(courier, name)
    header, (unprotected, payload, signature) = opened(courier.make(b"\xf5", signer, READER, ends=ends), SIGN1)
    claims = header.get(CLAIMS, {})
    issued, number = claims.get(ISSUED), claims.get(NUMBER)

    assert header == {
        ALG: -8 if signer.curve is Curve.ED25519 else -7,
        CONTENT_TYPE: FORMAT,
        KID: signer.kid,
        CLAIMS: {ISSUED: issued, RECIPIENT: READER, NUMBER: number} | ({} if ends is None else {ENDS: ends}),
        TYP: signer.purpose,
    }
    assert type(issued) is type(number) is int
    assert min(issued, number) >= 0
    assert (unprotected, payload, len(signature)) == ({}, b"\xf5", 64)


@pytest.mark.requirement("OBJ-370")
@pytest.mark.parametrize("curve", [Curve.P256, Curve.X25519])
def test_sealed_object_has_what_the_grammar_lists(courier: Courier, curve: Curve) -> None:
    """One recipient, an ephemeral key with both coordinates, and nothing in the open but the nonce."""
    reader = courier.key(READER, curve)
    made = courier.make(b"\xf5", courier.signer, READER, reader=reader.cose_key)
    header, (unprotected, ciphertext, recipients) = opened(made, ENCRYPT)
    ((agreement, names, wrapped),) = recipients
    ephemeral = names.get(EPHEMERAL)

    assert header == {ALG: header.get(ALG), CONTENT_TYPE: SIGN1, TYP: courier.signer.purpose}
    assert unprotected.keys() == {IV}
    assert len(unprotected[IV]) == NONCES[header[ALG]]
    assert type(ciphertext) is bytes
    assert (cbor.loads(agreement), names, wrapped) == ({ALG: ECDH_ES}, {KID: READER, EPHEMERAL: ephemeral}, b"")
    shape = {label: len(value) if isinstance(value, bytes) else value for label, value in ephemeral.items()}
    assert shape == ({1: 2, -1: 1, -2: 32, -3: 32} if curve is Curve.P256 else {1: 1, -1: 4, -2: 32})


@pytest.mark.requirement("OBJ-370")
@pytest.mark.parametrize("name", ["group", "gcm_group", "chacha_group"])
def test_group_object_has_what_the_grammar_lists(courier: Courier, name: str) -> None:
    """The name of the group's key is protected with the rest; in the open stands the nonce alone."""
    group: Group = getattr(courier, name)
    made = courier.make(b"\xf5", courier.signer, group.kid, group=group.kid)
    header, (unprotected, ciphertext) = opened(made, ENCRYPT0)

    assert header == {ALG: group.algorithm, CONTENT_TYPE: SIGN1, KID: group.kid, TYP: group.purpose}
    assert unprotected.keys() == {IV}
    assert len(unprotected[IV]) == NONCES[group.algorithm]
    assert type(ciphertext) is bytes


@pytest.mark.requirement("OBJ-360")
@pytest.mark.parametrize("name", ["group", "gcm_group", "chacha_group"])
def test_nonces_under_a_group_key_differ(courier: Courier, name: str) -> None:
    """Two objects under one nonce: whoever saw both forges a third (Joux 2006; in TLS servers, Böck et al. 2016)."""
    group: Group = getattr(courier, name)
    made = [courier.make(b"\xf5", courier.signer, group.kid, group=group.kid) for _ in range(6)]
    nonces = [opened(data, ENCRYPT0)[1][0][IV] for data in made]

    assert len(set(nonces)) == len(nonces)
