"""The rules of picosec.cddl by name, as far as that needs no parser of CDDL: one rule starts one line."""

from __future__ import annotations

import re

_RULE = re.compile(r"^([A-Za-z][\w-]*)\s*=\s*", re.M)
_BODY = re.compile(r"^([A-Za-z][\w-]*)\s*=\s*([A-Za-z][\w-]*|.)", re.M)
_NAME = re.compile(r"(?<![\w.#-])[A-Za-z][\w-]*")
_NOISE = re.compile(r';[^\n]*|"[^"\n]*"')
#: The name of a member, before its colon: no reference to a rule of that name.
_MEMBER = re.compile(r"[A-Za-z][\w-]*\s*:(?!=)")


def rules(grammar: str) -> dict[str, frozenset[str]]:
    """Return the rules in order, each with the names of the rules that it refers to."""
    text = _MEMBER.sub("", _NOISE.sub("", grammar))
    starts = list(_RULE.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    bodies = {match[1]: text[match.end() : end] for match, end in zip(starts, ends, strict=True)}
    return {name: frozenset(_NAME.findall(body)) & bodies.keys() - {name} for name, body in bodies.items()}


def top_rules(grammar: str) -> tuple[str, ...]:
    """Return the rules that no other refers to: each stands for a message of its own, or for a part that is hidden."""
    found = rules(grammar)
    inside = frozenset().union(*found.values())
    return tuple(name for name in found if name not in inside)


def closure(found: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return the rules, each with those that it refers to over any number of steps."""
    whole = dict(found)
    for _ in found:
        wider = {name: names.union(*(whole[each] for each in names)) for name, names in whole.items()}
        if wider == whole:
            break
        whole = wider
    return whole


def groups(grammar: str) -> frozenset[str]:
    """Return the rules that are groups: sequences without a wrapping, and choices between such."""
    bodies = dict(_BODY.findall(_NOISE.sub("", grammar)))
    found = {name for name, start in bodies.items() if start == "("}
    return frozenset(found | {name for name, start in bodies.items() if start in found})
