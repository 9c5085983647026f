"""The key of a credential's holder: a COSE_Key with the identifier by which it is named (claim cnf, RFC 8747)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.objects.statement import MAX_KID

_KTY, _KID, _ALG, _CRV, _X, _Y = 1, 2, 3, -1, -2, -3
#: Algorithms by which a key agrees on secrets: ECDH-ES + HKDF-256.
AGREES: Final = -25
#: Algorithms that a key may be restricted to, by curve.
_ALGORITHMS: Final = {
    Curve.P256: frozenset({-7, AGREES}),
    Curve.ED25519: frozenset({-8}),
    Curve.X25519: frozenset({AGREES}),
}
#: Of a COSE_Key on each curve, the kty.
_TYPES: Final = {Curve.P256: 2, Curve.ED25519: 1, Curve.X25519: 1}


@dataclass(frozen=True, slots=True)
class HolderKey:
    """A public key, and its identifier of 1 to 32 bytes. ``algorithm`` is all that it is for, None if nothing is
    said.
    """

    kid: bytes
    key: PublicKey
    algorithm: int | None = None

    @property
    def signs(self) -> bool:
        """Whether it may make signatures."""
        return self.key.curve is not Curve.X25519 and self.algorithm != AGREES

    def members(self) -> dict[int, Any]:
        """Return it as a COSE_Key."""
        curve = self.key.curve
        members = {_KTY: _TYPES[curve], _KID: self.kid, _CRV: curve.value, _X: self.key.x}
        if curve is Curve.P256:
            members[_Y] = self.key.y
        if self.algorithm is not None:
            members[_ALG] = self.algorithm
        return members


def is_holder_key(value: Any) -> bool:
    """Whether a value is a COSE_Key as the grammar has it; whether it is a point of its curve is not judged."""
    if type(value) is not dict or any(type(label) is not int for label in value):
        return False
    if any(type(value.get(label)) is not int for label in (_KTY, _CRV)) or not is_kid(value.get(_KID)):
        return False
    curve = next((each for each in Curve if (value[_KTY], value[_CRV]) == (_TYPES[each], each.value)), None)
    if curve is None:
        return False
    coordinates = {_X, _Y} if curve is Curve.P256 else {_X}
    needed = {_KTY, _KID, _CRV, *coordinates}
    if not needed <= value.keys() <= {*needed, _ALG}:
        return False
    if _ALG in value and (type(value[_ALG]) is not int or value[_ALG] not in _ALGORITHMS[curve]):
        return False
    return all(type(value[label]) is bytes and len(value[label]) == 32 for label in coordinates)


def read_holder_key(value: dict[int, Any]) -> HolderKey:
    """Return the key of a COSE_Key whose form was judged. Raises ``bad_key`` for no point of its curve (IDN-730)."""
    key = decode_public(Curve(value[_CRV]), value[_X], value.get(_Y), "IDN-730")
    return HolderKey(value[_KID], key, value.get(_ALG))


def is_kid(value: Any) -> bool:
    """Whether a value can be a key identifier."""
    return type(value) is bytes and 0 < len(value) <= MAX_KID
