"""The files of keys for objects (spec/v1/objects.md).

A key of one's own, and without the private one the half that others believe and seal to::

    [object-key]
    purpose = "platform"            # or application
    kid = "11"                      # these three: :mod:`picosec.cli.key_files`
    curve = "P-256"
    public_key = "ac75…"
    sealed_key = "d0c5…"            # :mod:`picosec.cli.private`; absent from what is handed to others

A key that all members of a group hold, the same in the file of each::

    [group-key]
    purpose = "platform"
    kid = "c0"
    sealed_key = "d0c5…"            # or private_key, until `picosec seal`; 16 bytes
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picosec.cli.files import public_half
from picosec.cli.key_files import public_lines, read_kid, read_public
from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper, Private, read_private
from picosec.cli.tables import Table, document, explain, must_be_new, write_table
from picosec.crypto.aead import Aead
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.net.secret_file import wipe
from picosec.objects.compose import SEALING
from picosec.objects.keys import GroupKey, OwnKey, Purpose, SenderKey
from picosec.roles.keyring import Keyring

KEY, GROUP = "object-key", "group-key"
PURPOSES: Final = {purpose.name.lower(): purpose for purpose in Purpose}
#: What encrypts for groups.
AEAD: Final[Aead] = SEALING


@dataclass(frozen=True, slots=True, repr=False)
class ObjectKey:
    """The key of a file: its public half, and when it is one's own its private key."""

    sender: SenderKey
    private: Private | None

    def own(self, keeper: Keeper, name: str) -> OwnKey:
        """Bring the private key into the vault. Raises :class:`Mistake`, and ``ProtocolError`` for another key."""
        assert self.private is not None
        handle = keeper.open(self.private, self.sender.key.curve, key_label(self.sender), name)
        if keeper.vault.public(handle).x != self.sender.key.x:
            raise Mistake(f"the private key of {name!r} does not belong to its public key")
        return OwnKey(self.sender.kid, handle, self.sender.purpose)


def is_object_key(path: Path) -> bool:
    """Whether a file has a key for objects. Raises :class:`Mistake` for one that is no TOML."""
    return not {KEY, GROUP}.isdisjoint(document(path))


def key_label(sender: SenderKey) -> bytes:
    """Return what a private key is sealed under: it opens for its own public key, identifier and purpose only."""
    key = sender.key
    return b"picosec object " + cbor.dumps([sender.kid, int(sender.purpose), key.curve.value, key.x, key.y])


def group_label(kid: bytes, purpose: Purpose) -> bytes:
    """Return what the key of a group is sealed under."""
    return b"picosec group " + cbor.dumps([kid, int(purpose), AEAD.value])


def read_object_key(path: Path, *, private: bool) -> ObjectKey:
    """Read a key; with ``private``, it must say where the private one is. Raises :class:`Mistake`."""
    table = Table(path, KEY)
    sender = SenderKey(read_kid(path, table), read_public(path, table), table.choice("purpose", PURPOSES))
    key = ObjectKey(sender, read_private(path, table, KEY) if private else None)
    if private and key.private is None:
        raise Mistake(f"{path} has no private_key: give the file that `picosec object key` wrote, not its public half")
    return key


def write_object_key(path: Path, sender: SenderKey, private: Private) -> Path:
    """Write a key for its owner only, and its public half beside it; return the latter's path.

    Raises :class:`Mistake` when either is there already.
    """
    public_path = public_half(path)
    must_be_new(path, public_path)
    lines = {"purpose": sender.purpose.name.lower(), "kid": sender.kid.hex(), **public_lines(sender.key)}
    write_table(path, KEY, {**lines, **private.lines()}, 0o600, private.comment)
    write_table(public_path, KEY, lines, 0o644, "This may be handed to anybody.")
    return public_path


def read_group_key(path: Path, keeper: Keeper) -> GroupKey:
    """Read the key of a group. Raises :class:`Mistake`."""
    table = Table(path, GROUP)
    kid, purpose = read_kid(path, table), table.choice("purpose", PURPOSES)
    private = read_private(path, table, GROUP, AEAD.key_length)
    if private is None or private.kept is not None:
        raise Mistake(f"{path} has neither sealed_key nor private_key: give the file that `picosec object group` wrote")
    key = keeper.unsealed(private, group_label(kid, purpose), path.stem)
    try:
        return GroupKey(kid, bytes(key), AEAD, purpose)
    finally:
        wipe(key)


def write_group_key(path: Path, kid: bytes, purpose: Purpose, keeper: Keeper) -> Private:
    """Make the key of a group and write it; return what it is in the file. Raises :class:`Mistake`."""
    must_be_new(path)
    private = keeper.seal(bytearray(os.urandom(AEAD.key_length)), group_label(kid, purpose))
    lines = {"purpose": purpose.name.lower(), "kid": kid.hex(), **private.lines()}
    write_table(path, GROUP, lines, 0o600, private.comment)
    return private


def add_object_keys(keyring: Keyring, path: Path, keeper: Keeper) -> None:
    """Put what is in a file into a keyring: a key of one's own, that of a sender, or of a group.

    Raises :class:`Mistake`.
    """
    if GROUP in document(path):
        keyring.inbox.admit(groups=[read_group_key(path, keeper)])
        return
    table = Table(path, KEY)
    own = read_private(path, table, KEY) is not None
    key = read_object_key(path, private=own)
    try:
        if own:
            keyring.inbox.admit(own=[key.own(keeper, path.stem)])
        else:
            keyring.inbox.admit(senders=[key.sender])
    except ProtocolError as error:
        raise explain(path, error) from error
