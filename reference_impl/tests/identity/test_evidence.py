"""Evidence as it is made, read and judged, without devices around it: every bit, every cut, every state."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.identity.attester import Attester, bound_nonce, read_challenge
from picosec.identity.claims import claims_of
from picosec.identity.evidence import MAX_SIZE, Debug, decode_evidence
from picosec.identity.tamper import TamperKind, TamperRecord
from picosec.identity.verifier import Appraisal, KnownAttester, Verifier, code_of
from picosec.messaging.cbor import dumps, loads
from picosec.registry import CLAIM_CODE, CLAIM_TAMPER, Problem

NOW = 1_800_000_000
KID, UEID, NONCE = b"\x51", b"\x01" + bytes(16), bytes(range(32))
SOFTWARE = {"firmware": bytes([1]) * 32, "gate": bytes([2]) * 32}
VAULT = software_vault(bytes)
KEYS = {curve: VAULT.import_key(curve, bytes(range(1, 33))) for curve in (Curve.P256, Curve.ED25519)}

hashes = st.binary(min_size=32, max_size=32)
names = st.text(min_size=1, max_size=8)
software = st.dictionaries(names, hashes, min_size=1, max_size=8)


def attester(curve=Curve.ED25519, debug=Debug.DISABLED_FULLY_AND_PERMANENTLY, runs=SOFTWARE, maker=None):
    return Attester(KID, KEYS[curve], UEID, debug, runs, maker)


def verifier(curve=Curve.ED25519, **acceptable):
    found = Verifier()
    found.admit([KnownAttester(KID, VAULT.public(KEYS[curve]), UEID, Appraisal(**acceptable))])
    return found


GOOD = attester().attest(NONCE, VAULT, NOW, 0)


@pytest.mark.parametrize("curve", KEYS)
@given(
    runs=software,
    debug=st.sampled_from(Debug),
    issued=st.none() | st.integers(NOW - 300, NOW + 300),
    maker=st.binary(min_size=16, max_size=16) | st.binary(min_size=3, max_size=3) | st.integers(0, 2**32),
)
def test_what_is_said_is_read(curve, runs, debug, issued, maker):
    """Whatever runs, in whichever state."""
    data = attester(curve, debug, runs, maker).attest(NONCE, VAULT, issued, 3)

    found = verifier(curve, least_debug=Debug.ENABLED, most_tampered=3).appraise(data, NONCE, NOW)

    assert (found.software, found.debug, found.issued, found.tampered) == (runs, debug, issued, 3)
    assert found.maker == maker
    assert len(data) <= MAX_SIZE


def test_evidence_is_an_eat_to_others_as_well():
    """cbor2 reads the claims of RFC 9711 under their registered numbers."""
    protected, unprotected, payload, signature = cbor2.loads(GOOD).value
    claims = cbor2.loads(payload)

    assert cbor2.loads(protected) == {1: -8, 4: KID, 16: 263}
    assert unprotected == {}
    assert {label: claims[label] for label in (6, 10, 256, 263)} == {6: NOW, 10: NONCE, 256: UEID, 263: 4}
    assert claims[265] == "urn:picosec:evidence:1"
    assert [[form, cbor2.loads(body)] for form, body in claims[273]] == [[60, SOFTWARE]]
    assert claims[CLAIM_TAMPER] == 0
    assert len(signature) == 64


def test_no_bit_can_be_changed():
    """Some change the form, and all others the signature."""
    for bit in range(8 * len(GOOD)):
        changed = bytearray(GOOD)
        changed[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(ProtocolError):
            verifier().appraise(bytes(changed), NONCE, NOW)


def test_no_beginning_of_evidence_is_evidence():
    """Nor is anything with something behind it."""
    for data in (*(GOOD[:end] for end in range(len(GOOD))), GOOD + b"\x00"):
        with pytest.raises(ProtocolError, match="IDN-1190"):
            decode_evidence(data)


@given(st.binary(max_size=80))
def test_noise_is_refused_and_breaks_nothing(noise):
    """Whatever a peer answers."""
    for data in (noise, b"\xd2" + noise, b"\xd2\x84" + noise):
        with pytest.raises(ProtocolError):
            verifier().appraise(data, NONCE, NOW)


@given(runs=software, known=st.dictionaries(names, st.lists(hashes, min_size=1, max_size=3), min_size=1, max_size=8))
def test_software_is_acceptable_by_name_and_hash(runs, known):
    """Said in another way: the same names, and each hash among those of its name."""
    acceptable = {name: frozenset(each) for name, each in known.items()}
    data = attester(runs=runs).attest(NONCE, VAULT, NOW, 0)
    good = set(runs) == set(known) and all(each in known[name] for name, each in runs.items())

    if good:
        verifier(software=acceptable).appraise(data, NONCE, NOW)
        return
    with pytest.raises(ProtocolError, match="IDN-1270") as raised:
        verifier(software=acceptable).appraise(data, NONCE, NOW)
    assert raised.value.problem is Problem.BAD_EVIDENCE


@pytest.mark.parametrize("most", [None, 0, 2])
@pytest.mark.parametrize("count", [None, 0, 1, 2, 3])
def test_tampering_is_weighed(most, count):
    """Every count against every limit, and the lack of each."""
    data = attester().attest(NONCE, VAULT, NOW, count)
    good = count in (None, 0) if most is None else count is not None and count <= most

    if good:
        verifier(most_tampered=most).appraise(data, NONCE, NOW)
        return
    with pytest.raises(ProtocolError, match="IDN-1280"):
        verifier(most_tampered=most).appraise(data, NONCE, NOW)


def test_key_without_signatures_attests_nothing():
    """A key for key agreement was put into the wrong place."""
    handle = VAULT.import_key(Curve.X25519, bytes(range(32)))
    with pytest.raises(ProtocolError) as raised:
        Attester(KID, handle, UEID, Debug.DISABLED, SOFTWARE).attest(NONCE, VAULT, None, None)
    assert raised.value.problem is Problem.BAD_KEY


def test_later_word_on_an_attester_counts():
    """What is acceptable changes with the next update."""
    found = verifier(least_debug=Debug.DISABLED_FULLY_AND_PERMANENTLY)
    data = attester(debug=Debug.DISABLED_PERMANENTLY, maker=32473).attest(NONCE, VAULT, NOW, 0)
    with pytest.raises(ProtocolError, match="IDN-1260"):
        found.appraise(data, NONCE, NOW)
    found.admit([KnownAttester(KID, VAULT.public(KEYS[Curve.ED25519]), UEID)])
    found.appraise(data, NONCE, NOW)


def test_back_door_without_an_owner_is_no_evidence():
    """Whoever signs it: only the maker can open the ports, and there is no maker."""
    data = attester(debug=Debug.DISABLED_PERMANENTLY).attest(NONCE, VAULT, NOW, 0)
    with pytest.raises(ProtocolError, match="IDN-1190"):
        verifier().appraise(data, NONCE, NOW)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=7))
def test_nonce_depends_on_all_that_it_is_of(challenge, attester_id):
    """A challenge has one length, so that what follows it is not part of it."""
    seen = []
    bound_nonce(lambda label, context, length: seen.append((label, context, length)), challenge, attester_id)
    assert seen == [(32769, challenge + attester_id, 32)]


@given(st.binary(max_size=40))
def test_challenges_are_read_in_one_form(noise):
    """32 bytes, in the encoding that everybody uses."""
    assert read_challenge(b"\x58\x20" + noise.ljust(32)[:32]) == noise.ljust(32)[:32]
    if noise[:2] != b"\x58\x20" or len(noise) != 34:
        with pytest.raises(ProtocolError, match="IDN-1110"):
            read_challenge(noise)


def test_code_is_found_in_each_form_of_a_credential():
    """A claims set, a CWT; and a certificate, which has no claims."""
    claims = dumps({CLAIM_CODE: bytes(32)})
    assert code_of(claims) == bytes(32)
    assert code_of(dumps([dumps({1: -8}), {}, claims, bytes(64)])) == bytes(32)
    assert code_of(dumps({2: "lamp"})) is None
    assert claims_of(dumps(b"certificate")) == {}


@given(st.lists(st.tuples(st.sampled_from(TamperKind), st.none() | st.integers(0, NOW)), max_size=20))
def test_count_never_goes_back(events):
    """However many events of whatever kind, with a date or without."""
    record = TamperRecord()
    assert loads(record.encode()) == {1: 0}
    for count, (kind, time) in enumerate(events, 1):
        record = record.after(kind, time)
        assert loads(record.encode()) == {1: count, 2: time, 3: kind}
