"""Credentials of zones in the Test Interface: anchors that it makes a test build believe, and a chain of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from picosec.channel.credentials import Kind, Usage
from picosec.crypto.curves import Curve
from picosec.crypto.vault import Vault
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor, read_chain
from picosec.identity.keys import HASH_SIZE
from picosec.identity.scope import decode_scope
from picosec.roles.keyring import Keyring, OwnChain
from picosec.roles.test_fields import each, fields, mismatch
from picosec.roles.test_objects import read_cose_key, read_kid

#: How messages may name the last credential of a chain.
_KINDS: Final = {kind.value: kind for kind in (Kind.KID, Kind.KCWT)}


@dataclass(frozen=True, slots=True)
class CredentialGift:
    """What a provisioning says of credentials: whom to believe, and its own, None to keep what there is."""

    anchors: list[Anchor]
    own: OwnChain | None

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring."""
        keyring.chains.admit(self.anchors)
        if self.own is not None:
            keyring.present(self.own)


def read_credentials(value: Any, vault: Vault) -> CredentialGift:
    """Return what is provisioned; a private key goes into the vault. Raises ``bad_request``, ``bad_key``."""
    entries = fields(value, {}, {1: list, 2: dict})
    own = _own(entries[2], vault) if 2 in entries else None
    return CredentialGift(each(entries.get(1, []), _anchor), own)


def _anchor(value: Any) -> Anchor:
    entries = fields(value, {1: bytes, 2: dict, 3: bytes}, {4: bytes})
    if len(entries[3]) != HASH_SIZE:
        raise mismatch(f"a zone has an identifier of {HASH_SIZE} bytes")
    key = read_cose_key(entries[2], (Curve.P256, Curve.ED25519))
    try:
        scope = decode_scope(entries[4], "CNF-030") if 4 in entries else None
    except ProtocolError as error:
        raise mismatch(error.detail) from error
    return Anchor(read_kid(entries[1]), key, entries[3], scope)


def _own(value: Any, vault: Vault) -> OwnChain:
    entries = fields(value, {1: bytes, 2: bytes}, {3: int, 4: str})
    try:
        chain = read_chain(entries[1])
    except ProtocolError as error:
        raise mismatch(error.detail) from error
    key = chain.holder.key
    handle = vault.import_key(key.curve, entries[2])
    if vault.public(handle).x != key.x:
        raise mismatch("the private key belongs to another credential")
    default = Kind.KID if len(chain.credentials) > 1 else Kind.KCWT
    kind = _KINDS.get(entries[4]) if 4 in entries else default
    if entries.get(3, 0) not in tuple(Usage) or kind is None:
        raise mismatch("no usage of a key, or no way to name a credential")
    if kind is Kind.KCWT and len(chain.credentials) > 1:
        raise mismatch("a chain is not shown by value")
    return OwnChain(chain, handle, Usage(entries.get(3, 0)), kind)
