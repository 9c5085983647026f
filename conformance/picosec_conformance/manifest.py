"""The manifest of a target: what it is, how to reach it, and what it declares (CNF-010 and on)."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import jsonschema

from picosec_conformance.adapters.ports import PLACEHOLDER
from picosec_conformance.specification.registry import Profile, load_registry

#: The manifest of the reference device as a program, which needs no naming on a command line.
REFERENCE = Path(__file__).with_name("targets") / "reference.toml"
_SCHEMA = Path(__file__).with_name("manifest.schema.json")


class ManifestError(Exception):
    """The manifest cannot be used. The text names the file, the line and the mend."""


@dataclass(frozen=True, slots=True)
class ExpectedFailure:
    """A test that is expected to fail, why, and the last day of that. When it passes after all, that is a failure."""

    test: str
    reason: str
    until: date


@dataclass(frozen=True, slots=True)
class Resources:
    """Paths the suite may use. The defaults are those of a target with the Test Interface."""

    get: str = "/ps/info"
    put: str = "/ps/test/store"
    slow: str = "/ps/test/slow"
    large: str = "/ps/test/large"
    protected_get: str = "/sensors/temperature"
    protected_put: str = "/actuators/lamp"


@dataclass(frozen=True, slots=True)
class GivenContext:
    """An OSCORE context that a target was set up with; identifiers are from the target's point of view.

    ``first_number`` is the first sequence number that the suite may use.
    """

    sender_id: bytes
    recipient_id: bytes
    master_secret: bytes
    master_salt: bytes = b""
    id_context: bytes | None = None
    aead: int = 10
    first_number: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest."""

    name: str
    version: str
    vendor: str
    profile: Profile
    features: frozenset[str]
    adapter: Mapping[str, Any]
    production: Mapping[str, Any] | None = None
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    answer_timeout: float = 2.0
    oscore: GivenContext | None = None
    known_failures: tuple[ExpectedFailure, ...] = ()
    source: str = ""
    text: str = field(default="", repr=False)  #: the manifest as it was read

    @property
    def argument(self) -> tuple[str, ...]:
        """How a command line names this manifest."""
        return () if self.source == str(REFERENCE) else (self.source,)

    def declares(self, *features: str) -> bool:
        """Whether every one of these features is declared."""
        return self.features.issuperset(features)


def load_manifest(
    path: Path, profile: str | None = None, profiles: Mapping[str, Profile] | None = None, source: str | None = None
) -> Manifest:
    """Read and check a manifest; ``profile`` overrides the one it names, and ``source`` is what reports call the file.

    Raises ``ManifestError``.
    """
    source = str(path) if source is None else source
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ManifestError(f"{source}: cannot be read: {reason}") from error
    return parse_manifest(text, source, profile, profiles)


def parse_manifest(
    text: str, source: str, profile: str | None = None, profiles: Mapping[str, Profile] | None = None
) -> Manifest:
    """Check the text of a manifest; ``profiles`` are those of a frozen set. Raises ``ManifestError``."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{source}: not valid TOML: {error}") from error
    validator = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))
    problem = jsonschema.exceptions.best_match(validator.iter_errors(_plain(table)))
    if problem is not None:
        steps = [str(step) for step in problem.absolute_path]
        place = ".".join(steps) or "the manifest"
        raise ManifestError(f"{source}:{_line(text, steps, problem.message)}: {place}: {_mend(problem)}")
    return _manifest(table, text, source, profile, load_registry().profiles if profiles is None else profiles)


def _plain(value: Any) -> Any:
    """Return TOML values as JSON has them: a date is its text."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def _manifest(
    table: dict[str, Any], text: str, source: str, profile: str | None, profiles: Mapping[str, Profile]
) -> Manifest:
    registry = load_registry()
    target = table["target"]
    name = profile or target["profile"]
    if name not in profiles:
        where = "--profile" if profile else f"{source}:{_line(text, ['target', 'profile'])}: target.profile"
        raise ManifestError(f"{where}: there is no profile {name!r}; choose one of {', '.join(profiles)}")
    for feature in table["features"]:
        if feature not in registry.features:
            line = _line(text, ["features"], f"'{feature}'")
            raise ManifestError(
                f"{source}:{line}: features: {feature!r} is not in the registry{_near(feature, registry.features)}"
            )
    _check_ports(table, text, source)
    oscore = table.get("oscore")
    return Manifest(
        name=target["name"],
        version=target["version"],
        vendor=target["vendor"],
        profile=profiles[name],
        features=frozenset(table["features"]),
        adapter=table["adapter"],
        production=table.get("production"),
        links=table.get("links", {}),
        resources=Resources(**table.get("resources", {})),
        answer_timeout=table.get("timeouts", {}).get("answer", 2.0),
        oscore=None if oscore is None else _context(oscore),
        known_failures=tuple(_expected(row, text, source) for row in table.get("known_failures", ())),
        source=source,
        text=text,
    )


def _check_ports(table: dict[str, Any], text: str, source: str) -> None:
    """See that a port which is to be chosen is told to the target, which listens on it."""
    told = set(PLACEHOLDER.findall(" ".join(table["adapter"].get("command", ()))))
    places = {"adapter": table["adapter"], **{f"links.{name}": link for name, link in table.get("links", {}).items()}}
    for place, settings in places.items():
        port = str(settings.get("port", ""))
        if not told.issuperset(PLACEHOLDER.findall(port)):
            line = _line(text, [*place.split("."), "port"])
            raise ManifestError(
                f"{source}:{line}: {place}.port: adapter.command does not tell the target to "
                f"listen on {port}; add it there, or give the number of the port"
            )


def _expected(row: dict[str, Any], text: str, source: str) -> ExpectedFailure:
    try:
        until = date.fromisoformat(str(row["until"]))
    except ValueError as error:
        line = _line(text, ["known_failures", "until"], f"'{row['until']}'")
        raise ManifestError(
            f"{source}:{line}: known_failures.until: {row['until']} is no day of the calendar"
        ) from error
    return ExpectedFailure(row["test"], row["reason"], until)


def _context(row: Mapping[str, Any]) -> GivenContext:
    values = {key: bytes.fromhex(value) if isinstance(value, str) else value for key, value in row.items()}
    return GivenContext(**cast(dict[str, Any], values))


def _mend(problem: jsonschema.ValidationError) -> str:
    """Say what is wrong and what to write instead."""
    if "propertyNames" in problem.absolute_schema_path:
        return f"{problem.instance!r} is no name of a link; take small letters, not 'target' and not 'production'"
    match problem.validator:
        case "required":
            return f"{problem.message.split(' is ')[0]} is missing; add it"
        case "additionalProperties":
            return f"{problem.message.split('(')[-1].rstrip(')')}; remove or correct it"
        case "enum":
            choices = map(str, cast(list[Any], problem.validator_value))
            return f"{problem.instance!r} is not possible; choose one of {', '.join(choices)}"
        case _:
            return str(problem.message)


def _near(name: str, names: Mapping[str, str]) -> str:
    """Suggest a name that differs little."""
    import difflib

    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; `picosec requirements --features` lists them"


def _line(text: str, steps: list[str], message: str = "") -> int:
    """Find the line of a key in TOML text: the last step that can be found, or what the message quotes first."""
    lines = text.splitlines()
    named = re.findall(r"'([^']+)'", message)
    line = 1
    for step in [step for step in steps if not step.isdigit()] + named[:1]:
        name = re.escape(step)
        pattern = re.compile(rf"^\s*(\[+([\w-]+\.)*{name}(\.[\w-]+)*\]+|\"?{name}\"?\s*=)|\"{name}\"")
        for number in range(line, len(lines) + 1):
            if pattern.search(lines[number - 1]):
                line = number
                break
    return line
