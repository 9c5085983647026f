"""Chains of credentials of every form: which of them a target reads, and with which error it refuses the others."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.credentials import (
    APPLICATION,
    ATTRIBUTES,
    BEGINS,
    CODE,
    CONFIRMATION,
    DEPTH,
    DEVICE,
    ENDS,
    IDENTITY,
    ISSUED,
    KIND,
    LARGEST,
    LONGEST,
    PURPOSE,
    ROLE,
    SCOPE,
    STATUS,
    SUBJECT,
    USER,
    ZONE,
    Link,
    chain,
    chain_of,
    holder_key,
    scope,
)
from picosec_conformance.objects import ALG, IV, KID, NOW, PLATFORM, TYP, Key
from picosec_conformance.objects import APPLICATION as FOR_APPLICATIONS
from picosec_conformance.settings import CONTROL
from picosec_conformance.zone import Zone

pytestmark = pytest.mark.needs(CONTROL, "identity.credentials")

LAMP, SENSOR = ("/actuators/lamp", 5), ("/sensors/temperature", 1)
FULL: dict[Any, Any] = {
    SUBJECT: "x" * 64,
    BEGINS: 0,
    SCOPE: scope(LAMP, SENSOR),
    ROLE: "r" * 32,
    ATTRIBUTES: {"n" * 32: "v" * 64, "floor": -2, "night": False, "empty": ""},
    DEPTH: 3,
    IDENTITY: bytes(32),
}


@pytest.mark.requirement("IDN-840", "IDN-710")
@pytest.mark.parametrize(
    "claims",
    [
        {},
        FULL,
        {KIND: DEVICE},
        {KIND: APPLICATION, CODE: bytes(32)},
        {PURPOSE: PLATFORM},
        {PURPOSE: FOR_APPLICATIONS},
        {ENDS: 2**64 - 1},
        {SCOPE: scope(("/" + "x" * 63, 127))},
        {SCOPE: scope(*((f"/{number:02}", 1) for number in range(32)))},
        {ATTRIBUTES: {f"{number:02}": number for number in range(16)}},
    ],
    ids=[
        "least",
        "most",
        "device",
        "application",
        "platform",
        "for-apps",
        "no-end",
        "long-path",
        "paths",
        "attributes",
    ],
)
def test_credential_of_the_grammar_is_taken(zone: Zone, claims: dict[Any, Any]) -> None:
    """What is optional may be there, and what has a limit may reach it."""
    zone.takes(zone.link(claims=claims))


@pytest.mark.requirement("IDN-840", "IDN-710")
@pytest.mark.parametrize("curve", list(Curve), ids=lambda curve: curve.name.lower())
@pytest.mark.parametrize("restricted", [False, True])
def test_holder_has_a_key_of_any_curve(zone: Zone, curve: Curve, restricted: bool) -> None:
    """A sensor agrees on keys with X25519, a phone signs with Ed25519, and the zone itself has P-256."""
    key = zone.new_key(bytes(32), curve)
    link = zone.link(key)
    if restricted:
        link.claims[CONFIRMATION] = {1: holder_key(key, alg=-8 if curve is Curve.ED25519 else -25)}

    zone.takes(link)


@pytest.mark.requirement("IDN-840")
def test_zone_with_a_key_on_the_other_curve(zone: Zone) -> None:
    """Anchors sign with EdDSA as well."""
    zone.anchor = zone.new_key(b"\x00", Curve.ED25519)
    zone.believe(zone.anchor)

    zone.takes(zone.link())


@pytest.mark.requirement("IDN-700")
def test_chain_is_bounded(zone: Zone) -> None:
    """Whoever sends a megabyte wants the device to look for its end."""
    links = zone.three()
    zone.refuses(chain(*links) + bytes(LARGEST + 1 - len(chain(*links))), Problem.TOO_LARGE)
    zone.refuses(chain(*links) + bytes(LARGEST - len(chain(*links))), Problem.MALFORMED)
    zone.refuses(bytes(2 * LARGEST), Problem.TOO_LARGE)


def _full(zone: Zone, name: str, depth: int) -> dict[Any, Any]:
    long = {f"{number:02}" + "n" * 30: "v" * 39 for number in range(8)}
    return {DEPTH: depth, ATTRIBUTES: long} if depth else {ATTRIBUTES: long}


@pytest.mark.requirement("IDN-840", "IDN-700")
def test_chain_of_four_is_taken(zone: Zone) -> None:
    """The longest there is, with much to say in each link, and in blocks."""
    names = ("ann", "bob", "cleo", "dan")
    links = zone.links(*((name, _full(zone, name, LONGEST - 1 - at)) for at, name in enumerate(names)))
    assert 3000 < len(chain(*links)) <= LARGEST

    zone.takes(*links)


@pytest.mark.requirement("IDN-710")
@pytest.mark.parametrize(
    "shape", ["empty", "five", "map", "credential", "no-signature", "five-parts", "text", "tagged", "null", "nothing"]
)
def test_chain_of_another_shape_is_refused(zone: Zone, shape: str) -> None:
    """One credential without its array, five of them, or none."""
    item = zone.link().item()
    shapes: dict[str, Any] = {
        "empty": [],
        "five": [item] * 5,
        "map": {0: item},
        "credential": item,
        "no-signature": [item[:3]],
        "five-parts": [[*item, b""]],
        "text": ["credential"],
        "null": [None],
    }
    data = {"tagged": b"\x81\xd2" + dumps(item), "nothing": b""}.get(shape)
    zone.refuses(dumps(shapes[shape]) if data is None else data, Problem.MALFORMED)


def _with(zone: Zone, change: Any) -> bytes:
    """Return a chain of two whose last credential was changed, and everything signed."""
    first, second = zone.links(("ann", {DEPTH: 1}), ("bob", {}))
    change(second)
    return chain(first, second)


HEADERS: dict[str, Any] = {
    "no-kid": lambda link: link.header.pop(KID),
    "empty-kid": lambda link: link.header.update({KID: b""}),
    "long-kid": lambda link: link.header.update({KID: bytes(33)}),
    "kid-as-text": lambda link: link.header.update({KID: "ann"}),
    "typ": lambda link: link.header.update({TYP: 65006}),
    "crit": lambda link: link.header.update({2: [ALG]}),
    "unprotected-kid": lambda link: setattr(link, "unprotected", {KID: link.header.pop(KID)}),
    "kid-twice": lambda link: setattr(link, "unprotected", {KID: b"ann"}),
    "unprotected": lambda link: setattr(link, "unprotected", {IV: b""}),
    "unprotected-list": lambda link: setattr(link, "unprotected", []),
    "no-header": lambda link: setattr(link, "protected", b""),
    "header-as-list": lambda link: setattr(link, "protected", b"\x80"),
    "claims-as-list": lambda link: setattr(link, "payload", b"\x80"),
    "no-claims": lambda link: setattr(link, "payload", b""),
    "claims-and-more": lambda link: setattr(link, "payload", dumps(link.claims) + b"\x00"),
}


@pytest.mark.requirement("IDN-710")
@pytest.mark.parametrize("case", HEADERS)
def test_headers_of_another_form_are_refused(zone: Zone, case: str) -> None:
    """What is not understood might change what everything else means."""
    zone.refuses(_with(zone, HEADERS[case]), Problem.MALFORMED)


CLAIMS: dict[str, dict[Any, Any]] = {
    "issuer": {1: "zone"},
    "audience": {3: "lamp"},
    "text-label": {"sub": "ann"},
    "empty-subject": {SUBJECT: ""},
    "long-subject": {SUBJECT: "x" * 65},
    "subject-as-bytes": {SUBJECT: b"ann"},
    "end-below-zero": {ENDS: -1},
    "end-as-float": {ENDS: NOW + 1.5},
    "end-as-text": {ENDS: "never"},
    "end-null": {ENDS: None},
    "beginning-below-zero": {BEGINS: -1},
    "beginning-as-true": {BEGINS: True},
    "issued-below-zero": {ISSUED: -1},
    "issued-as-float": {ISSUED: 1.5},
    "no-confirmation": {CONFIRMATION: {}},
    "confirmation-by-hash": {CONFIRMATION: {3: b"ann"}},
    "confirmation-and-more": {CONFIRMATION: {1: {1: 1, 2: b"k", -1: 6, -2: bytes(32)}, 3: b"k"}},
    "scope-as-text": {SCOPE: "all"},
    "scope-as-list": {SCOPE: [["/a", 1]]},
    "scope-empty": {SCOPE: b""},
    "scope-of-nothing": {SCOPE: scope()},
    "scope-of-33": {SCOPE: scope(*((f"/{number:02}", 1) for number in range(33)))},
    "scope-not-in-order": {SCOPE: scope(SENSOR, LAMP)},
    "scope-twice": {SCOPE: scope(LAMP, LAMP)},
    "scope-without-slash": {SCOPE: scope(("lamp", 1))},
    "scope-of-no-method": {SCOPE: scope(("/a", 0))},
    "scope-of-dynamic-method": {SCOPE: scope(("/a", 1 << 32))},
    "scope-of-128": {SCOPE: scope(("/a", 128))},
    "scope-long-path": {SCOPE: scope(("/" + "x" * 64, 1))},
    "scope-method-as-true": {SCOPE: dumps([["/a", True]])},
    "scope-and-more": {SCOPE: scope(LAMP) + b"\x00"},
    "short-zone": {ZONE: bytes(31)},
    "zone-as-text": {ZONE: "z" * 32},
    "empty-role": {ROLE: ""},
    "long-role": {ROLE: "x" * 33},
    "no-attributes": {ATTRIBUTES: {}},
    "seventeen-attributes": {ATTRIBUTES: {f"{number:02}": 0 for number in range(17)}},
    "attribute-as-list": {ATTRIBUTES: {"floors": [1, 2]}},
    "attribute-as-float": {ATTRIBUTES: {"floor": 1.5}},
    "attribute-as-bytes": {ATTRIBUTES: {"floor": b"\x01"}},
    "attribute-as-null": {ATTRIBUTES: {"floor": None}},
    "attribute-without-name": {ATTRIBUTES: {"": 1}},
    "attribute-by-number": {ATTRIBUTES: {1: 1}},
    "attribute-long-name": {ATTRIBUTES: {"n" * 33: 1}},
    "attribute-long-value": {ATTRIBUTES: {"n": "v" * 65}},
    "kind-3": {KIND: 3},
    "kind-as-true": {KIND: True},
    "kind-as-text": {KIND: "user"},
    "application-without-code": {KIND: APPLICATION},
    "code-of-a-user": {CODE: bytes(32)},
    "short-code": {KIND: APPLICATION, CODE: bytes(31)},
    "depth-0": {DEPTH: 0},
    "depth-4": {DEPTH: 4},
    "depth-below-zero": {DEPTH: -1},
    "depth-as-true": {DEPTH: True},
    "short-identity": {IDENTITY: bytes(8)},
    "purpose-of-a-statement": {PURPOSE: 65004},
    "purpose-as-text": {PURPOSE: "platform"},
    "purpose-with-depth": {PURPOSE: PLATFORM, DEPTH: 1},
    "status-null": {STATUS: None},
    "status-of-another-mechanism": {STATUS: {"identifier_list": {"id": b"\x03"}}},
    "status-without-place": {STATUS: {"status_list": {"uri": "urn:a"}}},
}


@pytest.mark.requirement("IDN-710")
@pytest.mark.parametrize("case", CLAIMS)
def test_claims_of_another_form_are_refused(zone: Zone, case: str) -> None:
    """Who guesses what was meant grants something that nobody granted."""
    zone.refuses(_with(zone, lambda link: link.claims.update(CLAIMS[case])), Problem.MALFORMED)


@pytest.mark.requirement("IDN-710")
@pytest.mark.parametrize("claim", [ENDS, ISSUED, CONFIRMATION, ZONE, KIND])
@pytest.mark.parametrize("place", [0, 1])
def test_claims_that_are_missing_are_refused(zone: Zone, claim: int, place: int) -> None:
    """A credential without an end would be good for ever, and one without a zone everywhere."""
    links = zone.links(("ann", {DEPTH: 1}), ("bob", {}))
    links[place].without(claim)

    zone.refuses(links, Problem.MALFORMED)


KEYS: dict[str, Any] = {
    "no-kid": lambda key: key.pop(2),
    "empty-kid": lambda key: key.update({2: b""}),
    "long-kid": lambda key: key.update({2: bytes(33)}),
    "kid-as-text": lambda key: key.update({2: "bob"}),
    "no-type": lambda key: key.pop(1),
    "other-type": lambda key: key.update({1: 1}),
    "symmetric": lambda key: key.update({1: 4}),
    "other-curve": lambda key: key.update({-1: 2}),
    "curve-of-another-type": lambda key: key.update({-1: 6}),
    "short-x": lambda key: key.update({-2: bytes(31)}),
    "no-y": lambda key: key.pop(-3),
    "y-as-sign": lambda key: key.update({-3: True}),
    "private": lambda key: key.update({-4: bytes(32)}),
    "operations": lambda key: key.update({4: [2]}),
    "algorithm-of-another-curve": lambda key: key.update({3: -8}),
    "algorithm-of-nobody": lambda key: key.update({3: -35}),
    "algorithm-as-text": lambda key: key.update({3: "ES256"}),
}


@pytest.mark.requirement("IDN-710")
@pytest.mark.parametrize("case", KEYS)
def test_keys_of_another_form_are_refused(zone: Zone, case: str) -> None:
    """A key that two libraries read as two keys belongs to two people."""
    zone.refuses(_with(zone, lambda link: KEYS[case](link.claims[CONFIRMATION][1])), Problem.MALFORMED)


@pytest.mark.requirement("IDN-710")
@pytest.mark.parametrize("alg", [None, -25])
def test_key_for_objects_has_to_sign(zone: Zone, alg: int | None) -> None:
    """What it agrees on with somebody is no signature."""
    key = zone.key("ann") if alg else zone.new_key(b"ann", Curve.X25519)
    link = zone.link(key, claims={PURPOSE: PLATFORM})
    if alg:
        link.claims[CONFIRMATION] = {1: holder_key(key, alg=alg)}

    zone.refuses([link], Problem.MALFORMED)


def _indefinite(link: Link) -> None:
    link.payload = b"\xbf" + dumps(link.claims)[1:] + b"\xff"


def _long_head(link: Link) -> None:
    link.protected = b"\xb8\x02" + dumps(link.header)[1:]


@pytest.mark.requirement("IDN-710", "MSG-060")
def test_another_encoding_of_the_same_is_refused(zone: Zone) -> None:
    """What has two encodings has two signatures, and two places in whatever counts."""
    item = zone.link().item()
    zone.refuses(b"\x98\x01" + dumps(item), Problem.NOT_DETERMINISTIC)
    for change in (_long_head, _indefinite):
        zone.refuses(_with(zone, change), Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("IDN-720")
@pytest.mark.parametrize("algorithm", [-35, -36, -37, -9, -19, 5, 0, "ES256", True, -7.5, None])
@pytest.mark.parametrize("place", [0, 1])
def test_other_algorithm_is_refused(zone: Zone, algorithm: Any, place: int) -> None:
    """An algorithm that nobody checked is a door that nobody watches."""
    links = zone.links(("ann", {DEPTH: 1}), ("bob", {}))
    links[place].header[ALG] = algorithm

    zone.refuses(links, Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("IDN-730")
@pytest.mark.parametrize("case", ["zero", "off-the-curve", "beyond-the-field"])
@pytest.mark.parametrize("place", [0, 1])
def test_key_that_is_no_point_is_refused(zone: Zone, case: str, place: int) -> None:
    """A point of another curve gives a private key away, bit by bit."""
    points = {
        "zero": (bytes(32), bytes(32)),
        "off-the-curve": (b"\x01" * 32, b"\x02" * 32),
        "beyond-the-field": (b"\xff" * 32, P256_ORDER.to_bytes(32, "big")),
    }
    links = zone.links(("ann", {DEPTH: 1}), ("bob", {}))
    x, y = points[case]
    links[place].claims[CONFIRMATION] = {1: {**holder_key(links[place].holder), -2: x, -3: y}}

    zone.refuses(links, Problem.BAD_KEY)


@pytest.mark.requirement("IDN-710", "IDN-720", "IDN-730", "IDN-740")
def test_what_fails_first_decides_on_the_error(zone: Zone) -> None:
    """Form before algorithm, algorithm before key, key before anchor, in whichever link it stands."""
    stranger = Key(b"nobody", Curve.P256, zone.rng.randbytes(32))
    first, second = zone.link(issuer=stranger, claims={DEPTH: 1}), zone.link("bob", "ann")
    zone.refuses([first, second], Problem.UNKNOWN_CREDENTIAL)
    second.claims[CONFIRMATION] = {1: {**holder_key(second.holder), -2: bytes(32)}}
    zone.refuses([first, second], Problem.BAD_KEY)
    first.header[ALG] = -35
    zone.refuses([first, second], Problem.UNSUPPORTED_ALGORITHM)
    second.claims[KIND] = USER + 7
    zone.refuses(chain_of([first.item(), second.item()]), Problem.MALFORMED)
