"""A device as a process of its own."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Run = Callable[..., tuple[int, str, str]]


@contextmanager
def served(*options: str, end: int = signal.SIGTERM) -> Iterator[str]:
    """Run a device until ``end`` is sent; yield its URL."""
    line = [sys.executable, "-m", "picosec", "device", "--udp", "127.0.0.1:0", *options]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            announced = process.stderr.readline()
            found = re.search(r"coap://127\.0\.0\.1:\d+", announced)
            assert found is not None, announced
            yield found[0]
            process.send_signal(end)
            process.wait(5)
        finally:
            process.kill()
