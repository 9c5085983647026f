"""What the reference can be asked by a vector: named operations, and the makers of cases that record their answers.

A family module registers its operations and yields its files::

    @operation("slipmux.encode")
    def _encode(inputs: dict[str, Any]) -> Result:
        return Result({"stream": slipmux.encode(octets(inputs, "frame"))})

    def files() -> Iterator[VectorFile]:
        yield VectorFile("messaging", "slipmux_encode", "slipmux.encode", "…", {}, (accepted("slipmux.encode", …),))

An operation takes JSON data and raises ``ProtocolError`` to reject it; whatever else it raises is a defect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from picosec.errors import ProtocolError
from picosec_conformance.vectors.model import Case, jsonable


@dataclass(frozen=True, slots=True)
class Result:
    """What an operation gives: its output, and every intermediate value. Bytes are allowed in both."""

    output: dict[str, Any]
    steps: dict[str, Any] = field(default_factory=dict)


Operation = Callable[[dict[str, Any]], Result]

#: Every operation that the reference answers, by name: ``<thing>.<verb>`` or ``<protocol>.<message>.<verb>``.
OPERATIONS: dict[str, Operation] = {}


class WrongAnswer(Exception):
    """While a file was being generated, the reference answered otherwise than the family says it must."""


def operation(name: str) -> Callable[[Operation], Operation]:
    """Register a function as the operation ``name``. Raises ``ValueError`` when the name is taken."""

    def register(function: Operation) -> Operation:
        if name in OPERATIONS:
            raise ValueError(f"operation {name} is registered twice")
        OPERATIONS[name] = function
        return function

    return register


def ask(name: str, inputs: Mapping[str, Any]) -> Result | str:
    """Run an operation: its result as JSON data, or the registry's name of the error with which it rejects.

    Raises ``KeyError`` for an unknown operation, and whatever a defective operation raises.
    """
    function = OPERATIONS[name]
    try:
        result = function(jsonable(inputs))
    except ProtocolError as error:
        return error.problem.name.lower()
    return Result(jsonable(result.output), jsonable(result.steps))


def accepted(
    name: str,
    id: str,
    comment: str,
    requirements: Iterable[str],
    inputs: Mapping[str, Any],
    flags: Iterable[str] = (),
) -> Case:
    """Return a valid case with the reference's output and steps.

    Raises ``WrongAnswer`` when the reference rejects the inputs.
    """
    answer = ask(name, inputs)
    if isinstance(answer, str):
        raise WrongAnswer(f"{name}, case {id}: the reference rejects it with {answer}")
    return Case(
        id=id,
        comment=comment,
        requirements=tuple(requirements),
        flags=tuple(flags),
        inputs=jsonable(inputs),
        steps=answer.steps,
        output=answer.output,
        error=None,
    )


def rejected(
    name: str,
    id: str,
    comment: str,
    requirements: Iterable[str],
    inputs: Mapping[str, Any],
    error: str,
    flags: Iterable[str] = (),
) -> Case:
    """Return an invalid case; ``error`` is the one right answer, which the author states and the reference must give.

    Raises ``WrongAnswer`` when the reference accepts the inputs or names another error.
    """
    answer = ask(name, inputs)
    if answer != error:
        got = answer if isinstance(answer, str) else f"output {answer.output}"
        raise WrongAnswer(f"{name}, case {id}: must be rejected with {error}; the reference gives {got}")
    return Case(
        id=id,
        comment=comment,
        requirements=tuple(requirements),
        flags=tuple(flags),
        inputs=jsonable(inputs),
        steps={},
        output=None,
        error=error,
    )
