"""The vault: every private key lives behind it and none leaves. What goes out are public keys, secrets agreed with a
peer, signatures, sealed bytes and counters."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, NoReturn, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import ECDH, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from picosec.crypto.curves import ES256, P256, P256_ORDER, Curve, Entropy, PublicKey, public_from_native
from picosec.errors import ProtocolError
from picosec.registry import Problem

__all__ = ["Handle", "InvalidTag", "KeptKeys", "SoftwareVault", "Vault"]

_ECDH = ECDH()


class Handle:
    """Names one private key inside a vault and says nothing about it. The key lives as long as its handle."""

    __slots__ = ("__weakref__",)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a handle has a meaning in its own vault only")


class Vault(Protocol):
    """What a protocol may do with private keys. A handle of another vault raises ``KeyError``."""

    def generate(self, curve: Curve, entropy: Entropy) -> Handle:
        """Make a key, from ``entropy`` unless the vault has a generator of its own."""

    def import_key(self, curve: Curve, private: bytes | bytearray) -> Handle:
        """Take in a 32-byte private key. Raises ``bad_key`` when it is none. The caller may wipe it afterwards."""

    def public(self, handle: Handle) -> PublicKey:
        """Return the public key."""

    def agree(self, handle: Handle, peer: PublicKey) -> bytes:
        """Return the 32-byte Diffie-Hellman secret. Raises ``bad_key`` for an all-zero one or another curve."""

    def sign(self, handle: Handle, message: bytes) -> bytes:
        """Return the 64-byte ES256 or EdDSA signature. Raises ``bad_key`` for a key that does not sign."""

    def seal(self, data: bytes, label: bytes) -> bytes:
        """Encrypt ``data`` so that only this vault opens it, under the same ``label``."""

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """Return what was sealed. Raises ``InvalidTag``."""

    def counter(self, name: str) -> int:
        """Return the next value of a counter that starts at 0 and never repeats."""

    def counted(self, name: str) -> int:
        """Return what :meth:`counter` would, and do not count."""


@runtime_checkable
class KeptKeys(Vault, Protocol):
    """A vault that makes keys and keeps them when the process ends, such as a token."""

    def make(self, curve: Curve, *, signs: bool) -> tuple[bytes, Handle]:
        """Make a key that signs, or one that agrees, and keep it; return its id too. Raises ``bad_key``."""

    def find(self, key_id: bytes) -> Handle:
        """Return the key of this id. Raises ``ProtocolError`` when there is none."""

    def curves(self) -> frozenset[Curve]:
        """Return the curves on which it can have keys."""

    def bound_to(self, binding: bytes) -> Vault:
        """Return the same vault, with the same keys and counters, where it seals for ``binding``."""


class SoftwareVault:
    """A vault in this process's memory.

    ``sealing_key`` has 64 bytes and, like ``counters``, comes from where the process keeps what outlives it. Sealing is
    AES-SIV (RFC 5297), which needs no nonce: equal data under one label seals to equal bytes, and nothing else shows.
    """

    __slots__ = ("__counters", "__keys", "__siv")

    def __init__(self, sealing_key: bytes, counters: MutableMapping[str, int]) -> None:
        self.__siv = AESSIV(sealing_key)
        self.__keys: WeakKeyDictionary[Handle, tuple[Curve, Any]] = WeakKeyDictionary()
        self.__counters = counters

    def __reduce__(self) -> NoReturn:
        raise TypeError("private keys do not leave the vault")

    def generate(self, curve: Curve, entropy: Entropy) -> Handle:
        """Make a key from 32 bytes of ``entropy``; on P-256 draw again while they are no scalar of the group."""
        private = entropy(32)
        while curve is Curve.P256 and not 0 < int.from_bytes(private, "big") < P256_ORDER:
            private = entropy(32)
        return self.import_key(curve, private)

    def import_key(self, curve: Curve, private: bytes | bytearray) -> Handle:
        """Take in a 32-byte private key: big-endian scalar on P-256, as in RFC 7748 and RFC 8032 on the others."""
        if len(private) != 32:
            raise ProtocolError(Problem.BAD_KEY, "CHN-240", f"a private key of {len(private)} bytes, not 32")
        key: Any
        if curve is Curve.P256:
            scalar = int.from_bytes(private, "big")
            if not 0 < scalar < P256_ORDER:
                raise ProtocolError(Problem.BAD_KEY, "CHN-240", "the scalar is not below the order of the group")
            key = derive_private_key(scalar, P256)
        elif curve is Curve.X25519:
            key = X25519PrivateKey.from_private_bytes(private)
        else:
            key = Ed25519PrivateKey.from_private_bytes(private)
        handle = Handle()
        self.__keys[handle] = (curve, key)
        return handle

    def public(self, handle: Handle) -> PublicKey:
        """Return the public key."""
        curve, key = self.__keys[handle]
        return public_from_native(curve, key.public_key())

    def agree(self, handle: Handle, peer: PublicKey) -> bytes:
        """Return the 32-byte secret: the x-coordinate on P-256, the u-coordinate on X25519."""
        curve, key = self.__keys[handle]
        secret: bytes
        if peer.curve is curve is Curve.P256:
            secret = key.exchange(_ECDH, peer.native)
            return secret
        if peer.curve is curve is Curve.X25519:
            try:
                secret = key.exchange(peer.native)
            except ValueError as error:
                raise ProtocolError(Problem.BAD_KEY, "CHN-260", "the shared secret is all zero") from error
            return secret
        raise ProtocolError(Problem.BAD_KEY, "CHN-240", f"a key on {curve.name} and one on {peer.curve.name}")

    def sign(self, handle: Handle, message: bytes) -> bytes:
        """Sign: ES256 as r ‖ s with the deterministic nonce of RFC 6979, or Ed25519."""
        curve, key = self.__keys[handle]
        if curve is Curve.ED25519:
            signature: bytes = key.sign(message)
            return signature
        if curve is Curve.P256:
            r, s = decode_dss_signature(key.sign(message, ES256))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        raise ProtocolError(Problem.BAD_KEY, "CHN-240", "an X25519 key does not sign")

    def seal(self, data: bytes, label: bytes) -> bytes:
        """Encrypt: a 16-byte tag followed by as many bytes as ``data`` has, which must be at least one."""
        return self.__siv.encrypt(data, [label])

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """Return what was sealed."""
        return self.__siv.decrypt(sealed, [label])

    def counter(self, name: str) -> int:
        """Return the next value. The mapping has the value after it before this returns."""
        value = self.__counters.get(name, 0)
        self.__counters[name] = value + 1
        return value

    def counted(self, name: str) -> int:
        """Return the next value, and leave it."""
        return self.__counters.get(name, 0)


def software_vault(entropy: Callable[[int], bytes]) -> SoftwareVault:
    """Return a vault that lives only as long as this process: new sealing key, counters from 0."""
    return SoftwareVault(entropy(64), {})
