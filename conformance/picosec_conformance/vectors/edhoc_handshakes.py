"""Vectors of whole handshakes, over the grid of methods, suites and kinds of credentials, and of the keys they give."""

from __future__ import annotations

from collections.abc import Iterator

from picosec.channel.credentials import Kind
from picosec.channel.ead import EadItem, padding
from picosec.crypto.suites import SUITES
from picosec_conformance.vectors.edhoc_credentials import LEAF_KEY, chain_of
from picosec_conformance.vectors.edhoc_operations import ead_rows
from picosec_conformance.vectors.edhoc_scene import entropy_of, make_scene
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted

HANDSHAKE = "edhoc.handshake"

#: Requirement of each method, suite and kind.
METHODS = ("CHN-060", "CHN-070", "CHN-080", "CHN-090")
SUITE_REQUIREMENTS = ("CHN-110", "CHN-120", "CHN-130", "CHN-140", "CHN-150", "CHN-160", "CHN-170")
KINDS = {Kind.KID: "CHN-360", Kind.X5T: "CHN-380", Kind.X5CHAIN: "CHN-390", Kind.KCCS: "CHN-410", Kind.KCWT: "CHN-430"}

ITEM = EadItem(32000, b"opaque")


def files() -> Iterator[VectorFile]:
    """Yield the files."""
    for method in range(4):
        title = f"Whole handshakes of method {method}, with every intermediate value"
        cases = tuple(_grid(method))
        yield VectorFile("channel", f"edhoc_handshake_method_{method}", HANDSHAKE, title, {}, cases)
    title = "Whole handshakes with what is optional: message_4, external authorization data, negotiation, identifiers"
    yield VectorFile("channel", "edhoc_handshake_options", HANDSHAKE, title, {}, tuple(_options()))
    title = "Keys for applications from a completed handshake"
    yield VectorFile("channel", "edhoc_exporter", "edhoc.exporter", title, {}, tuple(_exports()))
    title = "New keys from a completed handshake"
    yield VectorFile("channel", "edhoc_key_update", "edhoc.key_update", title, {}, tuple(_updates()))


def _grid(method: int) -> Iterator[Case]:
    """Each suite with each kind on each side; the Initiator's kind runs ahead by the number of the suite."""
    kinds = list(KINDS)
    for suite in SUITES:
        for position, kind_r in enumerate(kinds):
            kind_i = kinds[(position + suite) % len(kinds)]
            scene = make_scene(method, suite, kind_i, kind_r)
            requirements = dict.fromkeys(
                (METHODS[method], SUITE_REQUIREMENTS[suite], KINDS[kind_i], KINDS[kind_r], "CHN-900", "CHN-910")
            )
            yield accepted(
                HANDSHAKE,
                f"suite-{suite}-{kind_i.value}-{kind_r.value}",
                f"Method {method}, suite {suite}; Initiator with {kind_i.value}, Responder with {kind_r.value}.",
                requirements,
                scene.handshake(),
            )


def _options() -> Iterator[Case]:
    comment = "The smallest handshake: static keys on P-256, each known by a kid of one byte."
    requirements = ("CHN-090", "CHN-130", "CHN-360", "CHN-900", "CHN-910")
    yield accepted(HANDSHAKE, "smallest", comment, requirements, make_scene().handshake())
    for method in range(4):
        scene = make_scene(method, 2)
        comment = f"Method {method} with message_4, which is empty inside."
        confirmed = ("CHN-580", "CHN-590", METHODS[method])
        yield accepted(HANDSHAKE, f"message-4-method-{method}", comment, confirmed, scene.handshake(message_4=True))
    for suite in SUITES:
        comment = f"Suite {suite} with message_4."
        inputs = make_scene(3, suite, Kind.KCCS, Kind.KID).handshake(message_4=True)
        yield accepted(HANDSHAKE, f"message-4-suite-{suite}", comment, ("CHN-580", SUITE_REQUIREMENTS[suite]), inputs)
    items = {f"ead_{number}": ead_rows([ITEM, *padding(number)]) for number in (1, 2, 3, 4)}
    for method in (0, 3):
        inputs = make_scene(method, 2).handshake(message_4=True, **items)
        comment = "Padding and an item that nobody knows in all four messages."
        yield accepted(HANDSHAKE, f"data-method-{method}", comment, ("CHN-320", "CHN-330"), inputs)
    long = ead_rows(padding(1200))
    inputs = make_scene(3, 2).handshake(message_4=True, ead_2=long, ead_3=long, ead_4=long)
    yield accepted(
        HANDSHAKE, "long-padding", "1200 bytes of padding in messages 2, 3 and 4.", ("CHN-320", "CHN-330"), inputs
    )
    inputs = make_scene(0, 0).handshake()
    leaf, middle, root = (each.hex() for each in chain_of())
    inputs["initiator"] |= {
        "own": {"kind": "x5chain", "credential": leaf, "private_key": LEAF_KEY, "chain": [middle]},
        "trusted_as": [{"kind": "x5chain", "credential": root}],
    }
    comment = "The Initiator sends its certificate and that of the authority in between; the Responder knows the root."
    yield accepted(HANDSHAKE, "certificate-chain", comment, ("CHN-060", "CHN-390"), inputs)
    inputs = make_scene(3, 2, preferred=(0, 6)).handshake()
    comment = "Two suites that the Responder does not have stand ahead of the selected one."
    yield accepted(HANDSHAKE, "preferred-suites", comment, ("CHN-180", "CHN-200"), inputs)
    for c_i, c_r, name in (
        (b"", b"\x00", "empty"),
        (b"\x18", b"\x17", "next-to-integers"),
        (b"\x38", b"\x20", "next-to-negative-integers"),
        (b"\xff\x00", bytes(7), "long"),
        (b"\x00\x00", b"\x00", "prefix-of-the-other"),
    ):
        inputs = make_scene(3, 2, c_i=c_i, c_r=c_r).handshake()
        comment = f"The connection identifiers are {c_i.hex() or 'empty'} and {c_r.hex()}."
        yield accepted(HANDSHAKE, f"identifiers-{name}", comment, ("CHN-050", "CHN-910"), inputs)


def _exports() -> Iterator[Case]:
    secret = entropy_of("exporter")(32)
    for label, context, length in (
        (0, b"", 16), (0, b"", 32), (1, b"", 8), (32768, b"", 32), (32768, b"context", 32), (65535, b"", 1),
        (23, b"", 32), (24, b"", 32), (255, b"", 32), (256, b"", 32), (40000, bytes(23), 33), (40000, bytes(24), 64),
        (40000, bytes(256), 255), (40000, b"", 256), (40000, b"", 0), (40000, b"", 1000),
    ):  # fmt: skip
        inputs = {"prk_exporter": secret, "label": label, "context": context, "length": length}
        comment = f"Label {label}, a context of {len(context)} bytes, {length} bytes of output."
        id = f"label-{label}-context-{len(context)}-length-{length}"
        yield accepted("edhoc.exporter", id, comment, ("CHN-900",), inputs)


def _updates() -> Iterator[Case]:
    secret = entropy_of("key update")(32)
    for length in (0, 1, 16, 23, 24, 255, 256):
        inputs = {"prk_out": secret, "context": bytes(range(256))[:length] if length < 256 else bytes(256)}
        comment = f"A context of {length} bytes."
        yield accepted("edhoc.key_update", f"context-{length}", comment, ("CHN-920",), inputs)
