"""Slipmux frames on standard input and standard output: how a program under test, or behind a bridge, is reached."""

from __future__ import annotations

import os

from picosec.net.stream import StreamTransport
from picosec.net.transport import TransportError


def open_stdio() -> StreamTransport:
    """Take standard input and output for frames; whatever is printed from now on goes to standard error.

    Raises :class:`TransportError` when either is closed.
    """
    try:
        reading, writing = os.dup(0), os.dup(1)
    except OSError as error:
        raise TransportError("standard input and output must both be open for --stdio") from error
    # A stray print would look like a broken frame to the other end.
    os.dup2(2, 1)

    def close() -> None:
        os.close(reading)
        os.close(writing)

    return StreamTransport("stdio", reading, writing, close)
