"""``{stride} TABLE``, ``{stride} all``, ``{stride} remains``: messages against the threats, from spec/v1/stride.toml.

A chapter shows the tables of its own messages, in words. The security page shows all messages with what answers each
threat, and everything that remains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.requirements import pages_of
from picosec_conformance.specification.stride import THREATS, Cell, Message, Table, load_stride
from picosec_docs import places
from picosec_docs.places import linker


class StrideTable(SphinxDirective):
    """The directive."""

    required_arguments = 1

    def run(self) -> Sequence[nodes.Node]:
        """Write the table, or the list, that the argument names."""
        self.env.note_dependency(str(spec_folder() / "stride.toml"))
        tables, wanted = load_stride().tables, self.arguments[0]
        if wanted == "all":
            return [self._overview(tables.values())]
        if wanted == "remains":
            return [self._remainder(load_stride().messages)]
        if wanted not in tables:
            raise self.error(f"no table {wanted!r}: write one of {', '.join(tables)}, all, remains")
        return [self._in_words(tables[wanted].messages)]

    def _in_words(self, messages: Sequence[Message]) -> nodes.Node:
        """Return a table of threats by messages: the cells as they stand."""
        head = [self._text("threat"), *(self._text(message.title) for message in messages)]
        rows = [
            [self._text(threat), *(self._whole(message.cells[threat]) for message in messages)] for threat in THREATS
        ]
        return _table(head, rows, "stride", anchors=[places.anchor_of(places.stride("", row.name)) for row in messages])

    def _overview(self, tables: Iterable[Table]) -> nodes.Node:
        """Return a table of messages by threats: the requirements that answer, or the reason why nothing has to."""
        link = linker(self.env.app, self.env.docname)
        rows: list[list[list[nodes.Node]]] = []
        for table in tables:
            page = _page_of(table)
            rows.append([self._text(table.title)])
            for message in table.messages:
                here = nodes.reference("", "", internal=True, refuri=link(places.stride(page, message.name)))
                here += self._text(message.title)
                rows.append([[here], *(self._in_short(message.cells[threat]) for threat in THREATS)])
        return _table([self._text("message"), *map(self._text, THREATS)], rows, "stride stride-all")

    def _remainder(self, messages: Sequence[Message]) -> nodes.Node:
        """Return the list of what remains, each sentence once with all that it is said of."""
        found: dict[str, list[str]] = defaultdict(list)
        for message in messages:
            for threat, cell in message.cells.items():
                if cell.remains:
                    found[cell.remains].append(f"{message.title}: {threat}")
        sentences = (f"{sentence} ({'; '.join(said_of)})" for sentence, said_of in found.items())
        items = [nodes.list_item("", nodes.paragraph("", "", *self._text(sentence))) for sentence in sentences]
        return nodes.bullet_list("", *items)

    def _whole(self, cell: Cell) -> list[nodes.Node]:
        """Return the answer, and what remains."""
        if not cell.remains:
            return self._answer(cell)
        remains = nodes.inline("", "", *self._text(f"*remains:* {cell.remains}"), classes=["remains"])
        return [*self._answer(cell), nodes.Text(" "), remains]

    def _answer(self, cell: Cell) -> list[nodes.Node]:
        if cell.arises:
            return self._text(cell.answer)
        return [nodes.inline("", "", nodes.emphasis("", "cannot arise: "), *self._text(cell.answer), classes=["never"])]

    def _in_short(self, cell: Cell) -> list[nodes.Node]:
        if cell.verifier:
            return self._text("verifier, step " + ", ".join(map(str, cell.steps)))
        return self._text(" ".join(cell.requirements)) if cell.arises else self._answer(cell)

    def _text(self, markdown: str) -> list[nodes.Node]:
        return self.parse_inline(markdown)[0]


def _page_of(table: Table) -> str:
    """Return the page that shows a table: that of its chapter, or one of its further parts."""
    pages = pages_of(spec_folder(), table.chapter)
    shown = (page.stem for page in pages if f"{{stride}} {table.name}\n" in page.read_text(encoding="utf-8"))
    return next(shown, table.chapter)


def _table(
    head: Sequence[list[nodes.Node]],
    rows: Iterable[Sequence[list[nodes.Node]]],
    classes: str,
    anchors: Sequence[str] = (),
) -> nodes.Node:
    """Return a table; ``anchors``, when given, name the columns after the first. A row of one cell is a heading."""
    group = nodes.tgroup("", cols=len(head))
    group += [nodes.colspec("", colwidth=1) for _ in head]
    top = _row(head)
    for entry, anchor in zip(top.children[1:], anchors, strict=False):
        entry["ids"].append(anchor)
    group += nodes.thead("", top)
    group += nodes.tbody("", *(_row(row, len(head)) for row in rows))
    return nodes.table("", group, classes=classes.split())


def _row(cells: Sequence[list[nodes.Node]], width: int = 0) -> nodes.row:
    if len(cells) == 1:
        title = nodes.paragraph("", "", nodes.strong("", "", *cells[0]))
        return nodes.row("", nodes.entry("", title, morecols=width - 1), classes=["part"])
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("stride", StrideTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
