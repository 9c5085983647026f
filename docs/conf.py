"""Builds the site: guides from docs/, the specification from spec/, evidence from the suite and the vectors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from picosec_conformance.specification.registry import load_registry

project = "PicoSec"
author = "the PicoSec authors"
copyright = "the PicoSec authors, MIT licence"
version = release = load_registry().version

extensions = [
    "myst_parser",
    "sphinx_needs",
    "picosec_docs.spec_pages",
    "picosec_docs.inline_svg",
    "picosec_docs.requirement",
    "picosec_docs.registry_tables",
    "picosec_docs.standards",
    "picosec_docs.state_machine",
    "picosec_docs.stride",
    "picosec_docs.vector",
    "picosec_docs.sequence",
    "picosec_docs.evidence",
    "picosec_docs.matrix",
    "picosec_docs.last_report",
    "picosec_docs.domain",
    "picosec_docs.lean",
]

exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
smartquotes = False  # h'' is CBOR
nitpicky = True

# One need type: the requirement. Its fields are those of the blocks (spec/v1/conformance.md).
needs_types = [{"directive": "req", "title": "Requirement", "prefix": "", "color": "", "style": ""}]
needs_fields = {name: {"description": name, "default": ""} for name in ("level", "role", "feature", "check", "reason")}
needs_id_regex = "^[A-Z]{3}-[0-9]{3,4}$"
needs_id_required = True
needs_build_json = False

html_theme = "furo"
html_title = f"PicoSec {release}"
html_static_path = ["_static"]
html_css_files = ["picosec.css"]
html_copy_source = False
html_favicon = "_static/mark.svg"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0a5d66", "color-brand-content": "#0a5d66"},
    "dark_css_variables": {"color-brand-primary": "#6fd0d8", "color-brand-content": "#6fd0d8"},
    "light_logo": "mark.svg",
    "dark_logo": "mark.svg",
}
