"""Reference implementations with one requirement broken each: what the suite has to find."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the device that a fault breaks has no use for manifests, and starts for each fault anew
    from picosec_conformance.manifest import Manifest
    from picosec_conformance.specification.requirements import Requirement

#: One module per chapter; importing it registers its faults.
CHAPTERS = (
    "messaging_payloads",
    "messaging_cbor",
    "messaging_datagrams",
    "messaging_options",
    "messaging_resources",
    "messaging_server",
    "messaging_retransmission",
    "messaging_client",
    "messaging_framing",
    "messaging_streams",
    "messaging_streams_bytes",
    "messaging_streams_signals",
    "messaging_streams_requests",
    "messaging_streams_observe",
    "messaging_sent",
    "messaging_echo",
    "messaging_conditions",
    "messaging_discovery",
    "messaging_surplus",
    "messaging_blocks_served",
    "messaging_blocks_taken",
    "messaging_blocks_room",
    "messaging_blocks_client",
    "messaging_observe_served",
    "messaging_observe_endings",
    "messaging_hints",
    "messaging_observe_client",
    "channel_edhoc",
    "channel_edhoc_suites",
    "channel_edhoc_exchange",
    "channel_edhoc_ead",
    "channel_edhoc_credentials",
    "channel_edhoc_proofs",
    "channel_edhoc_sessions",
    "channel_edhoc_keys",
    "channel_edhoc_coap",
    "channel_edhoc_combined",
    "channel_edhoc_reverse",
    "channel_oscore",
    "channel_oscore_server",
    "channel_oscore_client",
    "channel_oscore_observe",
    "channel_life",
    "channel_renewal",
    "channel_resume",
    "channel_delivery",
    "channel_delivery_receiver",
    "channel_migration",
    "objects",
    "objects_headers",
    "objects_opened",
    "objects_keys",
    "objects_taken",
    "objects_carried",
    "objects_made",
    "objects_written",
    "identity_status",
    "identity_status_taken",
    "identity_status_use",
    "identity_status_channels",
    "identity_forms",
    "identity_signers",
    "identity_history",
    "identity_scope",
    "identity_delegators",
    "identity_endorsements",
    "identity_endorsements_use",
    "identity_device",
    "identity_credentials",
    "identity_credentials_narrowing",
    "identity_credentials_used",
    "identity_credentials_objects",
    "identity_attester",
    "identity_verifier",
    "identity_verifier_policy",
    "identity_tamper",
    "identity_tokens_issued",
    "identity_tokens_redeemed",
    "identity_tokens_spent",
    "identity_tokens_fetched",
    "conformance",
    "conformance_target",
    "conformance_objects",
    "conformance_status",
    "conformance_attestation",
    "conformance_tokens",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to be wrong. ``apply`` alters the reference in this process, before it starts to serve."""

    name: str
    requirement: str
    story: str
    apply: Callable[[], None]


_REFERENCE = ["{python}", "-m", "picosec", "device"]
_REGISTERED: dict[str, Fault] = {}


def fault(requirement: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that breaks ``requirement``. Its name names the fault, its docstring the real bug or attack.

    Raises ``ValueError`` for a name that is taken or a fault without a story.
    """

    def register(apply: Callable[[], None]) -> Callable[[], None]:
        name = apply.__name__.replace("_", "-")
        story = " ".join((apply.__doc__ or "").split())
        if name in _REGISTERED or not story:
            raise ValueError(f"fault {name} needs a name of its own and a docstring")
        _REGISTERED[name] = Fault(name, requirement, story, apply)
        return apply

    return register


@cache
def load_faults() -> dict[str, Fault]:
    """Return every fault by name, in the order of chapters."""
    for chapter in CHAPTERS:
        importlib.import_module(f"{__name__}.{chapter}")
    return dict(_REGISTERED)


def find_fault(name: str) -> Fault | None:
    """Return a fault by its name, None if there is none; what has no part in it is not loaded.

    A run over all faults starts a device for each of them, and most of such a start would be the other faults.
    """
    head = f"def {name.replace('-', '_')}("
    for chapter in CHAPTERS:
        if head in Path(__file__).with_name(f"{chapter}.py").read_text(encoding="utf-8"):
            importlib.import_module(f"{__name__}.{chapter}")
            if name in _REGISTERED:
                return _REGISTERED[name]
    return None


def without_fault(requirements: Iterable[Requirement], faults: Iterable[Fault]) -> Iterator[str]:
    """Yield the testable requirements of level MUST that no fault violates."""
    violated = {fault.requirement for fault in faults}
    for row in requirements:
        if row.testable and row.level == "MUST" and row.id not in violated:
            yield row.id


def faulty(manifest: Manifest, fault: str) -> Manifest:
    """Return the manifest of a reference device with one fault, in its test build and its production build.

    Raises ``ValueError`` for a target that is not the reference as a program, or a fault that does not exist.
    """
    if fault not in load_faults():
        raise ValueError(f"there is no fault {fault!r}; `picosec faults --list` shows them")

    def altered(adapter: Mapping[str, Any] | None) -> dict[str, Any]:
        command = list((adapter or {}).get("command", ()))
        if command[:4] != _REFERENCE:
            raise ValueError("a fault alters the reference, and this target is something else")
        broken = [*_REFERENCE[:2], "picosec_conformance", "device", "--fault", fault]
        return {**(adapter or {}), "command": [*broken, *command[4:]]}

    return replace(
        manifest,
        name=f"{manifest.name} with fault {fault}",
        adapter=altered(manifest.adapter),
        production=altered(manifest.production),
    )
