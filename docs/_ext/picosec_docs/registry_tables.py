"""``{registry} errors|code_points|features|profiles``: the registry's tables, each row with a stable anchor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements
from picosec_docs import markup, places
from picosec_docs.evidence import requirement_links
from picosec_docs.places import Link, linker


def errors(link: Link) -> str:
    """The closed list of errors, with the requirements that name each."""
    rows, anchors = [], []
    for entry in load_registry().errors:
        naming = [row.id for row in load_requirements().values() if f"`{entry.name}`" in row.text]
        named_by = markup.folded(str(len(naming)), requirement_links(naming, link)) if naming else "none"
        rows.append([markup.code(entry.name), str(entry.number), entry.coap, escape(entry.text), named_by])
        anchors.append(places.anchor_of(places.error(entry.name)))
    return markup.table(["error", "number", "CoAP", "meaning", "named by"], rows, anchors=anchors)


def code_points(_link: Link) -> str:
    """Every number that is agreed rather than computed."""
    rows = ([markup.code(name), str(value)] for name, value in load_registry().code_points.items())
    return markup.table(["code point", "value"], rows)


def features(link: Link) -> str:
    """What an implementer can declare, and which requirements each feature brings."""
    rows, anchors = [], []
    for name, text in load_registry().features.items():
        brought = [row.id for row in load_requirements().values() if name in row.condition.names and not row.withdrawn]
        listing = markup.folded(str(len(brought)), requirement_links(brought, link)) if brought else "none"
        rows.append([markup.code(name), escape(text), listing])
        anchors.append(places.anchor_of(places.feature(name)))
    return markup.table(["feature", "meaning", "requirements"], rows, anchors=anchors)


def profiles(link: Link) -> str:
    """Which features each profile requires (●) or allows (○), and the size of its set of requirements."""
    registry = load_registry()
    columns = list(registry.profiles.values())
    rows = []
    for feature in registry.features:
        marks = ["●" if feature in p.required else "○" if feature in p.allowed else "" for p in columns]
        rows.append([markup.anchor(link(places.feature(feature)), markup.code(feature)), *marks])
    sizes = (sum(profile.covers(row) for row in load_requirements().values()) for profile in columns)
    rows.append(["requirements", *map(str, sizes)])
    head = ["feature", *(f'<span title="{escape(profile.title)}">{profile.name}</span>' for profile in columns)]
    return markup.table(head, rows, "marks") + "<p>● required, ○ allowed</p>"


TABLES: dict[str, Callable[[Link], str]] = {
    "errors": errors,
    "code_points": code_points,
    "features": features,
    "profiles": profiles,
}


class RegistryTable(SphinxDirective):
    """The directive."""

    required_arguments = 1

    def run(self) -> Sequence[nodes.Node]:
        """Write the table that the argument names."""
        self.env.note_dependency(str(spec_folder() / "registry.toml"))
        self.env.note_dependency(str(spec_folder() / "requirements.json"))
        if self.arguments[0] not in TABLES:
            raise self.error(f"no table {self.arguments[0]!r}: write one of {', '.join(TABLES)}")
        html = TABLES[self.arguments[0]](linker(self.env.app, self.env.docname))
        return [nodes.raw("", html, format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("registry", RegistryTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
