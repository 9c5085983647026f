"""The files of identities for channels, which a person makes, keeps and hands on, in TOML.

An identity file has one table::

    [identity]
    name = "hall lamp"              # for people
    kind = "kid"                    # how messages name the credential: kid, kccs, kcwt, x5t or x5chain
    usage = "static-dh"             # what the key is for: static-dh or signature
    kid = "2b"                      # hexadecimal; only for kid
    credential = "a2026e…"          # hexadecimal: CWT claims set, CWT, or certificate in DER
    sealed_key = "d0c5…"            # the private key (:mod:`picosec.cli.private`); absent from what is handed to others

The files of `picosec id` serve as well, and for the public half the history beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picosec.channel.credentials import Credential, Kind, Usage
from picosec.channel.trust import parse_credential
from picosec.cli import id_files
from picosec.cli.contexts import read_context
from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper, Private, read_private
from picosec.cli.tables import Table, explain, must_be_new, write_table
from picosec.errors import ProtocolError
from picosec.identity.history import History
from picosec.identity.keys import credential as history_credential
from picosec.roles.keyring import Keyring, Trusted

USAGES: Final = {"static-dh": Usage.STATIC_DH, "signature": Usage.SIGNATURE}


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A credential, and when it is one's own its private key, which is wiped by :func:`add_own`.

    ``label`` is what that is sealed under: it opens for its own credential only.
    """

    name: str
    kind: Kind
    usage: Usage
    credential: bytes
    parsed: Credential
    label: bytes
    kid: bytes | None = None
    private: Private | None = None

    def trusted(self) -> Trusted:
        """Return the public part as what peers may show."""
        return Trusted(self.kind, self.credential, self.kid)


def sealing_label(credential: bytes) -> bytes:
    """Return what the private key of an identity is sealed under."""
    return b"picosec identity " + credential


def read_identity(path: Path, *, private: bool) -> Identity:
    """Read an identity file; with ``private``, it must say where the private key is. Raises :class:`Mistake`."""
    if path.suffix == id_files.HISTORY_SUFFIX:
        if private:
            raise Mistake(f"{path} has no private_key: give the file that `picosec id` wrote, not its history")
        return _of_history(path, id_files.read_verified(path), None)
    if id_files.is_own(path):
        return _of_history(path, id_files.read_any(path), id_files.read_key(path) if private else None)
    table = Table(path, "identity")
    name = table.text("name", str(path))
    kind = table.choice("kind", {kind.value: kind for kind in Kind})
    usage = table.choice("usage", USAGES)
    credential = table.binary("credential")
    key = read_private(path, table, "identity") if private else None
    if private and key is None:
        raise Mistake(f"{path} has no private_key: give the file that `picosec identity` wrote, not its public half")
    try:
        parsed = parse_credential(kind, credential)
    except ProtocolError as error:
        raise Mistake(f"{path}: the credential cannot be used: {error.detail}") from error
    kid = table.optional_binary("kid")
    return Identity(name, kind, usage, credential, parsed, sealing_label(credential), kid, key)


def _of_history(path: Path, history: History, private: Private | None) -> Identity:
    """Return who authenticates with the last key of a history (IDN-600)."""
    claims = history_credential(history.identifier, history.key)
    parsed = parse_credential(Kind.KID, claims)
    label = id_files.sealing_label(history.key)
    return Identity(path.stem, Kind.KID, Usage.SIGNATURE, claims, parsed, label, None, private)


def write_identity(path: Path, identity: Identity) -> Path:
    """Write an identity for its owner only, and its public half beside it; return the latter's path.

    The private key is wiped. Raises :class:`Mistake` when either is there already.
    """
    public_path = new_identity_paths(path)
    lines = {
        "name": identity.name,
        "kind": identity.kind.value,
        "usage": next(name for name, usage in USAGES.items() if usage is identity.usage),
        "kid": (identity.kid or b"").hex(),
        "credential": identity.credential.hex(),
    }
    assert identity.private is not None
    write_table(path, "identity", {**lines, **identity.private.lines()}, 0o600, identity.private.comment)
    write_table(public_path, "identity", lines, 0o644, "This may be handed to anybody.")
    return public_path


def new_identity_paths(path: Path) -> Path:
    """Return where the public half goes. Raises :class:`Mistake` when an identity is there already."""
    public_path = public_half(path)
    must_be_new(path, public_path)
    return public_path


def public_half(path: Path) -> Path:
    """Return where the public half of what is in a file lies."""
    return path.with_name(f"{path.stem}.public{path.suffix}")


def add_own(keyring: Keyring, identity: Identity, keeper: Keeper) -> None:
    """Put an identity into a keyring and wipe its private key.

    Raises ``ProtocolError`` when key and credential do not belong together or the token has no such key, and
    :class:`Mistake` when it takes another vault to open it.
    """
    assert identity.private is not None
    handle = keeper.open(identity.private, identity.parsed.key.curve, identity.label, identity.name)
    keyring.add(own=[keyring.own_credential(identity.kind, identity.credential, handle, identity.usage, identity.kid)])


def fill(
    keyring: Keyring,
    opened: ExitStack,
    own: Iterable[Path],
    trusted: Iterable[Path],
    contexts: Iterable[Path],
    keeper: Keeper | None = None,
) -> None:
    """Put the contents of files into a keyring; what stays open is closed with ``opened``.

    ``keeper`` brings private keys into the vault of the keyring. Raises :class:`Mistake`.
    """
    keeper = keeper or Keeper(keyring.vault)
    for path in own:
        try:
            add_own(keyring, read_identity(path, private=True), keeper)
        except ProtocolError as error:
            raise explain(path, error) from error
    for path in trusted:
        try:
            keyring.add(trusted=[read_identity(path, private=False).trusted()])
        except ProtocolError as error:
            raise explain(path, error) from error
    for path in contexts:
        keyring.add(contexts=[read_context(path, opened, keeper)])
