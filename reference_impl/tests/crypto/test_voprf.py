"""The oblivious function: what both ends find, what a proof convinces of, and what is no element.

RFC 9497's and RFC 9380's own values are vectors (vectors/v1/identity/rfc9497_*, rfc9380_hash).
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from picosec.crypto.curves import P256_ORDER
from picosec.crypto.p256 import (
    GENERATOR,
    Point,
    decode_point,
    decode_scalar,
    encode_point,
    encode_scalar,
    hash_to_point,
    hash_to_scalar,
    inverse,
    map_to_curve,
    random_scalar,
)
from picosec.crypto.voprf import PROOF_SIZE, Evaluation, Mode, SecretKey, blind, derive_key, finalize, verify
from picosec.errors import ProtocolError
from picosec.registry import Problem

CITED = "IDN-1800"
KEY = SecretKey(bytes(31) + b"\x07", CITED)
OTHER = SecretKey(bytes(31) + b"\x08", CITED)


def asked(count: int, seed: int = 1) -> tuple[list[bytes], list[int], list[Point]]:
    """Return inputs, blinds and blinded elements."""
    rng = random.Random(seed)
    messages = [rng.randbytes(32) for _ in range(count)]
    blinds = [random_scalar(rng.randbytes) for _ in range(count)]
    return messages, blinds, [blind(*each) for each in zip(messages, blinds, strict=True)]


@pytest.mark.parametrize("count", [1, 2, 16])
def test_both_ends_find_the_same_outputs(count: int) -> None:
    """The one blindly, the other by its key."""
    messages, blinds, blinded = asked(count)
    evaluation = KEY.evaluate_all(blinded, 99)
    verify(KEY.public, blinded, evaluation, CITED)

    outputs = [finalize(*each) for each in zip(messages, blinds, evaluation.elements, strict=True)]
    assert outputs == [KEY.output(message) for message in messages]
    assert len(set(outputs)) == count
    assert len(evaluation.proof) == PROOF_SIZE


def test_output_does_not_depend_on_the_blind() -> None:
    """Otherwise the token would tell by which it was hidden."""
    found = {finalize(b"input", scalar, KEY.evaluate(blind(b"input", scalar))) for scalar in (1, 2, P256_ORDER - 1)}
    assert found == {KEY.output(b"input")}


def test_modes_are_apart() -> None:
    """What one is asked says nothing about the other."""
    assert KEY.output(b"input", Mode.OPRF) != KEY.output(b"input")
    assert derive_key(bytes(32), b"", Mode.OPRF) != derive_key(bytes(32), b"")


WRONG: dict[str, Callable[[Evaluation, list[Point]], Evaluation]] = {
    "order": lambda good, blinded: replace(good, elements=good.elements[::-1]),
    "unchanged": lambda good, blinded: replace(good, elements=tuple(blinded)),
    "other-key": lambda good, blinded: OTHER.evaluate_all(blinded, 99),
    "one-other": lambda good, blinded: replace(good, elements=(good.elements[0], OTHER.evaluate(blinded[1]))),
    "proof-of-one": lambda good, blinded: replace(good, proof=KEY.evaluate_all(blinded[:1], 99).proof),
    "zeros": lambda good, blinded: replace(good, proof=bytes(PROOF_SIZE)),
    "beyond": lambda good, blinded: replace(good, proof=good.proof[:32] + b"\xff" * 32),
    "short": lambda good, blinded: replace(good, proof=good.proof[:-1]),
    "long": lambda good, blinded: replace(good, proof=good.proof + b"\x00"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_proof_convinces_of_nothing_else(wrong: str) -> None:
    """Another key, another order, another proof: refused, and not with some other exception."""
    _messages, _blinds, blinded = asked(2)
    with pytest.raises(ProtocolError) as refused:
        verify(KEY.public, blinded, WRONG[wrong](KEY.evaluate_all(blinded, 99), blinded), CITED)
    assert refused.value.problem is Problem.AUTHENTICATION_FAILED


def test_scalar_of_a_proof_cannot_be_raised_by_the_order() -> None:
    """A second form of one proof would be a mark that whoever forwards it can set."""
    _messages, _blinds, blinded = asked(1)
    good = KEY.evaluate_all(blinded, 99)
    for part in (slice(0, 32), slice(32, 64)):
        raised = int.from_bytes(good.proof[part], "big") + P256_ORDER
        if raised >= 1 << 256:
            continue
        proof = bytearray(good.proof)
        proof[part] = raised.to_bytes(32, "big")
        with pytest.raises(ProtocolError):
            verify(KEY.public, blinded, replace(good, proof=bytes(proof)), CITED)


@pytest.mark.parametrize(
    "scalar", [bytes(32), P256_ORDER.to_bytes(32, "big"), b"\xff" * 32, bytes(31) + b"", bytes(33)]
)
def test_scalar_that_is_none_makes_no_key(scalar: bytes) -> None:
    """0 has no inverse, and what is beyond the order is another one."""
    with pytest.raises(ProtocolError) as refused:
        SecretKey(scalar, CITED)
    assert refused.value.problem is Problem.BAD_KEY


def test_private_scalar_does_not_leave_its_key() -> None:
    """Neither by a copy, nor by what is printed, nor by an attribute of that name."""
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
    assert "7" not in repr(KEY).rpartition(" at ")[0]
    assert not hasattr(KEY, "scalar")


@pytest.mark.parametrize(
    "data",
    [b"", bytes(33), b"\x02" + (7).to_bytes(32, "big"), b"\x05" + encode_point(GENERATOR)[1:], b"\x04" + bytes(64)],
    ids=["nothing", "infinity", "no-point", "another-first-byte", "uncompressed"],
)
def test_what_is_no_point_is_refused(data: bytes) -> None:
    """Each before anything is multiplied."""
    with pytest.raises(ProtocolError) as refused:
        decode_point(data, CITED)
    assert (refused.value.problem, refused.value.requirement) == (Problem.BAD_KEY, CITED)


def test_points_and_scalars_are_read_as_they_were_written() -> None:
    """Of both signs; and infinity is not written at all."""
    for factor in (1, 2, 3, P256_ORDER - 1):
        point = GENERATOR * factor
        assert decode_point(encode_point(point), CITED) == point
        assert decode_scalar(encode_scalar(factor)) == factor
        assert factor * inverse(factor) % P256_ORDER == 1
    with pytest.raises(ValueError, match="infinity"):
        encode_point(GENERATOR * P256_ORDER)


def test_random_scalar_is_drawn_again_while_it_is_none() -> None:
    """Zeros, and what is beyond the order, would make some scalars likelier than others."""
    drawn = iter((bytes(32), b"\xff" * 32, P256_ORDER.to_bytes(32, "big"), bytes(31) + b"\x05"))
    assert random_scalar(lambda size: next(drawn)) == 5


def test_maps_to_the_curve_from_everywhere() -> None:
    """Also from the elements of the field for which the formula divides by zero."""
    for u in (0, 1, 2, -1):
        assert decode_point(encode_point(map_to_curve(u % (1 << 255))), CITED)


def test_domains_are_apart() -> None:
    """What is hashed for one purpose is never what is hashed for another."""
    assert hash_to_point(b"x", b"one") != hash_to_point(b"x", b"other")
    assert hash_to_scalar(b"x", b"one") != hash_to_scalar(b"x", b"other")
