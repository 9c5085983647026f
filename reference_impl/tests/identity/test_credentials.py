"""Credentials and chains of them: what is read, what is verified, what is held (spec/v1/identity-credentials.md)."""

import pytest
from credential_scene import DAY, HOUSE, LAMP, NOW, ZONE, CredentialScene, reread

from picosec.crypto.curves import Curve
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor, Chain
from picosec.identity.chains import MAX_HELD
from picosec.identity.credential import is_credential, issue, read_credential
from picosec.identity.holder import AGREES, HolderKey
from picosec.identity.statement import Kind
from picosec.identity.status import StatusReference
from picosec.messaging import cbor
from picosec.objects.headers import headers
from picosec.objects.keys import Purpose
from picosec.objects.signed import sign
from picosec.registry import CLAIM_CODE, CLAIM_DEPTH, CLAIM_KIND, CLAIM_PURPOSE, CLAIM_ROLE, CLAIM_STATUS, CLAIM_ZONE

EVERYTHING = {
    "subject": "Ann",
    "not_before": NOW - 5,
    "scope": HOUSE,
    "role": "owner",
    "attributes": {"floor": 2, "name": "Ann", "night": True},
    "depth": 2,
    "identity": bytes(32),
    "status": StatusReference(7, "https://example.com/statuslists/1"),
}


@pytest.fixture(params=[Curve.P256, Curve.ED25519])
def scene(request):
    return CredentialScene(request.param)


def test_a_credential_is_read_as_it_was_issued(scene):
    chain = scene.chain(("ann", EVERYTHING))
    assert reread(chain).last.claims == chain.last.claims
    assert read_credential(chain.last.cwt).claims == chain.last.claims
    assert is_credential(chain.last.cwt)


def test_a_credential_of_an_application_names_its_code(scene):
    chain = scene.chain(("ann", {"kind": Kind.APPLICATION, "code": bytes(32), "purpose": Purpose.APPLICATION}))
    assert reread(chain).last.claims == chain.last.claims


def test_other_claims_sets_are_no_credentials():
    assert not is_credential(cbor.dumps({8: {}}))
    assert not is_credential(cbor.dumps([b"", {}, cbor.dumps({8: {}}), b""]))


def test_a_chain_that_narrows_is_good(scene):
    chain = scene.chain(
        ("ann", {"depth": 2, "scope": HOUSE, "role": "owner", "attributes": {"floor": 2, "night": True}}),
        ("bob", {"depth": 1, "scope": LAMP, "role": "owner", "attributes": {"night": True}, "expires": NOW + 9}),
        ("cleo", {"scope": LAMP, "expires": NOW + 9}),
    )
    assert scene.refusal(chain.encode()) is None
    scene.take(chain.encode())
    assert [each.last.claims for each in scene.chains.named(b"cleo", NOW)] == [chain.last.claims]
    assert scene.chains.named(b"ann", NOW) == []


DEEP = {"depth": 3}


@pytest.mark.parametrize(
    ("first", "second", "requirement"),
    [
        ({}, {}, "IDN-770"),
        ({"depth": 1}, {"depth": 1}, "IDN-770"),
        ({"depth": 1}, {"depth": 2}, "IDN-770"),
        (DEEP, {"expires": NOW + DAY + 1}, "IDN-780"),
        (DEEP | {"not_before": NOW}, {"not_before": NOW - 1}, "IDN-780"),
        (DEEP | {"not_before": NOW}, {}, "IDN-780"),
        (DEEP | {"scope": LAMP}, {"scope": HOUSE}, "IDN-790"),
        (DEEP | {"scope": LAMP}, {}, "IDN-790"),
        (DEEP | {"role": "guest"}, {"role": "owner"}, "IDN-800"),
        (DEEP, {"role": "owner"}, "IDN-800"),
        (DEEP, {"attributes": {"floor": 2}}, "IDN-800"),
        (DEEP | {"attributes": {"floor": 1}}, {"attributes": {"floor": 2}}, "IDN-800"),
        (DEEP | {"attributes": {"floor": 1}}, {"attributes": {"floor": True}}, "IDN-800"),
        (DEEP, {"zone": bytes(32)}, "IDN-760"),
        ({"zone": bytes(32)} | DEEP, {"zone": bytes(32)}, "IDN-760"),
    ],
)
def test_a_chain_that_widens_is_refused(scene, first, second, requirement):
    chain = scene.chain(("ann", first), ("bob", second))
    assert scene.refusal(chain.encode()) == ("bad_credential", requirement)


def test_an_anchor_grants_no_more_than_its_scope():
    scene = CredentialScene(scope=LAMP)
    assert scene.refusal(scene.chain(("ann", {"scope": LAMP})).encode()) is None
    for scope in (HOUSE, None):
        assert scene.refusal(scene.chain(("ann", {"scope": scope})).encode()) == ("bad_credential", "IDN-790")


def test_a_link_that_somebody_else_signed_is_refused(scene):
    chain = scene.chain(("ann", {"depth": 1}), ("bob", {}))
    forged = issue(scene.claims("bob"), scene.vault, scene.handles["mallory"], b"ann")
    renamed = issue(scene.claims("bob"), scene.vault, scene.handles["ann"], b"amy")
    for last in (forged, renamed):
        refused = Chain((chain.credentials[0], last)).encode()
        assert scene.refusal(refused) == ("authentication_failed", "IDN-750")
    assert scene.refusal(Chain(chain.credentials[::-1]).encode()) == ("unknown_credential", "IDN-740")


def test_a_key_that_only_agrees_signs_no_credential():
    scene = CredentialScene()
    holder = HolderKey(b"ann", scene.key("ann").key, AGREES)
    chain = scene.chain(("ann", {"depth": 1, "holder": holder}), ("bob", {}))
    assert scene.refusal(chain.encode()) == ("authentication_failed", "IDN-750")
    assert scene.refusal(Chain(chain.credentials[:1]).encode()) is None


def test_an_unknown_anchor_is_refused(scene):
    alone = issue(scene.claims("bob"), scene.vault, scene.handles["mallory"], b"mallory")
    assert scene.refusal(Chain((alone,)).encode()) == ("unknown_credential", "IDN-740")


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({"expires": NOW}, True),
        ({"expires": NOW - 1}, False),
        ({"not_before": NOW}, True),
        ({"not_before": NOW + 1}, False),
        ({"issued": NOW + 300}, True),
        ({"issued": NOW + 301}, False),
    ],
)
def test_dates_are_judged_where_they_are_known(scene, changes, good):
    chain = scene.chain(("ann", changes | {"depth": 1}), ("bob", changes))
    assert scene.refusal(chain.encode()) == (None if good else ("stale", "IDN-810"))
    assert scene.refusal(chain.encode(), None) is None


def test_a_chain_without_its_list_is_refused(scene):
    chain = scene.chain(("ann", {"depth": 1, "status": EVERYTHING["status"]}), ("bob", {}))
    assert scene.refusal(chain.encode()) == ("bad_credential", "IDN-260")


# -- form ----------------------------------------------------------------------------------------------------------


def altered(scene, changes, header=None, unprotected=None):
    """Return a chain of one whose claims were changed at will; None takes a claim away."""
    claims = cbor.loads(scene.chain(("ann", EVERYTHING)).last.signed.payload) | changes
    claims = {label: value for label, value in claims.items() if value is not None}
    head = headers({1: -7, 4: b"zone"} | (header or {}), unprotected)
    return cbor.dumps([sign(head, cbor.dumps(claims), scene.vault, scene.handles["zone"]).item()])


KEY = {1: 2, 2: b"k", -1: 1, -2: bytes(32), -3: bytes(32)}


@pytest.mark.parametrize(
    "changes",
    [
        {1: "issuer"},
        {2: ""},
        {2: "x" * 65},
        {4: None},
        {4: -1},
        {4: 1.0},
        {5: True},
        {6: None},
        {8: None},
        {8: {1: {**KEY, 2: b""}}},
        {8: {1: {label: value for label, value in KEY.items() if label != 2}}},
        {8: {1: KEY | {3: -8}}},
        {8: {1: KEY | {-4: bytes(32)}}},
        {8: {1: KEY | {-2: bytes(31)}}},
        {8: {1: KEY, 2: 0}},
        {9: "all"},
        {9: b"\x80"},
        {CLAIM_ZONE: bytes(31)},
        {CLAIM_ROLE: ""},
        {CLAIM_KIND: 3},
        {CLAIM_KIND: False},
        {CLAIM_KIND: 2},
        {CLAIM_CODE: bytes(32)},
        {CLAIM_DEPTH: 0},
        {CLAIM_DEPTH: 4},
        {CLAIM_PURPOSE: 65002},
        {CLAIM_PURPOSE: 65004, CLAIM_DEPTH: None},
        {CLAIM_STATUS: {"status_list": {"idx": 1}}},
        {-65542: {}},
        {-65542: {"a": 1.5}},
        {-65542: {"": 1}},
        {-65542: {"a": "x" * 65}},
    ],
    ids=str,
)
def test_claims_of_another_form_are_refused(changes):
    scene = CredentialScene()
    assert scene.refusal(altered(scene, changes)) == ("malformed", "IDN-710")


def test_headers_of_another_form_are_refused():
    scene = CredentialScene()
    for header, unprotected in (({16: "x"}, None), ({4: b""}, None), ({4: 1}, None), ({}, {5: b""})):
        assert scene.refusal(altered(scene, {}, header, unprotected)) == ("malformed", "IDN-710")
    assert scene.refusal(altered(scene, {}, {1: -35})) == ("unsupported_algorithm", "IDN-720")
    assert scene.refusal(altered(scene, {8: {1: KEY}})) == ("bad_key", "IDN-730")


def test_a_key_for_objects_has_to_sign():
    scene = CredentialScene()
    key = scene.key("ann").members() | {3: AGREES}
    assert scene.refusal(altered(scene, {8: {1: key}, CLAIM_DEPTH: None, CLAIM_PURPOSE: 65002})) == (
        "malformed",
        "IDN-710",
    )


def test_a_chain_is_an_array_of_credentials(scene):
    item = scene.chain(("ann", {})).last.signed.item()
    for value in ([], item, [item] * 5, {}, [[*item, 1]]):
        assert scene.refusal(cbor.dumps(value)) == ("malformed", "IDN-710")
    assert scene.refusal(bytes(4097)) == ("too_large", "IDN-700")
    assert scene.refusal(b"\x9f\xff") == ("not_deterministic", "IDN-710")


# -- holding -------------------------------------------------------------------------------------------------------


def test_the_chain_not_used_longest_makes_room(scene):
    chains = [scene.chain(("ann", {"subject": str(number)})).encode() for number in range(MAX_HELD + 1)]
    for chain in chains[:-1]:
        scene.take(chain)
    before = scene.chains.state()
    scene.take(chains[0])
    assert scene.chains.state() == before

    scene.take(chains[-1])

    assert {chain.encode() for chain in scene.chains} == {chains[0], *chains[2:]}


def test_a_chain_is_judged_at_every_use(scene):
    scene.take(scene.chain(("ann", {"expires": NOW + 5})).encode())
    assert len(scene.chains.named(b"ann", NOW + 5)) == 1
    with pytest.raises(ProtocolError, match="IDN-810"):
        scene.chains.named(b"ann", NOW + 6)


def test_a_chain_goes_with_its_anchor(scene):
    scene.take(scene.chain(("ann", {})).encode())
    scene.chains.admit([Anchor(b"zone", scene.anchor.key, ZONE)])
    assert len(scene.chains.named(b"ann", NOW)) == 1
    scene.chains.admit([Anchor(b"zone", scene.key("bob").key, ZONE)])
    with pytest.raises(ProtocolError, match="IDN-890"):
        scene.chains.named(b"ann", NOW)


def test_issuing_holds_claims_against_the_grammar(scene):
    with pytest.raises(ProtocolError, match="IDN-710"):
        issue(scene.claims("ann", subject="x" * 65), scene.vault, scene.handles["zone"], b"zone")
    agreeing = scene.vault.import_key(Curve.X25519, bytes([9] * 32))
    with pytest.raises(ProtocolError, match="IDN-750"):
        issue(scene.claims("ann"), scene.vault, agreeing, b"zone")
