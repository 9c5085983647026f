"""What is signed: one changed byte breaks it, and nothing is accepted that no signer of ours writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cbor2
import pytest

from picosec.messaging import cbor
from picosec.objects.structures import signature_structure
from picosec_conformance.bundle.archive import BundleError
from picosec_conformance.bundle.keys import thumbprint
from picosec_conformance.bundle.listing import Listing, Part, Run, open_listing, sign

from .making import LAB, STRANGER

RUN = Run(
    7,
    "2026-01-31T12:00:00+00:00",
    "device",
    ("chapter channel",),
    "1.0",
    b"\x01" * 32,
    "0.1.0",
    b"\x02" * 32,
    "lamp.toml",
)
PARTS = (Part.of("report.json", b"{}"), Part.of("manifest.toml", b""))
LISTED = Listing(RUN, PARTS, LAB.public_key(), throw_away=False)


@pytest.mark.parametrize(
    "listing",
    [
        LISTED,
        replace(LISTED, throw_away=True),
        replace(LISTED, run=replace(RUN, fault="dies-of-noise", seed=-(1 << 63), selection=())),
    ],
)
def test_listing_comes_back_as_it_was_signed(listing: Listing) -> None:
    """Everything that a verifier needs to run the suite again."""
    assert open_listing(sign(listing, LAB)) == listing


def test_signature_is_one_that_other_tools_verify() -> None:
    """COSE_Sign1 with EdDSA, a content format, and the thumbprint of RFC 9679 as key identifier."""
    tagged = cbor2.loads(sign(LISTED, LAB))
    protected, unprotected, payload, signature = tagged.value

    assert tagged.tag == 18
    assert cbor2.loads(protected) == {1: -8, 3: 65001, 4: thumbprint(LAB.public_key())}
    assert unprotected == {}
    LAB.public_key().verify(signature, cbor2.dumps(["Signature1", protected, b"", payload]))


def test_every_changed_byte_is_found() -> None:
    """Whoever can alter one byte of a verdict without anybody noticing can sell a certificate."""
    data = sign(LISTED, LAB)
    for position in range(len(data)):
        for mask in (0x01, 0x20, 0x80):
            changed = bytearray(data)
            changed[position] ^= mask
            with pytest.raises(BundleError):
                open_listing(bytes(changed))


def forged(change: Callable[[list[object]], None], payload: bytes | None = None) -> bytes:
    """Sign anything at all with the right key."""
    payload = LISTED.encode() if payload is None else payload
    protected = cbor2.loads(sign(LISTED, LAB)).value[0]
    parts: list[object] = [protected, {}, payload, LAB.sign(signature_structure(protected, b"", payload))]
    change(parts)
    return cbor.dumps(cbor2.CBORTag(18, parts))


def resigned(header: dict[int, object]) -> bytes:
    """Sign the listing under another protected header."""
    protected, payload = cbor.dumps(header), LISTED.encode()
    return cbor.dumps(
        cbor2.CBORTag(18, [protected, {}, payload, LAB.sign(signature_structure(protected, b"", payload))])
    )


KID = thumbprint(LAB.public_key())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(cbor.dumps([b"", {}, b"", b""]), id="without-a-tag"),
        pytest.param(forged(lambda parts: parts.append(b"")), id="one-element-more"),
        pytest.param(forged(lambda parts: parts.__setitem__(1, {4: KID})), id="unprotected-header"),
        pytest.param(forged(lambda parts: None, cbor.dumps({})), id="empty-listing"),
        pytest.param(forged(lambda parts: None, cbor.dumps({**cbor.loads(LISTED.encode()), 9: 0})), id="unknown-key"),
        pytest.param(forged(lambda parts: None, cbor.dumps({**cbor.loads(LISTED.encode()), 0: True})), id="bool-for-1"),
        pytest.param(forged(lambda parts: None, cbor.dumps({**cbor.loads(LISTED.encode()), 2: [1]})), id="part-of-int"),
        pytest.param(resigned({1: -7, 3: 65001, 4: KID}), id="other-algorithm"),
        pytest.param(resigned({1: -8, 4: KID}), id="without-content-type"),
        pytest.param(resigned({1: -8, 2: [77], 3: 65001, 4: KID, 77: 1}), id="critical-header"),
        pytest.param(resigned({1: -8, 3: 65001, 4: bytes(32)}), id="other-key-identifier"),
        pytest.param(sign(LISTED, STRANGER), id="signed-by-another-than-it-says"),
        pytest.param(forged(lambda parts: parts.__setitem__(3, bytes(64))), id="no-signature"),
    ],
)
def test_what_no_signer_writes_is_refused(data: bytes) -> None:
    """A verifier that skips what it does not understand verifies something else than what the reader sees."""
    with pytest.raises(BundleError):
        open_listing(data)


@pytest.mark.parametrize(
    "run",
    [
        replace(RUN, began="yesterday"),
        replace(RUN, began="2026-02-31T12:00:00+00:00"),
        replace(RUN, set_hash=b"\x01"),
        replace(RUN, selection=(1,)),  # type: ignore[arg-type]
        replace(RUN, seed=True),
        replace(RUN, fault=1),  # type: ignore[arg-type]
    ],
)
def test_facts_of_a_run_follow_the_grammar(run: Run) -> None:
    """The verifier acts by these facts."""
    with pytest.raises(BundleError, match="grammar"):
        open_listing(sign(replace(LISTED, run=run), LAB))
