"""What can be wrong inside message_2 and message_3: for the decoders here, and encrypted for those who process them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from picosec.messaging.cbor import dumps
from picosec_conformance.vectors.edhoc_message_1 import FLAGS
from picosec_conformance.vectors.edhoc_scene import Row, Scene, make_scene
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected

DECODE_2 = "edhoc.plaintext_2.decode"
DECODE_3 = "edhoc.plaintext_3.decode"


@dataclass(frozen=True, slots=True)
class Broken:
    """A plaintext with one thing wrong."""

    id: str
    content: bytes
    comment: str
    requirement: str
    error: str
    flag: str


def broken_2(mac: bytes) -> Iterator[Broken]:
    """Yield what may stand in place of the plaintext 27 32 MAC; ``mac`` is the encoded byte string."""
    plaintext = b"\x27\x32" + mac
    for id, content, comment in (
        ("no-mac", b"\x27\x32", "The MAC is missing."),
        ("identifier-alone", b"\x27", "The identifier alone."),
        ("mac-text", b"\x27\x32" + b"\x68" + b"a" * 8, "The MAC is a text."),
        ("identifier-text", b"\x61\x27\x32" + mac, "The connection identifier is a text."),
        ("kid-map", b"\x27\xa1\x04\x41\x32" + mac, "A lone kid inside its map."),
        ("id-cred-empty", b"\x27\xa0" + mac, "An empty ID_CRED_R."),
        ("id-cred-array", b"\x27\x81\x32" + mac, "ID_CRED_R is an array."),
        ("id-cred-text", b"\x27\x61\x32" + mac, "ID_CRED_R is a text."),
        ("item-without-label", plaintext + b"\x40", "A value without a label before it."),
        ("array", b"\x83" + plaintext, "The sequence is wrapped into an array."),
        ("cut", plaintext[:-1], "The plaintext ends inside the MAC."),
    ):
        yield Broken(id, content, comment, "CHN-020", "malformed", "Grammar")
    for id, content, comment in (
        ("identifier-long-form", b"\x41\x27\x32" + mac, "The connection identifier as a byte string."),
        ("kid-long-form", b"\x27\x41\x32" + mac, "The kid as a byte string."),
    ):
        yield Broken(id, content, comment, "CHN-020", "malformed", "IdentifierForm")
    for id, content, comment in (
        ("mac-length-8-bit", b"\x27\x32\x58\x08" + mac[1:], "The length of the MAC in 8 bits."),
        ("identifier-8-bit", b"\x18\x07\x32" + mac, "The identifier 7 in 8 bits."),
        ("item-8-bit", plaintext + b"\x18\x00", "A label in 8 bits."),
        ("map-indefinite", b"\x27\xbf\x18\x22\x40\xff" + mac, "A map of indefinite length."),
    ):
        yield Broken(id, content, comment, "CHN-040", "not_deterministic", "Deterministic")


def broken_3(mac: bytes) -> Iterator[Broken]:
    """Yield what may stand in place of the plaintext 2b MAC; ``mac`` is the encoded byte string."""
    plaintext = b"\x2b" + mac
    for id, content, comment in (
        ("empty", b"", "Nothing inside."),
        ("no-mac", b"\x2b", "The MAC is missing."),
        ("mac-text", b"\x2b\x68" + b"a" * 8, "The MAC is a text."),
        ("kid-map", b"\xa1\x04\x41\x2b" + mac, "A lone kid inside its map."),
        ("id-cred-empty", b"\xa0" + mac, "An empty ID_CRED_I."),
        ("id-cred-24", b"\x18\x18" + mac, "An integer above 23 is no identifier."),
        ("item-text", plaintext + b"\x61\x61", "An item whose label is a text."),
        ("cut", plaintext[:-1], "The plaintext ends inside the MAC."),
    ):
        yield Broken(id, content, comment, "CHN-010", "malformed", "Grammar")
    yield Broken(
        "kid-long-form", b"\x41" + plaintext, "The kid as a byte string.", "CHN-010", "malformed", "IdentifierForm"
    )
    yield Broken(
        "mac-length-8-bit",
        b"\x2b\x58\x08" + mac[1:],
        "The length of the MAC in 8 bits.",
        "CHN-030",
        "not_deterministic",
        "Deterministic",
    )


def files() -> Iterator[VectorFile]:
    """Yield the files of both decoders."""
    scene = make_scene()
    first, second = scene.initiator_run(), scene.responder_run()
    second.read_message_1(first.compose_message_1())
    first.read_message_2(second.compose_message_2())
    first.compose_plaintext_3()
    mac_2, mac_3 = dumps(second["signature_or_mac_2"]), dumps(first["signature_or_mac_3"])
    for number, operation, requirement, whole, broken in (
        (2, DECODE_2, "CHN-020", b"\x27\x32" + mac_2, broken_2(mac_2)),
        (3, DECODE_3, "CHN-010", b"\x2b" + mac_3, broken_3(mac_3)),
    ):
        cases = (
            *_valid(operation, number, scene, requirement, whole),
            *(
                rejected(
                    operation,
                    each.id,
                    each.comment,
                    (each.requirement,),
                    _ask(scene, number, each.content),
                    each.error,
                    (each.flag,),
                )
                for each in broken
            ),
        )
        used = {flag for case in cases for flag in case.flags}
        flags = {name: text for name, text in FLAGS.items() if name in used}
        title = f"An endpoint reads what was encrypted in message_{number}"
        yield VectorFile("channel", f"edhoc_plaintext_{number}_decode", operation, title, flags, cases)


def _valid(operation: str, number: int, scene: Scene, requirement: str, whole: bytes) -> Iterator[Case]:
    for id, content, comment in (
        ("smallest", whole, "A kid of one byte and a MAC."),
        ("padded", whole + b"\x00\x43\x00\x00\x00", "Padding behind the MAC."),
        ("two-items", whole + b"\x00\x19\x7d\x00\x40", "Two items, one with an empty value, one without a value."),
    ):
        yield accepted(operation, id, comment, (requirement,), _ask(scene, number, content))


def _ask(scene: Scene, number: int, content: bytes) -> Row:
    return {f"plaintext_{number}": content, "method": scene.method, "suite": scene.suite}
