"""Which tests reach which lines of the reference: a mutant need only meet the tests that reach it.

The suite writes the number of the running test into memory that it shares with its targets. A target that starts with
``sitecustomize.py`` on its path notes each line together with the number that it finds there.
"""

from __future__ import annotations

import ast
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

#: Lines that ran before the target was sent anything: they may have a part in every test.
ALWAYS = -1

_HOOK = """\
import mmap, os, sys
_now = mmap.mmap(os.open({now!r}, os.O_RDONLY), 4, prot=mmap.PROT_READ)
_out = os.open({lines!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_root, _seen, _serving = {root!r}, set(), False

def _line(frame, event, _):
    test = int.from_bytes(_now[:4], "big") if _serving else -1
    place = test, frame.f_code.co_filename, frame.f_lineno
    if place not in _seen:
        _seen.add(place)
        os.write(_out, f"{{test}}\\t{{place[1][len(_root):]}}\\t{{place[2]}}\\n".encode())
    return _line

def _call(frame, event, _):
    global _serving
    name = frame.f_code.co_filename
    if not name.startswith(_root):
        return None
    _serving = _serving or frame.f_code.co_name == "feed"
    return _line(frame, event, _)

sys.settrace(_call)
"""


class Tracing:
    """Watches the targets that start from one folder."""

    def __init__(self, folder: Path) -> None:
        self._hook = folder / "sitecustomize.py"
        self._lines = folder / "lines"
        root = f"{folder / 'picosec'}/"
        self._hook.write_text(_HOOK.format(now=str(folder / "now"), lines=str(self._lines), root=root))
        self._file = (folder / "now").open("wb+")
        self._file.write(bytes(4))
        self._file.flush()
        self._now = mmap.mmap(self._file.fileno(), 4)

    def begin(self, test: int) -> None:
        """Say which test runs from now on."""
        self._now[:4] = test.to_bytes(4, "big")

    def end(self) -> Mapping[str, Mapping[int, frozenset[int]]]:
        """Watch no further target; return the tests that reached each line of each module."""
        self._hook.unlink()
        self._now.close()
        self._file.close()
        found: dict[str, dict[int, set[int]]] = {}
        for row in self._lines.read_text().splitlines():
            test, module, line = row.split("\t")
            found.setdefault(module, {}).setdefault(int(line), set()).add(int(test))
        return {module: {line: frozenset(tests) for line, tests in lines.items()} for module, lines in found.items()}


def reaching(source: str, line: int, reached: Mapping[int, frozenset[int]]) -> frozenset[int]:
    """Return the tests that reached the statement in which a line is; of a compound statement, its head counts."""
    first, last = next(_statements(ast.parse(source), line), (line, line))
    return frozenset().union(*(reached.get(number, frozenset()) for number in range(first, last + 1)))


def _statements(tree: ast.AST, line: int) -> Iterator[tuple[int, int]]:
    """Yield the extent of the innermost statement around a line, then those around it."""
    for node in ast.iter_child_nodes(tree):
        yield from _statements(node, line)
    if isinstance(tree, ast.stmt):
        body: list[ast.stmt] = getattr(tree, "body", []) or [case.body[0] for case in getattr(tree, "cases", ())]
        last = body[0].lineno - 1 if body else tree.end_lineno
        if tree.lineno <= line <= max(tree.lineno, last or 0):
            yield tree.lineno, max(tree.lineno, last or 0)
