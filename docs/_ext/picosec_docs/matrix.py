"""``{matrix} chapter``, ``{vectorfiles}``, ``{testmodules}``, ``{faults}``: tables of what shows what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_conformance.faults import load_faults
from picosec_conformance.specification.requirements import load_requirements
from picosec_docs import markup, places
from picosec_docs.evidence import (
    Item,
    error_links,
    evidence_of,
    item_links,
    requirement_links,
    test_modules,
    vector_files,
    vector_links,
)
from picosec_docs.places import Link, linker


def matrix(chapter: str, link: Link) -> str:
    """Return a chapter's table: id, title, level, and its tests and vectors, counted and folded."""
    rows = []
    for row in load_requirements().values():
        if row.chapter == chapter:
            evidence = evidence_of(row.id)
            tests = "by inspection" if row.check == "inspection" else _counted(evidence.tests, item_links, link)
            here = markup.anchor(link(places.requirement(row.page, row.id)), row.id)
            errors = error_links(evidence.errors, link)
            rows.append(
                [here, escape(row.title), row.level, tests, _counted(evidence.vectors, vector_links, link), errors]
            )
    return markup.table(["id", "requirement", "level", "tests", "vectors", "errors"], rows, "matrix")


def _counted(items: Sequence[Item], write: Callable[[Sequence[Item], Link], str], link: Link) -> str:
    return markup.folded(str(len(items)), write(items, link)) if items else "–"


def vector_table(link: Link) -> str:
    """Return the list of vector files."""
    rows = []
    for path, file in vector_files().items():
        here = markup.anchor(link(places.vector_file(path)), markup.code(path))
        rows.append([here, escape(file.title), str(len(file.cases)), "published" if file.published else "generated"])
    return markup.table(["file", "what it holds", "cases", "values"], rows)


def test_table(link: Link) -> str:
    """Return the list of the suite's modules."""
    rows = []
    for file, (story, functions) in test_modules().items():
        here = markup.anchor(link(places.test_module(file)), markup.code(file))
        rows.append([here, escape(story.partition("\n")[0]), str(len(functions))])
    return markup.table(["module", "what it judges", "tests"], rows)


def fault_table(link: Link, kills: Mapping[str, Sequence[str]]) -> str:
    """Return the list of broken references, with the tests that caught them in the last run, if there was one."""
    rows, anchors = [], []
    for fault in load_faults().values():
        cells = [markup.code(fault.name), requirement_links([fault.requirement], link), escape(fault.story)]
        rows.append([*cells, _killers(kills.get(fault.name, ()), link)] if kills else cells)
        anchors.append(places.anchor_of(places.fault(fault.name)))
    head = ["fault", "violates", "as it happens", *(["caught by"] if kills else [])]
    return markup.table(head, rows, "faults", anchors)


def _killers(tests: Sequence[str], link: Link) -> str:
    """Return the number of tests that caught a fault, and, folded, their functions: parameters would fill pages."""
    functions = dict.fromkeys(test.partition("[")[0].partition("::")[::2] for test in tests)
    anchors = (markup.anchor(link(places.test(file, name)), markup.code(name)) for file, name in functions)
    return markup.folded(str(len(tests)), markup.listed(anchors)) if tests else "–"


def last_kills(folder: Path) -> dict[str, list[str]]:
    """Return by fault which tests caught it in the last ``picosec faults --json`` of this checkout."""
    file = folder / "report" / "faults.json"
    if not file.is_file():
        return {}
    return {row["fault"]: row["killed_by"] for row in json.loads(file.read_text(encoding="utf-8"))["matrix"]}


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


class Faults(Computed):
    """``{faults}``."""

    def text(self, link: Link) -> str:
        """Return the table."""
        return fault_table(link, last_kills(Path(self.env.app.confdir).parent))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("matrix", Matrix)
    app.add_directive("vectorfiles", VectorFiles)
    app.add_directive("testmodules", TestModules)
    app.add_directive("faults", Faults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
