"""What every vault does, in memory and in a token."""

import hashlib
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack

import pytest
from cryptography.exceptions import InvalidSignature

from picosec.crypto.curves import Curve, decode_public
from picosec.crypto.vault import Handle, InvalidTag, SoftwareVault, Vault, software_vault
from picosec.errors import ProtocolError
from picosec.registry import Problem

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Begin = Callable[[], Vault]


def software_lives(request: pytest.FixtureRequest, opened: ExitStack) -> Begin:
    stored: MutableMapping[str, int] = {}
    return lambda: SoftwareVault(bytes(range(64)), stored)


def token_lives(request: pytest.FixtureRequest, opened: ExitStack) -> Begin:
    uri = request.getfixturevalue("new_uri")()
    from picosec.net.pkcs11_uri import parse
    from picosec.net.pkcs11_vault import Pkcs11Vault

    def begin() -> Vault:
        opened.close()
        vault = Pkcs11Vault(parse(uri))
        opened.callback(vault.close)
        return vault

    return begin


@pytest.fixture(params=[software_lives, token_lives], ids=["software", "token"])
def begin(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Begin a life of one and the same vault; the life before ends."""
    with ExitStack() as opened:
        yield request.param(request, opened)


@pytest.fixture
def vault(begin: Begin) -> Vault:
    return begin()


def draw(size: int) -> bytes:
    return bytes([7]) * size


def test_p256_gives_the_published_secret(vault: Vault) -> None:
    """RFC 5903 section 8.1: both ends reach g^ir, whichever of them holds its key here."""
    i = bytes.fromhex("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433")
    r = bytes.fromhex("C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53")
    ours, theirs = vault.import_key(Curve.P256, i), vault.import_key(Curve.P256, r)

    assert vault.public(ours).x.hex().upper() == "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
    assert vault.public(ours).y.hex().upper() == "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3"
    shared = "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"
    assert vault.agree(ours, vault.public(theirs)).hex().upper() == shared
    assert vault.agree(theirs, vault.public(ours)).hex().upper() == shared


def test_x25519_gives_the_published_secret(vault: Vault) -> None:
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


def test_ed25519_gives_the_published_signature(vault: Vault) -> None:
    """RFC 8032 section 7.1, test 2: one byte."""
    handle = vault.import_key(
        Curve.ED25519, bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )

    assert vault.public(handle).x.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert vault.sign(handle, b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@pytest.mark.parametrize("curve", [Curve.P256, Curve.X25519])
def test_a_key_that_the_vault_made_agrees_with_one_elsewhere(vault: Vault, curve: Curve) -> None:
    """The public key is the private key's own, and the secret is what an implementation of its own reaches."""
    elsewhere = software_vault(draw)
    ours, theirs = vault.generate(curve, draw), elsewhere.generate(curve, lambda size: bytes([9]) * size)

    assert vault.agree(ours, elsewhere.public(theirs)) == elsewhere.agree(theirs, vault.public(ours))


def test_p256_agrees_from_x_alone(vault: Vault) -> None:
    """EDHOC sends no y: a peer that picks the other point must reach the same secret."""
    elsewhere = software_vault(draw)
    ours = vault.generate(Curve.P256, draw)
    peer = elsewhere.public(elsewhere.generate(Curve.P256, lambda size: bytes([9]) * size))

    secrets = {vault.agree(ours, decode_public(Curve.P256, peer.x, sign)) for sign in (False, True)}
    assert len(secrets) == 1


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519])
@pytest.mark.parametrize("message", [b"", b"message", bytes(70_000)], ids=["empty", "short", "long"])
def test_a_signature_verifies(vault: Vault, curve: Curve, message: bytes, imported: bool) -> None:
    """By `cryptography`, from the public key alone; and for no other message."""
    private = hashlib.sha256(b"private").digest()
    handle = vault.import_key(curve, private) if imported else vault.generate(curve, draw)
    public = vault.public(handle)
    signature = vault.sign(handle, message)

    assert len(signature) == 64
    decode_public(curve, public.x, public.y or None).verify(signature, message)
    with pytest.raises(InvalidSignature):
        public.verify(signature, message + b"!")


@pytest.mark.parametrize("ours", Curve)
@pytest.mark.parametrize("theirs", Curve)
def test_keys_of_two_curves_do_not_agree(vault: Vault, ours: Curve, theirs: Curve) -> None:
    """A credential of the wrong curve must end in an error, not in an exception of a library."""
    elsewhere = software_vault(draw)
    mine, peer = vault.generate(ours, draw), elsewhere.public(elsewhere.generate(theirs, draw))

    if ours is theirs and ours is not Curve.ED25519:
        assert len(vault.agree(mine, peer)) == 32
        return
    with pytest.raises(ProtocolError) as caught:
        vault.agree(mine, peer)
    assert caught.value.problem is Problem.BAD_KEY


def test_an_agreement_key_does_not_sign(vault: Vault) -> None:
    """X25519 keys have no signature algorithm."""
    with pytest.raises(ProtocolError) as caught:
        vault.sign(vault.generate(Curve.X25519, draw), b"message")

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
def test_a_point_of_small_order_is_refused(vault: Vault, point: bytes) -> None:
    """RFC 7748 section 6.1: such a point forces an all-zero secret that an eavesdropper knows."""
    handle = vault.generate(Curve.X25519, draw)

    with pytest.raises(ProtocolError) as caught:
        vault.agree(handle, decode_public(Curve.X25519, point))

    assert caught.value.problem is Problem.BAD_KEY


@pytest.mark.parametrize("bad", [bytes(32), P256_ORDER.to_bytes(32, "big"), b"\x01" * 31, b"\x01" * 33, b""])
def test_what_is_no_private_key_is_refused(vault: Vault, bad: bytes) -> None:
    """A wrong length or a scalar outside the group never becomes a key."""
    with pytest.raises(ProtocolError) as caught:
        vault.import_key(Curve.P256, bad)

    assert caught.value.problem is Problem.BAD_KEY


def test_a_handle_opens_only_its_own_vault(vault: Vault) -> None:
    """A handle is not a number that can be guessed or carried over."""
    foreign = software_vault(draw).generate(Curve.P256, draw)

    for handle in (foreign, Handle()):
        for attempt in (vault.public, lambda each: vault.sign(each, b"")):
            with pytest.raises(KeyError):
                attempt(handle)


@pytest.mark.parametrize("data", [b"x", b"wifi password", bytes(70_000)], ids=["one", "some", "many"])
def test_sealed_bytes_open_in_a_later_life_under_their_label(begin: Begin, data: bytes) -> None:
    """What is sealed outlives the process, and two sealed records cannot be swapped."""
    sealed = begin().seal(data, b"network")
    vault = begin()

    assert data[:8] not in sealed or len(data) == 1
    assert vault.unseal(sealed, b"network") == data
    for label in (b"firmware", b"", b"network\x00"):
        with pytest.raises(InvalidTag):
            vault.unseal(sealed, label)


def test_changed_sealed_bytes_do_not_open(vault: Vault) -> None:
    """Whoever writes to the flash memory changes, cuts, lengthens or empties what is there."""
    sealed = vault.seal(b"wifi password", b"network")
    flipped = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]

    for changed in (*flipped, sealed[:-1], sealed[1:], sealed + b"\x00", sealed[:16], b"x", b""):
        with pytest.raises(InvalidTag):
            vault.unseal(changed, b"network")
    assert vault.unseal(sealed, b"network") == b"wifi password"


def test_another_vault_does_not_open_it(vault: Vault, request: pytest.FixtureRequest) -> None:
    """A device that is built like this one, and holds another key."""
    sealed = vault.seal(b"wifi password", b"network")

    with pytest.raises(InvalidTag):
        software_vault(draw).unseal(sealed, b"network")


def test_a_counter_never_repeats_even_after_a_restart(begin: Begin) -> None:
    """A sequence number that comes twice is a nonce that comes twice; a gap ends the channels that are at rest."""
    first = begin()
    seen = [first.counter("a"), first.counter("b"), first.counter("a")]

    assert seen == [0, 0, 1]
    assert begin().counter("a") == 2
    assert begin().counter("a") == 3
