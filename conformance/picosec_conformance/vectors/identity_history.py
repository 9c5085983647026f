"""Vectors of identities (spec/v1/identity-history.md): histories made and followed, and every reason to refuse one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, Final

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.messaging.cbor import dumps
from picosec_conformance.histories import (
    ALG,
    BEFORE,
    COMMITTED,
    ISSUED,
    KEY,
    KIND,
    MOST,
    NUMBER,
    TYP,
    History,
    new_key,
    thumbprint,
)
from picosec_conformance.objects import Key
from picosec_conformance.vectors import identity_operations  # noqa: F401 - registers the operations
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected

FLAGS: Final = {
    "StatementForm": "A second way to write a statement makes a fork out of one history.",
    "StatementAlgorithm": "An attacker who may choose the algorithm chooses the weakest.",
    "Links": "A statement that fits into two places lets an attacker choose what happened.",
    "Takeover": "Somebody gives another's identity a key of his own.",
    "Thief": "Whoever stole the current key tries to keep the identity.",
    "Fork": "Two hold one key, or its holder says different things to different peers.",
    "Rollback": "The stolen key is good again, once its loss is forgotten.",
    "HistorySize": "A stranger's history decides how much memory and work it takes.",
}

NOW: Final = 1_800_000_000
_SEED: Final = "PicoSec vectors of identities"


def files() -> Iterator[VectorFile]:
    """Yield the files about identities."""
    title = "Histories are followed, or refused"
    yield _file("identity_follow", "identity.follow", title, [*_followed(), *_refused(), *_contradictions()])
    yield _file("identity_compose", "identity.compose", "Histories are made", [*_made(), *_unmade()])


def _file(name: str, operation: str, title: str, cases: list[Case]) -> VectorFile:
    flags = {name: text for name, text in FLAGS.items() if any(name in case.flags for case in cases)}
    return VectorFile("identity", name, operation, title, flags, tuple(cases))


def _history(curve: Curve = Curve.P256, kind: int = 0) -> History:
    """Return an identity that began at one time, the same each time."""
    history = History(random.Random(_SEED), curve, kind)
    history.statements[0].entries[ISSUED] = NOW
    return history


def _rotated(*steps: str, curve: Curve = Curve.P256) -> History:
    """Return an identity after these changes: ``rotate`` and ``recover``, a day apart."""
    history = _history(curve)
    for step in steps:
        getattr(history, step)().entries[ISSUED] += 86_400
    return history


def _inputs(history: History, data: bytes | None = None, seen: tuple[bytes, ...] = ()) -> dict[str, Any]:
    inputs = {"identifier": history.identifier, "history": history.encode() if data is None else data}
    return {**inputs, "seen": list(seen)} if seen else inputs


def _taken(id: str, text: str, requirement: str, history: History, **more: Any) -> Case:
    return accepted("identity.follow", id, text, [requirement], _inputs(history, **more))


def _refuse(id: str, text: str, requirement: str, error: str, flag: str, history: History, **more: Any) -> Case:
    return rejected("identity.follow", id, text, [requirement], _inputs(history, **more), error, [flag])


def _followed() -> Iterator[Case]:
    yield _taken("first", "The first statement of a device, whose key is on P-256.", "IDN-610", _history())
    yield _taken("first-ed25519", "With a key on Ed25519.", "IDN-610", _history(Curve.ED25519))
    yield _taken("user", "The identity of a person.", "IDN-610", _history(kind=1))
    yield _taken("application", "The identity of an application.", "IDN-610", _history(kind=2))
    yield _taken("rotation", "One rotation.", "IDN-500", _rotated("rotate"))
    yield _taken("rotation-ed25519", "One rotation.", "IDN-500", _rotated("rotate", curve=Curve.ED25519))
    text = "A rotation, and an emergency: the key from the safe signs alone."
    yield _taken("emergency", text, "IDN-510", _rotated("rotate", "recover"))
    yield _taken("emergency-ed25519", text, "IDN-510", _rotated("rotate", "recover", curve=Curve.ED25519))
    yield _taken("emergencies", "Two emergencies, and a rotation.", "IDN-510", _rotated("recover", "recover", "rotate"))
    other = _history()
    other.rotate(Curve.ED25519)
    other.recover(Curve.ED25519)
    other.rotate(Curve.P256)
    yield _taken("curves", "Keys of either curve in one history.", "IDN-360", other)
    short, grown = _rotated("rotate").encode(), _rotated("rotate", "recover")
    yield _taken("further", "Two statements were seen before.", "IDN-610", grown, seen=(short,))
    yield _taken("again", "The same as before.", "IDN-610", grown, seen=(grown.encode(),))
    items = grown.items()
    signature = items[1][3][0][2]
    twin = (P256_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    items[1][3][0][2] = signature[:32] + twin
    text = "The twin of an ES256 signature: the statement has the same name, and nothing forks."
    yield _taken("twin", text, "IDN-400", grown, data=dumps(items), seen=(grown.encode(),))
    items[1][3][0][2] = bytes(64)
    text = "No signature under a statement that was seen before: it is known by its name."
    yield _taken("seen-unsigned", text, "IDN-360", grown, data=dumps(items), seen=(short,))
    taken_back = _rotated("rotate", "rotate")
    thief = taken_back.encode()
    taken_back.recover()
    text = "The owner takes the identity back from a thief who rotated."
    yield _taken("taken-back", text, "IDN-390", taken_back, seen=(thief,))


def _refused() -> Iterator[Case]:
    for id, text, change in (
        ("type", "Signed as a platform object.", lambda last: last.header.__setitem__(TYP, 65002)),
        ("no-type", "Signed as nothing.", lambda last: last.header.clear()),
        ("parameter", "A further header parameter.", lambda last: last.header.__setitem__(4, b"\1")),
        ("unprotected", "A parameter that is not protected.", lambda last: last.unprotected.__setitem__(4, b"\1")),
        ("member", "A further member.", lambda last: last.entries.__setitem__(7, 0)),
        ("no-time", "The time is missing.", lambda last: last.entries.pop(ISSUED)),
        ("no-commitment", "No key for emergencies.", lambda last: last.entries.pop(COMMITTED)),
        ("kind", "A rotation has a kind.", lambda last: last.entries.__setitem__(KIND, 0)),
        ("name-cut", "The name has 31 bytes.", lambda last: last.entries.__setitem__(BEFORE, bytes(31))),
        ("number-49", "The number of a 49th statement.", lambda last: last.entries.__setitem__(NUMBER, MOST)),
        ("key-x25519", "A key that does not sign.", lambda last: last.entries.__setitem__(KEY, _MONTGOMERY)),
        ("key-named", "The key has an identifier.", lambda last: last.entries[KEY].__setitem__(2, b"\1")),
        ("algorithm-missing", "A signature without alg.", lambda last: last.heads[0].clear()),
        ("kid", "A signature with a kid.", lambda last: last.heads[0].__setitem__(4, b"\1")),
    ):
        yield _refuse(id, text, "IDN-310", "malformed", "StatementForm", _changed(change))
    for id, text, change in (
        ("first-kind", "An identity of no kind.", lambda first: first.entries.pop(KIND)),
        ("first-kind-3", "Of a kind that there is not.", lambda first: first.entries.__setitem__(KIND, 3)),
        ("first-number", "The first statement has number 1.", lambda first: first.entries.__setitem__(NUMBER, 1)),
    ):
        history = _history()
        change(history.last)
        yield _refuse(id, text, "IDN-310", "malformed", "StatementForm", history)
    history = _rotated("rotate")
    for id, text, data in (
        ("empty", "No statement.", b"\x80"),
        ("one-alone", "A statement that is in no array.", dumps(history.items()[0])),
        ("no-signature", "A statement that nobody signed.", _with(history, lambda items: items[1][3].clear())),
        ("three", "Three signatures.", _with(history, lambda items: items[1][3].append(items[1][3][0]))),
        ("first-two", "Two signatures under the first statement.", _with(history, _double_the_first)),
        ("cut", "A signature of 63 bytes.", _with(history, lambda items: items[1][3][0].__setitem__(2, bytes(63)))),
    ):
        yield _refuse(id, text, "IDN-310", "malformed", "StatementForm", history, data=data)
    for _ in range(MOST - 1):
        history.rotate(Curve.ED25519)
    yield _refuse("too-long", "One statement more than there may be.", "IDN-310", "malformed", "HistorySize", history)
    text = "One byte more than a history may have."
    yield _refuse("too-large", text, "IDN-300", "too_large", "HistorySize", _history(), data=bytes(16_385))
    for algorithm in (-35, -36, 5):
        changed = _rotated("rotate")
        changed.last.heads[0] = {ALG: algorithm}
        text = f"A signature with algorithm {algorithm}."
        yield _refuse(f"algorithm{algorithm}", text, "IDN-320", "unsupported_algorithm", "StatementAlgorithm", changed)
    off = _changed(lambda last: last.entries[KEY].__setitem__(-3, bytes(32)))
    yield _refuse("off-the-curve", "A key off its curve.", "IDN-330", "bad_key", "Takeover", off)
    text = "An identity that is not trusted."
    stranger = _inputs(_history(), _history(kind=1).encode())
    yield rejected("identity.follow", "stranger", text, ["IDN-340"], stranger, "unknown_credential", ["Takeover"])
    yield from _unlinked()
    yield from _unsigned()


_MONTGOMERY: Final = {1: 1, -1: 4, -2: bytes(32)}


def _changed(change: Callable[[Any], Any]) -> History:
    """Return a history whose last statement was changed before it was signed."""
    history = _rotated("rotate")
    history.last.entries[KEY] = dict(history.last.entries[KEY])
    change(history.last)
    return history


def _with(history: History, change: Callable[[list[Any]], Any]) -> bytes:
    """Return a history that was changed after it was signed."""
    items = history.items()
    change(items)
    return dumps(items)


def _double_the_first(items: list[Any]) -> None:
    items[0][3] *= 2


def _unlinked() -> Iterator[Case]:
    for id, text, change in (
        ("number", "The number of another place.", lambda last: last.entries.__setitem__(NUMBER, 2)),
        ("before", "It names another statement before it.", lambda last: last.entries.__setitem__(BEFORE, bytes(32))),
        ("older", "It is older than the statement before.", lambda last: last.entries.__setitem__(ISSUED, NOW - 1)),
    ):
        yield _refuse(id, text, "IDN-350", "malformed", "Links", _changed(change))
    history = _rotated("rotate", "rotate")
    history.statements.pop(1)
    yield _refuse("left-out", "A statement was left out.", "IDN-350", "malformed", "Links", history)
    history = _rotated("recover")
    history.last.entries[COMMITTED] = thumbprint(history.key)
    text = "After an emergency, the key that shows now is to be the next for emergencies."
    yield _refuse("commits-to-itself", text, "IDN-380", "malformed", "Thief", history)
    history = _history()
    stolen = history.key
    history.recover().entries[COMMITTED] = thumbprint(stolen)
    text = "The stolen key is to be the next for emergencies."
    yield _refuse("commits-to-the-stolen", text, "IDN-380", "malformed", "Thief", history)


def _unsigned() -> Iterator[Case]:
    error = "authentication_failed"
    stranger = new_key(random.Random(_SEED + " stranger"))
    for id, text, who in (
        ("new-key-alone", "The new key signs in place of the old one.", (1, 1)),
        ("old-key-alone", "The old key signs in place of the new one.", (0, 0)),
        ("exchanged", "Both sign, the new key first.", (1, 0)),
        ("stranger-for-old", "A stranger signs in place of the old key.", (2, 1)),
        ("stranger-for-new", "A stranger signs in place of the new key.", (0, 2)),
    ):
        history = _rotated("rotate")
        keys = [*history.last.signers, stranger]
        history.last.signers = [keys[place] for place in who]
        yield _refuse(id, text, "IDN-360", error, "Takeover", history)
    history = _history()
    history.last.signers = [stranger]
    yield _refuse(
        "first-unsigned", "The first statement is signed by another key.", "IDN-360", error, "Takeover", history
    )
    history = _rotated("rotate")
    history.last.context = "Signature1"
    yield _refuse("as-sign1", "Signed as a COSE_Sign1.", "IDN-360", error, "Takeover", history)
    history = _rotated("rotate")
    history.last.heads[0] = {ALG: -8}
    yield _refuse("other-algorithm", "alg is that of another curve.", "IDN-360", error, "Takeover", history)
    history = _rotated("recover")
    history.last.entries[KEY], history.last.signers = stranger.cose_key, [stranger]
    yield _refuse("stranger-recovers", "An emergency by a stranger.", "IDN-370", error, "Takeover", history)
    history = _history()
    stolen = history.key
    history.recover()
    history.last.signers = [stolen]
    yield _refuse("thief-recovers", "The stolen key signs the emergency.", "IDN-360", error, "Thief", history)
    history = _rotated("recover")
    used = history.key
    history.recover()
    history.last.entries[KEY], history.last.signers = used.cose_key, [used]
    yield _refuse("used-recovers", "The key of an earlier emergency.", "IDN-370", error, "Thief", history)
    history = _rotated("rotate")
    history.last.entries[COMMITTED] = thumbprint(stranger)
    yield _refuse("thief-commits", "A rotation commits to the thief's own key.", "IDN-390", error, "Thief", history)


def _contradictions() -> Iterator[Case]:
    history = _rotated("rotate", "rotate")
    seen, other = history.encode(), _history()
    other.rng = random.Random(_SEED + " other")
    other.rotate()
    text = "Another statement 1 than the one that was seen, in a shorter history."
    yield _refuse("fork-shorter", text, "IDN-400", "forked", "Fork", other, seen=(seen,))
    shorter = other.encode()
    other.rotate()
    yield _refuse("fork-as-long", "In one that is as long.", "IDN-400", "forked", "Fork", other, seen=(seen,))
    other.rotate()
    yield _refuse("fork-longer", "In one that is longer.", "IDN-400", "forked", "Fork", other, seen=(seen,))
    recovered = _rotated("recover")
    text = "An emergency in the place of a rotation that was seen."
    yield _taken("outranks", text, "IDN-440", recovered, seen=(seen,))
    text = "The same after a fork, which it ends."
    yield _taken("thaws", text, "IDN-440", recovered, seen=(seen, shorter))
    owner = recovered.encode()
    text = "A rotation by the old key, in the place of an emergency that was seen."
    yield _refuse("outranked", text, "IDN-450", "stale", "Thief", other, seen=(owner,))
    again = _history()
    again.rng = random.Random(_SEED + " other")
    again.recover()
    text = "Another emergency in the place of one that was seen."
    yield _refuse("fork-emergencies", text, "IDN-400", "forked", "Fork", again, seen=(owner,))
    text = "The history that was believed, after another one."
    yield _refuse("frozen", text, "IDN-430", "forked", "Fork", history, seen=(seen, shorter))
    history.rotate()
    yield _refuse("frozen-longer", "It goes on.", "IDN-430", "forked", "Fork", history, seen=(seen, shorter))
    other.statements[1].signers.reverse()
    text = "Another statement that nobody signed makes no fork."
    error = "authentication_failed"
    yield _refuse("fork-unsigned", text, "IDN-360", error, "Takeover", other, seen=(seen,))
    old = _rotated("rotate")
    yield _refuse("stale", "It ends before what was seen.", "IDN-410", "stale", "Rollback", old, seen=(seen,))


def _secret(name: str) -> bytes:
    return sha256(f"{_SEED}: {name}".encode()).digest()


def _private(name: str, curve: str) -> dict[str, Any]:
    return {"curve": curve, "private_key": _secret(name)}


def _safe(name: str, curve: str) -> bytes:
    return thumbprint(Key(b"", {"P-256": Curve.P256, "Ed25519": Curve.ED25519}[curve], _secret(name)))


def _begun(curve: str = "P-256", kind: str = "device", **more: Any) -> dict[str, Any]:
    return {"key": _private("first", curve), "committed": _safe("safe", curve), "kind": kind, "issued": NOW, **more}


def _rotation(name: str, curve: str, issued: int = NOW + 86_400) -> dict[str, Any]:
    return {"key": _private(name, curve), "issued": issued}


def _made() -> Iterator[Case]:
    def made(id: str, text: str, requirement: str, inputs: dict[str, Any]) -> Case:
        return accepted("identity.compose", id, text, [requirement], inputs)

    for curve, suffix in (("P-256", ""), ("Ed25519", "-ed25519")):
        yield made(f"first{suffix}", f"Begun with a key on {curve}.", "IDN-600", _begun(curve))
        changes = [_rotation("second", curve)]
        yield made(f"rotation{suffix}", "One rotation.", "IDN-500", _begun(curve, changes=changes))
        emergency = {"key": _private("safe", curve), "committed": _safe("next", curve), "issued": NOW + 90_000}
        changes = [*changes, emergency]
        yield made(f"emergency{suffix}", "And an emergency.", "IDN-510", _begun(curve, changes=changes))
    yield made("user", "A person.", "IDN-600", _begun(kind="user"))
    yield made("application", "An application.", "IDN-600", _begun(kind="application"))
    changes = [_rotation("second", "P-256", 0)]
    text = "Whoever cannot tell the date repeats the time of the statement before."
    yield made("undated", text, "IDN-350", _begun(changes=changes))


def _unmade() -> Iterator[Case]:
    def unmade(id: str, text: str, requirement: str, error: str, inputs: dict[str, Any]) -> Case:
        return rejected("identity.compose", id, text, [requirement], inputs, error, ["Thief"])

    emergency = {"key": _private("other", "P-256"), "committed": _safe("next", "P-256"), "issued": NOW}
    inputs = _begun(changes=[emergency])
    yield unmade("other-key", "Recovery with another key.", "IDN-520", "authentication_failed", inputs)
    emergency = {"key": _private("safe", "P-256"), "committed": _safe("safe", "P-256"), "issued": NOW}
    yield unmade("itself", "Recovery that commits to itself.", "IDN-510", "malformed", _begun(changes=[emergency]))
    emergency = {"key": _private("safe", "P-256"), "committed": _safe("first", "P-256"), "issued": NOW}
    yield unmade("stolen", "It commits to the stolen key.", "IDN-510", "malformed", _begun(changes=[emergency]))
    changes = [_rotation(f"{number}", "Ed25519") for number in range(MOST)]
    yield unmade("full", "One statement more than there may be.", "IDN-540", "exhausted", _begun(changes=changes))
    inputs = _begun(key=_private("first", "X25519"))
    yield unmade("no-signing-key", "A key that does not sign.", "IDN-330", "bad_key", inputs)
