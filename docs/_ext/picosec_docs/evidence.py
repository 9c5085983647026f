"""What stands behind a requirement, and a page of the site for each test module and each vector file.

``trace()`` of the harness says what belongs together; this module adds names, stories and places.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.util import logging

from picosec_conformance.faults import load_faults
from picosec_conformance.resources import vectors_folder
from picosec_conformance.specification.matrix import SUITE, MatrixError, Trace
from picosec_conformance.specification.matrix import trace as read_trace
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.vectors.model import GENERATED, VectorFile, load
from picosec_docs import markup, places
from picosec_docs.listing import case_html
from picosec_docs.places import Link, linker

_LOGGER = logging.getLogger(__name__)

#: Up to so many cases of one file are listed by name.
_FEW = 4


@dataclass(frozen=True, slots=True)
class Item:
    """A test, a vector case or a fault: its name, what it is about in one sentence, and its place on the site."""

    name: str
    story: str
    place: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows one requirement."""

    tests: tuple[Item, ...] = ()
    vectors: tuple[Item, ...] = ()
    errors: tuple[str, ...] = ()
    faults: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class TestFunction:
    """A test of the suite as its source states it."""

    __test__ = False

    name: str
    story: str
    source: str


@cache
def test_modules() -> dict[str, tuple[str, list[TestFunction]]]:
    """Return docstring and test functions of each module of the suite, by file name."""
    modules = {}
    for path in sorted(SUITE.glob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        functions = [_function(node, source) for node in ast.walk(tree) if _is_test(node)]
        modules[path.name] = (ast.get_docstring(tree) or "", functions)
    return modules


def _is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def _function(node: ast.AST, source: str) -> TestFunction:
    assert isinstance(node, ast.FunctionDef)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = source.splitlines()[first - 1 : node.end_lineno]
    return TestFunction(node.name, " ".join((ast.get_docstring(node) or "").split()), "\n".join(lines))


@cache
def vector_files() -> dict[str, VectorFile]:
    """Return every committed vector file by ``chapter/name``."""
    files = (load(path) for path in sorted(vectors_folder().glob("*/*.json")))
    return {file.path.removesuffix(".json"): file for file in files}


@cache
def trace() -> dict[str, Trace]:
    """Return what shows each requirement: nothing, and a warning, when the suite cannot be read."""
    try:
        return read_trace()
    except MatrixError as error:
        _LOGGER.warning("the suite cannot be read: %s", error)
        return {}


@cache
def evidence_of(identifier: str) -> Evidence:
    """Return what shows a requirement. One that the committed list lacks has nothing yet."""
    row = trace().get(identifier)
    if row is None:
        return Evidence()
    broken = [fault for fault in load_faults().values() if fault.requirement == identifier]
    return Evidence(
        tests=tuple(map(_test_item, row.tests)),
        vectors=tuple(map(_vector_item, row.vectors)),
        errors=row.errors,
        faults=tuple(Item(fault.name, fault.story, places.fault(fault.name)) for fault in broken),
    )


def _test_item(name: str) -> Item:
    file, _, function = name.partition("::")
    stories = {test.name: test.story for test in test_modules()[file][1]}
    return Item(function, stories.get(function, ""), places.test(file, function))


def _vector_item(name: str) -> Item:
    path, _, case_id = name.partition("#")
    comment = next(case.comment for case in vector_files()[path].cases if case.id == case_id)
    return Item(name.replace("#", " "), comment, places.vector(path, case_id))


def requirement_links(identifiers: Iterable[str], link: Link) -> str:
    """Return links to requirements, separated by commas; an id that is not defined stays text."""
    known = load_requirements()
    return ", ".join(
        markup.anchor(link(places.requirement(known[name].page, name)), name, known[name].title)
        if name in known
        else name
        for name in identifiers
    )


def error_links(names: Iterable[str], link: Link) -> str:
    """Return links to errors, separated by commas."""
    return ", ".join(markup.anchor(link(places.error(name)), markup.code(name)) for name in names)


def item_links(items: Iterable[Item], link: Link) -> str:
    """Return a list of tests or vectors with what each is about."""
    return markup.listed(
        f"{markup.anchor(link(item.place), markup.code(item.name))} {escape(item.story)}" for item in items
    )


def vector_links(items: Sequence[Item], link: Link) -> str:
    """Return a list of vector cases; of a file with many, the file and their number."""
    lines = []
    for path, group in groupby(items, key=lambda item: item.name.partition(" ")[0]):
        cases = list(group)
        if len(cases) <= _FEW:
            lines += [f"{markup.anchor(link(c.place), markup.code(c.name))} {escape(c.story)}" for c in cases]
        else:
            lines.append(f"{len(cases)} cases of {markup.anchor(link(cases[0].place), markup.code(path))}")
    return markup.listed(lines)


def _named_by(file: str, function: str) -> list[str]:
    return [name for name, row in trace().items() if f"{file}::{function}" in row.tests]


def test_page(file: str, link: Link) -> str:
    """Return the page of one module of the suite: each test with its story, what it judges, and its source."""
    story, functions = test_modules()[file]
    formatter: HtmlFormatter[str] = HtmlFormatter(cssclass="highlight")
    parts = [f"<h1>{markup.code(file)}</h1><p>{escape(story)}</p>"]
    for test in functions:
        source = highlight(test.source, PythonLexer(), formatter)
        judged = requirement_links(_named_by(file, test.name), link)
        about = f'<p>{escape(test.story)}</p><p class="evidence-for">Judges {judged}</p>'
        parts.append(markup.named_section(test.name, "", about + source))
    return "".join(parts)


def vector_page(path: str, link: Link) -> str:
    """Return the page of one vector file."""
    file = vector_files()[path]
    origin = " · published values, transcribed" if file.published else ""
    about = (
        f"{markup.code(file.operation)} · {len(file.cases)} cases · {markup.code(f'vectors/v1/{file.path}')}{origin}"
    )
    parts = [f'<h1>{escape(file.title)}</h1><p class="evidence-for">{about}</p>']
    if file.flags:
        rows = ([markup.code(name), escape(text)] for name, text in file.flags.items())
        parts.append(markup.table(["flag", "stands for"], rows))
    for case in file.cases:
        marks = [requirement_links(case.requirements, link), *map(markup.code, case.flags)]
        marks += [error_links([case.error], link)] if case.error else []
        marks += [escape(case.source)] if case.source != GENERATED else []
        values = case_html(case, lambda name: link(places.error(name)))
        aside = f'<span class="evidence-for">{" · ".join(marks)}</span>'
        parts.append(markup.named_section(case.id, aside, markup.folded(escape(case.comment), values)))
    return "".join(parts)


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Hand the evidence pages to Sphinx."""
    made: list[tuple[str, str, Callable[[str, Link], str]]] = []
    made += [(places.test_module(file), file, test_page) for file in test_modules()]
    made += [(places.vector_file(path), path, vector_page) for path in vector_files()]
    for name, key, write in made:
        body = write(key, linker(app, name))
        yield name, {"title": Path(key).name, "body": body, "toc": "", "furo_hide_toc": True}, "page.html"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
