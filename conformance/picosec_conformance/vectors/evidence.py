"""Vectors of attestation: nonces, evidence that is made, and what is made of it (spec/v1/identity-attestation.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import CLAIM_CODE, CLAIM_KIND, CONTENT_FORMAT_PLATFORM_OBJECT
from picosec_conformance.evidence import (
    APART,
    DEBUG,
    ISSUED,
    LARGEST,
    MAKER,
    MAKERS,
    MEASURED,
    NONCE,
    PROFILE,
    READER,
    SOFTWARE,
    TAMPER,
    UEID,
    Evidence,
    hash_of,
)
from picosec_conformance.objects import ALG, KID, NOW, TYP, Key
from picosec_conformance.vectors import evidence_operations  # noqa: F401 - registers the operations
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.objects_cast import FLAGS as OBJECT_FLAGS
from picosec_conformance.vectors.objects_cast import secret
from picosec_conformance.vectors.operations import accepted, ask, rejected

FLAGS: Final = {
    **{name: OBJECT_FLAGS[name] for name in ("Algorithm", "Form", "Forgery", "Headers")},
    "Stranger": "Anybody can make a key and say that it is in a secure element.",
    "OtherQuestion": "True evidence, of another channel or another question: somebody else's, or yesterday's.",
    "OtherTime": "A clock that was moved makes credentials good that have ended.",
    "BadState": "The device tells the truth, and it is not in order.",
}
_READER: Final = Key(b"\x51", Curve.P256, secret("attester"))
_SECOND: Final = Key(b"reader", Curve.ED25519, secret("second attester"))
_STRANGER: Final = Key(b"\x52", Curve.P256, secret("nobody's attester"))
_PRK_OUT: Final = secret("channel of lock and reader")
_CHALLENGE: Final = secret("challenge of the lock")
_LOCK_ID, _READER_ID = b"\x0a", b"\x0b"
#: What the lock accepts of the software.
_ACCEPTABLE: Final = {"firmware": [hash_of("firmware 1.1"), SOFTWARE["firmware"]], "gate": [SOFTWARE["gate"]]}


def files() -> Iterator[VectorFile]:
    """Yield the files about attestation."""
    for name, operation, title, cases in (
        ("evidence_nonce", "evidence.nonce", "Nonces of channel and question", tuple(_nonces())),
        ("evidence_make", "evidence.make", "Evidence is made", tuple(_made())),
        (
            "evidence_appraise",
            "evidence.appraise",
            "Evidence is good, or refused",
            (*_good(), *_forms(), *_claims(), *_refused(), *_states()),
        ),
        ("tamper_record", "tamper.record", "Tamper events are counted", tuple(_records())),
    ):
        used = {flag for case in cases for flag in case.flags}
        flags = {flag: text for flag, text in FLAGS.items() if flag in used}
        yield VectorFile("identity", name, operation, title, flags, cases)


def _nonce(**changes: bytes) -> bytes:
    inputs = {"prk_out": _PRK_OUT, "challenge": _CHALLENGE, "attester_id": _READER_ID, **changes}
    result = ask("evidence.nonce", {name: value.hex() for name, value in inputs.items()})
    assert not isinstance(result, str)
    return bytes.fromhex(result.output["nonce"])


def _nonces() -> Iterator[Case]:
    for id, text, changes in (
        ("lock-and-reader", "The reader answers the lock.", {}),
        ("the-other-end", "The lock answers the reader: another nonce.", {"attester_id": _LOCK_ID}),
        ("another-question", "Another challenge.", {"challenge": bytes(32)}),
        ("another-channel", "Another channel.", {"prk_out": secret("another channel")}),
        ("empty-identifier", "An attester whose Sender ID is empty.", {"attester_id": b""}),
        ("longest-identifier", "A Sender ID of seven bytes.", {"attester_id": bytes(range(7))}),
    ):
        inputs = {"prk_out": _PRK_OUT, "challenge": _CHALLENGE, "attester_id": _READER_ID, **changes}
        yield accepted("evidence.nonce", id, text, ["IDN-1130", "IDN-1230"], inputs)


_CURVES: Final = {Curve.P256: "P-256", Curve.ED25519: "Ed25519"}


def _made() -> Iterator[Case]:
    for id, text, key, changes in (
        ("es256", "Signed with ES256.", _READER, {"issued": NOW, "tampered": 0}),
        ("eddsa", "Signed with EdDSA.", _SECOND, {"issued": NOW, "tampered": 0}),
        ("no-date", "By a device that does not know the date.", _SECOND, {"tampered": 2}),
        ("no-sensor", "By a device without a sensor.", _SECOND, {"issued": NOW}),
        ("maker", "Only its maker can open debug ports.", _SECOND, {"debug": 3, "maker": MAKERS["random"]}),
        ("maker-number", "A maker with a number.", _SECOND, {"debug": 3, "maker_number": MAKERS["number"]}),
        ("one-piece", "One piece of software.", _SECOND, {"software": {"firmware": SOFTWARE["firmware"]}}),
    ):
        inputs = {
            "curve": _CURVES[key.curve],
            "private": key.private,
            "kid": key.kid,
            "nonce": _nonce(),
            "ueid": READER,
            "debug": 4,
            "software": dict(SOFTWARE),
            **changes,
        }
        yield accepted("evidence.make", id, text, ["IDN-1100", "IDN-1140"], inputs)


def _records() -> Iterator[Case]:
    opened = {"kind": 1, "time": NOW}
    for id, text, events in (
        ("nothing", "Nothing was noticed.", []),
        ("opened", "The case was opened.", [opened]),
        ("no-date", "A debug port was used, by a device that does not know the date.", [{"kind": 3}]),
        ("three", "Moved, opened, and something else.", [{"kind": 2, "time": NOW - 60}, opened, {"kind": 0}]),
        ("often", "Disturbed three hundred times.", [{"kind": 4, "time": NOW}] * 300),
    ):
        yield accepted("tamper.record", id, text, ["IDN-1500"], {"events": events})


# -- appraising ----------------------------------------------------------------------------------------------------


def _known(**policy: Any) -> list[dict[str, Any]]:
    """Describe the attesters that are known, with what is acceptable of them."""
    rows = []
    for key in (_READER, _SECOND):
        row = {"kid": key.kid, "curve": _CURVES[key.curve], "x": key.public.x}
        rows.append({**row, **({"y": key.public.y} if key.public.y else {}), "ueid": READER, **policy})
    return rows


def _evidence(
    key: Key = _SECOND, *, claims: Mapping[Any, Any] | None = None, software: Any = None, **parts: Any
) -> Evidence:
    made = Evidence(key, _nonce())
    made.software = made.software if software is None else software
    for name, value in parts.items():
        setattr(made, name, value)
    return made.change(claims or {})


def _inputs(made: Evidence | bytes, policy: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    data = made if isinstance(made, bytes) else made.close()
    inputs = {"attesters": _known(**(policy or {})), "nonce": _nonce(), "now": NOW, **more, "evidence": data}
    return {name: value for name, value in inputs.items() if value is not None}


def _take(id: str, text: str, requirement: str, made: Evidence, **more: Any) -> Case:
    return accepted("evidence.appraise", id, text, [requirement], _inputs(made, **more))


def _leave(id: str, text: str, requirement: str, error: str, flag: str, made: Evidence | bytes, **more: Any) -> Case:
    return rejected("evidence.appraise", id, text, [requirement], _inputs(made, **more), error, [flag])


def _bound(code: Any) -> bytes:
    return dumps({2: "gate", 8: {1: _SECOND.cose_key}, CLAIM_KIND: 2, CLAIM_CODE: code})


def _good() -> Iterator[Case]:
    yield _take("es256", "Signed with ES256.", "IDN-1220", _evidence(_READER))
    yield _take("eddsa", "Signed with EdDSA.", "IDN-1220", _evidence())
    for id, text, claims in (
        ("no-date", "Without a date.", {ISSUED: None}),
        ("behind", "300 seconds old.", {ISSUED: NOW - APART}),
        ("ahead", "From in 300 seconds.", {ISSUED: NOW + APART}),
    ):
        yield _take(id, text, "IDN-1250", _evidence(claims=claims))
    yield _take("no-clock", "To a verifier without a clock.", "IDN-1250", _evidence(claims={ISSUED: 1}), now=None)
    yield _take("no-sensor", "By a device without a sensor.", "IDN-1280", _evidence(claims={TAMPER: None}))
    for form, text in (("random", "A random name."), ("ieee", "A name of the IEEE."), ("number", "A number.")):
        made = _evidence(claims={DEBUG: 3, MAKER: MAKERS[form]})
        yield _take(f"maker-{form}", f"The maker is named: {text}", "IDN-1920", made)
    policy = {"software": _ACCEPTABLE, "least_debug": 3, "most_tampered": 2}
    yield _take("policy", "All that is acceptable was said.", "IDN-1270", _evidence(claims={TAMPER: 2}), policy=policy)
    code = _bound(SOFTWARE["gate"])
    yield _take("application", "Of an application that runs.", "IDN-1290", _evidence(), credential=code)
    cwt = dumps([dumps({1: -8}), {}, code, bytes(64)])
    yield _take("application-cwt", "With a CWT for a credential.", "IDN-1290", _evidence(), credential=cwt)
    longest = Key(bytes(range(32)), Curve.ED25519, _SECOND.private)
    rows = [{**_known()[1], "kid": longest.kid, "ueid": bytes(33)}]
    software = {f"{number:032}": hash_of(str(number)) for number in range(8)}
    made = _evidence(longest, claims={UEID: bytes(33), ISSUED: NOW, TAMPER: 0}, software=software)
    yield _take("largest", "The longest of everything.", "IDN-1190", made, attesters=rows)


def _forms() -> Iterator[Case]:
    good = _evidence().close()
    for id, text, data in (
        ("empty", "No bytes.", b""),
        ("untagged", "Without its tag.", good[1:]),
        ("mac", "Under the tag of a COSE_Mac0.", b"\xd1" + good[1:]),
        ("cut", "Cut short by a byte.", good[:-1]),
        ("behind-it", "A byte behind it.", good + b"\x00"),
        ("short-signature", "A signature of 63 bytes.", _evidence().close(bytes(63))),
    ):
        yield _leave(id, text, "IDN-1190", "malformed", "Form", data)
    yield _leave("too-large", "1,025 bytes.", "IDN-1180", "too_large", "Form", good + bytes(LARGEST + 1 - len(good)))
    made = _evidence()
    pairs = [dumps(label) + dumps(value) for label, value in made.said().items()]
    made.payload = bytes([0xA0 | len(pairs)]) + b"".join(sorted(pairs, reverse=True))
    yield _leave("order", "Claims in another order.", "IDN-1190", "not_deterministic", "Form", made)
    for id, text, header, unprotected in (
        ("no-alg", "No alg.", {ALG: None}, {}),
        ("no-kid", "No kid.", {KID: None}, {}),
        ("kid-empty", "An empty kid.", {KID: b""}, {}),
        ("kid-unprotected", "kid in the other header.", {KID: None}, {KID: _SECOND.kid}),
        ("no-typ", "No typ.", {TYP: None}, {}),
        ("typ-of-an-object", "The typ of an object.", {TYP: CONTENT_FORMAT_PLATFORM_OBJECT}, {}),
        ("typ-in-words", "The typ as a media type.", {TYP: "application/eat+cwt"}, {}),
        ("header-more", "A parameter more.", {99: 1}, {}),
        ("unprotected-more", "A parameter that is not protected.", {}, {99: 1}),
    ):
        made = _evidence()
        made.header = {label: value for label, value in {**made.header, **header}.items() if value is not None}
        made.unprotected = unprotected
        yield _leave(id, text, "IDN-1190", "malformed", "Headers", made)


def _claims() -> Iterator[Case]:
    names = {NONCE: "nonce", UEID: "ueid", DEBUG: "dbgstat", PROFILE: "profile", MEASURED: "measurements"}
    for label, name in names.items():
        made = _evidence()
        made.payload = dumps({key: value for key, value in made.said().items() if key != label})
        yield _leave(f"no-{name}", f"No {name}.", "IDN-1190", "malformed", "Form", made)
    one = {"firmware": SOFTWARE["firmware"]}
    for id, text, claims in (
        ("claim-more", "A claim more.", {1: "issuer"}),
        ("nonce-cut", "A nonce of 31 bytes.", {NONCE: _nonce()[:31]}),
        ("two-nonces", "Two nonces.", {NONCE: [_nonce(), _nonce()]}),
        ("ueid-short", "A UEID of 6 bytes.", {UEID: READER[:6]}),
        ("ueid-long", "A UEID of 34 bytes.", {UEID: bytes(34)}),
        ("no-maker", "Only the maker, and no maker.", {DEBUG: 3}),
        ("maker-cut", "A name of 15 bytes.", {DEBUG: 3, MAKER: bytes(15)}),
        ("maker-below-zero", "A number below zero.", {DEBUG: 3, MAKER: -1}),
        ("debug-unknown", "5 for dbgstat.", {DEBUG: 5}),
        ("debug-as-true", "true for dbgstat.", {DEBUG: True}),
        ("other-profile", "Another profile.", {PROFILE: "urn:ietf:rfc:rfc9711"}),
        ("time-below-zero", "A time below zero.", {ISSUED: -1}),
        ("count-below-zero", "A count below zero.", {TAMPER: -1}),
        ("measured-nothing", "No measurement.", {MEASURED: []}),
        ("measured-twice", "Two measurements.", {MEASURED: [[60, dumps(one)], [60, dumps(one)]]}),
        ("measured-otherwise", "A measurement in another form.", {MEASURED: [[258, dumps(one)]]}),
    ):
        yield _leave(id, text, "IDN-1190", "malformed", "Form", _evidence(claims=claims))
    for id, text, software in (
        ("no-software", "No software.", {}),
        ("nine-pieces", "Nine pieces of software.", {str(number): bytes(32) for number in range(9)}),
        ("nameless", "Software without a name.", {"": bytes(32)}),
        ("long-name", "A name of 33 bytes.", {"x" * 33: bytes(32)}),
        ("hash-cut", "A hash of 31 bytes.", {"firmware": bytes(31)}),
    ):
        yield _leave(id, text, "IDN-1190", "malformed", "Form", _evidence(software=software))


def _refused() -> Iterator[Case]:
    for id, text, algorithm in (
        ("es384", "ES384.", -35),
        ("mac-algorithm", "HMAC 256/256.", 5),
        ("algorithm-as-text", "An algorithm by its name.", "ES256"),
    ):
        made = _evidence()
        made.header[ALG] = algorithm
        yield _leave(id, text, "IDN-1200", "unsupported_algorithm", "Algorithm", made)
    yield _leave("stranger", "A key of nobody.", "IDN-1210", "unknown_credential", "Stranger", _evidence(_STRANGER))
    good = _evidence()
    for id, text, data in (
        ("changed", "A claim was changed.", _evidence(claims={TAMPER: 1}).close(good.close()[-64:])),
        ("bit", "A bit of the signature was changed.", good.close()[:-1] + bytes([good.close()[-1] ^ 1])),
        ("other-context", "A signature of another structure.", _evidence(context="Signature").close()),
    ):
        yield _leave(id, text, "IDN-1220", "authentication_failed", "Forgery", data)
    made = _evidence(_STRANGER)
    made.header[KID] = _READER.kid
    yield _leave("other-key", "Signed with another key.", "IDN-1220", "authentication_failed", "Forgery", made)
    made = _evidence(_READER)
    made.header[ALG] = -8
    yield _leave("alg-of-another-curve", "EdDSA, of P-256.", "IDN-1220", "authentication_failed", "Forgery", made)
    for id, text, nonce in (
        ("replayed", "The answer to an earlier question.", _nonce(challenge=secret("earlier challenge"))),
        ("other-channel", "The answer over another channel.", _nonce(prk_out=secret("another channel"))),
        ("reflected", "The answer of the verifier itself.", _nonce(attester_id=_LOCK_ID)),
        ("bare-challenge", "The challenge for a nonce.", _CHALLENGE),
    ):
        yield _leave(id, text, "IDN-1230", "replayed", "OtherQuestion", _evidence(claims={NONCE: nonce}))
    other = _evidence(claims={UEID: READER[:-1] + b"\x00"})
    yield _leave("other-device", "The UEID of another device.", "IDN-1240", "bad_evidence", "BadState", other)
    for id, text, issued in (
        ("too-old", "301 seconds old.", NOW - APART - 1),
        ("from-the-future", "From in 301 seconds.", NOW + APART + 1),
    ):
        yield _leave(id, text, "IDN-1250", "stale", "OtherTime", _evidence(claims={ISSUED: issued}))


def _states() -> Iterator[Case]:
    software = {"software": _ACCEPTABLE}
    sensor = {"most_tampered": 2}
    firmware = SOFTWARE["firmware"]
    for id, text, requirement, made, policy in (
        ("debug-enabled", "Debug ports are open.", "IDN-1260", _evidence(claims={DEBUG: 0}), {}),
        ("debug-for-now", "Disabled, and not for good.", "IDN-1260", _evidence(claims={DEBUG: 2}), {"least_debug": 3}),
        (
            "other-version",
            "A version that is not acceptable.",
            "IDN-1270",
            _evidence(software={**SOFTWARE, "firmware": hash_of("firmware 1.0")}),
            software,
        ),
        ("missing", "A piece is missing.", "IDN-1270", _evidence(software={"firmware": firmware}), software),
        ("more", "A piece more.", "IDN-1270", _evidence(software={**SOFTWARE, "miner": bytes(32)}), software),
        (
            "swapped",
            "Each under the name of the other.",
            "IDN-1270",
            _evidence(software={"firmware": SOFTWARE["gate"], "gate": firmware}),
            software,
        ),
        ("tampered", "Somebody opened it.", "IDN-1280", _evidence(claims={TAMPER: 1}), {}),
        ("tampered-too-often", "Three times, of two.", "IDN-1280", _evidence(claims={TAMPER: 3}), sensor),
        ("no-count", "No count, and one is wanted.", "IDN-1280", _evidence(claims={TAMPER: None}), sensor),
    ):
        yield _leave(id, text, requirement, "bad_evidence", "BadState", made, policy=policy)
    for id, text, code in (
        ("other-code", "An application that does not run.", hash_of("gate 6")),
        ("code-as-text", "A credential with text for the hash.", SOFTWARE["gate"].hex()),
    ):
        credential = _bound(code)
        yield _leave(id, text, "IDN-1290", "bad_evidence", "BadState", _evidence(), credential=credential)
