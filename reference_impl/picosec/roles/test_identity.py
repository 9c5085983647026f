"""Identities in the Test Interface: what it gives to a test build, and the acts that change a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picosec.crypto.curves import Curve
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.history import Known
from picosec.identity.keys import ALGORITHMS, HASH_SIZE
from picosec.identity.own import OwnIdentity, new_identity
from picosec.identity.statement import Kind
from picosec.roles.keyring import Keyring
from picosec.roles.test_fields import each, fields, mismatch, typed


@dataclass(frozen=True, slots=True)
class IdentityGift:
    """What a provisioning says of identities: one of its own, None to keep what there is, and whom to trust."""

    own: OwnIdentity | None
    trusted: list[bytes]

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring; of an identity that was trusted before, everything is forgotten."""
        if self.own is not None:
            keyring.assume(self.own)
        for identifier in self.trusted:
            keyring.follow(Known(identifier))


def read_identity(value: Any, vault: Vault) -> IdentityGift:
    """Return what is provisioned; a private key goes into the vault. Raises ``bad_request``, ``bad_key``."""
    entries = fields(value, {}, {1: dict, 2: list})
    own = _own(entries[1], vault) if 1 in entries else None
    return IdentityGift(own, each(entries.get(2, []), _hash))


def read_emergency(value: Any, vault: Vault) -> tuple[Handle, bytes]:
    """Return the key for emergencies that an act brings, and the thumbprint of the next. Raises as above."""
    entries = fields(value, {1: int, 2: bytes, 3: bytes}, {})
    return _key(entries, vault), _hash(entries[3])


def _own(value: Any, vault: Vault) -> OwnIdentity:
    entries = fields(value, {1: int, 2: bytes, 3: bytes}, {})
    handle, committed = _key(entries, vault), _hash(entries[3])
    try:
        return new_identity(vault, handle, committed, Kind.DEVICE, 0)
    except ProtocolError as error:
        raise mismatch(error.detail) from error


def _key(entries: dict[int, Any], vault: Vault) -> Handle:
    curves = {curve.value: curve for curve in ALGORITHMS}
    if entries[1] not in curves:
        raise mismatch(f"a key of an identity is not on curve {entries[1]}")
    return vault.import_key(Curve(entries[1]), entries[2])


def _hash(value: Any) -> bytes:
    if len(typed(value, bytes)) != HASH_SIZE:
        raise mismatch(f"a hash of {HASH_SIZE} bytes")
    return typed(value, bytes)
