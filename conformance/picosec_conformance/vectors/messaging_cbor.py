"""Vectors of deterministic CBOR: what is accepted with its value, and each rule broken by itself."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

import cbor2

from picosec.messaging import cbor
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

_NAMED: Final = {False: 20, True: 21, None: 22}

FLAGS: Final = {
    "BigInteger": "An integer of any size is work that its sender chooses for the recipient.",
    "CutShort": "A length promises more than there is: a parser that trusts it reads what lies behind.",
    "Depth": "Nesting that no stack holds stops a recursive decoder.",
    "DuplicateKey": "Two values under one key: one reader takes the first, another the last; a check sees one of them.",
    "IndefiniteLength": "The same value in pieces, without a size to judge before reading it.",
    "InvalidText": "Text that is not UTF-8 reads differently in every library.",
    "KeyConfusion": "Keys that differ in CBOR but are the same to a programming language, such as 0 and false.",
    "KeyOrder": "One map in two orders has two encodings, and two hashes.",
    "LongFloat": "A number in a wider format than it needs gives one value two encodings.",
    "LongHead": "A number, length or tag in a longer form than it needs gives one value two encodings.",
    "Nan": "The bits of a NaN are a hiding place: they survive where the value is all that is looked at.",
    "ReservedHead": "An initial byte without a meaning, which a lenient decoder skips.",
    "TrailingBytes": "What follows a checked item and is ignored can be used by the next reader.",
    "Tag": "A tag makes a decoder build something: a date, a pattern to be compiled, a reference to what encloses it.",
}

#: By requirement: id, comment, encoding.
_ACCEPTED: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "MSG-060": (
        ("zero", "The smallest integer that fits into the initial byte.", "00"),
        ("one-byte-boundary", "24 is the first value that needs a byte of its own.", "1818"),
        ("two-byte-boundary", "256 is the first value that needs two.", "190100"),
        ("four-byte-boundary", "65,536 is the first value that needs four.", "1a00010000"),
        ("eight-byte-boundary", "2^32 is the first value that needs eight.", "1b0000000100000000"),
        ("largest-integer", "The highest integer, 2^64 - 1.", "1bffffffffffffffff"),
        ("smallest-integer", "The lowest integer, -2^64.", "3bffffffffffffffff"),
        ("negative-boundary", "-25 is the first negative value that needs a byte of its own.", "3818"),
        ("bytes-24", "The shortest byte string with a length byte.", "5818" + "ab" * 24),
    ),
    "MSG-020": (("empty-bytes", "A byte string without bytes.", "40"),),
    "MSG-070": (
        ("text-umlaut", "Two bytes of UTF-8 are one character.", "62c3bc"),
        ("text-outside-bmp", "Four bytes of UTF-8 are one character.", "64f0908591"),
        ("text-nul", "A text string may hold U+0000.", "6100"),
    ),
    "MSG-100": (
        (
            "keys-sorted-bytewise",
            "100 precedes -1: order goes by the encoded bytes 1864 and 20, not by length.",
            "a21864012002",
        ),
        ("keys-of-three-types", "Integers precede byte strings, which precede text strings.", "a301004100006130f6"),
    ),
    "MSG-090": (("keys-one-and-text-one", '1 and "1" are different keys.', "a20101613102"),),
    "MSG-110": (
        ("float-half", "1.5 fits into 16 bits.", "f93e00"),
        ("float-half-subnormal", "The smallest positive number of 16 bits.", "f90001"),
        ("float-single", "100000.0 needs 32 bits.", "fa47c35000"),
        ("float-double", "1.1 needs 64 bits.", "fb3ff199999999999a"),
        ("float-negative-zero", "-0.0 is not 0.0.", "f98000"),
        ("float-infinity", "Infinity fits into 16 bits.", "f97c00"),
    ),
    "MSG-120": (("nan", "The one NaN.", "f97e00"),),
    "MSG-080": (("false-is-not-zero", 'false, 0, 0.0 and "" side by side.', "84f400f9000060"),),
    "MSG-130": (
        ("simple-16", "A simple value without a name.", "f0"),
        ("simple-32", "The first simple value of two bytes.", "f820"),
    ),
    "MSG-140": (
        ("tag-cose-sign1", "Tag 18 stays a pair of number and content.", "d28440a04040"),
        ("tag-cwt", "Tag 61 around tag 18.", "d83dd28440a04040"),
    ),
    "MSG-150": (("depth-16", "Sixteen arrays, one inside the other, around an integer.", "81" * 16 + "00"),),
}

#: By requirement, error and flag: id, comment, encoding.
_REJECTED: Final[dict[tuple[str, str, str], tuple[tuple[str, str, str], ...]]] = {
    ("MSG-020", "malformed", "CutShort"): (
        ("empty", "No item at all.", ""),
        ("head-without-argument", "A one-byte argument is announced and missing.", "18"),
        ("head-cut-short", "An eight-byte argument ends after seven.", "1b00000001000000"),
        ("bytes-cut-short", "A byte string of two bytes has one.", "4200"),
        ("bytes-of-exabytes", "A byte string claims 2^63 bytes.", "5b8000000000000000"),
        ("text-cut-short", "A text string of three bytes has two.", "636162"),
        ("array-cut-short", "An array of three items has two.", "830102"),
        ("array-of-exaitems", "An array claims 2^62 items.", "9b4000000000000000"),
        ("map-without-value", "A map ends behind its key.", "a101"),
        ("map-of-exaentries", "A map claims 2^62 entries.", "bb4000000000000000"),
        ("tag-without-content", "A tag ends behind its number.", "d2"),
        ("float-cut-short", "A 32-bit number has 24 bits.", "fa47c350"),
    ),
    ("MSG-030", "malformed", "ReservedHead"): (
        ("additional-28", "Additional information 28 is reserved.", "1c"),
        ("additional-29-bytes", "Additional information 29 is reserved for byte strings too.", "5d"),
        ("additional-30-simple", "Additional information 30 is reserved in major type 7.", "fe"),
        ("integer-31", "An integer has no indefinite length.", "1f"),
        ("negative-31", "A negative integer has no indefinite length.", "3f"),
        ("tag-31", "A tag has no indefinite length.", "df00"),
        ("break-alone", "A break that ends nothing.", "ff"),
        ("break-in-array", "A break inside an array of definite length.", "8201ff"),
    ),
    ("MSG-040", "malformed", "TrailingBytes"): (
        ("trailing-item", "A second item behind the first.", "0001"),
        ("trailing-map", "A byte behind a complete map.", "a1010200"),
    ),
    ("MSG-050", "not_deterministic", "IndefiniteLength"): (
        ("indefinite-bytes", "A byte string in two chunks.", "5f41004101ff"),
        ("indefinite-text", "A text string in one chunk.", "7f6161ff"),
        ("indefinite-array", "An array that ends with a break.", "9f01ff"),
        ("indefinite-map", "A map that ends with a break.", "bf0102ff"),
        ("indefinite-inside", "An array of indefinite length inside a map.", "a1019fff"),
    ),
    ("MSG-060", "not_deterministic", "LongHead"): (
        ("long-zero", "0 in two bytes.", "1800"),
        ("long-23", "23 in two bytes.", "1817"),
        ("long-255", "255 in three bytes.", "1900ff"),
        ("long-65535", "65,535 in five bytes.", "1a0000ffff"),
        ("long-4294967295", "2^32 - 1 in nine bytes.", "1b00000000ffffffff"),
        ("long-negative", "-1 in two bytes.", "3800"),
        ("long-bytes-length", "The length 1 in two bytes.", "580100"),
        ("long-text-length", "The length 1 in three bytes.", "79000161"),
        ("long-array-count", "The count 1 in two bytes.", "980100"),
        ("long-map-count", "The count 1 in two bytes.", "b8010102"),
        ("long-tag", "Tag 18 in two bytes.", "d81200"),
        ("long-key", "A key in a longer form.", "a1180102"),
    ),
    ("MSG-070", "malformed", "InvalidText"): (
        ("text-lone-continuation", "A continuation byte without its start.", "6180"),
        ("text-overlong-slash", '"/" in two bytes, the classic way around a path check.', "62c0af"),
        ("text-surrogate", "Half of a UTF-16 surrogate pair.", "63eda080"),
        ("text-above-unicode", "A character above U+10FFFF.", "64f4908080"),
        ("text-key-invalid", "A map key that is not UTF-8.", "a161ff00"),
    ),
    ("MSG-080", "malformed", "KeyConfusion"): (
        ("key-false", "false as a key, which many languages take for 0.", "a2000af40b"),
        ("key-float", "1.0 as a key, which many languages take for 1.", "a2010af93c000b"),
        ("key-null", "null as a key.", "a1f601"),
        ("key-array", "An array as a key.", "a1800a"),
        ("key-map", "A map as a key.", "a1a00a"),
        ("key-tag", "A tag as a key.", "a1d2000a"),
    ),
    ("MSG-090", "malformed", "DuplicateKey"): (
        ("duplicate-integer", "Key 1 stands twice.", "a201000101"),
        ("duplicate-text", 'Key "a" stands twice.', "a2616100616101"),
        ("duplicate-bytes", "Key h'01' stands twice, with the same value.", "a2410100410100"),
        ("duplicate-inside", "A key stands twice in a map inside an array.", "81a201000101"),
    ),
    ("MSG-100", "not_deterministic", "KeyOrder"): (
        ("keys-descending", "Key 2 before key 1.", "a202000100"),
        ("keys-length-first", "-1 before 100: the old canonical order, shorter keys first.", "a22002186401"),
        ("keys-text-first", "A text key before an integer key.", "a26161000100"),
        ("keys-descending-inside", "Keys out of order in a map inside a map.", "a101a202000100"),
    ),
    ("MSG-110", "not_deterministic", "LongFloat"): (
        ("float-single-for-half", "1.5 in 32 bits.", "fa3fc00000"),
        ("float-double-for-half", "1.0 in 64 bits.", "fb3ff0000000000000"),
        ("float-double-for-single", "100000.0 in 64 bits.", "fb40f86a0000000000"),
        ("float-long-infinity", "Infinity in 32 bits.", "fa7f800000"),
        ("float-long-subnormal", "The smallest positive number of 16 bits, in 32.", "fa33800000"),
    ),
    ("MSG-120", "not_deterministic", "Nan"): (
        ("nan-with-payload", "A NaN of 16 bits with payload bits.", "f97e01"),
        ("nan-negative", "A NaN with its sign bit set.", "f9fe00"),
        ("nan-signalling", "A signalling NaN.", "f97d00"),
        ("nan-single", "The NaN in 32 bits.", "fa7fc00000"),
        ("nan-double-payload", "A NaN of 64 bits that hides a message.", "fb7ff86d7973656372"),
    ),
    ("MSG-130", "malformed", "ReservedHead"): (
        ("simple-false-in-two-bytes", "false in two bytes.", "f814"),
        ("simple-24", "Simple value 24 in two bytes.", "f818"),
    ),
    ("MSG-140", "malformed", "Tag"): (
        ("tag-date", "Tag 0: a date and time as text.", "c074323031332d30332d32315432303a30343a30305a"),
        ("tag-epoch", "Tag 1: seconds since 1970.", "c11a514b67b0"),
        ("tag-fraction", "Tag 4: 10^(2^63) as a decimal fraction of a few bytes.", "c4821b7fffffffffffffff01"),
        ("tag-shared-cycle", "Tags 28 and 29: an array that contains itself.", "d81c81d81d00"),
        ("tag-regular-expression", "Tag 35: a pattern that takes exponential time.", "d8236828612b292b622b24"),
        ("tag-set", "Tag 258: a set.", "d9010280"),
        ("tag-self-described", "Tag 55799: CBOR that says it is CBOR.", "d9d9f700"),
    ),
    ("MSG-140", "malformed", "BigInteger"): (
        ("bignum", "Tag 2: 2^64.", "c249010000000000000000"),
        ("bignum-small", "Tag 2: 1, which an integer expresses.", "c24101"),
        ("bignum-negative", "Tag 3: -2^64 - 1.", "c349010000000000000000"),
    ),
    ("MSG-150", "too_large", "Depth"): (
        ("depth-17-arrays", "Seventeen arrays, one inside the other.", "81" * 17 + "00"),
        ("depth-17-maps", "Seventeen maps, one inside the other.", "a100" * 17 + "00"),
        ("depth-17-mixed", "Sixteen arrays around a tag.", "81" * 16 + "d200"),
        ("depth-1000", "A thousand arrays, one inside the other.", "81" * 1000 + "00"),
    ),
}

#: id, comment, value in any order and form that Python likes.
_ENCODED: Final[tuple[tuple[str, str, Any], ...]] = (
    (
        "map-out-of-order",
        "A map is given as 'b', 'a', 24, -1, 1 and h'00'.",
        {"b": 0, "a": 1, 24: 2, -1: 3, 1: 4, b"\0": 5},
    ),
    (
        "map-text-lengths",
        "Shorter text precedes longer text, because its length comes first.",
        {"aa": 1, "b": 2, "": 3},
    ),
    ("map-nested", "Order holds at every level.", {2: {"z": [], "y": {}}, 1: [{"b": 1, "a": 2}]}),
    (
        "integers",
        "Each length of head, at its first and last value.",
        [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1],
    ),
    (
        "negative-integers",
        "The same below zero.",
        [-1, -24, -25, -256, -257, -65536, -65537, -(2**32), -(2**32) - 1, -(2**64)],
    ),
    (
        "floats",
        "Each in the shortest format that keeps it.",
        [0.0, -0.0, 1.5, 65504.0, 65505.0, 1.1, 5.960464477539063e-08, 3.0e38, 1.0e39],
    ),
    ("float-whole", "A whole number that is given as a floating-point number stays one.", [1, 1.0]),
    ("not-a-number", "NaN and both infinities.", [float("nan"), float("inf"), float("-inf")]),
    ("strings", "Bytes and text of 0, 23 and 24 bytes.", [b"", b"\xff" * 23, b"\xff" * 24, "", "x" * 23, "ü" * 12]),
    ("named-values", "false, true, null and undefined.", [False, True, None, cbor2.undefined]),
    (
        "tagged",
        "A signed token: tag 61 around tag 18.",
        cbor2.CBORTag(61, cbor2.CBORTag(18, [b"\xa1\x01\x26", {4: b"k"}, b"", b""])),
    ),
)

_SEQUENCES: Final = (
    ("none", "No bytes are a sequence of no items.", ""),
    ("one", "A sequence of one item.", "00"),
    (
        "message-1-shape",
        "Method, suite, a byte string and a connection identifier, as the handshake begins.",
        "03025820" + "5a" * 32 + "37",
    ),
    ("containers", "An array, a map and a text string.", "8101a102036161"),
)

_BROKEN_SEQUENCES: Final[dict[tuple[str, str, str], tuple[tuple[str, str, str], ...]]] = {
    ("MSG-020", "malformed", "CutShort"): (("second-cut-short", "The second of two items is cut short.", "004200"),),
    ("MSG-060", "not_deterministic", "LongHead"): (
        ("second-long", "The second of two items has a shorter form.", "001800"),
        ("first-fault-counts", "The first item has a shorter form, the second is cut short.", "180042"),
    ),
    ("MSG-030", "malformed", "ReservedHead"): (
        ("break-at-end", "A break behind the last item, as if the sequence were an array.", "0001ff"),
    ),
}


def to_json(value: Any) -> dict[str, Any]:
    """Return a CBOR value as JSON data that says its type (vectors/README.md, "CBOR values")."""
    match value:
        case None | bool():
            return {"simple": _NAMED[value]}
        case int():
            return {"integer": str(value)}
        case bytes():
            return {"bytes": value}
        case str():
            return {"text": value}
        case float():
            return {"float": "7ff8000000000000" if value != value else struct.pack(">d", value)}
        case list() | tuple():
            return {"array": [to_json(item) for item in value]}
        case dict():
            return {"map": [[to_json(key), to_json(item)] for key, item in value.items()]}
        case cbor2.CBORTag():
            return {"tag": {"number": value.tag, "content": to_json(value.value)}}
        case _:
            return {"simple": 23 if value is cbor2.undefined else value.value}


def from_json(data: Mapping[str, Any]) -> Any:
    """Undo ``to_json``."""
    ((kind, content),) = data.items()
    match kind:
        case "integer":
            return int(content)
        case "bytes":
            return bytes.fromhex(content)
        case "float":
            return struct.unpack(">d", bytes.fromhex(content))[0]
        case "array":
            return [from_json(item) for item in content]
        case "map":
            return {from_json(key): from_json(item) for key, item in content}
        case "tag":
            return cbor2.CBORTag(content["number"], from_json(content["content"]))
        case "simple":
            named = {number: value for value, number in _NAMED.items()} | {23: cbor2.undefined}
            return named[content] if content in named else cbor2.CBORSimpleValue(content)
        case _:
            return content


@operation("cbor.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    return Result({"value": to_json(cbor.loads(octets(inputs, "data")))})


@operation("cbor.decode_sequence")
def _decode_sequence(inputs: dict[str, Any]) -> Result:
    return Result({"values": [to_json(value) for value in cbor.loads_sequence(octets(inputs, "data"))]})


@operation("cbor.encode")
def _encode(inputs: dict[str, Any]) -> Result:
    return Result({"data": cbor.dumps(from_json(inputs["value"]))})


def files() -> Iterator[VectorFile]:
    """Yield the files about CBOR."""
    yield _file(
        "cbor_decode",
        "cbor.decode",
        "One item is decoded, or refused by the first rule that it breaks",
        [
            accepted("cbor.decode", id, text, [requirement], {"data": data})
            for requirement, rows in _ACCEPTED.items()
            for id, text, data in rows
        ]
        + list(_refused("cbor.decode", _REJECTED)),
    )
    yield _file(
        "cbor_decode_sequence",
        "cbor.decode_sequence",
        "A sequence of items is decoded, or refused as a whole",
        [accepted("cbor.decode_sequence", id, text, ["MSG-020"], {"data": data}) for id, text, data in _SEQUENCES]
        + list(_refused("cbor.decode_sequence", _BROKEN_SEQUENCES)),
    )
    yield _file(
        "cbor_encode",
        "cbor.encode",
        "A value is encoded in its one deterministic form",
        [accepted("cbor.encode", id, text, ["MSG-010"], {"value": to_json(value)}) for id, text, value in _ENCODED],
    )


def _refused(operation: str, table: dict[tuple[str, str, str], tuple[tuple[str, str, str], ...]]) -> Iterator[Case]:
    for (requirement, error, flag), rows in table.items():
        for id, text, data in rows:
            yield rejected(operation, id, text, [requirement], {"data": data}, error, [flag])


def _file(name: str, operation: str, title: str, cases: list[Case]) -> VectorFile:
    used = {flag for case in cases for flag in case.flags}
    flags = {flag: text for flag, text in FLAGS.items() if flag in used}
    return VectorFile("messaging", name, operation, title, flags, tuple(cases))
