"""The generated parts of vectors/README.md: files, operations, and flags with the attack each one stands for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from picosec_conformance.vectors.model import Case, VectorFile

_START, _END = "<!-- {}: generated -->\n", "<!-- end of {} -->"


def with_tables(readme: str, files: Iterable[VectorFile]) -> str:
    """Return ``readme`` with its tables made from ``files``.

    Raises ``ValueError`` when the marks around a table are missing.
    """
    held = sorted(files, key=lambda file: file.path)
    for name, table in (("files", _files), ("operations", _operations), ("flags", _flags)):
        readme = _replaced(readme, name, table(held))
    return readme


def _files(files: list[VectorFile]) -> str:
    lines = ["| file | operation | valid | invalid | what |", "| --- | --- | ---: | ---: | --- |"]
    for file in files:
        invalid = sum(case.error is not None for case in file.cases)
        valid = len(file.cases) - invalid
        lines.append(f"| `{file.path}` | `{file.operation}` | {valid} | {invalid} | {file.title} |")
    return "\n".join(lines)


def _operations(files: list[VectorFile]) -> str:
    """Members as the cases have them; one that not every case has is marked as optional."""
    cases: dict[str, list[Case]] = {}
    for file in files:
        cases.setdefault(file.operation, []).extend(file.cases)
    lines = ["| operation | inputs | output |", "| --- | --- | --- |"]
    for name, asked in sorted(cases.items()):
        inputs = _members([case.inputs for case in asked])
        output = _members([case.output for case in asked if case.output is not None])
        lines.append(f"| `{name}` | {inputs} | {output} |")
    return "\n".join(lines)


def _members(objects: list[dict[str, Any]]) -> str:
    counts = Counter(name for members in objects for name in members)
    return ", ".join(f"`{name}`" + ("?" if count < len(objects) else "") for name, count in counts.items())


def _flags(files: list[VectorFile]) -> str:
    used: dict[str, tuple[str, list[str]]] = {}
    for file in files:
        for flag, text in file.flags.items():
            used.setdefault(flag, (text, []))[1].append(file.name)
    lines = ["| flag | the attack, or the need, that it stands for | in |", "| --- | --- | --- |"]
    lines += [f"| `{flag}` | {text} | {', '.join(names)} |" for flag, (text, names) in sorted(used.items())]
    return "\n".join(lines)


def _replaced(readme: str, name: str, text: str) -> str:
    start, end = _START.format(name), _END.format(name)
    pattern = f"{re.escape(start)}.*?{re.escape(end)}"
    replaced, count = re.subn(pattern, lambda _: f"{start}{text}\n{end}", readme, flags=re.S)
    if count != 1:
        raise ValueError(f"the README needs the marks around the table of {name} exactly once")
    return replaced
