"""An app under the eyes of a person: it waits for one answer, or shows what it is told for as long as they like."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Hashable
from typing import Final

from picosec.channel.session import Session
from picosec.cli.present import content, status
from picosec.messaging.connections import Framing
from picosec.roles import events
from picosec.roles.app import App

#: Seconds between two signs of life, and for an answer to a farewell.
SIGN_OF_LIFE: Final = 2.0
#: Seconds between two looks at nothing, while somebody watches.
_LONG: Final = 3600.0


class Waiting:
    """An app under the eyes of a person: it gives signs of life, and its patience has an end."""

    def __init__(
        self, app: App, ask: Callable[[float], int], now: float, patience: float, name: str, *, verbose: bool
    ) -> None:
        self.outcome: events.Event | None = None
        self.gave_up = False
        #: How often a value was shown already.
        self.told = 0
        #: Of the channel that was opened for this, if one was.
        self.session: Session | None = None
        self._app = app
        self._ask = ask
        self._handle: int | None = None
        self._name = name
        self._verbose = verbose
        self._began = now
        self._end = now + patience
        self._next_sign = now + SIGN_OF_LIFE
        self._leaving = False

    def begin(self, now: float) -> None:
        """Ask; where a connection has to be opened first, it begins by itself."""
        self._handle = self._ask(now)

    def connected(self, peer: Hashable, now: float, framing: Framing = Framing.STREAM) -> None:
        """Take the connection that was opened, and ask."""
        self._app.connected(peer, now, framing)
        self.begin(now)

    def disconnected(self, peer: Hashable, now: float) -> None:
        """Take the end of the connection."""
        self._app.disconnected(peer, now)
        self._look()

    def closing(self) -> list[Hashable]:
        """Drain the connections to close."""
        return self._app.closing()

    def receive(self, data: bytes, peer: Hashable, now: float) -> None:
        """Take what came."""
        if self._verbose:
            self._say(f"received {len(data):4} bytes  {data.hex()}")
        self._app.receive(data, peer, now)
        self._look()

    def tick(self, now: float) -> None:
        """Do what is due, and give a sign of life or up."""
        self._app.tick(now)
        self._look()
        self.gave_up = now >= self._end
        if now >= self._next_sign and self.outcome is None and not self.gave_up:
            self._next_sign = now + SIGN_OF_LIFE
            self._say(f"waiting for {self._name}, {now - self._began:.0f} of {self._end - self._began:.0f} s …")

    def next_timeout(self) -> float:
        """Return when :meth:`tick` is wanted next."""
        due = self._app.next_timeout()
        own = min(self._next_sign, self._end)
        return own if due is None else min(own, due)

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain what is to be sent."""
        outgoing = self._app.transmit()
        if self._verbose:
            for _peer, datagram in outgoing:
                self._say(f"sent     {len(datagram):4} bytes  {datagram.hex()}")
        return outgoing

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.outcome is not None or self.gave_up

    @property
    def left(self) -> bool:
        """Whether somebody who watched has seen enough."""
        return self._leaving

    def _look(self) -> None:
        for event in self._app.events():
            if event.handle == self._handle:
                self._take(event)

    def _take(self, event: events.Event) -> None:
        if not isinstance(event, events.ChannelOpened):
            self.outcome = event
            return
        session = self.session = event.session
        if self._verbose:
            name = session.peer.subject or session.peer.kid.hex()
            self._say(f"channel with {name!r}: EDHOC method {session.method}, suite {session.suite}")

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Watching(Waiting):
    """An app that shows what it is told, until whoever looks on has seen enough or the device ends it."""

    def tick(self, now: float) -> None:
        """Do what is due; once something was shown there is no hurry."""
        if not self.told or self._leaving:
            super().tick(now)
            return
        self._app.tick(now)
        self._look()
        self._next_sign = now + _LONG

    def leave(self, now: float) -> bool:
        """Tell the device that nobody looks any more, and wait for its answer for a moment; whether it has to know."""
        if not self.told or self._handle is None or self.outcome is not None:
            return False
        self._leaving = True
        self._app.cancel(self._handle, now)
        self._next_sign = self._end = now + SIGN_OF_LIFE
        return True

    def _take(self, event: events.Event) -> None:
        if not isinstance(event, events.Notification):
            super()._take(event)
        elif not self._leaving:
            self.told += 1
            self._end = math.inf
            message = event.message
            print(content(message.content_format, message.payload) or status(message.code), flush=True)
