"""Faults in signals: those that are not heard, not answered, or mean too much."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from picosec.errors import ProtocolError
from picosec.messaging import signalling
from picosec.messaging.coap import Code
from picosec.messaging.connections import Connection, Input
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import PingOption, Signal, StreamMessage
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import take_otherwise


@fault("MSG-1140")
def ignores_signals_that_it_does_not_know() -> None:
    """A later version says with one that all that follows is compressed."""
    take_otherwise(lambda self, connection, message, now: message.is_signal and message.code not in set(Signal))


@fault("MSG-1150")
def ignores_critical_options_of_signals() -> None:
    """Options of signals are looked up, and what is not found is not there."""
    signalling.is_critical = lambda number: False


@fault("MSG-1150")
def looks_at_options_of_csms_only() -> None:
    """A Ping is answered without a look at what it asks for."""
    original = signalling.understood
    signalling.understood = lambda signal: (
        original(signal)
        if signal.code == Signal.CSM or signal.code not in set(Signal)
        else replace(signal, options=tuple(each for each in signal.options if each[0] == PingOption.CUSTODY))
    )


@fault("MSG-1160")
def keeps_to_itself_which_option_it_was() -> None:
    """The Abort says that something was wrong with something."""
    original = signalling.abort
    signalling.abort = lambda error: replace(original(error), options=())


@fault("MSG-1170")
def takes_every_option_for_critical() -> None:
    """A newer peer offers something, and is thrown out for it."""
    signalling.is_critical = lambda number: True


@fault("MSG-1170")
def does_not_answer_pings_with_options() -> None:
    """A Ping that is not two bytes long is not recognised."""
    take_otherwise(lambda self, connection, message, now: message.code == Signal.PING and bool(message.options))


@fault("MSG-1180")
def aborts_without_a_word() -> None:
    """Devices that do not talk to each other, and nobody learns why."""
    original = signalling.abort
    signalling.abort = lambda error: replace(original(error), payload=b"")


@fault("MSG-1190")
def goes_on_after_an_abort() -> None:
    """The Abort is noted in a log."""
    take_otherwise(lambda self, connection, message, now: message.code == Signal.ABORT)


@fault("MSG-1190")
def answers_an_abort_with_an_abort() -> None:
    """Two such ends keep the line busy with their farewells."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code == Signal.ABORT:
            self._send(connection, StreamMessage(Signal.ABORT))
        return False

    take_otherwise(answer)


@fault("MSG-1190")
def keeps_a_connection_that_it_aborted() -> None:
    """The peer is expected to close, and does not: connections pile up until there are no more."""
    original = StreamEndpoint._refuse

    def refuse(self: StreamEndpoint, connection: Connection, error: ProtocolError, now: float) -> None:
        original(self, connection, error, now)
        self._closing.clear()

    StreamEndpoint._refuse = refuse


@fault("MSG-1200")
def answers_empty_messages() -> None:
    """As on datagrams, where an empty message is a ping."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.is_empty:
            self._send(connection, StreamMessage(Code.EMPTY))
        return message.is_empty

    take_otherwise(answer)


@fault("MSG-1200")
def ends_at_empty_messages() -> None:
    """An empty message has no cell in the table: the address translator's keep-alive ends the connection."""

    def refuse(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.is_empty:
            self._end(connection, Input.REFUSED, now)
        return message.is_empty

    take_otherwise(refuse)


@fault("MSG-1210")
def answers_pings_without_their_token() -> None:
    """Nobody looks at the token of a Pong, or so it seems."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code != Signal.PING or len(message.token) == 4:
            return False
        self._send(connection, StreamMessage(Signal.PONG))
        return True

    take_otherwise(answer)


@fault("MSG-1210")
def answers_the_last_of_several_pings() -> None:
    """One flag remembers that there was a Ping."""
    original = StreamEndpoint.transmit

    def transmit(self: StreamEndpoint) -> list[tuple[Hashable, bytes]]:
        kept: list[tuple[Hashable, bytes]] = []
        for peer, data in original(self):
            if kept and data[1:2] == kept[-1][1][1:2] == b"\xe3":
                kept.pop()
            kept.append((peer, data))
        return kept

    def held(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        seen = getattr(self, "_seen", None)
        self._seen = message.token if message.code == Signal.PING else None
        return message.code == Signal.PING and seen is not None and len(message.token) == len(seen) == 1

    StreamEndpoint.transmit = transmit
    take_otherwise(held)


@fault("MSG-1220")
def gives_custody_too_early() -> None:
    """The Pong is sent at once: the client frees its buffers, and the server forgets the request at a power cut."""

    def answer(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code != Signal.PING:
            return False
        self._send(connection, StreamMessage(Signal.PONG, message.token, message.options))
        return True

    take_otherwise(answer)


@fault("MSG-1220")
def gives_no_custody() -> None:
    """The option is not known: whoever asked for it waits for ever with full buffers."""
    original = StreamEndpoint._send

    def send(self: StreamEndpoint, connection: Connection, message: StreamMessage) -> None:
        original(self, connection, replace(message, options=()) if message.code == Signal.PONG else message)

    StreamEndpoint._send = send


@fault("MSG-1230")
def keeps_a_released_connection() -> None:
    """A server that restarts waits for clients that never go."""
    take_otherwise(lambda self, connection, message, now: message.code == Signal.RELEASE)


@fault("MSG-1230")
def closes_a_released_connection_at_once() -> None:
    """The answers that are still owed are lost."""

    def close(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        if message.code == Signal.RELEASE:
            self._end(connection, Input.ABORT, now)
        return message.code == Signal.RELEASE

    take_otherwise(close)
