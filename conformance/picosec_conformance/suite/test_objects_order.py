"""Two faults in one object: the step that comes first decides, and an attacker learns nothing from the other one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import RESPONSE_CODE, Problem
from picosec_conformance.courier import Courier
from picosec_conformance.objects import (
    A128GCM,
    ALG,
    ENDS,
    EPHEMERAL,
    ISSUED,
    IV,
    KID,
    NOW,
    PLATFORM,
    RECIPIENT,
    tagged,
)
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)

Made = Callable[[Courier], bytes]


def form_before_headers(courier: Courier) -> bytes:
    """Return an object whose encoding and whose header are wrong."""
    signed = courier.signed()
    signed.header[99] = 0
    return signed.close().replace(b"\xd2\x84", b"\xd2\x98\x04", 1)


def headers_before_algorithm(courier: Courier) -> bytes:
    """Return an object with a strange parameter and a strange algorithm."""
    signed = courier.signed()
    signed.header |= {ALG: -35, 99: 0}
    return signed.close()


def headers_before_algorithm_of_sealed(courier: Courier) -> bytes:
    """Return an object whose algorithm is strange, and its recipient's header too."""
    sealed = courier.sealed()
    sealed.header[ALG] = 3
    sealed.reader[99] = 0
    return sealed.close(courier.signed().close())


def nonce_before_algorithm(courier: Courier) -> bytes:
    """Return an object with a strange algorithm and no nonce."""
    sealed = courier.sealed()
    sealed.header[ALG], sealed.unprotected = 3, {}
    return sealed.close(courier.signed().close())


def algorithm_before_key(courier: Courier) -> bytes:
    """Return an object with a strange algorithm under a strange key."""
    signed = courier.signed(sender=courier.key(b"\x99", Curve.P256))
    signed.header[ALG] = -35
    return signed.close()


def algorithm_before_reader(courier: Courier) -> bytes:
    """Return an object with a strange algorithm for a strange reader."""
    sealed = courier.sealed()
    sealed.header[ALG], sealed.reader[KID] = 3, b"\x99"
    return sealed.close(courier.signed().close())


def agreement_before_reader(courier: Courier) -> bytes:
    """Return an object with a strange agreement for a strange reader."""
    sealed = courier.sealed()
    sealed.agreement, sealed.reader[KID] = {ALG: -27}, b"\x99"
    return sealed.close(courier.signed().close())


def nonce_before_group(courier: Courier) -> bytes:
    """Return an object with a nonce of another length for a strange group."""
    grouped = courier.grouped()
    grouped.unprotected, grouped.header[KID] = {IV: bytes(12)}, b"\x99"
    return grouped.close(courier.signed().close())


def key_before_signature(courier: Courier) -> bytes:
    """Return a bad signature of nobody's."""
    return courier.signed(sender=courier.key(b"\x99", Curve.P256)).close(bytes(64))


def purpose_before_signature(courier: Courier) -> bytes:
    """Return a bad signature of an application on what manages."""
    return courier.signed(sender=courier.app, purpose=PLATFORM).close(bytes(64))


def reader_before_ephemeral(courier: Courier) -> bytes:
    """Return an object for a strange reader with a strange ephemeral key."""
    sealed = courier.sealed()
    sealed.reader |= {KID: b"\x99", EPHEMERAL: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}}
    return sealed.close(courier.signed().close())


def ephemeral_before_ciphertext(courier: Courier) -> bytes:
    """Return an object that nobody could decrypt, with a point off the curve."""
    sealed = courier.sealed()
    parts = sealed.parts(courier.signed().close())
    parts[3][0][1][EPHEMERAL] = {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}
    parts[2] = bytes(len(parts[2]))
    return tagged(96, *parts)


def group_before_ciphertext(courier: Courier) -> bytes:
    """Return an object that does not decrypt, by another algorithm than that of its group."""
    grouped = courier.grouped(algorithm=A128GCM)
    grouped.key = bytes(16)
    return grouped.close(courier.signed().close())


def layers_before_signature(courier: Courier) -> bytes:
    """Return an object of two purposes whose signature is bad."""
    return courier.sealed().close(courier.signed(sender=courier.app).close(bytes(64)))


def signature_before_recipient(courier: Courier) -> bytes:
    """Return a bad signature on something for somebody else."""
    return courier.signed(recipient=b"\x99").close(bytes(64))


def recipient_before_time(courier: Courier) -> bytes:
    """Return something old for somebody else."""
    signed = courier.signed()
    signed.claims |= {RECIPIENT: b"\x99", ENDS: NOW - 1}
    return signed.close()


def time_before_contents(courier: Courier) -> bytes:
    """Return something from the future that is no request."""
    signed = courier.signed(b"\xf6")
    signed.claims[ISSUED] = NOW + 301
    return signed.close()


def contents_before_resource(courier: Courier) -> bytes:
    """Return what an application may not ask, and what nobody can."""
    return courier.signed(dumps([0, courier.lamp, 60, b"\xf5"]), sender=courier.app).close()


ORDER: list[tuple[Made, Problem]] = [
    (form_before_headers, Problem.NOT_DETERMINISTIC),
    (headers_before_algorithm, Problem.MALFORMED),
    (headers_before_algorithm_of_sealed, Problem.MALFORMED),
    (nonce_before_algorithm, Problem.MALFORMED),
    (algorithm_before_key, Problem.UNSUPPORTED_ALGORITHM),
    (algorithm_before_reader, Problem.UNSUPPORTED_ALGORITHM),
    (agreement_before_reader, Problem.UNSUPPORTED_ALGORITHM),
    (nonce_before_group, Problem.MALFORMED),
    (key_before_signature, Problem.UNKNOWN_CREDENTIAL),
    (purpose_before_signature, Problem.WRONG_PURPOSE),
    (reader_before_ephemeral, Problem.UNKNOWN_CREDENTIAL),
    (ephemeral_before_ciphertext, Problem.BAD_KEY),
    (group_before_ciphertext, Problem.UNSUPPORTED_ALGORITHM),
    (layers_before_signature, Problem.WRONG_PURPOSE),
    (signature_before_recipient, Problem.AUTHENTICATION_FAILED),
    (recipient_before_time, Problem.MISDIRECTED),
    (time_before_contents, Problem.STALE),
    (contents_before_resource, Problem.MALFORMED),
]
#: What decides in each case.
REQUIREMENTS = {
    Problem.NOT_DETERMINISTIC: "OBJ-020",
    Problem.UNSUPPORTED_ALGORITHM: "OBJ-120",
    Problem.UNKNOWN_CREDENTIAL: "OBJ-190",
    Problem.BAD_KEY: "OBJ-160",
    Problem.AUTHENTICATION_FAILED: "OBJ-130",
    Problem.MISDIRECTED: "OBJ-230",
    Problem.STALE: "OBJ-240",
}
BY_CASE: dict[Made, str] = {
    headers_before_algorithm: "OBJ-110",
    headers_before_algorithm_of_sealed: "OBJ-170",
    nonce_before_algorithm: "OBJ-170",
    nonce_before_group: "OBJ-140",
    purpose_before_signature: "OBJ-200",
    layers_before_signature: "OBJ-220",
    group_before_ciphertext: "OBJ-180",
    contents_before_resource: "OBJ-350",
}


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        pytest.param(
            made,
            problem,
            id=made.__name__.replace("_", "-"),
            marks=pytest.mark.requirement(BY_CASE.get(made) or REQUIREMENTS[problem]),
        )
        for made, problem in ORDER
    ],
)
def test_earlier_step_decides(courier: Courier, made: Made, problem: Problem) -> None:
    """Every implementation says the same of the same object, and none says more to whoever has proven less."""
    courier.refuses(made(courier), problem)


@pytest.mark.requirement("OBJ-240", "OBJ-250")
@pytest.mark.parametrize("claims", [{ISSUED: NOW + 301}, {ENDS: NOW - 1}], ids=["future", "ended"])
def test_time_is_looked_at_before_numbers(courier: Courier, claims: dict[int, int]) -> None:
    """It was taken before, and it is too old for anybody to care."""
    taken, late = courier.signed(number=7), courier.signed(number=7)
    late.claims |= claims
    courier.takes(taken.close())

    courier.refuses(late.close(), Problem.STALE)


@pytest.mark.requirement("OBJ-260")
def test_numbers_are_looked_at_before_contents(courier: Courier) -> None:
    """Nobody reads twice what came twice."""
    courier.takes(courier.signed(number=7).close())

    courier.refuses(courier.signed(b"\xf6", number=7).close(), Problem.REPLAYED)
    courier.takes(courier.signed(sender=courier.app, number=7).close())
    courier.refuses(courier.signed(courier.switch(), sender=courier.app, number=7).close(), Problem.REPLAYED)


@pytest.mark.requirement("OBJ-130", "OBJ-270")
@pytest.mark.parametrize("name", ["sender", "other_sender"])
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_no_byte_can_be_changed(courier: Courier, form: str, name: str) -> None:
    """One bit of each byte, one after the other: none of them is left to a hop, and none of them takes a number."""
    signed = courier.signed(sender=getattr(courier, name)).close()
    data = courier.wrapped(signed, form)
    content_format = {"signed": 18, "sealed": 96, "group": 16}[form]
    errors = set(RESPONSE_CODE.values())

    with courier.target.expect_unchanged():
        for position in range(len(data)):
            flipped = data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]
            code = courier.hand(flipped, content_format).code
            assert code in errors, f"byte {position} can be changed"
    courier.takes(data)
