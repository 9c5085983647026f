"""Vectors of credentials and of chains of them (spec/v1/identity-credentials.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
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
    ISSUED,
    KIND,
    LARGEST,
    PURPOSE,
    ROLE,
    SCOPE,
    SUBJECT,
    ZONE,
    Link,
    chain,
    holder_key,
    scope,
)
from picosec_conformance.objects import ALG, KID, NOW, PLATFORM, TYP, Key
from picosec_conformance.status import PLACE, status_claim
from picosec_conformance.vectors import credential_operations  # noqa: F401 - registers the operations
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.objects_cast import FLAGS as OBJECT_FLAGS
from picosec_conformance.vectors.objects_cast import secret
from picosec_conformance.vectors.operations import accepted, rejected
from picosec_conformance.vectors.status_cast import FLAGS as STATUS_FLAGS
from picosec_conformance.vectors.status_cast import issuers, token

FLAGS: Final = {
    **{name: OBJECT_FLAGS[name] for name in ("Algorithm", "Forgery", "Form", "Headers", "Time")},
    "Revoked": STATUS_FLAGS["Revoked"],
    "Widening": "Whoever was let in for little lets others in for more.",
}
_CURVES: Final = {Curve.P256: "P-256", Curve.ED25519: "Ed25519", Curve.X25519: "X25519"}
HOUSE: Final = secret("house")
ANCHOR: Final = Key(b"anchor", Curve.P256, secret("anchor of the house"))
SECOND: Final = Key(b"second", Curve.ED25519, secret("second anchor of the house"))
FLAT: Final = Key(b"flat", Curve.P256, secret("anchor of the flat"))
ANN: Final = Key(b"ann", Curve.P256, secret("ann"))
BOB: Final = Key(b"bob", Curve.ED25519, secret("bob"))
WATCH: Final = Key(b"watch", Curve.X25519, secret("watch"))
LAMP, SENSOR = ("/actuators/lamp", 5), ("/sensors/temperature", 1)


def files() -> Iterator[VectorFile]:
    """Yield the files about credentials."""
    for name, operation, title, cases in (
        ("credential_issue", "credential.issue", "Credentials are issued, or not", tuple(_issued())),
        (
            "credential_chain_take",
            "credential.chain.take",
            "Chains of credentials are taken, or refused",
            (*_taken(), *_forms(), *_forged(), *_wider(), *_times()),
        ),
    ):
        used = {flag for case in cases for flag in case.flags}
        yield VectorFile("identity", name, operation, title, {f: t for f, t in FLAGS.items() if f in used}, cases)


def _public(key: Key) -> dict[str, Any]:
    row = {"kid": key.kid, "curve": _CURVES[key.curve], "x": key.public.x}
    return {**row, "y": key.public.y} if key.public.y else row


# -- issuing -------------------------------------------------------------------------------------------------------


def _issued() -> Iterator[Case]:
    least = {"kind": "user", "issued": NOW, "expires": NOW + DAY}
    most = {
        **least,
        "not_before": NOW,
        "subject": "Ann",
        "scope": [list(LAMP), list(SENSOR)],
        "role": "owner",
        "attributes": {"floor": 2, "name": "Ann", "night": True},
        "depth": 2,
        "identity": secret("identity of ann"),
    }
    status = {"idx": PLACE, "uri": "https://example.com/statuslists/1"}
    app = {**least, "kind": "application", "code": secret("code"), "purpose": "application"}
    before = chain(_link(ANN, ANCHOR, {DEPTH: 1}))
    for id, text, issuer, holder, claims, more in (
        ("least", "Nothing that is optional.", ANCHOR, ANN, least, {}),
        ("most", "All that a person's credential has.", ANCHOR, ANN, most, {"status": status}),
        ("application", "Of an application, for its objects.", SECOND, BOB, app, {}),
        ("device", "Of a device that agrees on keys.", SECOND, WATCH, {**least, "kind": "device"}, {"alg": -25}),
        ("delegated", "By Ann, behind her own.", ANN, BOB, least, {"before": before}),
    ):
        inputs = _issuing(issuer, holder, claims, more)
        yield accepted("credential.issue", id, text, ["IDN-710"], inputs)
    for id, text, claims in (
        ("long-subject", "A subject of 65 bytes.", {**least, "subject": "x" * 65}),
        ("code-of-a-user", "A user with code.", {**least, "code": secret("code")}),
        ("purpose-and-depth", "A key for objects that lets others in.", {**app, "depth": 1}),
        ("depth-4", "A depth of 4.", {**least, "depth": 4}),
    ):
        inputs = _issuing(ANCHOR, ANN, claims, {})
        yield rejected("credential.issue", id, text, ["IDN-710"], inputs, "malformed", ["Form"])
    inputs = _issuing(WATCH, ANN, least, {})
    text = "Signed with a key that does not sign."
    yield rejected("credential.issue", "issuer-that-agrees", text, ["IDN-750"], inputs, "bad_key", ["Algorithm"])


def _issuing(issuer: Key, holder: Key, claims: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    signer = {"kid": issuer.kid, "curve": _CURVES[issuer.curve], "private_key": issuer.private}
    shown = _public(holder) | ({"alg": more["alg"]} if "alg" in more else {})
    further = {name: value for name, value in more.items() if name != "alg"}
    return {"zone": HOUSE, "issuer": signer, "holder": shown, "claims": claims, **further}


# -- taking --------------------------------------------------------------------------------------------------------


def _link(holder: Key, issuer: Key, claims: dict[Any, Any] | None = None) -> Link:
    return Link(issuer, holder, HOUSE, claims or {})


def _three(*claims: dict[Any, Any]) -> list[Link]:
    """Return the credentials of Ann, Bob and his watch; ``claims`` are further ones of each."""
    own: list[dict[Any, Any]] = [{DEPTH: 2}, {DEPTH: 1}, {}]
    rows = zip((ANN, BOB, WATCH), (ANCHOR, ANN, BOB), own, (*claims, {}, {}, {}), strict=False)
    return [_link(holder, issuer, {**depth, **more}) for holder, issuer, depth, more in rows]


def _inputs(data: bytes, **more: Any) -> dict[str, Any]:
    anchors = [
        {**_public(key), "zone": zone} for key, zone in ((ANCHOR, HOUSE), (SECOND, HOUSE), (FLAT, secret("flat")))
    ]
    anchors.append({**_public(_ELECTRICIAN), "zone": HOUSE, "scope": scope(LAMP)})
    inputs = {"anchors": anchors, "now": NOW, **more, "chain": data}
    return {name: value for name, value in inputs.items() if value is not None}


_ELECTRICIAN: Final = Key(b"electrician", Curve.ED25519, secret("electrician"))


def _take(id: str, text: str, requirements: list[str], data: bytes, **more: Any) -> Case:
    return accepted("credential.chain.take", id, text, requirements, _inputs(data, **more))


def _leave(id: str, text: str, requirement: str, error: str, flag: str, data: bytes, **more: Any) -> Case:
    return rejected("credential.chain.take", id, text, [requirement], _inputs(data, **more), error, [flag])


def _taken() -> Iterator[Case]:
    yield _take("one", "A credential alone.", ["IDN-740", "IDN-750"], chain(_link(ANN, ANCHOR)))
    narrower = _three(
        {SCOPE: scope(LAMP, SENSOR), SUBJECT: "Ann", ROLE: "family", ATTRIBUTES: {"floor": 1, "night": True}},
        {SCOPE: scope(LAMP), SUBJECT: "Bob", ROLE: "family", ATTRIBUTES: {"floor": 1}, ENDS: NOW + 7200},
        {SCOPE: scope(("/actuators/lamp", 4)), KIND: DEVICE, ENDS: NOW + 3600},
    )
    text = "Ann, Bob whom she let in, and his watch, each with less."
    yield _take("three", text, ["IDN-750", "IDN-770", "IDN-780", "IDN-790", "IDN-800"], chain(*narrower))
    yield _take("eddsa", "An anchor that signs with EdDSA.", ["IDN-750"], chain(_link(ANN, SECOND)))
    fourth = Key(b"4", Curve.P256, secret("fourth"))
    ann, bob = _link(ANN, ANCHOR, {DEPTH: 3}), _link(BOB, ANN, {DEPTH: 2})
    cleo = Key(b"cleo", Curve.P256, secret("cleo"))
    four = [ann, bob, _link(cleo, BOB, {DEPTH: 1}), _link(fourth, cleo)]
    yield _take("four", "As deep as there is.", ["IDN-770"], chain(*four))
    yield _take("objects", "A key for objects.", ["IDN-710"], chain(_link(BOB, ANCHOR, {PURPOSE: PLATFORM})))
    application = _link(BOB, ANCHOR, {KIND: APPLICATION, CODE: secret("code"), IDENTITY: secret("identity")})
    yield _take("application", "An application, bound to its code.", ["IDN-710"], chain(application))
    part = _link(ANN, _ELECTRICIAN, {SCOPE: scope(LAMP)})
    yield _take("scope-of-the-anchor", "All that the anchor may grant.", ["IDN-790"], chain(part))
    other = Link(FLAT, ANN, secret("flat"), {})
    yield _take("other-zone", "Of another zone, by its anchor.", ["IDN-760"], chain(other))
    for id, text, claims in (
        ("last-second", "It ends now.", {ENDS: NOW}),
        ("first-second", "It begins now.", {BEGINS: NOW}),
        ("ahead", "Issued 300 seconds from now.", {ISSUED: NOW + 300}),
    ):
        yield _take(id, text, ["IDN-810"], chain(_link(ANN, ANCHOR, claims)))
    data = chain(_link(ANN, ANCHOR, {ENDS: NOW - 1}))
    yield _take("no-date", "It has ended, to a device without a clock.", ["IDN-810"], data, now=None)
    valid = chain(*_three(status_claim(PLACE + 1)))
    yield _take("valid", "Its status is valid.", ["IDN-820"], valid, status=_lists())


def _lists() -> dict[str, Any]:
    return {"issuers": issuers(), "taken": [token().close()]}


def _forms() -> Iterator[Case]:
    item = _link(ANN, ANCHOR).item()
    for id, text, data in (
        ("empty", "No bytes.", b""),
        ("no-links", "No credential.", b"\x80"),
        ("five", "Five credentials.", dumps([item] * 5)),
        ("bare", "A credential without its array.", dumps(item)),
        ("tagged", "A tagged credential.", b"\x81\xd2" + dumps(item)),
        ("cut", "Cut short by a byte.", dumps([item])[:-1]),
        ("behind", "A byte behind it.", dumps([item]) + b"\x00"),
        ("short-signature", "A signature of 63 bytes.", dumps([[*item[:3], bytes(63)]])),
    ):
        yield _leave(id, text, "IDN-710", "malformed", "Form", data)
    size = len(dumps([item]))
    text = "4,097 bytes."
    yield _leave("too-large", text, "IDN-700", "too_large", "Form", dumps([item]) + bytes(LARGEST + 1 - size))
    yield _leave("long-head", "A longer head.", "IDN-710", "not_deterministic", "Form", b"\x98\x01" + dumps(item))
    for id, text, header, unprotected in (
        ("no-kid", "kid is missing.", {KID: None}, {}),
        ("long-kid", "kid has 33 bytes.", {KID: bytes(33)}, {}),
        ("kid-unprotected", "kid stands in the unprotected header.", {KID: None}, {KID: ANCHOR.kid}),
        ("typ", "A parameter besides.", {TYP: 65006}, {}),
        ("unprotected", "Something in the unprotected header.", {}, {5: b""}),
    ):
        link = _link(ANN, ANCHOR)
        link.header = {label: value for label, value in {**link.header, **header}.items() if value is not None}
        link.unprotected = unprotected
        yield _leave(id, text, "IDN-710", "malformed", "Headers", chain(link))
    for id, text, claims in _claims():
        link = _link(ANN, ANCHOR, claims)
        link.claims = {label: value for label, value in link.claims.items() if value is not None}
        yield _leave(id, text, "IDN-710", "malformed", "Form", chain(link))
    for id, text, alg in (("es384", "ES384.", -35), ("mac-algorithm", "HMAC.", 5), ("alg-as-text", "A text.", "ES256")):
        link = _link(ANN, ANCHOR)
        link.header[ALG] = alg
        yield _leave(id, text, "IDN-720", "unsupported_algorithm", "Algorithm", chain(link))
    link = _link(ANN, ANCHOR, {CONFIRMATION: {1: {**holder_key(ANN), -2: bytes(32)}}})
    yield _leave("no-point", "A key that is no point.", "IDN-730", "bad_key", "Form", chain(link))


def _claims() -> Iterator[tuple[str, str, dict[Any, Any]]]:
    key = holder_key(ANN)
    yield "no-end", "exp is missing.", {ENDS: None}
    yield "end-with-fraction", "exp with a fraction.", {ENDS: NOW + 1.5}
    yield "no-time", "iat is missing.", {ISSUED: None}
    yield "no-zone", "The zone is missing.", {ZONE: None}
    yield "short-zone", "A zone of 31 bytes.", {ZONE: bytes(31)}
    yield "no-kind", "The kind is missing.", {KIND: None}
    yield "kind-3", "A kind that nobody knows.", {KIND: 3}
    yield "kind-as-true", "true for the kind.", {KIND: True}
    yield "no-key", "cnf is missing.", {CONFIRMATION: None}
    yield "key-without-kid", "A key without kid.", {CONFIRMATION: {1: {k: v for k, v in key.items() if k != 2}}}
    yield "private-key", "A private key in cnf.", {CONFIRMATION: {1: {**key, -4: bytes(32)}}}
    yield "alg-of-another-curve", "An algorithm of another curve.", {CONFIRMATION: {1: {**key, 3: -8}}}
    yield "empty-subject", "sub is empty.", {SUBJECT: ""}
    yield "scope-of-nothing", "A scope of nothing.", {SCOPE: scope()}
    yield "scope-not-in-order", "Paths that descend.", {SCOPE: scope(SENSOR, LAMP)}
    yield "long-role", "A role of 33 bytes.", {ROLE: "x" * 33}
    yield "no-attributes", "Attributes that are none.", {ATTRIBUTES: {}}
    yield "attribute-as-list", "An attribute that is a list.", {ATTRIBUTES: {"floors": [1]}}
    yield "application-without-code", "An application without code.", {KIND: APPLICATION}
    yield "code-of-a-user", "A user with code.", {CODE: bytes(32)}
    yield "depth-0", "A depth of 0.", {DEPTH: 0}
    yield "depth-4", "A depth of 4.", {DEPTH: 4}
    yield "purpose-and-depth", "A key for objects that lets others in.", {PURPOSE: PLATFORM, DEPTH: 1}
    yield "other-purpose", "A purpose of something else.", {PURPOSE: 65004}
    yield "strange-claim", "A claim that is not listed.", {1: "zone"}
    yield "status-null", "null for the status.", {65535: b""}


def _forged() -> Iterator[Case]:
    stranger = Key(b"stranger", Curve.P256, secret("stranger"))
    error = "authentication_failed"
    yield _leave(
        "stranger", "An unknown anchor.", "IDN-740", "unknown_credential", "Forgery", chain(_link(ANN, stranger))
    )
    text = "The links in the wrong order."
    yield _leave("reversed", text, "IDN-740", "unknown_credential", "Forgery", chain(*_three()[::-1]))
    for place in range(3):
        items = [link.item() for link in _three()]
        items[place][3] = items[place][3][:-1] + bytes((items[place][3][-1] ^ 1,))
        text = f"A bit of signature {place} changed."
        yield _leave(f"bit-{place}", text, "IDN-750", error, "Forgery", dumps(items))
    ann, bob, _ = _three()
    for id, text, link in (
        ("by-the-anchor", "The second link signed by the anchor.", _link(BOB, ANCHOR)),
        ("by-its-holder", "The second link signed by its holder.", _link(BOB, BOB)),
        ("by-another", "In Ann's name, by somebody else.", _link(BOB, Key(ANN.kid, Curve.P256, secret("mallory")))),
        ("by-another-name", "With Ann's key, in another name.", _link(BOB, Key(b"amy", Curve.P256, ANN.private))),
    ):
        yield _leave(id, text, "IDN-750", error, "Forgery", chain(ann, link))
    restricted = _link(ANN, ANCHOR, {DEPTH: 1, CONFIRMATION: {1: holder_key(ANN, alg=-25)}})
    text = "By a key that is for agreement."
    yield _leave("key-that-agrees", text, "IDN-750", error, "Algorithm", chain(restricted, bob))


def _wider() -> Iterator[Case]:
    error = "bad_credential"
    wider: tuple[tuple[str, str, str, list[dict[Any, Any]]], ...] = (
        ("zone-of-the-last", "The last of another zone.", "IDN-760", [{}, {}, {ZONE: secret("flat")}]),
        ("zone-of-the-first", "The first of another zone.", "IDN-760", [{ZONE: secret("flat")}]),
        ("depth-kept", "A depth that stays the same.", "IDN-770", [{}, {DEPTH: 2}]),
        ("depth-raised", "A depth that grows.", "IDN-770", [{}, {DEPTH: 3}]),
        ("ends-later", "A second longer.", "IDN-780", [{}, {ENDS: NOW + DAY + 1}]),
        ("begins-earlier", "A second earlier.", "IDN-780", [{BEGINS: NOW}, {BEGINS: NOW - 1}]),
        ("begins-with-time", "Without a beginning, behind one that has it.", "IDN-780", [{BEGINS: NOW}]),
        ("more-paths", "A path more.", "IDN-790", [{SCOPE: scope(LAMP)}, {SCOPE: scope(LAMP, SENSOR)}]),
        ("more-methods", "A method more.", "IDN-790", [{SCOPE: scope(SENSOR)}, {SCOPE: scope((SENSOR[0], 3))}]),
        ("no-scope", "No scope, behind one that has it.", "IDN-790", [{SCOPE: scope(LAMP)}]),
        ("path-below", "A path below.", "IDN-790", [{SCOPE: scope(("/sensors", 1))}, {SCOPE: scope(SENSOR)}]),
        ("new-role", "A role that nobody gave.", "IDN-800", [{}, {ROLE: "owner"}]),
        ("other-role", "Another role.", "IDN-800", [{ROLE: "guest"}, {ROLE: "owner"}]),
        ("new-attribute", "An attribute that nobody gave.", "IDN-800", [{}, {ATTRIBUTES: {"floor": 1}}]),
        ("true-for-one", "true for 1.", "IDN-800", [{ATTRIBUTES: {"f": 1}}, {ATTRIBUTES: {"f": True}}]),
    )
    for id, text, requirement, claims in wider:
        yield _leave(id, text, requirement, error, "Widening", chain(*_three(*claims)))
    ann, bob = _link(ANN, ANCHOR), _link(BOB, ANN)
    yield _leave("no-depth", "Nobody may follow.", "IDN-770", error, "Widening", chain(ann, bob))
    objects = _link(ANN, ANCHOR, {PURPOSE: PLATFORM})
    yield _leave(
        "let-in-by-a-key-for-objects", "By a key for objects.", "IDN-770", error, "Widening", chain(objects, bob)
    )
    other = chain(Link(FLAT, ANN, HOUSE, {}))
    yield _leave("zone-of-another-anchor", "By the anchor of another zone.", "IDN-760", error, "Widening", other)
    for id, text, link in (
        (
            "beyond-the-anchor",
            "More than the anchor may grant.",
            _link(ANN, _ELECTRICIAN, {SCOPE: scope(LAMP, SENSOR)}),
        ),
        ("everything-of-an-anchor", "Everything, by an anchor that may not.", _link(ANN, _ELECTRICIAN)),
    ):
        yield _leave(id, text, "IDN-790", error, "Widening", chain(link))


def _times() -> Iterator[Case]:
    for id, text, claims in (
        ("ended", "Ended a second ago.", {ENDS: NOW - 1}),
        ("not-begun", "It begins in a second.", {BEGINS: NOW + 1}),
        ("from-the-future", "Issued 301 seconds from now.", {ISSUED: NOW + 301}),
    ):
        yield _leave(id, text, "IDN-810", "stale", "Time", chain(_link(ANN, ANCHOR, claims)))
    for place in range(3):
        further = [status_claim() if at == place else {} for at in range(3)]
        text = f"Link {place} was taken back."
        data = chain(*_three(*further))
        yield _leave(f"revoked-{place}", text, "IDN-820", "bad_credential", "Revoked", data, status=_lists())
    text = "A list that never came."
    yield _leave("no-list", text, "IDN-820", "bad_credential", "Revoked", chain(*_three(status_claim())))
