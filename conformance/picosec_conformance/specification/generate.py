"""Regenerates what the specification pages determine, and tells what differs from the committed files."""

from __future__ import annotations

from pathlib import Path

from picosec_conformance.resources import data_root, spec_folder
from picosec_conformance.specification.demands import demands, load_overrides, with_demands
from picosec_conformance.specification.registry import load_registry, to_python
from picosec_conformance.specification.requirements import parse_pages, to_json
from picosec_conformance.specification.standards import load_standards


def generated_files() -> dict[Path, str]:
    """Return each generated file's path with the text it must hold.

    Raises ``SpecError`` when a page breaks a rule.
    """
    registry = load_registry()
    requirements = parse_pages(
        spec_folder(), registry.chapters, frozenset(registry.roles), frozenset(registry.features)
    )
    requirements = with_demands(requirements, demands(load_standards(), load_overrides()))
    return {
        spec_folder() / "requirements.json": to_json(requirements, registry.version),
        data_root() / "reference_impl" / "picosec" / "registry.py": to_python(registry),
    }


def stale_files() -> list[Path]:
    """Return the generated files whose committed text differs from a fresh generation."""
    return [
        path
        for path, text in generated_files().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def write_files() -> list[Path]:
    """Write the generated files that differ and return their paths."""
    stale = stale_files()
    texts = generated_files()
    for path in stale:
        path.write_text(texts[path], encoding="utf-8")
    return stale
