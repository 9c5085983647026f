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
from picosec.cli import attester_files, contexts, id_files, object_files, token_files
from picosec.cli.files import read_identity
from picosec.cli.mistakes import Mistake, complain
from picosec.cli.private import Keeper
from picosec.cli.vaults import is_token, open_token, sealing_key
from picosec.crypto.vault import InvalidTag, KeptKeys, SoftwareVault, Vault
from picosec.messaging import cbor
from picosec.net.storage import FileCounters, FileShelf, FileStorage, StorageError


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives the process: the vault, what brings keys of files into it, and where channels and memory lie.

    ``sealing`` is the same vault where it seals for the memory, which does not depend on who is trusted today.
    """

    vault: Vault
    sealing: Vault
    keeper: Keeper
    channels: FileShelf | None = None
    memory: FileShelf | None = None


def keep(
    vault: str | None,
    channels: Path | None,
    memory: Path | None,
    own: Sequence[Path],
    trusted: Sequence[Path],
    opened: ExitStack,
) -> Kept:
    """Open what ``--vault``, ``--channels`` and ``--memory`` name; it is closed with ``opened``.

    Raises :class:`Mistake`, and ``StorageError`` for what a token says.
    """
    if vault is None or not (channels or memory or own or is_token(vault)):
        raise Mistake(
            "channels outlive the device by --vault and --channels together, what it took by --vault and --memory: "
            "give both"
        )
    if is_token(vault):
        # Counters that are in the token lie apart from the rest wherever this is.
        places = [None if path is None else _in_a_folder(path) for path in (channels, memory)]
        token = token_vault(vault, own, trusted, opened)
        sealing = token.bound_to(b"")
        kept = Kept(token, sealing, Keeper(token, token=sealing), *places)
    else:
        path = Path(vault)
        places = [None if each is None else shelf(each, path) for each in (channels, memory)]
        counters = _counters(path, opened)
        lasting = _lasting_vault(path, own, trusted, counters)
        sealing = SoftwareVault(sealing_key(path, b"memory"), counters)
        kept = Kept(lasting, sealing, Keeper(lasting, path), *places)
    _judge(kept, channels)
    return kept


def lasting_vault(path: Path, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack) -> SoftwareVault:
    """Return the vault in a file, which is made when there is none; its counters are in ``FILE.state`` beside it.

    It opens what was sealed for the same identities and the same peers: channels with somebody who is no longer trusted
    do not come back. Raises :class:`Mistake`.
    """
    return _lasting_vault(path, own, trusted, _counters(path, opened))


def _lasting_vault(path: Path, own: Sequence[Path], trusted: Sequence[Path], counters: FileCounters) -> SoftwareVault:
    return SoftwareVault(sealing_key(path, b"sealing" + _who(own, trusted)), counters)


def _counters(path: Path, opened: ExitStack) -> FileCounters:
    try:
        counters = FileStorage(path.with_name(path.name + ".state"))
    except StorageError as error:
        raise Mistake(error.detail) from error
    opened.callback(counters.close)
    return FileCounters(counters)


def token_vault(uri: str, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack) -> KeptKeys:
    """Return the vault in the token that a PKCS#11 URI names, bound to the same as :func:`lasting_vault`.

    Raises :class:`Mistake`, and ``StorageError`` for what the token says.
    """
    return open_token(uri, _who(own, trusted), opened)


def shelf(path: Path, vault: Path) -> FileShelf:
    """Return the place of what is sealed. Raises :class:`Mistake` when it lies beside the vault (CHN-1490)."""
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
    sealed = b"" if kept.channels is None else kept.channels.read()
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
    return sorted(filter(None, map(_named, files)), key=cbor.dumps)


def _named(path: Path) -> list[object]:
    """Return what names a party: a credential or, whatever its keys, an identifier; nothing for other keys."""
    if path.suffix == id_files.HISTORY_SUFFIX or id_files.is_own(path):
        return [id_files.KEPT, id_files.read_any(path).identifier]
    others = contexts.is_context, object_files.is_object_key, attester_files.is_attester, token_files.is_token_key
    if any(is_other(path) for is_other in others):
        return []
    each = read_identity(path, private=False).trusted()
    return [each.kind.value, each.credential, each.kid]
