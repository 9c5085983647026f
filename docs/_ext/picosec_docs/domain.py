"""Makes requirements, errors and features things that the search finds by name and that other sites can link to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from sphinx.application import Sphinx
from sphinx.domains import Domain, ObjType
from sphinx_needs.data import SphinxNeedsData

from picosec_conformance.specification.registry import load_registry
from picosec_docs import places

#: Priority of a search result: before full-text results.
_IMPORTANT = 0


class PicosecDomain(Domain):
    """Everything on the site that has a name and a stable anchor."""

    name = "picosec"
    label = "PicoSec"
    object_types: ClassVar = {name: ObjType(name) for name in ("requirement", "error", "feature")}

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield name, shown name, kind, page, anchor and priority of each."""
        for need in SphinxNeedsData(self.env).get_needs_view().values():
            name = f"{need['id']} {need['title']}"
            yield name, name, "requirement", str(need["docname"]), need["id"], _IMPORTANT
        for kind, names, place_of in (
            ("error", [entry.name for entry in load_registry().errors], places.error),
            ("feature", list(load_registry().features), places.feature),
        ):
            for name in names:
                page, _, anchor = place_of(name).partition("#")
                yield name, name, kind, page, anchor, _IMPORTANT


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_domain(PicosecDomain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
