"""What lets the channels of a device outlive its process: the file of its vault, and the file of its channels.

The two lie apart. The first stands for a secure element, or memory that its maker protects: a key to seal with, and
counters beside it that only go up. The second may lie where anybody can copy it and put an old copy back.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from picosec.cli.files import read_identity, read_sealing_key, write_sealing_key
from picosec.cli.mistakes import Mistake
from picosec.crypto.kdf import hkdf_expand
from picosec.crypto.vault import SoftwareVault
from picosec.messaging import cbor
from picosec.net.storage import FileCounters, FileShelf, FileStorage, StorageError

#: Bytes of the key in the file, and of the one that AES-SIV takes.
_KEY: Final = 32
_SEALING_KEY: Final = 64


def lasting_vault(path: Path, own: Sequence[Path], trusted: Sequence[Path], opened: ExitStack) -> SoftwareVault:
    """Return the vault in a file, which is made when there is none; its counters are in ``FILE.state`` beside it.

    It opens what was sealed for the same identities and the same peers: channels with somebody who is no longer trusted
    do not come back. Raises :class:`Mistake`.
    """
    if not path.exists():
        write_sealing_key(path, os.urandom(_KEY))
    key = read_sealing_key(path, _KEY)
    parties = [_public(files) for files in (own, trusted)]
    try:
        counters = FileStorage(path.with_name(path.name + ".state"))
    except StorageError as error:
        raise Mistake(error.detail) from error
    opened.callback(counters.close)
    who = hashlib.sha256(cbor.dumps(parties)).digest()
    return SoftwareVault(hkdf_expand(key, b"sealing" + who, _SEALING_KEY), FileCounters(counters))


def shelf(path: Path, vault: Path) -> FileShelf:
    """Return the place of sealed channels. Raises :class:`Mistake` when it lies beside the vault (CHN-1490)."""
    if path.resolve().parent == vault.resolve().parent:
        raise Mistake(
            f"{path} lies beside {vault}: whoever puts back one puts back both, so give them folders of their own"
        )
    if not path.resolve().parent.is_dir():
        raise Mistake(f"{path.resolve().parent}: there is no such folder")
    return FileShelf(path)


def _public(files: Sequence[Path]) -> list[list[object]]:
    identities = (read_identity(path, private=False).trusted() for path in files)
    return sorted(([each.kind.value, each.credential, each.kid] for each in identities), key=cbor.dumps)
