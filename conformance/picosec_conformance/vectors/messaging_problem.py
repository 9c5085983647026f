"""Vectors of problem details: every error of the closed list, and payloads that name none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.messaging import cbor, problem
from picosec.registry import Problem
from picosec_conformance.vectors.model import VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

FLAGS: Final = {
    "ForeignEntry": "Entries of other specifications stand beside ours and are none of our business.",
    "NotProblemDetails": "A payload that only claims to explain an error.",
    "UnknownError": "A later version has errors that this one does not know.",
}


@operation("problem.encode")
def _encode(inputs: dict[str, Any]) -> Result:
    return Result({"payload": problem.encode(Problem[inputs["error"].upper()], inputs.get("detail", ""))})


@operation("problem.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    known = problem.decode(octets(inputs, "payload"))
    return Result({"error": known.name.lower()} if known is not None else {})


#: By flag: id, comment, payload as a value.
_TOLERATED: Final[dict[str, tuple[tuple[str, str, Any], ...]]] = {
    "UnknownError": (
        ("unknown-number", "The number of an error that this version does not know.", {65000: {0: 9999}}),
        ("number-is-text", "A number that is none.", {65000: {0: "22"}}),
        ("number-is-true", "true is not the number 1.", {65000: {0: True}}),
        ("entry-is-array", "Our entry is not a map.", {65000: [22]}),
    ),
    "ForeignEntry": (
        ("foreign-entry", "The entry of another specification beside ours.", {65000: {0: 22}, 1: {0: 5}}),
        ("foreign-only", "No entry of ours at all.", {-1: "Gone fishing"}),
        ("extended-entry", "A key in our entry that this version does not know.", {65000: {0: 22, 1: "later"}}),
        ("other-language", "A title with a language.", {65000: {0: 6}, -1: "nicht gefunden", -6: "de"}),
    ),
}


def files() -> Iterator[VectorFile]:
    """Yield the files about problem details."""
    named = [(error.name.lower(), error.name.lower().replace("_", "-")) for error in Problem]
    cases = [
        accepted("problem.encode", id, f"The error {name}.", ["MSG-700", "MSG-710"], {"error": name})
        for name, id in named
    ]
    cases.append(
        accepted(
            "problem.encode",
            "with-detail",
            "Over a channel, a sentence for people may be added.",
            ["MSG-700", "MSG-720"],
            {"error": "bad_request", "detail": "the lamp is a boolean"},
        )
    )
    yield VectorFile(
        "messaging", "problem_encode", "problem.encode", "An error becomes problem details", {}, tuple(cases)
    )
    decoded = [
        accepted(
            "problem.decode", id, f"The error {name}.", ["MSG-700"], {"payload": problem.encode(Problem[name.upper()])}
        )
        for name, id in named
    ]
    decoded += [
        accepted("problem.decode", id, text, ["MSG-730"], {"payload": cbor.dumps(value)}, [flag])
        for flag, rows in _TOLERATED.items()
        for id, text, value in rows
    ]
    decoded += [
        rejected("problem.decode", id, text, ["MSG-700"], {"payload": payload}, error, ["NotProblemDetails"])
        for id, text, payload, error in (
            ("no-bytes", "An empty payload.", "", "malformed"),
            ("not-a-map", "An array.", "8119fde8", "malformed"),
            ("long-form", "A number in a longer form.", "a11a0000fde8a10005", "not_deterministic"),
        )
    ]
    yield VectorFile(
        "messaging", "problem_decode", "problem.decode", "Problem details name an error", FLAGS, tuple(decoded)
    )
