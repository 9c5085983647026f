"""The manifest of a target: what it is, how to reach it, and what it declares (CNF-010 and on)."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import jsonschema

from picosec_conformance.adapters.ports import PLACEHOLDER
from picosec_conformance.specification.registry import Profile, load_registry

#: The manifest of the reference device as a program, which needs no naming on a command line.
REFERENCE = Path(__file__).with_name("targets") / "reference.toml"
INTERFACE = "conformance.test-interface"
_QUIET = 0.03
_QUIET_CLIENT = 0.15
_SCHEMA = Path(__file__).with_name("manifest.schema.json")


class ManifestError(Exception):
    """The manifest cannot be used. The text names the file, the line and the mend."""


@dataclass(frozen=True, slots=True)
class ExpectedFailure:
    """A test that is expected to fail, why, and the last day of that. When it passes after all, that is a failure."""

    test: str
    reason: str
    until: date


class NotGiven(Exception):
    """A test needs what this target's manifest does not give, or what only the Test Interface does. The text says it.

    Raised while a test runs, it ends the test without a verdict.
    """


#: What each resource of a manifest is for, and where a target with the Test Interface has it.
ROLES: Mapping[str, tuple[str, str]] = {
    "get": ("answers GET", "/ps/info"),
    "put": ("a PUT changes", "/ps/test/store"),
    "slow": ("answers late", "/ps/test/slow"),
    "large": ("has more than 2,048 bytes, which a PUT replaces, and turns round what is posted", "/ps/test/large"),
    "observable": ("can be observed and a PUT changes", "/ps/test/store"),
    "protected_get": ("answers GET over a channel", "/sensors/temperature"),
    "protected_put": ("a PUT over a channel changes", "/actuators/lamp"),
    "protected_observable": ("can be observed over a channel, and a PUT of true or false changes", "/actuators/lamp"),
}


@dataclass(frozen=True, slots=True)
class Resources:
    """Paths the suite may use, by role: ``resources.put`` is one that a PUT changes."""

    paths: Mapping[str, str]

    def __getattr__(self, role: str) -> str:
        """Return the path of a role (a key of ``ROLES``). Raises ``NotGiven``."""
        if role not in ROLES:
            raise AttributeError(role)
        if role not in self.paths:
            raise NotGiven(f"the manifest names no resource that {ROLES[role][0]} (resources.{role})")
        return self.paths[role]

    def given(self, role: str) -> bool:
        """Whether there is a resource for a role."""
        return role in self.paths

    def or_nowhere(self, role: str) -> str:
        """Return the path of a role, or one that leads nowhere: for whoever asks in any case."""
        return self.paths.get(role, "/nowhere")


@dataclass(frozen=True, slots=True)
class GivenCredential:
    """A credential as a manifest has it; ``private_key`` is empty for the target's."""

    kind: str
    credential: bytes
    private_key: bytes = b""
    kid: bytes | None = None


@dataclass(frozen=True, slots=True)
class GivenHandshake:
    """What a target was told to do as a party of handshakes: ``peer`` is who the suite is to it.

    With ``renew``, the target is power-cycled before every so many tests, because it forgets no handshake by itself.
    """

    method: int
    suite: int
    peer: GivenCredential
    target: GivenCredential
    message_4: bool = False
    renew: int | None = None


@dataclass(frozen=True, slots=True)
class GivenContext:
    """An OSCORE context that a target was set up with; identifiers are from the target's point of view.

    ``first_number`` is the first sequence number that the suite may use. ``numbers`` says whether the target keeps its
    replay window between runs (``kept``), or begins ``anew`` with each.
    """

    sender_id: bytes
    recipient_id: bytes
    master_secret: bytes
    master_salt: bytes = b""
    id_context: bytes | None = None
    aead: int = 10
    first_number: int = 0
    numbers: str = "kept"

    @property
    def name(self) -> str:
        """What tells this context from others and gives no key away: a hash, in hexadecimal."""
        parts = self.master_secret, self.master_salt, self.sender_id, self.recipient_id, self.id_context or b"\0"
        return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:32]


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
    resources: Resources = field(default_factory=lambda: Resources({role: path for role, (_, path) in ROLES.items()}))
    answer_timeout: float = 2.0
    quiet_timeout: float = 0.0  #: how long after a probe a target may still answer what came before it
    call_timeout: float = 10.0  #: how long the target, as a client, may take to send its request
    patience: float = 0.0  #: how long one test may wait for something that takes its time, such as a retransmission
    oscore: GivenContext | None = None
    edhoc: GivenHandshake | None = None
    known_failures: tuple[ExpectedFailure, ...] = ()
    source: str = ""
    text: str = field(default="", repr=False)  #: the manifest as it was read

    @property
    def black_box(self) -> bool:
        """Whether the target is as it is, without the Test Interface."""
        return INTERFACE not in self.features

    @property
    def calls(self) -> bool:
        """Whether the target is a client that calls the suite, which cannot call it."""
        return bool(self.adapter["kind"] == "udp-listen")

    @property
    def protects(self) -> bool:
        """Whether the target, as a client, asks over a channel."""
        return self.declares("channel.oscore.client") or self.declares("channel.edhoc.initiator")

    @property
    def argument(self) -> tuple[str, ...]:
        """How a command line names this manifest."""
        return () if self.source == REFERENCE.stem else (self.source,)

    def declares(self, *features: str) -> bool:
        """Whether every one of these features is declared."""
        return self.features.issuperset(features)


def known_names() -> list[str]:
    """Return the names of the manifests that come with the suite."""
    return sorted(path.stem for path in REFERENCE.parent.glob("*.toml"))


def known_manifest(name: str) -> Path:
    """Return the manifest of this name that comes with the suite, or else the name as a path."""
    return REFERENCE.with_name(f"{name}.toml") if name in known_names() else Path(name)


def load_manifest(
    path: Path, profile: str | None = None, profiles: Mapping[str, Profile] | None = None, source: str | None = None
) -> Manifest:
    """Read and check a manifest; ``profile`` overrides the one it names, and ``source`` is what reports call the file.

    Raises ``ManifestError``.
    """
    if source is None:  # where the suite is installed says nothing about its own manifests
        source = path.stem if path.parent == REFERENCE.parent else str(path)
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
    oscore, edhoc = table.get("oscore"), table.get("edhoc")
    black_box = INTERFACE not in table["features"]
    own = {} if black_box else {role: path for role, (_, path) in ROLES.items()}
    timeouts = table.get("timeouts", {})
    quiet = 0.0 if not black_box else _QUIET_CLIENT if table["adapter"]["kind"] == "udp-listen" else _QUIET
    return Manifest(
        name=target["name"],
        version=target["version"],
        vendor=target["vendor"],
        profile=profiles[name],
        features=frozenset(table["features"]),
        adapter=table["adapter"],
        production=table.get("production"),
        links=table.get("links", {}),
        resources=Resources({**own, **table.get("resources", {})}),
        answer_timeout=timeouts.get("answer", 2.0),
        quiet_timeout=timeouts.get("quiet", quiet),
        call_timeout=timeouts.get("call", 10.0),
        patience=timeouts.get("patience", 0.0),
        oscore=None if oscore is None else _context(oscore),
        edhoc=None if edhoc is None else _handshake(edhoc),
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
    return GivenContext(**_octets(row, "numbers"))


def _handshake(row: Mapping[str, Any]) -> GivenHandshake:
    parties = {name: GivenCredential(**_octets(row[name], "kind")) for name in ("peer", "target")}
    return GivenHandshake(**{**row, **parties})


def _octets(row: Mapping[str, Any], *words: str) -> dict[str, Any]:
    """Return a table with its hexadecimal members as bytes; ``words`` are those that are no hexadecimal."""
    return {
        key: bytes.fromhex(value) if isinstance(value, str) and key not in words else value
        for key, value in row.items()
    }


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
