"""Public keys: what is no point of the curve never becomes a key."""

import pytest
from cryptography.exceptions import InvalidSignature

from picosec.crypto.curves import Curve, decode_public
from picosec.errors import ProtocolError
from picosec.registry import Problem

BASE_X = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
BASE_Y = bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")


@pytest.mark.parametrize("sign", [None, False, True])
def test_a_p256_key_is_decoded_from_x_alone(sign):
    """EDHOC sends the x-coordinate only; the sign of y does not change a shared secret."""
    assert decode_public(Curve.P256, BASE_X, sign).x == BASE_X


def test_a_p256_key_is_decoded_from_both_coordinates():
    """A credential holds x and y."""
    key = decode_public(Curve.P256, BASE_X, BASE_Y)

    assert (key.x, key.y) == (BASE_X, BASE_Y)


@pytest.mark.parametrize(
    ("curve", "x", "y"),
    [
        pytest.param(Curve.P256, bytes(32), BASE_Y, id="off the curve"),
        pytest.param(Curve.P256, bytes(32), bytes(32), id="zero, taken for infinity by some libraries"),
        pytest.param(Curve.P256, b"\xff" * 32, None, id="above the field's prime"),
        pytest.param(
            Curve.P256,
            bytes.fromhex("ffffffff00000001000000000000000000000000fffffffffffffffffffffffe"),
            None,
            id="no y",
        ),
        pytest.param(Curve.P256, BASE_X[:31], None, id="31 bytes"),
        pytest.param(Curve.P256, BASE_X + b"\x00", None, id="33 bytes"),
        pytest.param(Curve.P256, BASE_X, BASE_Y[:31], id="short y"),
        pytest.param(Curve.P256, b"", None, id="empty"),
        pytest.param(Curve.X25519, bytes(31), None, id="31 bytes on X25519"),
        pytest.param(Curve.ED25519, bytes(33), None, id="33 bytes on Ed25519"),
    ],
)
def test_what_is_no_point_is_refused(curve, x, y):
    """An invalid-curve attack sends points of weak curves to learn a static private key."""
    with pytest.raises(ProtocolError) as caught:
        decode_public(curve, x, y)

    assert caught.value.problem is Problem.BAD_KEY


def test_the_published_signature_verifies():
    """RFC 6979 appendix A.2.5, SHA-256, message "sample"."""
    key = decode_public(
        Curve.P256,
        bytes.fromhex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"),
        bytes.fromhex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"),
    )
    signature = bytes.fromhex(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )

    key.verify(signature, b"sample")
    for forged in (signature[:-1] + b"\x00", signature[:63], signature + b"\x00", b"", bytes(64)):
        with pytest.raises(InvalidSignature):
            key.verify(forged, b"sample")
    with pytest.raises(InvalidSignature):
        decode_public(Curve.X25519, BASE_X).verify(signature, b"sample")
