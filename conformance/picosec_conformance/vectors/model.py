"""A vector file and its cases, and their one JSON form (vectors/README.md). Bytes are lowercase hexadecimal text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picosec_conformance.resources import data_root

#: Version of the vector format; the folder ``vectors/v1`` carries the same major number.
VERSION = "1.0"

#: Where each file says its schema lies, seen from the file.
SCHEMA_REFERENCE = "../../schema/vectors.schema.json"

#: Integers beyond this lose digits in readers that keep numbers as binary64: write them as decimal text.
LARGEST_INTEGER = 2**53 - 1

#: What :attr:`Case.source` says of a case that the reference generated.
GENERATED = "picosec"


def jsonable(value: Any) -> Any:
    """Return ``value`` as plain JSON data: bytes become lowercase hexadecimal text, tuples become lists.

    Raises ``TypeError`` for what JSON has no form for, and ``ValueError`` for an integer beyond 53 bits.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {_key(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if value is None or isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError(f"integer {value} is beyond 53 bits: write it as decimal text")
        return int(value)
    raise TypeError(f"{type(value).__name__} has no form in a vector file: {value!r}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the keys of a vector's objects are text, not {key!r}")
    return key


def octets(inputs: Mapping[str, Any], name: str, default: bytes | None = None) -> bytes:
    """Return the bytes that ``inputs[name]`` writes in hexadecimal, or ``default`` when the name is absent.

    Raises ``KeyError`` when it is absent and there is no default, ``ValueError`` when it is not hexadecimal text.
    """
    if name not in inputs and default is not None:
        return default
    return bytes.fromhex(inputs[name])


@dataclass(frozen=True, slots=True)
class Case:
    """One question to an operation with its one right answer.

    Exactly one of ``output`` and ``error`` is set; ``error`` is a name of the registry. ``steps`` holds the
    intermediate values on the way to the output. Values are JSON data (see :func:`jsonable`).
    """

    id: str
    comment: str
    requirements: tuple[str, ...]
    flags: tuple[str, ...]
    inputs: dict[str, Any]
    steps: dict[str, Any]
    output: dict[str, Any] | None
    error: str | None
    source: str = GENERATED

    def __post_init__(self) -> None:
        if (self.output is None) == (self.error is None):
            raise ValueError(f"case {self.id} must expect either an output or an error")

    @property
    def expect(self) -> dict[str, Any]:
        """The ``expect`` member: what a shim must answer."""
        return {"error": self.error} if self.error is not None else {"output": self.output}

    def to_json(self) -> dict[str, Any]:
        """Return the case as JSON data, members in the order in which people read them."""
        return {
            "id": self.id,
            "comment": self.comment,
            "source": self.source,
            "requirements": list(self.requirements),
            "flags": list(self.flags),
            "inputs": jsonable(self.inputs),
            "steps": jsonable(self.steps),
            "expect": jsonable(self.expect),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """Read a case from JSON data that follows the schema."""
        return cls(
            id=data["id"],
            comment=data["comment"],
            requirements=tuple(data["requirements"]),
            flags=tuple(data["flags"]),
            inputs=data["inputs"],
            steps=data["steps"],
            output=data["expect"].get("output"),
            error=data["expect"].get("error"),
            source=data["source"],
        )


@dataclass(frozen=True, slots=True)
class VectorFile:
    """All cases of one operation or flow: the file ``vectors/v1/<chapter>/<name>.json``.

    ``flags`` maps each flag that a case carries to the attack, or the need, that it stands for.
    """

    chapter: str
    name: str
    operation: str
    title: str
    flags: dict[str, str]
    cases: tuple[Case, ...]

    @property
    def path(self) -> str:
        """Where the file lies, seen from ``vectors/v1``."""
        return f"{self.chapter}/{self.name}.json"

    @property
    def published(self) -> bool:
        """Whether others published the values: such a file is transcribed, never generated."""
        return bool(self.cases) and all(case.source != GENERATED for case in self.cases)

    def dumps(self) -> str:
        """Return the text of the file. The same content gives the same bytes on every machine."""
        data = {
            "$schema": SCHEMA_REFERENCE,
            "version": VERSION,
            "chapter": self.chapter,
            "operation": self.operation,
            "title": self.title,
            "flags": dict(sorted(self.flags.items())),
            "cases": [case.to_json() for case in self.cases],
        }
        return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, data: Mapping[str, Any], name: str) -> VectorFile:
        """Read a file's content from JSON data that follows the schema; ``name`` is the file's name without suffix."""
        cases = tuple(Case.from_json(case) for case in data["cases"])
        return cls(data["chapter"], name, data["operation"], data["title"], dict(data["flags"]), cases)


def load(path: Path) -> VectorFile:
    """Read one file. Raises ``KeyError`` or ``ValueError`` when it does not follow the schema: validate first."""
    return VectorFile.from_json(json.loads(path.read_text(encoding="utf-8")), path.stem)


def dump(file: VectorFile, folder: Path) -> Path:
    """Write ``file`` below ``folder`` (``vectors/v1``) and return its path."""
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file.dumps(), encoding="utf-8", newline="\n")
    return path


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema ``vectors/schema/<name>.schema.json``."""
    text = (data_root() / "vectors" / "schema" / f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
