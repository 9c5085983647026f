"""The cryptography of one EDHOC handshake and nothing else: an upper bound for any implementation on this machine.

Method 3, suite 2, both sides, credentials by ``kid``. Done with ``cryptography`` and ``hmac`` directly and without
choices, checks or decoding, but with the true inputs: given RFC 9529's keys it yields RFC 9529's secrets. Counted:

- two ephemeral keys made, encoded, and decoded by the other side;
- six Diffie-Hellman operations (G_XY, G_RX and G_IY, each on both sides);
- per side 14 HMAC calls (three extractions, eleven expansions) and four hashes (message_1, TH_2, TH_3, TH_4);
- one AEAD encryption and one decryption, under a key used once.

Static keys and the peer's credential are decoded beforehand, as a device does that keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_P256, _ECDH = SECP256R1(), ECDH()
_X962, _COMPRESSED = Encoding.X962, PublicFormat.CompressedPoint


@dataclass(frozen=True, slots=True)
class Side:
    """One side's credential, by ``kid`` of one byte that encodes as an integer, and its static key."""

    credential: bytes
    kid: bytes
    private: EllipticCurvePrivateKey
    public: EllipticCurvePublicKey
    connection: bytes

    @classmethod
    def make(cls, credential: bytes, kid: bytes, private: bytes, connection: bytes) -> Side:
        """Decode the static key."""
        key = derive_private_key(int.from_bytes(private, "big"), _P256)
        return cls(credential, kid, key, key.public_key(), connection)


class Secrets(NamedTuple):
    """What both sides hold in the end."""

    prk_out: bytes
    prk_exporter: bytes
    master_secret: bytes
    master_salt: bytes


def handshake(
    initiator: Side,
    responder: Side,
    suites: bytes = b"\x02",
    x: EllipticCurvePrivateKey | None = None,
    y: EllipticCurvePrivateKey | None = None,
) -> tuple[Secrets, Secrets]:
    """Do the operations of both sides, in order, and return both sides' secrets. Makes ``x`` and ``y`` if not given."""
    x = generate_private_key(_P256) if x is None else x
    g_x = x.public_key().public_bytes(_X962, _COMPRESSED)[1:]
    message_1 = b"\x03" + suites + b"\x58\x20" + g_x + initiator.connection

    y = generate_private_key(_P256) if y is None else y
    g_y = y.public_key().public_bytes(_X962, _COMPRESSED)[1:]
    peer_x = EllipticCurvePublicKey.from_encoded_point(_P256, b"\x02" + g_x)
    th_2 = _th_2(message_1, g_y)
    g_xy = y.exchange(_ECDH, peer_x)
    g_rx = responder.private.exchange(_ECDH, peer_x)
    prk_2e, prk_3e2m, mac_2 = _until_mac_2(g_xy, g_rx, th_2, responder)
    plaintext_2 = responder.connection + responder.kid + b"\x48" + mac_2
    ciphertext_2 = _xor(plaintext_2, _expand(prk_2e, b"\x00\x58\x20" + th_2 + b"\x0b", 11))
    th_3 = sha256(b"\x58\x20" + th_2 + plaintext_2 + responder.credential).digest()
    responder_3 = _until_key_3(prk_3e2m, th_3)

    peer_y = EllipticCurvePublicKey.from_encoded_point(_P256, b"\x02" + g_y)
    th_2 = _th_2(message_1, g_y)
    g_xy = x.exchange(_ECDH, peer_y)
    g_rx = x.exchange(_ECDH, responder.public)
    prk_2e, prk_3e2m, mac_2 = _until_mac_2(g_xy, g_rx, th_2, responder)
    plaintext_2 = _xor(ciphertext_2, _expand(prk_2e, b"\x00\x58\x20" + th_2 + b"\x0b", 11))
    th_3 = sha256(b"\x58\x20" + th_2 + plaintext_2 + responder.credential).digest()
    key, nonce, salt = _until_key_3(prk_3e2m, th_3)
    prk_4e3m = digest(salt, initiator.private.exchange(_ECDH, peer_y), "sha256")
    plaintext_3 = initiator.kid + b"\x48" + _mac_3(prk_4e3m, th_3, initiator)
    a_3 = b"\x83\x68Encrypt0\x40\x58\x20" + th_3
    ciphertext_3 = AESCCM(key, 8).encrypt(nonce, plaintext_3, a_3)
    of_initiator = _secrets(prk_4e3m, th_3, plaintext_3, initiator)

    key, nonce, salt = responder_3
    plaintext_3 = AESCCM(key, 8).decrypt(nonce, ciphertext_3, b"\x83\x68Encrypt0\x40\x58\x20" + th_3)
    prk_4e3m = digest(salt, y.exchange(_ECDH, initiator.public), "sha256")
    _mac_3(prk_4e3m, th_3, initiator)
    of_responder = _secrets(prk_4e3m, th_3, plaintext_3, initiator)
    return of_initiator, of_responder


def _expand(prk: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand for one block."""
    return digest(prk, info + b"\x01", "sha256")[:length]


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def _th_2(message_1: bytes, g_y: bytes) -> bytes:
    return sha256(b"\x58\x20" + g_y + b"\x58\x20" + sha256(message_1).digest()).digest()


def _until_mac_2(g_xy: bytes, g_rx: bytes, th_2: bytes, responder: Side) -> tuple[bytes, bytes, bytes]:
    """PRK_2e, PRK_3e2m and MAC_2."""
    prk_2e = digest(th_2, g_xy, "sha256")
    prk_3e2m = digest(_expand(prk_2e, b"\x01\x58\x20" + th_2 + b"\x18\x20", 32), g_rx, "sha256")
    context = responder.connection + b"\xa1\x04\x41" + responder.kid + b"\x58\x20" + th_2 + responder.credential
    return prk_2e, prk_3e2m, _expand(prk_3e2m, b"\x02\x58" + bytes((len(context),)) + context + b"\x08", 8)


def _until_key_3(prk_3e2m: bytes, th_3: bytes) -> tuple[bytes, bytes, bytes]:
    """K_3, IV_3 and SALT_4e3m."""
    info = b"\x58\x20" + th_3
    key = _expand(prk_3e2m, b"\x03" + info + b"\x10", 16)
    nonce = _expand(prk_3e2m, b"\x04" + info + b"\x0d", 13)
    return key, nonce, _expand(prk_3e2m, b"\x05" + info + b"\x18\x20", 32)


def _mac_3(prk_4e3m: bytes, th_3: bytes, initiator: Side) -> bytes:
    context = b"\xa1\x04\x41" + initiator.kid + b"\x58\x20" + th_3 + initiator.credential
    return _expand(prk_4e3m, b"\x06\x58" + bytes((len(context),)) + context + b"\x08", 8)


def _secrets(prk_4e3m: bytes, th_3: bytes, plaintext_3: bytes, initiator: Side) -> Secrets:
    th_4 = sha256(b"\x58\x20" + th_3 + plaintext_3 + initiator.credential).digest()
    prk_out = _expand(prk_4e3m, b"\x07\x58\x20" + th_4 + b"\x18\x20", 32)
    prk_exporter = _expand(prk_out, b"\x0a\x40\x18\x20", 32)
    secret = _expand(prk_exporter, b"\x00\x40\x10", 16)
    return Secrets(prk_out, prk_exporter, secret, _expand(prk_exporter, b"\x01\x40\x08", 8))
