"""The vault in memory: published values come out, private keys do not. What every vault does is tested in tests/net."""

import copy
import gc
import pickle
from collections.abc import Mapping

import pytest

from picosec.crypto.curves import Curve, decode_public
from picosec.crypto.vault import Handle, SoftwareVault, software_vault

P256_ORDER = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
#: RFC 6979 appendix A.2.5.
P256_PRIVATE = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
P256_X = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"


@pytest.fixture
def vault():
    return software_vault(bytes)


def test_es256_gives_the_published_signature(vault):
    """RFC 6979 appendix A.2.5, SHA-256, message "sample": the nonce is derived, so the signature is one value."""
    handle = vault.import_key(Curve.P256, P256_PRIVATE)

    assert vault.public(handle).x.hex() == P256_X
    assert vault.sign(handle, b"sample").hex() == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


def test_ed25519_gives_the_published_signature(vault):
    """RFC 8032 section 7.1, test 1: the empty message."""
    handle = vault.import_key(
        Curve.ED25519, bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )

    assert vault.public(handle).x.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert vault.sign(handle, b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_both_ends_agree_on_p256_from_x_alone(vault):
    """EDHOC sends no y: a peer that picks the other point must reach the same secret."""
    ours = vault.generate(Curve.P256, lambda n: bytes([1]) * n)
    theirs = vault.generate(Curve.P256, lambda n: bytes([2]) * n)
    secret = vault.agree(theirs, vault.public(ours))

    for sign in (False, True):
        assert vault.agree(ours, decode_public(Curve.P256, vault.public(theirs).x, sign)) == secret


def test_an_injected_scalar_is_taken_as_it_is(vault):
    """Published traces give the ephemeral private key: entropy must become the key without change."""
    assert vault.public(vault.generate(Curve.P256, lambda _: P256_PRIVATE)).x.hex() == P256_X


@pytest.mark.parametrize("bad", [bytes(32), P256_ORDER, b"\xff" * 32])
def test_entropy_that_is_no_scalar_is_drawn_again(vault, bad):
    """Reducing it instead would bias the key."""
    draws = iter([bad, P256_PRIVATE])

    assert vault.public(vault.generate(Curve.P256, lambda _: next(draws))).x.hex() == P256_X


def reachable(thing: object, depth: int = 4) -> list[object]:
    """Return everything that public attributes and argument-free public methods lead to."""
    found: list[object] = [thing]
    if depth and not isinstance(thing, (bytes, str, int, type)):
        for name in dir(thing):
            if not name.startswith("_"):
                found += reachable(getattr(thing, name), depth - 1)
        if isinstance(thing, Mapping):
            found += [item for pair in thing.items() for item in pair]
    return found


@pytest.mark.parametrize("curve", Curve)
def test_a_private_key_never_leaves(vault, curve):
    """Whoever holds a handle and the vault tries every public way to the key."""
    private = bytes(range(1, 33))
    handle = vault.import_key(curve, private)
    number = int.from_bytes(private, "big")

    for thing in reachable(handle) + reachable(vault) + [vault.public(handle)]:
        assert private not in repr(thing).encode()
        assert private.hex() not in repr(thing)
        assert str(number) not in repr(thing)
        assert thing != private
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        for thing in (vault, handle):
            with pytest.raises(TypeError):
                attempt(thing)
    with pytest.raises(TypeError):
        vars(vault)
    with pytest.raises(TypeError):
        vars(handle)
    assert {name for name in dir(SoftwareVault) if not name.startswith("_")} == {
        "agree",
        "counted",
        "counter",
        "generate",
        "import_key",
        "public",
        "seal",
        "sign",
        "unseal",
    }


def test_a_key_dies_with_its_handle(vault):
    """Forward secrecy: an ephemeral key must not outlive the handshake that made it."""
    before = {id(thing) for thing in gc.get_objects() if type(thing) is Handle}
    handle = vault.generate(Curve.X25519, lambda n: bytes([1]) * n)
    del handle
    gc.collect()

    assert {id(thing) for thing in gc.get_objects() if type(thing) is Handle} <= before
