"""The generated vector files: which modules yield them, and how to have all operations at hand."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from picosec_conformance.vectors.model import VectorFile
from picosec_conformance.vectors.operations import OPERATIONS, Operation

#: One module per part of the protocol; each registers operations and yields files.
FAMILIES = ("messaging", "edhoc", "oscore", "channel_life", "delivery", "objects", "identity", "identity_history")


def generated_files() -> Iterator[VectorFile]:
    """Yield every generated file, freshly made.

    Raises ``WrongAnswer`` when the reference answers otherwise than a family says it must.
    """
    for family in FAMILIES:
        yield from import_module(f"{__package__}.{family}").files()


def operations() -> dict[str, Operation]:
    """Return every operation of the reference by name."""
    for family in FAMILIES:
        import_module(f"{__package__}.{family}")
    return OPERATIONS
