"""What the Test Interface gives to the parts of a test build: each part reads its own, and nothing is given before all
is read (CNF-040).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from picosec.crypto.vault import Vault
from picosec.roles.keyring import Keyring
from picosec.roles.test_attestation import read_attestation
from picosec.roles.test_credentials import read_credentials
from picosec.roles.test_endorsements import read_endorsements
from picosec.roles.test_identity import read_identity
from picosec.roles.test_objects import read_objects
from picosec.roles.test_status import read_status
from picosec.roles.test_tokens import read_tokens


class Gift(Protocol):
    """What was read for one part."""

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring."""


#: Who reads which entry of a provisioning. Private keys go into the vault when they are read.
READERS: Final[dict[int, Callable[[Any, Vault], Gift]]] = {
    5: read_objects,
    6: lambda value, vault: read_status(value),
    7: read_identity,
    8: read_credentials,
    9: lambda value, vault: read_endorsements(value),
    10: read_attestation,
    11: read_tokens,
}


def read_gifts(entries: Mapping[int, Any], vault: Vault) -> list[Gift]:
    """Return all that a provisioning has for parts. Raises ``bad_request`` and ``bad_key``."""
    return [read(entries[key], vault) for key, read in READERS.items() if key in entries]
