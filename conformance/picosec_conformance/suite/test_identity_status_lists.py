"""Status lists as they come to a target: of which time, in which order, how packed, and from whose hand."""

from __future__ import annotations

import random

import pytest

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.messaging.cbor import loads
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.bearer import Bearer
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.keeper import PATH, Keeper
from picosec_conformance.objects import KID, NOW, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import DAY, ENDS, ISSUED, LARGEST_LIST, SUBJECT, packed, stored, zeros
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL)


@pytest.mark.requirement("IDN-150")
@pytest.mark.parametrize("ahead", [1, 299, 300])
def test_clock_of_the_issuer_may_be_a_little_ahead(keeper: Keeper, ahead: int) -> None:
    """Nobody's clock is right to the second."""
    keeper.takes(keeper.token(issued=NOW + ahead).close())


@pytest.mark.requirement("IDN-150")
@pytest.mark.parametrize("ahead", [301, DAY, 2**64 - 1 - NOW])
def test_list_from_the_future_is_refused(keeper: Keeper, ahead: int) -> None:
    """A list of next year would be the newest for a year, whatever is revoked in the meantime."""
    token = keeper.token(issued=NOW + ahead)
    token.claims[ENDS] = 2**64 - 1

    keeper.refuses(token.close(), Problem.STALE)


@pytest.mark.requirement("IDN-160")
@pytest.mark.parametrize("ends", [NOW - 1, NOW - DAY, 0])
def test_list_that_has_ended_is_refused(keeper: Keeper, ends: int) -> None:
    """The issuer has said that by now it is worth nothing."""
    token = keeper.token(issued=NOW - 7 * DAY)
    token.claims[ENDS] = ends

    keeper.refuses(token.close(), Problem.STALE)


@pytest.mark.requirement("IDN-160")
@pytest.mark.parametrize("ends", [NOW, 2**64 - 1, None])
def test_list_is_taken_until_it_ends(keeper: Keeper, ends: int | None) -> None:
    """The last second counts, and no end is no end."""
    token = keeper.token(issued=NOW - 7 * DAY)
    token.claims[ENDS] = ends
    if ends is None:
        del token.claims[ENDS]

    keeper.takes(token.close())


@pytest.mark.requirement("IDN-150", "IDN-160")
@pytest.mark.parametrize("claims", [{ISSUED: 2 * NOW}, {ISSUED: 1, ENDS: 2}], ids=["future", "ended"])
def test_recipient_that_does_not_know_the_time_takes_lists_of_any(
    target: Target, control: Control, rng: random.Random, claims: dict[int, int]
) -> None:
    """A device whose clock nobody set has no better list than this one."""
    keeper = Keeper(target, control, rng, date=None)
    token = keeper.token()
    token.claims |= claims

    keeper.takes(token.close())


@pytest.mark.requirement("IDN-170")
@pytest.mark.parametrize("before", [1, 60, NOW])
def test_older_list_is_refused(keeper: Keeper, before: int) -> None:
    """Who carries lists brings the one in which his credential was good, and it is signed as well as any."""
    keeper.takes(keeper.revoking(issued=NOW).close())

    keeper.refuses(keeper.token(issued=NOW - before).close(), Problem.STALE)


@pytest.mark.requirement("IDN-170")
@pytest.mark.parametrize("change", ["entries", "end", "issuer"])
def test_other_list_of_the_same_second_is_refused(keeper: Keeper, change: str) -> None:
    """One of both came first, and nobody can know which."""
    keeper.takes(keeper.revoking(issued=NOW).close())
    token = keeper.token({3: 1} if change == "end" else {}, issuer=keeper.second if change == "issuer" else None)
    token.claims[ENDS] += change == "end"

    keeper.refuses(token.close(), Problem.STALE)


@pytest.mark.requirement("IDN-170")
def test_newer_list_is_taken(keeper: Keeper) -> None:
    """A second later is later, and whose of the two keys signed it does not matter."""
    keeper.takes(keeper.token(issued=NOW).close())

    keeper.takes(keeper.token(issued=NOW + 1, issuer=keeper.second).close())
    keeper.refuses(keeper.token(issued=NOW).close(), Problem.STALE)


@pytest.mark.requirement("IDN-170")
def test_lists_of_different_names_have_no_order(keeper: Keeper) -> None:
    """The newest list of the lamps keeps none of the locks out."""
    other = keeper.token(issuer=keeper.other, issued=NOW + 60)
    other.claims[SUBJECT] = keeper.other_uri
    keeper.takes(other.close())

    keeper.takes(keeper.token().close())


@pytest.mark.requirement("IDN-170")
def test_list_of_a_key_that_was_replaced_keeps_nobody_out(target: Target, control: Control, rng: random.Random) -> None:
    """A thief had the issuer's key and made a list of the far future; the issuer has a new key, and its list counts."""
    keeper = Keeper(target, control, rng, date=None)
    keeper.takes(keeper.token(issued=2**64 - 1).close())
    keeper.refuses(keeper.token(issued=NOW).close(), Problem.STALE)

    keeper.issuer = Key(keeper.issuer.kid, Curve.P256, rng.randbytes(32))
    keeper.believe(keeper.issuer)

    keeper.takes(keeper.token(issued=NOW).close())


STREAM = stored(packed(1, 16, {3: 1}))
GZIP = b"\x1f\x8b\x08" + bytes(6) + b"\xff\x63\x60\x00\x00\xff\x12\xd9\x41\x02\x00\x00\x00"
STREAMS: dict[str, bytes] = {
    "nothing": b"",
    "head-only": STREAM[:2],
    "cut-in-the-entries": STREAM[:-5],
    "without-checksum": STREAM[:-4],
    "cut-in-the-checksum": STREAM[:-1],
    "wrong-checksum": STREAM[:-1] + bytes((STREAM[-1] ^ 1,)),
    "wrong-head": b"\x79" + STREAM[1:],
    "without-head": zeros(2)[2:-4],
    "gzip": GZIP,
    "with-dictionary": b"\x78\xbb" + bytes(4) + STREAM[2:],
    "surplus": STREAM + b"\x00",
    "two-streams": STREAM + STREAM,
    "not-compressed": bytes(2),
    "reserved-block": b"\x78\x9c\x07" + bytes(8),
}


@pytest.mark.requirement("IDN-180")
@pytest.mark.parametrize("stream", STREAMS)
def test_stream_that_is_not_whole_is_refused(keeper: Keeper, stream: str) -> None:
    """Half a list is a list in which the other half is valid."""
    token = keeper.token()
    token.listed["lst"] = STREAMS[stream]

    keeper.refuses(token.close(), Problem.MALFORMED)


@pytest.mark.requirement("IDN-180")
@pytest.mark.parametrize(
    "stream",
    [
        pytest.param("7801011400ebff080000000000000000200000000000000000000002140029", id="stored"),
        pytest.param("7801e360800205188381010002140029", id="fixed-codes"),
        pytest.param(
            "780105c1010100000802207281ffcf1a2807c00a10c0c889b30275120a4415a09c002104503830004400010580750ffae506cb",
            id="codes-of-its-own",
        ),
        pytest.param("78da6260c00400000000ffff6364c4040000fa0015", id="several-blocks"),
    ],
)
def test_stream_is_taken_however_it_was_compressed(keeper: Keeper, stream: str) -> None:
    """Issuers have other libraries, and devices one."""
    token = keeper.token()
    token.listed["lst"] = bytes.fromhex(stream)

    keeper.takes(token.close())


@pytest.mark.requirement("IDN-190")
@pytest.mark.parametrize("bits", [1, 8])
def test_largest_list_is_taken(keeper: Keeper, bits: int) -> None:
    """A million credentials, none of them taken back."""
    keeper.takes(keeper.token(bits=bits, size=LARGEST_LIST * 8 // bits).close())


@pytest.mark.requirement("IDN-190")
@pytest.mark.parametrize("size", [LARGEST_LIST + 1, 10 * LARGEST_LIST, 2_500_000])
def test_list_that_unfolds_to_more_is_refused(keeper: Keeper, size: int) -> None:
    """Sixteen thousand bytes on the way, and millions in the memory of whoever unpacks before asking."""
    token = keeper.token()
    token.listed["lst"] = zeros(size)

    keeper.refuses(token.close(), Problem.TOO_LARGE)


@pytest.mark.requirement("IDN-200")
@pytest.mark.parametrize("why", ["forged", "future", "older", "cut", "bomb", "stranger", "claims"])
def test_refused_token_leaves_the_list_that_there_was(keeper: Keeper, why: str) -> None:
    """Who cannot give a credential back tries to take the list away, in which it is."""
    bearer = Bearer(keeper)
    keeper.takes(keeper.revoking(issued=NOW).close())
    token = keeper.token(issued=NOW + 1)
    match why:
        case "future":
            token.claims[ISSUED] = NOW + DAY
        case "older":
            token.claims[ISSUED] = NOW - 1
        case "cut":
            token.listed["lst"] = STREAM[:-1]
        case "bomb":
            token.listed["lst"] = zeros(LARGEST_LIST + 1)
        case "stranger":
            token.issuer = Key(b"\x99", Curve.P256, keeper.rng.randbytes(32))
            token.header[KID] = token.issuer.kid
        case "claims":
            token.claims[99] = 0
    data = token.close(bytes(64) if why == "forged" else None)

    with keeper.target.expect_unchanged():
        assert keeper.hand(data).code >> 5 == 4
    assert not bearer.accepted
    keeper.takes(keeper.token(issued=NOW + 1).close())
    assert bearer.accepted


@pytest.mark.requirement("IDN-210")
def test_stranger_hands_a_list_over(keeper: Keeper) -> None:
    """A phone in passing brings what the hub gave it; it has no keys, and needs none."""
    keeper.takes(keeper.token().close())


@pytest.mark.requirement("IDN-210")
@pytest.mark.needs("channel.oscore.server")
def test_list_comes_over_a_channel(keeper: Keeper, channel: Channel) -> None:
    """Somebody with a channel brings what somebody else signed."""
    keeper.takes(keeper.token().close(), ask=channel.ask)


@pytest.mark.requirement("IDN-210")
def test_list_that_is_held_is_taken_again(keeper: Keeper) -> None:
    """Two carriers bring the same list; the second did nothing wrong, and changes nothing."""
    data = keeper.token({3: 1}).close()
    keeper.takes(data)

    with keeper.target.expect_unchanged():
        keeper.takes(data)


@pytest.mark.requirement("IDN-210")
def test_twin_of_a_signature_makes_no_other_list(keeper: Keeper) -> None:
    """Who knows no key can still write an ES256 signature in a second way; the list says what it said."""
    data = keeper.token({3: 1}).close()
    keeper.takes(data)
    r, s = data[-64:-32], int.from_bytes(data[-32:], "big")
    twin = data[:-64] + r + (P256_ORDER - s).to_bytes(32, "big")
    assert loads(twin).value[2] == loads(data).value[2]

    with keeper.target.expect_unchanged():
        keeper.takes(twin)


@pytest.mark.requirement("IDN-210")
def test_only_put_hands_a_list_over(keeper: Keeper) -> None:
    """There is nothing to read, and nothing to delete: least of all a list."""
    keeper.takes(keeper.token({3: 1}).close())
    for code in (Code.GET, Code.POST, Code.DELETE):
        payload = keeper.token(issued=NOW + 1).close() if code == Code.POST else b""
        with keeper.target.expect_unchanged():
            request = keeper.target.build(code, PATH, payload, content_format=279 if payload else None)
            assert keeper.target.exchange(request).code == Code.METHOD_NOT_ALLOWED


@pytest.mark.requirement("IDN-210")
@pytest.mark.parametrize("content_format", [0, 18, 60, 61])
def test_other_content_format_is_refused(keeper: Keeper, content_format: int) -> None:
    """A hop that sorts by Content-Format and a device that does not would see two things in one."""
    data = keeper.token().close()
    with keeper.target.expect_unchanged():
        assert keeper.hand(data, content_format=content_format).code == Code.UNSUPPORTED_CONTENT_FORMAT

    keeper.takes(data)
