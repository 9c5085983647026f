"""Writes the specification's SVG pictures into the page itself, so that they take the page's colours, dark or light.

A picture stays an ordinary image in the source (``![text](picture.svg)``), which every Markdown reader shows.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


def inline_text(svg: str) -> str:
    """Return the SVG element alone: no XML declaration, no fixed size, ready to stand in HTML."""
    start = svg.index("<svg")
    head, body = svg[start:].split(">", 1)
    head = re.sub(r'\s(?:width|height)="[^"]*"', "", head)
    return f"{head}>{body}"


class InlineSvg(SphinxPostTransform):
    """Replace each local SVG image by its own markup, in HTML only."""

    default_priority = 100
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Replace the images of one document."""
        for image in list(self.document.findall(nodes.image)):
            path = Path(self.app.srcdir) / image["uri"]
            if path.suffix == ".svg" and path.is_file():
                markup = inline_text(path.read_text(encoding="utf-8"))
                figure = nodes.raw("", f'<div class="picture">{markup}</div>', format="html")
                alone = isinstance(image.parent, nodes.paragraph) and len(image.parent) == 1
                (image.parent if alone else image).replace_self(figure)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_post_transform(InlineSvg)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
