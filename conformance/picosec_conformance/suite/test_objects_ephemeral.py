"""Ephemeral keys: on the curve, of one form, and never of a kind that gives the reader's key away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from picosec.registry import Problem
from picosec_conformance.courier import Courier
from picosec_conformance.objects import (
    EPHEMERAL,
    KID,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)

#: Prime of the field of P-256.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
#: u-coordinates of small order on Curve25519, and forms of them above the prime (RFC 7748, Section 6.1).
SMALL_ORDER = {
    "zero": 0,
    "one": 1,
    "order-8": 325606250916557431795983626356110631294008115727848805560023387167927233504,
    "other-order-8": 39382357235489614581723060781553021112529911719440698176882885853963445705823,
    "minus-one": 2**255 - 20,
    "prime": 2**255 - 19,
    "prime-plus-one": 2**255 - 18,
}


OFF_CURVE: dict[str, Callable[[dict[int, Any]], Any]] = {
    "y-moved": lambda key: key.update({-3: _moved(key[-3])}),
    "x-moved": lambda key: key.update({-2: _moved(key[-2])}),
    "x-above-prime": lambda key: key.update({-2: b"\xff" * 32}),
    "prime": lambda key: key.update({-2: _P.to_bytes(32, "big")}),
    "zero": lambda key: key.update({-2: bytes(32), -3: bytes(32)}),
    "swapped": lambda key: key.update({-2: key[-3], -3: key[-2]}),
}


def _moved(coordinate: bytes) -> bytes:
    return coordinate[:-1] + bytes((coordinate[-1] ^ 1,))


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("how", OFF_CURVE)
def test_point_off_the_curve_is_refused(courier: Courier, how: str) -> None:
    """Points of other curves give a private key away bit by bit (invalid curve attack, CVE-2015-7940)."""
    sealed = courier.sealed()
    OFF_CURVE[how](sealed.reader[EPHEMERAL])

    courier.refuses_in(sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("point", SMALL_ORDER)
def test_point_of_small_order_is_refused(courier: Courier, point: str) -> None:
    """The secret is zero whatever the reader's key, so that everybody can read and write."""
    sealed = courier.sealed(courier.other_reader)
    sealed.reader[EPHEMERAL] = {1: 1, -1: 4, -2: SMALL_ORDER[point].to_bytes(32, "little")}
    sealed.secret = lambda: bytes(32)  # type: ignore[method-assign]

    courier.refuses_in(sealed, Problem.BAD_KEY, courier.signed(recipient=courier.other_reader.kid).close())


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize(("reader", "other"), [("reader", "other_reader"), ("other_reader", "reader")])
def test_ephemeral_key_of_another_curve_is_refused(courier: Courier, reader: str, other: str) -> None:
    """A good key, and the reader's is of another kind."""
    sealed = courier.sealed(getattr(courier, reader))
    sealed.reader[EPHEMERAL] = courier.sealed(getattr(courier, other)).reader[EPHEMERAL]

    courier.refuses_in(sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
def test_object_for_a_key_that_signs_is_refused(courier: Courier) -> None:
    """The sender takes the key that the target signs with for one that reads."""
    sealed = courier.sealed(courier.app_reader)
    sealed.reader[KID] = courier.app_signer.kid
    sealed.party_v[0] = courier.app_signer.kid

    courier.refuses_in(sealed, Problem.BAD_KEY, courier.signed(sender=courier.app).close())


FORMS: dict[str, Callable[[dict[int, Any]], Any]] = {
    "no-type": lambda key: key.pop(1),
    "no-curve": lambda key: key.pop(-1),
    "no-x": lambda key: key.pop(-2),
    "no-y": lambda key: key.pop(-3),
    "sign-of-y": lambda key: key.update({-3: bool(key[-3][-1] & 1)}),
    "short-x": lambda key: key.update({-2: key[-2][1:]}),
    "long-x": lambda key: key.update({-2: b"\0" + key[-2]}),
    "short-y": lambda key: key.update({-3: key[-3][1:]}),
    "x-as-text": lambda key: key.update({-2: "x"}),
    "other-type": lambda key: key.update({1: 1}),
    "type-as-text": lambda key: key.update({1: "EC2"}),
    "curve-as-true": lambda key: key.update({-1: True}),
    "type-as-float": lambda key: key.update({1: 2.0}),
    "p-384": lambda key: key.update({-1: 2}),
    "named": lambda key: key.update({2: b"kid"}),
    "restricted": lambda key: key.update({3: -25}),
    "private": lambda key: key.update({-4: bytes(32)}),
}


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("how", FORMS)
def test_ephemeral_key_of_another_form_is_refused(courier: Courier, how: str) -> None:
    """A key has four members here, and nobody has to guess what a fifth one is good for."""
    sealed = courier.sealed()
    FORMS[how](sealed.reader[EPHEMERAL])

    courier.refuses_in(sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("key", [{}, [], b"\x04" + bytes(64), "key"], ids=["empty", "array", "point", "text"])
def test_ephemeral_key_that_is_none_is_refused(courier: Courier, key: Any) -> None:
    """No COSE_Key at all."""
    sealed = courier.sealed()
    sealed.reader[EPHEMERAL] = key

    courier.refuses_in(sealed, Problem.BAD_KEY)


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("how", ["with-y", "short", "long", "edwards"])
def test_montgomery_key_of_another_form_is_refused(courier: Courier, how: str) -> None:
    """The other kind of key, three members."""
    sealed = courier.sealed(courier.other_reader)
    key = sealed.reader[EPHEMERAL]
    key |= {"with-y": {-3: bytes(32)}, "short": {-2: key[-2][1:]}, "long": {-2: key[-2] + b"\0"}, "edwards": {-1: 6}}[
        how
    ]

    courier.refuses_in(sealed, Problem.BAD_KEY, courier.signed(recipient=courier.other_reader.kid).close())
