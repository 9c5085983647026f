"""An operator that cosmic-ray does not have: leave a statement out. A check that is missing is the commonest hole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cosmic_ray.operators.operator import Example, Operator
from parso.python.tree import Keyword

#: What a statement may be. To leave out an assignment to a local name breaks the next line, and shows nothing.
_CALLS = frozenset({"atom_expr", "power"})
_TARGETS = frozenset({"atom_expr", "power"})


class RemoveStatement(Operator):  # type: ignore[misc] # cosmic-ray comes without types
    """Replaces a call, a ``raise``, an augmented assignment, or an assignment to an attribute or entry by ``pass``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Yield the place of a statement that can be left out."""
        if node.type == "simple_stmt" and node.parent.type == "suite" and _removable(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return ``pass`` in the place of the statement."""
        first = node.children[0].get_first_leaf()
        node.children[0] = Keyword("pass", first.start_pos, first.prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """Return a change that cosmic-ray can show."""
        return (Example("def f():\n    check()\n", "def f():\n    pass\n"),)


def _removable(statement: Any) -> bool:
    if statement.type in _CALLS or statement.type == "raise_stmt":
        return True
    if statement.type != "expr_stmt":
        return False
    target, operator = statement.children[:2]
    return target.type in _TARGETS or getattr(operator, "value", "=") not in ("=", ":")
