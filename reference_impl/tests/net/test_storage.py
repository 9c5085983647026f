"""Counters that outlive the process."""

from pathlib import Path

import pytest

from picosec.crypto.vault import SoftwareVault
from picosec.net.storage import FileCounters, FileShelf, FileStorage, StorageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lamp.state"


def test_numbers_go_on_after_a_restart(path):
    """A nonce used before the power failed must never be used again."""
    storage = FileStorage(path)
    assert storage.reserve("a", 64) == 0
    assert storage.reserve("a", 64) == 64
    storage.close()

    assert FileStorage(path).reserve("a", 64) == 128


def test_counters_do_not_disturb_each_other(path):
    """Each key counts for itself."""
    storage = FileStorage(path)
    storage.reserve("a", 64)

    assert storage.reserve("b", 1) == 0


def test_a_second_process_is_refused(path):
    """Two devices with one file would use the same nonces."""
    first = FileStorage(path)

    with pytest.raises(StorageError, match="in use by another picosec"):
        FileStorage(path)

    first.close()
    FileStorage(path).close()


@pytest.mark.parametrize("content", ["", "[]", '{"a": -1}', '{"a": "5"}', '{"a": 1', '{"a": true}'])
def test_a_damaged_file_is_refused_and_kept(path, content):
    """Counting from 0 again would repeat nonces, so nobody but a person may decide it."""
    path.write_text(content)

    with pytest.raises(StorageError, match="is damaged: make new keys"):
        FileStorage(path)

    assert path.read_text() == content


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    """A context on a read-only medium cannot be counted."""
    with pytest.raises(StorageError, match="must be writable"):
        FileStorage(tmp_path / "missing" / "lamp.state")


def test_nobody_else_may_read_it(path):
    """How much a device has said is nobody's business."""
    FileStorage(path).reserve("a", 1)

    assert path.stat().st_mode & 0o077 == 0


def test_counters_of_a_vault_only_go_up(path):
    """Whatever was counted stays counted, whoever restarts the device."""
    storage = FileStorage(path)
    vault = SoftwareVault(bytes(64), FileCounters(storage))
    assert [vault.counter("a"), vault.counter("a"), vault.counter("b")] == [0, 1, 0]
    storage.close()

    counters = FileCounters(FileStorage(path))
    assert dict(counters) == {"a": 2, "b": 1}
    assert SoftwareVault(bytes(64), counters).counter("a") == 2
    with pytest.raises(TypeError, match="would start again"):
        del counters["a"]


def test_a_shelf_keeps_what_was_written_last(path):
    """A device without a word of its earlier life begins a new one."""
    assert FileShelf(path).read() == b""
    FileShelf(path).write(b"first")
    FileShelf(path).write(b"second")

    assert FileShelf(path).read() == b"second"
    assert path.stat().st_mode & 0o077 == 0


def test_a_shelf_that_cannot_be_used_is_one_line(tmp_path):
    """A card that was pulled out must not look like an empty one."""
    with pytest.raises(StorageError, match="directory"):
        FileShelf(tmp_path).read()
    with pytest.raises(StorageError, match="No such file"):
        FileShelf(tmp_path / "missing" / "channels").write(b"state")
