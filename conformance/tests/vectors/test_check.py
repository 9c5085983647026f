from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from picosec_conformance.vectors import check
from picosec_conformance.vectors.check import findings
from picosec_conformance.vectors.model import Case, VectorFile, dump
from picosec_conformance.vectors.readme import with_tables

pytestmark = pytest.mark.usefixtures("only_double")


class KnownRequirement:
    withdrawn = False


class WithdrawnRequirement:
    withdrawn = True


@pytest.fixture(autouse=True)
def _requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"MSG-010": KnownRequirement, "MSG-020": WithdrawnRequirement}
    monkeypatch.setattr(check, "load_requirements", lambda: known)


def found(file: VectorFile, folder: Path, generated: list[VectorFile] | None = None) -> list[str]:
    dump(file, folder)
    return list(findings(folder, [file] if generated is None else generated))


def test_good_tree_has_no_findings(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    assert found(make_file(), tmp_path) == []


def _case(name: str, **fields: Any) -> Callable[[Case], Case]:
    return lambda case: replace(case, **fields) if case.id == name else case


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (_case("one", requirements=("MSG-990",)), "case one: requirement MSG-990 does not exist"),
        (_case("one", requirements=("MSG-020",)), "case one: requirement MSG-020 is withdrawn"),
        (_case("one", flags=("Odd",)), "flag Odd is used but not explained"),
        (_case("one", flags=("Negative",), id="debt"), "case debt: the id is used 2 times"),
        (_case("one", inputs={"number": 0}), "case nothing: asks the same as case one"),
        (_case("debt", error="no_debt"), "case debt: error 'no_debt' is not in the registry"),
        (
            _case("one", source="RFC 1"),
            "mixes generated with published cases; give the published ones a file of their own",
        ),
    ],
)
def test_broken_rule_is_one_clear_line(
    make_file: Callable[..., VectorFile], tmp_path: Path, change: Callable[[Case], Case], finding: str
) -> None:
    assert found(make_file(change), tmp_path) == [f"messaging/double.json: {finding}"]


def test_flag_that_no_case_carries_is_found(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    flags = {"Negative": "Nobody may double a debt.", "Odd": "Explained in vain."}
    assert found(make_file(flags=flags), tmp_path) == ["messaging/double.json: flag Odd is explained but not used"]


def test_unknown_operation_is_found(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    file = make_file(operation="test.triple")
    assert found(file, tmp_path) == ["messaging/double.json: operation test.triple is unknown"]


def test_edited_file_is_found(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    """Somebody mends a vector by hand: the file says what it says because the reference does, or it is found."""
    edited = make_file(_case("nothing", output={"number": 7}))
    assert found(edited, tmp_path, [make_file()]) == [
        "messaging/double.json: regenerates differently, first at case nothing; "
        "run 'picosec vectors generate' and look at the difference"
    ]


def test_missing_file_is_found(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    assert list(findings(tmp_path, [make_file()])) == ["messaging/double.json: missing; run 'picosec vectors generate'"]


def test_left_over_file_is_found(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    """A family is renamed and its old file stays: nobody would ever regenerate it again."""
    assert found(make_file(), tmp_path, []) == [
        "messaging/double.json: no family generates it; delete it, or name the source of its values"
    ]


def test_file_that_breaks_the_schema_is_found(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    path = dump(make_file(), tmp_path)
    path.write_text(path.read_text().replace('"title"', '"titel"'))
    lines = list(findings(tmp_path, []))
    assert len(lines) == 2
    assert all(line.startswith("messaging/double.json: file: ") for line in lines)
    path.write_text("{")
    assert [line.split(": ")[1] for line in findings(tmp_path, [])] == ["not JSON"]


def _published(make_file: Callable[..., VectorFile], *changes: Callable[[Case], Case]) -> VectorFile:
    return make_file(lambda case: replace(case, source="RFC 1 section 2"), *changes, name="rfc1_double")


def test_reference_reproduces_published_values(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    assert found(_published(make_file), tmp_path, []) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            _case("one", output={"number": 3}),
            "case one: the reference does not reproduce it: output.number: expected 3, got 2",
        ),
        (_case("one", steps={"half": 2}), "case one: the reference does not reproduce the published step half"),
        (
            _case("one", inputs={"number": -7}),
            "case one: the reference does not reproduce it: rejected with bad_request, must be accepted",
        ),
    ],
)
def test_reference_that_errs_is_found(
    make_file: Callable[..., VectorFile], tmp_path: Path, change: Callable[[Case], Case], finding: str
) -> None:
    """Published values keep the reference honest, intermediate ones too."""
    assert found(_published(make_file, change), tmp_path, []) == [f"messaging/rfc1_double.json: {finding}"]


def test_published_file_is_named_after_its_source(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    file = replace(_published(make_file), name="double")
    assert found(file, tmp_path, []) == ["messaging/double.json: must be named like rfc9529_trace_1"]


def test_published_file_has_the_stable_form(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    path = dump(_published(make_file), tmp_path)
    path.write_text(path.read_text() + "\n")
    assert list(findings(tmp_path, [])) == [
        "messaging/rfc1_double.json: not in the stable form; write it with picosec_conformance.vectors.model.dump"
    ]


README = """# Vectors

<!-- files: generated -->
<!-- end of files -->

<!-- operations: generated -->
<!-- end of operations -->

<!-- flags: generated -->
old
<!-- end of flags -->
"""


def test_readme_lists_files_operations_and_flags(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    folder, readme = tmp_path / "v1", tmp_path / "README.md"
    readme.write_text(README)
    stale = ["README.md: its tables are not those of the files; run 'picosec vectors generate'"]
    assert found(make_file(), folder) == stale
    readme.write_text(with_tables(README, [make_file()]))
    assert found(make_file(), folder) == []
    lines = readme.read_text().splitlines()
    assert "| `messaging/double.json` | `test.double` | 2 | 1 | A number is doubled |" in lines
    assert "| `test.double` | `number` | `number` |" in lines
    assert "| `Negative` | Nobody may double a debt. | double |" in lines
    assert "old" not in lines


def test_readme_without_room_for_a_table_is_refused(make_file: Callable[..., VectorFile]) -> None:
    with pytest.raises(ValueError, match="table of files"):
        with_tables("# Vectors", [make_file()])


def test_flag_has_one_meaning(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    """A flag that means one attack here and another one there explains neither."""
    other = make_file(name="other", flags={"Negative": "Something else entirely."})
    dump(make_file(), tmp_path)
    assert found(other, tmp_path, [make_file(), other]) == [
        "messaging/other.json: flag Negative is explained otherwise than in messaging/double.json"
    ]
