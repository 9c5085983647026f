"""Endorsements in the Test Interface: whose word a test build believes, and whose word peers need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picosec.crypto.curves import Curve
from picosec.identity.endorsements import Endorser
from picosec.roles.keyring import Keyring
from picosec.roles.test_fields import each, fields, typed
from picosec.roles.test_objects import read_cose_key, read_kid


@dataclass(frozen=True, slots=True)
class EndorsementTrust:
    """What a provisioning says of endorsements. ``required`` is None when it says nothing of it."""

    endorsers: list[Endorser]
    required: list[bytes] | None

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring."""
        keyring.endorsements.admit(self.endorsers, self.required)


def read_endorsements(value: Any) -> EndorsementTrust:
    """Return what is provisioned. Raises ``bad_request``, and ``bad_key`` for a key that is none."""
    entries = fields(value, {}, {1: list, 2: list})
    required = each(entries[2], lambda row: read_kid(typed(row, bytes))) if 2 in entries else None
    return EndorsementTrust(each(entries.get(1, []), _endorser), required)


def _endorser(value: Any) -> Endorser:
    entries = fields(value, {1: bytes, 2: dict}, {})
    return Endorser(read_kid(entries[1]), read_cose_key(entries[2], (Curve.P256, Curve.ED25519)))
