"""Datagrams on a byte stream: slipmux frames over a pair of descriptors. Standard input and a serial line share it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Hashable

from picosec.messaging import slipmux
from picosec.net.transport import EndOfStream, TransportError

#: Octets read at once; as much as a pipe holds.
READ_SIZE = 65536

#: What reading or writing says when the other end is gone: a closed pipe, a hung-up terminal, an unplugged adapter.
_GONE = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ECONNRESET})


class StreamTransport:
    """One peer behind a reading and a writing descriptor; its address is None.

    ``close`` is called once by :meth:`close`, for what stands behind the descriptors.
    """

    forgeable = False

    def __init__(self, name: str, reading: int, writing: int, close: Callable[[], None] | None = None) -> None:
        self.name = name
        self._reading = reading
        self._writing = writing
        self._close = close
        self._decoder = slipmux.Decoder()
        #: Whether the other end is gone.
        self.ended = False

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._reading

    def receive(self) -> list[tuple[Hashable, bytes]]:
        """Read what is there and return the whole frames; raises EndOfStream, TransportError."""
        try:
            data = os.read(self._reading, READ_SIZE)
        except BlockingIOError:
            return []
        except OSError as error:
            raise self._failed(error) from error
        if not data:
            self.ended = True
            raise EndOfStream
        return [(None, frame) for frame in self._decoder.feed(data)]

    def send(self, address: Hashable, datagram: bytes) -> None:
        """Write one frame, waiting while the other end does not read; raises EndOfStream, TransportError."""
        data = slipmux.encode(datagram)
        try:
            written = os.write(self._writing, data)
            while written < len(data):
                written += os.write(self._writing, data[written:])
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Give the descriptors back."""
        if self._close is not None:
            self._close()
            self._close = None

    def _failed(self, error: OSError) -> Exception:
        if error.errno in _GONE:
            self.ended = True
            return EndOfStream()
        return TransportError(f"{self.name}: {error.strerror}")
