"""Endorsements as they are handed over: their form, whose word they are, and which of two counts."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CLAIM_STATUS, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.endorsing import ATTRIBUTES, ENDS, IDENTITY, ISSUED, LARGEST, MOST, SUBJECT, Endorsers
from picosec_conformance.keeper import Keeper
from picosec_conformance.objects import ALG, KID, NOW, TYP, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import DAY, PLACE, URI, status_claim
from picosec_conformance.status import SUBJECT as LISTED_AS

pytestmark = pytest.mark.needs(CONTROL)


def of_size(endorsers: Endorsers, size: int) -> bytes:
    """Return a good endorsement of so many bytes, filled with attributes and the name of a list."""
    word, keeper = endorsers.word(), endorsers.keeper
    word.claims[ATTRIBUTES] = {f"{number:02}" + "n" * 30: "v" * 64 for number in range(16)}
    word.claims[SUBJECT] = "s" * 64
    word.claims |= status_claim(uri="u" * 64)
    word.claims |= status_claim(uri=(uri := "u" * (64 + size - len(word.close()))))
    keeper.believe(keeper.issuer, uri=uri)
    token = keeper.token()
    token.claims[LISTED_AS] = uri
    keeper.takes(token.close())
    data = word.close()
    assert len(data) == size
    return data


@pytest.mark.requirement("IDN-2000")
@pytest.mark.needs("messaging.block.server")
def test_largest_endorsement_is_taken(endorsers: Endorsers) -> None:
    """Sixteen attributes, and the name of a long list, come in blocks."""
    endorsers.takes(of_size(endorsers, LARGEST))


@pytest.mark.requirement("IDN-2000")
@pytest.mark.needs("messaging.block.server")
def test_larger_endorsement_is_refused(endorsers: Endorsers) -> None:
    """One byte more; it would be a good one."""
    endorsers.refuses(of_size(endorsers, LARGEST + 1), Problem.TOO_LARGE)


@pytest.mark.requirement("IDN-2000")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("head", ["", "d2", "d29f", "ff"])
def test_larger_endorsement_is_refused_unread(endorsers: Endorsers, head: str) -> None:
    """Whatever it is: it is not decoded to find out."""
    start = bytes.fromhex(head)

    endorsers.refuses(start + bytes(LARGEST + 1 - len(start)), Problem.TOO_LARGE)


FORMS: dict[str, Any] = {
    "nothing": b"",
    "text": b"\x60",
    "untagged": lambda word: word.close()[1:],
    "cut": lambda word: word.close()[:-1],
    "surplus": lambda word: word.close() + b"\x00",
    "cwt-tag": lambda word: b"\xd8\x3d" + word.close(),
    "short-signature": lambda word: word.close(bytes(63)),
    "signature-as-text": lambda word: word.close("s" * 64),
}


@pytest.mark.requirement("IDN-2010")
@pytest.mark.parametrize("form", FORMS)
def test_other_form_is_refused(endorsers: Endorsers, form: str) -> None:
    """A second way to write a word is a way around whoever knows the first only."""
    made = FORMS[form]
    endorsers.refuses(made if isinstance(made, bytes) else made(endorsers.word()), Problem.MALFORMED)


@pytest.mark.requirement("IDN-2010")
@pytest.mark.parametrize(
    ("change", "unprotected"),
    [
        pytest.param({ALG: None}, {}, id="no-algorithm"),
        pytest.param({KID: None}, {}, id="no-kid"),
        pytest.param({KID: b""}, {}, id="empty-kid"),
        pytest.param({KID: bytes(33)}, {}, id="long-kid"),
        pytest.param({KID: None}, {KID: b"\x51"}, id="kid-unprotected"),
        pytest.param({TYP: None}, {}, id="no-type"),
        pytest.param({TYP: 65002}, {}, id="type-of-an-object"),
        pytest.param({TYP: 65004}, {}, id="type-of-a-history"),
        pytest.param({TYP: "application/statuslist+cwt"}, {}, id="type-of-a-list"),
        pytest.param({2: [1]}, {}, id="critical"),
        pytest.param({99: 0}, {}, id="unknown"),
        pytest.param({}, {99: 0}, id="unknown-unprotected"),
    ],
)
def test_headers_outside_the_grammar_are_refused(
    endorsers: Endorsers, change: dict[int, Any], unprotected: dict[int, Any]
) -> None:
    """The house signs reports and bills with the same key, and one of them would be an endorsement."""
    word = endorsers.word()
    word.header = {label: value for label, value in {**word.header, **change}.items() if value is not None}
    word.unprotected = unprotected

    endorsers.refuses(word.close(), Problem.MALFORMED)


CLAIMS: dict[str, dict[Any, Any]] = {
    "no-end": {ENDS: None},
    "end-below-zero": {ENDS: -1},
    "end-as-float": {ENDS: 2.0e9},
    "no-time": {ISSUED: None},
    "time-as-true": {ISSUED: True},
    "no-identity": {IDENTITY: None},
    "short-identity": {IDENTITY: bytes(31)},
    "long-identity": {IDENTITY: bytes(33)},
    "identity-as-text": {IDENTITY: "i" * 32},
    "empty-subject": {SUBJECT: ""},
    "long-subject": {SUBJECT: "s" * 65},
    "subject-as-bytes": {SUBJECT: b"lamp"},
    "no-attribute": {ATTRIBUTES: {}},
    "seventeen-attributes": {ATTRIBUTES: {f"{number}": 1 for number in range(17)}},
    "attribute-without-name": {ATTRIBUTES: {"": 1}},
    "attribute-with-long-name": {ATTRIBUTES: {"n" * 33: 1}},
    "attribute-with-long-value": {ATTRIBUTES: {"n": "v" * 65}},
    "attribute-of-bytes": {ATTRIBUTES: {"n": b"v"}},
    "attribute-of-nothing": {ATTRIBUTES: {"n": None}},
    "attribute-with-fraction": {ATTRIBUTES: {"n": 1.5}},
    "status-of-another-form": {CLAIM_STATUS: {"status_list": {"idx": -1, "uri": URI}}},
    "status-as-text": {CLAIM_STATUS: "valid"},
    "issuer": {1: "house"},
    "key": {8: {1: {1: 1}}},
    "unknown": {99: 0},
    "unknown-text": {"sub": "lamp"},
}


@pytest.mark.requirement("IDN-2010")
@pytest.mark.parametrize("case", CLAIMS)
def test_claims_outside_the_grammar_are_refused(endorsers: Endorsers, case: str) -> None:
    """What one reader honours and another passes over is two endorsements in one."""
    word = endorsers.word()
    word.claims = {label: value for label, value in {**word.claims, **CLAIMS[case]}.items() if value is not None}

    endorsers.refuses(word.close(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-2010")
def test_claims_have_one_encoding(endorsers: Endorsers) -> None:
    """The same words in another order are other words to who compares bytes."""
    word = endorsers.word()
    last = dumps(ISSUED) + dumps(NOW)
    word.payload = dumps(word.claims)[:1] + last + dumps(word.claims)[1:].replace(last, b"")
    endorsers.refuses(word.close(), Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("IDN-2020")
@pytest.mark.parametrize("algorithm", [-35, -36, -37, 5, 1, 0, "ES256"])
def test_other_algorithm_is_refused(endorsers: Endorsers, algorithm: Any) -> None:
    """An attacker who may choose the algorithm chooses the weakest."""
    word = endorsers.word()
    word.header[ALG] = algorithm

    endorsers.refuses(word.close(), Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("IDN-2020")
@pytest.mark.parametrize("which", ["house", "guild"])
def test_both_algorithms_are_taken(endorsers: Endorsers, which: str) -> None:
    """ES256 and EdDSA, of two endorsers."""
    endorsers.takes(endorsers.word(getattr(endorsers, which)).close())


@pytest.mark.requirement("IDN-2030")
def test_word_of_a_stranger_is_refused(endorsers: Endorsers) -> None:
    """Anybody can say that he was tested."""
    stranger = Key(b"\x99", Curve.P256, endorsers.rng.randbytes(32))

    endorsers.refuses(endorsers.word(stranger).close(), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-2030")
def test_issuer_of_lists_is_no_endorser(endorsers: Endorsers) -> None:
    """Each key is believed for what it was given for."""
    endorsers.refuses(endorsers.word(endorsers.keeper.issuer).close(), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-2040")
@pytest.mark.parametrize(
    "how", ["signature", "zeros", "other-key", "claims", "header", "context", "algorithm-of-another-key"]
)
def test_forged_word_is_refused(endorsers: Endorsers, how: str) -> None:
    """Who failed the test needs one bit."""
    word = endorsers.word()
    honest = word.close()
    match how:
        case "signature":
            data = honest[:-1] + bytes((honest[-1] ^ 1,))
        case "zeros":
            data = word.close(bytes(64))
        case "other-key":
            word.endorser = endorsers.guild
            data = word.close()
        case "claims":
            word.claims[ENDS] += DAY
            data = word.close(honest[-64:])
        case "header":
            word.header |= {KID: endorsers.guild.kid}
            data = word.close(honest[-64:])
        case "context":
            word.context = "Signature"
            data = word.close()
        case _:
            word.header[ALG] = -8
            data = word.close()

    endorsers.refuses(data, Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-2050")
@pytest.mark.parametrize(
    ("issued", "ends", "taken"),
    [
        (NOW + 300, NOW + DAY, True),
        (NOW + 301, NOW + DAY, False),
        (NOW - DAY, NOW, True),
        (NOW - DAY, NOW - 1, False),
        (2**63, 2**64 - 1, False),
    ],
    ids=["ahead", "future", "last-second", "ended", "far-future"],
)
def test_word_holds_between_its_times(endorsers: Endorsers, issued: int, ends: int, taken: bool) -> None:
    """What was tested ten years ago was tested ten years ago."""
    data = endorsers.word(issued=issued, ends=ends).close()

    if taken:
        endorsers.takes(data)
    else:
        endorsers.refuses(data, Problem.STALE)


@pytest.mark.requirement("IDN-2060")
def test_newer_word_counts(endorsers: Endorsers) -> None:
    """The house has taken an attribute back; who had it brings the older word, again and again."""
    first, second = endorsers.word().close(), endorsers.word(issued=NOW + 1).close()
    endorsers.takes(first, second)

    endorsers.refuses(first, Problem.STALE)


@pytest.mark.requirement("IDN-2060")
def test_other_word_of_the_same_second_is_refused(endorsers: Endorsers) -> None:
    """Nobody could tell which of them was meant."""
    endorsers.takes(endorsers.word().close())

    endorsers.refuses(endorsers.word(ends=NOW + 2 * DAY).close(), Problem.STALE)


@pytest.mark.requirement("IDN-2060")
def test_words_of_others_and_about_others_have_no_order(endorsers: Endorsers) -> None:
    """Each endorser has his own, about each identity."""
    newest = endorsers.word(issued=NOW + 60).close()
    of_another = endorsers.word(endorsers.guild).close()
    about_another = endorsers.word(identity=bytes(32)).close()

    endorsers.takes(newest, of_another, about_another)


@pytest.mark.requirement("IDN-2070")
@pytest.mark.parametrize("case", ["revoked", "suspended", "not-listed", "no-list"])
def test_withdrawn_word_is_refused(endorsers: Endorsers, case: str) -> None:
    """He was quicker than the list with his handshake last time, and tries it the other way round."""
    uri = "urn:another-list" if case == "no-list" else URI
    place = 16 if case == "not-listed" else PLACE
    entry = {"revoked": 1, "suspended": 2}.get(case, 0)
    endorsers.keeper.takes(endorsers.keeper.token({PLACE: entry}, bits=2).close())

    endorsers.refuses(endorsers.word(status=status_claim(place, uri)).close(), Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-2070")
def test_word_that_was_not_withdrawn_is_taken(endorsers: Endorsers) -> None:
    """Its entry is 0, whatever those of others are."""
    others = {place: 1 for place in range(16) if place != PLACE}
    endorsers.keeper.takes(endorsers.keeper.token(others).close())

    endorsers.takes(endorsers.word(status=status_claim()).close())


@pytest.mark.requirement("IDN-2080")
@pytest.mark.needs("channel.oscore.server")
def test_word_is_taken_from_anybody(endorsers: Endorsers, channel: Channel) -> None:
    """From whom it is about, from a neighbour, over a channel of the hub's, and once more."""
    data = endorsers.word().close()

    endorsers.takes(data)
    endorsers.takes(data, ask=channel.ask)
    endorsers.takes(data)


@pytest.mark.requirement("IDN-2080", "MSG-590")
@pytest.mark.parametrize("content_format", [18, 60, 279, 65006])
def test_other_content_format_is_refused(endorsers: Endorsers, content_format: int) -> None:
    """What is meant as something else is not tried as this."""
    with endorsers.target.expect_unchanged():
        reply = endorsers.hand(endorsers.word().close(), content_format=content_format)
        endorsers.target.expect_refusal(reply, Code.UNSUPPORTED_CONTENT_FORMAT, Problem.UNSUPPORTED_FORMAT)


@pytest.mark.requirement("IDN-2090")
def test_words_outlive_the_power(endorsers: Endorsers) -> None:
    """Who was let in yesterday is let in after a power cut, and an older word is still older."""
    endorsers.takes(endorsers.word(issued=NOW + 1).close())
    before = endorsers.control.state()[0]

    endorsers.control.reboot()

    assert endorsers.control.state()[0] == before
    endorsers.refuses(endorsers.word().close(), Problem.STALE)


@pytest.mark.requirement("IDN-2100")
def test_sixteen_words_are_kept(endorsers: Endorsers) -> None:
    """A whole street is endorsed in one afternoon: the first is still known when the last has come."""
    endorsers.takes(endorsers.word().close(), *endorsers.strangers(MOST - 1))

    assert endorsers.accepted


@pytest.mark.requirement("IDN-2100")
def test_word_that_is_used_is_kept(endorsers: Endorsers) -> None:
    """Somebody collects all that the house ever said, and hands it over piece by piece."""
    endorsers.takes(endorsers.word().close())

    for _ in range(5):
        endorsers.takes(*endorsers.strangers(MOST - 1))
        assert endorsers.accepted


@pytest.mark.requirement("IDN-2050")
def test_without_a_clock_nothing_is_too_old(keeper: Keeper) -> None:
    """A device that cannot tell the date goes by the newest word that it was brought."""
    keeper.control.reset()
    undated = Endorsers(Keeper(keeper.target, keeper.control, keeper.rng, None))

    undated.takes(undated.word(issued=1, ends=2).close())
    undated.takes(undated.word(issued=2**63, ends=2**64 - 1).close())
