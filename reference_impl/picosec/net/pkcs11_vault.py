"""A vault in a PKCS#11 token: a secure element, an HSM, or SoftHSM in its place. No private key leaves the token.

Keys are sensitive and not extractable, and made by the token's own generator. What is sealed, and counters, are the
business of :mod:`picosec.net.pkcs11_seal` and :mod:`picosec.net.pkcs11_counters`.

X25519 keys have the type of Edwards keys here, as SoftHSM 2 takes them: the binding does not know CKK_EC_MONTGOMERY.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from weakref import WeakKeyDictionary, finalize

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import KeyType, Mechanism, exceptions
from pkcs11.constants import Attribute, ObjectClass
from pkcs11.mechanisms import KDF

from picosec.crypto.curves import Curve, Entropy, PublicKey, decode_public
from picosec.crypto.vault import Handle, software_vault
from picosec.errors import ProtocolError
from picosec.net.pkcs11_counters import TokenCounters
from picosec.net.pkcs11_seal import TokenSeal
from picosec.net.pkcs11_token import explained, open_token, refuse_readable
from picosec.net.pkcs11_uri import Pkcs11Uri
from picosec.net.storage import StorageError
from picosec.registry import Problem

#: What names each curve in a token: its object identifier in DER (RFC 5480, RFC 8410).
_PARAMETERS: Final = {
    Curve.P256: bytes.fromhex("06082a8648ce3d030107"),
    Curve.X25519: bytes.fromhex("06032b656e"),
    Curve.ED25519: bytes.fromhex("06032b6570"),
}
#: Some tokens, SoftHSM among them, name a curve by a PrintableString where they were given its identifier.
_NAMED: Final = {b"\x13\x0cedwards25519": Curve.ED25519, b"\x13\x0acurve25519": Curve.X25519}
_CURVES: Final = {parameters: curve for curve, parameters in _PARAMETERS.items()} | _NAMED
#: Type and mechanisms of the keys on a curve.
_MECHANISMS: Final = {
    Curve.P256: (KeyType.EC, {Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA, Mechanism.ECDH1_DERIVE}),
    Curve.X25519: (KeyType.EC_EDWARDS, {Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.ECDH1_DERIVE}),
    Curve.ED25519: (KeyType.EC_EDWARDS, {Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA}),
}
#: How the DER OCTET STRING around a point begins.
_OCTETS: Final = (b"\x04\x41\x04", b"\x04\x20")
_KEY_ID: Final = 16


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """A private key in the token. One that is kept there has no ``end``."""

    public: PublicKey
    private: Any
    signs: bool
    agrees: bool
    end: finalize[[Any], Handle] | None


class Pkcs11Vault:
    """A vault in a token, over one session with it; meets :class:`picosec.crypto.vault.KeptKeys`.

    ``binding`` is bound to all that is sealed, besides its label. What the token cannot do, or does not any more, is a
    :class:`StorageError`; all else is as for any vault.
    """

    __slots__ = ("__counters", "__curves", "__keys", "__name", "__seal", "__session")

    def __init__(self, uri: Pkcs11Uri, binding: bytes = b"") -> None:
        """Log in. Raises :class:`StorageError`."""
        self.__session = open_token(uri)
        self.__name = uri.name
        self.__counters = TokenCounters(self.__session, uri.name)
        self.__keys: WeakKeyDictionary[Handle, _Key] = WeakKeyDictionary()
        self.__seal = TokenSeal(self.__session, uri.name, binding)
        with explained("tell what it can do"):
            offered = self.__session.token.slot.get_mechanisms()
        self.__curves = frozenset(curve for curve in Curve if _MECHANISMS[curve][1] <= offered)
        if Curve.X25519 in self.__curves:
            try:  # no list of mechanisms says whether it takes this curve
                self.generate(Curve.X25519, bytes)
            except ProtocolError:
                self.__curves -= {Curve.X25519}

    def __reduce__(self) -> NoReturn:
        raise TypeError("private keys do not leave the vault")

    def close(self) -> None:
        """Log out. Keys that were not kept are gone, and handles mean nothing any more."""
        for key in self.__keys.values():
            if key.end is not None:
                key.end.detach()
        self.__keys.clear()
        with suppress(exceptions.PKCS11Error):
            self.__session.close()

    def curves(self) -> frozenset[Curve]:
        """Return the curves that the token has."""
        return self.__curves

    def generate(self, curve: Curve, entropy: Entropy) -> Handle:
        """Let the token make a key, which is gone with its handle; ``entropy`` is not drawn."""
        public, private = self.__pair(curve, {Attribute.TOKEN: False}, _uses(curve))
        return self.__enter(public, private, _uses(curve))

    def import_key(self, curve: Curve, private: bytes | bytearray) -> Handle:
        """Take in a 32-byte private key, which the token forgets with its handle."""
        software = software_vault(bytes)
        public = software.public(software.import_key(curve, private))  # refuses what is no key
        uses = _uses(curve)
        with explained(f"take in a key on {curve.name}"):
            imported = self.__session.create_object(
                {
                    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                    Attribute.KEY_TYPE: self.__key_type(curve),
                    Attribute.EC_PARAMS: _PARAMETERS[curve],
                    Attribute.VALUE: bytes(private),
                    Attribute.TOKEN: False,
                    **_kept_secret(uses),
                }
            )
        return self.__enter(public, imported, uses)

    def make(self, curve: Curve, *, signs: bool) -> tuple[bytes, Handle]:
        """Let the token make a key and keep it; it signs or agrees, never both. Return its id for :meth:`find`."""
        uses = {Attribute.SIGN: signs, Attribute.DERIVE: not signs}
        if any(needed and not able for needed, able in zip(uses.values(), _uses(curve).values(), strict=True)):
            raise ProtocolError(Problem.BAD_KEY, "CHN-240", f"keys on {curve.name} do not serve this")
        with explained("name a key"):
            key_id: bytes = self.__session.generate_random(8 * _KEY_ID)
        kept = {Attribute.TOKEN: True, Attribute.ID: key_id, Attribute.LABEL: f"{self.__name} key"}
        public, private = self.__pair(curve, kept, uses)
        return key_id, self.__enter(public, private, uses, kept=True)

    def find(self, key_id: bytes) -> Handle:
        """Return a key that the token keeps. Raises :class:`StorageError` when it has none, or two, of this id."""
        with explained("look for a key"):
            found = {
                kind: list(self.__session.get_objects({Attribute.CLASS: kind, Attribute.ID: key_id}))
                for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)
            }
            if any(len(each) != 1 for each in found.values()):
                raise StorageError(f"the token does not hold the key {key_id.hex()}: was it made in another one?")
            ((private,), (public,)) = found.values()
            refuse_readable(private, key_id.hex())
            curve = _CURVES.get(private[Attribute.EC_PARAMS])
            if curve is None:
                raise StorageError(f"the key {key_id.hex()} of the token lies on a curve that is not known here")
            uses = {use: bool(private[use]) for use in (Attribute.SIGN, Attribute.DERIVE)}
            return self.__enter(_decoded(curve, public[Attribute.EC_POINT]), private, uses, kept=True)

    def public(self, handle: Handle) -> PublicKey:
        """Return the public key."""
        return self.__keys[handle].public

    def agree(self, handle: Handle, peer: PublicKey) -> bytes:
        """Return the 32-byte secret, which the token gives out: it derives no keys as EDHOC does (CKD_NULL)."""
        key = self.__keys[handle]
        curve = key.public.curve
        if peer.curve is not curve or not key.agrees:
            raise ProtocolError(Problem.BAD_KEY, "CHN-240", f"a key on {curve.name} and one on {peer.curve.name}")
        if curve is Curve.P256:
            point = peer.native.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        else:
            point = peer.x
            _refuse_small_order(peer)
        with explained("agree on a secret"):
            derived = key.private.derive_key(
                KeyType.GENERIC_SECRET,
                256,
                mechanism=Mechanism.ECDH1_DERIVE,
                mechanism_param=(KDF.NULL, None, point),
                capabilities=0,
                template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
            )
            secret: bytes = derived[Attribute.VALUE]
            derived.destroy()
        return secret

    def sign(self, handle: Handle, message: bytes) -> bytes:
        """Sign: ES256 as r ‖ s, over a hash made here, with the token's own nonce; or Ed25519."""
        key = self.__keys[handle]
        if not key.signs:
            raise ProtocolError(Problem.BAD_KEY, "CHN-240", f"this key on {key.public.curve.name} does not sign")
        with explained("sign"):
            signature: bytes
            if key.public.curve is Curve.ED25519:
                signature = key.private.sign(message, mechanism=Mechanism.EDDSA)
            else:
                signature = key.private.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA)
        return signature

    def seal(self, data: bytes, label: bytes) -> bytes:
        """Encrypt: the nonce, as many bytes as ``data`` has, and a 16-byte tag."""
        return self.__seal.seal(data, label)

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """Return what was sealed. Raises ``InvalidTag``."""
        return self.__seal.unseal(sealed, label)

    def counter(self, name: str) -> int:
        """Return the next value. The token has the value after it before this returns."""
        return self.__counters.next(name)

    def counted(self, name: str) -> int:
        """Return the next value, and leave it."""
        return self.__counters.last(name)

    def bound_to(self, binding: bytes) -> Pkcs11Vault:
        """Return the same vault over the same session, which :meth:`close` of this one ends, for another binding."""
        other = object.__new__(Pkcs11Vault)
        other.__session, other.__name, other.__curves = self.__session, self.__name, self.__curves
        other.__counters, other.__keys = self.__counters, self.__keys
        other.__seal = TokenSeal(self.__session, self.__name, binding)
        return other

    def __key_type(self, curve: Curve) -> KeyType:
        if curve not in self.__curves:
            raise StorageError(f"the token has no keys on {curve.name}: use another curve, or another token")
        return _MECHANISMS[curve][0]

    def __pair(self, curve: Curve, where: dict[Attribute, Any], uses: dict[Attribute, bool]) -> tuple[PublicKey, Any]:
        parameters = self.__session.create_domain_parameters(
            self.__key_type(curve), {Attribute.EC_PARAMS: _PARAMETERS[curve]}, local=True
        )
        with explained(f"make a key on {curve.name}"):
            public, private = parameters.generate_keypair(
                capabilities=0, public_template=where, private_template={**where, **_kept_secret(uses)}
            )
            decoded = _decoded(curve, public[Attribute.EC_POINT])
            if not where[Attribute.TOKEN]:
                public.destroy()
        return decoded, private

    def __enter(self, public: PublicKey, private: Any, uses: dict[Attribute, bool], *, kept: bool = False) -> Handle:
        handle = Handle()
        end = None if kept else finalize(handle, _destroy, private)
        if end is not None:
            end.atexit = False  # the token forgets it with the session
        self.__keys[handle] = _Key(public, private, uses[Attribute.SIGN], uses[Attribute.DERIVE], end)
        return handle


def _uses(curve: Curve) -> dict[Attribute, bool]:
    """Return all that a key on this curve can serve."""
    return {Attribute.SIGN: curve is not Curve.X25519, Attribute.DERIVE: curve is not Curve.ED25519}


def _kept_secret(uses: dict[Attribute, bool]) -> dict[Attribute, Any]:
    return {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, **uses}


def _decoded(curve: Curve, point: bytes) -> PublicKey:
    """Decode a point of the token, which most tokens wrap into a DER OCTET STRING."""
    raw = point[2:] if point.startswith(_OCTETS) and len(point) in (34, 67) else point
    return decode_public(curve, raw[1:33], raw[33:]) if curve is Curve.P256 else decode_public(curve, raw)


def _refuse_small_order(peer: PublicKey) -> None:
    """Raise ``bad_key`` for a point that makes every secret zero: not every token tells."""
    software = software_vault(bytes)
    software.agree(software.import_key(Curve.X25519, bytes(32)), peer)


def _destroy(private: Any) -> None:
    with suppress(exceptions.PKCS11Error):
        private.destroy()
