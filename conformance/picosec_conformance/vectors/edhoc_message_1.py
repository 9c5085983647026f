"""Vectors of message_1 and of the negotiation around it."""

from __future__ import annotations

from collections.abc import Iterator

from picosec.channel.ead import EadItem, encode_ead, padding
from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec_conformance.edhoc_run import public
from picosec_conformance.vectors.edhoc_scene import entropy_of
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected

PROCESS = "edhoc.message_1.process"

#: The x-coordinate of a P-256 key, a point of X25519, and what is neither.
G_X = public(Curve.P256, entropy_of("message_1 P-256")(32))
U = public(Curve.X25519, entropy_of("message_1 X25519")(32))
P256_PRIME = (2**256 - 2**224 + 2**192 + 2**96 - 1).to_bytes(32, "big")
#: The least x from which no point of P-256 follows: x³ − 3x + b is no square.
NO_POINT = (1).to_bytes(32, "big")

SMALL_ORDER = {
    "zero": bytes(32),
    "one": b"\x01" + bytes(31),
    "order-eight": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "order-eight-twin": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "prime-less-one": bytes.fromhex("ec" + "ff" * 30 + "7f"),
    "prime": bytes.fromhex("ed" + "ff" * 30 + "7f"),
}

FLAGS = {
    "Grammar": "A parser that takes what the grammar does not say lets two readers see two messages.",
    "Deterministic": "A second encoding of one value gives another transcript and hides data from filters.",
    "IdentifierForm": "An identifier in two forms names two sessions, or one session twice.",
    "UnknownMethod": "A method that is not implemented must not fall back to another one.",
    "Negotiation": "Whoever sits between must not talk the sides into a weaker suite than both have.",
    "InvalidPoint": "A key that is no point of the curve leaks static private keys bit by bit.",
    "SmallOrder": "A point of small order forces a secret that everybody knows.",
    "LongIdentifier": "An identifier that does not fit is cut, and two identifiers become one nonce.",
    "CriticalItem": "A critical item that is passed over defeats the reason for which it is critical.",
    "Padding": "Padding and unknown items must not disturb: they are how lengths are hidden and extensions arrive.",
    "OneByteIdentifier": "All 48 identifiers of one byte that stand as integers must come out as they went in.",
}


def message_1(
    method: bytes = b"\x03", suites: bytes = b"\x02", g_x: bytes | None = None, c_i: bytes = b"\x37", ead: bytes = b""
) -> bytes:
    """Return message_1 from encoded parts."""
    return method + suites + (dumps(G_X) if g_x is None else g_x) + c_i + ead


def files() -> Iterator[VectorFile]:
    """Yield the files."""
    # A Responder with method 3 and suite 2 wherever the case leaves the choice: the most implementations can be asked.
    cases = (*_valid(), *_grammar(), *_policy(), *_keys())
    used = {flag for case in cases for flag in case.flags}
    flags = {name: text for name, text in FLAGS.items() if name in used}
    yield VectorFile("channel", "edhoc_message_1_process", PROCESS, "A Responder reads message_1", flags, cases)
    yield VectorFile(
        "channel",
        "edhoc_suite_select",
        "edhoc.suite.select",
        "An Initiator selects a suite after an error message",
        {"Negotiation": FLAGS["Negotiation"]},
        tuple(_selections()),
    )


def _ask(message: bytes, methods: tuple[int, ...] = (3,), suites: tuple[int, ...] = (2,)) -> dict[str, object]:
    return {"message_1": message, "methods": list(methods), "suites": list(suites)}


def _valid() -> Iterator[Case]:
    for method, requirement in enumerate(("CHN-060", "CHN-070", "CHN-080", "CHN-090")):
        message = message_1(method=dumps(method))
        yield accepted(
            PROCESS, f"method-{method}", f"Method {method}, suite 2.", (requirement,), _ask(message, (0, 1, 2, 3))
        )
    requirements = ("CHN-110", "CHN-120", "CHN-130", "CHN-140", "CHN-150", "CHN-160", "CHN-170")
    for suite, requirement in enumerate(requirements):
        message = message_1(suites=dumps(suite), g_x=dumps(U if suite in (0, 1, 4, 6) else G_X), c_i=b"\x0e")
        inputs = _ask(message, suites=(suite,))
        yield accepted(PROCESS, f"suite-{suite}", f"Suite {suite}, the only one.", (requirement,), inputs)
    for identifier, name in (
        (b"\x00", "00"), (b"\x17", "17"), (b"\x20", "20"), (b"\x37", "37"),
        (b"\x41\x18", "18"), (b"\x41\x38", "38"), (b"\x41\xff", "ff"), (b"\x40", "empty"),
        (b"\x47\x01\x02\x03\x04\x05\x06\x07", "seven-bytes"),
    ):  # fmt: skip
        inputs = _ask(message_1(c_i=identifier), (3,), (2,))
        comment = f"The connection identifier stands as {identifier.hex()}."
        yield accepted(PROCESS, f"identifier-{name}", comment, ("CHN-010",), inputs, ("OneByteIdentifier",))
    for length in (1, 2, 3, 25, 26, 27, 300):
        inputs = _ask(message_1(ead=encode_ead(padding(length))), (3,), (2,))
        yield accepted(PROCESS, f"padding-{length}", f"{length} bytes of padding.", ("CHN-320",), inputs, ("Padding",))
    item = encode_ead([EadItem(32000, b"opaque")])
    inputs = _ask(message_1(ead=item), (3,), (2,))
    yield accepted(PROCESS, "unknown-item", "An item that nobody knows.", ("CHN-320",), inputs, ("Padding",))
    for id, suites, own in (
        ("unknown-suite-preferred", "820902", (2, 3)),
        ("private-suite-preferred", "823502", (2,)),
        ("several-preferred", "8418180900" + "03", (2, 3)),
    ):
        inputs = _ask(message_1(suites=bytes.fromhex(suites)), (3,), own)
        comment = "Suites ahead of the selected one, none of which the Responder supports."
        yield accepted(PROCESS, id, comment, ("CHN-200",), inputs, ("Negotiation",))


def _grammar() -> Iterator[Case]:
    whole = message_1()
    broken = {
        "empty": (b"", "Nothing at all."),
        "no-identifier": (whole[:-1], "The identifier is missing."),
        "array": (b"\x84" + whole, "The sequence is wrapped into an array."),
        "cut-in-key": (whole[:20], "The message ends inside the key."),
        "method-text": (message_1(method=b"\x61\x33"), "The method is a text."),
        "method-null": (message_1(method=b"\xf6"), "The method is null."),
        "method-false": (message_1(method=b"\xf4"), "The method is false, which some languages take for 0."),
        "suites-empty": (message_1(suites=b"\x80"), "An array without suites."),
        "suites-one": (message_1(suites=b"\x81\x02"), "One suite in an array."),
        "suites-text": (message_1(suites=b"\x82\x61\x32\x02"), "A suite that is a text."),
        "suites-true": (message_1(suites=b"\x82\xf5\x02"), "A suite that is true, which some languages take for 1."),
        "suites-bytes": (message_1(suites=b"\x41\x02"), "The suites are a byte string."),
        "suites-nested": (message_1(suites=b"\x82\x81\x02\x02"), "An array inside the array of suites."),
        "key-text": (message_1(g_x=b"\x78\x20" + b"a" * 32), "The key is a text."),
        "key-array": (message_1(g_x=b"\x81" + dumps(G_X)), "The key is an array."),
        "identifier-24": (message_1(c_i=b"\x18\x18"), "An integer above 23 is no identifier."),
        "identifier-minus-25": (message_1(c_i=b"\x38\x18"), "An integer below −24 is no identifier."),
        "identifier-text": (message_1(c_i=b"\x61\x37"), "The identifier is a text."),
        "identifier-true": (message_1(c_i=b"\xf5"), "The identifier is true, which some languages take for 1."),
        "item-without-label": (message_1(ead=b"\x41\x00"), "A value without a label before it."),
        "item-two-values": (message_1(ead=b"\x00\x40\x40"), "Two values behind one label."),
        "item-text": (message_1(ead=b"\x61\x61"), "An item whose label is a text."),
        "item-true": (message_1(ead=b"\xf5"), "An item whose label is true."),
        "reserved-initial-byte": (message_1(ead=b"\x1c"), "A byte that starts no CBOR item."),
    }
    for id, (message, comment) in broken.items():
        yield rejected(PROCESS, id, comment, ("CHN-010",), _ask(message), "malformed", ("Grammar",))
    for identifier in (0x00, 0x17, 0x20, 0x37):
        inputs = _ask(message_1(c_i=bytes((0x41, identifier))))
        comment = f"0x{identifier:02x} as a byte string, though it stands as an integer."
        requirements = ("CHN-010", "CHN-050")
        yield rejected(
            PROCESS, f"long-form-{identifier:02x}", comment, requirements, inputs, "malformed", ("IdentifierForm",)
        )
    other_encodings = {
        "method-16-bit": (message_1(method=b"\x19\x00\x03"), "The method in 16 bits."),
        "suite-8-bit": (message_1(suites=b"\x18\x02"), "The suite in 8 bits."),
        "suites-indefinite": (message_1(suites=b"\x9f\x03\x02\xff"), "An array of indefinite length."),
        "key-length-16-bit": (message_1(g_x=b"\x59\x00\x20" + G_X), "The length of the key in 16 bits."),
        "key-indefinite": (message_1(g_x=b"\x5f" + dumps(G_X) + b"\xff"), "The key in chunks."),
        "identifier-8-bit": (message_1(c_i=b"\x18\x07"), "The identifier 7 in 8 bits."),
        "item-8-bit": (message_1(ead=b"\x18\x00"), "A label in 8 bits."),
    }
    for id, (message, comment) in other_encodings.items():
        yield rejected(PROCESS, id, comment, ("CHN-030",), _ask(message), "not_deterministic", ("Deterministic",))


def _policy() -> Iterator[Case]:
    for method in (4, 23, -1, 255):
        name = str(method).replace("-", "minus-")
        inputs = _ask(message_1(method=dumps(method)))
        comment = f"Method {method}, which nobody supports."
        yield rejected(
            PROCESS, f"unknown-method-{name}", comment, ("CHN-100",), inputs, "unsupported_method", ("UnknownMethod",)
        )
    inputs = _ask(message_1(method=b"\x00"), methods=(3,))
    yield rejected(
        PROCESS, "other-method", "Method 0 for a Responder with method 3.", ("CHN-100",), inputs, "unsupported_method",
        ("UnknownMethod",),
    )  # fmt: skip
    refused = {
        "unknown-suite": ("CHN-190", b"\x09", (2,), "A suite that nobody supports."),
        "other-suite": ("CHN-190", b"\x03", (2,), "Suite 3 for a Responder with suite 2."),
        "selected-unknown": (
            "CHN-190",
            b"\x82\x02\x09",
            (3,),
            "The selected suite is not supported, nor the other.",
        ),
        "preferred-supported": ("CHN-200", b"\x82\x02\x03", (2, 3), "Suite 3 is selected, though both have suite 2."),
        "middle-supported": ("CHN-200", b"\x83\x09\x03\x02", (2, 3), "Suite 2 is selected, though both have suite 3."),
        "twice": ("CHN-200", b"\x82\x02\x02", (2, 3), "The selected suite also stands ahead of itself."),
    }
    for id, (requirement, suites, own, comment) in refused.items():
        inputs = _ask(message_1(suites=suites), suites=own)
        yield rejected(PROCESS, id, comment, (requirement,), inputs, "unsupported_suite", ("Negotiation",))
    for suite, length in ((2, 8), (4, 7), (6, 7)):
        key = dumps(U) if suite != 2 else dumps(G_X)
        inputs = _ask(message_1(suites=dumps(suite), g_x=key, c_i=dumps(bytes(length))), suites=(suite,))
        comment = f"An identifier of {length} bytes; the nonce of the channel has room for {length - 1}."
        yield rejected(
            PROCESS,
            f"long-identifier-suite-{suite}",
            comment,
            ("CHN-310",),
            inputs,
            "bad_identifier",
            ("LongIdentifier",),
        )
    critical = {
        "critical-item": [EadItem(32000, b"opaque", critical=True)],
        "critical-without-value": [EadItem(32000, None, critical=True)],
        "critical-behind-padding": [*padding(3), EadItem(1, b"", critical=True)],
        "critical-behind-same-label": [EadItem(32000, b""), EadItem(32000, b"", critical=True)],
    }
    for id, items in critical.items():
        inputs = _ask(message_1(ead=encode_ead(items)))
        yield rejected(
            PROCESS, id, "A critical item that nobody knows.", ("CHN-340",), inputs, "critical_ead", ("CriticalItem",)
        )


def _keys() -> Iterator[Case]:
    keys = {
        "key-31-bytes": (G_X[:31], "A key of 31 bytes."),
        "key-33-bytes": (G_X + b"\x00", "A key of 33 bytes."),
        "key-empty": (b"", "An empty key."),
        "key-compressed": (b"\x02" + G_X, "A compressed point with its sign byte."),
        "key-uncompressed": (b"\x04" + G_X + G_X, "An uncompressed point."),
        "key-not-reduced": (P256_PRIME, "x is the prime of the field."),
        "key-largest": (b"\xff" * 32, "x is the largest number of 256 bits."),
        "key-no-point": (NO_POINT, "No y belongs to this x."),
    }
    for id, (key, comment) in keys.items():
        inputs = _ask(message_1(g_x=dumps(key)), suites=(2,))
        yield rejected(PROCESS, id, comment, ("CHN-240",), inputs, "bad_key", ("InvalidPoint",))
    for id, key in SMALL_ORDER.items():
        inputs = _ask(message_1(suites=b"\x00", g_x=dumps(key)), suites=(0,))
        comment = "The secret with any key of the Responder is zero."
        yield rejected(PROCESS, f"small-order-{id}", comment, ("CHN-260",), inputs, "bad_key", ("SmallOrder",))


def _selections() -> Iterator[Case]:
    name = "edhoc.suite.select"
    asked = {
        "one-common": ([2, 3], [3], [2], "The Responder has suite 3 only."),
        "own-order": ([3, 2, 0], [0, 2], [3], "Two are common; the order is that of the Initiator."),
        "order-has-no-meaning": ([3, 2, 0], [2, 0], [3], "The order of SUITES_R has no meaning."),
        "more-preferred": ([2, 3], [2, 3], [3], "The Responder would rather have the first one."),
        "unknown-named": ([2, 3], [25, 3, -21], [2], "Suites that the Initiator does not know."),
    }
    for id, (own, theirs, tried, comment) in asked.items():
        inputs = {"own": own, "suites_r": theirs, "tried": tried}
        yield accepted(name, id, comment, ("CHN-220",), inputs)
    ended = {
        "none-common": ([2, 3], [0, 4], [2], "No suite is common."),
        "same-again": ([2, 3], [2, 3], [2], "The Responder refuses a suite and names it at once: a loop."),
        "back-and-forth": ([2, 3], [2], [2, 3], "Each answer leads back to a suite that was refused."),
    }
    for id, (own, theirs, tried, comment) in ended.items():
        inputs = {"own": own, "suites_r": theirs, "tried": tried}
        yield rejected(name, id, comment, ("CHN-230",), inputs, "unsupported_suite", ("Negotiation",))
