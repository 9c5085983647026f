"""``{statemachine} package.module:TABLE`` draws a transition table that the reference runs, and lists it below."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_docs.state_layout import LINE, STATE_HEIGHT, Diagram, Edge, Transition, lay_out, transitions_of

#: Pixels per unit of the layout, which is the size of the text.
_UNIT = 13
_MARGIN = 1.0


def draw(diagram: Diagram, start: str, title: str) -> str:
    """Return the diagram as SVG markup that takes its colours from the page. ``start`` is drawn as the first state."""
    width, height = (diagram.width + 2 * _MARGIN) * _UNIT, (diagram.height + 2 * _MARGIN) * _UNIT
    sources = {edge.source for edge in diagram.edges if edge.source != edge.target}
    parts = [
        f'<svg class="machine" viewBox="{-_MARGIN * _UNIT:.0f} {-_MARGIN * _UNIT:.0f} {width:.0f} {height:.0f}" '
        f'style="max-width:{width:.0f}px" role="img" aria-label="{escape(title)}; the table below says the same">',
        '<defs><marker id="machine-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="machine-head" d="M0 1 L10 5 L0 9 z"/></marker></defs>',
    ]
    parts += [f'<path class="machine-edge" d="{_path(edge)}" marker-end="url(#machine-arrow)"/>' for edge in diagram.edges]
    parts += [line for edge in diagram.edges for line in _label(edge)]
    for box in diagram.boxes:
        kind = "machine-start" if box.name == start else "machine-state" if box.name in sources else "machine-end"
        x, y = (box.x - box.width / 2) * _UNIT, (box.y - STATE_HEIGHT / 2) * _UNIT
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{box.width * _UNIT:.1f}" height="{STATE_HEIGHT * _UNIT:.1f}" '
            f'rx="{0.5 * _UNIT}"/><text class="machine-name" x="{box.x * _UNIT:.1f}" y="{box.y * _UNIT:.1f}">{escape(box.name)}</text>'
        )
    return "".join(parts) + "</svg>"


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
        path += f" C{x + slopes[index] * third:.1f} {y + third:.1f} {to_x - slopes[index + 1] * third:.1f} {to_y - third:.1f}"
        path += f" {to_x:.1f} {to_y:.1f}"
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
    rows = "".join(f"<tr><td>{escape(t.source)}</td><td>{escape(t.event)}</td><td>{escape(t.target)}</td></tr>" for t in transitions)
    return (
        '<details class="machine-table"><summary>The same as a table</summary><div class="table-wrapper">'
        '<table class="docutils"><thead><tr><th>In state</th><th>on</th><th>goes to</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


class StateMachine(SphinxDirective):
    """The directive. Every transition not in the table leaves the state as it is, which the caption's author may say."""

    required_arguments = 1
    option_spec = {"caption": str}  # noqa: RUF012

    def run(self) -> Sequence[nodes.Node]:
        """Import the table and draw it."""
        module_name, _, attribute = self.arguments[0].partition(":")
        module = import_module(module_name)
        self.env.note_dependency(str(Path(str(module.__file__))))
        transitions = transitions_of(getattr(module, attribute))
        title = self.options.get("caption", f"State machine {self.arguments[0]}")
        svg = draw(lay_out(transitions), transitions[0].source, title)
        caption = f"<figcaption>{escape(title)}</figcaption>" if "caption" in self.options else ""
        return [nodes.raw("", f'<figure class="machine-figure">{svg}{caption}{as_table(transitions)}</figure>', format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("statemachine", StateMachine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
