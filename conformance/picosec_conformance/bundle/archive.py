"""The outer form of a bundle: a ZIP archive that has exactly one encoding for given contents.

Every tool that reads ZIP reads it: parts one after the other, stored and not compressed, all dated 1 January 1980, and
the directory behind them. Since nothing in it is free, one changed byte anywhere can be found and named; since nothing
is compressed and the names are given, there is nothing to blow up on unpacking and nowhere to escape to.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

#: Bytes of a bundle that anybody opens.
MAX_SIZE: Final = 1 << 28

_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
_VERSION, _FLAGS, _STORED, _TIME, _DATE = 20, 0, 0, 0, 0x0021


class BundleError(Exception):
    """A bundle is not what it was. ``part`` names where, the text says how."""

    def __init__(self, part: str, detail: str) -> None:
        super().__init__(detail)
        self.part = part


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return the archive of these parts, in their order."""
    bodies = [_header(name, zlib.crc32(content), len(content)) + content for name, content in parts.items()]
    return b"".join([*bodies, *_directory(parts)])


def unpack(data: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """Return the parts of an archive that :func:`pack` made of parts with these names.

    Raises ``BundleError`` naming the part at which the first byte differs from what ``pack`` writes.
    """
    parts: dict[str, bytes] = {}
    position = 0
    for name in names:
        head = data[position : position + _LOCAL.size + len(name)]
        if len(head) < _LOCAL.size + len(name):
            raise BundleError(name, "the archive ends before it")
        checksum, size = _LOCAL.unpack_from(head)[6:8]
        if head != _header(name, checksum, size):
            raise BundleError(name, "its header is not as `picosec certify` writes it: is it a repacked archive?")
        position += len(head)
        content = data[position : position + size]
        if len(content) != size or checksum != zlib.crc32(content):
            raise BundleError(name, "it is damaged: its length or checksum is wrong")
        parts[name] = content
        position += size
    _check_directory(data[position:], parts)
    return parts


def _check_directory(data: bytes, parts: Mapping[str, bytes]) -> None:
    position = 0
    for name, entry in zip([*parts, "the end of the archive"], _directory(parts), strict=True):
        if data[position : position + len(entry)] != entry:
            raise BundleError(name, "its entry in the archive's directory is damaged")
        position += len(entry)
    if position != len(data):
        raise BundleError("the end of the archive", f"{len(data) - position} bytes follow it")


def _header(name: str, checksum: int, size: int) -> bytes:
    fields = (_VERSION, _FLAGS, _STORED, _TIME, _DATE, checksum, size, size, len(name), 0)
    return _LOCAL.pack(b"PK\3\4", *fields) + name.encode("ascii")


def _directory(parts: Mapping[str, bytes]) -> list[bytes]:
    """Return one entry for each part, and the end record."""
    entries, offset = [], 0
    for name, content in parts.items():
        size = len(content)
        fields = (_VERSION, _VERSION, _FLAGS, _STORED, _TIME, _DATE, zlib.crc32(content), size, size, len(name))
        entries.append(_CENTRAL.pack(b"PK\1\2", *fields, 0, 0, 0, 0, 0, offset) + name.encode("ascii"))
        offset += _LOCAL.size + len(name) + size
    length = sum(map(len, entries))
    return [*entries, _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), length, offset, 0)]


def squeeze(data: bytes) -> bytes:
    """Compress a part with gzip, without a date or a name."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


def expand(part: str, data: bytes, limit: int = MAX_SIZE) -> bytes:
    """Undo :func:`squeeze`. Raises ``BundleError``, also for more than ``limit`` bytes: no more than that are made."""
    decompressor = zlib.decompressobj(31)
    try:
        content = decompressor.decompress(data, limit + 1)
    except zlib.error as error:
        raise BundleError(part, f"it does not decompress: {error}") from error
    if len(content) > limit:
        raise BundleError(part, f"it decompresses to more than {limit} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise BundleError(part, "it does not end where its compressed data end")
    return content
