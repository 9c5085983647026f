"""A device as a process of its own, and the files of somebody who may talk to it."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from key_sorts import SORTS

from picosec.cli import main


@pytest.fixture(scope="session", autouse=True)
def own_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The vault of whoever runs the commands: not that of whoever runs the tests."""
    path = tmp_path_factory.mktemp("own") / "vault.toml"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PICOSEC_VAULT", str(path))
        yield path


@dataclass(frozen=True)
class Home:
    """A folder with identities and contexts, and the URL of a device that knows them."""

    folder: Path
    url: str
    tcp: str
    websocket: str

    def identity(self, own: str = "P-256-static-dh", peer: str = "P-256-static-dh") -> list[str]:
        return [
            "--identity",
            str(self.folder / f"me-{own}.toml"),
            "--peer",
            str(self.folder / f"lamp-{peer}.public.toml"),
        ]

    def context(self) -> list[str]:
        return ["--context", str(self.folder / "hall.app.toml")]

    def file(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, own_vault: Path) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    assert main(["identity", str(folder / "stranger.toml")]) == 0
    for sort, options in SORTS.items():
        for name in ("lamp", "me"):
            assert main(["identity", str(folder / f"{name}-{sort}.toml"), "--name", name, *options]) == 0
    assert main(["context", str(folder / "hall")]) == 0
    line = [sys.executable, "-m", "picosec", "device", "--udp", "127.0.0.1:0"]
    line += ["--tcp", "127.0.0.1:0", "--ws", "127.0.0.1:0"]
    for sort in SORTS:
        line += ["--identity", str(folder / f"lamp-{sort}.toml"), "--trust", str(folder / f"me-{sort}.public.toml")]
    line += ["--context", str(folder / "hall.device.toml")]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as device:
        assert device.stderr is not None
        announced = device.stderr.readline()
        urls = re.findall(r"coap(?:\+tcp|\+ws)?://127\.0\.0\.1:\d+", announced)
        assert len(urls) == 3, announced
        yield Home(folder, *urls)
        device.terminate()
        assert device.wait(5) == 0
        assert device.stderr.read() == ""


@pytest.fixture
def picosec(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command and return its exit code and what it printed on standard output and standard error."""

    def command(*line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(line))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command
