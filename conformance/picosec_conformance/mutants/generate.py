"""All mutants of the packages under test, each with the name that the list of survivors knows it by."""

from __future__ import annotations

import ast
import difflib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

import picosec
from picosec_conformance.mutants.statements import RemoveStatement

REFERENCE = Path(picosec.__file__).parent
PACKAGES = ("messaging", "channel", "objects")

_COMPARISONS = "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is"
_ARITHMETIC = (
    "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul RShift_LShift LShift_RShift "
    "BitOr_BitAnd BitAnd_BitOr BitXor_BitAnd"
)
#: cosmic-ray's operators, without those that repeat each other: a comparison moves by one, and turns round.
OPERATORS = (
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in _COMPARISONS.split()),
    *(f"core/ReplaceBinaryOperator_{pair}" for pair in _ARITHMETIC.split()),
    *(f"core/ReplaceUnaryOperator_Delete_{name}" for name in ("Not", "USub", "Invert")),
    "core/AddNot",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/ReplaceBreakWithContinue",
    "core/ReplaceContinueWithBreak",
    "core/ExceptionReplacer",
    "core/NumberReplacer",
    "core/ZeroIterationForLoop",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module of the reference with one change. ``before`` and ``after`` are the lines that differ, on one line."""

    module: str  #: relative to the package, such as ``channel/oscore.py``
    place: str  #: the function or class, such as ``Endpoint.receive``; empty at the top level
    line: int
    operator: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.place or 'top level'}: {self.before}  →  {self.after}"


def modules() -> tuple[str, ...]:
    """Return the modules under test."""
    paths = (path for package in PACKAGES for path in sorted((REFERENCE / package).glob("*.py")))
    return tuple(path.relative_to(REFERENCE).as_posix() for path in paths if path.name != "__init__.py")


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield the mutants of a module, leaving out those that do not compile, or compile to what was seen before.

    Annotations, decorators and f-strings count for nothing there: the first are never read while the program runs, the
    second tell the reader of a class, such as that it is frozen, what its code observes anyway, and the last are words
    for people.
    """
    logging.getLogger("parso").setLevel(logging.WARNING)
    source = (REFERENCE / module).read_text(encoding="utf-8")
    places = _places(source)
    seen = {_meaning(source)}
    tree = get_ast(source)
    for name, operator in _operators():
        count = sum(1 for node in ast_nodes(tree) for _ in operator.mutation_positions(node))
        for occurrence in range(count):
            mutated: str = mutate_code(source, operator, occurrence)
            try:
                meaning = _meaning(mutated)
            except SyntaxError:
                continue
            if meaning not in seen:
                seen.add(meaning)
                line, before, after = _difference(source, mutated)
                yield Mutant(module, _place(places, line), line, name, before, after, mutated)


def _operators() -> Iterator[tuple[str, Any]]:
    for name in OPERATORS:
        yield name.removeprefix("core/"), cosmic_ray.plugins.get_operator(name)()
    yield "RemoveStatement", RemoveStatement()


class _WithoutStructure(ast.NodeTransformer):
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.Constant("")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        return self.generic_visit(node)


def _meaning(source: str) -> str:
    return ast.dump(_WithoutStructure().visit(ast.parse(source)))


def _places(source: str) -> list[tuple[int, int, str]]:
    """Return the first line, the last line and the name of every function and class, the outer before the inner."""
    found: list[tuple[int, int, str]] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                found.append((child.lineno, child.end_lineno or child.lineno, name))
                visit(child, f"{name}.")
            else:
                visit(child, prefix)

    visit(ast.parse(source), "")
    return found


def _place(places: list[tuple[int, int, str]], line: int) -> str:
    return next((name for first, last, name in reversed(places) if first <= line <= last), "")


def _difference(source: str, mutated: str) -> tuple[int, str, str]:
    """Return the number of the first line that differs, and the differing lines of both."""
    old, new = source.splitlines(), mutated.splitlines()
    changes = [op for op in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if op[0] != "equal"]
    first, last = changes[0], changes[-1]
    return first[1] + 1, _joined(old[first[1] : last[2]]), _joined(new[first[3] : last[4]])


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
