"""A run over a small suite: what is killed, what survives, and what a mutant cannot do to the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray")

from picosec_conformance.mutants.generate import REFERENCE, Mutant
from picosec_conformance.mutants.run import run_mutants

SUITE = '''
import pytest

@pytest.mark.requirement("MSG-300")
def test_messaging_answers(target):
    """It answers."""
    target.until_probe_answered()
'''


def mutant(before: str, after: str, module: str = "messaging/reactions.py") -> Mutant:
    source = (REFERENCE / module).read_text(encoding="utf-8")
    assert source.count(before) == 1
    line = source[: source.index(before)].count("\n") + 1
    return Mutant(module, "", line, "", before, after, source.replace(before, after))


def test_mutants_are_killed_by_tests_and_survive_without(tmp_path: Path) -> None:
    """One that answers wrongly, one that never starts, one that hangs, one in code that the test does not reach."""
    (tmp_path / "test_messaging_small.py").write_text(SUITE, encoding="utf-8")
    deaf = mutant("(Type.CON, Kind.EMPTY): Reaction.SEND_RESET", "(Type.CON, Kind.EMPTY): Reaction.IGNORE")
    stillborn = mutant("HEADER_SIZE, VERSION, Message, Type", "NOTHING")
    unreached = mutant("if len(data) < HEADER_SIZE or data[0] >> 6 != VERSION:", "if len(data) < HEADER_SIZE:")

    results, sick = run_mutants([deaf, stillborn, unreached], jobs=2, suite=tmp_path)

    outcomes = {result.mutant: (result.outcome, result.by, result.tests) for result in results}
    test = "test_messaging_small.py::test_messaging_answers"
    assert outcomes == {
        deaf: ("killed", test, 1),
        stillborn: ("killed", test, 1),
        unreached: ("survived", "", 0),
    }
    assert sick == []


DEMANDING = '''
import pytest

@pytest.mark.requirement("MSG-300")
@pytest.mark.parametrize("number", range(40))
def test_messaging_answers(target, number):
    """It answers."""
    target.request(1, "/ps/info")
'''


def test_what_cannot_even_be_reset_is_not_certified(tmp_path: Path) -> None:
    """Without options no path arrives, so every test ends before its verdict: that is no survivor, nor worth hours."""
    (tmp_path / "test_messaging_demanding.py").write_text(DEMANDING, encoding="utf-8")
    blind = mutant("    while position < end:", "    while not position < end:", "messaging/coap.py")

    [result], _sick = run_mutants([blind], suite=tmp_path)

    assert (result.outcome, result.detected, result.tests) == ("unusable", True, 30)


def test_reference_itself_stays_whole(tmp_path: Path) -> None:
    """The suite's own peer is the reference: a mutant that reached it would be judged by itself."""
    (tmp_path / "test_messaging_small.py").write_text(SUITE, encoding="utf-8")
    broken = mutant("(Type.CON, Kind.EMPTY): Reaction.SEND_RESET", "(Type.CON, Kind.EMPTY): Reaction.IGNORE")
    before = (REFERENCE / broken.module).read_bytes()

    run_mutants([broken, replace(broken, source="raise SystemExit")], suite=tmp_path)

    assert (REFERENCE / broken.module).read_bytes() == before
