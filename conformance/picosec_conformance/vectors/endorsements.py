"""Vectors of endorsements (spec/v1/identity-endorsements.md): those that are taken, and every reason to refuse one."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import CLAIM_STATUS
from picosec_conformance.endorsing import ATTRIBUTES, ENDS, IDENTITY, ISSUED, LARGEST, SUBJECT, Word
from picosec_conformance.objects import ALG, KID, NOW, TYP, Key
from picosec_conformance.status import DAY, PLACE, status_claim
from picosec_conformance.vectors import endorsement_operations  # noqa: F401 - registers the operations
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.objects_cast import FLAGS as OBJECT_FLAGS
from picosec_conformance.vectors.objects_cast import secret
from picosec_conformance.vectors.operations import accepted, rejected
from picosec_conformance.vectors.status_cast import ISSUER, issuers, token

FLAGS: Final = {
    **{name: OBJECT_FLAGS[name] for name in ("Algorithm", "Form", "Forgery", "Headers")},
    "OldWord": "Whoever was endorsed and is no longer keeps the old words.",
    "Withdrawn": "The endorser has changed his mind, and said so in his list.",
}

HOUSE: Final = Key(b"\x51", Curve.P256, secret("endorser"))
GUILD: Final = Key(b"guild", Curve.ED25519, secret("second endorser"))
_IDENTITY: Final = sha256(b"the first statement of somebody").digest()
_OPERATION: Final = "endorsement.take"


def files() -> Iterator[VectorFile]:
    """Yield the file about endorsements."""
    cases = (*_taken(), *_forms(), *_forged(), *_times(), *_withdrawn())
    yield VectorFile("identity", "endorsement_take", _OPERATION, "Endorsements are taken, or refused", FLAGS, cases)


def _word(endorser: Key = HOUSE, **claims: Any) -> Word:
    word = Word(endorser, _IDENTITY)
    names = {"issued": ISSUED, "ends": ENDS, "identity": IDENTITY, "status": CLAIM_STATUS}
    word.claims |= {names[name]: value for name, value in claims.items()}
    return word


def _inputs(data: bytes, more: dict[str, Any]) -> dict[str, Any]:
    rows = []
    for key in (HOUSE, GUILD):
        row = {"kid": key.kid, "curve": "Ed25519" if key.curve is Curve.ED25519 else "P-256", "x": key.public.x}
        rows.append({**row, "y": key.public.y} if key.public.y else row)
    inputs = {"endorsers": rows, "now": NOW, **more, "endorsement": data}
    return {name: value for name, value in inputs.items() if value is not None}


def _take(id: str, text: str, requirements: list[str], data: bytes, **more: Any) -> Case:
    return accepted(_OPERATION, id, text, requirements, _inputs(data, more))


def _leave(id: str, text: str, requirement: str, error: str, flag: str, data: bytes, **more: Any) -> Case:
    return rejected(_OPERATION, id, text, [requirement], _inputs(data, more), error, [flag])


def _lists(*lists: bytes) -> dict[str, Any]:
    return {"issuers": issuers(), "lists": [token().close(), *lists]}


def _taken() -> Iterator[Case]:
    good = _word().close()
    yield _take("es256", "Signed with ES256.", ["IDN-2040"], good)
    yield _take("eddsa", "Signed with EdDSA.", ["IDN-2040"], _word(GUILD).close())
    full = _word()
    full.claims |= {SUBJECT: "electrical safety", ATTRIBUTES: {"class": 2, "standard": "EN 60598", "indoor": True}}
    yield _take("attributes", "With what is vouched for.", ["IDN-2010"], full.close())
    yield _take("ahead", "Issued 300 seconds from now.", ["IDN-2050"], _word(issued=NOW + 300).close())
    yield _take("last-second", "It ends now.", ["IDN-2050"], _word(issued=NOW - DAY, ends=NOW).close())
    far = _word(issued=2 * NOW, ends=2 * NOW + DAY).close()
    yield _take("no-clock", "From the future, to a recipient without a clock.", ["IDN-2050"], far, now=None)
    yield _take("again", "The endorsement that is held.", ["IDN-2080"], good, taken=[good])
    yield _take("newer", "A second younger.", ["IDN-2060"], _word(issued=NOW + 1).close(), taken=[good])
    other = _word(GUILD, issued=NOW + 60).close()
    yield _take("no-order", "Older than the word of another endorser.", ["IDN-2060"], good, taken=[other])
    standing = _word(**_status(1)).close()
    yield _take("standing", "Its entry is 0.", ["IDN-2070"], standing, **_lists())


def _status(place: int) -> dict[str, Any]:
    return {"status": status_claim(place)[CLAIM_STATUS]}


def _forms() -> Iterator[Case]:
    good = _word().close()
    for id, text, data in (
        ("empty", "No bytes.", b""),
        ("untagged", "Without its tag.", good[1:]),
        ("cut", "Cut short by a byte.", good[:-1]),
        ("behind", "A byte behind it.", good + b"\x00"),
        ("short-signature", "A signature of 63 bytes.", _word().close(bytes(63))),
    ):
        yield _leave(id, text, "IDN-2010", "malformed", "Form", data)
    yield _leave("too-large", "2,049 bytes.", "IDN-2000", "too_large", "Form", good + bytes(LARGEST + 1 - len(good)))
    made = _word()
    last = dumps(ISSUED) + dumps(NOW)
    made.payload = dumps(made.claims)[:1] + last + dumps(made.claims)[1:].replace(last, b"")
    yield _leave("order", "Claims in another order.", "IDN-2010", "not_deterministic", "Form", made.close())
    headers: tuple[tuple[str, str, dict[int, Any]], ...] = (
        ("no-kid", "kid is missing.", {KID: None}),
        ("no-type", "typ is missing.", {TYP: None}),
        ("other-type", "typ of an object.", {TYP: 65002}),
        ("critical", "It says that alg is critical.", {2: [1]}),
    )
    for id, text, header in headers:
        made = _word()
        made.header = {label: value for label, value in {**made.header, **header}.items() if value is not None}
        yield _leave(id, text, "IDN-2010", "malformed", "Headers", made.close())
    claims: tuple[tuple[str, str, dict[int, Any]], ...] = (
        ("no-end", "exp is missing.", {ENDS: None}),
        ("time-with-fraction", "iat with a fraction.", {ISSUED: 1.5}),
        ("no-identity", "The identity is missing.", {IDENTITY: None}),
        ("short-identity", "An identity of 31 bytes.", {IDENTITY: bytes(31)}),
        ("long-subject", "sub of 65 bytes.", {SUBJECT: "s" * 65}),
        ("no-attribute", "An empty map of attributes.", {ATTRIBUTES: {}}),
        ("attribute-of-bytes", "An attribute that is a byte string.", {ATTRIBUTES: {"n": b"v"}}),
        ("status-as-text", "A text for the status.", {CLAIM_STATUS: "valid"}),
        ("strange-claim", "A claim that is not listed.", {1: "house"}),
    )
    for id, text, change in claims:
        made = _word()
        made.claims = {label: value for label, value in {**made.claims, **change}.items() if value is not None}
        yield _leave(id, text, "IDN-2010", "malformed", "Form", made.close())


def _forged() -> Iterator[Case]:
    good = _word().close()
    for id, algorithm in (("es384", -35), ("mac-algorithm", 5), ("algorithm-as-text", "ES256")):
        made = _word()
        made.header[ALG] = algorithm
        text = f"The algorithm {algorithm}."
        yield _leave(id, text, "IDN-2020", "unsupported_algorithm", "Algorithm", made.close(bytes(64)))
    stranger = _word(Key(b"\x99", Curve.P256, secret("stranger"))).close()
    yield _leave("stranger", "Somebody who is no endorser.", "IDN-2030", "unknown_credential", "Forgery", stranger)
    keeper = _word(ISSUER).close()
    text = "The key of an issuer of status lists."
    yield _leave("list-issuer", text, "IDN-2030", "unknown_credential", "Forgery", keeper, **_lists())
    changed = good[:-1] + bytes((good[-1] ^ 1,))
    text = "A bit of the signature changed."
    yield _leave("changed", text, "IDN-2040", "authentication_failed", "Forgery", changed)
    text = "Another end under the same signature."
    longer = _word(ends=NOW + 2 * DAY).close(good[-64:])
    yield _leave("longer", text, "IDN-2040", "authentication_failed", "Forgery", longer)
    made = _word(GUILD)
    made.header |= {KID: HOUSE.kid}
    text = "Signed with the second key, in the name of the first."
    yield _leave("other-key", text, "IDN-2040", "authentication_failed", "Forgery", made.close())


def _times() -> Iterator[Case]:
    good = _word().close()
    future = _word(issued=NOW + 301).close()
    yield _leave("future", "Issued 301 seconds from now.", "IDN-2050", "stale", "OldWord", future)
    ended = _word(issued=NOW - DAY, ends=NOW - 1).close()
    yield _leave("ended", "It ended a second ago.", "IDN-2050", "stale", "OldWord", ended)
    older = _word(issued=NOW - 1).close()
    yield _leave("older", "A second older than what is held.", "IDN-2060", "stale", "OldWord", older, taken=[good])
    same = _word(ends=NOW + 2 * DAY).close()
    text = "Another word of the same second."
    yield _leave("same-second", text, "IDN-2060", "stale", "OldWord", same, taken=[good])


def _withdrawn() -> Iterator[Case]:
    for id, text, place in (("withdrawn", "Its entry is 1.", PLACE), ("not-listed", "A place behind the end.", 16)):
        data = _word(**_status(place)).close()
        yield _leave(id, text, "IDN-2070", "bad_credential", "Withdrawn", data, **_lists())
    text = "A list that never came."
    yield _leave("no-list", text, "IDN-2070", "bad_credential", "Withdrawn", _word(**_status(1)).close())
