"""Counters and channels in files, for what must not repeat, or end, with a restart or a loss of power."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from picosec.errors import ProtocolError
from picosec.registry import Problem


class StorageError(ProtocolError):
    """The file cannot be used; ``detail`` says why and how to mend it, in one line.

    Without a durable counter nothing can be protected: a peer that asks for it is told of an internal error.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(Problem.INTERNAL, "CHN-880", detail)


class FileStorage:
    """Durable counters in one small file, which belongs to one process at a time.

    Each change replaces the file as a whole, so that a loss of power leaves the old one or the new one.
    """

    def __init__(self, path: Path) -> None:
        """Lock and read ``path``, which need not exist; raises :class:`StorageError`."""
        self._path = path
        self._lock = self._locked(path.with_name(path.name + ".lock"))
        try:
            self._counters = self._read()
        except StorageError:
            self.close()
            raise

    def reserve(self, name: str, count: int) -> int:
        """Set aside ``count`` numbers of the counter ``name`` and return the first; raises :class:`StorageError`."""
        first = self._counters.get(name, 0)
        counters = {**self._counters, name: first + count}
        self._write(counters)
        self._counters = counters
        return first

    def counters(self) -> dict[str, int]:
        """Return the next number of each counter."""
        return dict(self._counters)

    def close(self) -> None:
        """Let another process have the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _locked(self, path: Path) -> int | None:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"{path}: {error.strerror}; a file beside it must be writable to count safely"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise StorageError(f"{self._path} is in use by another picosec: stop that one first") from error
        return lock

    def _read(self) -> dict[str, int]:
        try:
            counters = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error
        except ValueError as error:
            raise StorageError(self._damaged()) from error
        if not isinstance(counters, dict) or not all(type(value) is int and value >= 0 for value in counters.values()):
            raise StorageError(self._damaged())
        return counters

    def _damaged(self) -> str:
        # Starting from 0 would repeat nonces: nobody but a person may decide that, and by changing the keys.
        return f"{self._path} is damaged: make new keys, or restore a copy made after the keys were last used"

    def _write(self, counters: dict[str, int]) -> None:
        _replace(self._path, json.dumps(counters).encode())


class FileCounters(MutableMapping[str, int]):
    """The counters of a vault in a :class:`FileStorage`; each change is durable before it returns."""

    def __init__(self, storage: FileStorage) -> None:
        self._storage = storage

    def __getitem__(self, name: str) -> int:
        return self._storage.counters()[name]

    def __setitem__(self, name: str, value: int) -> None:
        self._storage.reserve(name, value - self.get(name, 0))

    def __delitem__(self, name: str) -> None:
        raise TypeError("a counter that is gone would start again")

    def __iter__(self) -> Iterator[str]:
        return iter(self._storage.counters())

    def __len__(self) -> int:
        return len(self._storage.counters())


class FileShelf:
    """One sealed state in a file, which is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """Return what was written last, ``b""`` when nothing was; raises :class:`StorageError`."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error

    def write(self, sealed: bytes) -> None:
        """Put a state in place of the one there is; raises :class:`StorageError`."""
        _replace(self._path, sealed)


def _replace(path: Path, data: bytes) -> None:
    """Replace a file as a whole: a loss of power leaves the old one or the new one."""
    new = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
