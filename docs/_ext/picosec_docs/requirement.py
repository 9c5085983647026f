"""Shows a requirement as part of the prose: its statement, its id in the margin, its evidence folded behind it.

sphinx-needs reads the blocks, keeps their ids unique and resolves ``{need}`` references; its card is not used.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx_needs.data import SphinxNeedsData
from sphinx_needs.nodes import Need

from picosec_conformance.specification.condition import Condition
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import KEYWORDS
from picosec_docs import markup, places
from picosec_docs.evidence import Evidence, error_links, evidence_of, item_links, vector_links
from picosec_docs.places import Link, linker

_LOGGER = logging.getLogger(__name__)
_KEYWORD = re.compile(r"\b(" + "|".join(KEYWORDS) + r")\b")
_ID = re.compile(r"\b(" + "|".join(load_registry().chapters.values()) + r")-\d{3,4}\b")
_ERRORS = frozenset(entry.name for entry in load_registry().errors)


class RequirementNode(nodes.General, nodes.Element):
    """One requirement: the statement's paragraphs, then the evidence."""


def count(number: int, noun: str) -> str:
    """Return "1 test", "2 tests", "no tests"."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def condition(text: str, link: Link) -> str:
    """Return the features that decide whether a requirement applies, each as a link, in words."""
    clauses = Condition.parse(text).clauses
    linked = ([markup.anchor(link(places.feature(name)), markup.code(name)) for name in clause] for clause in clauses)
    return ", and ".join(" or ".join(names) for names in linked)


def behind(need: Any, evidence: Evidence, link: Link) -> str:
    """Return the HTML that stands folded behind a statement."""
    if need["status"] == "withdrawn":
        return f'<p class="req-more">{escape(need["title"])} · withdrawn; the id is not used again</p>'
    inspected = need["check"] == "inspection"
    proof = ["by inspection" if inspected else count(len(evidence.tests), "test")]
    proof += [count(len(evidence.vectors), "vector")] * bool(evidence.vectors)
    rows = [
        ("Level", escape(need["level"])),
        ("Applies to", escape(need["role"])),
        ("Feature", condition(need["feature"], link)),
    ]
    rows += [("Inspected", escape(need["reason"]))] * inspected
    rows += [("Tests", item_links(evidence.tests, link))] * bool(evidence.tests)
    rows += [("Vectors", vector_links(evidence.vectors, link))] * bool(evidence.vectors)
    rows += [("Faults", item_links(evidence.faults, link))] * bool(evidence.faults)
    rows += [("Errors", error_links(evidence.errors, link))] * bool(evidence.errors)
    listing = "".join(f"<dt>{term}</dt><dd>{html}</dd>" for term, html in rows)
    summary = f'<span class="req-title">{escape(need["title"])}</span> · {" · ".join(proof)}'
    return markup.folded(summary, f"<dl>{listing}</dl>", "req-more")


def emphasise(text: str) -> list[nodes.Node]:
    """Return the text with each BCP 14 keyword set apart."""
    marked: list[nodes.Node] = []
    for index, part in enumerate(_KEYWORD.split(text)):
        marked.append(nodes.strong("", part, classes=["bcp14"]) if index % 2 else nodes.Text(part))
    return marked


def _mark_keywords(statement: list[nodes.Node]) -> None:
    """Set the BCP 14 keywords of a statement apart, in place."""
    for block in statement:
        for text in list(block.findall(nodes.Text)):
            if _KEYWORD.search(text.astext()) and not isinstance(text.parent, nodes.literal):
                text.parent.replace(text, emphasise(text.astext()))


def _link_errors(doctree: nodes.document, link: Link) -> None:
    """Make the name of each error, where it is set as code, a link to its row in the registry."""
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext()
        if name in _ERRORS and not _inside(literal, (nodes.reference, nodes.title)):
            anchor = nodes.reference("", "", refuri=link(places.error(name)), internal=True)
            literal.replace_self(anchor)
            anchor += literal


def _link_ids(app: Sphinx, doctree: nodes.document, link: Link) -> None:
    """Make each requirement id that prose mentions a link; one that does not exist is a warning."""
    needs = SphinxNeedsData(app.env).get_needs_view()
    for text in list(doctree.findall(nodes.Text)):
        source = text.astext()
        if not _ID.search(source) or _inside(text, (nodes.reference, nodes.literal_block, nodes.title, nodes.raw)):
            continue
        parts: list[nodes.Node] = []
        end = 0
        for match in _ID.finditer(source):
            if match[0] not in needs:
                _LOGGER.warning("requirement %s is mentioned but not defined", match[0], location=text.parent)
                continue
            need = needs[match[0]]
            address = link(f"{need['docname']}#{match[0]}")
            mention = nodes.reference("", match[0], refuri=address, internal=True, reftitle=need["title"])
            mention["classes"].append("req-ref")
            parts += [nodes.Text(source[end : match.start()]), mention]
            end = match.end()
        text.parent.replace(text, [*parts, nodes.Text(source[end:])])


def _inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, kinds):
            return True
        parent = parent.parent
    return False


def _resolve(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Replace sphinx-needs' nodes before it formats them as cards."""
    if app.builder.format != "html":
        return
    link = linker(app, page)
    needs = SphinxNeedsData(app.env).get_needs_view()
    for node in list(doctree.findall(Need)):
        need = needs[node["ids"][0]]
        shown = RequirementNode("", ids=[need["id"]], classes=["req", f"req-{need['level'].lower()}"])
        if need["status"] == "withdrawn":
            shown["classes"].append("req-withdrawn")
        statement = list(node.children)
        _mark_keywords(statement)
        shown += statement
        shown += nodes.raw("", behind(need, evidence_of(need["id"]), link), format="html")
        node.replace_self(shown)
    _link_ids(app, doctree, link)
    _link_errors(doctree, link)


def _always_read(_app: Sphinx, env: BuildEnvironment, *_changes: object) -> list[str]:
    """Return the specification's pages: what stands behind a requirement changes without them."""
    return [page for page in env.found_docs if page.startswith("spec/")]


def _visit(translator: Any, node: RequirementNode) -> None:
    identifier = node["ids"][0]
    translator.body.append(translator.starttag(node, "div"))
    translator.body.append(f'<a class="req-id" href="#{identifier}" title="Link to this requirement">{identifier}</a>')


def _depart(translator: Any, _node: RequirementNode) -> None:
    translator.body.append("</div>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(RequirementNode, html=(_visit, _depart))
    app.connect("env-get-outdated", _always_read)
    app.connect("doctree-resolved", _resolve, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
