"""Verification: the same verdicts without the target, and whatever was changed is found and named."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from picosec_conformance.bundle.archive import expand, pack, squeeze, unpack
from picosec_conformance.bundle.comparison import differences, other_differences, wordings
from picosec_conformance.bundle.contents import CAPTURE, MANIFEST, PARTS, REPORT, TRANSCRIPT
from picosec_conformance.bundle.listing import LISTING
from picosec_conformance.certify import run_suite
from picosec_conformance.manifest import load_manifest
from picosec_conformance.report.model import Verdict
from picosec_conformance.report.pcapng import run_capture
from picosec_conformance.selection import select
from picosec_conformance.specification import sets
from picosec_conformance.transcript import decode

from .making import LAB, SAMPLES, STRANGER, altered, certify, checked, part, write_manifest, wrong


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bundle of an honest run; target and manifest are gone."""
    return certify(tmp_path_factory.mktemp("honest"))


def test_good_bundle_verifies_when_the_target_is_gone(bundle: bytes) -> None:
    """A customer checks a certificate a year later, without the device and without its program."""
    checks = checked(bundle, LAB)

    assert wrong(checks) == []
    assert list(checks) == [
        "integrity",
        "signature",
        "suite",
        "requirements",
        "recording",
        "verdicts",
        "requirement states",
        "feature truth",
        "report",
    ]
    assert checks["verdicts"].detail == "6 the same"
    assert "miniature 1 not certified" in checks["report"].detail


@pytest.mark.parametrize("fault", ["dies", "deaf", "garbled", "chatty"])
def test_broken_target_verifies_with_its_deaths_and_silences(fault: str, tmp_path: Path) -> None:
    """Crashes, hangs and power cycles between tests are in the recording too."""
    assert wrong(checked(certify(tmp_path, fault), LAB)) == []


def test_run_of_several_workers_verifies_in_one(tmp_path: Path) -> None:
    """Which test ran behind which depends on the clock; no verdict may depend on that."""
    assert wrong(checked(certify(tmp_path, jobs=2))) == []


def test_known_failure_stays_known_however_late_it_is_verified(tmp_path: Path) -> None:
    """The excuse held on the day of the run; the bundle brings that day along."""
    known = (
        '[[known_failures]]\ntest = "test_sample.py::test_gets_it_wrong"\nreason = "mended in 1.3"\nuntil = 2020-02-29'
    )
    bundle = certify(tmp_path, tables=known)

    verdicts = {row["id"]: row["verdict"] for row in json.loads(part(bundle, REPORT))["test_results"]}
    assert verdicts["test_sample.py::test_gets_it_wrong"] == "expected-fail"
    assert wrong(checked(bundle)) == []


def test_same_run_gives_the_same_archive_apart_from_time_and_signature(tmp_path: Path) -> None:
    """What differs between two bundles is what differed between two runs."""
    (tmp_path / "a").mkdir()
    one = certify(tmp_path / "a")
    two = certify(tmp_path / "a")

    for name in (MANIFEST, "requirements.json"):
        assert part(one, name) == part(two, name)
    first, second = (json.loads(part(each, REPORT)) for each in (one, two))
    assert list(other_differences(first, second)) == []
    assert [list(differences(first, second, rows)) for rows in ("test_results", "features")] == [[], []]


@pytest.mark.parametrize("name", [*PARTS, LISTING])
@pytest.mark.parametrize("where", ["header", "first", "middle", "last", "directory"])
def test_changed_byte_is_found_and_named(bundle: bytes, name: str, where: str) -> None:
    """A salesman edits the certificate with a hex editor."""
    content = part(bundle, name)
    start = bundle.index(content)
    position = {
        "header": start - len(name) - 30 + 4,
        "first": start,
        "middle": start + len(content) // 2,
        "last": start + len(content) - 1,
        "directory": bundle.rindex(name.encode()) - 4,
    }[where]
    changed = bytearray(bundle)
    changed[position] ^= 0x04

    checks = checked(bytes(changed), LAB)

    assert wrong(checks) == ["integrity"]
    assert checks["integrity"].detail.startswith(f"{name}: ")


@pytest.mark.parametrize("name", PARTS)
def test_exchanged_part_is_named_although_the_archive_is_whole(bundle: bytes, name: str) -> None:
    """Somebody who knows the format repairs every checksum, and cannot repair the signed hash."""
    parts = unpack(bundle, (*PARTS, LISTING))
    checks = checked(pack({**parts, name: parts[name] + b" "}), LAB)

    assert wrong(checks) == ["integrity"]
    assert checks["integrity"].detail == f"{name}: it is not the one that was signed: its SHA-256 differs"


LOST, WON = b'"verdict": "failed"', b'"verdict": "passed"'


def test_forged_verdict_under_another_key_is_found_twice(bundle: bytes) -> None:
    """A vendor turns a failure into a pass and signs everything anew: it is not the lab's key, and the replay fails."""
    forged = altered(bundle, STRANGER, report=part(bundle, REPORT).replace(LOST, WON, 1))

    checks = checked(forged, LAB)
    assert wrong(checks) == ["signature"]
    assert "not the key that was asked for" in checks["signature"].detail

    checks = checked(forged)
    assert wrong(checks) == ["verdicts"]
    assert checks["verdicts"].detail == ("test_sample.py::test_draws: passed in the report, failed in the replay")


@pytest.mark.parametrize(
    ("old", "new", "name", "words"),
    [
        (b'"certified": false', b'"certified": true', "report", "certified differs: True in the report, False"),
        (b'"state": "failed"', b'"state": "passed"', "requirement states", "CNF-510: passed in the report, failed in"),
        (b'"declared": true', b'"declared": false', "feature truth", "messaging.datagram: declared differs"),
        (b'"vendor": "none"', b'"vendor": "some"', "report", "target differs"),
        (b'"seed": 7', b'"seed": 8', "report", "seed differs: 8 in the report, 7 in the replay"),
        (b'"tests": {', b'"tests": {"total": 0}, "x": {', "report", "tests differs"),
        (b'"test_results": [', b'"test_results": [], "y": [', "verdicts", "only in the replay"),
        (b'"test_results"', b'"other_results"', "verdicts", "no list of rows"),
        (b'"title": "answers"', b'"title": "rejects"', "verdicts", "test_answers: title differs: 'rejects'"),
    ],
)
def test_lab_that_signs_a_lie_is_found_out(bundle: bytes, old: bytes, new: bytes, name: str, words: str) -> None:
    """The lab itself is paid for a good report: its signature is right, and still every verdict is reached again."""
    report = part(bundle, REPORT)
    assert old in report
    checks = checked(altered(bundle, LAB, report=report.replace(old, new, 1)))

    assert name in wrong(checks)
    assert words in checks[name].detail


DEEP = b'{"test_results": [{"id": "x", "verdict": ' + b"[" * 800 + b"]" * 800 + b"}]}"


@pytest.mark.parametrize("report", [b"", b"[]", b"null", b"[" * 100_000, DEEP, b"\xff", b'{"test_results": [1]}'])
def test_report_that_is_none_is_no_verdict(bundle: bytes, report: bytes) -> None:
    """A verifier that stumbles over nonsense must not fall on its face."""
    assert wrong(checked(altered(bundle, LAB, report=report)))


def test_capture_that_shows_something_else_is_found(bundle: bytes) -> None:
    """People look at the capture, the replay reads the transcript: both have to be the same run."""
    transcript = dict(decode(expand(TRANSCRIPT, part(bundle, TRANSCRIPT))))
    transcript.pop(next(iter(transcript)))

    checks = checked(altered(bundle, LAB, capture=squeeze(run_capture(transcript))))

    assert wrong(checks) == ["recording"]
    assert CAPTURE in checks["recording"].detail


def test_transcript_with_another_answer_gives_another_verdict(bundle: bytes) -> None:
    """A recorded refusal is turned into an acceptance, frame by frame, with the capture to match."""
    raw = expand(TRANSCRIPT, part(bundle, TRANSCRIPT)).replace(b"\xff/a", b"\xff/b")
    capture = squeeze(run_capture(decode(raw)))

    checks = checked(altered(bundle, LAB, transcript=squeeze(raw), capture=capture))

    assert "verdicts" in wrong(checks)
    assert "test_answers: passed in the report, failed in the replay" in checks["verdicts"].detail


def test_bundle_starts_nothing_that_its_manifest_names(tmp_path: Path, bundle: bytes) -> None:
    """To verify a stranger's bundle must not run the stranger's program."""
    trap = tmp_path / "trap"
    for adapter in (
        f'kind = "subprocess"\ncommand = ["touch", "{trap}"]',
        f'kind = "serial"\ndevice = "{trap}"\nrestart = ["touch", "{trap}"]',
        'kind = "memory"\nfactory = "no_such_module:Trap"',
    ):
        text = part(bundle, MANIFEST).decode()
        manifest = text[: text.index("[adapter]")] + "[adapter]\n" + adapter

        checks = checked(altered(bundle, STRANGER, manifest=manifest.encode()))

        assert "no_such_module" not in str(checks)
    assert not trap.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest": b"[target]"},
        {"manifest": b"\xff"},
        {"transcript": squeeze(b"\xff")},
        {"transcript": b"no gzip"},
        {"capture": b"no gzip"},
        {"requirements": b"{}"},
    ],
)
def test_parts_that_make_no_sense_are_told(bundle: bytes, changes: dict[str, bytes]) -> None:
    """Signed nonsense is nonsense."""
    assert len(wrong(checked(altered(bundle, LAB, **changes)))) == 1


def test_other_suite_is_refused_by_its_hash(bundle: bytes, tmp_path: Path) -> None:
    """With other tests, the same verdicts would mean something else."""
    suite = tmp_path / "suite"
    shutil.copytree(SAMPLES, suite, ignore=shutil.ignore_patterns("__pycache__"))
    (suite / "test_sample.py").write_text((suite / "test_sample.py").read_text() + "\n# a remark\n")

    checks = checked(bundle, suite=suite)

    assert wrong(checks) == ["suite"]
    assert "the one installed here is" in checks["suite"].detail
    assert "verdicts" not in checks


def test_replay_names_test_and_frame_when_a_test_has_changed(bundle: bytes, tmp_path: Path) -> None:
    """An engineer improves a test and replays old recordings: what was never asked has no recorded answer."""
    suite = tmp_path / "suite"
    shutil.copytree(SAMPLES, suite, ignore=shutil.ignore_patterns("__pycache__"))
    text = (suite / "test_sample.py").read_text()
    (suite / "test_sample.py").write_text(text.replace('"/a").payload == b"/a"', '"/b").payload == b"/b"'))
    manifest = load_manifest(write_manifest(tmp_path))
    chosen = select(manifest, requirements=("CNF-510",))

    # Workers are processes of their own: in this one, the unchanged module is imported already.
    transcript = expand(TRANSCRIPT, part(bundle, TRANSCRIPT))
    report = run_suite(manifest, chosen, 7, suite=suite, transcript=transcript, jobs=2)

    verdicts = {result.id: result for result in report.tests}
    answers = verdicts.pop("test_sample.py::test_answers")
    assert answers.verdict is Verdict.ERROR
    assert answers.reason.startswith("test_sample.py::test_answers, step ")
    assert "the suite sends" in answers.reason
    assert Verdict.FAILED in {result.verdict for result in verdicts.values()}, "the others replay"


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sets with one that counts two of the samples."""
    folder = tmp_path / "sets"
    folder.mkdir()
    monkeypatch.setattr(sets, "sets_folder", lambda: folder)
    tests = {f"test_sample.py::test_{name}": ("CNF-510",) for name in ("answers", "draws")}
    text = sets.to_text("1.0", tests)
    (folder / "1.0.json").write_text(text)
    (folder / sets.SUMS).write_text(f"{sha256(text.encode()).hexdigest()}  1.0.json\n")
    return folder


def test_bundle_is_verified_by_the_set_it_was_judged_by(tmp_path: Path, frozen: Path) -> None:
    """Years later the pages say more; the certificate is still one by its own set."""
    checks = checked(certify(tmp_path, judged_by=sets.load_set("1.0")))

    assert wrong(checks) == []
    assert checks["requirements"].detail.startswith("set 1.0, ")
    assert checks["verdicts"].detail == "2 the same"


def test_set_that_is_not_installed_is_told(tmp_path: Path, frozen: Path) -> None:
    """A bundle from the future."""
    bundle = certify(tmp_path, judged_by=sets.load_set("1.0"))
    (frozen / sets.SUMS).write_text("")

    checks = checked(bundle)

    assert wrong(checks) == ["requirements"]
    assert checks["requirements"].detail == "there is no requirement set '1.0'; choose among draft"


def test_erratum_found_since_does_not_unverify(tmp_path: Path, frozen: Path) -> None:
    """Errata are published when they are found, which is after the certificate."""
    bundle = certify(tmp_path, judged_by=sets.load_set("1.0"))
    row = 'requirement = "CNF-510"\ndate = 2027-01-31\ntext = "It is a ping."\n'
    (frozen / "1.0.errata.toml").write_text(f"[[erratum]]\n{row}")

    assert wrong(checked(bundle)) == []


def test_set_in_the_bundle_has_to_be_the_one_here(tmp_path: Path, frozen: Path) -> None:
    """A vendor makes a set 1.0 without what the device fails, and signs it."""
    bundle = certify(tmp_path, judged_by=sets.load_set("1.0"))
    text = part(bundle, "requirements.json").replace(b'"MUST"', b'"MAY"')

    checks = checked(altered(bundle, STRANGER, requirements=text))

    assert wrong(checks) == ["requirements"]


def test_throw_away_key_is_told(tmp_path: Path) -> None:
    """Without a lab key the bundle is whole and consistent, and nobody vouches for it."""
    checks = checked(certify(tmp_path, lab_key=None))

    assert wrong(checks) == []
    assert "throw-away" in checks["signature"].detail
    assert checks["signature"].notes == ("nobody vouches for this run",)


def test_words_of_a_reason_may_differ() -> None:
    """Another version of pytest explains a failed assertion in other words; the verdict is the same."""
    one = {"test_results": [{"id": "a", "verdict": "failed", "reason": "assert 1 == 2", "seconds": 0.1}]}
    two = {"test_results": [{"id": "a", "verdict": "failed", "reason": "1 is not 2", "seconds": 0.2}]}

    assert list(differences(one, two, "test_results")) == []
    assert wordings(one, two) == 1
