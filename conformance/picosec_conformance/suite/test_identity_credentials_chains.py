"""Chains of credentials that a target reads: which of them narrow, and what it says of those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.registry import Problem
from picosec_conformance.credentials import (
    APPLICATION,
    ATTRIBUTES,
    BEGINS,
    CODE,
    CONFIRMATION,
    DAY,
    DEPTH,
    DEVICE,
    ENDS,
    IDENTITY,
    KIND,
    PURPOSE,
    ROLE,
    SCOPE,
    SUBJECT,
    USER,
    ZONE,
    chain_of,
    holder_key,
    scope,
)
from picosec_conformance.objects import KID, NOW, PLATFORM
from picosec_conformance.settings import CONTROL
from picosec_conformance.zone import Zone, signed_by

pytestmark = pytest.mark.needs(CONTROL, "identity.credentials")

LAMP, SENSOR = ("/actuators/lamp", 5), ("/sensors/temperature", 1)
PLACES = pytest.mark.parametrize("place", [0, 1, 2])


# -- whose signature -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-840")
def test_chain_that_narrows_is_taken(zone: Zone) -> None:
    """The owner lets Ann in, she lets Bob, and he his watch: each with less."""
    shared = {ROLE: "guest", ATTRIBUTES: {"floor": 1}}
    zone.takes(
        *zone.three(
            {SCOPE: scope(LAMP, SENSOR), ROLE: "guest", ATTRIBUTES: {"floor": 1, "night": True}, BEGINS: NOW - 9},
            {SCOPE: scope(LAMP), **shared, BEGINS: NOW - 9},
            {SCOPE: scope(("/actuators/lamp", 4)), BEGINS: NOW - 1, ENDS: NOW + 60},
        )
    )


@pytest.mark.requirement("IDN-840")
def test_chain_that_stays_the_same_is_taken(zone: Zone) -> None:
    """Who gives away all that he has gives away no more."""
    same = {SCOPE: scope(LAMP, SENSOR), ROLE: "guest", ATTRIBUTES: {"floor": 1}, BEGINS: NOW}

    zone.takes(*zone.three(same, same, same))


@pytest.mark.requirement("IDN-740")
def test_chain_of_a_stranger_is_refused(zone: Zone) -> None:
    """Everybody can be the owner of a house of his own."""
    stranger = zone.new_key(b"stranger")
    zone.refuses([zone.link(issuer=stranger)], Problem.UNKNOWN_CREDENTIAL)
    zone.refuses(zone.three()[1:], Problem.UNKNOWN_CREDENTIAL)
    zone.refuses(zone.three()[::-1], Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-740")
@pytest.mark.parametrize("kid", [b"anchor\x00", b"ancho", b"ANCHOR"])
def test_anchor_is_known_by_its_whole_identifier(zone: Zone, kid: bytes) -> None:
    """Half a name is the name of many."""
    link = zone.link()
    link.header[KID] = kid

    zone.refuses([link], Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-740", "IDN-840")
def test_several_anchors_of_several_zones(zone: Zone) -> None:
    """A lamp in the hall is of the house and of the flat; the house has two anchors."""
    second, other = zone.new_key(b"second", Curve.ED25519), zone.new_key(b"other")
    flat = zone.rng.randbytes(32)
    zone.believe(second)
    zone.believe(other, zone=flat)

    for issuer, claims in ((zone.anchor, {}), (second, {}), (other, {ZONE: flat})):
        zone.takes(zone.link(issuer=issuer, claims=claims))


@pytest.mark.requirement("IDN-750")
@PLACES
@pytest.mark.parametrize("how", ["zeros", "other-key", "swapped", "other-context", "with-aad"])
def test_forged_link_is_refused(zone: Zone, place: int, how: str) -> None:
    """A signature is there, of the right length, and of nobody."""
    links = zone.three()
    items = [link.item() for link in links]
    if how == "zeros":
        items[place][3] = bytes(64)
    elif how == "swapped":
        items[place][3] = items[place - 1][3]
    else:
        if how == "other-key":
            signed_by(links[place], zone.new_key(b"mallory"))
        elif how == "other-context":
            links[place].context = "Signature"
        else:
            links[place].external = b"\x00"
        items[place] = links[place].item()

    zone.refuses(chain_of(items), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-750")
@PLACES
@pytest.mark.parametrize("claim", [SUBJECT, ENDS])
def test_changed_link_is_refused(zone: Zone, place: int, claim: int) -> None:
    """Who is let in writes another day into his credential."""
    links = zone.three()
    items = [link.item() for link in links]
    links[place].claims[claim] = {SUBJECT: "somebody", ENDS: NOW + 2 * DAY}[claim]
    items[place][2] = links[place].item()[2]

    zone.refuses(chain_of(items), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-750")
@pytest.mark.parametrize("signer", ["anchor", "ann", "cleo"])
def test_link_of_somebody_else_is_refused(zone: Zone, signer: str) -> None:
    """Signed by the anchor itself, by the last but one, by its own holder: not by the one before."""
    ann, bob, cleo = zone.three()
    key = zone.anchor if signer == "anchor" else zone.key(signer)

    zone.refuses([ann, bob, zone.link(cleo.holder, key)], Problem.AUTHENTICATION_FAILED)
    zone.refuses([ann, bob, signed_by(zone.link("cleo", "bob"), key)], Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-750")
def test_link_names_the_key_before_it(zone: Zone) -> None:
    """The key is right and the name another's: who goes by names would look it up elsewhere."""
    ann, bob = zone.links(("ann", {DEPTH: 1}), ("bob", {}))
    for kid in (b"ann\x00", b"anchor", b"bob"):
        bob.header[KID] = kid
        zone.refuses([ann, bob], Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-750")
@pytest.mark.parametrize("key", ["x25519", "restricted"])
def test_key_that_only_agrees_signs_nothing(zone: Zone, key: str) -> None:
    """The zone gave it for handshakes with a Diffie-Hellman key, and for nothing else."""
    ann, bob = zone.links(("ann", {DEPTH: 1}), ("bob", {}))
    if key == "x25519":
        holder = zone.new_key(b"ann", Curve.X25519)
        ann.claims[CONFIRMATION] = {1: holder_key(holder)}
    else:
        ann.claims[CONFIRMATION] = {1: holder_key(ann.holder, alg=-25)}

    zone.refuses([ann, bob], Problem.AUTHENTICATION_FAILED)
    zone.takes(ann)


@pytest.mark.requirement("IDN-750")
def test_algorithm_of_another_curve_is_refused(zone: Zone) -> None:
    """A header that names EdDSA, and a key on P-256."""
    link = zone.link()
    link.header[1] = -8

    zone.refuses([link], Problem.AUTHENTICATION_FAILED)


# -- what may not grow ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-760")
@PLACES
def test_link_of_another_zone_is_refused(zone: Zone, place: int) -> None:
    """Ann is at home in two houses, and her guest in the one is none in the other."""
    links = zone.three()
    links[place].claims[ZONE] = zone.rng.randbytes(32)

    zone.refuses(links, Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-760")
def test_anchor_speaks_for_its_zone_alone(zone: Zone) -> None:
    """The neighbour's anchor is believed too, and signs credentials of this house."""
    other = zone.new_key(b"other")
    zone.believe(other, zone=zone.rng.randbytes(32))

    zone.refuses([zone.link(issuer=other)], Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-770")
@pytest.mark.parametrize(
    "depths",
    [(0, 0), (1, 1), (1, 2), (2, 3), (2, 1, 1), (1, 0, 0), (2, 0, 0), (3, 1, 2), (3, 2, 1, 1), (3, 2, 2), (1, 0, 1)],
    ids=str,
)
def test_chain_is_no_deeper_than_allowed(zone: Zone, depths: tuple[int, ...]) -> None:
    """The guest was let in, and was not asked to let in others; or says that he was."""
    rows = [(name, {DEPTH: depth} if depth else {}) for name, depth in zip("abcd", depths, strict=False)]

    zone.refuses(zone.links(*rows), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-770", "IDN-840")
@pytest.mark.parametrize(
    "depths", [(1, 0), (3, 0), (2, 1, 0), (3, 1, 0), (3, 2, 1, 0), (3, 2, 1), (2, 1), (3,)], ids=str
)
def test_chain_that_is_deep_enough_is_taken(zone: Zone, depths: tuple[int, ...]) -> None:
    """As deep as the owner said, or less."""
    rows = [(name, {DEPTH: depth} if depth else {}) for name, depth in zip("abcd", depths, strict=False)]

    zone.takes(*zone.links(*rows))


@pytest.mark.requirement("IDN-770")
def test_key_for_objects_lets_nobody_in(zone: Zone) -> None:
    """It was given away to sign readings, and signs credentials."""
    zone.refuses(zone.links(("ann", {PURPOSE: PLATFORM}), ("bob", {})), Problem.BAD_CREDENTIAL)
    zone.refuses(zone.links(("ann", {PURPOSE: PLATFORM}), ("bob", {PURPOSE: PLATFORM})), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-780")
@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize(
    "claims",
    [{ENDS: NOW + DAY + 1}, {ENDS: 2**64 - 1}, {BEGINS: NOW - 10}, {}],
    ids=["later", "for-ever", "earlier", "from-the-beginning"],
)
def test_link_outlives_nobody(zone: Zone, place: int, claims: dict[Any, Any]) -> None:
    """The guest stays for the weekend, and his guest for good."""
    further: list[dict[Any, Any]] = [{BEGINS: NOW - 9} for _ in range(3)]
    further[place] = claims if BEGINS in claims or not claims else {BEGINS: NOW - 9, **claims}

    zone.refuses(zone.three(*further), Problem.BAD_CREDENTIAL)


WIDER: dict[str, tuple[bytes, bytes | None]] = {
    "another-path": (scope(LAMP), scope(LAMP, SENSOR)),
    "only-another-path": (scope(LAMP), scope(SENSOR)),
    "another-method": (scope(SENSOR), scope(("/sensors/temperature", 3))),
    "only-another-method": (scope(SENSOR), scope(("/sensors/temperature", 2))),
    "path-below": (scope(("/sensors", 1)), scope(SENSOR)),
    "path-above": (scope(SENSOR), scope(("/sensors", 1))),
    "slash": (scope(("/sensors", 1)), scope(("/sensors/", 1))),
    "case": (scope(("/sensors", 1)), scope(("/Sensors", 1))),
    "everything": (scope(LAMP, SENSOR), None),
}


@pytest.mark.requirement("IDN-790")
@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize("case", WIDER)
def test_link_grants_no_more_than_it_was_granted(zone: Zone, place: int, case: str) -> None:
    """Bob may read the temperature, and lets his watch open the door."""
    before, after = WIDER[case]
    further: list[dict[Any, Any]] = [{SCOPE: before} for _ in range(3)]
    further[place] = {} if after is None else {SCOPE: after}

    zone.refuses(zone.three(*further), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-790")
def test_scope_is_held_against_the_link_before(zone: Zone) -> None:
    """Cleo takes what Ann has and Bob, who let her in, has not."""
    wide, narrow = {SCOPE: scope(LAMP, SENSOR)}, {SCOPE: scope(LAMP)}

    zone.refuses(zone.three(wide, narrow, wide), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-790", "IDN-840")
@pytest.mark.parametrize("case", WIDER)
def test_anchor_grants_no_more_than_its_scope(zone: Zone, case: str) -> None:
    """The electrician's anchor is for lamps, whatever it signs."""
    before, after = WIDER[case]
    zone.believe(zone.anchor, scope=before)

    zone.takes(zone.link(claims={SCOPE: before}))
    zone.refuses([zone.link(claims={} if after is None else {SCOPE: after})], Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-790", "IDN-840")
def test_first_scope_may_stand_anywhere(zone: Zone) -> None:
    """Ann may do everything, Bob a part of it."""
    zone.takes(*zone.three({}, {SCOPE: scope(LAMP)}, {SCOPE: scope(LAMP)}))
    zone.refuses(zone.three({}, {SCOPE: scope(LAMP)}, {}), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-800")
@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({ROLE: "guest"}, {ROLE: "owner"}),
        ({ROLE: "guest"}, {ROLE: "guest "}),
        ({}, {ROLE: "guest"}),
        ({}, {ATTRIBUTES: {"floor": 1}}),
        ({ATTRIBUTES: {"floor": 1}}, {ATTRIBUTES: {"floor": 2}}),
        ({ATTRIBUTES: {"floor": 1}}, {ATTRIBUTES: {"floor": True}}),
        ({ATTRIBUTES: {"night": False}}, {ATTRIBUTES: {"night": 0}}),
        ({ATTRIBUTES: {"floor": 1}}, {ATTRIBUTES: {"floor": "1"}}),
        ({ATTRIBUTES: {"floor": 1}}, {ATTRIBUTES: {"floor": 1, "night": True}}),
    ],
    ids=str,
)
def test_nobody_gives_himself_a_role(zone: Zone, place: int, before: dict[Any, Any], after: dict[Any, Any]) -> None:
    """The guest calls his guest an owner."""
    further: list[dict[Any, Any]] = [dict(before) for _ in range(3)]
    further[place] = after

    zone.refuses(zone.three(*further), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-800")
def test_role_that_was_left_out_is_gone(zone: Zone) -> None:
    """Bob was let in without the role, and cannot hand it on."""
    role = {ROLE: "guest", ATTRIBUTES: {"floor": 1}}
    zone.takes(*zone.three(role, {}, {}))

    zone.refuses(zone.three(role, {}, {ROLE: "guest"}), Problem.BAD_CREDENTIAL)
    zone.refuses(zone.three(role, {}, {ATTRIBUTES: {"floor": 1}}), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-2200")
@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize("before", [b"", bytes(32)], ids=["none", "another"])
def test_nobody_gives_himself_an_identity(zone: Zone, place: int, before: bytes) -> None:
    """Ann lets Mallory in as the electrician, whom the guild endorsed and who knows nothing of it."""
    own = {IDENTITY: before} if before else {}
    further: list[dict[Any, Any]] = [dict(own) for _ in range(3)]
    further[place] = {IDENTITY: bytes(31) + b"\x01"}

    zone.refuses(zone.three(*further), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-2200", "IDN-840")
def test_identity_stays_or_goes(zone: Zone) -> None:
    """The watch of the electrician is his, the one of his guest is not; and what is gone does not come back."""
    own = {IDENTITY: bytes(32)}
    zone.takes(*zone.three(own, own, own))
    zone.takes(*zone.three(own, own, {}))

    zone.refuses(zone.three(own, {}, own), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-2210")
@pytest.mark.parametrize("after", ["another-code", "user", "device", "for-objects"])
def test_application_does_not_leave_its_code_behind(zone: Zone, after: str) -> None:
    """Malware found the key of the gate's application, and lets a key in that is bound to no code."""
    gate: dict[Any, Any] = {KIND: APPLICATION, CODE: bytes(32)}
    cases: dict[str, dict[Any, Any]] = {
        "another-code": {KIND: APPLICATION, CODE: bytes(31) + b"\x01"},
        "user": {KIND: USER},
        "device": {KIND: DEVICE},
        "for-objects": {KIND: USER, PURPOSE: PLATFORM},
    }

    zone.refuses(zone.links(("gate", {DEPTH: 1, **gate}), ("mallory", cases[after])), Problem.BAD_CREDENTIAL)
    zone.refuses(zone.three(gate, gate, cases[after]), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-2210", "IDN-840")
def test_application_lets_itself_in(zone: Zone) -> None:
    """The same code with a further key; and somebody who lets an application in."""
    gate: dict[Any, Any] = {KIND: APPLICATION, CODE: bytes(32)}

    zone.takes(*zone.three(gate, gate, gate))
    zone.takes(*zone.three({}, gate, gate))
