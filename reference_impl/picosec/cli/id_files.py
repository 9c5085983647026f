"""The files of an identity that outlives its keys: one to keep, one for the safe, one for everybody.

``NAME.toml`` holds the identity, for its owner alone::

    [identity-history]
    history = "8184…"               # hexadecimal: the history so far
    sealed_key = "5ca1…"            # the current key (:mod:`picosec.cli.private`)

``NAME.safe.toml`` holds the key for emergencies, and belongs elsewhere. It is not sealed: the vault may be what was
lost, and whoever has to recover the identity then has nothing but this file::

    [emergency-key]
    curve = "P-256"                 # or Ed25519
    private_key = "f00d…"           # hexadecimal, 32 bytes

``NAME.history`` is the history as it is sent, in CBOR.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper, Private, read_private
from picosec.cli.tables import Table, document, explain, write_table
from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.vault import Handle
from picosec.errors import ProtocolError
from picosec.identity.history import History, Known, read_history
from picosec.identity.keys import thumbprint
from picosec.identity.own import OwnIdentity
from picosec.net.secret_file import wipe

CURVES: Final = {"P-256": Curve.P256, "Ed25519": Curve.ED25519}
HISTORY_SUFFIX: Final = ".history"

KEPT, _SAFE = "identity-history", "emergency-key"


@dataclass(frozen=True, slots=True, repr=False)
class EmergencyKey:
    """A key for emergencies on its way into a safe, or out of it, and behind a handle."""

    curve: Curve
    plain: bytearray
    handle: Handle


def new_emergency_key(keeper: Keeper, curve: Curve) -> EmergencyKey:
    """Make one, outside of any token: it has to outlive what holds the token."""
    return EmergencyKey(curve, *keeper.drawn(curve))


def history_path(path: Path) -> Path:
    """Return where the public half of an identity lies."""
    return path.with_suffix(HISTORY_SUFFIX)


def sealing_label(key: PublicKey) -> bytes:
    """Return what the private key of an identity is sealed under: it opens for its own public key only."""
    return b"picosec id " + thumbprint(key)


def is_own(path: Path) -> bool:
    """Whether a file is there and has the table of an identity. Raises :class:`Mistake` for one that is no TOML."""
    return KEPT in document(path)


def read_own(path: Path, keeper: Keeper) -> OwnIdentity:
    """Read an identity file; the key goes into the vault. Raises :class:`Mistake`."""
    history, private = read_any(path), read_key(path)
    try:
        handle = keeper.open(private, history.key.curve, sealing_label(history.key), path.stem)
    except ProtocolError as error:
        raise explain(path, error) from error
    if keeper.vault.public(handle).x != history.key.x:
        raise Mistake(f"{path}: the private key is not the current one of the history")
    return OwnIdentity(history, handle)


def read_key(path: Path) -> Private:
    """Read the private key of an identity file. Raises :class:`Mistake`."""
    private = read_private(path, Table(path, KEPT), KEPT)
    if private is None:
        raise Mistake(f"{path} has no private_key: give the file that `picosec id` wrote")
    return private


def write_own(path: Path, identity: OwnIdentity, private: Private) -> Path:
    """Write an identity and, beside it, its history; return the path of that. Raises :class:`Mistake`.

    An identity that is there is replaced in one step: with a loss of power, it is the old one or the new one.
    """
    public = history_path(path)
    lines = {"history": identity.history.encode().hex(), **private.lines()}
    beside = path.with_name(f"{path.name}.new")
    write_table(beside, KEPT, lines, 0o600, private.comment)
    try:
        os.replace(beside, path)
        public.write_bytes(identity.history.encode())
    except OSError as error:
        raise Mistake(f"{public} cannot be written: {error.strerror}") from error
    return public


def read_safe(path: Path, keeper: Keeper) -> EmergencyKey:
    """Read the key for emergencies. Raises :class:`Mistake`."""
    table = Table(path, _SAFE, secret=True)
    curve, plain = table.choice("curve", CURVES), bytearray(table.binary("private_key", 32))
    try:
        return EmergencyKey(curve, plain, keeper.vault.import_key(curve, plain))
    except ProtocolError as error:
        raise explain(path, error) from error


def write_safe(path: Path, key: EmergencyKey) -> None:
    """Write a new key for emergencies, and wipe it. Raises :class:`Mistake`."""
    name = next(name for name, curve in CURVES.items() if curve is key.curve)
    lines = {"curve": name, "private_key": key.plain.hex()}
    wipe(key.plain)
    write_table(path, _SAFE, lines, 0o600, "Put this file where the identity is not, and do not keep a copy beside it.")


def read_any(path: Path) -> History:
    """Read the history of an identity file or of a history file, unverified. Raises :class:`Mistake`."""
    if path.suffix == ".toml":
        return _history(path, Table(path, KEPT).binary("history"))
    try:
        return _history(path, path.read_bytes())
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from error


def read_verified(path: Path) -> History:
    """Read a history of which every statement is signed by whom it has to be. Raises :class:`Mistake`."""
    history = read_any(path)
    try:
        Known(history.identifier).follow(history)
    except ProtocolError as error:
        raise Mistake(f"{path} does not hold: {error}") from error
    return history


def _history(path: Path, data: bytes) -> History:
    try:
        return read_history(data)
    except ProtocolError as error:
        raise explain(path, error) from error
