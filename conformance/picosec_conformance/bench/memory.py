"""Memory: what one more channel costs, and how large a device is. Reads /proc, so it measures on Linux only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from picosec.channel.channels import Channel, Channels
from picosec.channel.oscore_context import SecurityContext
from picosec_conformance.bench import edhoc

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
    """Open channels by handshakes, as a responder with many peers, and return the growth of this process for each."""
    initiator = edhoc.configuration(edhoc.INITIATOR, edhoc.RESPONDER)
    responder = edhoc.configuration(edhoc.RESPONDER, edhoc.INITIATOR)
    sessions = (edhoc.complete(initiator, responder)[1] for _ in range(channels + channels // 4))
    table = Channels()
    before: int | None = None
    for number, session in enumerate(sessions):
        if number == channels // 4:  # what is needed only once has been paid for
            before = resident()
        keys = session.oscore()
        context = SecurityContext(
            keys.master_secret,
            b"\x00" + number.to_bytes(3, "big"),
            number.to_bytes(3, "big"),
            master_salt=keys.master_salt,
        )
        table.add(Channel(context, session))
    after = resident()
    return None if before is None or after is None else max(0, after - before) // channels


if __name__ == "__main__":
    print(json.dumps(_grow(int(sys.argv[1]))))
