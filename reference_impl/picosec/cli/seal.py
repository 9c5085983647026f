"""``picosec seal``: private keys that lie in files as they are, sealed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from picosec.cli import attester_files, contexts, files, id_files, object_files, status_files, token_files, zone_files
from picosec.cli.mistakes import DONE, Mistake, explained
from picosec.cli.private import Keeper, keeper
from picosec.cli.tables import Table, document, write_tables
from picosec.cli.vaults import add_vault_argument


def _identity(path: Path) -> bytes:
    return files.read_identity(path, private=False).label


def _history(path: Path) -> bytes:
    return id_files.sealing_label(id_files.read_any(path).key)


def _object_key(path: Path) -> bytes:
    return object_files.key_label(object_files.read_object_key(path, private=False).sender)


def _group_key(path: Path) -> bytes:
    table = Table(path, object_files.GROUP)
    return object_files.group_label(table.binary("kid"), table.choice("purpose", object_files.PURPOSES))


def _zone(path: Path) -> bytes:
    return zone_files.zone_label(zone_files.read_anchor(path))


def _list(path: Path) -> bytes:
    return zone_files.list_label(status_files.read_status_issuer(path))


#: What the private key in a table is sealed under.
LABELS: Final[dict[str, Callable[[Path], bytes]]] = {
    "identity": _identity,
    id_files.KEPT: _history,
    object_files.KEY: _object_key,
    object_files.GROUP: _group_key,
    contexts.TABLE: contexts.sealing_label,
    zone_files.ZONE: _zone,
    status_files.TABLE: _list,
    attester_files.TABLE: attester_files.sealing_label,
    token_files.KEY: token_files.key_label,
    token_files.READER: token_files.reader_label,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = """Seal the private keys of files in which they lie as they are: those that were made with
--unsealed to be taken here, and those of earlier versions. The files are replaced;
copies that were made before, and the blocks of a disk, keep what they had."""
    parser.epilog = """examples:
  picosec seal lamp.toml
      with your own vault
  picosec seal lamp.toml lamp.key.toml home.group.toml --vault vault/lamp.toml
      with that of the device

exit codes: 0 done · 2 a mistake in the command or its files
"""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="of any command that makes keys")
    add_vault_argument(parser, "what seals it")


@explained
def run(options: argparse.Namespace) -> int:
    """Seal each of the files."""
    with ExitStack() as opened:
        keys = keeper(options.vault, opened)
        for path in options.files:
            _seal(path, keys)
            print(f"{path}  the private key, sealed")
    return DONE


def _seal(path: Path, keys: Keeper) -> None:
    """Replace a file by one in which all private keys are sealed. Raises :class:`Mistake`."""
    names = document(path).keys() & LABELS.keys()
    if not names:
        raise Mistake(f"{path} holds no key of picosec: is it the right file?")
    plain = {name: _plain(name) for name in names if _plain(name) in document(path)[name]}
    if not plain:
        raise Mistake(f"{path} has no private_key: it is sealed already, or the public half")
    tables = document(path, secret=True)
    for name, line in plain.items():
        private = keys.seal(bytearray(Table(path, name).binary(line)), LABELS[name](path))
        del tables[name][line]
        tables[name] |= private.lines()
    beside = path.with_name(f"{path.name}.new")
    write_tables(beside, tables, 0o600, private.comment)
    os.replace(beside, path)


def _plain(table: str) -> str:
    """Return the line of a table in which a secret lies as it is."""
    return contexts.SECRET if table == contexts.TABLE else "private_key"
