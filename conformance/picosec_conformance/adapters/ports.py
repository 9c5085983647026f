"""Free ports of this machine, for links that a target opens itself: ``{port:NAME}`` in a manifest.

Nobody can hold a port for another program. So ports lie below those that the kernel gives to outgoing connections, and
runs of the suite that go on at the same time agree by a lock for each port: an abstract socket, which exists in the
same network namespace as the port and vanishes with its process.
"""

from __future__ import annotations

import random
import re
import socket
import sys

from picosec_conformance.adapters.base import AdapterError

#: How a manifest writes a port that is to be chosen.
PLACEHOLDER = re.compile(r"\{port:([a-z0-9-]+)\}")
#: Above those that services use, below those that the kernel gives away.
_RANGE = range(20_000, 32_000)
_TRIES = 200


class Ports:
    """The ports of one target by name, each chosen when it is first asked for and kept until :meth:`close`."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._locks: list[socket.socket] = []

    def number(self, name: str) -> int:
        """Return the port of this name. Raises ``AdapterError`` when none is free."""
        if name not in self._numbers:
            self._numbers[name] = self._choose()
        return self._numbers[name]

    def fill(self, text: str) -> str:
        """Return a text with its placeholders replaced."""
        return PLACEHOLDER.sub(lambda match: str(self.number(match[1])), text)

    def close(self) -> None:
        """Give the ports back."""
        for lock in self._locks:
            lock.close()
        self._locks.clear()
        self._numbers.clear()

    def _choose(self) -> int:
        draw = random.SystemRandom()
        for _ in range(_TRIES):
            number = draw.choice(_RANGE)
            lock = _lock(number)
            if lock is None:
                continue
            if _free(number):
                self._locks.append(lock)
                return number
            lock.close()
        raise AdapterError(f"no port between {_RANGE[0]} and {_RANGE[-1]} is free on 127.0.0.1")


def _lock(number: int) -> socket.socket | None:
    """Reserve a port among runs of the suite; ``None`` when another one has it."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if sys.platform != "linux":
        return lock  # no abstract sockets there: the ports are many, and runs few
    try:
        lock.bind(f"\0picosec-port-{number}")
    except OSError:
        lock.close()
        return None
    return lock


def _free(number: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                return False
    return True
