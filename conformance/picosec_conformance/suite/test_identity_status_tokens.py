"""Status list tokens: their size, their form, and whose signature they have."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.keeper import Keeper
from picosec_conformance.objects import ALG, KID, TYP, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import ENDS, ISSUED, LARGEST, LISTED, SUBJECT, TTL, URI, stored, zeros

pytestmark = pytest.mark.needs(CONTROL)


def of_size(keeper: Keeper, size: int) -> bytes:
    """Return a good token of so many bytes, whose stream is filled with blocks that stand for nothing."""
    token = keeper.token()
    whole = stored(bytes(2))

    def stream(fill: int) -> bytes:
        return whole[:2] + b"\x00\x00\x00\xff\xff" * fill + whole[2:]

    token.listed["lst"] = stream(0)
    empty = len(token.close())
    token.listed["lst"] = stream((size - empty) // 5 - 2)
    short = size - len(token.close())
    token.claims[SUBJECT] = uri = URI + "x" * short
    keeper.believe(keeper.issuer, uri=uri)
    data = token.close()
    assert len(data) == size
    return data


@pytest.mark.requirement("IDN-100")
@pytest.mark.needs("messaging.block.server")
def test_largest_token_is_taken(keeper: Keeper) -> None:
    """A list of a million credentials, of which one in a hundred was taken back, comes in blocks."""
    keeper.takes(of_size(keeper, LARGEST))


@pytest.mark.requirement("IDN-100")
@pytest.mark.needs("messaging.block.server")
def test_larger_token_is_refused(keeper: Keeper) -> None:
    """One byte more; it would be a good one."""
    keeper.refuses(of_size(keeper, LARGEST + 1), Problem.TOO_LARGE)


@pytest.mark.requirement("IDN-100")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("head", [b"", b"\xd2", b"\xd2\x9f", b"\xff"], ids=bytes.hex)
def test_size_is_looked_at_first(keeper: Keeper, head: bytes) -> None:
    """Whatever it is: it is not decoded to find out."""
    keeper.refuses(head + bytes(LARGEST + 1 - len(head)), Problem.TOO_LARGE)


FORMS: dict[str, Any] = {
    "nothing": b"",
    "text": b"\x60",
    "untagged": lambda token: token.close()[1:],
    "cut": lambda token: token.close()[:-1],
    "surplus": lambda token: token.close() + b"\x00",
    "cwt-tag": lambda token: b"\xd8\x3d" + token.close(),
    "mac-tag": lambda token: b"\xd1" + token.close()[1:],
    "short-signature": lambda token: token.close(bytes(63)),
    "signature-as-text": lambda token: token.close("s" * 64),
}


@pytest.mark.requirement("IDN-110")
@pytest.mark.parametrize("form", FORMS)
def test_other_form_is_refused(keeper: Keeper, form: str) -> None:
    """A second way to write a list is a way around whoever knows the first only."""
    made = FORMS[form]
    keeper.refuses(made if isinstance(made, bytes) else made(keeper.token()), Problem.MALFORMED)


@pytest.mark.requirement("IDN-110")
@pytest.mark.parametrize(
    ("change", "unprotected"),
    [
        pytest.param({ALG: None}, {}, id="no-algorithm"),
        pytest.param({KID: None}, {}, id="no-kid"),
        pytest.param({KID: b""}, {}, id="empty-kid"),
        pytest.param({KID: bytes(33)}, {}, id="long-kid"),
        pytest.param({KID: None}, {KID: b"\x31"}, id="kid-unprotected"),
        pytest.param({}, {KID: b"\x31"}, id="kid-twice"),
        pytest.param({TYP: None}, {}, id="no-type"),
        pytest.param({TYP: "application/cwt"}, {}, id="other-type"),
        pytest.param({TYP: 65002}, {}, id="type-of-an-object"),
        pytest.param({2: [1]}, {}, id="critical"),
        pytest.param({3: 279}, {}, id="content-type"),
        pytest.param({99: 0}, {}, id="unknown"),
        pytest.param({}, {99: 0}, id="unknown-unprotected"),
    ],
)
def test_headers_outside_the_grammar_are_refused(
    keeper: Keeper, change: dict[int, Any], unprotected: dict[int, Any]
) -> None:
    """What one reader honours and another skips makes one token say two things; and what has another type was signed
    as something else.
    """
    token = keeper.token()
    token.header = {label: value for label, value in {**token.header, **change}.items() if value is not None}
    token.unprotected = unprotected

    keeper.refuses(token.close(), Problem.MALFORMED)


CLAIMS: dict[str, dict[Any, Any]] = {
    "no-subject": {SUBJECT: None},
    "empty-subject": {SUBJECT: ""},
    "long-subject": {SUBJECT: "x" * 256},
    "subject-as-bytes": {SUBJECT: b"list"},
    "no-time": {ISSUED: None},
    "time-below-zero": {ISSUED: -1},
    "time-as-float": {ISSUED: 1.5},
    "end-as-text": {ENDS: "tomorrow"},
    "end-below-zero": {ENDS: -1},
    "no-time-to-live": {TTL: 0},
    "long-time-to-live": {TTL: 1 << 32},
    "time-to-live-as-true": {TTL: True},
    "issuer-by-name": {1: "keeper"},
    "unknown-claim": {99: 0},
    "no-list": {LISTED: None},
    "list-as-bytes": {LISTED: b"\x78\xda"},
    "no-bits": {LISTED: {"lst": zeros(2)}},
    "no-entries": {LISTED: {"bits": 1}},
    "entries-as-text": {LISTED: {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}},
    "bits-0": {LISTED: {"bits": 0, "lst": zeros(2)}},
    "bits-3": {LISTED: {"bits": 3, "lst": zeros(3)}},
    "bits-16": {LISTED: {"bits": 16, "lst": zeros(2)}},
    "bits-as-true": {LISTED: {"bits": True, "lst": zeros(2)}},
    "more-in-the-list": {LISTED: {"bits": 1, "lst": zeros(2), "aggregation_uri": "x"}},
}


@pytest.mark.requirement("IDN-110")
@pytest.mark.parametrize("change", CLAIMS)
def test_claims_outside_the_grammar_are_refused(keeper: Keeper, change: str) -> None:
    """The issuer signed it, and still nobody can know what it means."""
    token = keeper.token()
    token.claims = {label: value for label, value in {**token.claims, **CLAIMS[change]}.items() if value is not None}

    keeper.refuses(token.close(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-110")
def test_longest_time_to_live_and_longest_kid_are_taken(keeper: Keeper) -> None:
    """At the edge of the grammar, and within it."""
    issuer = Key(bytes(range(32)), Curve.P256, keeper.rng.randbytes(32))
    keeper.believe(issuer)
    token = keeper.token(issuer=issuer)
    token.claims[TTL] = 2**32 - 1

    keeper.takes(token.close())


@pytest.mark.requirement("IDN-110")
def test_claims_have_one_encoding(keeper: Keeper) -> None:
    """The example of the draft has its claims in another order, which is another statement for who compares bytes."""
    token = keeper.token()
    ordered = dumps(token.claims)
    last = dumps(LISTED) + dumps(token.listed)
    token.payload = ordered[:1] + last + ordered[1:].replace(last, b"")
    keeper.refuses(token.close(), Problem.NOT_DETERMINISTIC)

    token.payload = ordered
    keeper.takes(token.close())


@pytest.mark.requirement("IDN-120")
@pytest.mark.parametrize("algorithm", [-35, -36, -37, 5, 1, 0, "ES256"])
def test_other_algorithm_is_refused(keeper: Keeper, algorithm: Any) -> None:
    """An attacker who may choose the algorithm chooses the weakest."""
    token = keeper.token()
    token.header[ALG] = algorithm

    keeper.refuses(token.close(), Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("IDN-120")
@pytest.mark.parametrize("which", ["issuer", "second"])
def test_both_algorithms_are_taken(keeper: Keeper, which: str) -> None:
    """ES256 and EdDSA, of two keys of one list."""
    keeper.takes(keeper.token(issuer=getattr(keeper, which)).close())


@pytest.mark.requirement("IDN-130")
def test_key_that_nobody_vouched_for_is_refused(keeper: Keeper) -> None:
    """Anybody can make a list in which he is valid."""
    stranger = Key(b"\x99", Curve.P256, keeper.rng.randbytes(32))

    keeper.refuses(keeper.token(issuer=stranger).close(), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-130")
def test_issuer_of_another_list_is_refused(keeper: Keeper) -> None:
    """Who manages the lamps gives the lock's credentials back."""
    keeper.refuses(keeper.token(issuer=keeper.other).close(), Problem.UNKNOWN_CREDENTIAL)

    token = keeper.token(issuer=keeper.other)
    token.claims[SUBJECT] = keeper.other_uri
    keeper.takes(token.close())


@pytest.mark.requirement("IDN-130")
@pytest.mark.parametrize("name", [URI + "/", URI[:-1], URI.upper(), "x"])
def test_names_of_lists_are_compared_as_they_are(keeper: Keeper, name: str) -> None:
    """A device that tidies names up takes one list for another."""
    token = keeper.token()
    token.claims[SUBJECT] = name

    keeper.refuses(token.close(), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-140")
@pytest.mark.parametrize(
    "how",
    [
        "signature",
        "zeros",
        "other-key",
        "claims",
        "header",
        "context",
        "algorithm-of-another-key",
        "key-of-another-list",
    ],
)
def test_forged_token_is_refused(keeper: Keeper, how: str) -> None:
    """Who has lost his credential and wants it back needs one bit."""
    token = keeper.token({3: 1})
    honest = token.close()
    match how:
        case "signature":
            data = honest[:-1] + bytes((honest[-1] ^ 1,))
        case "zeros":
            data = token.close(bytes(64))
        case "other-key":
            token.issuer = keeper.second
            data = token.close()
        case "claims":
            token.listed["lst"] = zeros(2)
            data = token.close(honest[-64:])
        case "header":
            token.header[KID] = keeper.second.kid
            data = token.close(honest[-64:])
        case "key-of-another-list":
            token.issuer = keeper.other
            token.header[ALG] = -8
            data = token.close()
        case "context":
            token.context = "Signature"
            data = token.close()
        case _:
            token.header[ALG] = -8
            data = token.close()

    keeper.refuses(data, Problem.AUTHENTICATION_FAILED)
