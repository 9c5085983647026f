"""What lets keys and channels of a device outlive its process: its vault, and the file of its channels.

The two lie apart. The first is a secure element, or a file that stands for one, in memory that its maker protects: a
key to seal with, and counters that only go up. The second may lie where anybody can copy it and put an old copy back.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picosec.channel.store import LABEL
from picosec.cli.files import read_identity, read_sealing_key, write_sealing_key
from picosec.cli.mistakes import Mistake, complain
from picosec.crypto.kdf import hkdf_expand
from picosec.crypto.vault import InvalidTag, KeptKeys, SoftwareVault, Vault
from picosec.messaging import cbor
from picosec.net import pkcs11_uri
from picosec.net.secret_file import wipe
from picosec.net.storage import FileCounters, FileShelf, FileStorage, StorageError

#: Bytes of the key in the file, and of the one that AES-SIV takes.
_KEY: Final = 32
_SEALING_KEY: Final = 64


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives the process: the vault, what opens sealed identities, and where channels lie."""

    vault: Vault
    safe: Vault | None = None
    shelf: FileShelf | None = None


def keep(
    vault: str | None, channels: Path | None, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack
) -> Kept:
    """Open what ``--vault`` and ``--channels`` name; it is closed with ``opened``.

    Raises :class:`Mistake`, and ``StorageError`` for what a token says.
    """
    if vault is None:
        raise Mistake("channels outlive the device by --vault and --channels together: give both")
    if is_token(vault):
        # Counters that are in the token lie apart from the channels wherever these are.
        place = None if channels is None else _in_a_folder(channels)
        kept = Kept(token_vault(vault, own, trusted, opened), None, place)
    else:
        if channels is None and not any(read_identity(path, private=False).sealed_key for path in own):
            raise Mistake("channels outlive the device by --vault and --channels together: give both")
        path = Path(vault)
        place = None if channels is None else shelf(channels, path)
        kept = Kept(lasting_vault(path, own, trusted, opened), identity_safe(path), place)
    _judge(kept, channels)
    return kept


def is_token(vault: str) -> bool:
    """Tell a vault in a token from one in a file."""
    return vault.lower().startswith(pkcs11_uri.SCHEME)


def lasting_vault(path: Path, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack) -> SoftwareVault:
    """Return the vault in a file, which is made when there is none; its counters are in ``FILE.state`` beside it.

    It opens what was sealed for the same identities and the same peers: channels with somebody who is no longer trusted
    do not come back. Raises :class:`Mistake`.
    """
    sealing_key = _derived(path, b"sealing" + _who(own, trusted))
    try:
        counters = FileStorage(path.with_name(path.name + ".state"))
    except StorageError as error:
        raise Mistake(error.detail) from error
    opened.callback(counters.close)
    return SoftwareVault(sealing_key, FileCounters(counters))


def identity_safe(path: Path) -> SoftwareVault:
    """Return what seals and opens private keys of identities with the key of the same file.

    The file is made when there is none. Raises :class:`Mistake`.
    """
    return SoftwareVault(_derived(path, b"identities"), {})


def token_vault(uri: str, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack) -> KeptKeys:
    """Return the vault in the token that a PKCS#11 URI names, bound to the same as :func:`lasting_vault`.

    Raises :class:`Mistake`, and ``StorageError`` for what the token says.
    """
    parsed = pkcs11_uri.parse(uri)
    try:
        from picosec.net.pkcs11_vault import Pkcs11Vault
    except ModuleNotFoundError as error:
        raise Mistake("keys in a token need one more package: pip install 'picosec[pkcs11]'") from error
    vault = Pkcs11Vault(parsed, _who(own, trusted))
    opened.callback(vault.close)
    return vault


def shelf(path: Path, vault: Path) -> FileShelf:
    """Return the place of sealed channels. Raises :class:`Mistake` when it lies beside the vault (CHN-1490)."""
    if path.resolve().parent == vault.resolve().parent:
        raise Mistake(
            f"{path} lies beside {vault}: whoever puts back one puts back both, so give them folders of their own"
        )
    return _in_a_folder(path)


def _in_a_folder(path: Path) -> FileShelf:
    if not path.resolve().parent.is_dir():
        raise Mistake(f"{path.resolve().parent}: there is no such folder")
    return FileShelf(path)


def _judge(kept: Kept, channels: Path | None) -> None:
    """Say so when the channels that lie there cannot be opened: they are given up, and peers open new ones."""
    sealed = b"" if kept.shelf is None else kept.shelf.read()
    if sealed:
        try:
            kept.vault.unseal(sealed, LABEL)
        except InvalidTag:
            complain(
                f"{channels} does not open: other keys, other peers, another vault, or the file was changed; "
                "its channels are given up"
            )


def _derived(path: Path, purpose: bytes) -> bytes:
    """Return the sealing key of one purpose; what it comes from is wiped."""
    if not path.exists() and not path.is_symlink():
        write_sealing_key(path, os.urandom(_KEY))
    key = read_sealing_key(path, _KEY)
    try:
        return hkdf_expand(bytes(key), purpose, _SEALING_KEY)
    finally:
        wipe(key)


def _who(own: Sequence[Path], trusted: Sequence[Path]) -> bytes:
    return hashlib.sha256(cbor.dumps([_public(files) for files in (own, trusted)])).digest()


def _public(files: Sequence[Path]) -> list[list[object]]:
    identities = (read_identity(path, private=False).trusted() for path in files)
    return sorted(([each.kind.value, each.credential, each.kid] for each in identities), key=cbor.dumps)
