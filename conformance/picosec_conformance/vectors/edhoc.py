"""Vectors of EDHOC (spec/v1/channel.md): whole handshakes, each message by itself, credentials, keys."""

from __future__ import annotations

from collections.abc import Iterator

from picosec_conformance.vectors import (
    edhoc_combined,
    edhoc_credentials,
    edhoc_handshakes,
    edhoc_message_1,
    edhoc_message_2,
    edhoc_message_3,
    edhoc_operations,
    edhoc_plaintexts,
)
from picosec_conformance.vectors.model import VectorFile

__all__ = ["edhoc_operations", "files"]


def files() -> Iterator[VectorFile]:
    """Yield the generated files about EDHOC."""
    for part in (
        edhoc_message_1,
        edhoc_message_2,
        edhoc_message_3,
        edhoc_plaintexts,
        edhoc_credentials,
        edhoc_handshakes,
        edhoc_combined,
    ):
        yield from part.files()
