"""Authenticated encryption against published values and against tampering."""

import pytest

from picosec.crypto.aead import Aead, InvalidTag, cipher, open_, seal


def test_chacha20_poly1305_gives_the_published_ciphertext():
    """RFC 8439 section 2.8.2."""
    key = bytes(range(0x80, 0xA0))
    nonce = bytes.fromhex("070000004041424344454647")
    aad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    plaintext = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        b"sunscreen would be it."
    )

    sealed = seal(Aead.CHACHA20_POLY1305, key, nonce, plaintext, aad)

    assert sealed[:16].hex() == "d31a8d34648e60db7b86afbc53ef7ec2"
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"


def test_aes_ccm_gives_the_published_ciphertext():
    """RFC 3610 packet vector 1: 13-byte nonce, 8-byte tag."""
    key = bytes(range(0xC0, 0xD0))
    nonce = bytes.fromhex("00000003020100a0a1a2a3a4a5")

    sealed = seal(Aead.AES_CCM_16_64_128, key, nonce, bytes(range(8, 31)), bytes(range(8)))

    assert sealed.hex() == "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"


def test_aes_gcm_gives_the_published_ciphertext():
    """McGrew and Viega, "The Galois/Counter Mode of Operation", test case 2."""
    assert seal(Aead.A128GCM, bytes(16), bytes(12), bytes(16), b"").hex() == (
        "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"
    )


@pytest.mark.parametrize("aead", Aead)
def test_any_changed_bit_is_refused(aead):
    """A man in the middle flips one bit of the ciphertext, the nonce or the associated data."""
    key, nonce, aad = bytes(aead.key_length), bytes(aead.nonce_length), b"header"
    sealed = seal(aead, key, nonce, b"lamp on", aad)

    assert open_(aead, key, nonce, sealed, aad) == b"lamp on"
    assert len(sealed) == 7 + aead.tag_length
    for position in range(len(sealed)):
        tampered = bytearray(sealed)
        tampered[position] ^= 1
        with pytest.raises(InvalidTag):
            open_(aead, key, nonce, bytes(tampered), aad)
    with pytest.raises(InvalidTag):
        open_(aead, key, nonce, sealed, b"Header")
    with pytest.raises(InvalidTag):
        open_(aead, key, b"\x01" * aead.nonce_length, sealed, aad)


@pytest.mark.parametrize("aead", Aead)
def test_what_is_shorter_than_a_tag_is_refused(aead):
    """A truncated message must fail as any other forgery does."""
    with pytest.raises(InvalidTag):
        open_(aead, bytes(aead.key_length), bytes(aead.nonce_length), bytes(aead.tag_length - 1), b"")


@pytest.mark.parametrize("aead", Aead)
def test_a_key_of_the_wrong_length_is_refused(aead):
    """AES would silently take a 32-byte key and become another algorithm."""
    with pytest.raises(ValueError, match="takes a key of"):
        cipher(aead, bytes(48 - aead.key_length))
