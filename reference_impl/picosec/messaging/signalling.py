"""What two ends of a connection tell each other about it (RFC 8323 section 5): capabilities and options of signals."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging.coap import Options, is_critical, uint_bytes, uint_value
from picosec.messaging.options import Definition
from picosec.messaging.stream_message import (
    BASE_MESSAGE_SIZE,
    AbortOption,
    CsmOption,
    PingOption,
    ReleaseOption,
    Signal,
    StreamMessage,
)
from picosec.registry import Problem

#: The options of each signal; another signal may use the same number for something else.
DEFINITIONS: Final[Mapping[int, Mapping[int, Definition]]] = {
    Signal.CSM: {CsmOption.MAX_MESSAGE_SIZE: Definition(0, 4), CsmOption.BLOCK_WISE_TRANSFER: Definition(0, 0)},
    Signal.PING: {PingOption.CUSTODY: Definition(0, 0)},
    Signal.PONG: {PingOption.CUSTODY: Definition(0, 0)},
    Signal.RELEASE: {
        ReleaseOption.ALTERNATIVE_ADDRESS: Definition(1, 255, repeatable=True, text=True),
        ReleaseOption.HOLD_OFF: Definition(0, 3),
    },
    Signal.ABORT: {AbortOption.BAD_CSM_OPTION: Definition(0, 2)},
}


class BadCsmOption(ProtocolError):
    """A capability that this end cannot process; ``number`` goes into the Abort (RFC 8323 section 5.6)."""

    def __init__(self, number: int, requirement: str) -> None:
        super().__init__(Problem.BAD_OPTION, requirement, f"option {number} of a CSM")
        self.number = number


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one end can do. ``max_message`` counts all bytes of a message, its header included."""

    max_message: int = BASE_MESSAGE_SIZE
    block_wise: bool = False

    def csm(self) -> StreamMessage:
        """Return the signal that tells the other end."""
        size: Options = ((int(CsmOption.MAX_MESSAGE_SIZE), uint_bytes(self.max_message)),)
        block_wise: Options = ((int(CsmOption.BLOCK_WISE_TRANSFER), b""),) if self.block_wise else ()
        return StreamMessage(Signal.CSM, b"", size + block_wise)

    def updated(self, csm: StreamMessage) -> Capabilities:
        """Return what the other end can do after one more CSM: what it leaves out stays as it was.

        ``csm`` has been through :func:`understood`.
        """
        size = csm.option(CsmOption.MAX_MESSAGE_SIZE)
        return Capabilities(
            self.max_message if size is None else uint_value(size),
            self.block_wise or csm.option(CsmOption.BLOCK_WISE_TRANSFER) is not None,
        )


def understood(signal: StreamMessage) -> StreamMessage:
    """Return a signal with the options that are understood; elective ones that are not are left out.

    Raises ``ProtocolError`` with ``UNEXPECTED_MESSAGE`` for a signal that does not exist, ``BAD_OPTION`` for a
    critical option that is not understood, in a CSM as :class:`BadCsmOption`.
    """
    definitions = DEFINITIONS.get(signal.code)
    if definitions is None:
        raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "MSG-1140", f"signal 7.{signal.code & 31:02}")
    kept: list[tuple[int, bytes]] = []
    previous = -1
    for number, value in signal.options:
        definition = definitions.get(number)
        repeated, previous = number == previous, number
        if definition and definition.admits(number, value) and (definition.repeatable or not repeated):
            kept.append((number, value))
        elif is_critical(number):
            if signal.code == Signal.CSM:
                raise BadCsmOption(number, "MSG-1150")
            raise ProtocolError(Problem.BAD_OPTION, "MSG-1150", f"option {number} of a signal")
    return dataclasses.replace(signal, options=tuple(kept))


def abort(error: ProtocolError) -> StreamMessage:
    """Return the signal that ends a connection at once; its payload is the name of the error, for people (MSG-1180)."""
    options: Options = ()
    if isinstance(error, BadCsmOption):
        options = ((int(AbortOption.BAD_CSM_OPTION), uint_bytes(error.number)),)
    return StreamMessage(Signal.ABORT, b"", options, error.problem.name.lower().encode())


def release(alternatives: tuple[str, ...] = (), hold_off: int | None = None) -> StreamMessage:
    """Return the signal that asks the other end to close the connection when it is done with it.

    ``alternatives`` are authorities, such as ``host:port``, to connect to instead; ``hold_off`` is in seconds.
    """
    options: Options = tuple((int(ReleaseOption.ALTERNATIVE_ADDRESS), each.encode()) for each in alternatives)
    if hold_off is not None:
        options = (*options, (int(ReleaseOption.HOLD_OFF), uint_bytes(hold_off)))
    return StreamMessage(Signal.RELEASE, b"", options)
