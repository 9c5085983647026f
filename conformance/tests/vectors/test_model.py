import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from picosec_conformance.vectors.model import Case, VectorFile, dump, jsonable, load, octets, schema
from picosec_conformance.vectors.operations import OPERATIONS, WrongAnswer, accepted, operation, rejected

pytestmark = pytest.mark.usefixtures("only_double")

VALIDATOR = jsonschema.Draft202012Validator(schema("vectors"))


@pytest.mark.parametrize("name", ["vectors", "shim", "run"])
def test_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_file_survives_the_disk(make_file: Callable[..., VectorFile], tmp_path: Path) -> None:
    file = make_file()
    path = dump(file, tmp_path)
    assert path == tmp_path / "messaging" / "double.json"
    assert load(path) == file
    assert path.read_bytes() == file.dumps().encode()


def test_same_content_gives_the_same_bytes(make_file: Callable[..., VectorFile]) -> None:
    """The order in which a family explains its flags must not change a committed file."""
    flags = {"Negative": "Nobody may double a debt.", "Another": "Another reason to refuse."}
    assert make_file(flags=flags).dumps() == make_file(flags=dict(reversed(flags.items()))).dumps()


def test_bytes_become_lowercase_hexadecimal() -> None:
    value = {"a": b"\xab\x00", "b": (b"", [bytearray(b"\x01")]), "c": None, "d": True, "e": 1.5}
    assert jsonable(value) == {"a": "ab00", "b": ["", ["01"]], "c": None, "d": True, "e": 1.5}


@pytest.mark.parametrize(("value", "error"), [(2**53, ValueError), ({1: 2}, TypeError), ({1}, TypeError)])
def test_value_without_a_form_is_refused(value: object, error: type[Exception]) -> None:
    """An integer of 64 bits silently loses digits in readers that keep numbers as binary64."""
    with pytest.raises(error):
        jsonable(value)


def test_octets_reads_hexadecimal() -> None:
    assert octets({"a": "00ff"}, "a") == b"\x00\xff"
    assert octets({}, "a", b"x") == b"x"
    with pytest.raises(KeyError):
        octets({}, "a")


@pytest.mark.parametrize(("output", "error"), [(None, None), ({}, "malformed")])
def test_case_expects_exactly_one_thing(output: dict[str, Any] | None, error: str | None) -> None:
    with pytest.raises(ValueError, match="either"):
        Case("id", "comment", ("MSG-010",), (), {}, {}, output, error)


def test_schema_takes_a_good_file(make_file: Callable[..., VectorFile]) -> None:
    VALIDATOR.validate(json.loads(make_file().dumps()))


def _set(*path: str | int, value: object) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return change


def _remove(*path: str | int) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("note", value="x"),
        _set("cases", 0, "note", value="x"),
        _set("cases", 0, "expect", "error", value="malformed"),
        _set("cases", 0, "expect", value={"result": "acceptable"}),
        _set("cases", 0, "expect", value={}),
        _set("cases", 0, "requirements", value=[]),
        _set("cases", 0, "requirements", value=["MSG-10"]),
        _set("cases", 0, "source", value="somebody"),
        _set("cases", 0, "id", value="Has Spaces"),
        _set("cases", 0, "inputs", value={"Upper": 1}),
        _set("cases", 0, "comment", value=""),
        _set("cases", 2, "flags", value=[]),
        _set("cases", 2, "steps", value={"half": 1}),
        _set("cases", value=[]),
        _set("flags", value={"lower": "A flag in the wrong case."}),
        _set("version", value="2.0"),
        _set("operation", value="double"),
        _remove("cases", 0, "steps"),
        _remove("cases", 0, "source"),
        _remove("$schema"),
        _remove("title"),
    ],
)
def test_schema_refuses(make_file: Callable[..., VectorFile], change: Callable[[Any], None]) -> None:
    """Closed objects: a misspelt or invented member is a finding, not something a reader skips."""
    data = json.loads(make_file().dumps())
    change(data)
    assert not VALIDATOR.is_valid(data)


def test_makers_record_what_the_reference_answers() -> None:
    good = accepted("test.double", "two", "Two is doubled.", ["MSG-010"], {"number": 2})
    assert (good.output, good.steps, good.error) == ({"number": 4}, {"half": 2}, None)
    bad = rejected(
        "test.double", "debt", "A debt is refused.", ["MSG-010"], {"number": -2}, "bad_request", ["Negative"]
    )
    assert (bad.output, bad.steps, bad.error) == (None, {}, "bad_request")


def test_makers_refuse_to_record_an_accident() -> None:
    """A defect of the reference must not become the published right answer."""
    with pytest.raises(WrongAnswer):
        accepted("test.double", "debt", "A debt is doubled.", ["MSG-010"], {"number": -2})
    with pytest.raises(WrongAnswer):
        rejected("test.double", "debt", "A debt is refused.", ["MSG-010"], {"number": -2}, "malformed", ["Negative"])
    with pytest.raises(WrongAnswer):
        rejected("test.double", "two", "Two is refused.", ["MSG-010"], {"number": 2}, "bad_request", ["Negative"])


def test_operation_has_one_owner() -> None:
    with pytest.raises(ValueError, match="twice"):
        operation("test.double")(OPERATIONS["test.double"])


def test_published_file_is_told_by_its_sources(make_file: Callable[..., VectorFile]) -> None:
    assert not make_file().published
    assert make_file(lambda case: replace(case, source="RFC 1 section 2")).published
