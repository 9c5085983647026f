"""Slipmux frames on a serial line."""

from __future__ import annotations

import errno
import os

from picosec.net.stream import StreamTransport
from picosec.net.transport import TransportError

#: What people use when nobody says otherwise.
DEFAULT_BAUDRATE = 115200

_MEND = {
    errno.ENOENT: "there is no such device; see `ls /dev/tty*`",
    errno.EACCES: "permission denied; add yourself to the group that owns it (often `dialout`) and log in again",
    errno.EBUSY: "another program uses it; close that program",
    errno.EAGAIN: "another program uses it; close that program",  # it holds the lock that pyserial asks for
    errno.ENOTTY: "this is not a serial line; name a tty such as /dev/ttyUSB0",
}


def open_serial(path: str, baudrate: int = DEFAULT_BAUDRATE) -> StreamTransport:
    """Open a tty raw, 8 bits, no parity, one stop bit, no flow control.

    Raises :class:`TransportError` when there is no such tty, it may not be opened, or it lacks the baud rate.
    """
    import serial  # 20 ms that only a serial line should cost

    # pyserial reports a file that is no tty as an errno inside a sentence; ask first.
    try:
        probe = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise _explained(path, error.errno, error.strerror) from error
    is_tty = os.isatty(probe)
    os.close(probe)
    if not is_tty:
        raise _explained(path, errno.ENOTTY, "")
    try:
        line = serial.Serial(path, baudrate=baudrate, timeout=0, exclusive=True)
    except serial.SerialException as error:
        raise _explained(path, error.errno, str(error)) from error
    except (ValueError, OverflowError) as error:
        raise TransportError(f"{path}: baud rate {baudrate} is not available; 9600 and 115200 usually are") from error
    descriptor: int = line.fileno()
    os.set_blocking(descriptor, True)
    return StreamTransport(path, descriptor, descriptor, line.close)


def _explained(path: str, number: int | None, text: str | None) -> TransportError:
    mend = _MEND.get(number or 0)
    return TransportError(f"{path}: {mend or text or 'cannot be opened'}")
