import argparse
import io
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from picosec_conformance.commands import vectors
from picosec_conformance.vectors import check
from picosec_conformance.vectors.model import VectorFile, dump, schema
from picosec_conformance.vectors.shim import answer, serve

pytestmark = pytest.mark.usefixtures("only_double")

MINIATURE = Path(__file__).with_name("miniature.py")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_file: Callable[..., VectorFile]) -> Path:
    """A tree of vectors in which one family generates one file."""

    class Known:
        withdrawn = False

    monkeypatch.setattr(check, "load_requirements", lambda: {"MSG-010": Known})
    monkeypatch.setattr(vectors, "vectors_folder", lambda: tmp_path)
    monkeypatch.setattr(vectors, "generated_files", lambda: iter([make_file()]))
    return tmp_path


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="picosec vectors")
    vectors.add_arguments(parser)
    return vectors.run(parser.parse_args(arguments))


def miniature(mode: str) -> str:
    return shlex.join([sys.executable, str(MINIATURE), mode])


def test_generated_tree_checks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 1
    assert capsys.readouterr().out == "messaging/double.json: missing; run 'picosec vectors generate'\n"
    assert run("generate") == 0
    assert capsys.readouterr().out.splitlines() == [
        "file                   operation    valid  invalid",
        "messaging/double.json  test.double      2        1  new",
    ]
    assert run("check") == 0
    assert run("generate") == 0
    assert capsys.readouterr().out.endswith("same\n")


def test_generation_stops_when_the_reference_errs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def files() -> Iterator[VectorFile]:
        from picosec_conformance.vectors.operations import accepted

        yield VectorFile(
            "messaging", "x", "test.double", "x", {}, (accepted("test.double", "x", "x", [], {"number": -1}),)
        )

    monkeypatch.setattr(vectors, "generated_files", files)
    assert run("generate") == 1
    assert "case x: the reference rejects it with bad_request" in capsys.readouterr().err
    assert run("check") == 1


@pytest.mark.parametrize(
    ("mode", "status"), [("right", 0), ("wrong_error", 1), ("knows_nothing", 1), ("always_dies", 3)]
)
def test_run_tells_by_its_status(folder: Path, make_file: Callable[..., VectorFile], mode: str, status: int) -> None:
    dump(make_file(), folder)
    assert run("run", "--shim", miniature(mode)) == status


@pytest.mark.parametrize(
    "arguments",
    [
        ("--shim", "/nonexistent/shim"),
        ("--shim", ""),
        ("--shim", "true", "--chapter", "cooking"),
        ("--shim", "true", "--operation", "test.triple"),
        ("--shim", "true", "--case", "fortune"),
    ],
)
def test_wrong_request_is_told(
    folder: Path, make_file: Callable[..., VectorFile], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    dump(make_file(), folder)
    assert run("run", *arguments) == 2
    assert capsys.readouterr().err.startswith("picosec vectors: ")


def test_one_case_can_be_asked_again(
    folder: Path, make_file: Callable[..., VectorFile], capsys: pytest.CaptureFixture[str]
) -> None:
    dump(make_file(), folder)
    assert run("run", "--shim", miniature("wrong_error"), "--case", "one") == 0
    assert run("run", "--shim", miniature("wrong_error"), "--case", "debt") == 1
    assert '{"operation": "test.double", "inputs": {"number": -1}}' in capsys.readouterr().out


def test_run_writes_a_report(folder: Path, make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    dump(make_file(), folder)
    report = tmp_path / "run.out"
    assert run("run", "--shim", miniature("wrong_error"), "--json", str(report)) == 1
    data = json.loads(report.read_text())
    jsonschema.Draft202012Validator(schema("run")).validate(data)
    assert [case["verdict"] for case in data["cases"]] == ["passed", "passed", "failed"]


def test_shim_of_the_reference_answers_line_by_line() -> None:
    requests = io.StringIO(
        '{"operation": "test.double", "inputs": {"number": 4}}\n'
        '{"operation": "test.double", "inputs": {"number": -4}}\n'
        '{"operation": "test.triple", "inputs": {}}\n'
        '{"operation": "test.double", "inputs": {}}\n'
    )
    answers = io.StringIO()
    serve(answer, requests, answers)
    assert [json.loads(line) for line in answers.getvalue().splitlines()] == [
        {"output": {"number": 8}},
        {"error": "bad_request"},
        {"unsupported": True},
        {"crash": "KeyError: 'number'"},
    ]


def test_panic_of_a_binding_is_a_crash_line() -> None:
    """A panic that passes ``except Exception`` must neither end the shim nor look like a rejection."""

    class Panic(BaseException):
        pass

    def panics(name: str, inputs: dict) -> dict:
        raise Panic("index out of range")

    answers = io.StringIO()
    serve(panics, io.StringIO('{"operation": "a.b", "inputs": {}}\n' * 2), answers)
    assert answers.getvalue() == '{"crash": "Panic: index out of range"}\n' * 2
