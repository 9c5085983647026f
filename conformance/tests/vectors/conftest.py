from collections.abc import Callable
from typing import Any

import pytest

from picosec.errors import ProtocolError
from picosec.registry import Problem
from picosec_conformance.vectors import families
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import OPERATIONS, Result


def _double(inputs: dict[str, Any]) -> Result:
    if inputs["number"] < 0:
        raise ProtocolError(Problem.BAD_REQUEST, "MSG-010")
    return Result({"number": 2 * inputs["number"]}, {"half": inputs["number"]})


@pytest.fixture
def only_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """One operation that anybody understands stands for the protocol's."""
    monkeypatch.setattr(families, "FAMILIES", ())
    monkeypatch.setitem(OPERATIONS, "test.double", _double)


@pytest.fixture
def requirement() -> str:
    return "MSG-010"


@pytest.fixture
def make_file(requirement: str) -> Callable[..., VectorFile]:
    def make(*changes: Callable[[Case], Case], **fields: Any) -> VectorFile:
        cases = [
            Case("one", "One is doubled.", (requirement,), (), {"number": 1}, {"half": 1}, {"number": 2}, None),
            Case("nothing", "Nothing is doubled.", (requirement,), (), {"number": 0}, {"half": 0}, {"number": 0}, None),
            Case("debt", "A debt is refused.", (requirement,), ("Negative",), {"number": -1}, {}, None, "bad_request"),
        ]
        for change in changes:
            cases = [change(case) for case in cases]
        values: dict[str, Any] = {
            "chapter": "messaging",
            "name": "double",
            "operation": "test.double",
            "title": "A number is doubled",
            "flags": {"Negative": "Nobody may double a debt."},
            "cases": tuple(cases),
        }
        return VectorFile(**{**values, **fields})

    return make
