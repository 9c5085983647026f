"""Vectors of objects (spec/v1/objects.md): each form, and every reason for which one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

import cbor2

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.vault import SoftwareVault, software_vault
from picosec.messaging.cbor import dumps
from picosec.objects.headers import headers
from picosec.objects.keys import OwnKey, Purpose
from picosec.objects.sealed import seal0, seal_to
from picosec.objects.statement import Statement
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.objects_operations import CURVES
from picosec_conformance.vectors.operations import accepted, rejected

FLAGS: Final = {
    "Form": "A second way to write an object is a way around whoever knows the first only.",
    "Headers": "A parameter that one reader honours and another skips makes one object say two things.",
    "Algorithm": "An attacker who may choose the algorithm chooses the weakest.",
    "Purpose": "A key that an application lost must not manage the device.",
    "Forgery": "Somebody speaks with another's name.",
    "Forwarding": "A reader passes on what was meant for it alone.",
    "Time": "An object lies in wait until it does harm.",
    "Repetition": "The same object again, and the door opens again.",
    "Size": "A stranger's object decides how much memory it takes.",
}

NOW: Final = 1_800_000_000
SENDER, APPLICATION, READER, GROUP, OTHER = b"\x01", b"\x02", b"\x11", b"\x21", b"\x99"


class _Cast:
    """The keys of the vectors, all made from their names."""

    def __init__(self) -> None:
        self.vault: SoftwareVault = software_vault(bytes)
        self.sender = self._key("sender", SENDER, Curve.P256, Purpose.PLATFORM)
        self.application = self._key("application", APPLICATION, Curve.ED25519, Purpose.APPLICATION)
        self.reader = self._key("reader", READER, Curve.P256, Purpose.PLATFORM)
        self.app_reader = self._key("application reader", b"\x12", Curve.X25519, Purpose.APPLICATION)
        self.group = secret("group")[:16]

    def _key(self, name: str, kid: bytes, curve: Curve, purpose: Purpose) -> OwnKey:
        return OwnKey(kid, self.vault.import_key(curve, secret(name)), purpose)

    def inbox(self) -> dict[str, Any]:
        """Describe the recipient of the vectors."""
        names = {curve: name for name, curve in CURVES.items()}
        senders = []
        for key in (self.sender, self.application):
            public = self.vault.public(key.handle)
            row = {"kid": key.kid, "curve": names[public.curve], "x": public.x, "purpose": key.purpose.name.lower()}
            senders.append({**row, "y": public.y} if public.y else row)
        own = [
            {"kid": READER, "curve": "P-256", "private_key": secret("reader"), "purpose": "platform"},
            {"kid": b"\x12", "curve": "X25519", "private_key": secret("application reader"), "purpose": "application"},
        ]
        groups = [{"kid": GROUP, "key": self.group, "algorithm": 30, "purpose": "platform"}]
        return {"own": own, "senders": senders, "groups": groups}

    def signed(self, **changes: Any) -> bytes:
        """Return a signed object, with other claims where given."""
        statement = replace(STATEMENT, **changes)
        return statement.sign(self.vault, replace(self._signer(statement), purpose=statement.purpose)).encode()

    def _signer(self, statement: Statement) -> OwnKey:
        return self.application if statement.sender == APPLICATION else self.sender

    def sealed(self, contents: bytes, aead: Aead = Aead.A128GCM, **changes: Any) -> bytes:
        """Return contents sealed for the reader, with other header parameters where given."""
        head = headers(
            {1: aead.value, 3: 18, 16: changes.get("purpose", int(Purpose.PLATFORM))},
            {5: secret("nonce")[: changes.get("nonce", aead.nonce_length)]},
        )
        reader = self.app_reader if changes.get("purpose") == int(Purpose.APPLICATION) else self.reader
        public = self.vault.public(changes.get("public", reader.handle))
        return seal_to(
            head, contents, public, changes.get("kid", reader.kid), self.vault, secret_bytes, party_v=reader.kid
        ).encode()

    def to_group(self, contents: bytes, aead: Aead = Aead.AES_CCM_16_128_128, **changes: Any) -> bytes:
        """Return contents encrypted for the group."""
        head = headers(
            {1: aead.value, 3: 18, 4: changes.get("kid", GROUP), 16: changes.get("purpose", int(Purpose.PLATFORM))},
            {5: secret("nonce")[: aead.nonce_length]},
        )
        return seal0(head, contents, changes.get("key", self.group)).encode()


STATEMENT: Final = Statement(
    SENDER, READER, Purpose.PLATFORM, 7, NOW - 60, 60, dumps([3, "/actuators/lamp", 60, b"\xf5"])
)


def secret(name: str) -> bytes:
    """Return the 32 bytes that a name stands for."""
    return sha256(b"PicoSec object vectors: " + name.encode()).digest()


def secret_bytes(size: int) -> bytes:
    """Return the entropy of an ephemeral key."""
    return secret("ephemeral")[:size]


def files() -> Iterator[VectorFile]:
    """Yield the files about objects."""
    cast = _Cast()
    yield _file("object_open_signed", "Signed objects are opened, or refused", list(_signed(cast)))
    yield _file("object_open_sealed", "Objects for one reader are opened, or refused", list(_sealed(cast)))
    yield _file("object_open_group", "Objects for a group are opened, or refused", list(_group(cast)))


def _file(name: str, title: str, cases: list[Case]) -> VectorFile:
    flags = {name: text for name, text in FLAGS.items() if any(name in case.flags for case in cases)}
    return VectorFile("objects", name, "object.open", title, flags, tuple(cases))


class _Judge:
    """Makes cases about one recipient at one time."""

    def __init__(self, cast: _Cast) -> None:
        self._inputs = {"inbox": cast.inbox(), "now": NOW}

    def taken(self, id: str, text: str, requirements: list[str], data: bytes, **more: Any) -> Case:
        """Return a case in which an object is opened."""
        return accepted("object.open", id, text, requirements, {**self._inputs, **more, "object": data})

    def refused(self, id: str, text: str, requirement: str, error: str, flag: str, data: bytes, **more: Any) -> Case:
        """Return a case in which an object is refused."""
        inputs = {**self._inputs, **more, "object": data}
        return rejected("object.open", id, text, (requirement,), inputs, error, (flag,))


def _signed(cast: _Cast) -> Iterator[Case]:
    judge = _Judge(cast)
    good = cast.signed()
    yield judge.taken("es256", "Signed with ES256 on P-256.", ["OBJ-130"], good)
    text = "Signed with EdDSA by the key of an application."
    application = {"sender": APPLICATION, "purpose": Purpose.APPLICATION, "recipient": b"\x12"}
    yield judge.taken("eddsa", text, ["OBJ-130", "OBJ-200"], cast.signed(**application))
    yield judge.taken("with-end", "It says when it ends.", ["OBJ-250"], cast.signed(expires=NOW))
    yield judge.taken("at-the-edge", "Issued 300 seconds from now.", ["OBJ-240"], cast.signed(issued=NOW + 300))
    yield judge.taken("no-clock", "A recipient without a clock.", ["OBJ-240"], cast.signed(issued=2 * NOW), now=None)
    yield judge.taken("to-a-group", "In the open, for a group.", ["OBJ-230"], cast.signed(recipient=GROUP))
    late = cast.signed(sequence=70)
    yield judge.taken("behind", "63 behind the highest.", ["OBJ-260"], good, taken=[late])
    yield judge.taken("next", "The next in the sequence.", ["OBJ-260"], cast.signed(sequence=8), taken=[good])
    yield from _refused_forms(judge, cast, good)
    text = "A bit of the contents changed."
    flipped = good.replace(b"lamp", b"lamq")
    yield judge.refused("changed-contents", text, "OBJ-130", "authentication_failed", "Forgery", flipped)
    text = "A bit of the signature changed."
    changed = good[:-1] + bytes((good[-1] ^ 1,))
    yield judge.refused("changed-signature", text, "OBJ-130", "authentication_failed", "Forgery", changed)
    text = "Signed by the application, in the name of the sender."
    other = STATEMENT.sign(cast.vault, replace(cast.reader, purpose=Purpose.PLATFORM)).encode()
    yield judge.refused("other-key", text, "OBJ-130", "authentication_failed", "Forgery", other)
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


def _refused_forms(judge: _Judge, cast: _Cast, good: bytes) -> Iterator[Case]:
    for id, text, requirement, data in (
        ("empty", "Nothing.", "OBJ-020", b""),
        ("untagged", "The same array without its tag.", "OBJ-020", good[1:]),
        ("other-tag", "A CWT is no object.", "OBJ-020", b"\xd8\x3d" + good),
        ("mac", "A COSE_Mac0.", "OBJ-020", b"\xd1" + good[1:]),
        ("surplus", "A byte follows.", "MSG-040", good + b"\0"),
        ("detached", "The payload is elsewhere.", "OBJ-020", _with(good, 2, None)),
        ("five-parts", "A fifth part.", "OBJ-020", _with(good, 4, b"")),
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


def _refused_times(judge: _Judge, cast: _Cast, good: bytes) -> Iterator[Case]:
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


def _sealed(cast: _Cast) -> Iterator[Case]:
    judge = _Judge(cast)
    inside = cast.signed()
    for aead in (Aead.A128GCM, Aead.AES_CCM_16_128_128, Aead.CHACHA20_POLY1305):
        text = f"Sealed with {aead.name} for a key on P-256."
        yield judge.taken(aead.name.lower().replace("_", "-"), text, ["OBJ-150"], cast.sealed(inside, aead))
    private = cast.signed(sender=APPLICATION, purpose=Purpose.APPLICATION, recipient=b"\x12")
    data = cast.sealed(private, purpose=int(Purpose.APPLICATION))
    yield judge.taken("x25519", "Sealed for a key on X25519.", ["OBJ-150"], data)
    good = cast.sealed(inside)
    for id, text, change in (
        ("two-recipients", "Two recipients.", lambda parts: parts[3].append(parts[3][0])),
        ("no-recipient", "No recipient.", lambda parts: parts[3].clear()),
        ("wrapped-key", "The recipient has a wrapped key.", lambda parts: parts[3][0].__setitem__(2, b"\0" * 24)),
    ):
        yield judge.refused(id, text, "OBJ-030", "malformed", "Form", _changed(good, change))
    for id, text, requirement, change in (
        ("strange-parameter", "An unprotected parameter.", "OBJ-170", lambda parts: parts[1].__setitem__(99, 0)),
        ("reader-unnamed", "No kid of the reader.", "OBJ-170", lambda parts: parts[3][0][1].pop(4)),
        ("strange-recipient", "A strange parameter.", "OBJ-170", lambda parts: parts[3][0][1].__setitem__(99, 0)),
        ("no-ephemeral", "No ephemeral key.", "OBJ-170", lambda parts: parts[3][0][1].pop(-1)),
        ("nonce-short", "A nonce of 11 bytes.", "OBJ-140", lambda parts: parts[1].__setitem__(5, bytes(11))),
        ("no-nonce", "No nonce.", "OBJ-140", lambda parts: parts[1].clear()),
    ):
        yield judge.refused(id, text, requirement, "malformed", "Headers", _changed(good, change))
    yield from _refused_seals(judge, cast, good, inside)


def _refused_seals(judge: _Judge, cast: _Cast, good: bytes, inside: bytes) -> Iterator[Case]:
    text = "A tag of eight bytes."
    short = cast.sealed(inside, Aead.AES_CCM_16_64_128)
    yield judge.refused("short-tag", text, "OBJ-120", "unsupported_algorithm", "Algorithm", short)
    text = "The content key is agreed on with static keys."
    static = _changed(good, lambda parts: parts[3][0].__setitem__(0, dumps({1: -27})))
    yield judge.refused("static-agreement", text, "OBJ-120", "unsupported_algorithm", "Algorithm", static)
    text = "A bit of the ciphertext changed."
    flip = _changed(good, lambda parts: parts.__setitem__(2, bytes((parts[2][0] ^ 1,)) + parts[2][1:]))
    yield judge.refused("changed", text, "OBJ-150", "authentication_failed", "Forgery", flip)
    text = "The ciphertext is shorter than a tag."
    cut = _changed(good, lambda parts: parts.__setitem__(2, parts[2][:15]))
    yield judge.refused("cut", text, "OBJ-150", "authentication_failed", "Forgery", cut)
    text = "The x-coordinate of the ephemeral key is not on the curve."
    off = _changed(good, lambda parts: parts[3][0][1][-1].__setitem__(-2, b"\xff" * 32))
    yield judge.refused("off-the-curve", text, "OBJ-160", "bad_key", "Forgery", off)
    text = "An ephemeral key on another curve."
    other = {1: 1, -1: 4, -2: secret("point")}
    crossed = _changed(good, lambda parts: parts[3][0][1].__setitem__(-1, other))
    yield judge.refused("other-curve", text, "OBJ-160", "bad_key", "Forgery", crossed)
    text = "For a reader that has another key."
    yield judge.refused(
        "other-reader", text, "OBJ-190", "unknown_credential", "Forwarding", cast.sealed(inside, kid=OTHER)
    )
    text = "Sealed for applications, with the platform's key."
    mixed = _changed(good, lambda parts: parts.__setitem__(0, dumps({1: 1, 3: 18, 16: 65003})))
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


def _group(cast: _Cast) -> Iterator[Case]:
    judge = _Judge(cast)
    inside = cast.signed(recipient=GROUP)
    good = cast.to_group(inside)
    yield judge.taken("group", "Encrypted for a group.", ["OBJ-150"], good)
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
    moved = _changed(
        good, lambda parts: (parts.__setitem__(0, dumps({1: 30, 3: 18, 16: 65002})), parts[1].update({4: GROUP}))
    )
    yield judge.refused("kid-unprotected", text, "OBJ-170", "malformed", "Headers", moved)


def _with(data: bytes, index: int, value: Any) -> bytes:
    """Return an object with one part replaced, or one more."""

    def change(parts: list[Any]) -> None:
        parts[index : index + 1] = [value]

    return _changed(data, change)


def _changed(data: bytes, change: Any) -> bytes:
    """Return an object whose parts were changed."""
    item = cbor2.loads(data)
    parts = _thawed(item.value)
    change(parts)
    return dumps(cbor2.CBORTag(item.tag, parts))


def _thawed(value: Any) -> Any:
    """Return decoded CBOR with lists and dicts that can be changed."""
    if isinstance(value, list | tuple):
        return [_thawed(item) for item in value]
    return {key: _thawed(item) for key, item in value.items()} if hasattr(value, "items") else value
