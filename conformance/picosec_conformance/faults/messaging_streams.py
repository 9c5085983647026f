"""Faults of connections: ends that lose their place in the stream, do not keep to their words, or never let go."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from picosec.messaging import stream_message
from picosec.messaging.connections import Connection, State
from picosec.messaging.signalling import Capabilities
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import Decoder, StreamMessage
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import take_otherwise


def _with_parameters(**changes: Any) -> None:
    """Run connections with other numbers."""
    original = StreamEndpoint.__init__

    def init(self: StreamEndpoint, entropy: Any, *rest: Any, **named: Any) -> None:
        original(self, entropy, *rest, **named)
        self.parameters = replace(self.parameters, **changes)

    StreamEndpoint.__init__ = init


# -- opening -----------------------------------------------------------------------------------------------------


@fault("MSG-1000")
def says_nothing_first() -> None:
    """A stack that was made before there were CSMs: the client waits for one, and waits."""
    original = StreamEndpoint.connected

    def connected(self: StreamEndpoint, *arguments: Any, **named: Any) -> Any:
        events = original(self, *arguments, **named)
        self._outbox.pop()
        return events

    StreamEndpoint.connected = connected


@fault("MSG-1000")
def introduces_itself_when_it_has_time() -> None:
    """The CSM waits for something else to be sent, and goes out behind it."""
    original = StreamEndpoint.transmit
    late: list[tuple[Hashable, bytes]] = []

    def transmit(self: StreamEndpoint) -> list[tuple[Hashable, bytes]]:
        outbox = original(self)
        late.extend(each for each in outbox if each[1][1:3] == b"\xe1\x22")
        rest = [each for each in outbox if each not in late]
        behind = [late.pop(0) for _ in range(len(late))] if rest else []
        return rest + behind

    StreamEndpoint.transmit = transmit


@fault("MSG-1010")
def takes_anything_for_a_beginning() -> None:
    """The CSM is optional, or so it seems while all clients send one."""
    original = StreamEndpoint.connected

    def connected(self: StreamEndpoint, peer: Hashable, now: float, *rest: Any, **named: Any) -> Any:
        events = original(self, peer, now, *rest, **named)
        self._connections[peer].state = State.OPEN
        return events

    StreamEndpoint.connected = connected


@fault("MSG-1010")
def acts_before_it_refuses() -> None:
    """The request is handed on, and then somebody finds that there was no CSM."""

    def serve(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if connection.state is State.WAIT_CSM and message.is_request:
            self._serve(connection, message.as_message(), now)
        return False

    take_otherwise(serve)


@fault("MSG-1030")
def waits_for_the_first_word_for_ever() -> None:
    """Ten connections that say nothing, and the device has no room for anybody else."""
    _with_parameters(csm_timeout=1e9)


@fault("MSG-1030")
def closes_what_is_quiet() -> None:
    """The timer for the CSM is never stopped."""
    original = StreamEndpoint._take_csm

    def take_csm(self: StreamEndpoint, connection: Connection, csm: StreamMessage, now: float) -> None:
        original(self, connection, csm, now)
        if connection.deadline is None:
            self._timers.set(connection, now + self.parameters.csm_timeout)

    StreamEndpoint._take_csm = take_csm


# -- sizes -------------------------------------------------------------------------------------------------------


def _with_limit(limit: Callable[[int], int]) -> None:
    """Take messages of another size than this end says."""
    original = Decoder.__init__

    def init(self: Decoder, max_message: int = stream_message.BASE_MESSAGE_SIZE) -> None:
        original(self, limit(max_message))

    Decoder.__init__ = init


@fault("MSG-1040")
def takes_any_size() -> None:
    """The limit is told to everybody and checked by nobody: a length field decides how much memory is used."""
    _with_limit(lambda size: 1 << 40)


@fault("MSG-1040")
def counts_the_payload_only() -> None:
    """The header is not counted, and a buffer of the right size overflows by a few bytes."""
    _with_limit(lambda size: size + 8)


@fault("MSG-1040")
def tells_more_than_it_takes() -> None:
    """The buffer holds the header too; whoever believes the CSM loses the connection."""
    _with_limit(lambda size: size - 8)


@fault("MSG-1040")
def waits_for_all_of_what_is_too_large() -> None:
    """The size is looked at when the message is complete, which an attacker sees to that it never is."""
    original = Decoder.next

    def following(self: Decoder) -> StreamMessage | None:
        size = stream_message.message_size(self._pending)
        return None if size is not None and size > len(self._pending) else original(self)

    Decoder.next = following


@fault("MSG-1050")
def sends_what_it_has() -> None:
    """The Max-Message-Size of the peer is read and forgotten."""
    Connection.fits = lambda self, encoded: True


@fault("MSG-1050")
def believes_that_everybody_takes_what_it_takes() -> None:
    """A constant of one's own is used for both directions."""
    Connection.fits = lambda self, encoded: len(encoded) <= stream_message.BASE_MESSAGE_SIZE


@fault("MSG-1050")
def leaves_the_header_out_of_the_size() -> None:
    """The size is compared with options and payload alone."""
    Connection.fits = lambda self, encoded: len(encoded) <= self.capabilities.max_message + 8


@fault("MSG-1060")
def begins_anew_with_each_csm() -> None:
    """What a CSM leaves out falls back to its base value."""
    original = Capabilities.updated
    Capabilities.updated = lambda self, csm: original(Capabilities(), csm)


@fault("MSG-1060")
def hears_the_first_csm_only() -> None:
    """The capabilities are settled when the connection opens."""
    original = StreamEndpoint._take_csm

    def take_csm(self: StreamEndpoint, connection: Connection, csm: StreamMessage, now: float) -> None:
        before, opened = connection.capabilities, connection.state is not State.WAIT_CSM
        original(self, connection, csm, now)
        if opened:
            connection.capabilities = before

    StreamEndpoint._take_csm = take_csm
