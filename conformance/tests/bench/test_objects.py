"""What is measured of objects is what the chapter says, for all who are measured."""

from pathlib import Path

import pytest

from picosec.messaging import cbor
from picosec_conformance.bench import objects
from picosec_conformance.bench.report import MeasurementFailed
from picosec_conformance.bench.rounds import Plan, rates
from picosec_conformance.peers.missing import PeerMissing

PEER = """
import json, sys
print(json.dumps({"cwt": "0", "cryptography": "0"}), flush=True)
for line in sys.stdin:
    question = json.loads(line)
    if question["times"] > 1000:
        break
    print(json.dumps({"seconds": question["times"] * 0.001}), flush=True)
"""


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A peer that takes a millisecond for everything, and dies of more than a thousand objects at once."""
    child = tmp_path / "peer.py"
    child.write_text(PEER)
    (tmp_path / "cwt").mkdir()
    monkeypatch.setattr(objects, "_CHILD", child)
    return tmp_path


def test_reference_makes_a_new_object_each_turn() -> None:
    """One that is made once and opened often would be a replay, and refused."""
    for name, turn in objects.reference().items():
        made = [turn() for _ in range(3)]
        assert len(set(made)) == 3
        assert cbor.loads(made[0]).tag == {"signed": 18, "sealed": 96}[name]


def test_primitives_take_turns_as_well() -> None:
    """What they come to is no object; that nothing raises is all that can be said."""
    assert all(turn() for turn in objects.bare().values())


def test_peer_is_timed_by_its_own_process(peer: Path) -> None:
    """Its processor time does not show in this process."""
    with objects.cwt(peer) as (turns, versions):
        assert rates(turns, Plan(3, 0.1), lambda _: None) == pytest.approx(dict.fromkeys(objects.TURNS, 1000.0))
        assert versions == {"cwt": "0", "cryptography": "0"}


def test_peer_that_ends_is_told(peer: Path) -> None:
    """A figure of a dead peer would be the best of all."""
    with objects.cwt(peer) as (turns, _), pytest.raises(MeasurementFailed, match="ended without an answer"):
        turns["signed"].seconds(1001)


def test_folder_without_the_peer_is_told_with_the_mend(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is a package that nobody has by accident; where it is missing, one line says so, and nothing besides."""
    with pytest.raises(PeerMissing, match="pip install --target"), objects.cwt(tmp_path):
        pass

    assert capfd.readouterr().err == ""


def test_peer_that_does_not_start_is_told(tmp_path: Path) -> None:
    """The folder is there, and what is in it is broken: no figure comes of it."""
    (tmp_path / "cwt").mkdir()
    (tmp_path / "cwt" / "__init__.py").write_text("raise SystemExit(3)")

    with pytest.raises(MeasurementFailed, match="does not start"), objects.cwt(tmp_path):
        pass
