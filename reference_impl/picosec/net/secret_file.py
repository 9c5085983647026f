"""Reads a file that holds a secret, and refuses one that somebody else could have read or put there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from picosec.net.storage import StorageError

#: More than any secret here takes.
_MOST: Final = 1 << 20


def read_secret(path: Path) -> bytearray:
    """Return the content, which the caller wipes.

    What is judged is the file that was opened, so that nobody swaps it in between. Raises :class:`StorageError` for a
    symbolic link, for what is no plain file, belongs to another user, is open to others, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise StorageError(f"{path}: there is no such file") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StorageError(
                f"{path} is a symbolic link, which others may point elsewhere: name the file itself"
            ) from error
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        _check(path, os.fstat(descriptor))
        return _content(path, descriptor)
    finally:
        os.close(descriptor)


def wipe(*secrets: bytearray) -> None:
    """Overwrite secrets with zeros.

    This shortens the time in which a memory dump shows them, and no more: Python may have copied them before (a
    ``str``, an ``int``, bytes that an argument was converted to), and so may the kernel and a swap partition. A key
    that must not lie in memory at all belongs in a token.
    """
    for secret in secrets:
        secret[:] = bytes(len(secret))


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"{path} is not a file")
    if status.st_uid != os.geteuid():
        raise StorageError(f"{path} holds a secret and belongs to another user: `chown {os.geteuid()} {path}`")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StorageError(f"{path} holds a secret that others on this machine can read: `chmod 600 {path}`")
    if status.st_size > _MOST:
        raise StorageError(f"{path} has {status.st_size} bytes: is it the right file?")


def _content(path: Path, descriptor: int) -> bytearray:
    content = bytearray(os.fstat(descriptor).st_size)
    try:
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
            length = file.readinto(content) or 0
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    del content[length:]
    return content
