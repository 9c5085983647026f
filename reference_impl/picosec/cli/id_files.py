"""The files of an identity that outlives its keys: one to keep, one for the safe, one for everybody.

``NAME.toml`` holds the identity, for its owner alone::

    [identity-history]
    history = "8184…"               # hexadecimal: the history so far
    private_key = "5ca1…"           # hexadecimal, 32 bytes: the current key

``NAME.safe.toml`` holds the key for emergencies, and belongs elsewhere::

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

from picosec.cli.files import Table, explain, write_table
from picosec.cli.mistakes import Mistake
from picosec.crypto.curves import Curve
from picosec.crypto.vault import Handle, SoftwareVault
from picosec.errors import ProtocolError
from picosec.identity.history import History, read_history
from picosec.identity.own import OwnIdentity

CURVES: Final = {"P-256": Curve.P256, "Ed25519": Curve.ED25519}

_KEPT, _SAFE = "identity-history", "emergency-key"


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A private key on its way into a file, and behind a handle."""

    curve: Curve
    private: bytes
    handle: Handle


def new_key(vault: SoftwareVault, curve: Curve) -> Key:
    """Make a key."""
    while True:
        private = os.urandom(32)
        try:
            return Key(curve, private, vault.import_key(curve, private))
        except ProtocolError:  # one P-256 key in four thousand million is none
            continue


def history_path(path: Path) -> Path:
    """Return where the public half of an identity lies."""
    return path.with_suffix(".history")


def read_own(path: Path, vault: SoftwareVault) -> OwnIdentity:
    """Read an identity file; the key goes into the vault. Raises :class:`Mistake`."""
    table = Table(path, _KEPT, secret=True)
    history, private = _history(path, table.binary("history")), table.binary("private_key", 32)
    try:
        handle = vault.import_key(history.key.curve, private)
    except ProtocolError as error:
        raise explain(path, error) from error
    if vault.public(handle).x != history.key.x:
        raise Mistake(f"{path}: the private key is not the current one of the history")
    return OwnIdentity(history, handle)


def write_own(path: Path, identity: OwnIdentity, key: Key) -> Path:
    """Write an identity and, beside it, its history; return the path of that. Raises :class:`Mistake`.

    An identity that is there is replaced in one step: with a loss of power, it is the old one or the new one.
    """
    public = history_path(path)
    lines = {"history": identity.history.encode().hex(), "private_key": key.private.hex()}
    comment = "Keep this file to yourself: whoever reads it can act as you."
    beside = path.with_name(f"{path.name}.new")
    write_table(beside, _KEPT, lines, 0o600, comment)
    try:
        os.replace(beside, path)
        public.write_bytes(identity.history.encode())
    except OSError as error:
        raise Mistake(f"{public} cannot be written: {error.strerror}") from error
    return public


def read_safe(path: Path, vault: SoftwareVault) -> Key:
    """Read the key for emergencies. Raises :class:`Mistake`."""
    table = Table(path, _SAFE, secret=True)
    curve, private = table.choice("curve", CURVES), table.binary("private_key", 32)
    try:
        return Key(curve, private, vault.import_key(curve, private))
    except ProtocolError as error:
        raise explain(path, error) from error


def write_safe(path: Path, key: Key) -> None:
    """Write a new key for emergencies. Raises :class:`Mistake`."""
    name = next(name for name, curve in CURVES.items() if curve is key.curve)
    lines = {"curve": name, "private_key": key.private.hex()}
    write_table(path, _SAFE, lines, 0o600, "Put this file where the identity is not, and do not keep a copy beside it.")


def read_any(path: Path) -> History:
    """Read the history of an identity file or of a history file, unverified. Raises :class:`Mistake`."""
    if path.suffix == ".toml":
        return _history(path, Table(path, _KEPT).binary("history"))
    try:
        return _history(path, path.read_bytes())
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from error


def _history(path: Path, data: bytes) -> History:
    try:
        return read_history(data)
    except ProtocolError as error:
        raise explain(path, error) from error
