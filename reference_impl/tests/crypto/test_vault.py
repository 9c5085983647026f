"""The vault: published values come out, private keys do not."""

import copy
import gc
import pickle
from collections.abc import Mapping

import pytest

from picosec.crypto.curves import Curve, decode_public
from picosec.crypto.vault import Handle, InvalidTag, SoftwareVault, software_vault
from picosec.errors import ProtocolError
from picosec.registry import Problem

P256_ORDER = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
#: RFC 6979 appendix A.2.5.
P256_PRIVATE = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
P256_X = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"


@pytest.fixture
def vault():
    return software_vault(bytes)


def test_x25519_gives_the_published_secret(vault):
    """RFC 7748 section 6.1."""
    alice = vault.import_key(
        Curve.X25519, bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    )
    bob = vault.import_key(
        Curve.X25519, bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    )

    assert vault.public(alice).x.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert vault.agree(alice, vault.public(bob)).hex() == secret
    assert vault.agree(bob, vault.public(alice)).hex() == secret


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


@pytest.mark.parametrize("bad", [bytes(32), P256_ORDER, P256_PRIVATE[:31], P256_PRIVATE + b"\x00", b""])
def test_what_is_no_private_key_is_refused(vault, bad):
    """A wrong length or a scalar outside the group never becomes a key."""
    with pytest.raises(ProtocolError) as caught:
        vault.import_key(Curve.P256, bad)

    assert caught.value.problem is Problem.BAD_KEY


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        b"\x01" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ],
    ids=["0", "1", "order 8", "order 8, other", "p-1", "p"],
)
def test_a_point_of_small_order_is_refused(vault, point):
    """RFC 7748 section 6.1: such a point forces an all-zero secret that an eavesdropper knows."""
    handle = vault.generate(Curve.X25519, lambda n: bytes([1]) * n)

    with pytest.raises(ProtocolError) as caught:
        vault.agree(handle, decode_public(Curve.X25519, point))

    assert caught.value.problem is Problem.BAD_KEY


@pytest.mark.parametrize("ours", Curve)
@pytest.mark.parametrize("theirs", Curve)
def test_keys_of_two_curves_do_not_agree(vault, ours, theirs):
    """A credential of the wrong curve must end in an error, not in an exception of a library."""
    mine = vault.generate(ours, lambda n: bytes([1]) * n)
    peer = vault.public(vault.generate(theirs, lambda n: bytes([2]) * n))

    if ours is theirs and ours is not Curve.ED25519:
        assert len(vault.agree(mine, peer)) == 32
        return
    with pytest.raises(ProtocolError) as caught:
        vault.agree(mine, peer)
    assert caught.value.problem is Problem.BAD_KEY


def test_an_agreement_key_does_not_sign(vault):
    """X25519 keys have no signature algorithm."""
    with pytest.raises(ProtocolError) as caught:
        vault.sign(vault.generate(Curve.X25519, lambda n: bytes([1]) * n), b"message")

    assert caught.value.problem is Problem.BAD_KEY


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
        "counter",
        "generate",
        "import_key",
        "public",
        "seal",
        "sign",
        "unseal",
    }


def test_a_handle_opens_only_its_own_vault(vault):
    """A handle is not a number that can be guessed or carried over."""
    foreign = software_vault(bytes).generate(Curve.P256, lambda n: bytes([1]) * n)

    for handle in (foreign, Handle()):
        with pytest.raises(KeyError):
            vault.public(handle)


def test_a_key_dies_with_its_handle(vault):
    """Forward secrecy: an ephemeral key must not outlive the handshake that made it."""
    before = {id(thing) for thing in gc.get_objects() if type(thing) is Handle}
    handle = vault.generate(Curve.X25519, lambda n: bytes([1]) * n)
    del handle
    gc.collect()

    assert {id(thing) for thing in gc.get_objects() if type(thing) is Handle} <= before


def test_sealed_bytes_open_only_here_and_under_their_label():
    """A thief of the flash memory, or one who swaps two sealed records, learns and gains nothing."""
    vault = SoftwareVault(bytes(range(64)), {})
    sealed = vault.seal(b"wifi password", b"network")

    assert b"wifi" not in sealed
    assert vault.unseal(sealed, b"network") == b"wifi password"
    with pytest.raises(InvalidTag):
        vault.unseal(sealed, b"firmware")
    with pytest.raises(InvalidTag):
        vault.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"network")
    with pytest.raises(InvalidTag):
        SoftwareVault(bytes(64), {}).unseal(sealed, b"network")


def test_a_counter_never_repeats_even_after_a_restart():
    """A sequence number that comes twice is a nonce that comes twice."""
    stored: dict[str, int] = {}
    first = SoftwareVault(bytes(range(64)), stored)
    seen = [first.counter("a"), first.counter("b"), first.counter("a")]

    restarted = SoftwareVault(bytes(range(64)), stored)

    assert seen == [0, 0, 1]
    assert restarted.counter("a") == 2
