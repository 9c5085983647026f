"""Under which circumstances the adversary plays: what the target has, and what of it one example uses."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from picosec.channel.credentials import Kind
from picosec_conformance.manifest import Manifest

#: Suites whose keys are on the same curves, so that one credential serves in all of them.
FAMILIES = ((2, 3, 5), (0, 1, 4), (6,))


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the adversary may count on, read from a manifest."""

    control: bool
    server: bool
    client: bool
    responder: bool
    initiator: bool
    methods: tuple[int, ...]
    suites: tuple[int, ...]
    kinds: tuple[Kind, ...]
    message_4: bool
    renewal: bool

    @property
    def handshakes(self) -> bool:
        """Whether the target takes part in handshakes that the suite can set up."""
        return self.responder or self.initiator


def abilities(manifest: Manifest) -> Abilities:
    """Return what a target declares, as far as the suite can make use of it."""
    has = manifest.declares
    control = has("conformance.test-interface")
    methods = tuple(number for number in range(4) if has(f"channel.edhoc.method.{number}"))
    suites = tuple(number for number in range(7) if has(f"channel.edhoc.suite.{number}"))
    kinds = tuple(kind for kind in Kind if has(f"channel.edhoc.credential.{kind.value}"))
    usable = control and bool(methods and suites and kinds)
    return Abilities(
        control=control,
        server=has("channel.oscore.server") and (control or manifest.oscore is not None),
        client=control and has("channel.oscore.client"),
        responder=usable and has("channel.edhoc.responder") and has("channel.oscore.server"),
        initiator=usable and has("channel.edhoc.initiator") and has("channel.oscore.client"),
        methods=methods,
        suites=suites,
        kinds=kinds,
        message_4=has("channel.edhoc.message4"),
        renewal=control and has("channel.edhoc.key-update"),
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One example's circumstances. ``suites`` are the honest peers' and ``target_suites`` the target's, in order of
    preference; ``seed`` decides every key.
    """

    seed: int = 1
    method: int = 3
    kind: Kind = Kind.KID
    suites: tuple[int, ...] = (2,)
    target_suites: tuple[int, ...] = (2,)
    message_4: bool = False

    def rng(self) -> random.Random:
        """Return the source of everything random in the example."""
        return random.Random(f"adversary:{self.seed}")

    def table(self) -> dict[str, Any]:
        """Return the setting as plain values."""
        return {
            "seed": self.seed,
            "method": self.method,
            "kind": self.kind.value,
            "suites": list(self.suites),
            "target_suites": list(self.target_suites),
            "message_4": self.message_4,
        }

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Setting:
        """Undo :meth:`table`."""
        return cls(
            table["seed"],
            table["method"],
            Kind(table["kind"]),
            tuple(table["suites"]),
            tuple(table["target_suites"]),
            table["message_4"],
        )


def families(able: Abilities) -> list[tuple[int, ...]]:
    """Return the groups of declared suites that share their curves."""
    groups = (tuple(suite for suite in family if suite in able.suites) for family in FAMILIES)
    return [group for group in groups if group]


def simplest(able: Abilities, **changes: Any) -> Setting:
    """Return the setting that most targets have, as far as this one has it."""
    values: dict[str, Any] = {}
    if able.handshakes:
        suites = families(able)[0][:1]
        values = {"method": able.methods[-1], "kind": able.kinds[0], "suites": suites, "target_suites": suites}
        values["kind"] = Kind.KID if Kind.KID in able.kinds else able.kinds[0]
    return Setting(**{**values, **changes})
