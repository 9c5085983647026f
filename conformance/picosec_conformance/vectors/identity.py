"""Vectors of the chapter on identity (spec/v1/identity.md), part by part."""

from __future__ import annotations

from collections.abc import Iterator

from picosec_conformance.vectors import credentials, endorsements, evidence, scopes, status, tokens
from picosec_conformance.vectors.model import VectorFile


def files() -> Iterator[VectorFile]:
    """Yield the files about identity."""
    yield from status.files()
    yield from credentials.files()
    yield from evidence.files()
    yield from endorsements.files()
    yield from scopes.files()
    yield from tokens.files()
