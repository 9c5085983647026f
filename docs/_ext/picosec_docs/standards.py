"""``{standards} NAME|all`` and ``{interop} EVENT|all``: what others demand, with what covers it (spec/v1/standards)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.interop import Event, load_events
from picosec_conformance.specification.requirements import LEVELS, load_requirements
from picosec_conformance.specification.standards import (
    AWAITED,
    STATES,
    Fate,
    Standard,
    load_standards,
    standards_folder,
)
from picosec_docs import markup, places
from picosec_docs.evidence import requirement_links
from picosec_docs.places import Link, linker

_MARKED = re.compile(r"`([^`]+)`|\b([A-Z]{3}-\d{3,4})\b")


def prose(text: str, link: Link) -> str:
    """Return a sentence as markup: what stands in backticks as code, ids of requirements as links."""
    parts, end = [], 0
    for match in _MARKED.finditer(text):
        parts.append(escape(text[end : match.start()]))
        parts.append(markup.code(match[1]) if match[1] else _requirement(match[2], link))
        end = match.end()
    return "".join([*parts, escape(text[end:])])


def _requirement(name: str, link: Link) -> str:
    return requirement_links([name], link) if name in load_requirements() else escape(name)


def overview(link: Link) -> str:
    """Return the standards, each with the number of its statements by state."""
    rows = []
    for standard in load_standards():
        name = markup.anchor(link(places.standard(standard.name)), escape(standard.standard))
        rows.append([name, escape(standard.title), *_by_state([row.fate for row in standard.statements])])
    rows.append(["all", "", *_by_state([row.fate for standard in load_standards() for row in standard.statements])])
    return markup.table(["standard", "title", *_HEAD], rows, "matrix")


def statements(standard: Standard, link: Link) -> str:
    """Return a standard's counts by level and state, and its statements; the first row of a section is its anchor."""
    counts = []
    for level in LEVELS:
        fates = [row.fate for row in standard.statements if row.level == level]
        counts.append([level, *_by_state(fates)])
    counts.append(["all", *_by_state([row.fate for row in standard.statements])])
    rows, anchors, seen = [], [], set()
    for number, row in enumerate(standard.statements, 1):
        where = markup.anchor(_section_address(standard.url, row.section), f"§{row.section}")
        by = requirement_links(row.fate.covered_by, link)
        rows.append([where, row.level, prose(row.text, link), by or _reason(row.fate, link)])
        section = places.anchor_of(places.standard(standard.name, row.section))
        anchors.append(f"row-{number}" if section in seen else section)
        seen.add(section)
    document = markup.anchor(standard.url, escape(f"{standard.standard}, {standard.title}"))
    return (
        f"<p>{document}. {escape(standard.scope)}</p>"
        + markup.table(["level", *_HEAD], counts)
        + "<p>A section leads to the document, an id to the requirement with what shows it.</p>"
        + markup.table(["section", "level", "statement", "covered by"], rows, "matrix", anchors)
    )


def events_overview(_link: Link) -> str:
    """Return the events, each with the number of its descriptions by state."""
    rows = [
        [
            markup.anchor(event.url, escape(event.name)),
            escape(event.scope),
            *_by_state([r.fate for r in event.descriptions]),
        ]
        for event in load_events()
    ]
    return markup.table(["event", "part", *_HEAD], rows)


def descriptions(event: Event, link: Link) -> str:
    """Return an event's test descriptions; the identifier of each is its anchor."""
    rows = []
    for row in event.descriptions:
        by = ", ".join(_test(name, link) for name in row.fate.covered_by) or _reason(row.fate, link)
        rows.append([markup.code(row.id), escape(row.title), f"{by}. {prose(row.note, link)}" if row.note else by])
    anchors = [row.id for row in event.descriptions]
    return markup.table(["identifier", "what happens", "tests of the suite"], rows, "matrix", anchors)


_HEAD = ("rows", *STATES, "awaited")


def _by_state(fates: Collection[Fate]) -> list[str]:
    """Return the number of all, of each state, and of those for which a requirement is missing."""
    counts = [len(fates), *(sum(fate.state == state for fate in fates) for state in STATES)]
    return [*map(str, counts), str(sum(fate.awaited for fate in fates))]


def _reason(fate: Fate, link: Link) -> str:
    if fate.awaited:
        return f"<strong>{escape(AWAITED.rstrip(': '))}</strong>: {prose(fate.reason.removeprefix(AWAITED), link)}"
    return f"<em>{fate.state}</em>: {prose(fate.reason, link)}"


def _test(name: str, link: Link) -> str:
    file, _, function = name.partition("::")
    return markup.anchor(link(places.test(file, function)), escape(function.removeprefix("test_").replace("_", " ")))


def _section_address(url: str, section: str) -> str:
    """Return where a section of an RFC stands; drafts have no stable places."""
    if "/rfc/" not in url:
        return url
    return f"{url}#{'section' if section[0].isdigit() else 'appendix'}-{section}"


class _Table(SphinxDirective):
    """A table over the files of spec/v1/standards, by the name of one or ``all``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> Sequence[nodes.Node]:
        """Write the table that the argument names."""
        for path in standards_folder().glob("*.toml"):
            self.env.note_dependency(str(path))
        self.env.note_dependency(str(spec_folder() / "requirements.json"))
        html = self.text(self.arguments[0], linker(self.env.app, self.env.docname))
        return [nodes.raw("", html, format="html")]

    def text(self, name: str, link: Link) -> str:
        """Return the table."""
        raise NotImplementedError

    def unknown(self, name: str, known: Iterable[str]) -> Exception:
        """Return the error for a name that stands for nothing."""
        return self.error(f"no table {name!r}: write one of {', '.join([*known, 'all'])}")


class StandardsTable(_Table):
    """``{standards}``."""

    def text(self, name: str, link: Link) -> str:
        """Return the overview, or the statements of one."""
        if name == "all":
            return overview(link)
        known = {standard.name: standard for standard in load_standards()}
        if name not in known:
            raise self.unknown(name, known)
        return statements(known[name], link)


class InteropTable(_Table):
    """``{interop}``."""

    def text(self, name: str, link: Link) -> str:
        """Return the overview, or the descriptions of one."""
        if name == "all":
            return events_overview(link)
        known = {event.name: event for event in load_events()}
        if name not in known:
            raise self.unknown(name, known)
        return descriptions(known[name], link)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("standards", StandardsTable)
    app.add_directive("interop", InteropTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
