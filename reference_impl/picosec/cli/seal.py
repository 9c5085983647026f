"""``picosec seal``: private keys that lie in files as they are, sealed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from picosec.cli import files, id_files, object_files
from picosec.cli.mistakes import DONE, Mistake, explained
from picosec.cli.private import keeper
from picosec.cli.tables import Table, document, write_table
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


#: What the private key in a table is sealed under.
LABELS: Final[dict[str, Callable[[Path], bytes]]] = {
    "identity": _identity,
    id_files.KEPT: _history,
    object_files.KEY: _object_key,
    object_files.GROUP: _group_key,
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
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="of picosec identity, id, or object")
    add_vault_argument(parser, making=False)


@explained
def run(options: argparse.Namespace) -> int:
    """Seal each of the files."""
    with ExitStack() as opened:
        keys = keeper(options.vault, opened)
        for path in options.files:
            name = next((name for name in document(path) if name in LABELS), None)
            if name is None:
                raise Mistake(f"{path} holds no key of picosec: is it the right file?")
            table = Table(path, name, secret=True)
            if "private_key" not in table.values:
                raise Mistake(f"{path} has no private_key: it is sealed already, or the public half")
            private = keys.seal(bytearray(table.binary("private_key")), LABELS[name](path))
            lines = {key: value for key, value in table.values.items() if key != "private_key"} | private.lines()
            beside = path.with_name(f"{path.name}.new")
            write_table(beside, name, lines, 0o600, private.comment)
            os.replace(beside, path)
            print(f"{path}  {private.described}")
    return DONE
