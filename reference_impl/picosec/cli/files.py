"""The files that a person makes, keeps and hands on: identities, OSCORE contexts and vaults, in TOML.

An identity file has one table::

    [identity]
    name = "hall lamp"              # for people
    kind = "kid"                    # how messages name the credential: kid, kccs, kcwt, x5t or x5chain
    usage = "static-dh"             # what the key is for: static-dh or signature
    kid = "2b"                      # hexadecimal; only for kid
    credential = "a2026e…"          # hexadecimal: CWT claims set, CWT, or certificate in DER
    private_key = "5ca1…"           # hexadecimal, 32 bytes; absent from what is handed to others

In place of the private key may stand the same sealed, or the name of a key that a token keeps; both need the vault::

    sealed_key = "d0c5…"            # hexadecimal; a vault file opens it
    vault_key = "1f00…"             # hexadecimal, 16 bytes; CKA_ID of the key

A context file has one table, from the point of view of whoever holds it::

    [oscore]
    sender_id = "01"                # hexadecimal, like all that follow
    recipient_id = "02"
    master_secret = "0102…"
    master_salt = "9e7c…"           # optional
    id_context = "37cb…"            # optional
    aead = 10                       # optional, COSE number of the algorithm

A vault file, which a device makes itself, has one table::

    [vault]
    sealing_key = "5ea1…"           # hexadecimal, 32 bytes
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from picosec.channel.credentials import Credential, Kind, Usage
from picosec.channel.trust import parse_credential
from picosec.cli.mistakes import Mistake
from picosec.crypto.aead import Aead
from picosec.crypto.vault import Handle, InvalidTag, KeptKeys, Vault
from picosec.errors import ProtocolError
from picosec.net.secret_file import read_secret, wipe
from picosec.net.storage import FileStorage, StorageError
from picosec.registry import TEXT
from picosec.roles.keyring import ContextParameters, Keyring, Trusted

_PRIVATE: Final = frozenset({"private_key", "sealed_key", "vault_key"})
USAGES: Final = {"static-dh": Usage.STATIC_DH, "signature": Usage.SIGNATURE}


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A credential, and when it is one's own its private key: as it is, sealed by a vault file, or in a token.

    ``private_key`` is wiped by :func:`add_own`.
    """

    name: str
    kind: Kind
    usage: Usage
    credential: bytes
    parsed: Credential
    kid: bytes | None = None
    private_key: bytearray | None = None
    sealed_key: bytes | None = None
    vault_key: bytes | None = None

    def sealing_label(self) -> bytes:
        """Return what the private key is sealed under: it opens for its own credential only."""
        return b"picosec identity " + self.credential

    def trusted(self) -> Trusted:
        """Return the public part as what peers may show."""
        return Trusted(self.kind, self.credential, self.kid)


def read_identity(path: Path, *, private: bool) -> Identity:
    """Read an identity file; with ``private``, it must say where the private key is. Raises :class:`Mistake`."""
    table = Table(path, "identity")
    name = table.text("name", str(path))
    kind = table.choice("kind", {kind.value: kind for kind in Kind})
    usage = table.choice("usage", USAGES)
    credential = table.binary("credential")
    if private and not _PRIVATE & table.values.keys():
        raise Mistake(f"{path} has no private_key: give the file that `picosec identity` wrote, not its public half")
    private_key = None
    if private and "private_key" in table.values:
        private_key = bytearray(Table(path, "identity", secret=True).binary("private_key", 32))
    try:
        parsed = parse_credential(kind, credential)
    except ProtocolError as error:
        raise Mistake(f"{path}: the credential cannot be used: {error.detail}") from error
    sealed_key, vault_key = table.optional_binary("sealed_key"), table.optional_binary("vault_key")
    return Identity(
        name, kind, usage, credential, parsed, table.optional_binary("kid"), private_key, sealed_key, vault_key
    )


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
    if identity.vault_key is not None:
        kept = {"vault_key": identity.vault_key.hex()}
        write_table(
            path, "identity", {**lines, **kept}, 0o600, "The private key lies in a token, and has this name there."
        )
    elif identity.sealed_key is not None:
        kept = {"sealed_key": identity.sealed_key.hex()}
        write_table(
            path, "identity", {**lines, **kept}, 0o600, "The private key is sealed: it takes the vault to open it."
        )
    else:
        assert identity.private_key is not None
        kept = {"private_key": identity.private_key.hex()}
        wipe(identity.private_key)
        mind = "Keep this file to yourself: whoever reads it can act as you."
        write_table(path, "identity", {**lines, **kept}, 0o600, mind)
    write_table(public_path, "identity", lines, 0o644, "This may be handed to anybody.")
    return public_path


def new_identity_paths(path: Path) -> Path:
    """Return where the public half goes. Raises :class:`Mistake` when an identity is there already."""
    public_path = path.with_name(f"{path.stem}.public{path.suffix}")
    must_be_new(path, public_path)
    return public_path


def read_context(path: Path, opened: ExitStack) -> ContextParameters:
    """Read a context file. Its counters are kept in ``FILE.state`` beside it, until ``opened`` closes.

    Raises :class:`Mistake`.
    """
    table = Table(path, "oscore", secret=True)
    number = table.values.get("aead", Aead.AES_CCM_16_64_128.value)
    algorithms = {each.value: each for each in Aead}
    if number not in algorithms:
        raise Mistake(f"{path}: aead = {number!r} is not supported: use one of {', '.join(map(str, algorithms))}")
    sender_id, recipient_id = table.binary("sender_id"), table.binary("recipient_id")
    secret = table.binary("master_secret")
    try:
        storage = FileStorage(path.with_name(path.name + ".state"))
    except StorageError as error:
        raise Mistake(error.detail) from error
    opened.callback(storage.close)
    parameters = ContextParameters(
        sender_id,
        recipient_id,
        secret,
        storage,
        table.optional_binary("master_salt") or b"",
        table.optional_binary("id_context"),
        algorithms[number],
    )
    try:
        parameters.check()
    except ProtocolError as error:
        raise Mistake(f"{path}: {error.detail}") from error
    return parameters


def write_contexts(device: Path, app: Path, secret: bytes, salt: bytes) -> None:
    """Write both ends of one context, each for its owner only. Raises :class:`Mistake` when either file is there."""
    must_be_new(device, app)
    for path, sender_id, recipient_id in ((device, "01", "02"), (app, "02", "01")):
        lines = {
            "sender_id": sender_id,
            "recipient_id": recipient_id,
            "master_secret": secret.hex(),
            "master_salt": salt.hex(),
        }
        write_table(
            path, "oscore", lines, 0o600, "Keep this file to yourself: whoever reads it can read and forge all."
        )


def read_sealing_key(path: Path, length: int) -> bytearray:
    """Read the key of a vault file; the caller wipes it. Raises :class:`Mistake`."""
    return bytearray(Table(path, "vault", secret=True).binary("sealing_key", length))


def write_sealing_key(path: Path, key: bytes) -> None:
    """Write a vault file for its owner only. Raises :class:`Mistake`."""
    write_table(
        path, "vault", {"sealing_key": key.hex()}, 0o600, "Keep this file to yourself: whoever reads it opens all."
    )


class Table:
    """One table of a TOML file, read with errors that name the file and the key.

    A ``secret`` file must be its owner's alone. What tomllib makes of it are strings, which nobody can overwrite.
    """

    def __init__(self, path: Path, name: str, *, secret: bool = False) -> None:
        self._path = path
        try:
            document = tomllib.loads(_secret_text(path) if secret else path.read_text())
        except StorageError as error:
            raise Mistake(error.detail) from error
        except FileNotFoundError as error:
            raise Mistake(f"{path}: there is no such file") from error
        except (OSError, UnicodeDecodeError) as error:
            raise Mistake(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from error
        except tomllib.TOMLDecodeError as error:
            raise Mistake(f"{path} is not TOML: {error}") from error
        if not isinstance(document.get(name), dict):
            raise Mistake(f"{path} has no table [{name}]: is it the right file?")
        self.values: dict[str, Any] = document[name]

    def text(self, key: str, default: str) -> str:
        """Return a text. Raises :class:`Mistake` for another type."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise Mistake(f"{self._path}: {key} must be a text in quotes")
        return value

    def choice(self, key: str, choices: Mapping[str, Any]) -> Any:
        """Return what one of a few words stands for. Raises :class:`Mistake` for another one."""
        value = self.values.get(key, "")
        if value not in choices:
            raise Mistake(f"{self._path}: {key} must be one of {', '.join(choices)}")
        return choices[value]

    def binary(self, key: str, length: int | None = None) -> bytes:
        """Return bytes, of a length if one is given. Raises :class:`Mistake` without them."""
        value = self.optional_binary(key)
        if value is None:
            raise Mistake(f"{self._path}: {key} is missing")
        if length is not None and len(value) != length:
            raise Mistake(f"{self._path}: {key} must have {length} bytes, not {len(value)}")
        return value

    def optional_binary(self, key: str) -> bytes | None:
        """Return bytes, None without them. Raises :class:`Mistake` for what is not hexadecimal."""
        value = self.values.get(key)
        try:
            return None if value is None else bytes.fromhex(value)
        except (TypeError, ValueError) as error:
            raise Mistake(f"{self._path}: {key} must be hexadecimal digits in quotes") from error


def _secret_text(path: Path) -> str:
    content = read_secret(path)
    try:
        return content.decode()
    finally:
        wipe(content)


def must_be_new(*paths: Path) -> None:
    """Raise :class:`Mistake` when a file is there already."""
    for path in paths:
        if path.exists():
            raise Mistake(f"{path} is there already, and a key that is overwritten is gone: choose another name")


def write_table(path: Path, table: str, lines: Mapping[str, str], mode: int, comment: str) -> None:
    """Write a new file of one table. Raises :class:`Mistake` when it is there, or cannot be."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise Mistake(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(f"# {comment}\n[{table}]\n")
        file.writelines(f"{key} = {_quoted(value)}\n" for key, value in lines.items())


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    escaped = "".join(
        f"\\u{ord(character):04x}" if ord(character) < 32 or character in '"\\\x7f' else character for character in text
    )
    return f'"{escaped}"'


def add_own(keyring: Keyring, identity: Identity, safe: Vault | None = None) -> None:
    """Put an identity into a keyring and wipe its private key; ``safe`` opens one that is sealed.

    Raises ``ProtocolError`` when key and credential do not belong together or the token has no such key, and
    :class:`Mistake` when it takes another vault to open it.
    """
    private = _private(keyring, identity, safe)
    credential = keyring.own_credential(identity.kind, identity.credential, private, identity.usage, identity.kid)
    if isinstance(private, bytearray):
        wipe(private)
    keyring.add(own=[credential])


def _private(keyring: Keyring, identity: Identity, safe: Vault | None) -> bytearray | Handle:
    if identity.private_key is not None:
        return identity.private_key
    if identity.vault_key is not None:
        if not isinstance(keyring.vault, KeptKeys):
            raise Mistake(f"the key of {identity.name!r} lies in a token: `picosec device --vault pkcs11:…` opens it")
        return keyring.vault.find(identity.vault_key)
    assert identity.sealed_key is not None
    if safe is None:
        raise Mistake(f"the key of {identity.name!r} is sealed: `picosec device --vault FILE` opens it")
    try:
        return bytearray(safe.unseal(identity.sealed_key, identity.sealing_label()))
    except InvalidTag as error:
        raise Mistake(
            f"the key of {identity.name!r} does not open: another vault sealed it, or the file was changed"
        ) from error


def explain(path: Path, error: ProtocolError) -> Mistake:
    """Return what is wrong with a file in words."""
    return Mistake(f"{path}: {error.detail or TEXT[error.problem]}")


def fill(
    keyring: Keyring,
    opened: ExitStack,
    own: Iterable[Path],
    trusted: Iterable[Path],
    contexts: Iterable[Path],
    safe: Vault | None = None,
) -> None:
    """Put the contents of files into a keyring; what stays open is closed with ``opened``.

    ``safe`` is the vault that sealed the private keys, if one did. Raises :class:`Mistake`.
    """
    for path in own:
        try:
            add_own(keyring, read_identity(path, private=True), safe)
        except ProtocolError as error:
            raise explain(path, error) from error
    for path in trusted:
        try:
            keyring.add(trusted=[read_identity(path, private=False).trusted()])
        except ProtocolError as error:
            raise explain(path, error) from error
    for path in contexts:
        keyring.add(contexts=[read_context(path, opened)])
