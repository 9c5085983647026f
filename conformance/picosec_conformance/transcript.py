"""What passed between the suite and a target, step by step and test by test (spec/v1/conformance.md, "Bundles").

A transcript is a CBOR sequence, one item for each test that did anything on a link::

    [test, [[at, link, operation, data, ?outcome, ?reason], …]]

``at`` counts microseconds from the start of the test. The order of the steps is exact: it is all that a replay needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import cbor

#: Bytes of a transcript that anybody reads. The whole suite writes about a hundredth of it.
MAX_SIZE = 1 << 28


class TranscriptError(Exception):
    """The bytes are no transcript. The text says where."""


class Operation(IntEnum):
    """What the suite did on a link."""

    START = 0  #: brought the target up
    SEND = 1  #: sent one frame
    SEND_RAW = 2  #: sent bytes as they appear on the line
    RECEIVE = 3  #: waited for a frame; without data, none came in time
    POWER_CYCLE = 4  #: took the power away and gave it back
    RECALL = 5  #: took up a number where an earlier test had left it
    CONNECT = 6  #: made a new connection: 0 as the link has them, 1 with nothing on it
    DISCONNECT = 7  #: ended it: 0 both halves, 1 its own, 2 with a reset


class Outcome(IntEnum):
    """How an operation failed."""

    DIED = 0  #: the target went away
    BROKE = 1  #: the link failed, which says nothing about the target
    CLOSED = 2  #: the target had ended the connection
    RESET = 3  #: somebody had reset the connection


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on one link. ``data`` is a frame, a number for ``RECALL``, ``CONNECT`` and ``DISCONNECT``, or
    nothing."""

    at: int
    link: str
    operation: Operation
    data: bytes | int | None = None
    outcome: Outcome | None = None
    reason: str = ""


#: The steps of each test that did anything, by the test's id.
Transcript = Mapping[str, tuple[Step, ...]]


def encode_test(test: str, steps: Iterable[Step]) -> bytes:
    """Return one test's item of the sequence."""
    rows = [
        [s.at, s.link, s.operation, s.data] + ([] if s.outcome is None else [s.outcome, clean(s.reason)]) for s in steps
    ]
    return cbor.dumps([test, rows])


def clean(reason: str) -> str:
    """Return a target's last words as text that has an encoding, whatever bytes they came from."""
    return reason.encode(errors="backslashreplace").decode()


def decode(data: bytes) -> dict[str, tuple[Step, ...]]:
    """Read a transcript. Raises ``TranscriptError``."""
    try:
        items = cbor.loads_sequence(data, MAX_SIZE)
    except ProtocolError as error:
        raise TranscriptError(f"the transcript is not deterministic CBOR: {error}") from error
    found: dict[str, tuple[Step, ...]] = {}
    for number, item in enumerate(items):
        match item:
            case [str(test), list(rows)] if test not in found:
                found[test] = tuple(_step(row, test) for row in rows)
            case _:
                raise TranscriptError(f"item {number} of the transcript is not a test with its steps, or comes twice")
    return found


_DATA: dict[Operation, tuple[type, ...]] = {
    Operation.START: (type(None),),
    Operation.SEND: (bytes,),
    Operation.SEND_RAW: (bytes,),
    Operation.RECEIVE: (bytes, type(None)),
    Operation.POWER_CYCLE: (type(None),),
    Operation.RECALL: (int,),
    Operation.CONNECT: (int,),
    Operation.DISCONNECT: (int,),
}


def _step(row: Any, test: str) -> Step:
    """Read one step. Types are compared exactly: in Python ``True`` would pass for 1."""
    if type(row) is list and len(row) in (4, 6):
        at, link, operation, data = row[:4]
        if type(at) is int and at >= 0 and type(link) is str and type(operation) is int and operation in _OPERATIONS:
            step = Step(at, link, _OPERATIONS[operation], data)
            if type(data) in _DATA[step.operation] and len(row) == 4:
                return step
            if (
                type(data) in _DATA[step.operation]
                and type(row[4]) is int
                and row[4] in _OUTCOMES
                and type(row[5]) is str
            ):
                return Step(at, link, step.operation, data, Outcome(row[4]), row[5])
    raise TranscriptError(f"a step of {test} in the transcript does not follow the grammar")


_OPERATIONS = {int(operation): operation for operation in Operation}
_OUTCOMES = frozenset(int(outcome) for outcome in Outcome)
