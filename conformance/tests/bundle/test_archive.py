"""The archive has one encoding: what `unzip` reads, and nothing that was changed, added, hidden or compressed."""

from __future__ import annotations

import io
import zipfile

import pytest

from picosec_conformance.bundle.archive import BundleError, expand, pack, squeeze, unpack

PARTS = {"first.txt": b"hello", "empty": b"", "last.bin": bytes(range(64))}


def foreign(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive as other tools write it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_any_tool_can_unpack_it() -> None:
    """A customer without our software wants to read the report in it."""
    with zipfile.ZipFile(io.BytesIO(pack(PARTS))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == PARTS


def test_same_contents_give_the_same_bytes() -> None:
    """Two labs that certify the same compare hashes, not folders."""
    assert pack(PARTS) == pack(dict(PARTS))
    assert unpack(pack(PARTS), tuple(PARTS)) == PARTS


def test_every_changed_byte_is_found_and_named() -> None:
    """Wherever in the file a bit rots or somebody edits, the part that it hits is told."""
    data = pack(PARTS)
    places = {}
    for name in PARTS:
        start = data.index(name.encode())
        entry = data.rindex(name.encode())
        places |= dict.fromkeys(range(start - 30, start + len(name) + len(PARTS[name])), name)
        places |= dict.fromkeys(range(entry - 46, entry + len(name)), name)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x41
        with pytest.raises(BundleError) as caught:
            unpack(bytes(changed), tuple(PARTS))
        assert caught.value.part == places.get(position, "the end of the archive"), position


@pytest.mark.parametrize("length", [0, 1, 29, 60, -23, -1])
def test_archive_that_ends_early_is_refused(length: int) -> None:
    """A download broke off."""
    with pytest.raises(BundleError):
        unpack(pack(PARTS)[:length], tuple(PARTS))


def test_bytes_behind_the_archive_are_refused() -> None:
    """Some readers look for the directory from the end: what is appended would be another archive to them."""
    with pytest.raises(BundleError, match="follow"):
        unpack(pack(PARTS) + foreign({"first.txt": b"evil"}), tuple(PARTS))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(foreign(PARTS), id="repacked"),
        pytest.param(foreign(PARTS, zipfile.ZIP_DEFLATED), id="compressed"),
        pytest.param(foreign({"first.txt": bytes(1 << 24)}, zipfile.ZIP_DEFLATED), id="bomb"),
        pytest.param(pack({"../../first.txt": b"hello"}), id="path-that-climbs"),
        pytest.param(pack({"/etc/passwd": b"hello"}), id="absolute-path"),
        pytest.param(pack({"first.txt": b"hello", "first.txt ": b"twice"}), id="other-name"),
        pytest.param(pack({**PARTS, "more": b""}), id="one-part-more"),
        pytest.param(pack(dict(reversed(PARTS.items()))), id="other-order"),
    ],
)
def test_archive_of_another_form_is_refused(data: bytes) -> None:
    """What unpacks somewhere else, or to something larger, than its reader thinks is an attack on the reader."""
    with pytest.raises(BundleError):
        unpack(data, tuple(PARTS))


def test_compressed_part_is_restored() -> None:
    """A transcript shrinks to a fourth."""
    assert expand("part", squeeze(b"frame" * 1000)) == b"frame" * 1000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(squeeze(bytes(1 << 20)), "more than 1000 bytes", id="bomb"),
        pytest.param(b"not gzip", "does not decompress", id="something-else"),
        pytest.param(squeeze(b"hello")[:-4], "does not end", id="cut-off"),
        pytest.param(squeeze(b"hello") + b"more", "does not end", id="more-behind-it"),
    ],
)
def test_compressed_part_is_bounded(data: bytes, words: str) -> None:
    """Two hundred kilobytes that unpack to two hundred megabytes fill a verifier's memory."""
    with pytest.raises(BundleError, match=words) as caught:
        expand("part", data, limit=1000)
    assert caught.value.part == "part"
