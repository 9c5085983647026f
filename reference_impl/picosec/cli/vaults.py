"""Vaults as a person names them: a file, a token by its PKCS#11 URI, or the file of one's own that is always there.

A vault file, which is made where it is missing, has one table::

    [vault]
    sealing_key = "5ea1…"           # hexadecimal, 32 bytes
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from picosec.cli.mistakes import Mistake
from picosec.cli.tables import Table, write_table
from picosec.crypto.kdf import hkdf_expand
from picosec.crypto.vault import KeptKeys, SoftwareVault
from picosec.net import pkcs11_uri
from picosec.net.secret_file import wipe

#: Names the vault that is taken where no ``--vault`` is given.
VARIABLE: Final = "PICOSEC_VAULT"

#: Bytes of the key in the file, and of the one that AES-SIV takes.
_KEY: Final = 32
_SEALING_KEY: Final = 64


def add_vault_argument(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, does: str, *, making: bool = False
) -> None:
    """Declare ``--vault`` and, where keys are made, ``--unsealed``."""
    parser.add_argument(
        "--vault",
        metavar="FILE|URI",
        help=f"{does}, or a token, pkcs11:… (default: what ${VARIABLE} names, else your own, "
        "~/.local/share/picosec/vault.toml)",
    )
    if making:
        parser.add_argument(
            "--unsealed", action="store_true", help="write the private key as it is: whoever copies FILE has it"
        )


def own_vault() -> str:
    """Return what is taken where no vault is named."""
    folder = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return os.environ.get(VARIABLE) or str(Path(folder, "picosec", "vault.toml"))


def is_token(vault: str) -> bool:
    """Tell a vault in a token from one in a file."""
    return vault.lower().startswith(pkcs11_uri.SCHEME)


def own_token() -> str | None:
    """Return what is taken where no vault is named if that is a token."""
    return own_vault() if is_token(own_vault()) else None


def identity_safe(path: Path) -> SoftwareVault:
    """Return what seals and opens private keys with the key of a vault file.

    The file is made when there is none. Raises :class:`Mistake`.
    """
    return SoftwareVault(sealing_key(path, b"identities"), {})


def open_token(uri: str, binding: bytes, opened: ExitStack) -> KeptKeys:
    """Return the vault in the token that a PKCS#11 URI names; it is closed with ``opened``.

    Raises :class:`Mistake`, and ``StorageError`` for what the token says.
    """
    parsed = pkcs11_uri.parse(uri)
    try:
        from picosec.net.pkcs11_vault import Pkcs11Vault
    except ModuleNotFoundError as error:
        raise Mistake("keys in a token need one more package: pip install 'picosec[pkcs11]'") from error
    vault = Pkcs11Vault(parsed, binding)
    opened.callback(vault.close)
    return vault


def sealing_key(path: Path, purpose: bytes) -> bytes:
    """Return the sealing key of one purpose; the one in the file that it comes from is made if missing, and wiped.

    Raises :class:`Mistake`.
    """
    if not path.exists() and not path.is_symlink():
        write_sealing_key(path, os.urandom(_KEY))
    key = read_sealing_key(path, _KEY)
    try:
        return hkdf_expand(bytes(key), purpose, _SEALING_KEY)
    finally:
        wipe(key)


def read_sealing_key(path: Path, length: int) -> bytearray:
    """Read the key of a vault file; the caller wipes it. Raises :class:`Mistake`."""
    return bytearray(Table(path, "vault", secret=True).binary("sealing_key", length))


def write_sealing_key(path: Path, key: bytes) -> None:
    """Write a vault file for its owner only. Raises :class:`Mistake`."""
    if str(path) == own_vault():  # nobody was asked to make a folder for it
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Mistake(f"{path.parent} cannot be made: {error.strerror}; name a vault with --vault") from error
    write_table(
        path, "vault", {"sealing_key": key.hex()}, 0o600, "Keep this file to yourself: whoever reads it opens all."
    )
