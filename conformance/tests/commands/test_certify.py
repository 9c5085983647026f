"""`picosec certify` as a person and a CI job meet it: exit status, report, and one sentence for each mistake."""

from __future__ import annotations

import json
import socket
import textwrap
from pathlib import Path

import pytest

from picosec_conformance.cli import main

MINIATURE = Path(__file__).parents[1] / "harness" / "miniature.py"


@pytest.fixture
def miniature(tmp_path: Path) -> Path:
    """A manifest of a target that has next to nothing of what it declares."""
    manifest = tmp_path / "miniature.toml"
    manifest.write_text(
        f"""
        features = ["messaging.datagram", "messaging.server"]
        [target]
        name = "miniature"
        version = "1"
        vendor = "none"
        profile = "coap-server"
        [timeouts]
        answer = 0.2
        [adapter]
        kind = "subprocess"
        command = ["{{python}}", "{MINIATURE}", "stdio"]
        """
    )
    return manifest


def certify(*arguments: object, folder: Path) -> tuple[int, dict[str, object]]:
    """Run the command and return its exit status with the report it wrote, if any."""
    status = main(["certify", *map(str, arguments), "--report", str(folder)])
    report = folder / "report.json"
    return status, json.loads(report.read_text()) if report.exists() else {}


def test_selection_that_holds_exits_0_but_is_no_certificate(tmp_path: Path) -> None:
    """A developer repeats one requirement; nobody may frame the result."""
    status, report = certify("--requirement", "CNF-430", "--jobs", 1, folder=tmp_path)

    assert status == 0
    assert report["certified"] is False
    assert report["requirements"]["untested"] > 0  # type: ignore[index]


def test_target_that_fails_exits_1(miniature: Path, tmp_path: Path) -> None:
    """The commonest outcome in CI."""
    status, report = certify(miniature, "--jobs", 1, folder=tmp_path / "report")

    assert status == 1
    assert report["certified"] is False
    assert report["tests"]["failed"] > 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/no/such/target.toml"], "cannot be read"),
        (["--profile", "toaster"], "there is no profile 'toaster'"),
        (["--chapter", "cooking"], "there is no such chapter"),
        (["--requirement", "MSG-999"], "there is no such requirement"),
        (["--profile", "coap-server", "--requirement", "CHN-020"], "does not belong to profile"),
        (["--jobs", "0"], "at least 1"),
    ],
)
def test_wrong_request_exits_2_with_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error is answered with what there is to choose from."""
    status, report = certify(*arguments, folder=tmp_path)

    said = capsys.readouterr().err
    assert status == 2
    assert report == {}
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_program_that_does_not_exist_exits_3(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong path says nothing about the target, so no report may say it failed."""
    miniature.write_text(miniature.read_text().replace("{python}", "/no/such/python"))

    status, report = certify(miniature, "--jobs", 1, folder=tmp_path / "report")

    assert (status, report) == (3, {})
    assert "cannot start '/no/such/python'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "adapter",
    [
        pytest.param('kind = "udp"\nhost = "127.0.0.1"\nport = {port}', id="nobody-listens"),
        pytest.param('kind = "subprocess"\ncommand = ["cat", "/dev/null"]', id="ends-at-once"),
        pytest.param('kind = "subprocess"\ncommand = ["sleep", "60"]', id="says-nothing"),
    ],
)
def test_target_that_is_not_there_exits_3_with_one_sentence(
    adapter: str, miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A board that nobody plugged in must not get five hundred failures to its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head, _, _ = miniature.read_text().partition("[adapter]")
    miniature.write_text(textwrap.dedent(head) + "[adapter]\n" + adapter.replace("{port}", str(port)))

    status, report = certify(miniature, folder=tmp_path / "report")

    said = capsys.readouterr().err
    assert (status, report) == (3, {})
    assert len(said.strip().splitlines()) == 1, said


def test_report_folder_that_cannot_be_made_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Better before the run than after it."""
    (tmp_path / "file").write_text("")

    status = main(["certify", "--requirement", "CNF-430", "--report", str(tmp_path / "file" / "report")])

    assert status == 2
    assert "--report" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nonsense"], ["certify", "--nonsense"]])
def test_unknown_words_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help goes where the mistake was made."""
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = int(str(stopped.code))

    assert status == 2
    assert "nonsense" in capsys.readouterr().err


def test_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What a newcomer types first."""
    assert main([]) == 0

    said = capsys.readouterr().out
    for command in ("certify", "requirements", "vectors", "decode", "bench", "device", "get", "put", "post"):
        assert f"  {command}" in said
