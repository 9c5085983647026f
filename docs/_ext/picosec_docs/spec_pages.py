"""Puts the specification where Sphinx reads it: spec/ stays the single source, docs/spec/ is a copy nobody edits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

#: What a page is made of: its text, the pictures and grammar it includes, the registry it links to.
_SUFFIXES = frozenset({".md", ".svg", ".cddl", ".toml"})


def mirror(source: Path, target: Path) -> list[Path]:
    """Make ``target`` hold exactly the spec files of ``source``; return the files written or removed.

    Files that are the same are left alone, so that an incremental build reads only what changed.
    """
    wanted = {path.relative_to(source): path for path in source.rglob("*") if path.suffix in _SUFFIXES}
    changed: list[Path] = []
    for path in [path for path in target.rglob("*") if path.is_file() and path.relative_to(target) not in wanted]:
        path.unlink()
        changed.append(path)
    for name, path in wanted.items():
        copy, text = target / name, path.read_bytes()
        if not copy.is_file() or copy.read_bytes() != text:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(text)
            changed.append(copy)
    return changed


def _mirror_spec(app: Sphinx, _config: Config) -> None:
    mirror(Path(app.confdir).parent / "spec", Path(app.srcdir) / "spec")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", _mirror_spec)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
