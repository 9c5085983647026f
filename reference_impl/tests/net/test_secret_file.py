"""A file with a secret is read only if nobody else could have read it, or put it there."""

import os
from pathlib import Path

import pytest

from picosec.net.secret_file import read_secret, wipe
from picosec.net.storage import StorageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_bytes(b"5ea1")
    return path


def refused(path: Path) -> str:
    with pytest.raises(StorageError) as caught:
        read_secret(path)
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_its_owner_reads_it(file: Path) -> None:
    """Whole, as bytes that can be overwritten."""
    content = read_secret(file)
    assert content == b"5ea1"

    wipe(content)

    assert content == bytes(4)


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o601, 0o610, 0o666])
def test_one_that_others_can_read_or_write_is_refused(file: Path, mode: int) -> None:
    """A neighbour on the machine has read the key, or has put another there."""
    file.chmod(mode)
    assert refused(file) == f"{file} holds a secret that others on this machine can read: `chmod 600 {file}`"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_one_that_its_owner_alone_can_read_is_taken(file: Path, mode: int) -> None:
    """Provisioning may leave it unwritable."""
    file.chmod(mode)
    assert read_secret(file) == b"5ea1"


def test_one_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner knows the key, and can change it under a service that runs with more rights."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert refused(file) == f"{file} holds a secret and belongs to another user: `chown 12345 {file}`"


def test_a_symbolic_link_is_refused(file: Path) -> None:
    """Whoever owns the link decides which file is read."""
    link = file.with_name("link")
    link.symlink_to(file)
    assert "is a symbolic link" in refused(link)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe would keep the device waiting for ever, before it serves anybody."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert refused(tmp_path / "pipe").endswith("is not a file")
    assert refused(tmp_path).endswith("is not a file")
    assert refused(tmp_path / "none").endswith("there is no such file")
    assert refused(tmp_path / "none" / "secret").endswith("there is no such file")


def test_one_that_is_far_too_large_is_refused(file: Path) -> None:
    """Another file was named by mistake: reading it would take all memory."""
    os.truncate(file, 1 << 40)
    assert "is it the right file?" in refused(file)


def test_what_is_judged_is_what_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attacker swaps the file between the check and the reading."""
    other = file.with_name("other")
    other.touch(mode=0o600)
    other.write_bytes(b"evil")
    fstat = os.fstat

    def swapping(descriptor: int) -> os.stat_result:
        if other.exists():
            other.replace(file)
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", swapping)
    assert read_secret(file) == b"5ea1"
