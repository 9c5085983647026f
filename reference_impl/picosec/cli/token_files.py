"""The files of anonymous tokens (spec/v1/identity-tokens.md).

``NAME.toml`` is for the device that issues tokens and takes them::

    [token-key]
    kid = "2b"
    public_key = "02ac…"            # hexadecimal: a point of P-256 in 33 bytes
    each = "4"                      # how many tokens one peer gets
    room = "1024"                   # how many there are in all
    expires = "1830000000"          # seconds since 1970; may be left out
    sealed_key = "d0c5…"
    [allowed]
    "/actuators/lamp" = "PUT"       # what a token may be spent on
    [reader-key]
    kid = "31"                      # these four: the key that redemptions are sealed for
    …

``NAME.public.toml`` is for clients: the same without private keys, and without what the device alone judges. A purse is
its owner's alone: a copy of that, and the tokens, sealed, in a table ``[purse]``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from picosec.cli.files import public_half
from picosec.cli.key_files import public_lines, read_kid, read_public
from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper, Private, read_private
from picosec.cli.scopes import read_scope, scope_lines
from picosec.cli.tables import Table, document, explain, must_be_new, write_tables
from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.p256 import decode_point, encode_point, encode_scalar, random_scalar
from picosec.crypto.voprf import SecretKey
from picosec.errors import ProtocolError
from picosec.identity.scope import Scope
from picosec.identity.token import Token
from picosec.identity.token_issuer import TokenKey
from picosec.identity.token_purse import Source
from picosec.messaging import cbor
from picosec.net.secret_file import wipe
from picosec.roles.keyring import Keyring

KEY, READER, PURSE, _ALLOWED = "token-key", "reader-key", "purse", "allowed"
_SCALAR: Final = 32
#: Bytes of key identifiers by chance.
_KID: Final = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tokens of a key are good for, and how many there are."""

    scope: Scope
    each: int
    room: int
    expires: int | None


def is_token_key(path: Path) -> bool:
    """Whether a file has a key for tokens. Raises :class:`Mistake` for one that is no TOML."""
    return KEY in document(path)


def key_label(path: Path) -> bytes:
    """Return what the scalar in a file is sealed under. Raises :class:`Mistake`."""
    table = Table(path, KEY)
    return _key_label(read_kid(path, table), table.binary("public_key"))


def reader_label(path: Path) -> bytes:
    """Return what the reader's key in a file is sealed under. Raises :class:`Mistake`."""
    table = Table(path, READER)
    return _reader_label(read_kid(path, table), read_public(path, table))


def make_token_key(path: Path, keeper: Keeper, terms: Terms) -> Path:
    """Make both keys and write them; return the path of what is for clients. Raises :class:`Mistake`."""
    public_path = public_half(path)
    must_be_new(path, public_path)
    kid, reader_kid = os.urandom(_KID), os.urandom(_KID)
    plain = bytearray(encode_scalar(random_scalar(os.urandom)))
    public = encode_point(SecretKey(bytes(plain), "IDN-1330").public)
    private = keeper.seal(plain, _key_label(kid, public))
    handle, reader = keeper.make(Curve.P256, lambda key: _reader_label(reader_kid, key), signs=False)
    named = {"kid": kid.hex(), "public_key": public.hex()}
    judged = {"each": str(terms.each), "room": str(terms.room)}
    if terms.expires is not None:
        judged["expires"] = str(terms.expires)
    read = {"kid": reader_kid.hex(), **public_lines(keeper.vault.public(handle))}
    allowed = {path: methods for methods, path in (line.split(" ", 1) for line in scope_lines(terms.scope, ""))}
    own = {KEY: {**named, **judged, **private.lines()}, _ALLOWED: allowed, READER: {**read, **reader.lines()}}
    write_tables(path, own, 0o600, private.comment)
    write_tables(public_path, {KEY: named, _ALLOWED: allowed, READER: read}, 0o644, "This may be handed to anybody.")
    return public_path


def add_token_keys(keyring: Keyring, path: Path, keeper: Keeper) -> None:
    """Have a keyring issue and take tokens by the keys in a file. Raises :class:`Mistake`."""
    key, reader = Table(path, KEY), Table(path, READER)
    private, reading = read_private(path, key, KEY, _SCALAR), read_private(path, reader, READER)
    if private is None or private.kept is not None or reading is None:
        raise Mistake(f"{path} has no private_key: give the file that `picosec token new` wrote, not its public half")
    scalar = keeper.unsealed(private, key_label(path), path.stem)
    try:
        secret = SecretKey(bytes(scalar), "IDN-1330")
        handle = keeper.open(reading, read_public(path, reader).curve, reader_label(path), path.stem)
    except ProtocolError as error:
        raise explain(path, error) from error
    finally:
        wipe(scalar)
    if encode_point(secret.public) != key.binary("public_key"):
        raise Mistake(f"{path}: the private key does not belong to the public key")
    allowed = Table(path, _ALLOWED)
    scope = read_scope([f"{allowed.text(name, '')} {name}" for name in allowed.values], f"{path}: [{_ALLOWED}]")
    if scope is None:
        raise Mistake(f"{path}: [{_ALLOWED}] names nothing that a token may be spent on")
    expires = _number(path, key, "expires") if "expires" in key.values else None
    each, room = _number(path, key, "each"), _number(path, key, "room")
    made = TokenKey(read_kid(path, key), secret, scope, each, expires, room)
    keyring.issuer.admit([made], [(read_kid(path, reader), handle)])


def read_source(path: Path) -> Source:
    """Read where tokens are from and go to. Raises :class:`Mistake`."""
    key, reader = Table(path, KEY), Table(path, READER)
    try:
        public = decode_point(key.binary("public_key"), "IDN-1800")
    except ProtocolError as error:
        raise explain(path, error) from error
    return Source(read_kid(path, key), public, read_kid(path, reader), read_public(path, reader))


def read_purse(path: Path, keeper: Keeper) -> tuple[Source, list[Token]]:
    """Read the tokens that there are. Raises :class:`Mistake`."""
    source, table = read_source(path), Table(path, PURSE)
    private = Private(sealed=table.binary("sealed_tokens"))
    opened = keeper.unsealed(private, _purse_label(source), path.stem)
    try:
        rows: Any = cbor.loads(bytes(opened))
    finally:
        wipe(opened)
    return source, [Token(source.kid, nonce, output) for nonce, output in rows]


def write_purse(path: Path, source: Source, tokens: list[Token], keeper: Keeper) -> None:
    """Write what tokens there are now, in one step. Raises :class:`Mistake`."""
    rows = bytearray(cbor.dumps([[token.nonce, token.output] for token in tokens]))
    sealed = keeper.seal(rows, _purse_label(source)).sealed
    assert sealed is not None
    named = {"kid": source.kid.hex(), "public_key": encode_point(source.public).hex()}
    read = {"kid": source.reader_kid.hex(), **public_lines(source.reader)}
    tables = {KEY: named, READER: read, PURSE: {"sealed_tokens": sealed.hex()}}
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)  # of a power failure, never read
    write_tables(beside, tables, 0o600, "The tokens are sealed: it takes the vault to open them.")
    os.replace(beside, path)


def _key_label(kid: bytes, public: bytes) -> bytes:
    return b"picosec token-key " + cbor.dumps([kid, public])


def _reader_label(kid: bytes, key: PublicKey) -> bytes:
    return b"picosec token-reader " + cbor.dumps([kid, key.curve.value, key.x, key.y])


def _purse_label(source: Source) -> bytes:
    return b"picosec purse " + cbor.dumps([source.kid, encode_point(source.public), source.reader_kid, source.reader.x])


def _number(path: Path, table: Table, key: str) -> int:
    value = str(table.values.get(key, ""))
    if not value.isdecimal():
        raise Mistake(f"{path}: {key} must be a number")
    return int(value)
