"""Certificates and the paths between them: what a peer may show, and whom it may get that from."""

from __future__ import annotations

import random
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from picosec.channel.credentials import Kind, Usage
from picosec.messaging.cbor import dumps
from picosec_conformance.control import Control
from picosec_conformance.meeting import BOTH_SIDES, EITHER_SIDE, EITHER_USE, certificate
from picosec_conformance.showing import Meeting
from picosec_conformance.target import Target


def signer(rng: random.Random) -> Ed25519PrivateKey:
    """Return a key of an authority."""
    return Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))


def chained(meeting: Meeting, rng: random.Random, *lengths: int | None) -> list[bytes]:
    """Return an end entity with the peer's key, then authorities up to a root, each with its path length."""
    keys = [signer(rng) for _ in lengths]
    names = [f"authority {number}" for number in range(len(lengths))]
    chain = [certificate("suite", meeting.honest.key.native, names[0], keys[0])]
    for number, length in enumerate(lengths):
        above = min(number + 1, len(keys) - 1)
        own = keys[number].public_key()
        chain.append(certificate(names[number], own, names[above], keys[above], True, length))
    return chain


def shown_chain(meeting: Meeting, chain: list[bytes]) -> bool:
    """Show all but the root, which is what the target trusts."""
    meeting.trust_only("x5chain", chain[-1])
    value = chain[0] if len(chain) == 2 else chain[:-1]
    return meeting.shown(dumps({33: value}), dumps(chain[0]))


@pytest.mark.requirement("CHN-390")
@BOTH_SIDES
@pytest.mark.parametrize("lengths", [(0,), (0, 1), (None, 1), (1, 1), (0, 1, 2), (None,) * 8], ids=str)
def test_path_length_is_what_lies_below(
    target: Target, control: Control, rng: random.Random, side: str, lengths: tuple[int | None, ...]
) -> None:
    """A root that allows no authority below itself still issues to end entities; who counts those locks them out."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)

    assert shown_chain(meeting, chained(meeting, rng, *lengths))


@pytest.mark.requirement("CHN-400")
@BOTH_SIDES
@pytest.mark.parametrize("lengths", [(None, 0), (0, 0), (None, 0, None), (0, 1, 1), (None, None, 1)], ids=str)
def test_path_longer_than_an_authority_allows_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, lengths: tuple[int | None, ...]
) -> None:
    """An authority for one house makes an authority of its own, and lets anyone into every house."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)

    assert not shown_chain(meeting, chained(meeting, rng, *lengths))


@pytest.mark.requirement("CHN-1940")
@BOTH_SIDES
def test_chain_of_more_than_eight_certificates_is_refused(
    target: Target, control: Control, rng: random.Random, side: str
) -> None:
    """Each certificate costs a signature to check: the peer must not choose how many."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)

    assert not shown_chain(meeting, chained(meeting, rng, *(None,) * 9))


@pytest.mark.requirement("CHN-400")
@BOTH_SIDES
@pytest.mark.parametrize("may_certify", [True, False])
def test_key_usage_of_an_authority_counts(
    target: Target, control: Control, rng: random.Random, side: str, may_certify: bool
) -> None:
    """Its key may sign handshakes and nothing else, says the authority above: it must not make certificates."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)
    root, middle = signer(rng), signer(rng)
    usage = x509.KeyUsage(True, False, False, False, False, may_certify, False, False, False)
    chain = [
        certificate("suite", meeting.honest.key.native, "middle", middle),
        certificate("middle", middle.public_key(), "root", root, True, further=[(usage, True)]),
        certificate("root", root.public_key(), "root", root, True),
    ]

    assert shown_chain(meeting, chain) is may_certify


@pytest.mark.requirement("CHN-390")
@BOTH_SIDES
def test_one_of_several_trusted_certificates_is_enough(
    target: Target, control: Control, rng: random.Random, side: str
) -> None:
    """A device that knows two houses has two roots; the second counts as much as the first."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)
    chain = chained(meeting, rng, None, None)
    meeting.trust_only("x5chain", chained(meeting, rng, None)[-1])
    control.provision(trusted=[{1: "x5chain", 2: chain[-1]}, {1: "x5chain", 2: chained(meeting, rng, None)[-1]}])

    assert meeting.shown(dumps({33: chain[:-1]}), dumps(chain[0]))


@pytest.mark.requirement("CHN-1930")
@BOTH_SIDES
@pytest.mark.needs("channel.edhoc.credential.x5chain")
@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("where", ["end-entity", "authority"])
def test_extension_that_is_not_understood_counts_when_it_is_critical(
    target: Target, control: Control, rng: random.Random, side: str, critical: bool, where: str
) -> None:
    """ "Only for trains", says an extension that a lamp has never heard of."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)
    root = signer(rng)
    strange = [(x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\0"), critical)]
    known = [(x509.SubjectAlternativeName([x509.DNSName("suite.example")]), critical)]
    end = where == "end-entity"
    chain = [
        certificate("suite", meeting.honest.key.native, "root", root, further=strange if end else known),
        certificate("root", root.public_key(), "root", root, True, further=[] if end else strange),
    ]
    if end:
        assert shown_chain(meeting, chain) is not critical
        return
    leaf, above = chain[0], signer(rng)
    middle = certificate("root", root.public_key(), "above", above, True, further=strange)

    assert shown_chain(meeting, [leaf, middle, certificate("above", above.public_key(), "above", above, True)]) is (
        not critical
    )


@EITHER_SIDE
@pytest.mark.needs("channel.edhoc.credential.x5chain")
@pytest.mark.parametrize("form", ["array-of-one", "empty-array", "text", "number-in-the-array", "map", "not-der"])
def test_chain_in_another_form_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, form: str
) -> None:
    """One certificate is a byte string, several are an array of them; nothing else is either."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)
    chain = chained(meeting, rng, None)
    meeting.trust_only("x5chain", chain[-1])
    value: Any = {
        "array-of-one": chain[:1],
        "empty-array": [],
        "text": "certificate",
        "number-in-the-array": [chain[0], 7],
        "map": {1: chain[0]},
        "not-der": chain[0][:-1],
    }[form]

    assert not meeting.shown(dumps({33: value}), dumps(chain[0]))


@EITHER_SIDE
@pytest.mark.needs("channel.edhoc.credential.x5chain")
@pytest.mark.parametrize("curve", ["P-384", "Ed448"])
def test_certificate_for_a_key_of_another_kind_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, curve: str
) -> None:
    """An authority that is trusted issues for servers of all kinds: not every certificate of its is for EDHOC."""
    meeting = Meeting(target, control, rng, side, Kind.X5CHAIN)
    root = signer(rng)
    other = derive_private_key(rng.getrandbits(300), SECP384R1()) if curve == "P-384" else None
    native = (other or Ed448PrivateKey.from_private_bytes(rng.randbytes(57))).public_key()
    chain = [
        certificate("suite", native, "root", root),
        certificate("root", root.public_key(), "root", root, True),
    ]

    assert not shown_chain(meeting, chain)


@EITHER_SIDE
@EITHER_USE
@pytest.mark.needs("channel.edhoc.credential.x5t")
def test_certificate_whose_key_may_do_what_it_does_is_accepted(
    target: Target, control: Control, rng: random.Random, side: str, method: int, suite: int
) -> None:
    """A key usage that fits: signatures for who signs, key agreement for who does not."""
    meeting = Meeting(target, control, rng, side, Kind.X5T, method=method, suite=suite)
    signs = meeting.parties.own.usage is Usage.SIGNATURE
    shown = certificate("suite", meeting.honest.key.native, "issuer", signer(rng), signs=signs)
    meeting.trust_only("x5t", shown)

    assert meeting.shown(dumps({34: [-15, sha256(shown).digest()[:8]]}), dumps(shown))


@pytest.mark.requirement("CHN-380")
@BOTH_SIDES
@pytest.mark.parametrize("purpose", [True, False])
def test_certificate_by_hash_may_have_extensions(
    target: Target, control: Control, rng: random.Random, side: str, purpose: bool
) -> None:
    """Those that nobody has to understand; the hash says which certificate is meant."""
    meeting = Meeting(target, control, rng, side, Kind.X5T)
    further = [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)] if purpose else []
    shown = certificate("suite", meeting.honest.key.native, "issuer", signer(rng), further=further)
    meeting.trust_only("x5t", shown)

    assert meeting.shown(dumps({34: [-15, sha256(shown).digest()[:8]]}), dumps(shown))
