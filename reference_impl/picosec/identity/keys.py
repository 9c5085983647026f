"""The keys of an identity: each signs, and is known by its thumbprint (RFC 9679) before it is shown."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.crypto.suites import Signature
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import Problem

#: Bytes of a thumbprint, of an identifier and of the name of a statement: those of SHA-256.
HASH_SIZE: Final = 32
#: Bytes of an identifier by which a message names the credential of an identity.
KID_SIZE: Final = 8
#: Signature algorithm by the curve of the key.
ALGORITHMS: Final = {algorithm.curve: algorithm for algorithm in Signature}

_KTY, _KID, _ALG, _CRV, _X, _Y = 1, 2, 3, -1, -2, -3
_CONFIRMATION, _COSE_KEY = 8, 1
_EC2, _OKP = (2, Curve.P256.value), (1, Curve.ED25519.value)


def encode_key(key: PublicKey) -> dict[int, Any]:
    """Return a key that signs as a COSE_Key of its required members. Raises ``bad_key`` for one that does not sign."""
    if key.curve is Curve.P256:
        return {_KTY: 2, _CRV: key.curve.value, _X: key.x, _Y: key.y}
    if key.curve is Curve.ED25519:
        return {_KTY: 1, _CRV: key.curve.value, _X: key.x}
    raise ProtocolError(Problem.BAD_KEY, "IDN-330", f"a key on {key.curve.name} does not sign")


def is_key(value: Any) -> bool:
    """Whether a value is a COSE_Key as the grammar has it: of P-256 with both coordinates, or of Ed25519."""
    if type(value) is not dict or any(type(label) is not int for label in value):
        return False
    if type(value.get(_KTY)) is not int or type(value.get(_CRV)) is not int:
        return False
    form = (value[_KTY], value[_CRV])
    coordinates = {_EC2: (_X, _Y), _OKP: (_X,)}.get(form, ())
    if not coordinates or value.keys() != {_KTY, _CRV, *coordinates}:
        return False
    return all(type(value[label]) is bytes and len(value[label]) == 32 for label in coordinates)


def decode_key(value: dict[int, Any]) -> PublicKey:
    """Return the key of a COSE_Key whose form was judged. Raises ``bad_key`` for no point of its curve (IDN-330)."""
    return decode_public(Curve(value[_CRV]), value[_X], value.get(_Y), "IDN-330")


def thumbprint(key: PublicKey) -> bytes:
    """Return the SHA-256 thumbprint of a key (RFC 9679)."""
    return sha256(cbor.dumps(encode_key(key))).digest()


def key_identifier(identifier: bytes) -> bytes:
    """Return the ``kid`` by which messages name the credential of an identity."""
    return identifier[:KID_SIZE]


def identifier_in(cred: bytes) -> bytes | None:
    """Return the ``kid`` in a credential of the form that :func:`credential` makes, None for one of another form."""
    claims = cbor.loads(cred)
    if type(claims) is not dict or claims.keys() != {_CONFIRMATION}:
        return None
    kid = claims[_CONFIRMATION][_COSE_KEY].get(_KID)
    return kid if type(kid) is bytes else None


def credential(identifier: bytes, key: PublicKey) -> bytes:
    """Return the claims set (CCS) by which the holder of an identity authenticates with its current key.

    Both ends compute it, so that it need not be sent. Its key is for signatures alone.
    """
    members = {**encode_key(key), _KID: key_identifier(identifier), _ALG: ALGORITHMS[key.curve].value}
    return cbor.dumps({_CONFIRMATION: {_COSE_KEY: members}})
