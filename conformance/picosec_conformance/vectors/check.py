"""Holds the vector files against their rules: one clear line per finding (vectors/README.md)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import jsonschema

from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.vectors.families import operations
from picosec_conformance.vectors.model import GENERATED, Case, VectorFile, schema
from picosec_conformance.vectors.operations import ask
from picosec_conformance.vectors.readme import with_tables
from picosec_conformance.vectors.runner import judge

_PUBLISHED_NAME = re.compile(r"^(rfc[0-9]+|cose_wg|oauth_wg)_[a-z0-9_]+$")
_GENERATED_NAME = re.compile(r"^(?!rfc[0-9]|cose_wg|oauth_wg)[a-z][a-z0-9_]*$")


def findings(folder: Path, generated: Iterable[VectorFile]) -> Iterator[str]:
    """Yield what is wrong with the files below ``folder``, given what generation yields now."""
    fresh = {file.path: file for file in generated}
    validator = jsonschema.Draft202012Validator(schema("vectors"))
    files: list[VectorFile] = []
    for path in sorted(folder.rglob("*.json")):
        where = path.relative_to(folder).as_posix()
        text = path.read_text(encoding="utf-8")
        broken = list(_format_findings(text, validator))
        yield from (f"{where}: {finding}" for finding in broken)
        if not broken:
            file = VectorFile.from_json(json.loads(text), path.stem)
            yield from (f"{where}: {finding}" for finding in _file_findings(file, where))
            yield from (f"{where}: {finding}" for finding in _origin_findings(file, text, fresh.get(where)))
            files.append(file)
        fresh.pop(where, None)
    yield from (f"{where}: missing; run 'picosec vectors generate'" for where in fresh)
    yield from _tree_findings(files, folder.parent / "README.md")


def _format_findings(text: str, validator: jsonschema.Draft202012Validator) -> Iterator[str]:
    try:
        data = json.loads(text)
    except ValueError as error:
        yield f"not JSON: {error}"
        return
    for breach in validator.iter_errors(data):
        yield f"{'/'.join(map(str, breach.absolute_path)) or 'file'}: {breach.message[:200]}"


def _origin_findings(file: VectorFile, text: str, fresh: VectorFile | None) -> Iterator[str]:
    """Whether the text is what generation gives, or what somebody published."""
    if fresh is not None:
        yield from _differences(text, fresh)
    elif not file.published:
        yield "no family generates it; delete it, or name the source of its values"
    elif file.dumps() != text:
        yield "not in the stable form; write it with picosec_conformance.vectors.model.dump"


def _tree_findings(files: list[VectorFile], readme: Path) -> Iterator[str]:
    """What only shows across files."""
    explained: dict[str, tuple[str, str]] = {}
    for file in files:
        for flag, text in file.flags.items():
            first, where = explained.setdefault(flag, (text, file.path))
            if first != text:
                yield f"{file.path}: flag {flag} is explained otherwise than in {where}"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        if text != with_tables(text, files):
            yield f"{readme.name}: its tables are not those of the files; run 'picosec vectors generate'"


def _file_findings(file: VectorFile, where: str) -> Iterator[str]:
    """What the schema cannot say of one file, without its place in the tree's generation."""
    if file.path != where:
        yield f"lies in the wrong folder for chapter {file.chapter!r}"
    if file.chapter not in load_registry().chapters:
        yield f"chapter {file.chapter!r} is not in the registry"
    if not file.published and any(case.source != GENERATED for case in file.cases):
        yield "mixes generated with published cases; give the published ones a file of their own"
    name = _PUBLISHED_NAME if file.published else _GENERATED_NAME
    if not name.match(file.name):
        yield f"must be named like {'rfc9529_trace_1' if file.published else 'slipmux_decode'}"
    if file.operation not in operations():
        yield f"operation {file.operation} is unknown"
        return
    used = {flag for case in file.cases for flag in case.flags}
    yield from (f"flag {flag} is used but not explained" for flag in sorted(used - file.flags.keys()))
    yield from (f"flag {flag} is explained but not used" for flag in sorted(file.flags.keys() - used))
    ids = Counter(case.id for case in file.cases)
    yield from (f"case {id}: the id is used {times} times" for id, times in ids.items() if times > 1)
    inputs: dict[str, str] = {}
    for case in file.cases:
        first = inputs.setdefault(json.dumps(case.inputs, sort_keys=True), case.id)
        if first != case.id:
            yield f"case {case.id}: asks the same as case {first}"
        yield from (f"case {case.id}: {finding}" for finding in _case_findings(case, file))


def _case_findings(case: Case, file: VectorFile) -> Iterator[str]:
    known = load_requirements()
    for identifier in case.requirements:
        if identifier not in known:
            yield f"requirement {identifier} does not exist"
        elif known[identifier].withdrawn:
            yield f"requirement {identifier} is withdrawn"
    errors = {entry.name for entry in load_registry().errors}
    if case.error is not None and case.error not in errors:
        yield f"error {case.error!r} is not in the registry"
    if file.published:
        yield from _reference_findings(case, file.operation)


def _reference_findings(case: Case, operation: str) -> Iterator[str]:
    """Whether the reference reproduces a published case, its intermediate values included."""
    answer = ask(operation, case.inputs)
    reply = {"error": answer} if isinstance(answer, str) else {"output": answer.output}
    _, detail = judge(case, reply)
    if detail:
        yield f"the reference does not reproduce it: {detail}"
    elif not isinstance(answer, str):
        for name, value in case.steps.items():
            if answer.steps.get(name) != value:
                yield f"the reference does not reproduce the published step {name}"


def _differences(text: str, fresh: VectorFile) -> Iterator[str]:
    """Compare a committed file with its fresh generation, and name the first case that differs."""
    regenerated = fresh.dumps()
    if regenerated == text:
        return
    old = {case["id"]: case for case in json.loads(text)["cases"]}
    new = {case["id"]: case for case in json.loads(regenerated)["cases"]}
    changed = [id for id in (*old, *new) if old.get(id) != new.get(id)]
    place = f"first at case {changed[0]}" if changed else "in its head or its form"
    yield f"regenerates differently, {place}; run 'picosec vectors generate' and look at the difference"
