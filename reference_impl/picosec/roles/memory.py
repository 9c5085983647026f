"""What a party took and must not forget when it loses its power: sealed, whole, and told from an older copy.

Each state has the number that a counter of the vault has next. It is written first and counted then, and both before
anybody acts on what was taken. So the last state has the number that was counted or, where power failed in between,
the one after that. An older one would let objects be taken again and bring back keys of the past: it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from picosec.channel.store import Shelf
from picosec.crypto.vault import InvalidTag, Vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import Problem
from picosec.roles.keyring import Keyring

#: Under which the vault seals and counts.
LABEL: Final = b"picosec memory"
COUNTER: Final = "memory"

#: Bytes of the length before each item: all of them may be more than one item can hold.
_LENGTH: Final = 4


class Part(Protocol):
    """What remembers one kind of things."""

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Call this whenever something more is to be remembered."""

    def remembered(self) -> list[Any]:
        """Return what is remembered, as CBOR values."""

    def recall(self, rows: Iterable[Any]) -> None:
        """Remember it again."""


class Memory:
    """The memory of one party. ``vault`` seals for nobody else, whomever the party trusts today."""

    def __init__(self, vault: Vault, shelf: Shelf, parts: Mapping[str, Part]) -> None:
        self._vault = vault
        self._shelf = shelf
        self._parts = parts
        #: What lies there, in whatever order: which chain was used last need not outlive the power at once.
        self._stored: list[bytes] = []

    def recall(self) -> None:
        """Remember what the last state says.

        Raises ``internal`` (OBJ-280) when what lies there is not the last state: whoever goes on without it takes again
        what was taken before.
        """
        counted, sealed = self._vault.counted(COUNTER), self._shelf.read()
        if not sealed and not counted:
            return
        try:
            items = list(_split(self._vault.unseal(sealed, LABEL)))
        except InvalidTag as error:
            raise _forgotten("it is gone" if not sealed else "it does not open") from error
        match cbor.loads(items[0]):
            case int(number) if number == counted:
                pass
            case int(number) if number == counted + 1:  # written, and not counted before the power failed
                self._vault.counter(COUNTER)
            case _:
                raise _forgotten("an older copy lies in its place")
        rows: dict[str, list[Any]] = {name: [] for name in self._parts}
        for name, row in map(cbor.loads, items[1:]):
            rows.setdefault(name, []).append(row)
        for name, part in self._parts.items():
            part.recall(rows[name])
        self._stored = sorted(items[1:])

    def begin(self) -> None:
        """Store from now on whatever is taken, before anybody acts on it."""
        for part in self._parts.values():
            part.keep_by(self.keep)
        self.keep()  # somebody may have known more than the memory did

    def keep(self) -> None:
        """Store everything, unless it is stored already: anybody can hand over a list again, and flash wears out.

        Raises what the shelf and the counters of the vault raise.
        """
        rows = self._rows()
        if sorted(rows) == self._stored:
            return
        items = [cbor.dumps(self._vault.counted(COUNTER) + 1), *rows]
        state = b"".join(len(item).to_bytes(_LENGTH, "big") + item for item in items)
        self._shelf.write(self._vault.seal(state, LABEL))
        self._vault.counter(COUNTER)
        self._stored = sorted(rows)

    def _rows(self) -> list[bytes]:
        return [cbor.dumps([name, row]) for name, part in self._parts.items() for row in part.remembered()]


def memory_of(keyring: Keyring, vault: Vault, shelf: Shelf) -> Memory:
    """Return the memory for all that a party takes."""
    parts: dict[str, Part] = {
        "objects": keyring.inbox,
        "status": keyring.status,
        "identities": keyring,
        "credentials": keyring.chains,
        "endorsements": keyring.endorsements,
        "tamper": keyring.tamper,
        "tokens": keyring.issuer,
    }
    return Memory(vault, shelf, parts)


def _split(state: bytes) -> Iterable[bytes]:
    while state:
        length = int.from_bytes(state[:_LENGTH], "big")
        yield state[_LENGTH : _LENGTH + length]
        state = state[_LENGTH + length :]


def _forgotten(detail: str) -> ProtocolError:
    return ProtocolError(Problem.INTERNAL, "OBJ-280", detail)
