"""HKDF with SHA-256 (RFC 5869): the one key derivation of all suites here."""

from __future__ import annotations

from hmac import digest

HASH_LENGTH = 32


def hkdf_extract(salt: bytes, ikm: bytes) -> bytes:
    """Return the 32-byte pseudorandom key. An empty salt stands for 32 zero bytes."""
    return digest(salt, ikm, "sha256")


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    """Return ``length`` bytes, at most 8160. Raises ``ValueError`` beyond."""
    if length <= HASH_LENGTH:
        return digest(prk, info + b"\x01", "sha256")[:length]
    if length > 255 * HASH_LENGTH:
        raise ValueError(f"HKDF with SHA-256 gives at most 8160 bytes, not {length}")
    block = output = digest(prk, info + b"\x01", "sha256")
    counter = 1
    while len(output) < length:
        counter += 1
        block = digest(prk, block + info + bytes((counter,)), "sha256")
        output += block
    return output[:length]
