"""Scenarios as files, and the command that plays and keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from picosec_conformance.adversary import scenario as scenarios
from picosec_conformance.adversary.honest_moves import HONEST_MOVES
from picosec_conformance.adversary.hostile_moves import HOSTILE_MOVES
from picosec_conformance.adversary.invariants import Invariant
from picosec_conformance.adversary.scenario import (
    Scenario,
    ScenarioError,
    kept_scenarios,
    load_scenario,
    parse_scenario,
)
from picosec_conformance.adversary.setting import Setting
from picosec_conformance.adversary.steps import HONEST, HOSTILE, step
from picosec_conformance.cli import main
from picosec_conformance.commands import scenario as command

REPLAY = Scenario(
    'A recorded command is sent again, "quoted" and with a ü',
    Invariant.ACTED_ONCE,
    "CHN-720",
    Setting(),
    (
        step("ask", dialogue="carol-1", what="write"),
        step("settle"),
        step("replay", packet="carol-1/request-1", fresh=True),
    ),
)


def test_file_says_all_of_it() -> None:
    """What was found must be found again."""
    assert parse_scenario(REPLAY.dump(), "file") == REPLAY


def test_every_move_is_described_and_can_be_made() -> None:
    """A file may name any of them."""
    assert HONEST.keys() == HONEST_MOVES.keys()
    assert HOSTILE.keys() == HOSTILE_MOVES.keys()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("version = 1", "version = 2", "version"),
        ("acted-once", "acted-never", "invariant"),
        ("CHN-720", "CHN-999", "there is no requirement CHN-999"),
        ('move = "settle"', 'move = "rest"', "step 2: there is no move 'rest'"),
        ("fresh = true", "fresh = 1", "step 3: replay takes packet (str), fresh (bool); mend 'fresh'"),
        ("fresh = true", "", "mend 'fresh'"),
        ("method = 3", "method = 4", "setting.method"),
        ("seed = 1", "seed = 1\nluck = 2", "luck"),
        ("[setting]", "[setting", "not valid TOML"),
    ],
)
def test_mistake_is_named(before: str, after: str, words: str) -> None:
    """Scenarios are edited by hand, too."""
    with pytest.raises(ScenarioError, match="file") as caught:
        parse_scenario(REPLAY.dump().replace(before, after, 1), "file")

    assert words in str(caught.value)


def test_features_are_those_that_the_moves_need() -> None:
    """A target without handshakes is not judged by a scenario that has one."""
    handshake = Scenario("t", Invariant.AUTHENTIC, "CHN-500", Setting(), (step("connect", party="alice"),))

    assert REPLAY.features == ("conformance.test-interface", "channel.oscore.server")
    assert {"channel.edhoc.responder", "channel.edhoc.method.3", "channel.edhoc.suite.2"} <= set(handshake.features)


def test_kept_scenarios_load() -> None:
    """They are part of the suite."""
    assert len(kept_scenarios()) > 30


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A scenario in a file."""
    path = tmp_path / "replay.toml"
    path.write_text(REPLAY.dump(), encoding="utf-8")
    return path


def test_command_plays_a_scenario(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the reference nothing breaks."""
    assert main(["scenario", str(file)]) == 0

    said = capsys.readouterr().out
    assert "replay packet=carol-1/request-1 fresh=True" in said
    assert "HOLDS" in said


def test_command_says_what_breaks(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a broken one it does."""
    assert main(["scenario", str(file), "--fault", "has-no-replay-window"]) == 1
    assert "carol-1/request-1 was answered over the channel before" in capsys.readouterr().out


def test_command_keeps_a_scenario(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command makes a regression of it; the same name is not given twice."""
    kept = tmp_path / "kept"
    monkeypatch.setattr(command, "KEPT", kept)

    assert main(["scenario", str(file), "--keep"]) == 0
    assert load_scenario(kept / "replay.toml") == REPLAY
    assert main(["scenario", str(file), "--keep"]) == 2


@pytest.mark.parametrize(
    "arguments", [["no-such-file.toml"], ["{file}", "no-such-target.toml"], ["{file}", "--fault", "x"]]
)
def test_wrong_request_exits_2(arguments: list[str], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one sentence."""
    assert main(["scenario", *(each.replace("{file}", str(file)) for each in arguments)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_name_of_a_file_comes_from_what_broke() -> None:
    """Two counter-examples in one folder should not overwrite each other."""
    assert REPLAY.name == "chn-720-a-recorded-command-is-sent-again-quoted-and-with-a"
    assert scenarios.KEPT.name == "scenarios"
