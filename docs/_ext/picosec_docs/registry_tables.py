"""``{registry} errors|code_points|features|profiles``: the registry's tables, each row with a stable anchor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from docutils import nodes
from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_docs import places
from picosec_docs.evidence import requirement_links
from picosec_docs.places import Link, linker


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], classes: str = "") -> str:
    """Return an HTML table; a row is its anchor (or nothing) and its cells, which are HTML already."""
    body = "".join(
        f"<tr{f' id={chr(34)}{anchor}{chr(34)}' if anchor else ''}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        for anchor, cells in rows
    )
    titles = "".join(f"<th>{title}</th>" for title in head)
    return (
        f'<div class="table-wrapper"><table class="docutils {classes}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _anchor(place: str) -> str:
    return place.partition("#")[2]


def errors(link: Link) -> str:
    """The closed list of errors, with the requirements that name each."""
    known = load_requirements().values()
    rows = []
    for entry in load_registry().errors:
        named_by = tuple(row.id for row in known if f"`{entry.name}`" in row.text)
        cells = [f"<code>{entry.name}</code>", str(entry.number), entry.coap, escape(entry.text), requirement_links(named_by, link)]
        rows.append((_anchor(places.error(entry.name)), cells))
    return table(["error", "number", "CoAP", "meaning", "named by"], rows)


def code_points(_link: Link) -> str:
    """Every number that is agreed rather than computed."""
    rows = [("", [f"<code>{name}</code>", str(value)]) for name, value in load_registry().code_points.items()]
    return table(["code point", "value"], rows)


def features(link: Link) -> str:
    """What an implementer can declare, and how many requirements each feature brings."""
    known = load_requirements().values()
    rows = []
    for name, text in load_registry().features.items():
        brought = tuple(row.id for row in known if row.feature == name and not row.withdrawn)
        listing = f"<details><summary>{len(brought)}</summary>{requirement_links(brought, link)}</details>" if brought else "none"
        rows.append((_anchor(places.feature(name)), [f"<code>{name}</code>", escape(text), listing]))
    return table(["feature", "meaning", "requirements"], rows)


def profiles(link: Link) -> str:
    """Which features each profile requires (●) or allows (○), and the size of its set of requirements."""
    registry, known = load_registry(), load_requirements().values()
    columns = list(registry.profiles.values())
    rows: list[tuple[str, Sequence[str]]] = []
    for feature in registry.features:
        marks = ["●" if feature in p.required else "○" if feature in p.allowed else "" for p in columns]
        rows.append(("", [f'<a href="{link(places.feature(feature))}"><code>{feature}</code></a>', *marks]))
    sizes = [str(sum(profile.covers(row) for row in known)) for profile in columns]
    rows.append(("", ["<strong>requirements</strong>", *(f"<strong>{size}</strong>" for size in sizes)]))
    head = ["feature", *(f'<span title="{escape(p.title)}">{p.name}</span>' for p in columns)]
    return table(head, rows, "marks") + "<p>● required &nbsp; ○ allowed</p>"


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
        return [nodes.raw("", TABLES[self.arguments[0]](linker(self.env.app, self.env.docname)), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("registry", RegistryTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
