"""``{matrix}``: every requirement with what shows it, and ``{vectorfiles}``, ``{testmodules}``: what there is to show it with."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from docutils import nodes
from picosec_conformance.specification.requirements import load_requirements
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_docs import places
from picosec_docs.evidence import evidence_of, test_modules, vector_files
from picosec_docs.places import Link, linker
from picosec_docs.registry_tables import table


def matrix(chapter: str, link: Link) -> str:
    """Return a chapter's table: id, title, level, and its tests and vectors, counted and folded."""
    cells = []
    for row in load_requirements().values():
        if row.page == chapter:
            evidence = evidence_of(row.id)
            tests = "by inspection" if row.check == "inspection" else _folded(evidence.tests, link)
            names = ", ".join(f'<a href="{link(places.error(name))}"><code>{name}</code></a>' for name in evidence.errors)
            here = f'<a href="{link(places.requirement(row.page, row.id))}">{row.id}</a>'
            cells.append(("", [here, escape(row.title), row.level, tests, _folded(evidence.vectors, link), names]))
    return table(["id", "requirement", "level", "tests", "vectors", "errors"], cells, "matrix")


def _folded(items: Sequence[Any], link: Link) -> str:
    if not items:
        return "–"
    rows = "".join(f'<li><a href="{link(item.place)}">{escape(item.name)}</a></li>' for item in items)
    return f"<details><summary>{len(items)}</summary><ul>{rows}</ul></details>"


def vector_table(link: Link) -> str:
    """Return the list of vector files."""
    rows = [
        ("", [f'<a href="{link(places.vector(path))}"><code>{path}</code></a>', escape(file.title), str(len(file.cases)), "published" if file.published else "generated"])
        for path, file in vector_files().items()
    ]
    return table(["file", "what it holds", "cases", "source"], rows)


def test_table(link: Link) -> str:
    """Return the list of the suite's modules."""
    rows = [
        ("", [f'<a href="{link(places.test(file, "")).rstrip("#")}"><code>{file}</code></a>', escape(story.partition(". ")[0]), str(len(functions))])
        for file, (story, functions) in test_modules().items()
    ]
    return table(["module", "what it judges", "tests"], rows)


class Computed(SphinxDirective):
    """A table over files from all over the tree; hence its page is read on every build."""

    def run(self) -> Sequence[nodes.Node]:
        """Write the table."""
        self.env.note_reread()
        return [nodes.raw("", self.text(linker(self.env.app, self.env.docname)), format="html")]

    def text(self, link: Link) -> str:
        """Return the table."""
        raise NotImplementedError


class Matrix(Computed):
    """``{matrix} chapter``."""

    required_arguments = 1

    def text(self, link: Link) -> str:
        """Return the table."""
        return matrix(self.arguments[0], link)


class VectorFiles(Computed):
    """``{vectorfiles}``."""

    def text(self, link: Link) -> str:
        """Return the table."""
        return vector_table(link)


class TestModules(Computed):
    """``{testmodules}``."""

    __test__ = False

    def text(self, link: Link) -> str:
        """Return the table."""
        return test_table(link)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("matrix", Matrix)
    app.add_directive("vectorfiles", VectorFiles)
    app.add_directive("testmodules", TestModules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
