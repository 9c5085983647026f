"""`picosec adversary` as a person and a CI job meet it, on whole targets and on those that offer little."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from picosec_conformance.adversary import outcome
from picosec_conformance.cli import main

MINIATURE = Path(__file__).parents[1] / "harness" / "miniature.py"
SCHEMA = json.loads(Path(outcome.__file__).with_name("adversary.schema.json").read_text(encoding="utf-8"))


def adversary(*arguments: object, folder: Path) -> tuple[int, dict[str, object]]:
    """Run the command and return its exit status with the figures that it wrote."""
    file = folder / "adversary.json"
    status = main(["adversary", *map(str, arguments), "--json", str(file), "--scenarios", str(folder / "found")])
    figures = json.loads(file.read_text()) if file.exists() else {}
    if figures:
        jsonschema.validate(figures, SCHEMA)
    return status, figures


def target(folder: Path, text: str) -> Path:
    """A manifest with an adapter that is a program."""
    path = folder / "target.toml"
    path.write_text(text)
    return path


def miniature(folder: Path, fault: str = "") -> Path:
    """A target that has a CoAP server and nothing else."""
    return target(
        folder,
        f"""
        features = ["messaging.datagram", "messaging.server"]
        [target]
        name = "miniature"
        version = "1"
        vendor = "none"
        profile = "coap-server"
        [timeouts]
        answer = 1
        [adapter]
        kind = "subprocess"
        command = ["{{python}}", "{MINIATURE}", "stdio", "{fault}"]
        """,
    )


def test_target_without_anything_can_be_played_against(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The adversary takes what there is."""
    status, figures = adversary(miniature(tmp_path), "--examples", 5, folder=tmp_path)

    assert status == 0
    assert figures["holds"] is True
    assert "HOLDS: miniature 1" in capsys.readouterr().out


def test_counter_example_is_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What broke, in which game, and how to see it again."""
    status, figures = adversary(miniature(tmp_path, "dies"), "--examples", 20, "--no-sweeps", folder=tmp_path)

    said = capsys.readouterr().out
    assert status == 1
    assert figures["holds"] is False
    (found,) = (tmp_path / "found").iterdir()
    assert f"picosec scenario {found}" in said
    assert "out of luck" in said


def test_black_box_is_played_against_over_its_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Test Interface: an OSCORE context in the manifest, and verdicts from what is on the wire."""
    monkeypatch.chdir(tmp_path)
    assert main(["context", "hall"]) == 0
    context = (tmp_path / "hall.device.toml").read_text()
    values = dict(line.split(" = ") for line in context.splitlines() if " = " in line)
    lines = [f"{name} = {values[name]}" for name in ("sender_id", "recipient_id", "master_secret", "master_salt")]
    manifest = target(
        tmp_path,
        """
        features = ["messaging.datagram", "messaging.server", "messaging.slipmux", "channel.oscore.server"]
        [target]
        name = "black box"
        version = "1"
        vendor = "none"
        profile = "oscore-server"
        [adapter]
        kind = "subprocess"
        command = ["{python}", "-m", "picosec", "device", "--stdio", "--context", "hall.device.toml"]
        [resources]
        get = "/ps/info"
        protected_get = "/sensors/temperature"
        protected_put = "/actuators/lamp"
        [oscore]
        """
        + "\n".join(lines),
    )
    status, figures = adversary(manifest, "--examples", 10, "--quick", folder=tmp_path)

    assert status == 0
    checks = {row["name"]: row["checks"] for row in figures["invariants"]}  # type: ignore[attr-defined]
    assert checks["acted-once"] > 0
    assert checks["recovery"] > 0


@pytest.mark.parametrize(
    "arguments",
    [["/no/such/target.toml"], ["--examples", "-1"], ["--fault", "no-such-fault"], ["--json", "/dev/null/x/y.json"]],
)
def test_wrong_request_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With one sentence."""
    assert main(["adversary", *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_program_that_does_not_exist_exits_3(tmp_path: Path) -> None:
    """Which says nothing about the target."""
    manifest = miniature(tmp_path)
    manifest.write_text(manifest.read_text().replace("{python}", "/no/such/python"))

    assert adversary(manifest, folder=tmp_path) == (3, {})
