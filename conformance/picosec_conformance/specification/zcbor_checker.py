"""Runs beside the suite, where zcbor is: it needs an older cbor2 than the reference, so it imports nothing from here.

One line of JSON comes in: ``{"grammar": text, "groups": [rule, …], "uses": {rule: [rule, …]}, "instances":
[[rule, hexadecimal, valid], …]}``, where ``uses`` names the rules that a rule refers to, over any number of steps. One
line goes out: ``{"matches": [bool, …], "needed": {rule: n}, "refused": {rule: n}}``.

How many instances reach a rule is found out by changing it. A valid instance *needs* a rule when it no longer matches
once nothing matches that rule; a broken one is *refused* by a rule when it matches once everything matches that rule.
"""

import contextlib
import io
import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

import cbor2
from zcbor import CddlValidationError, DataTranslator

#: More repetitions than any instance has.
MANY = 4096

EXTRA = """
nothing-matches = "no instance holds this text"
every-item = any
every-sequence = (* any)
"""


class Matcher(DataTranslator):  # type: ignore[misc]
    """zcbor's decoder, which takes any integer for a uint, what has no tag for what has to have one, and most of its
    time for names that nobody reads here.
    """

    def _check_value(self, obj: Any) -> None:
        super()._check_value(obj)
        self._decode_assert(self.type != "UINT" or obj >= 0)
        self._decode_assert(self.type != "NINT" or obj < 0)

    def _decode_obj(self, it: "Iterator[Any]") -> "tuple[Iterator[Any], Any]":
        if self.tags and self.key is None:
            it, ahead = itertools.tee(it)
            self._decode_assert(isinstance(next(ahead, None), cbor2.CBORTag))
        result: tuple[Iterator[Any], Any] = super()._decode_obj(it)
        return result

    def _construct_obj(self, members: "list[tuple[str, Any]]") -> "tuple[Any, ...] | None":
        return tuple(value for _, value in members) or None

    def var_name(self) -> str:
        """Return no name."""
        return ""

    def __str__(self) -> str:
        return ""


def items_of(data: bytes) -> "list[Any] | None":
    """Return the items of a CBOR sequence, or ``None`` for what is none."""
    source, items = io.BytesIO(data), []
    try:
        while source.tell() < len(data):
            items.append(cbor2.load(source))
    except (cbor2.CBORDecodeError, RecursionError):
        return None
    return items


def main() -> None:
    """Read a question, and answer."""
    question = json.load(sys.stdin)
    with contextlib.redirect_stdout(io.StringIO()):  # zcbor prints what it finds
        answer = judge(question)
    json.dump(answer, sys.stdout)


def judge(question: "dict[str, Any]") -> "dict[str, Any]":
    """Return the answer to a question."""
    wrapped = "".join(f"\nwhole-{rule} = [{rule}]" for rule in question["uses"])
    types = Matcher.from_cddl(question["grammar"] + EXTRA + wrapped, MANY).my_types

    def matches(rule: str, items: "list[Any] | None") -> bool:
        if items is None:
            return False
        try:
            types[f"whole-{rule}"].validate_obj(items)
        except (CddlValidationError, cbor2.CBORDecodeError):  # the latter for what a byte string holds
            return False
        return True

    instances = [(rule, items_of(bytes.fromhex(data)), valid) for rule, data, valid in question["instances"]]
    result = [matches(rule, items) for rule, items, _ in instances]
    counts: dict[str, dict[str, int]] = {"needed": {}, "refused": {}}
    for rule in question["uses"]:
        original = types[rule]
        everything = "every-sequence" if rule in question["groups"] else "every-item"
        for kind, valid, other in (("needed", True, "nothing-matches"), ("refused", False, everything)):
            types[rule] = types[other]
            counts[kind][rule] = sum(
                matches(top, items) is not valid
                for (top, items, expected), fits in zip(instances, result, strict=True)
                if expected is valid and fits is valid and (top == rule or rule in question["uses"][top])
            )
        types[rule] = original
    return {"matches": result, **counts}


if __name__ == "__main__":
    main()
