"""The helper that brings SoftHSM: where it cannot, it says why and fails nothing but what needs a token."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from picosec_conformance import softhsm
from picosec_conformance.softhsm import SoftHsmMissing, configure, library, main, make_token


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


APT = "for each; do case $each in libsofthsm2|softhsm2) : > $each.deb;; esac; done"


@pytest.mark.parametrize(
    ("apt", "dpkg", "why"),
    [
        (None, None, "no apt-get on this machine"),
        (APT, None, "no dpkg-deb on this machine"),
        ("exit 100", "exit 0", "apt knows no package softhsm2"),
        (APT, "exit 2", "libsofthsm2.deb cannot be unpacked"),
        (APT, "exit 0", "the packages hold no libsofthsm2.so"),
    ],
)
def test_what_is_missing_is_left_in_the_folder(
    tools: Path, tmp_path: Path, apt: str | None, dpkg: str | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine without Debian's packages runs all other tests, and the skipped ones say why."""
    for name, script in (("apt-get", apt), ("dpkg-deb", dpkg)):
        if script is not None:
            program(tools, name, script)
    folder = tmp_path / "softhsm"

    assert main([str(folder)]) == 0
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SoftHsmMissing, match=why):
        library(folder)


def test_lists_of_its_own_are_fetched_where_there_are_none(tools: Path, tmp_path: Path) -> None:
    """A container in which nobody has called `apt-get update`, and nobody is root."""
    program(tools, "apt-get", f'echo "$@" >> {tmp_path}/calls; test -e {tmp_path}/fresh && {{ {APT}; exit 0; }}\n'
            f'case "$*" in *update*) : > {tmp_path}/fresh;; *) exit 100;; esac')  # fmt: skip
    program(tools, "dpkg-deb", ": > $3/unpacked; /bin/mkdir -p $3/usr/lib && : > $3/usr/lib/libsofthsm2.so")
    folder = tmp_path / "softhsm"

    assert main([str(folder)]) == 0

    assert library(folder) == folder / "usr/lib/libsofthsm2.so"
    first, update, second = (tmp_path / "calls").read_text().splitlines()
    assert first == "download libsofthsm2 softhsm2"
    assert update.endswith(" update")
    assert f"Dir::State::lists={folder}/apt/lists" in update
    assert second.endswith(" download libsofthsm2 softhsm2")
    assert f"Dir::State::lists={folder}/apt/lists" in second


def test_what_is_there_is_not_fetched_again(tools: Path, tmp_path: Path) -> None:
    """Each run of tox asks for it."""
    file = tmp_path / "usr/lib/softhsm/libsofthsm2.so"
    file.parent.mkdir(parents=True)
    file.touch()

    assert main([str(tmp_path)]) == 0
    assert library(tmp_path) == file


def test_a_wrong_call_is_told_how() -> None:
    """Without a folder there is nowhere to unpack."""
    assert main([]) == 2
    assert main(["a", "b"]) == 2


def test_a_token_that_cannot_be_made_is_one_reason(tmp_path: Path) -> None:
    """The tool is for another machine, or its libraries are missing."""
    file = tmp_path / "usr/lib/softhsm/libsofthsm2.so"
    file.parent.mkdir(parents=True)
    file.touch()
    with pytest.raises(SoftHsmMissing, match="softhsm2-util cannot make a token here"):
        make_token(tmp_path, configure(tmp_path / "tokens"), "lamp", "1234")
    assert stat.S_ISDIR(os.stat(tmp_path / "tokens").st_mode)


def test_no_source_of_packages_is_written_down() -> None:
    """Where packages come from is the machine's own decision."""
    text = Path(str(softhsm.__file__)).read_text()
    assert "://" not in text
