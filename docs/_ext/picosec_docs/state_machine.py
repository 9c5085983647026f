"""``{statemachine} package.module:TABLE`` draws a transition table that the reference runs, and lists it below."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import import_module
from itertools import pairwise
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_docs import markup
from picosec_docs.places import slug
from picosec_docs.state_layout import LINE, STATE_HEIGHT, Box, Diagram, Edge, Transition, lay_out, transitions_of

#: Pixels per unit of the layout, which is the size of the text.
_UNIT = 13
_MARGIN = 1.0


def draw(diagram: Diagram, title: str, name: str) -> str:
    """Return the diagram as SVG markup that takes its colours from the page.

    States that a machine starts or ends in are set apart; ``name`` keeps the parts of two diagrams on a page apart.
    """
    width, height = (diagram.width + 2 * _MARGIN) * _UNIT, (diagram.height + 2 * _MARGIN) * _UNIT
    corner = -_MARGIN * _UNIT
    shape = f'viewBox="{corner:.0f} {corner:.0f} {width:.0f} {height:.0f}"'
    size = f'style="max-width:{width:.0f}px;min-width:{0.75 * width:.0f}px"'
    parts = [
        f'<svg class="machine" {shape} {size} role="img" aria-label="{escape(title)}; the table below says the same">',
        f'<defs><marker id="{name}-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="machine-head" d="M0 1 L10 5 L0 9 z"/></marker></defs>',
    ]
    for edge in diagram.edges:
        parts.append(f'<path class="machine-edge" d="{_path(edge)}" marker-end="url(#{name}-arrow)"/>')
    for edge in diagram.edges:
        parts += _label(edge)
    return "".join([*parts, *(_box(box, _kind(box.name, diagram)) for box in diagram.boxes)]) + "</svg>"


def _kind(state: str, diagram: Diagram) -> str:
    """A machine starts in its first state and in those that nothing leads to; it ends in those that nothing leaves."""
    moves = [edge for edge in diagram.edges if edge.source != edge.target]
    if state == diagram.boxes[0].name or all(edge.target != state for edge in moves):
        return "machine-start"
    return "machine-state" if any(edge.source == state for edge in moves) else "machine-end"


def _box(box: Box, kind: str) -> str:
    x, y = (box.x - box.width / 2) * _UNIT, (box.y - STATE_HEIGHT / 2) * _UNIT
    width, height = box.width * _UNIT, STATE_HEIGHT * _UNIT
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6.5"/>'
        f'<text class="machine-name" x="{x + width / 2:.1f}" y="{y + height / 2:.1f}">{escape(box.name)}</text>'
    )


def _path(edge: Edge) -> str:
    """A smooth line: x as a cubic Hermite function of y, vertical at both ends; around a loop, one Bézier curve."""
    points = [(x * _UNIT, y * _UNIT) for x, y in edge.points]
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    if edge.source == edge.target:
        return path + " C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in points[1:])
    inner = zip(points, points[2:], strict=False)
    slopes = [0.0, *((after[0] - before[0]) / (after[1] - before[1]) for before, after in inner), 0.0]
    for index, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
        third = (to_y - y) / 3
        path += f" C{x + slopes[index] * third:.1f} {y + third:.1f}"
        path += f" {to_x - slopes[index + 1] * third:.1f} {to_y - third:.1f} {to_x:.1f} {to_y:.1f}"
    return path


def _label(edge: Edge) -> list[str]:
    x, y = edge.label[0] * _UNIT, (edge.label[1] - LINE * (len(edge.events) - 1) / 2) * _UNIT
    kind = "machine-label machine-loop" if edge.source == edge.target else "machine-label"
    return [
        f'<text class="{kind}" x="{x:.1f}" y="{y + index * LINE * _UNIT:.1f}">{escape(event)}</text>'
        for index, event in enumerate(edge.events)
    ]


def as_table(transitions: Sequence[Transition]) -> str:
    """Return the same machine as an HTML table, folded."""
    rows = ([escape(cell.source), escape(cell.event), escape(cell.target)] for cell in transitions)
    table = markup.table(["in state", "on", "goes to"], rows)
    return markup.folded("The same as a table", table, "machine-table")


class StateMachine(SphinxDirective):
    """The directive. What the table does not list leaves a machine where it is, or is an error; the text says which."""

    required_arguments = 1
    option_spec = {"caption": str}  # noqa: RUF012

    def run(self) -> Sequence[nodes.Node]:
        """Import the table and draw it."""
        module_name, _, attribute = self.arguments[0].partition(":")
        module = import_module(module_name)
        self.env.note_dependency(str(module.__file__))
        transitions = transitions_of(getattr(module, attribute))
        caption = self.options.get("caption", "")
        title, name = caption or f"State machine {self.arguments[0]}", slug(module_name)
        svg = draw(lay_out(transitions), title, name)
        below = (f"<figcaption>{escape(caption)}</figcaption>" if caption else "") + as_table(transitions)
        return [nodes.raw("", f'<figure class="machine-figure">{svg}{below}</figure>', format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("statemachine", StateMachine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
