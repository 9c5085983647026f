"""Credentials whose status stands in a list: which of them a target lets pass, on either side of a handshake."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.channel.credentials import Kind
from picosec.crypto.curves import Curve
from picosec.registry import CLAIM_STATUS
from picosec_conformance.bearer import Bearer
from picosec_conformance.keeper import Keeper
from picosec_conformance.meeting import BOTH_SIDES
from picosec_conformance.objects import NOW, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import PLACE, URI, status_claim

pytestmark = pytest.mark.needs(CONTROL)

KINDS = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.needs(f"channel.edhoc.credential.{kind.value}"), id=kind.value)
        for kind in (Kind.KID, Kind.KCCS, Kind.KCWT)
    ],
)


@pytest.mark.requirement("IDN-230", "IDN-240")
@BOTH_SIDES
@KINDS
def test_credential_is_good_until_it_is_taken_back(keeper: Keeper, side: str, kind: Kind) -> None:
    """The phone is lost, and whoever found it knows its key: the lock has been told."""
    bearer = Bearer(keeper, side, kind=kind)
    keeper.takes(keeper.token().close())
    assert bearer.accepted

    keeper.takes(keeper.revoking().close())

    assert not bearer.accepted


@pytest.mark.requirement("IDN-230")
@BOTH_SIDES
@pytest.mark.parametrize(
    ("bits", "entry"), [(1, 1), (2, 1), (2, 2), (2, 3), (4, 2), (4, 8), (4, 15), (8, 2), (8, 16), (8, 128), (8, 255)]
)
def test_every_entry_but_zero_is_a_refusal(keeper: Keeper, side: str, bits: int, entry: int) -> None:
    """Suspended is not valid, and what only some application knows the meaning of is not either."""
    keeper.takes(keeper.token({PLACE: entry}, bits=bits).close())

    assert not Bearer(keeper, side).accepted


@pytest.mark.requirement("IDN-230", "IDN-240")
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("place", [0, 1, 2, 3, 7, 8, 9, 31])
def test_each_credential_has_its_own_entry(keeper: Keeper, bits: int, place: int) -> None:
    """Who counts from the other end of a byte revokes the neighbour, and lets the thief in."""
    full = (1 << bits) - 1
    bearer = Bearer(keeper, claims=status_claim(place))
    keeper.takes(keeper.token({place: full}, bits=bits, size=32, issued=NOW).close())
    assert not bearer.accepted

    others = {other: full for other in range(32) if other != place}
    keeper.takes(keeper.token(others, bits=bits, size=32, issued=NOW + 1).close())
    assert bearer.accepted


@pytest.mark.requirement("IDN-240")
@BOTH_SIDES
def test_credential_is_given_back(keeper: Keeper, side: str) -> None:
    """It was suspended, the phone was found, and the next list says so."""
    bearer = Bearer(keeper, side)
    keeper.takes(keeper.token({PLACE: 2}, bits=2).close())
    assert not bearer.accepted

    keeper.takes(keeper.token(bits=2, issued=NOW + 1).close())

    assert bearer.accepted


@pytest.mark.requirement("IDN-240")
@BOTH_SIDES
@KINDS
def test_credential_without_a_status_needs_no_list(keeper: Keeper, side: str, kind: Kind) -> None:
    """Whoever issued it did not mean to take it back, whatever the lists say of others."""
    keeper.takes(keeper.token(dict.fromkeys(range(16), 1)).close())

    assert Bearer(keeper, side, claims={}, kind=kind).accepted


@pytest.mark.requirement("IDN-250", "IDN-240")
@BOTH_SIDES
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_place_behind_the_end_of_the_list_is_refused(keeper: Keeper, side: str, bits: int) -> None:
    """A list is cut short to give back what stood at its end."""
    size = 16
    keeper.takes(keeper.token(bits=bits, size=size).close())

    assert not Bearer(keeper, side, claims=status_claim(size)).accepted


@pytest.mark.requirement("IDN-250")
@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize("place", [17, 1 << 20, 2**29 + PLACE, 2**32 + PLACE, 2**61 + PLACE, 2**64 - 1])
def test_place_far_behind_the_end_is_refused(keeper: Keeper, place: int, bits: int) -> None:
    """Cut to thirty-two bits, or multiplied until it overflows, it would be the place of somebody valid."""
    keeper.takes(keeper.token(bits=bits).close())

    assert not Bearer(keeper, claims=status_claim(place)).accepted


@pytest.mark.requirement("IDN-240")
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_last_place_of_the_list_is_in_it(keeper: Keeper, bits: int) -> None:
    """Sixteen entries, and the last is number fifteen."""
    keeper.takes(keeper.token(bits=bits).close())

    assert Bearer(keeper, claims=status_claim(15)).accepted


@pytest.mark.requirement("IDN-250")
def test_empty_list_has_nobody_in_it(keeper: Keeper) -> None:
    """A list of nothing is a good list, and vouches for nobody."""
    keeper.takes(keeper.token(size=0).close())

    assert not Bearer(keeper, claims=status_claim(0)).accepted


@pytest.mark.requirement("IDN-260")
@BOTH_SIDES
@KINDS
def test_credential_whose_list_never_came_is_refused(keeper: Keeper, side: str, kind: Kind) -> None:
    """Who can keep the list away must not gain by it."""
    assert not Bearer(keeper, side, kind=kind).accepted


@pytest.mark.requirement("IDN-260")
@pytest.mark.parametrize("uri", [URI + "0", URI[:-1], URI.upper(), "urn:another-list", "x" * 255])
def test_other_list_does_not_serve(keeper: Keeper, uri: str) -> None:
    """Place 3 of the lamps says nothing of place 3 of the locks."""
    keeper.takes(keeper.token().close())

    assert not Bearer(keeper, claims=status_claim(uri=uri)).accepted


@pytest.mark.requirement("IDN-260")
@BOTH_SIDES
def test_list_of_a_key_that_was_replaced_is_not_believed(keeper: Keeper, side: str) -> None:
    """Whoever stole the issuer's key gave himself back; the issuer has a new key, and the thief's list is nothing."""
    bearer = Bearer(keeper, side)
    keeper.takes(keeper.token().close())
    keeper.issuer = Key(keeper.issuer.kid, Curve.P256, keeper.rng.randbytes(32))
    keeper.believe(keeper.issuer)

    assert not bearer.accepted
    keeper.takes(keeper.token().close())
    assert bearer.accepted


@pytest.mark.requirement("IDN-240")
def test_more_issuers_take_no_list_away(keeper: Keeper) -> None:
    """The keeper gets a second key for the next year; the list of the first is good as before."""
    keeper.takes(keeper.token().close())

    keeper.believe(Key(b"third", Curve.P256, keeper.rng.randbytes(32)))
    keeper.introduce()

    assert Bearer(keeper).accepted


REFERENCE = {"idx": PLACE, "uri": URI}
MALFORMED: dict[str, Any] = {
    "null": None,
    "true": True,
    "number": PLACE,
    "text": URI,
    "bytes": b"\xa0",
    "array": [PLACE, URI],
    "empty": {},
    "other-mechanism": {"identifier_list": {"id": b"\x03"}},
    "more-mechanisms": {"status_list": REFERENCE, "identifier_list": {"id": b"\x03"}},
    "array-of-references": {"status_list": [REFERENCE]},
    "null-reference": {"status_list": None},
    "no-place": {"status_list": {"uri": URI}},
    "no-name": {"status_list": {"idx": PLACE}},
    "more": {"status_list": {**REFERENCE, "exp": 0}},
    "number-keys": {"status_list": {0: PLACE, 1: URI}},
    "place-below-zero": {"status_list": {**REFERENCE, "idx": -1}},
    "place-far-below-zero": {"status_list": {**REFERENCE, "idx": -13}},
    "place-as-float": {"status_list": {**REFERENCE, "idx": float(PLACE) + 0.5}},
    "place-as-text": {"status_list": {**REFERENCE, "idx": "3"}},
    "place-as-true": {"status_list": {**REFERENCE, "idx": True}},
    "place-as-false": {"status_list": {**REFERENCE, "idx": False}},
    "name-as-bytes": {"status_list": {**REFERENCE, "uri": URI.encode()}},
    "empty-name": {"status_list": {**REFERENCE, "uri": ""}},
    "long-name": {"status_list": {**REFERENCE, "uri": "x" * 256}},
}


@pytest.mark.requirement("IDN-270")
@BOTH_SIDES
@pytest.mark.parametrize("claim", MALFORMED)
def test_claim_that_nobody_understands_is_a_refusal(keeper: Keeper, side: str, claim: str) -> None:
    """Its issuer meant it to be taken back somehow; a device that looks away would believe it for ever."""
    keeper.takes(keeper.token().close())

    assert not Bearer(keeper, side, claims={CLAIM_STATUS: MALFORMED[claim]}).accepted


@pytest.mark.requirement("IDN-270")
@pytest.mark.needs("channel.edhoc.credential.kcwt")
@BOTH_SIDES
@pytest.mark.parametrize("claim", ["null", "empty", "more-mechanisms", "place-below-zero", "no-name"])
def test_claim_of_a_token_that_nobody_understands_is_a_refusal(keeper: Keeper, side: str, claim: str) -> None:
    """The issuer signed it, and was wrong."""
    keeper.takes(keeper.token().close())

    assert not Bearer(keeper, side, claims={CLAIM_STATUS: MALFORMED[claim]}, kind=Kind.KCWT).accepted
