"""Vectors of scopes (spec/v1/identity-scope.md): what one grants, which lies within which, and forms that are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.errors import ProtocolError
from picosec.identity.scope import decode_scope
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

FLAGS: Final = {
    "ScopeForm": "A second way to write a scope, or what no reader may guess the meaning of.",
    "NotGranted": "Whoever asks for more than he was granted.",
}
_METHODS: Final = {code.name: code for code in (Code.GET, Code.POST, Code.PUT, Code.DELETE, Code.FETCH, Code.IPATCH)}
GATE, LAMP, SAFE = "/actuators/gate", "/actuators/lamp", "/actuators/safe"
GARDENER: Final = dumps([[GATE, 5]])


@operation("scope.read")
def _read(inputs: dict[str, Any]) -> Result:
    """Read a scope."""
    scope = decode_scope(octets(inputs, "scope"), "IDN-710")
    return Result({"entries": [[path, bits] for path, bits in scope.methods.items()]})


@operation("scope.ask")
def _ask(inputs: dict[str, Any]) -> Result:
    """Ask for a resource that is not open to everybody, with a grant of ``scope``."""
    scope = decode_scope(octets(inputs, "scope"), "IDN-710")
    if not scope.allows(inputs["path"], _METHODS[inputs["method"]]):
        raise ProtocolError(Problem.FORBIDDEN, "IDN-1600", inputs["path"])
    return Result({})


@operation("scope.narrow")
def _narrow(inputs: dict[str, Any]) -> Result:
    """Let somebody do what ``within`` says, as whoever may do what ``scope`` says."""
    scope, within = (decode_scope(octets(inputs, name), "IDN-710") for name in ("scope", "within"))
    if not scope.covers(within):
        raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-790", "it grants more")
    return Result({})


def files() -> Iterator[VectorFile]:
    """Yield the files about scopes."""
    for name, operation_, title, cases in (
        ("scope_read", "scope.read", "Scopes are read, or refused", (*_scopes(), *_forms())),
        ("scope_ask", "scope.ask", "What a grant allows, and what not", tuple(_asked())),
        ("scope_narrow", "scope.narrow", "What lies within a scope, and what not", tuple(_narrowed())),
    ):
        used = {flag for case in cases for flag in case.flags}
        flags = {flag: text for flag, text in FLAGS.items() if flag in used}
        yield VectorFile("identity", name, operation_, title, flags, cases)


def _scopes() -> Iterator[Case]:
    for id, text, value in (
        ("gate", "A gate that may be read and opened.", [[GATE, 5]]),
        (
            "three",
            "Three resources, in ascending order of the bytes of their paths.",
            [["/a", 1], ["/a-b", 127], ["/é", 2]],
        ),
        ("most", "32 resources.", [[f"/{number:02}", 1] for number in range(32)]),
        ("longest", "A path of 64 bytes.", [["/" + "p" * 63, 64]]),
        ("root", "The root.", [["/", 1]]),
    ):
        yield accepted("scope.read", id, text, ["IDN-710"], {"scope": dumps(value)})


def _forms() -> Iterator[Case]:
    for id, text, value in (
        ("empty", "No entry.", []),
        ("map", "A map of paths.", {GATE: 5}),
        ("entry-alone", "One entry, not in an array.", [GATE, 5]),
        ("no-methods", "An empty set of methods.", [[GATE, 0]]),
        ("method-8", "A bit that is no method.", [[GATE, 128]]),
        ("methods-below-zero", "Methods below zero.", [[GATE, -1]]),
        ("methods-as-true", "true for a set of methods.", [[GATE, True]]),
        ("path-as-bytes", "A path that is a byte string.", [[GATE.encode(), 5]]),
        ("no-slash", "A path that does not begin with a slash.", [[GATE[1:], 5]]),
        ("long-path", "A path of 65 bytes.", [["/" + "p" * 64, 1]]),
        ("three-parts", "An entry of three parts.", [[GATE, 5, 0]]),
        ("descending", "Paths in descending order.", [[LAMP, 1], [GATE, 1]]),
        ("twice", "A path that stands twice.", [[GATE, 1], [GATE, 4]]),
        ("too-many", "33 resources.", [[f"/{number:02}", 1] for number in range(33)]),
    ):
        yield rejected("scope.read", id, text, ["IDN-710"], {"scope": dumps(value)}, "malformed", ["ScopeForm"])
    endless = b"\x9f" + GARDENER[1:] + b"\xff"
    text = "An array of indefinite length."
    yield rejected("scope.read", "endless", text, ["IDN-710"], {"scope": endless}, "not_deterministic", ["ScopeForm"])
    text = "A byte behind it."
    yield rejected("scope.read", "behind", text, ["IDN-710"], {"scope": GARDENER + b"\x00"}, "malformed", ["ScopeForm"])


def _asked() -> Iterator[Case]:
    for id, text, path, method in (
        ("read", "The gardener looks at the gate.", GATE, "GET"),
        ("open", "The gardener opens the gate.", GATE, "PUT"),
    ):
        inputs = {"scope": GARDENER, "path": path, "method": method}
        yield accepted("scope.ask", id, text, ["IDN-1620"], inputs)
    for id, text, path, method in (
        ("other-method", "A method between those that were granted.", GATE, "POST"),
        ("delete", "A method that was not granted.", GATE, "DELETE"),
        ("other-resource", "Another resource.", LAMP, "GET"),
        ("below", "A resource below the one that was granted.", f"{GATE}/lock", "GET"),
        ("above", "The resource above it.", "/actuators", "GET"),
        ("beginning", "A path that begins alike.", f"{GATE}s", "GET"),
        ("slash", "The same path with a slash behind it.", f"{GATE}/", "GET"),
        ("case", "The same path in capitals.", GATE.upper(), "GET"),
    ):
        inputs = {"scope": GARDENER, "path": path, "method": method}
        yield rejected("scope.ask", id, text, ["IDN-1600"], inputs, "forbidden", ["NotGranted"])


def _narrowed() -> Iterator[Case]:
    wide = dumps([[GATE, 5], [LAMP, 1]])
    for id, text, within in (
        ("same", "All that there is.", [[GATE, 5], [LAMP, 1]]),
        ("method", "One method less.", [[GATE, 1], [LAMP, 1]]),
        ("resource", "One resource less.", [[LAMP, 1]]),
    ):
        inputs = {"scope": wide, "within": dumps(within)}
        yield accepted("scope.narrow", id, text, ["IDN-790"], inputs)
    for id, text, within in (
        ("more-methods", "A method more.", [[LAMP, 5]]),
        ("other-methods", "Another method instead.", [[LAMP, 2]]),
        ("more-resources", "A resource more.", [[GATE, 5], [LAMP, 1], [SAFE, 1]]),
        ("other-resource", "Another resource.", [[SAFE, 4]]),
    ):
        inputs = {"scope": wide, "within": dumps(within)}
        yield rejected("scope.narrow", id, text, ["IDN-790"], inputs, "bad_credential", ["NotGranted"])
