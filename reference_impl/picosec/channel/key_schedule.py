"""The EDHOC key schedule (RFC 9528 section 4) and what proofs are computed over. Functions only; all values are raw
bytes.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import digest
from typing import Final

from picosec.channel.edhoc_messages import bstr
from picosec.crypto.aead import Aead
from picosec.crypto.kdf import hkdf_expand, hkdf_extract
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.registry import Problem

#: The longest output of HKDF with SHA-256, and so the longest PLAINTEXT_2.
MAX_OUTPUT: Final = 8160

#: A transcript hash as CBOR byte string begins so.
_TH: Final = b"\x58\x20"
_LENGTH_32: Final = b"\x18\x20\x01"  # length 32, then the counter of HKDF's first block


#: Labels and lengths are small: their encodings need not be made each time.
_UINTS: Final = tuple(dumps(value) for value in range(256))


def _uint(value: int) -> bytes:
    return _UINTS[value] if 0 <= value < 256 else dumps(value)


def kdf(prk: bytes, label: int, context: bytes, length: int) -> bytes:
    """Return EDHOC_KDF(prk, label, context, length)."""
    return hkdf_expand(prk, _uint(label) + bstr(context) + _uint(length), length)


def _kdf_32(prk: bytes, label: bytes, th: bytes) -> bytes:
    """Return EDHOC_KDF for a context of one transcript hash and a length of 32, in one step of HMAC."""
    return digest(prk, label + _TH + th + _LENGTH_32, "sha256")


def th_2(g_y: bytes, message_1: bytes) -> bytes:
    """Return TH_2 = H(G_Y, H(message_1))."""
    return sha256(_TH + g_y + _TH + sha256(message_1).digest()).digest()


def th_3(th_2: bytes, plaintext_2: bytes, cred_r: bytes) -> bytes:
    """Return TH_3 = H(TH_2, PLAINTEXT_2, CRED_R)."""
    return sha256(_TH + th_2 + plaintext_2 + cred_r).digest()


th_4 = th_3  # TH_4 = H(TH_3, PLAINTEXT_3, CRED_I)


def prk_2e(th_2: bytes, g_xy: bytes) -> bytes:
    """Return PRK_2e."""
    return hkdf_extract(th_2, g_xy)


def keystream_2(prk_2e: bytes, th_2: bytes, length: int) -> bytes:
    """Return KEYSTREAM_2. Raises ``too_large`` beyond 8160 bytes."""
    if length > MAX_OUTPUT:
        raise ProtocolError(Problem.TOO_LARGE, "MSG-160", f"PLAINTEXT_2 has {length} bytes")
    return hkdf_expand(prk_2e, b"\x00\x58\x20" + th_2 + _uint(length), length)


def xor(data: bytes, keystream: bytes) -> bytes:
    """Return two byte strings of one length added without carry."""
    return (int.from_bytes(data, "big") ^ int.from_bytes(keystream, "big")).to_bytes(len(data), "big")


def prk_3e2m(prk_2e: bytes, th_2: bytes, g_rx: bytes) -> bytes:
    """Return PRK_3e2m for a Responder with a static Diffie-Hellman key; for one that signs it is PRK_2e."""
    return hkdf_extract(_kdf_32(prk_2e, b"\x01", th_2), g_rx)


def prk_4e3m(prk_3e2m: bytes, th_3: bytes, g_iy: bytes) -> bytes:
    """Return PRK_4e3m for an Initiator with a static Diffie-Hellman key; for one that signs it is PRK_3e2m."""
    return hkdf_extract(_kdf_32(prk_3e2m, b"\x05", th_3), g_iy)


def mac_2(prk_3e2m: bytes, c_r: bytes, id_cred: bytes, th_2: bytes, cred: bytes, ead: bytes, length: int) -> bytes:
    """Return MAC_2; ``c_r`` is encoded as in message_2."""
    return kdf(prk_3e2m, 2, c_r + id_cred + _TH + th_2 + cred + ead, length)


def mac_3(prk_4e3m: bytes, id_cred: bytes, th_3: bytes, cred: bytes, ead: bytes, length: int) -> bytes:
    """Return MAC_3."""
    return kdf(prk_4e3m, 6, id_cred + _TH + th_3 + cred + ead, length)


def signed(id_cred: bytes, th: bytes, cred: bytes, ead: bytes, mac: bytes) -> bytes:
    """Return what a signature is computed over: the Sig_structure of a COSE_Sign1."""
    return b"\x84\x6aSignature1" + bstr(id_cred) + bstr(_TH + th + cred + ead) + bstr(mac)


def additional_data(th: bytes) -> bytes:
    """Return the AEAD's additional data for message_3 (TH_3) and message_4 (TH_4): an Enc_structure."""
    return b"\x83\x68Encrypt0\x40\x58\x20" + th


def key_and_nonce(prk: bytes, label: int, th: bytes, aead: Aead) -> tuple[bytes, bytes]:
    """Return the key, derived with ``label``, and the nonce, with the label after it: 3 for message_3, 8 for
    message_4.
    """
    context, key_length, nonce_length = _TH + th, aead.key_length, aead.nonce_length
    key = hkdf_expand(prk, _UINTS[label] + context + _UINTS[key_length], key_length)
    return key, hkdf_expand(prk, _UINTS[label + 1] + context + _UINTS[nonce_length], nonce_length)


def prk_out(prk_4e3m: bytes, th_4: bytes) -> bytes:
    """Return PRK_out."""
    return _kdf_32(prk_4e3m, b"\x07", th_4)


def prk_exporter(prk_out: bytes) -> bytes:
    """Return PRK_exporter."""
    return kdf(prk_out, 10, b"", 32)


def updated(prk_out: bytes, context: bytes) -> bytes:
    """Return the PRK_out after EDHOC_KeyUpdate(context)."""
    return kdf(prk_out, 11, context, 32)
