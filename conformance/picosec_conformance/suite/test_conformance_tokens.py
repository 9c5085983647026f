"""Anonymous tokens in the Test Interface: what a target is given for them, and what it makes of a wrong gift."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, RESPONSE_CODE, Problem
from picosec_conformance.control import Control
from picosec_conformance.issuing import Issuing
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target
from picosec_conformance.ticketing import Ticketing
from picosec_conformance.tokens import NO_POINTS, SCOPE, TokenKey, reader_entry

pytestmark = pytest.mark.needs(CONTROL)

ISSUER = pytest.mark.needs("identity.tokens.issuer")
CLIENT = pytest.mark.needs("identity.tokens.client", "channel.oscore.client", "channel.oscore.server")

KEY: dict[int, Any] = {1: b"\x51", 2: bytes(31) + b"\x07", 3: SCOPE, 4: 1_900_000_000, 5: 4, 6: 16}
READER: dict[int, Any] = {1: b"\x61", 2: 4, 3: bytes(range(32))}
SOURCE: dict[int, Any] = {
    1: b"\x51",
    2: TokenKey(b"\x51", KEY[2]).public,
    3: b"\x61",
    4: {1: 1, -1: 4, -2: bytes(31) + b"\x09"},
}


def post(target: Target, name: str, value: Any) -> Message:
    """Return the answer of a resource of the Test Interface."""
    return target.request(Code.POST, f"/ps/test/{name}", dumps(value), content_format=CONTENT_FORMAT_CBOR)


def entries(entry: dict[int, Any], needed: tuple[int, ...]) -> dict[str, Any]:
    """Return what is wrong with an entry, whatever it is of."""
    return {
        **{f"without-{label}": {key: value for key, value in entry.items() if key != label} for label in needed},
        **{f"another-type-{label}": {**entry, label: "x"} for label in entry},
        "with-more": {**entry, 7: 0},
        "empty-kid": {**entry, 1: b""},
        "long-kid": {**entry, 1: bytes(33)},
    }


KEYS: dict[str, Any] = {
    **entries(KEY, (1, 2, 3, 5)),
    "allowance-below-zero": {**KEY, 5: -1},
    "allowance-as-true": {**KEY, 5: True},
    "scope-of-nothing": {**KEY, 3: dumps([])},
    "scope-with-no-method": {**KEY, 3: dumps([["/x", 0]])},
    "scope-in-another-order": {**KEY, 3: dumps([["/y", 1], ["/x", 1]])},
    "scope-cut": {**KEY, 3: SCOPE[:-1]},
}
READERS: dict[str, Any] = {
    **entries(READER, (1, 2, 3)),
    "curve-that-signs": {**READER, 2: 6},
    "curve-as-true": {**READER, 2: True},
}
SOURCES: dict[str, Any] = {
    **entries(SOURCE, (1, 2, 3, 4)),
    "long-kid-of-the-reader": {**SOURCE, 3: bytes(33)},
    "reader-that-signs": {**SOURCE, 4: {1: 1, -1: 6, -2: bytes(32)}},
    "reader-without-a-key": {**SOURCE, 4: {}},
}
GIFTS: dict[str, Any] = {
    "no-map": [],
    "unknown-key": {4: []},
    "keys-as-map": {1: KEY},
    "sources-as-map": {2: SOURCE},
    "readers-as-map": {3: READER},
    "wrong-behind-a-good-one": {1: [KEY, {}]},
    **{f"key-{name}": {1: [entry]} for name, entry in KEYS.items()},
    **{f"source-{name}": {2: [entry]} for name, entry in SOURCES.items()},
    **{f"reader-{name}": {3: [entry]} for name, entry in READERS.items()},
}
NO_KEYS: dict[str, Any] = {
    "scalar-0": {1: [{**KEY, 2: bytes(32)}]},
    "scalar-beyond": {1: [{**KEY, 2: b"\xff" * 32}]},
    "scalar-cut": {1: [{**KEY, 2: bytes(30) + b"\x07"}]},
    "reader-cut": {3: [{**READER, 3: bytes(31)}]},
    "reader-scalar-0": {3: [{**READER, 2: 1, 3: bytes(32)}]},
    "reader-that-is-no-point": {2: [{**SOURCE, 4: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}}]},
    "public-key-cut": {2: [{**SOURCE, 2: SOURCE[2][:-1]}]},
    **{f"public-key-{name}": {2: [{**SOURCE, 2: element}]} for name, element in NO_POINTS.items()},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@ISSUER
@CLIENT
@pytest.mark.parametrize("gift", GIFTS)
def test_tokens_outside_the_grammar_are_refused(target: Target, control: Control, gift: str) -> None:
    """A suite with a slip of the pen would otherwise judge a target that it never set up."""
    with target.expect_unchanged():
        target.expect_refusal(post(target, "provision", {11: GIFTS[gift]}), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-030", "CNF-040")
@ISSUER
@CLIENT
@pytest.mark.parametrize("gift", NO_KEYS)
def test_keys_of_tokens_that_are_none_are_refused(target: Target, control: Control, gift: str) -> None:
    """No scalar of the group, or no point of the curve."""
    with target.expect_unchanged():
        target.expect_refusal(post(target, "provision", {11: NO_KEYS[gift]}), Code.BAD_REQUEST, Problem.BAD_KEY)


SPENDING: dict[int, Any] = {1: b"\x51", 2: 3, 3: "/actuators/lamp", 4: 60, 5: b"\xf5"}
#: By which the target knows the channel of :class:`Issuing`.
CHANNEL = b"\x02"
DEMANDS: dict[str, Any] = {
    **{f"without-{label}": {key: value for key, value in SPENDING.items() if key != label} for label in (1, 2, 3, 5)},
    **{f"another-type-{label}": {**SPENDING, label: 1.5} for label in SPENDING},
    "with-more": {**SPENDING, 6: 0},
    "code-0": {**SPENDING, 2: 0},
    "code-32": {**SPENDING, 2: 32},
    "no-path": {**SPENDING, 3: "lamp"},
    "large-format": {**SPENDING, 4: 65536},
    "long-kid": {**SPENDING, 1: bytes(33)},
}
FETCHING: dict[str, Any] = {
    "nothing": {},
    "without-a-channel": {2: b"\x51", 3: 1},
    "without-a-key": {1: CHANNEL, 3: 1},
    "without-a-number": {1: CHANNEL, 2: b"\x51"},
    "no-tokens": {1: CHANNEL, 2: b"\x51", 3: 0},
    "seventeen": {1: CHANNEL, 2: b"\x51", 3: 17},
    "as-true": {1: CHANNEL, 2: b"\x51", 3: True},
    "another-channel": {1: b"\x77", 2: b"\x51", 3: 1},
    "with-more": {1: CHANNEL, 2: b"\x51", 3: 1, 4: 0},
}
ACTS: dict[str, tuple[str, Any]] = {
    **{f"redeem-{name}": ("redeem", entry) for name, entry in DEMANDS.items()},
    **{f"fetch-{name}": ("fetch-tokens", entry) for name, entry in FETCHING.items()},
}


@pytest.mark.requirement("CNF-030", "CNF-040")
@CLIENT
@pytest.mark.parametrize("act", ACTS)
def test_act_outside_the_grammar_is_refused(issuing: Issuing, act: str) -> None:
    """Nothing is spent, nothing asked, and nothing reported."""
    issuing.gives()
    issuing.control.events()
    name, parameters = ACTS[act]
    with issuing.target.expect_unchanged():
        reply = post(issuing.target, "act", [name, parameters])
        issuing.target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)
    assert issuing.control.events() == []


@pytest.mark.requirement("CNF-040")
@CLIENT
@pytest.mark.parametrize("act", ["fetch-tokens", "redeem"])
def test_tokens_of_an_unknown_key_are_not_to_be_had(issuing: Issuing, act: str) -> None:
    """Nobody knows where they are from."""
    parameters = {1: CHANNEL, 2: b"\x99", 3: 1} if act == "fetch-tokens" else {**SPENDING, 1: b"\x99"}
    with issuing.target.expect_unchanged():
        reply = post(issuing.target, "act", [act, parameters])
        problem = Problem.UNKNOWN_CREDENTIAL
        issuing.target.expect_refusal(reply, RESPONSE_CODE[problem], problem)


@pytest.mark.requirement("CNF-400")
@ISSUER
def test_digest_covers_tokens_given_and_taken(ticketing: Ticketing) -> None:
    """A token that was taken, and a key that was given, would otherwise not show as a change."""
    digests = [ticketing.control.state()[0]]
    ticketing.introduce(allowance=7)
    digests.append(ticketing.control.state()[0])
    asked = [int(Code.GET), ticketing.thermometer, None, b""]
    for _ in range(2):
        ticketing.takes(ticketing.redemption(ticketing.contents(request=asked)))
        digests.append(ticketing.control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-400")
@CLIENT
def test_digest_covers_tokens_that_the_target_has(issuing: Issuing) -> None:
    """One that came, and one that went."""
    digests = [issuing.control.state()[0]]
    issuing.gives()
    digests.append(issuing.control.state()[0])
    issuing.spends()
    digests.append(issuing.control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-100")
@ISSUER
def test_reset_takes_tokens_and_their_keys(ticketing: Ticketing) -> None:
    """What one test spends, the next has; with the same keys, and the same token."""
    data = ticketing.redemption()
    ticketing.takes(data)
    ticketing.control.reset()
    unknown = Problem.UNKNOWN_CREDENTIAL
    ticketing.target.expect_refusal(ticketing.hand(data), RESPONSE_CODE[unknown], unknown)
    ticketing.introduce()
    ticketing.control.provision_tokens(readers=[reader_entry(ticketing.reader)])

    ticketing.takes(data)
