"""What lets keys and channels of a device outlive its process: its vault, and the file of its channels.

The two lie apart. The first is a secure element, or a file that stands for one, in memory that its maker protects: a
key to seal with, and counters that only go up. The second may lie where anybody can copy it and put an old copy back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from picosec.channel.store import LABEL
from picosec.cli.files import read_identity
from picosec.cli.mistakes import Mistake, complain
from picosec.cli.private import Keeper
from picosec.cli.vaults import is_token, open_token, sealing_key
from picosec.crypto.vault import InvalidTag, KeptKeys, SoftwareVault, Vault
from picosec.messaging import cbor
from picosec.net.storage import FileCounters, FileShelf, FileStorage, StorageError


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives the process: the vault, what brings keys of files into it, and where channels lie."""

    vault: Vault
    keeper: Keeper
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
        token = token_vault(vault, own, trusted, opened)
        kept = Kept(token, Keeper(token, token=token.bound_to(b"")), place)
    else:
        if channels is None and not own:
            raise Mistake("channels outlive the device by --vault and --channels together: give both")
        path = Path(vault)
        place = None if channels is None else shelf(channels, path)
        lasting = lasting_vault(path, own, trusted, opened)
        kept = Kept(lasting, Keeper(lasting, path), place)
    _judge(kept, channels)
    return kept


def lasting_vault(path: Path, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack) -> SoftwareVault:
    """Return the vault in a file, which is made when there is none; its counters are in ``FILE.state`` beside it.

    It opens what was sealed for the same identities and the same peers: channels with somebody who is no longer trusted
    do not come back. Raises :class:`Mistake`.
    """
    sealing = sealing_key(path, b"sealing" + _who(own, trusted))
    try:
        counters = FileStorage(path.with_name(path.name + ".state"))
    except StorageError as error:
        raise Mistake(error.detail) from error
    opened.callback(counters.close)
    return SoftwareVault(sealing, FileCounters(counters))


def token_vault(uri: str, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack) -> KeptKeys:
    """Return the vault in the token that a PKCS#11 URI names, bound to the same as :func:`lasting_vault`.

    Raises :class:`Mistake`, and ``StorageError`` for what the token says.
    """
    return open_token(uri, _who(own, trusted), opened)


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


def _who(own: Sequence[Path], trusted: Sequence[Path]) -> bytes:
    return hashlib.sha256(cbor.dumps([_public(files) for files in (own, trusted)])).digest()


def _public(files: Sequence[Path]) -> list[list[object]]:
    identities = (read_identity(path, private=False).trusted() for path in files)
    return sorted(([each.kind.value, each.credential, each.kid] for each in identities), key=cbor.dumps)
