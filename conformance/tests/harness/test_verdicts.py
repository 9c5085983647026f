"""How outcomes become verdicts: run against miniatures whose misbehaviour is known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from picosec_conformance.certify import HarnessError, run_suite
from picosec_conformance.manifest import Manifest, parse_manifest
from picosec_conformance.report.model import Report, State, Verdict
from picosec_conformance.selection import select
from picosec_conformance.verdicts import from_wire, to_wire

SAMPLES = Path(__file__).with_name("sample_suite")
PROGRAM = Path(__file__).with_name("miniature.py")
CONNECTED = """
features = ["messaging.datagram", "messaging.server"]
[target]
name = "miniature"
version = "1"
vendor = "none"
profile = "coap-server"
[adapter]
kind = "{kind}"
host = "127.0.0.1"
port = {port}
"""
KNOWN = """known_failures = [{{ test = "test_sample.py::test_{test}", reason = "mended in 1.3", until = {until} }}]"""


@pytest.fixture
def manifest_file(tmp_path: Path) -> Path:
    return tmp_path / "target.toml"


def run(
    path: Path,
    fault: str = "",
    *,
    seed: int = 1,
    known: str = "",
    jobs: int = 1,
    features: str = "",
    suite: Path = SAMPLES,
) -> Report:
    """Run the samples against a miniature and return the report."""
    path.write_text(
        f"""
        features = ["messaging.datagram", "messaging.server"{features}]
        {known}
        [target]
        name = "miniature"
        version = "1"
        vendor = "none"
        profile = "coap-server"
        [timeouts]
        answer = {0.2 if fault in ("deaf", "garbled") else 5.0}
        [adapter]
        kind = "subprocess"
        command = ["{{python}}", "{PROGRAM}", "stdio", "{fault}"]
        """
    )
    manifest: Manifest = parse_manifest(path.read_text(), str(path))
    chosen = select(manifest, requirements=("CNF-510",))
    report = run_suite(manifest, chosen, seed, jobs=jobs, suite=suite)
    assert report.tests
    return report


def verdicts(report: Report) -> dict[str, Verdict]:
    """Return the verdict of each sample by its name."""
    return {result.id.rpartition("::")[2].removeprefix("test_"): result.verdict for result in report.tests}


def test_each_outcome_has_its_verdict(manifest_file: Path) -> None:
    """A harness that mixes up its own faults with the target's is worth nothing to either side."""
    assert verdicts(run(manifest_file)) == {
        "answers": Verdict.PASSED,
        "gets_it_wrong": Verdict.FAILED,
        "needs_more": Verdict.NOT_APPLICABLE,
        "cannot_tell": Verdict.INCONCLUSIVE,
        "breaks_itself": Verdict.ERROR,
        "draws": Verdict.FAILED,
    }


@pytest.mark.parametrize("fault", ["dies", "crashes", "deaf", "garbled"])
def test_crash_hang_and_garbage_are_failures(manifest_file: Path, fault: str) -> None:
    """A negative test that any crash satisfies certifies the stack that crashes most."""
    report = run(manifest_file, fault)

    assert verdicts(report)["answers"] is Verdict.FAILED
    assert verdicts(report)["breaks_itself"] is Verdict.ERROR, "the run goes on after a power cycle"
    assert not report.certified


def test_program_that_somebody_killed_is_no_failure(manifest_file: Path) -> None:
    """A helper program between suite and board is ended by an administrator: that says nothing about the board."""
    report = run(manifest_file, "killed")

    answers = next(result for result in report.tests if "answers" in result.id)
    assert answers.verdict is Verdict.ERROR
    assert "SIGKILL" in answers.reason
    assert [frame.direction for frame in answers.frames] == ["sent"], "what was seen until then"
    assert verdicts(report)["cannot_tell"] is Verdict.INCONCLUSIVE, "the run goes on after a power cycle"


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
@pytest.mark.parametrize(("fault", "verdict"), [("", "passed"), ("hangs-up", "failed"), ("resets", "error")])
def test_end_of_a_connection_is_judged_by_its_manner(manifest_file: Path, kind: str, fault: str, verdict: str) -> None:
    """Who closes a connection did it; who resets it may be a box in between, as long as the target is still there."""
    command = [sys.executable, str(PROGRAM), kind, "0", fault]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        manifest_file.write_text(CONNECTED.format(kind=kind, port=int(process.stdout.readline())))
        manifest = parse_manifest(manifest_file.read_text(), "target.toml")
        report = run_suite(manifest, select(manifest, requirements=("CNF-510",)), 1, suite=SAMPLES)
        process.kill()

    answers = next(result for result in report.tests if "answers" in result.id)
    assert answers.verdict == verdict
    assert ("reset, and the target is alive" in answers.reason) is (fault == "resets")
    assert verdicts(report)["cannot_tell"] is Verdict.INCONCLUSIVE, "the next test has a connection again"


def test_two_answers_to_one_question_are_noticed(manifest_file: Path) -> None:
    """The second answer must not be taken for the next test's first."""
    report = run(manifest_file, "chatty")

    assert verdicts(report)["answers"] is Verdict.PASSED
    frames = next(result.frames for result in report.tests if "draws" in result.id)
    assert [frame.direction for frame in frames] == ["sent", "received"]


def test_same_seed_sends_the_same_bytes(manifest_file: Path) -> None:
    """A failure that cannot be repeated cannot be mended."""

    def sent(seed: int) -> list[bytes]:
        report = run(manifest_file, seed=seed)
        frames = next(result.frames for result in report.tests if "draws" in result.id)
        return [frame.data for frame in frames if frame.direction == "sent"]

    assert sent(7) == sent(7)
    assert sent(7) != sent(8)


def test_known_failure_is_expected_but_counts(manifest_file: Path) -> None:
    """A vendor may know of a fault; the certificate still tells the customer."""
    known = KNOWN.format(test="gets_it_wrong", until="2999-12-31")

    report = run(manifest_file, known=known)

    assert verdicts(report)["gets_it_wrong"] is Verdict.EXPECTED_FAIL
    state = next(row.state for row in report.requirements if row.id == "CNF-510")
    assert state is State.FAILED


def test_known_failure_that_passes_is_a_failure(manifest_file: Path) -> None:
    """A list of excuses that nobody cleans up hides the next regression."""
    known = KNOWN.format(test="answers", until="2999-12-31")

    assert verdicts(run(manifest_file, known=known))["answers"] is Verdict.FAILED


def test_known_failure_that_expired_is_a_failure(manifest_file: Path) -> None:
    """An excuse without an end is a waiver: on the day after its last, the build turns red."""
    report = run(manifest_file, known=KNOWN.format(test="gets_it_wrong", until="2020-02-29"))

    result = next(result for result in report.tests if "gets_it_wrong" in result.id)
    assert result.verdict is Verdict.FAILED
    assert "known until 2020-02-29, which is past" in result.reason


def test_workers_reach_the_same_verdicts(manifest_file: Path) -> None:
    """Speed must not change a verdict."""
    assert verdicts(run(manifest_file, jobs=2)) == verdicts(run(manifest_file))


def test_requirement_without_a_verdict_is_untested_and_counts(manifest_file: Path) -> None:
    """A score over whatever happened to run rewards the stack that runs least."""
    report = run(manifest_file)

    states = {row.state for row in report.requirements if row.id != "CNF-510"}
    assert State.UNTESTED in states
    assert len(report.requirements) > len(report.tests)


def test_test_module_that_does_not_import_breaks_the_run(manifest_file: Path, tmp_path: Path) -> None:
    """Tests that silently vanish make every target look better."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_broken.py").write_text("import no_such_module\n")

    with pytest.raises(HarnessError, match="no_such_module"):
        run(manifest_file, suite=tmp_path / "suite")


def test_target_that_never_does_what_a_test_waits_for_fails_it(manifest_file: Path, tmp_path: Path) -> None:
    """A run against a stack that answers everything and does nothing has to end, with the stack to blame."""
    module = tmp_path / "suite" / "test_waits.py"
    module.parent.mkdir()
    module.write_text(
        "import pytest\n\n\n"
        '@pytest.mark.requirement("CNF-510")\n'
        "def test_waits(target):\n"
        "    while target.request(1, '/a').payload != b'done':\n"
        "        pass\n"
    )

    report = run(manifest_file, suite=module.parent)

    assert verdicts(report) == {"waits": Verdict.FAILED}
    assert "20,000 frames" in report.tests[0].reason


def test_result_survives_the_way_between_processes(manifest_file: Path) -> None:
    """Workers report in plain values; what is lost on the way is lost to the report."""
    for result in run(manifest_file).tests:
        assert from_wire(to_wire(result)) == result
