"""Memory: what one more channel costs, and how large a device is. Reads /proc, so it measures on Linux only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from picosec.channel.oscore_context import SecurityContext

CHANNELS = 4000
CHANNELS_QUICK = 200


def resident(process: str = "self") -> int | None:
    """Return the resident memory of a process in bytes; ``None`` where the system does not tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), None)


def bytes_of_state(channels: int) -> int | None:
    """Return the resident memory of one channel, everything included: a fresh process makes ``channels`` of them."""
    command = [sys.executable, "-m", __name__, str(channels)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    value: int | None = json.loads(done.stdout)
    return value


def _grow(channels: int) -> int | None:
    """Make channels and return the growth of this process per channel."""
    kept = [_channel(number) for number in range(channels // 4)]  # what is needed once is paid for here
    before = resident()
    kept += [_channel(number) for number in range(len(kept), len(kept) + channels)]
    after = resident()
    return None if before is None or after is None else (after - before) // channels


def _channel(number: int) -> SecurityContext:
    identifier = number.to_bytes(3, "big")
    return SecurityContext(identifier * 6, b"\x00" + identifier, b"\x01" + identifier, master_salt=identifier * 3)


if __name__ == "__main__":
    print(json.dumps(_grow(int(sys.argv[1]))))
