"""Authenticated encryption: the four algorithms of the EDHOC and OSCORE suites (RFC 9053 section 4)."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

__all__ = ["Aead", "Cipher", "InvalidTag", "cipher", "open_", "seal"]


class Cipher(Protocol):
    """One key, ready to use. ``decrypt`` raises ``InvalidTag``; the caller maps it to its own error."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return ciphertext followed by the tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the plaintext, or raise ``InvalidTag``."""


class Aead(Enum):
    """An algorithm. The value is its COSE algorithm number; lengths are in bytes."""

    A128GCM = 1
    AES_CCM_16_64_128 = 10
    CHACHA20_POLY1305 = 24
    AES_CCM_16_128_128 = 30

    key_length: int
    nonce_length: int
    tag_length: int


for _algorithm, (_key, _nonce, _tag) in {
    Aead.A128GCM: (16, 12, 16),
    Aead.AES_CCM_16_64_128: (16, 13, 8),
    Aead.CHACHA20_POLY1305: (32, 12, 16),
    Aead.AES_CCM_16_128_128: (16, 13, 16),
}.items():
    _algorithm.key_length, _algorithm.nonce_length, _algorithm.tag_length = _key, _nonce, _tag


def cipher(aead: Aead, key: bytes) -> Cipher:
    """Return the cipher for ``key``, which has ``aead.key_length`` bytes. Raises ``ValueError`` for another length."""
    if len(key) != aead.key_length:
        raise ValueError(f"{aead.name} takes a key of {aead.key_length} bytes, not {len(key)}")
    if aead is Aead.A128GCM:
        return AESGCM(key)
    if aead is Aead.CHACHA20_POLY1305:
        return ChaCha20Poly1305(key)
    return AESCCM(key, aead.tag_length)


def seal(aead: Aead, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt once: ciphertext followed by the tag."""
    return cipher(aead, key).encrypt(nonce, plaintext, aad)


def open_(aead: Aead, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """Decrypt once. Raises ``InvalidTag`` for anything that was not sealed with the same key, nonce and data."""
    if len(ciphertext) < aead.tag_length:
        raise InvalidTag
    return cipher(aead, key).decrypt(nonce, ciphertext, aad)
