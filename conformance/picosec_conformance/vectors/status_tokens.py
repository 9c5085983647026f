"""Vectors of status list tokens: those that are taken, and every reason for which one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.messaging.cbor import dumps
from picosec_conformance.objects import ALG, KID, NOW, TYP, Key
from picosec_conformance.status import DAY, ENDS, ISSUED, LARGEST, LARGEST_LIST, LISTED, PLACE, SUBJECT, TTL, zeros
from picosec_conformance.vectors.model import Case
from picosec_conformance.vectors.objects_cast import secret
from picosec_conformance.vectors.operations import accepted, rejected
from picosec_conformance.vectors.status_cast import (
    ISSUER,
    OTHER,
    OTHER_URI,
    SECOND,
    broken_streams,
    issuers,
    token,
)


def token_cases() -> Iterator[Case]:
    """Yield the cases of tokens."""
    for part in (_taken, _forms, _forged, _times, _streams):
        yield from part()


def _take(id: str, text: str, requirements: list[str], data: bytes, **more: Any) -> Case:
    inputs = {"issuers": issuers(), "now": NOW, **more, "token": data}
    inputs = {name: value for name, value in inputs.items() if value is not None}
    return accepted("status.token.take", id, text, requirements, inputs)


def _leave(id: str, text: str, requirement: str, error: str, flag: str, data: bytes, **more: Any) -> Case:
    inputs = {"issuers": issuers(), "now": NOW, **more, "token": data}
    return rejected("status.token.take", id, text, [requirement], inputs, error, [flag])


def _taken() -> Iterator[Case]:
    good = token().close()
    yield _take("es256", "Sixteen entries of one bit, signed with ES256.", ["IDN-140"], good)
    yield _take("eddsa", "Signed with EdDSA.", ["IDN-140"], token(issuer=SECOND).close())
    yield _take("two-bits", "Entries of two bits.", ["IDN-110"], token({PLACE: 2}, bits=2).close())
    yield _take("ttl", "Fresh for an hour, and good for a day.", ["IDN-280"], token(ttl=3600).close())
    yield _take("no-end", "Neither exp nor ttl.", ["IDN-280"], token(ends=None).close())
    yield _take(
        "other-list", "A list of another issuer's.", ["IDN-130"], token(issuer=OTHER, subject=OTHER_URI).close()
    )
    yield _take("ahead", "Issued 300 seconds from now.", ["IDN-150"], token(issued=NOW + 300).close())
    yield _take("last-second", "It ends now.", ["IDN-160"], token(ends=NOW).close())
    late = token(issued=2 * NOW, ends=2 * NOW + DAY).close()
    yield _take("no-clock", "From the future, to a recipient without a clock.", ["IDN-150"], late, now=None)
    yield _take("again", "The list that is held.", ["IDN-210"], good, taken=[good])
    twin = good[:-32] + (P256_ORDER - int.from_bytes(good[-32:], "big")).to_bytes(32, "big")
    yield _take("twin", "The list that is held, with the other signature.", ["IDN-210"], twin, taken=[good])
    newer = token(issued=NOW + 1, issuer=SECOND).close()
    yield _take("newer", "A second younger than the list that is held.", ["IDN-170"], newer, taken=[good])
    other = token(issuer=OTHER, subject=OTHER_URI, issued=NOW + 60).close()
    yield _take("no-order", "Older than a list of another name.", ["IDN-170"], good, taken=[other])


def _forms() -> Iterator[Case]:
    good = token().close()
    for id, text, data in (
        ("empty", "No bytes.", b""),
        ("untagged", "Without its tag.", good[1:]),
        ("mac", "Under the tag of a COSE_Mac0.", b"\xd1" + good[1:]),
        ("cut", "Cut short by a byte.", good[:-1]),
        ("behind", "A byte behind it.", good + b"\x00"),
        ("short-signature", "A signature of 63 bytes.", token().close(bytes(63))),
    ):
        yield _leave(id, text, "IDN-110", "malformed", "Form", data)
    yield _leave("too-large", "16,385 bytes.", "IDN-100", "too_large", "Form", good + bytes(LARGEST + 1 - len(good)))
    made = token()
    last = dumps(LISTED) + dumps(made.listed)
    made.payload = dumps(made.claims)[:1] + last + dumps(made.claims)[1:].replace(last, b"")
    yield _leave("order", "Claims in another order.", "IDN-110", "not_deterministic", "Form", made.close())
    for id, text, header, unprotected in _headers():
        made = token()
        made.header = {label: value for label, value in {**made.header, **header}.items() if value is not None}
        made.unprotected = unprotected
        yield _leave(id, text, "IDN-110", "malformed", "Headers", made.close())
    for id, text, claims in _claims():
        made = token()
        made.claims = {label: value for label, value in {**made.claims, **claims}.items() if value is not None}
        yield _leave(id, text, "IDN-110", "malformed", "Form", made.close())


def _headers() -> Iterator[tuple[str, str, dict[int, Any], dict[int, Any]]]:
    yield "no-algorithm", "alg is missing.", {ALG: None}, {}
    yield "no-kid", "kid is missing.", {KID: None}, {}
    yield "kid-unprotected", "kid stands in the unprotected header.", {KID: None}, {KID: b"\x31"}
    yield "kid-in-both", "kid stands in both headers.", {}, {KID: b"\x31"}
    yield "long-kid", "kid has 33 bytes.", {KID: bytes(33)}, {}
    yield "no-type", "typ is missing.", {TYP: None}, {}
    yield "other-type", "typ of something else.", {TYP: "application/cwt"}, {}
    yield "type-as-number", "typ as a Content-Format.", {TYP: 279}, {}
    yield "critical", "It says that alg is critical.", {2: [1]}, {}
    yield "strange", "A parameter that is not listed.", {99: 0}, {}


def _claims() -> Iterator[tuple[str, str, dict[int, Any]]]:
    stream = zeros(2)
    yield "no-name", "sub is missing.", {SUBJECT: None}
    yield "empty-name", "sub is empty.", {SUBJECT: ""}
    yield "long-name", "sub has 256 bytes.", {SUBJECT: "x" * 256}
    yield "no-time", "iat is missing.", {ISSUED: None}
    yield "time-with-fraction", "iat with a fraction.", {ISSUED: 1.5}
    yield "end-below-zero", "exp before 1970.", {ENDS: -1}
    yield "ttl-zero", "ttl of no seconds.", {TTL: 0}
    yield "ttl-large", "ttl of 2 to the 32nd seconds.", {TTL: 1 << 32}
    yield "strange-claim", "A claim that is not listed.", {1: "keeper"}
    yield "no-list", "The list is missing.", {LISTED: None}
    yield "no-bits", "The size of an entry is missing.", {LISTED: {"lst": stream}}
    yield "no-entries", "The entries are missing.", {LISTED: {"bits": 1}}
    yield "three-bits", "Entries of three bits.", {LISTED: {"bits": 3, "lst": stream}}
    yield "bits-as-true", "true for the size of an entry.", {LISTED: {"bits": True, "lst": stream}}
    yield (
        "more-in-the-list",
        "The list has a member more.",
        {LISTED: {"bits": 1, "lst": stream, "aggregation_uri": "x"}},
    )


def _forged() -> Iterator[Case]:
    good = token().close()
    for id, algorithm in (("es384", -35), ("mac-algorithm", 5), ("algorithm-as-text", "ES256")):
        made = token()
        made.header[ALG] = algorithm
        text = f"The algorithm {algorithm}."
        yield _leave(id, text, "IDN-120", "unsupported_algorithm", "Algorithm", made.close(bytes(64)))
    stranger = token(issuer=Key(b"\x99", Curve.P256, secret("stranger"))).close()
    yield _leave("stranger", "A key that nobody vouched for.", "IDN-130", "unknown_credential", "Forgery", stranger)
    text = "The key of another list's issuer."
    yield _leave("other-issuer", text, "IDN-130", "unknown_credential", "Forgery", token(issuer=OTHER).close())
    text = "A bit of the signature changed."
    changed = good[:-1] + bytes((good[-1] ^ 1,))
    yield _leave("changed", text, "IDN-140", "authentication_failed", "Forgery", changed)
    text = "Other entries under the same signature."
    cleared = token({}).close(good[-64:])
    yield _leave("other-entries", text, "IDN-140", "authentication_failed", "Forgery", cleared)
    made = token(issuer=SECOND)
    made.header |= {KID: ISSUER.kid}
    text = "Signed with the second key, in the name of the first."
    yield _leave("other-key", text, "IDN-140", "authentication_failed", "Forgery", made.close())


def _times() -> Iterator[Case]:
    good = token().close()
    text = "Issued 301 seconds from now."
    yield _leave("future", text, "IDN-150", "stale", "OldList", token(issued=NOW + 301).close())
    text = "It ended a second ago."
    yield _leave("ended", text, "IDN-160", "stale", "OldList", token(issued=NOW - DAY, ends=NOW - 1).close())
    text = "A second older than the list that is held."
    yield _leave("older", text, "IDN-170", "stale", "OldList", token(issued=NOW - 1).close(), taken=[good])
    text = "Other entries, made in the same second."
    yield _leave("same-second", text, "IDN-170", "stale", "OldList", token({}).close(), taken=[good])


def _streams() -> Iterator[Case]:
    for id, text, stream in broken_streams():
        made = token(listed={"bits": 1, "lst": stream})
        yield _leave(f"stream-{id}", text, "IDN-180", "malformed", "BrokenStream", made.close())
    made = token(listed={"bits": 1, "lst": zeros(LARGEST_LIST + 1)})
    yield _leave("stream-too-large", "131,073 bytes of entries.", "IDN-190", "too_large", "Bomb", made.close())
