"""Where things stand on the site: one function per kind of thing, returning page and anchor. Anchors are stable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: Turns a place ("page#anchor") into an address relative to the page being written.
Link = Callable[[str], str]


def linker(app: Sphinx, page: str) -> Link:
    """Return the function that turns places into addresses relative to ``page``."""

    def link(place: str) -> str:
        target, _, anchor = place.partition("#")
        address = app.builder.get_relative_uri(page, target)
        return f"{address}#{anchor}" if anchor else address

    return link


def anchor_of(place: str) -> str:
    """Return the anchor of a place."""
    return place.partition("#")[2]


def slug(name: str) -> str:
    """Return a name as an anchor: ``channel.edhoc.method.3`` becomes ``channel-edhoc-method-3``."""
    return name.replace(".", "-").replace("_", "-").lower()


def error(name: str) -> str:
    """Where an error of the registry is explained."""
    return f"reference/errors#error-{slug(name)}"


def feature(name: str) -> str:
    """Where a feature of the registry is explained."""
    return f"reference/features#feature-{slug(name)}"


def requirement(page: str, identifier: str) -> str:
    """Where a requirement stands in the specification; ``page`` is the page's name, without its suffix."""
    return f"spec/v1/{page}#{identifier}"


def test_module(file: str) -> str:
    """Where the tests of one file are shown."""
    return f"evidence/tests/{PurePosixPath(file).stem}"


def test(file: str, function: str) -> str:
    """Where a test's source is shown; ``function`` is its name without parameters."""
    return f"{test_module(file)}#{function}"


def vector_file(path: str) -> str:
    """Where the cases of a vector file are shown; ``path`` is ``chapter/name`` without suffix."""
    return f"evidence/vectors/{path}"


def vector(path: str, case: str) -> str:
    """Where a vector case is shown."""
    return f"{vector_file(path)}#{case}"


def fault(name: str) -> str:
    """Where a broken reference is described."""
    return f"reference/faults#fault-{slug(name)}"


def stride(chapter: str, message: str) -> str:
    """Where a message stands against the six threats; ``chapter`` is the name of its page."""
    return f"spec/v1/{chapter}#stride-{slug(message)}"


def standard(name: str, section: str = "") -> str:
    """Where the statements of a standard are listed; ``section`` is one of its sections."""
    return f"reference/standards/{name}" + (f"#section-{slug(section)}" if section else "")
