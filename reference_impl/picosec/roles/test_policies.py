"""Trust and policies as the Test Interface gives them to a test build."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel.credentials import Kind
from picosec.channel.edhoc_config import Policy
from picosec.roles.channel_table import MAX_CHANNELS, ChannelPolicy
from picosec.roles.keyring import DEFAULT_POLICY, Trusted
from picosec.roles.test_fields import fields, mismatch, some, unsigned


def read_kind(name: str) -> Kind:
    """Return the kind of credential of this name. Raises ``bad_request``."""
    try:
        return Kind(name)
    except ValueError as error:
        raise mismatch(f"no kind of credential is called {name!r}") from error


def read_trusted(value: Any) -> Trusted:
    """Return a credential that peers may show. Raises ``bad_request``."""
    entries = fields(value, {1: str, 2: bytes}, {4: bytes})
    return Trusted(read_kind(entries[1]), entries[2], entries.get(4))


def read_policy(value: Any) -> Policy:
    """Return what a test build takes part in, the default where nothing is said. Raises ``bad_request``."""
    entries = _fields(value)
    policy = DEFAULT_POLICY
    if 1 in entries:
        policy = replace(policy, methods=some(entries[1], unsigned))
    if 2 in entries:
        policy = replace(policy, suites=some(entries[2], unsigned))
    return replace(policy, message_4=entries.get(3, policy.message_4), by_value=entries.get(4, policy.by_value))


def _fields(value: Any) -> dict[int, Any]:
    return fields(value, {}, {1: list, 2: list, 3: bool, 4: bool, 5: int, 6: int, 7: bool})


def read_channel_policy(value: Any) -> ChannelPolicy:
    """Return how many channels a test build keeps, for how long, and where. Raises ``bad_request``."""
    entries = _fields(value)
    if 0 in (entries.get(5), entries.get(6)):
        raise mismatch("room for no channel at all, or keys for no message at all")
    return ChannelPolicy(entries.get(5, MAX_CHANNELS), renew_after=entries.get(6), store=entries.get(7, False))
