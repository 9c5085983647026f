"""``{sequence} chapter/file case-id``: a message sequence drawn from a vector's data.

Each line of the body is an arrow or a remark::

    Initiator -> Responder: message_1 | METHOD, SUITES_I, G_X, C_I
    -- both sides now hold PRK_out

``message_1`` names a member of the case's output, steps or inputs; its size is drawn with it. What follows the bar
stands below the arrow. With the option ``:coap:`` the members are CoAP datagrams, with ``:tcp:`` or
``:websocket:`` messages on a connection, and are drawn decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_conformance import wire
from picosec_conformance.report.sequence import Arrow, Remark, Row, sequence_svg
from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.model import Case
from picosec_docs.vector import find_case

Layer = Literal["coap", "tcp", "websocket"]
_LAYERS: Final[tuple[Layer, ...]] = ("coap", "tcp", "websocket")

_ARROW = re.compile(r"(?P<source>.+?) -> (?P<target>.+?): (?P<member>[a-z0-9_.]+)(?: \| (?P<note>.+))?")


def member_bytes(case: Case, name: str) -> bytes:
    """Return the bytes that a case keeps under ``name``; dots lead into structures. Raises ``LookupError``."""
    for place in (case.output or {}, case.steps, case.inputs):
        value: Any = place
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str):
            return bytes.fromhex(value)
    raise LookupError(f"case {case.id} has no bytes under {name!r}")


def rows_of(lines: Iterable[str], case: Case, layer: Layer | None) -> list[Row]:
    """Return what to draw. Raises ``LookupError`` for a line that is neither an arrow nor a remark."""
    rows: list[Row] = []
    for line in filter(None, map(str.strip, lines)):
        match = _ARROW.fullmatch(line)
        if match:
            data = member_bytes(case, match["member"])
            text = wire.summary(data, layer) if layer else f"{match['member']} ({len(data)} bytes)"
            rows.append(Arrow(match["source"], match["target"], text, match["note"] or ""))
        elif line.startswith("-- "):
            rows.append(Remark(line[3:]))
        else:
            raise LookupError(f"cannot draw {line!r}: write 'A -> B: member | note' or '-- remark'")
    return rows


class Sequenced(SphinxDirective):
    """The directive."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = dict.fromkeys(_LAYERS, directives.flag)

    def run(self) -> Sequence[nodes.Node]:
        """Draw the sequence."""
        try:
            path, case = find_case(self.arguments[0])
            rows = rows_of(self.content, case, next((layer for layer in _LAYERS if layer in self.options), None))
        except LookupError as error:
            raise self.error(str(error)) from None
        self.env.note_dependency(str(vectors_folder() / f"{path}.json"))
        names = dict.fromkeys(name for row in rows if isinstance(row, Arrow) for name in (row.source, row.target))
        picture = sequence_svg(list(names), rows, title=case.comment)
        return [nodes.raw("", f'<figure class="sequence">{picture}</figure>', format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("sequence", Sequenced)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
