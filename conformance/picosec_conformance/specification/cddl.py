"""The grammar held against instances: which rules let the right ones through and refuse the wrong ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picosec_conformance.specification.grammar import closure, groups, rules
from picosec_conformance.specification.instances import Beyond, Instance

_CHECKER = Path(__file__).with_name("zcbor_checker.py")
#: Seconds. It takes a few.
_TIMEOUT = 300


class CheckerError(Exception):
    """zcbor could not be run, or not on this grammar. The text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule: direct instances, and how many instances of any rule need it or are refused by it."""

    rule: str
    valid: int
    broken: int
    needed: int
    refused: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found: the rows of all rules in order, whether each instance matched, and what is wrong."""

    rows: tuple[Row, ...]
    matches: tuple[bool, ...]
    gaps: tuple[str, ...]


def check(
    grammar: str,
    instances: Sequence[Instance],
    beyond: Sequence[Beyond],
    untried: Mapping[str, str],
    zcbor: Path | None = None,
) -> Outcome:
    """Hold every instance against its rule.

    ``beyond`` lists broken instances that CDDL cannot refuse; ``untried`` tells of rules why no instance tries them.
    ``zcbor`` is a folder with zcbor and its own cbor2, unless they are installed. Raises ``CheckerError``.
    """
    uses = closure(rules(grammar))
    unknown = [instance for instance in instances if instance.rule not in uses]
    if unknown:
        raise CheckerError(f"{unknown[0].name} is an instance of {unknown[0].rule}, which the grammar does not have")
    answer = _ask(grammar, uses, instances, zcbor)
    matches = tuple(map(bool, answer["matches"]))
    rows = tuple(
        Row(
            rule,
            sum(instance.rule == rule and instance.valid for instance in instances),
            sum(instance.rule == rule and not instance.valid for instance in instances),
            answer["needed"][rule],
            answer["refused"][rule],
        )
        for rule in uses
    )
    gaps = (*_misjudged(instances, matches, beyond), *_untried(rows, untried))
    return Outcome(rows, matches, gaps)


def _ask(
    grammar: str, uses: dict[str, frozenset[str]], instances: Sequence[Instance], zcbor: Path | None
) -> dict[str, Any]:
    question = {
        "grammar": grammar,
        "groups": sorted(groups(grammar)),
        "uses": {rule: sorted(names) for rule, names in uses.items()},
        "instances": [[each.rule, each.data.hex(), each.valid] for each in instances],
    }
    environment = dict(os.environ) if zcbor is None else {**os.environ, "PYTHONPATH": str(zcbor)}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_CHECKER)],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            env=environment,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().rpartition("\n")[2]
        raise CheckerError(f"the check by zcbor failed: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise CheckerError(f"the check by zcbor took more than {_TIMEOUT} s") from error
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _misjudged(instances: Sequence[Instance], matches: Sequence[bool], beyond: Sequence[Beyond]) -> Iterator[str]:
    idle = set(beyond)
    for instance, fits in zip(instances, matches, strict=True):
        excuses = [row for row in beyond if row.covers(instance)]
        if instance.valid and not fits:
            yield f"{instance.name} is valid, but does not match {instance.rule}"
        elif not instance.valid and fits and not excuses:
            yield f"{instance.name} is broken, but matches {instance.rule}"
        elif excuses and not fits:
            yield f"{instance.name} is listed as beyond the grammar, but {instance.rule} refuses it"
        idle -= set(excuses)
    for row in idle:
        yield f"no broken instance is called {', '.join(row.names)}: remove it from what is beyond the grammar"


def _untried(rows: Sequence[Row], untried: Mapping[str, str]) -> Iterator[str]:
    for row in rows:
        tried = row.needed and row.refused
        if not tried and row.rule not in untried:
            yield f"no {'broken instance is refused by' if row.needed else 'valid instance needs'} rule {row.rule}"
        if tried and row.rule in untried:
            yield f"rule {row.rule} is listed as untried, but {row.needed + row.refused} instances try it"
    for rule in sorted(set(untried) - {row.rule for row in rows}):
        yield f"rule {rule} is listed as untried, but the grammar does not have it"
