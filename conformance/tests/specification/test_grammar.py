"""Rules of the grammar by name."""

from __future__ import annotations

import re

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.grammar import closure, groups, rules, top_rules

GRAMMAR = """\
; a comment = that is no rule
message = (
  name: part,                 ; part-of-a-comment
  "words" => other / bstr,
)
either = message // pair
pair = (bstr, bstr)
part = [ message-like: tstr ]
other = { 1 => part }
"""


def test_rules_refer_to_each_other() -> None:
    """Names of members, texts and comments are no references."""
    assert rules(GRAMMAR) == {
        "message": {"part", "other"},
        "either": {"message", "pair"},
        "pair": set(),
        "part": set(),
        "other": {"part"},
    }


def test_top_rules_are_what_nothing_refers_to() -> None:
    """They are the messages."""
    assert top_rules(GRAMMAR) == ("either",)


def test_closure_follows_references() -> None:
    """A broken part breaks what holds what holds it."""
    assert closure(rules(GRAMMAR))["either"] == {"message", "pair", "part", "other"}


def test_closure_of_rules_that_refer_to_each_other_ends() -> None:
    """A tree is made of trees."""
    assert closure({"a": frozenset({"b"}), "b": frozenset({"a"})})["a"] == {"a", "b"}


def test_groups_are_told_from_items() -> None:
    """A choice between groups is one."""
    assert groups(GRAMMAR) == {"message", "pair", "either"}


def test_grammar_has_the_messages_of_the_handshake() -> None:
    """The committed file is read by the same eyes."""
    tops = top_rules((spec_folder() / "picosec.cddl").read_text(encoding="utf-8"))
    assert {"message-1", "message-2", "message-3", "message-4", "edhoc-error"} <= set(tops)


def test_no_member_has_the_name_of_a_rule() -> None:
    """zcbor takes the name for a key then, which an array does not have, and reads nothing of the grammar."""
    grammar = (spec_folder() / "picosec.cddl").read_text(encoding="utf-8")
    members = set(re.findall(r"([a-z][a-z0-9_-]*):\s", re.sub(r";.*", "", grammar)))
    assert not members & set(rules(grammar))
