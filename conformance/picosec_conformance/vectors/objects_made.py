"""Vectors of making objects, and of the request that one for a device holds (spec/v1/objects.md)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging.cbor import dumps
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.objects_operations import CURVES
from picosec_conformance.vectors.operations import accepted, rejected

FLAGS: Final = {
    "Purpose": "A key that an application lost must not manage the device.",
    "KeyForAnotherUse": "A key that does not do what it is used for protects nothing.",
    "NoRequest": "What is half a request is completed by everybody in another way.",
}

NOW: Final = 1_800_000_000
#: PUT /actuators/lamp, application/cbor, true.
_REQUEST: Final = dumps([3, "/actuators/lamp", 60, b"\xf5"])


def secret(name: str) -> bytes:
    """Return the 32 bytes that a name stands for."""
    return sha256(b"PicoSec vectors of made objects: " + name.encode()).digest()


def files() -> Iterator[VectorFile]:
    """Yield the files."""
    cases = [*_signed(), *_sealed(), *_to_group(), *_unmade()]
    yield _file("object_compose", "object.compose", "Objects are made, or not", cases)
    title = "The contents of an object are a request, or refused"
    yield _file("object_request_decode", "object.request.decode", title, [*_requests(), *_no_requests()])


def _file(name: str, operation: str, title: str, cases: list[Case]) -> VectorFile:
    flags = {name: text for name, text in FLAGS.items() if any(name in case.flags for case in cases)}
    return VectorFile("objects", name, operation, title, flags, tuple(cases))


def _draft(curve: str = "P-256", purpose: str = "platform", **more: Any) -> dict[str, Any]:
    """Return the inputs of a signed object, with other or further ones where given."""
    draft = {
        "signer": {"kid": b"\x01", "curve": curve, "private_key": secret("signer"), "purpose": purpose},
        "recipient": b"\x11",
        "purpose": purpose,
        "sequence": 7,
        "issued": NOW,
        "content_format": 60,
        "content": _REQUEST,
    }
    return {**draft, **more}


def _reader(curve: str, aead: Aead = Aead.AES_CCM_16_128_128) -> dict[str, Any]:
    """Return the further inputs of a sealed object."""
    vault = software_vault(bytes)
    public = vault.public(vault.import_key(CURVES[curve], secret("reader")))
    reader = {"kid": b"\x11", "curve": curve, "x": public.x}
    return {
        "reader": {**reader, "y": public.y} if public.curve is Curve.P256 else reader,
        "algorithm": aead.value,
        "nonce": secret("nonce")[: aead.nonce_length],
        "ephemeral_key": secret("ephemeral"),
    }


def _group(aead: Aead = Aead.AES_CCM_16_128_128, purpose: str = "platform") -> dict[str, Any]:
    """Return the further inputs of a group object."""
    key = secret("group")[: aead.key_length]
    group = {"kid": b"\x21", "key": key, "algorithm": aead.value, "purpose": purpose}
    return {"group": group, "nonce": secret("nonce")[: aead.nonce_length]}


def _made(id: str, text: str, requirement: str, inputs: dict[str, Any]) -> Case:
    return accepted("object.compose", id, text, [requirement], inputs)


def _signed() -> Iterator[Case]:
    yield _made("es256", "A request for a device, signed with ES256.", "OBJ-110", _draft())
    yield _made("eddsa", "Signed with EdDSA.", "OBJ-110", _draft("Ed25519"))
    yield _made("application", "Signed by an application.", "OBJ-210", _draft(purpose="application"))
    yield _made("with-end", "It ends after an hour.", "OBJ-250", _draft(expires=NOW + 3600))
    yield _made("first", "The first that the key signs.", "OBJ-290", _draft(sequence=0))
    yield _made("far", "A sequence number of five bytes.", "OBJ-290", _draft(sequence=2**32))
    yield _made("undated", "By a sender that cannot tell the date.", "OBJ-240", _draft(issued=0))
    yield _made("octets", "Contents of another kind.", "OBJ-110", _draft(content_format=42, content=b"\0\1"))
    yield _made("nothing", "No contents.", "OBJ-110", _draft(content_format=42, content=b""))
    long: dict[str, Any] = {"signer": {**_draft()["signer"], "kid": secret("kid")}, "recipient": secret("recipient")}
    yield _made("long-identifiers", "Identifiers of 32 bytes.", "OBJ-110", _draft(**long))


def _sealed() -> Iterator[Case]:
    text = "A request for a lamp that is asleep, sealed for its key on P-256."
    yield _made("sealed-p256", text, "OBJ-300", _draft(**_reader("P-256")))
    yield _made("sealed-x25519", "Sealed for a key on X25519.", "OBJ-300", _draft("Ed25519", **_reader("X25519")))
    for aead in (Aead.A128GCM, Aead.CHACHA20_POLY1305):
        text = f"Sealed with {aead.name}."
        yield _made(f"sealed-{_name(aead)}", text, "OBJ-120", _draft(**_reader("P-256", aead)))
    inputs = _draft(purpose="application", **_reader("X25519"))
    yield _made("sealed-application", "Sealed by an application.", "OBJ-220", inputs)


def _to_group() -> Iterator[Case]:
    for aead in (Aead.AES_CCM_16_128_128, Aead.A128GCM, Aead.CHACHA20_POLY1305):
        text = f"Encrypted for a group with {aead.name}."
        yield _made(f"group-{_name(aead)}", text, "OBJ-180", _draft(recipient=b"\x21", **_group(aead)))
    text = "Signed for one member, encrypted for all."
    yield _made("group-one-member", text, "OBJ-230", _draft(**_group()))


def _unmade() -> Iterator[Case]:
    application = {**_draft()["signer"], "purpose": "application"}
    other = {**_draft("Ed25519")["signer"], "curve": "X25519"}
    ed25519 = {**_reader("X25519")["reader"], "curve": "Ed25519"}
    for id, text, requirement, error, flag, inputs in (
        (
            "application-as-platform",
            "The key of an application is to sign what manages the device.",
            "OBJ-210",
            "wrong_purpose",
            "Purpose",
            _draft(signer=application),
        ),
        (
            "platform-as-application",
            "The key of the platform is to sign for an application.",
            "OBJ-210",
            "wrong_purpose",
            "Purpose",
            _draft(purpose="application", signer=_draft()["signer"]),
        ),
        (
            "group-of-applications",
            "What manages the device, for a group of applications.",
            "OBJ-220",
            "wrong_purpose",
            "Purpose",
            _draft(**_group(purpose="application")),
        ),
        (
            "signer-agrees",
            "A key on X25519 is to sign.",
            "OBJ-110",
            "bad_key",
            "KeyForAnotherUse",
            _draft(signer=other),
        ),
        (
            "reader-signs",
            "Sealed for a key that signs.",
            "OBJ-160",
            "bad_key",
            "KeyForAnotherUse",
            _draft(**{**_reader("X25519"), "reader": ed25519}),
        ),
    ):
        yield rejected("object.compose", id, text, [requirement], inputs, error, (flag,))


def _requests() -> Iterator[Case]:
    for id, text, request in (
        ("put", "A method, a path, a Content-Format and a payload.", [3, "/actuators/lamp", 60, b"\xf5"]),
        ("get", "Without a payload.", [1, "/sensors/temperature", None, b""]),
        ("root", "An empty path.", [1, "", None, b""]),
        ("last-method", "The last of the methods.", [31, "/lamp", None, b""]),
        ("text", "text/plain, which is number 0.", [2, "/log", 0, b"on"]),
        ("last-format", "The last Content-Format.", [2, "/log", 65535, b"\0"]),
        ("payload-without-format", "A payload of no stated kind.", [2, "/log", None, b"\0"]),
        ("beyond-ascii", "A path beyond ASCII.", [1, "/küche", None, b""]),
    ):
        inputs = {"content_format": 60, "content": dumps(request)}
        yield accepted("object.request.decode", id, text, ["OBJ-350"], inputs)


def _no_requests() -> Iterator[Case]:
    for id, text, requirement, content in (
        ("empty-code", "Code 0.00.", "OBJ-350", dumps([0, "/lamp", None, b""])),
        ("response", "A response.", "OBJ-350", dumps([69, "/lamp", None, b""])),
        ("beyond-methods", "Code 1.00.", "OBJ-350", dumps([32, "/lamp", None, b""])),
        ("true-as-code", "A code that is true.", "OBJ-350", dumps([True, "/lamp", None, b""])),
        ("negative-code", "A code below zero.", "OBJ-350", dumps([-1, "/lamp", None, b""])),
        ("path-as-bytes", "A path that is bytes.", "OBJ-350", dumps([1, b"/lamp", None, b""])),
        ("path-in-parts", "A path in parts.", "OBJ-350", dumps([1, ["lamp"], None, b""])),
        ("format-too-large", "A Content-Format of 17 bits.", "OBJ-350", dumps([1, "/lamp", 65536, b""])),
        ("format-negative", "A Content-Format below zero.", "OBJ-350", dumps([1, "/lamp", -1, b""])),
        ("format-as-text", "A Content-Format by its name.", "OBJ-350", dumps([1, "/lamp", "text/plain", b""])),
        ("format-false", "A Content-Format that is false.", "OBJ-350", dumps([1, "/lamp", False, b""])),
        ("no-payload", "Three members.", "OBJ-350", dumps([1, "/lamp", None])),
        ("payload-nil", "A payload that is nil.", "OBJ-350", dumps([1, "/lamp", None, None])),
        ("payload-as-text", "A payload that is a text.", "OBJ-350", dumps([1, "/lamp", None, "on"])),
        ("five", "Five members.", "OBJ-350", dumps([1, "/lamp", None, b"", 0])),
        ("map", "A map.", "OBJ-350", dumps({0: 1, 1: "/lamp"})),
        ("truth", "True.", "OBJ-350", b"\xf5"),
        ("nothing", "Nothing.", "MSG-020", b""),
        ("surplus", "A byte follows.", "MSG-040", dumps([1, "/lamp", None, b""]) + b"\0"),
    ):
        yield _no_request(id, text, requirement, 60, content)
    yield _no_request("octets", "A request as application/octet-stream.", "OBJ-350", 42, _REQUEST)
    text = "The head of the array takes two bytes."
    inputs = {"content_format": 60, "content": b"\x98\x04" + _REQUEST[1:]}
    yield rejected("object.request.decode", "long-form", text, ["MSG-060"], inputs, "not_deterministic", ("NoRequest",))


def _no_request(id: str, text: str, requirement: str, format: int, content: bytes) -> Case:
    inputs = {"content_format": format, "content": content}
    return rejected("object.request.decode", id, text, [requirement], inputs, "malformed", ("NoRequest",))


def _name(aead: Aead) -> str:
    return aead.name.lower().replace("_", "-")
