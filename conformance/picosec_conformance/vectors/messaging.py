"""Vectors of the messaging chapter (spec/v1/messaging.md): CBOR, CoAP messages, slipmux frames, problem details."""

from __future__ import annotations

from collections.abc import Iterator

from picosec_conformance.vectors import (
    messaging_blocks,
    messaging_cbor,
    messaging_coap,
    messaging_echo,
    messaging_link_format,
    messaging_observe,
    messaging_problem,
    messaging_slipmux,
    messaging_streams,
)
from picosec_conformance.vectors.model import VectorFile


def files() -> Iterator[VectorFile]:
    """Yield the chapter's generated files."""
    for part in (
        messaging_cbor,
        messaging_coap,
        messaging_slipmux,
        messaging_problem,
        messaging_blocks,
        messaging_observe,
        messaging_echo,
        messaging_link_format,
        messaging_streams,
    ):
        yield from part.files()
