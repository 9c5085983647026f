"""Status lists in the Test Interface: the issuers that it makes a test build believe, and the offline policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picosec.crypto.curves import Curve
from picosec.identity.status import is_uri
from picosec.identity.status_lists import StatusIssuer
from picosec.roles.keyring import Keyring
from picosec.roles.test_fields import each, fields, mismatch
from picosec.roles.test_objects import read_cose_key, read_kid


@dataclass(frozen=True, slots=True)
class StatusTrust:
    """What a provisioning says of status lists. ``grace`` is in seconds, None when it says nothing of it."""

    issuers: list[StatusIssuer]
    grace: int | None

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring, whose grace stays what it was if nothing is said of it."""
        keyring.status.admit(self.issuers, self.grace)


def read_status(value: Any) -> StatusTrust:
    """Return what is provisioned. Raises ``bad_request``, and ``bad_key`` for a key that is none."""
    entries = fields(value, {}, {1: list, 2: int})
    return StatusTrust(each(entries.get(1, []), _issuer), entries.get(2))


def _issuer(value: Any) -> StatusIssuer:
    entries = fields(value, {1: bytes, 2: dict, 3: str}, {})
    if not is_uri(entries[3]):
        raise mismatch("a list has a name of 1 to 255 bytes")
    return StatusIssuer(read_kid(entries[1]), read_cose_key(entries[2], (Curve.P256, Curve.ED25519)), entries[3])
