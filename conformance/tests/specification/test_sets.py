"""Frozen sets: what a version was certified by stays what it was, whatever the pages and the suite become."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from picosec_conformance.certify import HarnessError, run_suite
from picosec_conformance.cli import main
from picosec_conformance.manifest import REFERENCE, ManifestError, load_manifest
from picosec_conformance.report.html import html
from picosec_conformance.report.json import check, document
from picosec_conformance.report.model import Report, State, Verdict
from picosec_conformance.selection import select
from picosec_conformance.specification import sets
from picosec_conformance.specification.freezing import damaged, freeze
from picosec_conformance.specification.sets import SUMS, SetError, load_set

SAMPLE = "test_conformance_interface.py::test_store_keeps_and_counts"
Change = Callable[[dict[str, object]], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of frozen sets that the whole suite uses."""
    path = tmp_path / "sets"
    monkeypatch.setattr(sets, "sets_folder", lambda: path)
    return path


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set, frozen now."""
    folder = tmp_path_factory.mktemp("sets")
    freeze("1.0-draft", folder)
    return folder


def frozen_earlier(folder: Path, frozen: Path, change: Change) -> None:
    """Put a set 1.0 into the folder that was frozen when things were different."""
    content = json.loads((frozen / "1.0-draft.json").read_text())
    change(content)
    folder.mkdir()
    data = json.dumps({**content, "set": "1.0"}).encode()
    (folder / "1.0.json").write_bytes(data)
    (folder / SUMS).write_text(f"{sha256(data).hexdigest()}  1.0.json\n")


def certify(version: str = "1.0", requirement: str = "CNF-430") -> Report:
    """Judge the reference by a set."""
    judged_by = load_set(version)
    manifest = load_manifest(REFERENCE, None, judged_by.profiles)
    return run_suite(manifest, select(manifest, requirements=(requirement,), judged_by=judged_by), 1)


def states(report: Report) -> dict[str, State]:
    """Return the states of the requirements by id."""
    return {row.id: row.state for row in report.requirements}


def test_set_is_what_its_sum_says(frozen: Path) -> None:
    """`sha256sum -c SHA256SUMS` is all it takes to check one by hand."""
    found = load_set("1.0-draft", frozen)

    assert (frozen / SUMS).read_text() == f"{found.hash}  1.0-draft.json\n"
    assert sha256((frozen / "1.0-draft.json").read_bytes()).hexdigest() == found.hash
    assert SAMPLE in (found.tests or {})
    assert list(damaged(frozen)) == []


@pytest.mark.parametrize("version", ["1.0-draft", "one", "1", "../1.0", "1.0-final", ""])
def test_name_that_is_taken_or_none_is_refused(version: str, frozen: Path) -> None:
    """A set that changes under its name fails devices that were certified by it."""
    with pytest.raises(SetError):
        freeze(version, frozen)


def test_set_is_not_frozen_with_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A requirement without a test would stay untested for ever."""
    monkeypatch.setattr("picosec_conformance.specification.freezing.gaps", lambda: iter(["CHN-120 has no test"]))

    with pytest.raises(SetError, match="CHN-120 has no test"):
        freeze("1.0", tmp_path)
    assert freeze("1.0-draft", tmp_path).exists()


def test_sets_stand_side_by_side(tmp_path: Path, frozen: Path) -> None:
    """A product is certified by the set of its time."""
    shutil.copytree(frozen, tmp_path / "sets")
    freeze("0.9-draft", tmp_path / "sets")

    lines = (tmp_path / "sets" / SUMS).read_text().splitlines()
    assert [line[66:] for line in lines] == ["0.9-draft.json", "1.0-draft.json"]


def test_edited_set_is_refused(tmp_path: Path, frozen: Path) -> None:
    """Somebody deletes the one requirement that a device fails."""
    shutil.copytree(frozen, tmp_path / "sets")
    path = tmp_path / "sets" / "1.0-draft.json"
    path.write_text(path.read_text().replace('"MUST"', '"MAY"', 1))

    with pytest.raises(SetError, match="not what was frozen"):
        load_set("1.0-draft", tmp_path / "sets")
    assert len(list(damaged(tmp_path / "sets"))) == 1


def test_set_outside_the_sums_is_noticed(tmp_path: Path, frozen: Path) -> None:
    """A file that was put there by hand has no history."""
    shutil.copytree(frozen, tmp_path / "sets")
    (tmp_path / "sets" / "2.0.json").write_text("{}")

    assert "2.0.json is in no line" in " ".join(damaged(tmp_path / "sets"))
    with pytest.raises(SetError, match=r"no requirement set '2\.0'; choose among 1\.0-draft, draft"):
        load_set("2.0", tmp_path / "sets")


def test_report_says_which_set_it_was_judged_by(folder: Path, frozen: Path) -> None:
    """A certificate without the set is a grade without the exam."""
    frozen_earlier(folder, frozen, lambda content: None)
    report = certify()

    assert (report.set_version, report.requirement_set) == ("1.0", load_set("1.0").hash)
    assert "--set 1.0" in report.command
    assert states(report)["CNF-430"] is State.PASSED
    check(document(report))


def test_requirement_added_later_does_not_count(folder: Path, frozen: Path) -> None:
    """What nobody had written when a device was certified cannot fail it."""

    def before_cnf_430(content: dict[str, object]) -> None:
        content["requirements"] = [row for row in content["requirements"] if row["id"] != "CNF-430"]  # type: ignore

    frozen_earlier(folder, frozen, before_cnf_430)

    assert "CNF-430" not in states(certify(requirement="CNF-420"))


def test_test_added_later_does_not_count(folder: Path, frozen: Path) -> None:
    """Nor can a test that nobody had run."""
    frozen_earlier(folder, frozen, lambda content: content["tests"].pop(SAMPLE))  # type: ignore[attr-defined]
    report = certify()

    assert SAMPLE not in {result.id for result in report.tests}
    assert states(report)["CNF-430"] is State.UNTESTED


def test_feature_added_to_a_profile_later_is_not_required(folder: Path, frozen: Path) -> None:
    """Profiles are frozen with the requirements."""

    def smaller(content: dict[str, object]) -> None:
        content["profiles"]["device"]["required"].remove("messaging.cbor")  # type: ignore[index]
        content["profiles"]["device"]["allowed"] = []  # type: ignore[index]

    frozen_earlier(folder, frozen, smaller)
    manifest = load_manifest(REFERENCE, None, load_set("1.0").profiles)

    assert "messaging.cbor" not in manifest.profile.features
    assert all(row.feature != "messaging.cbor" for row in select(manifest, (), (), load_set("1.0")).full.values())


def test_feature_that_nobody_knew_is_held_against_nobody(folder: Path, frozen: Path) -> None:
    """A vendor's next version has one feature more, and is to be certified by the set of its predecessor."""

    def before_objects(content: dict[str, object]) -> None:
        for profile in content["profiles"].values():  # type: ignore[attr-defined]
            for kind in ("required", "allowed"):
                profile[kind] = [name for name in profile[kind] if not name.startswith("objects.")]

    frozen_earlier(folder, frozen, before_objects)
    judged = {truth.name for truth in certify().features}

    assert "channel.life" in judged
    assert not {"objects.recipient", "objects.sender"} & judged


def test_profile_that_a_set_does_not_have_is_refused(folder: Path, frozen: Path) -> None:
    """There was no hub when the first set was frozen."""
    frozen_earlier(folder, frozen, lambda content: content["profiles"].pop("pico"))  # type: ignore[attr-defined]

    with pytest.raises(ManifestError, match="there is no profile 'pico'"):
        load_manifest(REFERENCE, "pico", load_set("1.0").profiles)


def test_suite_that_lost_a_test_cannot_judge_by_the_set(folder: Path, frozen: Path) -> None:
    """A renamed test would otherwise make the old set easier, and nobody would know."""
    frozen_earlier(folder, frozen, lambda content: content["tests"].update({"test_gone.py::test_it": ["CNF-430"]}))  # type: ignore[attr-defined]

    with pytest.raises(HarnessError, match=r"1 tests that this suite does not have, such as test_gone.py::test_it"):
        certify()


ERRATUM = """[[erratum]]
requirement = "CNF-430"
date = 2027-01-31
text = "For `deleted` read: deleted or never stored."
"""


def test_erratum_is_shown_and_changes_nothing(folder: Path, frozen: Path) -> None:
    """A mistake in a sentence is told to whoever reads the report; the verdict is the frozen sentence's."""
    frozen_earlier(folder, frozen, lambda content: None)
    before = certify()
    (folder / "1.0.errata.toml").write_text(ERRATUM)
    after = certify()

    assert states(after) == states(before)
    assert after.requirement_set == before.requirement_set
    assert [erratum.date for erratum in after.errata] == ["2027-01-31"]
    assert "never stored" in html(after)
    check(document(after))


@pytest.mark.parametrize(
    ("old", "new"),
    [("CNF-430", "CNF-999"), ("date = 2027-01-31\n", ""), ("[[erratum]]", "[erratum]"), ('"CNF-430"', "CNF")],
)
def test_erratum_that_makes_no_sense_is_told(old: str, new: str, folder: Path, frozen: Path) -> None:
    """A file that people write by hand."""
    frozen_earlier(folder, frozen, lambda content: None)
    (folder / "1.0.errata.toml").write_text(ERRATUM.replace(old, new))

    with pytest.raises(SetError, match=r"1\.0\.errata\.toml"):
        load_set("1.0")


def test_verdicts_name_no_set_but_their_own(folder: Path, frozen: Path) -> None:
    """The draft is what is judged by without --set, and says so."""
    report = certify(sets.DRAFT)

    assert report.set_version == "draft"
    assert report.requirement_set == sets.draft_set().hash
    assert "--set" not in report.command
    assert all(result.verdict is Verdict.PASSED for result in report.tests)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["freeze"], 2, "takes the VERSION"),
        (["check", "1.0"], 2, "takes the VERSION"),
        (["freeze", "soon"], 1, "no name of a set"),
    ],
)
def test_command_explains_itself(
    arguments: list[str], status: int, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Freezing happens once a year; nobody remembers how."""
    assert main(["spec", *arguments]) == status
    assert words in capsys.readouterr().err
    assert not folder.exists()
