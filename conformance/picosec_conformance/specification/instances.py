"""Instances of the grammar's rules, valid and broken: what spec/v1/cddl.toml finds in the vectors."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from typing import Any

import cbor2

from picosec.messaging import cbor
from picosec_conformance.resources import spec_folder, vectors_folder
from picosec_conformance.transcript import MAX_SIZE
from picosec_conformance.vectors.model import Case, load

_ABSENT = object()
#: The step of a path that enters a byte string.
_CBOR = "<cbor>"


class InstanceError(Exception):
    """The file of instances breaks its rules, or does not fit the vectors. The text says where."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A sequence of CBOR items that has to match ``rule``, or must not. ``name`` says where it comes from."""

    rule: str
    name: str
    data: bytes
    valid: bool


@dataclass(frozen=True, slots=True)
class Beyond:
    """Broken instances that the grammar lets through, by patterns of their names, and why it cannot do better."""

    names: tuple[str, ...]
    reason: str

    def covers(self, instance: Instance) -> bool:
        """Whether the instance is one of them."""
        return not instance.valid and any(fnmatch(instance.name, name) for name in self.names)


@cache
def table() -> dict[str, Any]:
    """Return the content of the file."""
    with (spec_folder() / "cddl.toml").open("rb") as file:
        return tomllib.load(file)


def beyond_grammar() -> tuple[Beyond, ...]:
    """Return what CDDL cannot tell apart."""
    return tuple(Beyond(tuple(row["names"]), row["reason"]) for row in table().get("beyond", ()))


def instances_of_vectors() -> Iterator[Instance]:
    """Yield every instance in the vectors, the same bytes only once for each rule.

    Raises ``InstanceError`` for a row of the file that finds nothing, or that finds the same bytes valid and broken.
    """
    seen: dict[tuple[str, bytes], Instance] = {}
    for row in table()["vectors"]:
        found = list(_instances(row))
        if not found:
            raise InstanceError(f"rule {row['rule']}: {row['files']} holds no {row.get('value', row.get('compose'))}")
        for instance in found:
            known = seen.setdefault((instance.rule, instance.data), instance)
            if known.valid != instance.valid:
                raise InstanceError(
                    f"{known.name} and {instance.name} hold the same bytes; only one breaks the grammar"
                )
            if known is instance:
                yield instance


def _instances(row: Mapping[str, Any]) -> Iterator[Instance]:
    broken, broken_cases = set(row.get("broken", ())), set(row.get("broken-cases", ()))
    for path, case in _cases(row["files"]):
        data = _data(row, case)
        if data is not None and _wanted(row, case):
            name = f"{path}#{case.id}"
            refused = case.error is not None and bool(broken & set(case.flags))
            yield Instance(row["rule"], name, data, not refused and name not in broken_cases)
            broken_cases.discard(name)
    if broken_cases:
        raise InstanceError(f"rule {row['rule']}: there is no case {min(broken_cases)}")


def _cases(pattern: str) -> Iterator[tuple[str, Case]]:
    for path in sorted(vectors_folder().glob(f"{pattern}.json")):
        for case in load(path).cases:
            yield f"{path.parent.name}/{path.stem}", case


def _wanted(row: Mapping[str, Any], case: Case) -> bool:
    return all(_field(case, name) in values for name, values in row.get("where", {}).items())


def _data(row: Mapping[str, Any], case: Case) -> bytes | None:
    if "compose" in row:
        return _composed(case, row["compose"])
    value = _field(case, row["value"])
    if value is _ABSENT:
        return None
    data = bytes.fromhex(value)
    return bytes(cbor.loads(data)[row["inside"]]) if "inside" in row else data


def _composed(case: Case, parts: Sequence[str]) -> bytes | None:
    """Return the sequence of the fields' values; a field behind an ``h`` is a byte string in hexadecimal."""
    items = []
    for part in parts:
        value = _field(case, part.rpartition(" ")[2])
        if value is _ABSENT:
            return None
        items.append(cbor.dumps(bytes.fromhex(value) if part.startswith("h ") else value))
    return b"".join(items)


def _field(case: Case, name: str) -> Any:
    """Return a field of a case by its path, such as ``expect.output.message_1`` or ``inputs.trusted.0.kind``."""
    value: Any = {"inputs": case.inputs, "steps": case.steps, "expect": case.expect}
    for step in name.split("."):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            return _ABSENT
    return value


def changed_instances(valid: Iterable[Instance]) -> Iterator[Instance]:
    """Yield the instances that the file breaks itself, each made of a valid one of its rule.

    Raises ``InstanceError`` when there is none, or nothing lies where the change leads to.
    """
    whole: dict[str, list[bytes]] = defaultdict(list)
    for instance in valid:
        whole[instance.rule].append(instance.data)
    for row in table()["changed"]:
        name = f"{row['rule']} with a change: {row['name']}"
        which = row.get("which", 0)
        if which >= len(whole[row["rule"]]):
            raise InstanceError(f"{name}: there is no valid instance to change")
        put = cbor.loads(bytes.fromhex(row["put"])) if "put" in row else _ABSENT
        try:
            items = _change(cbor.loads_sequence(whole[row["rule"]][which], MAX_SIZE), row["at"], put)
        except (LookupError, TypeError) as error:
            raise InstanceError(f"{name}: nothing lies at {row['at']}") from error
        yield Instance(row["rule"], name, b"".join(map(cbor.dumps, items)), False)


def _change(value: Any, path: Sequence[Any], put: Any) -> Any:
    """Return a copy of ``value`` with one value in it replaced, added or taken away."""
    if isinstance(value, cbor2.CBORTag):
        return cbor2.CBORTag(value.tag, _change(value.value, path, put))
    step, rest = path[0], path[1:]
    if step == _CBOR:
        return cbor.dumps(_change(cbor.loads(value), rest, put))
    if not isinstance(value, Mapping | list):
        raise TypeError(f"nothing lies inside {value!r}")
    copy = dict(value) if isinstance(value, Mapping) else dict(enumerate(value))
    if rest:
        copy[step] = _change(copy[step], rest, put)
    elif put is _ABSENT:
        del copy[step]
    else:
        copy[step] = put
    return copy if isinstance(value, Mapping) else list(copy.values())
