"""Files of one table in TOML: read with errors that name file and key, written anew and for whom they are meant."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picosec.cli.mistakes import Mistake
from picosec.errors import ProtocolError
from picosec.net.secret_file import read_secret, wipe
from picosec.net.storage import StorageError
from picosec.registry import TEXT


def document(path: Path, *, secret: bool = False) -> dict[str, Any]:
    """Return what a TOML file says; a ``secret`` one must be its owner's alone. Raises :class:`Mistake`."""
    try:
        return tomllib.loads(_secret_text(path) if secret else path.read_text())
    except StorageError as error:
        raise Mistake(error.detail) from error
    except FileNotFoundError as error:
        raise Mistake(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"{path} is not TOML: {error}") from error


class Table:
    """One table of a TOML file, read with errors that name the file and the key.

    A ``secret`` file must be its owner's alone. What tomllib makes of it are strings, which nobody can overwrite.
    """

    def __init__(self, path: Path, name: str, *, secret: bool = False) -> None:
        self._path = path
        tables = document(path, secret=secret)
        if not isinstance(tables.get(name), dict):
            raise Mistake(f"{path} has no table [{name}]: is it the right file?")
        self.values: dict[str, Any] = tables[name]

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


def replace_file(path: Path, data: bytes) -> None:
    """Put a file in place of the one there is, in one step. Raises :class:`Mistake`."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        raise Mistake(f"{path} cannot be written: {error.strerror}") from error


def write_table(path: Path, table: str, lines: Mapping[str, str], mode: int, comment: str) -> None:
    """Write a new file of one table. Raises :class:`Mistake` when it is there, or cannot be."""
    write_tables(path, {table: lines}, mode, comment)


def write_tables(path: Path, tables: Mapping[str, Mapping[str, str]], mode: int, comment: str) -> None:
    """Write a new file of several tables. Raises :class:`Mistake` when it is there, or cannot be."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise Mistake(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(f"# {comment}\n")
        for table, lines in tables.items():
            file.write(f"[{table}]\n")
            file.writelines(f"{_key(key)} = {_quoted(value)}\n" for key, value in lines.items())


def _key(text: str) -> str:
    """Return a TOML key: bare where it can be."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _quoted(text)


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    escaped = "".join(
        f"\\u{ord(character):04x}" if ord(character) < 32 or character in '"\\\x7f' else character for character in text
    )
    return f'"{escaped}"'


def explain(path: Path, error: ProtocolError) -> Mistake:
    """Return what is wrong with a file in words."""
    return Mistake(f"{path}: {error.detail or TEXT[error.problem]}")
