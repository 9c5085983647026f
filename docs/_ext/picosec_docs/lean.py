"""Leaves out what sphinx-needs and its helpers load into every page for cards and tables that are not used here."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

_UNUSED = ("sphinx-needs/", "sphinx-data-viewer/", "jquery", "_sphinx_javascript_frameworks_compat", "graphviz.css")


def _needed(asset: Any) -> bool:
    return not any(part in str(getattr(asset, "filename", asset)) for part in _UNUSED)


def _drop(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    for kind in ("script_files", "css_files"):
        context[kind] = [asset for asset in context.get(kind, []) if _needed(asset)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, after everybody who adds assets."""
    app.connect("html-page-context", _drop, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
