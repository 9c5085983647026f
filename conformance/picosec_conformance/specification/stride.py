"""Every message against the six STRIDE threats (spec/v1/stride.toml): read, and held against pages and grammar."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.grammar import top_rules

#: The six threats, by the names that the file and the pages use.
THREATS = (
    "spoofing",
    "tampering",
    "repudiation",
    "information disclosure",
    "denial of service",
    "elevation of privilege",
)

_ID = re.compile(r"\b[A-Z]{3}-\d{3,4}\b")
_STEP = re.compile(r"\bsteps? (\d+)(?: and (\d+))?")
_MEMBERS = {"name", "title", "table", "grammar"}


class StrideError(Exception):
    """The file breaks its rules. The text says where."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one message does about one threat.

    ``answer`` names requirements, or steps of a verifier when ``verifier`` is true, unless the threat cannot arise:
    then ``arises`` is false, and it says why. ``remains`` is a sentence about what is left over, or empty.
    """

    answer: str
    arises: bool = True
    verifier: bool = False
    remains: str = ""

    @property
    def requirements(self) -> tuple[str, ...]:
        """The ids of the requirements that the answer names, each once."""
        return tuple(dict.fromkeys(_ID.findall(self.answer)))

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of a verifier that the answer names."""
        return tuple(int(number) for match in _STEP.findall(self.answer) for number in match if number)


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the table where it stands, its rules in the grammar, its cells by threat."""

    name: str
    title: str
    table: str
    grammar: tuple[str, ...]
    cells: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """Messages that are shown together, on the page of a chapter."""

    name: str
    title: str
    chapter: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Stride:
    """The whole file; ``unsent`` tells of rules that are no message why they are none."""

    tables: dict[str, Table]
    unsent: dict[str, str]

    @property
    def messages(self) -> tuple[Message, ...]:
        """Every message, in order."""
        return tuple(message for table in self.tables.values() for message in table.messages)


def read_stride(path: Path) -> Stride:
    """Read a file. Raises ``StrideError`` for a cell that is missing, or that is neither an answer nor a reason."""
    with path.open("rb") as file:
        data = tomllib.load(file)
    messages = tuple(_message(row) for row in data["message"])
    names = [message.name for message in messages]
    for name in names:
        if names.count(name) > 1:
            raise StrideError(f"message {name} stands twice")
    tables = {
        name: Table(name, row["title"], row["chapter"], tuple(each for each in messages if each.table == name))
        for name, row in data["tables"].items()
    }
    for message in messages:
        if message.table not in tables:
            raise StrideError(f"message {message.name} stands in table {message.table}, which there is not")
    return Stride(tables, data.get("unsent", {}))


def _message(row: Mapping[str, Any]) -> Message:
    name = row.get("name", "")
    missing = _MEMBERS - set(row)
    if missing:
        raise StrideError(f"message {name!r} lacks {', '.join(sorted(missing))}")
    unknown = set(row) - _MEMBERS - {threat.replace(" ", "-") for threat in THREATS}
    if unknown:
        raise StrideError(f"message {name} has unknown members: {', '.join(sorted(unknown))}")
    cells = {}
    for threat in THREATS:
        if threat.replace(" ", "-") not in row:
            raise StrideError(f"message {name} says nothing about {threat}")
        cells[threat] = _cell(row[threat.replace(" ", "-")], f"message {name}, {threat}")
    return Message(name, row["title"], row["table"], tuple(row["grammar"]), cells)


def _cell(value: Any, where: str) -> Cell:
    members = {"text": value} if isinstance(value, str) else dict(value)
    remains = members.pop("remains", "")
    if len(members) != 1 or not set(members) <= {"text", "never", "verifier"}:
        raise StrideError(f"{where}: write one of text, never and verifier")
    ((kind, answer),) = members.items()
    cell = Cell(answer, kind != "never", kind == "verifier", remains)
    if kind == "text" and not cell.requirements:
        raise StrideError(f"{where}: it names no requirement; a threat that cannot arise is a `never`")
    if kind == "verifier" and not cell.steps:
        raise StrideError(f"{where}: it names no step of the verification")
    return cell


@cache
def load_stride() -> Stride:
    """Read the file that this installation carries. Raises ``StrideError``."""
    return read_stride(spec_folder() / "stride.toml")


def stride_gaps(stride: Stride, grammar: str, requirements: Collection[str], verifier_steps: int) -> Iterator[str]:
    """Yield one sentence for each gap between the tables and what they speak of.

    ``grammar`` is the text of the grammar, ``requirements`` are the ids in force, and ``verifier_steps`` tells how
    many steps the verification of a bundle has.
    """
    for message in stride.messages:
        for threat, cell in message.cells.items():
            for name in cell.requirements:
                if name not in requirements:
                    yield f"stride: {message.name}, {threat} names {name}, which does not exist or is withdrawn"
            for step in cell.steps if cell.verifier else ():
                if not 1 <= step <= verifier_steps:
                    yield f"stride: {message.name}, {threat} names step {step} of {verifier_steps}"
    tops = top_rules(grammar)
    listed = [rule for message in stride.messages for rule in message.grammar] + list(stride.unsent)
    for rule in tops:
        if rule not in listed:
            yield f"stride: rule {rule} of the grammar belongs to no message and is not listed as unsent"
    for rule in dict.fromkeys(listed):
        if rule not in tops:
            yield f"stride: {rule} is listed, but is no rule of the grammar that stands for itself"
        elif listed.count(rule) > 1:
            yield f"stride: rule {rule} is listed twice"


def count_verifier_steps(page: str) -> int:
    """Return how many steps the section "Verifying a bundle" of the conformance chapter numbers."""
    section = page.partition("### Verifying a bundle\n")[2].partition("\n#")[0]
    return len(re.findall(r"^\d+\. ", section, re.M))
