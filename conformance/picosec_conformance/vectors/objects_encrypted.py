"""Vectors of opening objects for one reader or for a group, and every reason for which one is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from picosec.crypto.aead import Aead
from picosec.messaging.cbor import dumps, loads
from picosec.objects.keys import Purpose
from picosec_conformance.vectors.model import Case
from picosec_conformance.vectors.objects_cast import APPLICATION, GROUP, OTHER, Cast, Judge, changed, secret


def sealed_cases(cast: Cast) -> Iterator[Case]:
    """Yield the cases of objects for one reader."""
    judge = Judge(cast)
    inside = cast.signed()
    for aead in (Aead.A128GCM, Aead.AES_CCM_16_128_128, Aead.CHACHA20_POLY1305):
        text = f"Sealed with {aead.name} for a key on P-256."
        yield judge.taken(_name(aead), text, ["OBJ-040", "OBJ-150"], cast.sealed(inside, aead))
    private = cast.signed(sender=APPLICATION, purpose=Purpose.APPLICATION, recipient=b"\x12")
    for aead in (Aead.A128GCM, Aead.AES_CCM_16_128_128, Aead.CHACHA20_POLY1305):
        data = cast.sealed(private, aead, purpose=int(Purpose.APPLICATION))
        text = f"Sealed with {aead.name} for a key on X25519."
        yield judge.taken(f"x25519-{_name(aead)}", text, ["OBJ-040", "OBJ-150"], data)
    good = cast.sealed(inside)
    for id, text, change in (
        ("two-recipients", "Two recipients.", lambda parts: parts[3].append(parts[3][0])),
        ("no-recipient", "No recipient.", lambda parts: parts[3].clear()),
        ("wrapped-key", "The recipient has a wrapped key.", lambda parts: parts[3][0].__setitem__(2, b"\0" * 24)),
    ):
        yield judge.refused(id, text, "OBJ-030", "malformed", "Form", changed(good, change))
    for id, text, requirement, change in (
        ("strange-parameter", "An unprotected parameter.", "OBJ-170", lambda parts: parts[1].__setitem__(99, 0)),
        ("reader-unnamed", "No kid of the reader.", "OBJ-170", lambda parts: parts[3][0][1].pop(4)),
        ("strange-recipient", "A strange parameter.", "OBJ-170", lambda parts: parts[3][0][1].__setitem__(99, 0)),
        ("no-ephemeral", "No ephemeral key.", "OBJ-170", lambda parts: parts[3][0][1].pop(-1)),
        ("nonce-short", "A nonce of 11 bytes.", "OBJ-140", lambda parts: parts[1].__setitem__(5, bytes(11))),
        ("no-nonce", "No nonce.", "OBJ-140", lambda parts: parts[1].clear()),
        ("reader-empty", "kid of the reader is empty.", "OBJ-170", lambda parts: parts[3][0][1].update({4: b""})),
        (
            "reader-long",
            "kid of the reader has 33 bytes.",
            "OBJ-170",
            lambda parts: parts[3][0][1].update({4: bytes(33)}),
        ),
        ("no-agreement", "No algorithm of the agreement.", "OBJ-170", lambda parts: parts[3][0].__setitem__(0, b"")),
        (
            "strange-agreement",
            "The agreement has a parameter that is not listed.",
            "OBJ-170",
            lambda parts: parts[3][0].__setitem__(0, dumps({1: -25, 99: 0})),
        ),
    ):
        yield judge.refused(id, text, requirement, "malformed", "Headers", changed(good, change))
    yield from _refused_seals(judge, cast, good, inside)


def _refused_seals(judge: Judge, cast: Cast, good: bytes, inside: bytes) -> Iterator[Case]:
    text = "A tag of eight bytes."
    short = cast.sealed(inside, Aead.AES_CCM_16_64_128)
    yield judge.refused("short-tag", text, "OBJ-120", "unsupported_algorithm", "Algorithm", short)
    text = "The content key is agreed on with static keys."
    static = changed(good, lambda parts: parts[3][0].__setitem__(0, dumps({1: -27})))
    yield judge.refused("static-agreement", text, "OBJ-120", "unsupported_algorithm", "Algorithm", static)
    text = "A bit of the ciphertext changed."
    flip = changed(good, lambda parts: parts.__setitem__(2, bytes((parts[2][0] ^ 1,)) + parts[2][1:]))
    yield judge.refused("changed", text, "OBJ-150", "authentication_failed", "Forgery", flip)
    text = "The ciphertext is shorter than a tag."
    cut = changed(good, lambda parts: parts.__setitem__(2, parts[2][:15]))
    yield judge.refused("cut", text, "OBJ-150", "authentication_failed", "Forgery", cut)
    text = "The x-coordinate of the ephemeral key is not on the curve."
    off = changed(good, lambda parts: parts[3][0][1][-1].__setitem__(-2, b"\xff" * 32))
    yield judge.refused("off-the-curve", text, "OBJ-160", "bad_key", "Forgery", off)
    text = "An ephemeral key on another curve."
    other = {1: 1, -1: 4, -2: secret("point")}
    crossed = changed(good, lambda parts: parts[3][0][1].__setitem__(-1, other))
    yield judge.refused("other-curve", text, "OBJ-160", "bad_key", "Forgery", crossed)
    yield from _refused_ephemerals(judge, cast, good)
    text = "For a reader whose key identifier has 32 bytes."
    longest = cast.sealed(inside, kid=bytes(32))
    yield judge.refused("longest-reader", text, "OBJ-190", "unknown_credential", "Forwarding", longest)
    text = "For a reader that has another key."
    yield judge.refused(
        "other-reader", text, "OBJ-190", "unknown_credential", "Forwarding", cast.sealed(inside, kid=OTHER)
    )
    text = "Sealed for applications, with the platform's key."
    mixed = changed(good, lambda parts: parts.__setitem__(0, dumps({1: 1, 3: 18, 16: 65003})))
    yield judge.refused("other-purpose", text, "OBJ-200", "wrong_purpose", "Purpose", mixed)
    text = "An application's object sealed as one of the platform."
    private = cast.sealed(cast.signed(sender=APPLICATION, purpose=Purpose.APPLICATION, recipient=b"\x12"))
    yield judge.refused("purposes-differ", text, "OBJ-220", "wrong_purpose", "Purpose", private)
    text = "Decrypted by its reader, and sealed again for somebody else."
    forwarded = cast.sealed(cast.signed(recipient=OTHER))
    yield judge.refused("forwarded", text, "OBJ-230", "misdirected", "Forwarding", forwarded)
    text = "What is sealed is not signed."
    yield judge.refused("unsigned", text, "OBJ-020", "malformed", "Forgery", cast.sealed(b"\xf5"))
    text = "Sealed twice."
    yield judge.refused("sealed-twice", text, "OBJ-020", "malformed", "Form", cast.sealed(good))
    text = "The same signed object in another envelope."
    again = cast.sealed(inside, Aead.CHACHA20_POLY1305)
    yield judge.refused("again", text, "OBJ-260", "replayed", "Repetition", again, taken=[good])


def _refused_ephemerals(judge: Judge, cast: Cast, good: bytes) -> Iterator[Case]:
    for id, text, change in (
        ("ephemeral-sign-of-y", "Of y the ephemeral key has the sign alone.", lambda key: key.__setitem__(-3, True)),
        ("ephemeral-without-y", "The ephemeral key has no y.", lambda key: key.pop(-3)),
        ("ephemeral-private", "The ephemeral key has its private part.", lambda key: key.__setitem__(-4, bytes(32))),
        ("ephemeral-other-type", "The ephemeral key is symmetric.", lambda key: key.__setitem__(1, 4)),
        ("ephemeral-y-changed", "y belongs to another point.", lambda key: key.__setitem__(-3, bytes(32))),
        ("ephemeral-infinity", "Both coordinates are zero.", lambda key: key.update({-2: bytes(32), -3: bytes(32)})),
        ("ephemeral-long", "A zero stands before x.", lambda key: key.__setitem__(-2, b"\0" + key[-2])),
        ("ephemeral-named", "The ephemeral key has an identifier.", lambda key: key.__setitem__(2, b"\1")),
    ):
        data = _with_ephemeral(good, change)
        yield judge.refused(id, text, "OBJ-160", "bad_key", "Forgery", data)
    other = changed(good, lambda parts: parts[3][0][1].__setitem__(-1, b"\0"))
    yield judge.refused("ephemeral-bytes", "The ephemeral key is no map.", "OBJ-160", "bad_key", "Forgery", other)
    inside = cast.signed(sender=APPLICATION, purpose=Purpose.APPLICATION, recipient=b"\x12")
    montgomery = cast.sealed(inside, purpose=int(Purpose.APPLICATION))
    for id, text, x in (
        ("ephemeral-zero", "The point 0 of X25519, with which all secrets are zero.", bytes(32)),
        ("ephemeral-low-order", "The point 1 of X25519, of order 4.", b"\1" + bytes(31)),
    ):
        data = _with_ephemeral(montgomery, _set_x(x))
        yield judge.refused(id, text, "OBJ-160", "bad_key", "Forgery", data)


def _set_x(x: bytes) -> Callable[[dict[int, Any]], Any]:
    return lambda key: key.__setitem__(-2, x)


def _with_ephemeral(data: bytes, change: Callable[[dict[int, Any]], Any]) -> bytes:
    return changed(data, lambda parts: change(parts[3][0][1][-1]))


def group_cases(cast: Cast) -> Iterator[Case]:
    """Yield the cases of objects for a group."""
    judge = Judge(cast)
    inside = cast.signed(recipient=GROUP)
    good = cast.to_group(inside)
    for aead, (kid, key) in cast.groups.items():
        data = cast.to_group(cast.signed(recipient=kid), aead, kid=kid, key=key)
        text = f"Encrypted for a group with {aead.name}."
        yield judge.taken(f"group-{_name(aead)}", text, ["OBJ-040", "OBJ-150"], data)
    text = "Signed for one group, encrypted for another that the recipient is in as well."
    crossed = cast.to_group(cast.signed(recipient=b"\x22"))
    yield judge.taken("group-for-another", text, ["OBJ-230"], crossed)
    text = "Signed for one member, encrypted for all."
    yield judge.taken("for-one-member", text, ["OBJ-230"], cast.to_group(cast.signed()))
    text = "The algorithm is not the one that the key was given for."
    other = cast.to_group(inside, Aead.A128GCM)
    yield judge.refused("other-algorithm", text, "OBJ-180", "unsupported_algorithm", "Algorithm", other)
    text = "A member of another group."
    yield judge.refused(
        "other-key", text, "OBJ-150", "authentication_failed", "Forgery", cast.to_group(inside, key=bytes(16))
    )
    text = "A group that this recipient is not in."
    unknown = cast.to_group(inside, kid=OTHER)
    yield judge.refused("unknown-group", text, "OBJ-190", "unknown_credential", "Forwarding", unknown)
    text = "A member encrypts what nobody signed."
    yield judge.refused("unsigned", text, "OBJ-020", "malformed", "Forgery", cast.to_group(b"\xf5"))
    text = "The key identifier stands in the unprotected header."
    moved = changed(
        good, lambda parts: (parts.__setitem__(0, dumps({1: 30, 3: 18, 16: 65002})), parts[1].update({4: GROUP}))
    )
    yield judge.refused("kid-unprotected", text, "OBJ-170", "malformed", "Headers", moved)
    for id, text, change in (
        ("strange-parameter", "A parameter that is not listed.", lambda head: head.__setitem__(99, 0)),
        ("no-kid", "No key identifier.", lambda head: head.pop(4)),
        ("no-type", "typ is missing.", lambda head: head.pop(16)),
        ("no-content-type", "The content type is missing.", lambda head: head.pop(3)),
        ("other-contents", "It says that its contents are no signed object.", lambda head: head.__setitem__(3, 60)),
        ("no-algorithm", "alg is missing.", lambda head: head.pop(1)),
        ("empty-kid", "The key identifier is empty.", lambda head: head.__setitem__(4, b"")),
        ("long-kid", "The key identifier has 33 bytes.", lambda head: head.__setitem__(4, bytes(33))),
        ("content-type-as-float", "The content type is 18.0.", lambda head: head.__setitem__(3, 18.0)),
    ):
        data = _with_header(good, change)
        yield judge.refused(id, text, "OBJ-170", "malformed", "Headers", data)
    twice = changed(good, lambda parts: parts[1].__setitem__(16, 65002))
    yield judge.refused("type-in-both", "typ stands in both headers.", "OBJ-100", "malformed", "Headers", twice)
    text = "A nonce of 12 bytes, where the algorithm takes 13."
    short = changed(good, lambda parts: parts[1].__setitem__(5, parts[1][5][:12]))
    yield judge.refused("nonce-short", text, "OBJ-140", "malformed", "Headers", short)
    text = "A tag of eight bytes."
    cut = _with_header(good, lambda head: head.__setitem__(1, 10))
    yield judge.refused("short-tag", text, "OBJ-120", "unsupported_algorithm", "Algorithm", cut)
    text = "For applications, with the platform's key."
    mixed = _with_header(good, lambda head: head.__setitem__(16, 65003))
    yield judge.refused("other-purpose", text, "OBJ-200", "wrong_purpose", "Purpose", mixed)
    for id, text, data in (
        ("detached", "The ciphertext is elsewhere.", changed(good, lambda parts: parts.__setitem__(2, None))),
        ("untagged", "The same array without its tag.", good[1:]),
        ("recipients", "It has recipients.", changed(good, lambda parts: parts.append([]))),
        ("encrypted-twice", "Encrypted twice.", cast.to_group(good)),
    ):
        yield judge.refused(id, text, "OBJ-020", "malformed", "Form", data)
    text = "One member passes off as sent to all what was signed for a stranger."
    forwarded = cast.to_group(cast.signed(recipient=OTHER))
    yield judge.refused("forwarded", text, "OBJ-230", "misdirected", "Forwarding", forwarded)
    yield judge.refused("again", "The same again.", "OBJ-260", "replayed", "Repetition", good, taken=[good])


def _with_header(data: bytes, change: Callable[[dict[int, Any]], Any]) -> bytes:
    """Return an encrypted object with another protected header, which its tag then does not fit."""

    def protect(parts: list[Any]) -> None:
        head = loads(parts[0])
        change(head)
        parts[0] = dumps(head)

    return changed(data, protect)


def _name(aead: Aead) -> str:
    return aead.name.lower().replace("_", "-")
