"""The generated parts of vectors/README.md: every file, and every flag with the attack it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from picosec_conformance.vectors.model import VectorFile

_START, _END = "<!-- {}: generated -->\n", "<!-- end of {} -->"


def with_tables(readme: str, files: Iterable[VectorFile]) -> str:
    """Return ``readme`` with its tables of files and flags made from ``files``.

    Raises ``ValueError`` when the marks around a table are missing.
    """
    held = sorted(files, key=lambda file: file.path)
    return _replaced(_replaced(readme, "files", _files(held)), "flags", _flags(held))


def _files(files: list[VectorFile]) -> str:
    lines = ["| file | operation | valid | invalid | what |", "| --- | --- | ---: | ---: | --- |"]
    for file in files:
        invalid = sum(case.error is not None for case in file.cases)
        valid = len(file.cases) - invalid
        lines.append(f"| `{file.path}` | `{file.operation}` | {valid} | {invalid} | {file.title} |")
    return "\n".join(lines)


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
