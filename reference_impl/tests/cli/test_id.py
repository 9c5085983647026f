"""``picosec id`` as a person uses it: made, shown, given other keys, verified."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from picosec.cli import main
from picosec.identity.history import read_history


def made(folder: Path, *options: str) -> Path:
    """Return the file of a new identity."""
    path = folder / "lamp.toml"
    assert main(["id", "new", str(path), *options]) == 0
    return path


def identifier(path: Path) -> str:
    """Return who a history is of."""
    return read_history(path.with_suffix(".history").read_bytes()).identifier.hex()


@pytest.mark.parametrize("curve", ["P-256", "Ed25519"])
def test_identity_is_made_shown_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str], curve: str) -> None:
    """Need: three files, of which two are secret, and a name to tell others."""
    path = made(tmp_path, "--curve", curve, "--kind", "user")
    name = identifier(path)

    assert main(["id", "show", str(path.with_suffix(".history"))]) == 0
    assert main(["id", "verify", str(path.with_suffix(".history")), "--identifier", name]) == 0

    out = capsys.readouterr().out
    assert f"identifier  {name}" in out
    assert all(word in out for word in ("user", curve, "begun"))
    for secret in ("lamp.toml", "lamp.safe.toml"):
        assert os.stat(tmp_path / secret).st_mode & 0o077 == 0


def test_identity_stays_the_same_through_all_its_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Need: rotated twice, stolen, recovered with the key from the safe, and rotated again."""
    path = made(tmp_path)
    name, old = identifier(path), path.with_suffix(".history").read_bytes()
    (tmp_path / "old.history").write_bytes(old)
    safe, further = str(tmp_path / "lamp.safe.toml"), str(tmp_path / "further.toml")

    assert main(["id", "rotate", str(path)]) == 0
    assert main(["id", "rotate", str(path)]) == 0
    assert main(["id", "recover", str(path), "--safe", safe, "--next", further]) == 0
    assert main(["id", "rotate", str(path)]) == 0

    history = str(path.with_suffix(".history"))
    assert identifier(path) == name
    assert main(["id", "verify", history, "--identifier", name, "--known", str(tmp_path / "old.history")]) == 0
    assert main(["id", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert (out.count("rotation"), out.count("emergency")) == (3, 1)


@pytest.fixture(params=["file", "token"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What --vault names."""
    return str(tmp_path / "vault.toml") if request.param == "file" else str(request.getfixturevalue("new_uri")())


def test_no_key_of_an_identity_lies_in_its_file(tmp_path: Path, vault: str) -> None:
    """Need: sealed, or in a token, through every key that it gets; only the one for emergencies is for a safe."""
    path = made(tmp_path, "--vault", vault)
    name = identifier(path)
    safe, further = str(tmp_path / "lamp.safe.toml"), str(tmp_path / "further.toml")
    for line in (["rotate"], ["recover", "--safe", safe, "--next", further], ["rotate"]):
        assert main(["id", line[0], str(path), *line[1:], "--vault", vault]) == 0
        assert "private_key" not in tomllib.loads(path.read_text())["identity-history"]

    assert main(["id", "verify", str(path.with_suffix(".history")), "--identifier", name]) == 0


def test_identity_moves_into_a_token(tmp_path: Path, new_uri: Callable[[], str]) -> None:
    """Need: it began in a file, and the device got a secure element later."""
    path, uri = made(tmp_path), new_uri()

    assert main(["id", "rotate", str(path), "--vault", uri]) == 0

    assert "vault_key" in tomllib.loads(path.read_text())["identity-history"]
    assert main(["id", "rotate", str(path), "--vault", uri]) == 0


def test_sealed_key_does_not_serve_another_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Attack: the sealed lines of two identities are swapped."""
    path, other = made(tmp_path), tmp_path / "other.toml"
    assert main(["id", "new", str(other)]) == 0
    keys = [tomllib.loads(each.read_text())["identity-history"]["sealed_key"] for each in (path, other)]
    path.write_text(path.read_text().replace(*keys))

    assert main(["id", "rotate", str(path)]) == 2

    assert "the key of 'lamp' does not open" in capsys.readouterr().err


def test_stolen_identity_is_recovered_from_its_history_alone(tmp_path: Path) -> None:
    """Attack: the thief has the file; the owner has the history that everybody has, and the safe."""
    path = made(tmp_path)
    path.unlink()
    safe, further = str(tmp_path / "lamp.safe.toml"), str(tmp_path / "further.toml")

    assert main(["id", "recover", str(path.with_suffix(".history")), "--safe", safe, "--next", further]) == 0

    assert main(["id", "rotate", str(path)]) == 0


def test_forged_history_is_not_recovered(tmp_path: Path) -> None:
    """Attack: the history that is at hand has been changed; the next key would go into a safe for nothing."""
    path = made(tmp_path)
    history = path.with_suffix(".history")
    data = history.read_bytes()
    history.write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))
    safe, further = str(tmp_path / "lamp.safe.toml"), tmp_path / "further.toml"

    assert main(["id", "recover", str(history), "--safe", safe, "--next", str(further)]) == 1

    assert not further.exists()


def test_another_identity_does_not_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Attack: somebody hands over his own history under another's name."""
    path, other = made(tmp_path), tmp_path / "other.toml"
    assert main(["id", "new", str(other)]) == 0

    assert main(["id", "verify", str(other.with_suffix(".history")), "--identifier", identifier(path)]) == 1

    assert "another identity" in capsys.readouterr().err


def test_changed_history_does_not_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Attack: the last signature is not what it was."""
    path = made(tmp_path)
    name, history = identifier(path), path.with_suffix(".history")
    data = history.read_bytes()
    history.write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))

    assert main(["id", "verify", str(history), "--identifier", name]) == 1
    assert main(["id", "show", str(history)]) == 1

    assert "authentication_failed (IDN-360)" in capsys.readouterr().err


def test_old_history_does_not_verify_against_a_newer_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Attack: the history from before the theft, to whoever knows better."""
    path = made(tmp_path)
    old = tmp_path / "old.history"
    old.write_bytes(path.with_suffix(".history").read_bytes())
    assert main(["id", "rotate", str(path)]) == 0

    assert main(["id", "verify", str(old), "--known", str(path.with_suffix(".history"))]) == 1

    assert "stale" in capsys.readouterr().err


MISTAKES = {
    "there-already": ["new", "lamp.toml"],
    "no-such-file": ["show", "nowhere.history"],
    "directory": ["show", "."],
    "nobody-to-be": ["verify", "lamp.history"],
    "identifier-as-text": ["verify", "lamp.history", "--identifier", "lamp"],
    "identifier-cut": ["verify", "lamp.history", "--identifier", "00"],
    "no-safe": ["recover", "lamp.toml"],
    "wrong-safe": ["recover", "lamp.toml", "--safe", "other.safe.toml", "--next", "next.toml"],
    "next-there-already": ["recover", "lamp.toml", "--safe", "lamp.safe.toml", "--next", "lamp.safe.toml"],
    "history-to-rotate": ["rotate", "lamp.history"],
    "safe-as-identity": ["rotate", "lamp.safe.toml"],
    "open-to-others": ["rotate", "open.toml"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_told_in_one_line_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    """Need: what is wrong and how to mend it; keys are never lost on the way."""
    monkeypatch.chdir(tmp_path)
    made(tmp_path)
    assert main(["id", "new", "other.toml"]) == 0
    assert main(["id", "new", "open.toml", "--unsealed"]) == 0
    (tmp_path / "open.toml").chmod(0o644)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()

    assert main(["id", *MISTAKES[mistake]]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("picosec: ")
    assert said.err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
