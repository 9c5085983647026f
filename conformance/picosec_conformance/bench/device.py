"""The reference device as a process of its own: how much memory it takes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

from picosec.messaging import slipmux
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec_conformance.bench.memory import resident
from picosec_conformance.bench.report import MeasurementFailed

COMMAND = [sys.executable, "-m", "picosec", "device", "--stdio"]


def resident_bytes() -> int | None:
    """Return the resident memory of a device that has answered one request; ``None`` where the system does not tell.

    Raises ``MeasurementFailed`` when the device ends instead of answering.
    """
    question = slipmux.encode(Message(Type.CON, Code.GET, 1, b"\x01", path_options("/ps/info")).encode())
    pipe = subprocess.PIPE
    with subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError):  # it has ended already, which reading shows
                process.stdin.write(question)
            decoder = slipmux.Decoder()
            while chunk := process.stdout.read(4096):
                if decoder.feed(chunk):
                    return resident(str(process.pid))
        finally:
            process.kill()
    raise MeasurementFailed(f"the device ended without an answer, status {process.returncode}")
