"""Faults of observing on connections, of blocks on them, and of ends that release one."""

from __future__ import annotations

from typing import Any

from picosec.messaging import signalling
from picosec.messaging.coap import Message
from picosec.messaging.connections import Connection, Input, State
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import StreamMessage
from picosec.messaging.stream_sending import StreamSender
from picosec.roles import observing, server
from picosec.roles.observers import Observers
from picosec.roles.observing import Observing
from picosec_conformance.faults import fault


@fault("MSG-2010")
def counts_notifications_on_connections() -> None:
    """The code for datagrams is used as it is: a server that writes no numbers is heard once."""
    original = Observing._notified

    def notified(self: Observing, watch: Any, response: Message, number: int, now: float) -> None:
        if watch.number is not None and not observing.observe.is_newer(number, now, watch.number, watch.at):
            return
        original(self, watch, response, number, now)
        watch.number, watch.at = number, now

    Observing._notified = notified


def _silently(when: Any) -> None:
    """End some observations by saying nothing."""
    original = Observing.cancel

    def cancel(self: Observing, handle: int, now: float, *, silently: bool) -> None:
        watch = next((watch for watch in self._watches.values() if watch.handle == handle), None)
        if watch is not None and when(watch, silently):
            self._end(watch, now)
        else:
            original(self, handle, now, silently=silently)

    Observing.cancel = cancel


@fault("MSG-2020")
def looks_away_on_a_connection() -> None:
    """What comes for an observation that it forgot is ignored, as anything with an unknown token is."""
    _silently(lambda watch, silently: silently)


@fault("MSG-2020")
def gives_up_what_was_not_answered_yet() -> None:
    """The registration is on its way, and the answer will find nobody."""
    _silently(lambda watch, silently: not watch.established)


@fault("MSG-2020")
def does_not_come_back_to_what_it_gave_up() -> None:
    """It cannot leave while an answer is due; when that has come, it does not think of it any more."""
    original = Observing._leave

    def leave(self: Observing, watch: Any, now: float) -> None:
        original(self, watch, now)
        watch.told = True

    Observing._leave = leave


@fault("MSG-2030")
def keeps_those_who_left_in_its_books() -> None:
    """The end of a connection is the network's affair; after some days there is no room for observers any more."""
    Observers.disconnected = lambda self, peer, now: None


@fault("MSG-2040")
def has_blocks_of_one_size() -> None:
    """A block that a datagram can carry is small enough for anybody."""
    StreamSender.fits = lambda self, peer, token, response, overhead=0: True


@fault("MSG-2040")
def forgets_that_protection_needs_room() -> None:
    """The block fits, and then it is protected."""
    server.OSCORE_OVERHEAD = 0


@fault("CNF-790")
def releases_without_a_word() -> None:
    """The state of the connection changes, and nobody hears of it."""
    original = StreamEndpoint.release

    def release(self: StreamEndpoint, *arguments: Any, **named: Any) -> None:
        before = len(self._outbox)
        original(self, *arguments, **named)
        del self._outbox[before:]

    StreamEndpoint.release = release


@fault("CNF-790")
def sends_everybody_to_the_same_place() -> None:
    """The reasons of a Release are left out."""
    original = signalling.release
    signalling.release = lambda alternatives=(), hold_off=None: original()


@fault("MSG-2050")
def serves_nobody_behind_its_release() -> None:
    """It said that it wants to go, and hears nothing any more."""
    original = StreamEndpoint._take

    def take(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> None:
        if not (connection.state is State.RELEASED_BY_US and message.is_request):
            original(self, connection, message, now)

    StreamEndpoint._take = take


@fault("MSG-2050")
def closes_what_it_releases_at_the_next_word() -> None:
    """Whatever comes behind the Release ends the connection, as if the other end had closed it."""
    original = StreamEndpoint._take

    def take(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> None:
        if connection.state is State.RELEASED_BY_US:
            self._end(connection, Input.TIMEOUT, now)
        else:
            original(self, connection, message, now)

    StreamEndpoint._take = take
