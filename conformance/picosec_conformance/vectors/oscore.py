"""Vectors of OSCORE (spec/v1/channel.md): contexts, the option, requests and responses."""

from __future__ import annotations

from collections.abc import Iterator

from picosec_conformance.vectors import (
    oscore_contexts,
    oscore_exchanges,
    oscore_observations,
    oscore_requests,
    oscore_responses,
)
from picosec_conformance.vectors.model import VectorFile


def files() -> Iterator[VectorFile]:
    """Yield the generated files about OSCORE."""
    for part in (oscore_contexts, oscore_requests, oscore_responses, oscore_exchanges, oscore_observations):
        yield from part.files()
