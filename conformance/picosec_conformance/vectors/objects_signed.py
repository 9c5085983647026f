"""Vectors of opening signed objects, and every reason for which one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import cbor2

from picosec.crypto.curves import P256_ORDER
from picosec.messaging.cbor import dumps, loads
from picosec.objects.keys import Purpose
from picosec_conformance.vectors.model import Case
from picosec_conformance.vectors.objects_cast import (
    APPLICATION,
    GROUP,
    NOW,
    OTHER,
    READER,
    SENDER,
    STATEMENT,
    Cast,
    Judge,
    with_part,
)

_ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def signed_cases(cast: Cast) -> Iterator[Case]:
    """Yield the cases of signed objects."""
    judge = Judge(cast)
    good = cast.signed()
    yield judge.taken("es256", "Signed with ES256 on P-256.", ["OBJ-040", "OBJ-130"], good)
    text = "Signed with EdDSA by the key of an application."
    application = {"sender": APPLICATION, "purpose": Purpose.APPLICATION, "recipient": b"\x12"}
    yield judge.taken("eddsa", text, ["OBJ-040", "OBJ-130", "OBJ-200"], cast.signed(**application))
    yield judge.taken("with-end", "It says when it ends.", ["OBJ-250"], cast.signed(expires=NOW))
    yield judge.taken("at-the-edge", "Issued 300 seconds from now.", ["OBJ-240"], cast.signed(issued=NOW + 300))
    yield judge.taken("no-clock", "A recipient without a clock.", ["OBJ-240"], cast.signed(issued=2 * NOW), now=None)
    yield judge.taken("to-a-group", "In the open, for a group.", ["OBJ-230"], cast.signed(recipient=GROUP))
    late = cast.signed(sequence=70)
    yield judge.taken("behind", "63 behind the highest.", ["OBJ-260"], good, taken=[late])
    yield judge.taken("next", "The next in the sequence.", ["OBJ-260"], cast.signed(sequence=8), taken=[good])
    yield from _edges(judge, cast, good)
    yield from _refused_forms(judge, cast, good)
    yield from _refused_signatures(judge, cast, good)
    text = "A bit of the contents changed."
    flipped = good.replace(b"lamp", b"lamq")
    yield judge.refused("changed-contents", text, "OBJ-130", "authentication_failed", "Forgery", flipped)
    text = "A bit of the signature changed."
    changed = good[:-1] + bytes((good[-1] ^ 1,))
    yield judge.refused("changed-signature", text, "OBJ-130", "authentication_failed", "Forgery", changed)
    text = "Signed with the reader's key, in the name of the sender."
    other = STATEMENT.sign(cast.vault, replace(cast.reader, purpose=Purpose.PLATFORM)).encode()
    yield judge.refused("other-key", text, "OBJ-130", "authentication_failed", "Forgery", other)
    text = "A key identifier of 32 bytes, which nobody vouched for."
    longest = cast.signed(sender=bytes(32))
    yield judge.refused("longest-identifier", text, "OBJ-190", "unknown_credential", "Forgery", longest)
    text = "For somebody with a key identifier of 32 bytes."
    yield judge.refused(
        "longest-recipient", text, "OBJ-230", "misdirected", "Forwarding", cast.signed(recipient=bytes(32))
    )
    text = "A key that nobody vouched for."
    unknown = cast.signed(sender=OTHER)
    yield judge.refused("unknown-key", text, "OBJ-190", "unknown_credential", "Forgery", unknown)
    text = "The application's key signs what manages the device."
    lost = cast.signed(sender=APPLICATION)
    yield judge.refused("application-as-platform", text, "OBJ-200", "wrong_purpose", "Purpose", lost)
    text = "The platform's key signs for an application."
    wide = cast.signed(purpose=Purpose.APPLICATION)
    yield judge.refused("platform-as-application", text, "OBJ-200", "wrong_purpose", "Purpose", wide)
    text = "Signed for somebody else, and passed on."
    yield judge.refused("for-another", text, "OBJ-230", "misdirected", "Forwarding", cast.signed(recipient=OTHER))
    yield from _refused_times(judge, cast, good)


def _edges(judge: Judge, cast: Cast, good: bytes) -> Iterator[Case]:
    twin = good[:-32] + (P256_ORDER - int.from_bytes(good[-32:])).to_bytes(32, "big")
    yield judge.taken("twin-signature", "(r, n - s) in place of (r, s): valid ECDSA.", ["OBJ-130"], twin)
    yield judge.taken("first", "Number 0.", ["OBJ-260"], cast.signed(sequence=0))
    large = cast.signed(sequence=2**53 - 1)
    yield judge.taken("large-number", "A number of 53 bits.", ["OBJ-260"], large)
    yield judge.taken("no-contents", "No contents.", ["OBJ-110"], cast.signed(content_format=42, content=b""))
    yield judge.taken("last-format", "The last Content-Format.", ["OBJ-110"], cast.signed(content_format=65535))
    text = "30 days old, and names no end."
    yield judge.taken("as-old-as-can-be", text, ["OBJ-250"], cast.signed(issued=NOW - 30 * 86400))
    text = "Older than 30 days, and not ended yet."
    yield judge.taken("old-with-end", text, ["OBJ-250"], cast.signed(issued=NOW - 90 * 86400, expires=NOW + 1))
    text = "A recipient without a clock, and an object that ended long ago."
    yield judge.taken("ended-without-clock", text, ["OBJ-250"], cast.signed(expires=1), now=None)


def _refused_signatures(judge: Judge, cast: Cast, good: bytes) -> Iterator[Case]:
    short, long = (with_part(good, 3, (good[-64:] + b"\0")[:size]) for size in (63, 65))
    yield judge.refused("signature-short", "A signature of 63 bytes.", "OBJ-020", "malformed", "Form", short)
    yield judge.refused("signature-long", "A signature of 65 bytes.", "OBJ-020", "malformed", "Form", long)
    eddsa = cast.signed(sender=APPLICATION, purpose=Purpose.APPLICATION, recipient=b"\x12")
    r, s = eddsa[-64:-32], int.from_bytes(eddsa[-32:], "little")
    for id, text, data in (
        ("signature-zero", "r and s are zero.", with_part(good, 3, bytes(64))),
        ("signature-order", "r and s are the order of the group.", with_part(good, 3, P256_ORDER.to_bytes(32) * 2)),
        ("signature-r-zero", "r is zero.", with_part(good, 3, bytes(32) + good[-32:])),
        ("eddsa-zero", "Nothing but zeros.", with_part(eddsa, 3, bytes(64))),
        ("eddsa-twin", "S + L in place of S.", with_part(eddsa, 3, r + (s + _ED25519_ORDER).to_bytes(32, "little"))),
    ):
        yield judge.refused(id, text, "OBJ-130", "authentication_failed", "Forgery", data)
    text = "alg says EdDSA, and the key on P-256 signed just that."
    other = cast.signed_as({**loads(cbor2.loads(good).value[0]), 1: -8})
    yield judge.refused("algorithm-of-other-curve", text, "OBJ-130", "authentication_failed", "Forgery", other)


def _refused_forms(judge: Judge, cast: Cast, good: bytes) -> Iterator[Case]:
    for id, text, requirement, data in (
        ("empty", "Nothing.", "OBJ-020", b""),
        ("untagged", "The same array without its tag.", "OBJ-020", good[1:]),
        ("other-tag", "A CWT is no object.", "OBJ-020", b"\xd8\x3d" + good),
        ("mac", "A COSE_Mac0.", "OBJ-020", b"\xd1" + good[1:]),
        ("surplus", "A byte follows.", "MSG-040", good + b"\0"),
        ("detached", "The payload is elsewhere.", "OBJ-020", with_part(good, 2, None)),
        ("five-parts", "A fifth part.", "OBJ-020", with_part(good, 4, b"")),
    ):
        yield judge.refused(id, text, requirement, "malformed", "Form", data)
    text = "The head of the array takes two bytes."
    yield judge.refused("longer-head", text, "MSG-060", "not_deterministic", "Form", b"\xd2\x98\x04" + good[2:])
    text = "16,385 bytes."
    overhead = len(cast.signed(content_format=42, content=bytes(16000))) - 16000
    large = cast.signed(content_format=42, content=bytes(16385 - overhead))
    yield judge.refused("too-large", text, "OBJ-010", "too_large", "Size", large)
    largest = cast.signed(content_format=42, content=bytes(16384 - overhead))
    yield judge.taken("largest", "16,384 bytes.", ["OBJ-010"], largest)
    head = {1: -7, 3: 60, 4: SENDER, 15: {6: NOW, -65537: READER, -65538: 7}, 16: 65002}
    for id, text, change, unprotected in (
        ("no-type", "typ is missing.", {16: None}, {}),
        ("other-type", "typ of something else.", {16: 61}, {}),
        ("type-as-text", "typ as the media type.", {16: "application/cwt"}, {}),
        ("no-content-type", "The content type is missing.", {3: None}, {}),
        ("large-content-type", "A Content-Format of 17 bits.", {3: 65536}, {}),
        ("no-kid", "kid is missing.", {4: None}, {}),
        ("empty-kid", "kid is empty.", {4: b""}, {}),
        ("long-kid", "kid has 33 bytes.", {4: bytes(33)}, {}),
        ("kid-unprotected", "kid stands in the unprotected header.", {4: None}, {4: SENDER}),
        ("kid-in-both", "kid stands in both headers.", {}, {4: SENDER}),
        ("no-claims", "The claims are missing.", {15: None}, {}),
        ("no-recipient", "No recipient.", {15: {6: NOW, -65538: 7}}, {}),
        ("no-sequence", "No sequence number.", {15: {6: NOW, -65537: READER}}, {}),
        ("negative-sequence", "A sequence number below zero.", {15: {6: NOW, -65537: READER, -65538: -1}}, {}),
        ("time-as-float", "A time with a fraction.", {15: {6: 1.5, -65537: READER, -65538: 7}}, {}),
        ("strange-claim", "A claim that is not listed.", {15: {1: "x", 6: NOW, -65537: READER, -65538: 7}}, {}),
        ("critical", "It says that alg is critical.", {2: [1]}, {}),
        ("strange-parameter", "A parameter that is not listed.", {99: 0}, {}),
        ("strange-unprotected", "An unprotected parameter.", {}, {99: 0}),
    ):
        entries = {label: value for label, value in {**head, **change}.items() if value is not None}
        requirement = "OBJ-100" if id == "kid-in-both" else "OBJ-110"
        data = dumps(cbor2.CBORTag(18, [dumps(entries), unprotected, STATEMENT.content, bytes(64)]))
        yield judge.refused(id, text, requirement, "malformed", "Headers", data)
    for id, text, algorithm in (
        ("no-algorithm", "alg is missing.", None),
        ("es384", "An algorithm that is not of the profile.", -35),
        ("mac-algorithm", "A MAC in place of a signature.", 5),
        ("algorithm-as-text", "alg as text.", "ES256"),
    ):
        entries = {**head, 1: algorithm} if algorithm is not None else {k: v for k, v in head.items() if k != 1}
        data = dumps(cbor2.CBORTag(18, [dumps(entries), {}, STATEMENT.content, bytes(64)]))
        error = "malformed" if algorithm is None else "unsupported_algorithm"
        yield judge.refused(id, text, "OBJ-110" if algorithm is None else "OBJ-120", error, "Algorithm", data)


def _refused_times(judge: Judge, cast: Cast, good: bytes) -> Iterator[Case]:
    text = "Issued 301 seconds from now."
    yield judge.refused("future", text, "OBJ-240", "stale", "Time", cast.signed(issued=NOW + 301))
    text = "It ended a second ago."
    yield judge.refused("ended", text, "OBJ-250", "stale", "Time", cast.signed(expires=NOW - 1))
    text = "It names no end and is older than 30 days."
    yield judge.refused("old", text, "OBJ-250", "stale", "Time", cast.signed(issued=NOW - 30 * 86400 - 1))
    yield judge.refused("again", "The same again.", "OBJ-260", "replayed", "Repetition", good, taken=[good])
    text = "Another object with a number that was taken."
    other = cast.signed(content=b"\xf6")
    yield judge.refused("number-again", text, "OBJ-260", "replayed", "Repetition", other, taken=[good])
    text = "64 behind the highest."
    far = cast.signed(sequence=71)
    yield judge.refused("far-behind", text, "OBJ-260", "replayed", "Repetition", good, taken=[far])
