"""Requirement blocks: what the pages may say, and what the generator refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.demands import demands, load_overrides, with_demands
from picosec_conformance.specification.registry import Profile, load_registry
from picosec_conformance.specification.requirements import (
    Requirement,
    SpecError,
    load_requirements,
    pages_of,
    parse_page,
    parse_pages,
)
from picosec_conformance.specification.standards import load_standards

BLOCK = """\
# Page

:::{req} A replayed request is refused
:id: CHN-120
:level: MUST
:role: device, app
:feature: channel.oscore.server
:check: test

A recipient MUST refuse
a replay with error `replayed`.
:::
"""


FEATURES = frozenset({"channel.oscore.server", "channel.oscore.client", "channel.life"})


def parse(tmp_path: Path, text: str) -> list[Requirement]:
    page = tmp_path / "channel.md"
    page.write_text(text)
    return parse_page(page, "CHN", frozenset({"device", "app"}), FEATURES)


def test_block_is_read(tmp_path: Path) -> None:
    """Text is one line, however the page wraps it."""
    (requirement,) = parse(tmp_path, BLOCK)

    assert requirement.id == "CHN-120"
    assert requirement.role == ("device", "app")
    assert requirement.text == "A recipient MUST refuse a replay with error `replayed`."
    assert requirement.testable


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("CHN-120", "CHN-125", "steps of ten"),
        ("CHN-120", "MSG-120", "CHN-NNN"),
        ("level: MUST", "level: SHOULD", "exactly one BCP 14 keyword"),
        ("MUST refuse", "refuses", "exactly one BCP 14 keyword"),
        ("MUST refuse", "MUST refuse and SHOULD log", "exactly one BCP 14 keyword"),
        ("role: device, app", "role: toaster", "roles out of"),
        ("feature: channel.oscore.server", "feature: channel.magic", "registry"),
        ("feature: channel.oscore.server", "feature: channel.oscore.server | channel.magic", "'channel.magic'"),
        ("feature: channel.oscore.server", "feature: channel.oscore.server |", "''"),
        ("feature: channel.oscore.server", "feature: channel.life,, channel.oscore.server", "''"),
        ("check: test", "check: inspection", "with a reason"),
        ("check: test", "check: test\n:mood: good", "unknown options"),
        (":check: test\n\n", ":check: test\n", "does not parse"),
        ("\n:::\n", "\n", "does not parse"),
    ],
)
def test_block_that_breaks_a_rule_is_refused_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    """A requirement that cannot be cited, judged or applied is no requirement."""
    with pytest.raises(SpecError, match=words) as caught:
        parse(tmp_path, BLOCK.replace(old, new))

    assert str(caught.value).startswith("channel.md:3: ")


@pytest.mark.parametrize(
    ("features", "applies"),
    [
        ({"channel.oscore.client", "channel.life"}, True),
        (FEATURES, True),
        ({"channel.oscore.client"}, False),
        ({"channel.life"}, False),
    ],
)
def test_requirement_applies_where_its_features_are(tmp_path: Path, features: set[str], applies: bool) -> None:
    """What binds clients and servers alike must not be lost on an implementation that is only one of them."""
    written = "channel.oscore.server|channel.oscore.client ,channel.life"
    (requirement,) = parse(tmp_path, BLOCK.replace("channel.oscore.server", written))
    profile = Profile("p", "p", "device", (), tuple(features))

    assert requirement.feature == "channel.oscore.server | channel.oscore.client, channel.life"
    assert profile.covers(requirement) is applies
    assert bool(requirement.condition.lacks(features)) is not applies


def test_committed_requirements_are_those_of_the_pages() -> None:
    """The suite judges by the committed file; a page edited without it would judge by the past."""
    found = demands(load_standards(), load_overrides())
    registry = load_registry()
    for chapter, code in registry.chapters.items():
        pages = pages_of(spec_folder(), chapter)
        names = frozenset(registry.roles), frozenset(registry.features)
        rows = with_demands((row for page in pages for row in parse_page(page, code, *names)), found)
        assert rows == [row for row in load_requirements().values() if row.chapter == chapter]


def test_every_profile_is_made_of_known_features_and_roles() -> None:
    """A profile that names a feature with a typing error would quietly drop its requirements."""
    registry = load_registry()
    for profile in registry.profiles.values():
        assert profile.role in registry.roles
        assert profile.features <= set(registry.features)
        assert not set(profile.required) & set(profile.allowed)


def test_error_numbers_are_unique() -> None:
    """The number is what travels; two errors with one number are one error."""
    numbers = [entry.number for entry in load_registry().errors]
    assert len(set(numbers)) == len(numbers)


def test_every_profile_judges_whether_its_features_are_there() -> None:
    """A profile without that requirement would run no probe, and believe every data sheet."""
    truth, survival = load_requirements()["CNF-500"], load_requirements()["CNF-510"]
    for profile in load_registry().profiles.values():
        assert profile.covers(truth)
        assert profile.covers(survival)


def test_a_chapter_has_further_parts_on_pages_of_their_own(tmp_path: Path) -> None:
    """Somebody splits a page that grew too long: its requirements stay in the chapter, its links lead to the part."""
    options = ":level: MUST\n:role: device\n:feature: messaging.cbor\n:check: test\n"
    block = f":::{{{{req}}}} Something\n:id: {{}}\n{options}\nIt MUST.\n:::\n"
    (tmp_path / "messaging.md").write_text(block.format("MSG-010"))
    (tmp_path / "messaging-streams.md").write_text(block.format("MSG-1010"))
    found = parse_pages(tmp_path, {"messaging": "MSG"}, frozenset({"device"}), frozenset({"messaging.cbor"}))
    assert [(row.id, row.chapter, row.page) for row in found] == [
        ("MSG-010", "messaging", "messaging"),
        ("MSG-1010", "messaging", "messaging-streams"),
    ]
