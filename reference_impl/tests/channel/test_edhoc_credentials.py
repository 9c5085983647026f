"""Credentials and trust: the vectors' cases are read with the suite; here is what they leave open."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from edhoc_pair import entropy, trust
from hypothesis import given, settings
from hypothesis import strategies as st

from picosec.channel.certificates import MAX_CHAIN
from picosec.channel.credentials import Kind, Usage, own_credential, parse_ccs
from picosec.channel.trust import TrustStore, parse_credential
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.identity import claims, make_identity
from picosec_conformance.vectors import edhoc
from picosec_conformance.vectors.edhoc_credentials import FLAGS
from picosec_conformance.vectors.operations import ask

CASES = [(file.operation, case) for file in edhoc.files() if "credential" in file.name for case in file.cases]


@pytest.mark.parametrize(("operation", "case"), CASES, ids=[case.id for _, case in CASES])
def test_each_vector_of_credentials_holds(operation, case):
    """How credentials are read and found, with every way to break them."""
    answer = ask(operation, case.inputs)

    assert answer == case.error if isinstance(answer, str) else answer.output == case.output
    assert set(case.flags) <= set(FLAGS)


@pytest.mark.parametrize("kind", Kind)
@given(data=st.binary(max_size=200))
def test_random_bytes_are_no_credential(kind, data):
    """What comes by value is untrusted input."""
    with pytest.raises(ProtocolError) as caught:
        parse_credential(kind, data)

    assert caught.value.problem is Problem.BAD_CREDENTIAL


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=300)
@given(data=st.data())
def test_a_changed_credential_is_refused_or_another_one(kind, data):
    """One byte of a credential changes: it must never be taken for the one that was trusted."""
    identity = make_identity(kind, Usage.STATIC_DH, 2, entropy("x"), kid=b"\x2b")
    changed = bytearray(identity.credential)
    position = data.draw(st.integers(0, len(changed) - 1))
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        credential = parse_credential(kind, bytes(changed))
    except ProtocolError as error:
        refused = error
    else:
        refused = None
        assert credential.cred != parse_credential(kind, identity.credential).cred
    assert refused is None or refused.problem is Problem.BAD_CREDENTIAL


@given(
    st.dictionaries(
        st.sampled_from([4, 13, 14, 33, 34]) | st.integers(-5, 40) | st.text(max_size=3),
        st.recursive(
            st.integers() | st.binary(max_size=40) | st.text(max_size=5) | st.booleans() | st.none(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-5, 5), inner, max_size=3),
            max_leaves=6,
        ).filter(lambda value: abs(value) < 2**63 if isinstance(value, int) else True),
        min_size=1,
        max_size=2,
    )
)
def test_any_header_map_leads_to_one_of_two_errors(header):
    """ID_CRED is the first thing from a peer that is looked up: no form of it may surprise."""
    store = trust(make_identity(Kind.KID, Usage.STATIC_DH, 2, entropy("x"), kid=b"\x2b" * 9))
    try:
        encoded = dumps(header)
    except OverflowError:
        return
    with pytest.raises(ProtocolError) as caught:
        store.candidates(encoded)

    assert caught.value.problem in (Problem.UNKNOWN_CREDENTIAL, Problem.BAD_CREDENTIAL)


@pytest.mark.parametrize(
    ("changes", "usages"),
    [
        ({}, {Usage.STATIC_DH, Usage.SIGNATURE}),
        ({4: [1]}, {Usage.SIGNATURE}),
        ({4: [2]}, {Usage.SIGNATURE}),
        ({4: [7]}, {Usage.STATIC_DH}),
        ({4: [8]}, {Usage.STATIC_DH}),
        ({4: [2, 7]}, {Usage.SIGNATURE, Usage.STATIC_DH}),
        ({4: [3]}, set()),
        ({4: []}, set()),
        ({3: -7}, {Usage.SIGNATURE}),
        ({3: -27}, {Usage.STATIC_DH}),
        ({3: -7, 4: [7]}, set()),
    ],
)
def test_a_key_serves_only_what_it_says(changes, usages):
    """RFC 9052 section 7.1: alg and key_ops restrict a key; P-256 keys could otherwise do both."""
    vault = software_vault(bytes)
    public = vault.public(vault.import_key(Curve.P256, bytes(range(1, 33))))
    whole = claims("peer", public)
    whole[8][1].update(changes)
    credential = parse_ccs(dumps(whole))

    assert credential.usages == usages
    for usage in Usage:
        assert credential.serves(usage, SUITES[2]) is (usage in usages)
        assert not credential.serves(usage, SUITES[0])


def certificate(public, signer, *extensions, subject="leaf", issuer="root"):
    """Return a certificate in DER with these extensions, each with whether it is critical."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(public)
    builder = builder.serial_number(1).not_valid_before(datetime(2024, 1, 1)).not_valid_after(datetime(2034, 1, 1))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, None).public_bytes(Encoding.DER)


def key_usage(**allowed):
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


@pytest.mark.parametrize(
    ("allowed", "usages"),
    [
        ({"digital_signature": True}, {Usage.SIGNATURE}),
        ({"key_agreement": True}, {Usage.STATIC_DH}),
        ({"digital_signature": True, "key_agreement": True}, {Usage.SIGNATURE, Usage.STATIC_DH}),
        ({"key_cert_sign": True}, set()),
    ],
)
def test_a_certificate_serves_only_what_it_says(allowed, usages):
    """RFC 9528 appendix D.1: digitalSignature for signatures, keyAgreement for static Diffie-Hellman."""
    signer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = derive_private_key(7, SECP256R1()).public_key()
    der = certificate(public, signer, (key_usage(**allowed), True))

    assert parse_credential(Kind.X5T, der).usages == usages


def authority(*extensions):
    """Return the certificate of a root with these extensions, and one that the root signed."""
    root = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01")
    public = derive_private_key(7, SECP256R1()).public_key()
    return certificate(root.public_key(), root, *extensions, subject="root"), certificate(public, root)


@pytest.mark.parametrize(
    ("extensions", "accepted"),
    [
        ([(x509.BasicConstraints(ca=True, path_length=None), True)], True),
        ([(x509.BasicConstraints(ca=True, path_length=0), True)], True),
        ([(x509.BasicConstraints(ca=True, path_length=None), True), (key_usage(key_cert_sign=True), True)], True),
        ([(x509.BasicConstraints(ca=True, path_length=None), True), (key_usage(crl_sign=True), True)], False),
        ([(x509.BasicConstraints(ca=False, path_length=None), True)], False),
        ([], False),
        ([(x509.BasicConstraints(ca=True, path_length=None), True), (x509.InhibitAnyPolicy(0), True)], False),
    ],
)
def test_only_an_authority_issues_certificates(extensions, accepted):
    """RFC 5280 section 6: cA, keyCertSign, and no critical extension that is not understood."""
    root, leaf = authority(*extensions)

    def find():
        store = TrustStore()
        store.add(Kind.X5CHAIN, root)
        return store.candidates(dumps({33: leaf}))

    if accepted:
        assert find()[0].cred == dumps(leaf)
        return
    with pytest.raises(ProtocolError) as caught:
        find()
    assert caught.value.problem is Problem.BAD_CREDENTIAL


@pytest.mark.parametrize(("year", "accepted"), [(2023, False), (2030, True), (2035, False)])
def test_an_issuer_is_used_within_its_validity(year, accepted):
    """A root that has expired vouches for nobody, to whoever knows the date."""
    root, leaf = authority((x509.BasicConstraints(ca=True, path_length=None), True))
    store = TrustStore()
    store.add(Kind.X5CHAIN, root)
    time = datetime(year, 6, 1, tzinfo=UTC).timestamp()
    if accepted:
        assert store.candidates(dumps({33: leaf}), time)
        return
    with pytest.raises(ProtocolError) as caught:
        store.candidates(dumps({33: leaf}), time)
    assert caught.value.problem is Problem.BAD_CREDENTIAL


@pytest.mark.parametrize(
    "member", [{1: 2.0}, {-1: 1.0}, {3: -7.0}, {4: [True]}, {4: [7.0]}, {3: "ES256"}], ids=lambda member: str(member)
)
def test_what_equals_an_integer_is_none(member):
    """1.0 and true are other CBOR items than 1, however equal Python finds them: two readers would see two keys."""
    identity = make_identity(Kind.KCCS, Usage.STATIC_DH, 2, entropy("x"))
    changed = claims("x", parse_credential(Kind.KCCS, identity.credential).key)
    changed[8][1] |= member

    with pytest.raises(ProtocolError) as caught:
        parse_ccs(dumps(changed))

    assert caught.value.problem is Problem.BAD_CREDENTIAL


def test_an_algorithm_that_equals_ours_is_another():
    """A CWT whose protected header says -8.0 was signed by somebody with another idea of integers."""
    cwt = dumps([dumps({1: -8.0}), {}, dumps({}), bytes(64)])

    with pytest.raises(ProtocolError) as caught:
        parse_credential(Kind.KCWT, cwt)

    assert "algorithm" in caught.value.detail


def test_an_own_credential_needs_its_own_private_key():
    """A mix-up at provisioning shows at once, not in the first handshake."""
    vault = software_vault(bytes)
    identity = make_identity(Kind.KID, Usage.STATIC_DH, 2, entropy("x"), kid=b"\x2b")

    with pytest.raises(ProtocolError) as caught:
        own_credential(
            Kind.KID, parse_ccs(identity.credential), vault.import_key(Curve.P256, bytes(range(1, 33))), vault
        )

    assert caught.value.problem is Problem.BAD_CREDENTIAL


def test_the_issuer_of_cwts_is_no_peer():
    """An issuer's key is there to sign credentials, not to open channels."""
    signed = make_identity(Kind.KCWT, Usage.STATIC_DH, 2, entropy("x"))
    store = trust(signed)

    with pytest.raises(ProtocolError) as caught:
        store.candidates(b"\xa1\x0e" + signed.trusted)

    assert (caught.value.problem, caught.value.requirement) == (Problem.BAD_CREDENTIAL, "CHN-420")


def test_a_credential_that_is_added_twice_is_tried_once():
    """Provisioning the same again must not multiply work for who sends forged messages."""
    identity = make_identity(Kind.KID, Usage.STATIC_DH, 2, entropy("x"), kid=b"\x2b")

    assert len(trust(identity, identity).candidates(b"\xa1\x04\x41\x2b")) == 1


def test_a_long_chain_is_refused_before_any_signature_is_checked():
    """Each certificate costs a signature check: a chain from a stranger must be bounded."""
    identity = make_identity(Kind.X5CHAIN, Usage.STATIC_DH, 2, entropy("x"))
    chain = [identity.credential] * (MAX_CHAIN + 1)

    with pytest.raises(ProtocolError) as caught:
        trust(identity).candidates(dumps({33: chain}))

    assert caught.value.problem is Problem.BAD_CREDENTIAL


def test_a_certificate_keeps_its_name_and_dates():
    """What an application decides on is read from the certificate."""
    identity = make_identity(Kind.X5T, Usage.SIGNATURE, 0, entropy("x"), name="lamp")
    (credential,) = trust(identity).candidates(dumps({34: [-15, sha256(identity.credential).digest()[:8]]}))

    assert credential.subject == "CN=lamp"
    assert credential.not_before is not None
    assert credential.not_after is not None
    assert credential.not_before < credential.not_after
    assert credential.cred == dumps(identity.credential)


def test_an_empty_store_knows_nobody():
    """The state of a device before it was provisioned."""
    for header, problem in (
        ({4: b""}, Problem.UNKNOWN_CREDENTIAL),
        ({34: [-15, bytes(8)]}, Problem.UNKNOWN_CREDENTIAL),
        ({14: {}}, Problem.BAD_CREDENTIAL),
        ({33: b""}, Problem.BAD_CREDENTIAL),
        ({13: []}, Problem.BAD_CREDENTIAL),
    ):
        with pytest.raises(ProtocolError) as caught:
            TrustStore().candidates(dumps(header))
        assert caught.value.problem is problem
