"""Vectors of objects (spec/v1/objects.md): each form opened and made, and every reason for which one is refused."""

from __future__ import annotations

from collections.abc import Iterator

from picosec_conformance.vectors import objects_made
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.objects_cast import FLAGS, Cast
from picosec_conformance.vectors.objects_encrypted import group_cases, sealed_cases
from picosec_conformance.vectors.objects_signed import signed_cases


def files() -> Iterator[VectorFile]:
    """Yield the files about objects."""
    cast = Cast()
    yield _file("object_open_signed", "Signed objects are opened, or refused", list(signed_cases(cast)))
    yield _file("object_open_sealed", "Objects for one reader are opened, or refused", list(sealed_cases(cast)))
    yield _file("object_open_group", "Objects for a group are opened, or refused", list(group_cases(cast)))
    yield from objects_made.files()


def _file(name: str, title: str, cases: list[Case]) -> VectorFile:
    flags = {name: text for name, text in FLAGS.items() if any(name in case.flags for case in cases)}
    return VectorFile("objects", name, "object.open", title, flags, tuple(cases))
