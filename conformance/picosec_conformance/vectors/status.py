"""Vectors of status lists: entries, tokens and credentials (spec/v1/identity-status.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.messaging.cbor import dumps
from picosec.registry import CLAIM_STATUS
from picosec_conformance.objects import NOW
from picosec_conformance.status import DAY, GRACE, LARGEST_LIST, PLACE, URI, packed, status_claim, stored, zeros
from picosec_conformance.vectors import status_operations  # noqa: F401 - registers the operations
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected
from picosec_conformance.vectors.status_cast import FLAGS, OTHER_URI, broken_streams, issuers, token
from picosec_conformance.vectors.status_tokens import token_cases

#: A list that is fresh for a day and does not end, and the last second in which it is believed.
_LASTING: Final = {"taken": [token(ends=None, ttl=DAY).close()]}
_LAST: Final = NOW + DAY + GRACE
_CLAIMS: Final = {2: "phone", 8: {1: {1: 1, -1: 6, -2: bytes(32)}}}


def files() -> Iterator[VectorFile]:
    """Yield the files about status lists."""
    for name, operation, title, cases in (
        ("status_list_read", "status.list.read", "Entries are read, or not", (*_read(), *_unreadable())),
        (
            "status_token_take",
            "status.token.take",
            "Status list tokens are taken, or refused",
            tuple(token_cases()),
        ),
        ("status_check", "status.check", "The status of a credential is judged", (*_passed(), *_refused())),
    ):
        used = {flag for case in cases for flag in case.flags}
        flags = {flag: text for flag, text in FLAGS.items() if flag in used}
        yield VectorFile("identity", name, operation, title, flags, cases)


def _read() -> Iterator[Case]:
    for bits in (1, 2, 4, 8):
        entries = {place: place % (1 << bits) for place in range(32)}
        inputs = {"bits": bits, "lst": stored(packed(bits, 32, entries)), "places": [0, 1, 2, 3, 7, 8, 30, 31]}
        text = f"Entries of {bits} bits." if bits > 1 else "Entries of one bit."
        yield accepted("status.list.read", f"bits-{bits}", text, ["IDN-230", "IDN-240"], inputs)
    inputs = {"bits": 1, "lst": stored(b""), "places": []}
    yield accepted("status.list.read", "empty", "No entries at all.", ["IDN-250"], inputs)
    inputs = {"bits": 1, "lst": zeros(LARGEST_LIST), "places": [0, 8 * LARGEST_LIST - 2, 8 * LARGEST_LIST - 1]}
    yield accepted("status.list.read", "largest", "131,072 bytes of entries.", ["IDN-190"], inputs)


def _unreadable() -> Iterator[Case]:
    for id, text, stream in broken_streams():
        inputs = {"bits": 1, "lst": stream, "places": [0]}
        yield rejected("status.list.read", id, text, ["IDN-180"], inputs, "malformed", ["BrokenStream"])
    for id, text, size in (
        ("too-large", "131,073 bytes of entries.", LARGEST_LIST + 1),
        ("bomb", "A megabyte of zeros in a kilobyte.", 1_000_000),
    ):
        inputs = {"bits": 1, "lst": zeros(size), "places": [0]}
        yield rejected("status.list.read", id, text, ["IDN-190"], inputs, "too_large", ["Bomb"])


def _ask(claims: dict[int, Any], **more: Any) -> dict[str, Any]:
    inputs = {"issuers": issuers(), "taken": [token().close()], "now": NOW, **more}
    inputs["credential"] = dumps({**_CLAIMS, **claims})
    return {name: value for name, value in inputs.items() if value is not None}


def _passed() -> Iterator[Case]:
    for id, text, requirements, inputs in (
        ("valid", "Its entry is 0.", ["IDN-240"], _ask(status_claim(1))),
        ("last", "The last entry of the list.", ["IDN-240"], _ask(status_claim(15))),
        ("no-status", "It has no status.", ["IDN-240"], _ask({})),
        ("in-grace", "Fresh seven days ago.", ["IDN-240"], _ask(status_claim(1), now=_LAST, **_LASTING)),
        ("last-second", "In the last second before the end.", ["IDN-240"], _ask(status_claim(1), now=NOW + DAY)),
        (
            "grace-of-a-policy",
            "In a grace of a minute.",
            ["IDN-240"],
            _ask(status_claim(1), now=NOW + DAY + 60, grace=60, **_LASTING),
        ),
        ("no-date", "To an endpoint without a clock.", ["IDN-240"], _ask(status_claim(1), now=None)),
    ):
        yield accepted("status.check", id, text, requirements, inputs)
    inputs = _ask({})
    inputs["credential"] = dumps([dumps({1: -8}), {}, dumps({**_CLAIMS, **status_claim(1)}), bytes(64)])
    yield accepted("status.check", "valid-cwt", "The claims of a CWT.", ["IDN-240"], inputs)


def _refused() -> Iterator[Case]:
    suspended = [token({PLACE: 2}, bits=2).close()]
    for id, text, requirement, flag, inputs in (
        ("revoked", "Its entry is 1.", "IDN-230", "Revoked", _ask(status_claim())),
        ("suspended", "Its entry is 2.", "IDN-230", "Revoked", _ask(status_claim(), taken=suspended)),
        ("behind", "A place behind the end.", "IDN-250", "NotListed", _ask(status_claim(16))),
        ("far-behind", "A place beyond 32 bits.", "IDN-250", "NotListed", _ask(status_claim((1 << 32) + 1))),
        ("no-list", "A list that never came.", "IDN-260", "NotListed", _ask(status_claim(1, OTHER_URI))),
        (
            "too-old",
            "A second after the grace.",
            "IDN-280",
            "NotListed",
            _ask(status_claim(1), now=_LAST + 1, **_LASTING),
        ),
        (
            "no-grace",
            "A second after it was fresh.",
            "IDN-280",
            "NotListed",
            _ask(status_claim(1), now=NOW + DAY + 1, grace=0, **_LASTING),
        ),
        (
            "ended",
            "A second after the end, in the grace.",
            "IDN-1900",
            "NotListed",
            _ask(status_claim(1), now=NOW + DAY + 1),
        ),
    ):
        yield rejected("status.check", id, text, [requirement], inputs, "bad_credential", [flag])
    for id, text, status in (
        ("other-mechanism", "Another mechanism.", {"identifier_list": {"id": b"\x03"}}),
        (
            "two-mechanisms",
            "A second mechanism.",
            {**status_claim(1)[CLAIM_STATUS], "identifier_list": {"id": b"\x03"}},
        ),
        ("null", "null for the claim.", None),
        ("no-place", "No place in the list.", {"status_list": {"uri": URI}}),
        ("place-below-zero", "A place below zero.", {"status_list": {"idx": -1, "uri": URI}}),
        ("place-as-true", "true for the place.", {"status_list": {"idx": True, "uri": URI}}),
        ("no-uri", "No name of a list.", {"status_list": {"idx": 1}}),
        ("long-uri", "A name of 256 bytes.", {"status_list": {"idx": 1, "uri": "x" * 256}}),
    ):
        inputs = _ask({CLAIM_STATUS: status})
        yield rejected("status.check", f"claim-{id}", text, ["IDN-270"], inputs, "bad_credential", ["UnknownStatus"])
