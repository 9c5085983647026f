"""A serial line for tests: two pseudo terminals whose masters are joined by a relay process."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty
from contextlib import ExitStack

_RELAY = """
import os, select, sys
a, b = int(sys.argv[1]), int(sys.argv[2])
while True:
    for end in select.select([a, b], [], [])[0]:
        data = memoryview(os.read(end, 65536))
        while data:
            data = data[os.write(b if end == a else a, data):]
"""


def joined_ttys(stack: ExitStack) -> tuple[str, str]:
    """Return the paths of the two ends; everything is undone when the stack closes."""
    masters, names = [], []
    for _ in range(2):
        master, slave = pty.openpty()
        tty.setraw(slave)
        stack.callback(os.close, slave)
        stack.callback(os.close, master)
        masters.append(master)
        names.append(os.ttyname(slave))
    relay = subprocess.Popen(
        [sys.executable, "-c", _RELAY, *map(str, masters)], pass_fds=masters, stderr=subprocess.DEVNULL
    )
    stack.callback(relay.wait)
    stack.callback(relay.kill)
    return names[0], names[1]
