"""``{vector} chapter/file case-id``: one case of a vector file as a listing in the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.model import Case
from picosec_docs import markup, places
from picosec_docs.evidence import vector_files
from picosec_docs.listing import case_html
from picosec_docs.places import linker


def find_case(argument: str) -> tuple[str, Case]:
    """Return the path and the case that ``chapter/file case-id`` names. Raises ``LookupError`` saying what there is."""
    path, _, case_id = argument.partition(" ")
    if path not in vector_files():
        raise LookupError(f"no vector file {path!r}; there are {', '.join(vector_files()) or 'none yet'}")
    cases = {case.id: case for case in vector_files()[path].cases}
    if case_id.strip() not in cases:
        raise LookupError(f"no case {case_id!r} in {path}; there are {', '.join(cases)}")
    return path, cases[case_id.strip()]


class Vector(SphinxDirective):
    """The directive."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> Sequence[nodes.Node]:
        """Write the case."""
        try:
            path, case = find_case(self.arguments[0])
        except LookupError as error:
            raise self.error(str(error)) from None
        self.env.note_dependency(str(vectors_folder() / f"{path}.json"))
        link = linker(self.env.app, self.env.docname)
        name = markup.anchor(link(places.vector(path, case.id)), f"{markup.code(path)} {case.id}")
        head = f'<p class="case-title">{name} {escape(case.comment)}</p>'
        values = case_html(case, lambda error: link(places.error(error)))
        return [nodes.raw("", f'<div class="vector">{head}{values}</div>', format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("vector", Vector)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
