"""Counter-examples as files: a short game in TOML that can be read, replayed and kept."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from picosec_conformance.adversary.invariants import Invariant
from picosec_conformance.adversary.setting import Setting
from picosec_conformance.adversary.steps import MOVES, Step
from picosec_conformance.specification.requirements import load_requirements

#: Where scenarios are kept that the suite replays on every target.
KEPT = Path(__file__).parents[1] / "suite" / "scenarios"

_HEAD = "# A game of the adversary that broke an invariant. `picosec scenario FILE` plays it again.\n"


class ScenarioError(Exception):
    """The file is no scenario. The text names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """``title`` says in a sentence what was seen when it was found; ``requirement`` is what was broken then."""

    title: str
    invariant: Invariant
    requirement: str
    setting: Setting
    steps: tuple[Step, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Return the features that a target needs to be put into this game."""
        return tuple(dict.fromkeys(("conformance.test-interface", *self._features())))

    def _features(self) -> Iterator[str]:
        moves = {step.move for step in self.steps}
        yield from ["channel.edhoc.initiator"] * ("target-connects" in moves)
        yield from ["channel.edhoc.responder"] * ("connect" in moves)
        if moves & {"connect", "target-connects"}:
            setting = self.setting
            yield f"channel.edhoc.method.{setting.method}"
            yield f"channel.edhoc.credential.{setting.kind.value}"
            yield from (f"channel.edhoc.suite.{suite}" for suite in (*setting.suites, *setting.target_suites))
            yield from ["channel.edhoc.message4"] * setting.message_4
        yield from ["channel.edhoc.key-update"] * ("renew" in moves)
        yield from ["channel.oscore.client"] * ("target-asks" in moves)
        yield from ["channel.oscore.server"] * ("ask" in moves)

    def dump(self) -> str:
        """Return the file."""
        lines = [_HEAD, "version = 1"]
        lines += [f"{name} = {_value(value)}" for name, value in self._head().items()]
        lines += ["", "[setting]", *(f"{name} = {_value(value)}" for name, value in self.setting.table().items())]
        for step in self.steps:
            lines += ["", "[[step]]", *(f"{name} = {_value(value)}" for name, value in step.table().items())]
        return "\n".join(lines) + "\n"

    def _head(self) -> dict[str, str]:
        return {"title": self.title, "invariant": self.invariant.value, "requirement": self.requirement}

    @property
    def name(self) -> str:
        """Return a name for its file."""
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.requirement} {self.title}".lower()).strip("-")
        return words[:60].rstrip("-")


def load_scenario(path: Path) -> Scenario:
    """Read a scenario. Raises ``ScenarioError``."""
    try:
        return parse_scenario(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ScenarioError(f"{path}: cannot be read: {reason}") from error


def parse_scenario(text: str, source: str) -> Scenario:
    """Check the text of a scenario. Raises ``ScenarioError``."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{source}: not valid TOML: {error}") from error
    problem = jsonschema.exceptions.best_match(_validator().iter_errors(table))
    if problem is not None:
        place = ".".join(map(str, problem.absolute_path)) or "the scenario"
        raise ScenarioError(f"{source}: {place}: {problem.message}")
    if table["requirement"] not in load_requirements():
        raise ScenarioError(f"{source}: there is no requirement {table['requirement']}")
    steps = tuple(_step(entry, number, source) for number, entry in enumerate(table.get("step", ()), 1))
    setting = Setting.from_table(table["setting"])
    return Scenario(table["title"], Invariant(table["invariant"]), table["requirement"], setting, steps)


def kept_scenarios(folder: Path = KEPT) -> dict[str, Scenario]:
    """Return the scenarios that are kept, by name. Raises ``ScenarioError``."""
    return {path.stem: load_scenario(path) for path in sorted(folder.glob("*.toml"))}


def _step(table: dict[str, Any], number: int, source: str) -> Step:
    parameters = MOVES.get(table["move"])
    if parameters is None:
        raise ScenarioError(
            f"{source}: step {number}: there is no move {table['move']!r}; choose among {', '.join(MOVES)}"
        )
    step = Step.from_table(table)
    wrong = [
        name for name in {*parameters, *step.parameters} if type(step.parameters.get(name)) is not parameters.get(name)
    ]
    if wrong:
        expected = ", ".join(f"{name} ({kind.__name__})" for name, kind in parameters.items()) or "no parameters"
        raise ScenarioError(f"{source}: step {number}: {step.move} takes {expected}; mend {min(wrong)!r}")
    return step


def _value(value: Any) -> str:
    """Return a value as TOML has it, which for these types is how JSON has it."""
    return json.dumps(value)


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = Path(__file__).with_name("scenario.schema.json")
    return jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
