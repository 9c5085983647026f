"""Anonymous tokens in the Test Interface: keys that it gives to a test build, and the acts that fetch and spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.crypto.p256 import decode_point
from picosec.crypto.vault import Handle, Vault
from picosec.crypto.voprf import SecretKey
from picosec.errors import ProtocolError
from picosec.identity.scope import decode_scope
from picosec.identity.token_issuer import ROOM, TokenKey
from picosec.identity.token_purse import Source
from picosec.objects.request import CarriedRequest
from picosec.roles.keyring import Keyring
from picosec.roles.test_fields import each, fields, mismatch
from picosec.roles.test_objects import read_cose_key, read_kid

#: Curves of keys that redemptions are sealed for.
_READING: Final = (Curve.P256, Curve.X25519)


@dataclass(frozen=True, slots=True)
class TokenGift:
    """What a provisioning says of tokens: keys to issue them with, keys to read them with, and where to get them."""

    keys: list[TokenKey]
    sources: list[Source]
    readers: list[tuple[bytes, Handle]]

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring."""
        keyring.issuer.admit(self.keys, self.readers)
        keyring.purse.admit(self.sources)


def read_tokens(value: Any, vault: Vault) -> TokenGift:
    """Return what is provisioned; keys of readers go into the vault. Raises ``bad_request``, ``bad_key``."""
    entries = fields(value, {}, {1: list, 2: list, 3: list})

    def reader(row: Any) -> tuple[bytes, Handle]:
        return _reader(row, vault)

    keys, sources = each(entries.get(1, []), _key), each(entries.get(2, []), _source)
    return TokenGift(keys, sources, each(entries.get(3, []), reader))


def read_redemption(parameters: Any) -> tuple[bytes, CarriedRequest]:
    """Return the key whose token an act spends, and on what. Raises ``bad_request``."""
    entries = fields(parameters, {1: bytes, 2: int, 3: str, 5: bytes}, {4: int})
    code, path, content_format = entries[2], entries[3], entries.get(4)
    if not 0 < code < 32 or not path.startswith("/") or (content_format is not None and content_format > 0xFFFF):
        raise mismatch(f"no request with code {code} for {path!r} can be carried")
    return read_kid(entries[1]), CarriedRequest(code, path, content_format, entries[5])


def _key(value: Any) -> TokenKey:
    entries = fields(value, {1: bytes, 2: bytes, 3: bytes, 5: int}, {4: int, 6: int})
    try:
        scope = decode_scope(entries[3], "CNF-030")
    except ProtocolError as error:
        raise mismatch(error.detail) from error
    secret = SecretKey(entries[2], "CNF-030")
    return TokenKey(read_kid(entries[1]), secret, scope, entries[5], entries.get(4), entries.get(6, ROOM))


def _source(value: Any) -> Source:
    entries = fields(value, {1: bytes, 2: bytes, 3: bytes, 4: dict}, {})
    public = decode_point(entries[2], "CNF-030")
    return Source(read_kid(entries[1]), public, read_kid(entries[3]), read_cose_key(entries[4], _READING))


def _reader(value: Any, vault: Vault) -> tuple[bytes, Handle]:
    entries = fields(value, {1: bytes, 2: int, 3: bytes}, {})
    if entries[2] not in {curve.value for curve in _READING}:
        raise mismatch(f"nothing is sealed for a key on curve {entries[2]}")
    return read_kid(entries[1]), vault.import_key(Curve(entries[2]), entries[3])
