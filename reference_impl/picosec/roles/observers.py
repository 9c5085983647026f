"""Those who want to know when a resource changes (RFC 7641, spec/v1/messaging-observe.md).

Each observer is told the newest state, one notification at a time. What is bounded: observers of each client and in
all, and what is sent to one that shows no sign of life.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from picosec.channel.channels import Channel
from picosec.channel.oscore import Binding, protect_response
from picosec.errors import ProtocolError
from picosec.messaging import observe, problem
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes, uint_value
from picosec.messaging.downloads import cut
from picosec.messaging.events import Delivery, NotificationAcknowledged
from picosec.messaging.layer import MessageLayer
from picosec.messaging.timers import Timers
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.resources import Request, Site
from picosec.roles.responses import OSCORE_OVERHEAD, as_message

#: Seconds for which a client may take what it was told for the present state.
MAX_AGE: Final = 300
#: Seconds between two non-confirmable notifications to one observer (RFC 7641 section 4.5.1).
SPACING: Final = 3.0
#: Non-confirmable notifications in a row before a confirmable one has to be acknowledged.
MOST_UNHEARD: Final = 4
#: Seconds without a sign of life after which an observer is asked for one (RFC 7641 section 4.5).
PATIENCE: Final = 86_400.0
#: Observations of one client: an address without a channel, or a channel.
MOST_OF_CLIENT: Final = 16
#: Observations without a channel; those over channels are bounded by the number of channels.
MOST_IN_CLEAR: Final = 64

#: What a deregistration may have otherwise than its registration (RFC 7641 section 3.6).
_FREE: Final = frozenset(map(int, (Option.OBSERVE, Option.ETAG, Option.ECHO)))


#: Whose observation it is, whether it is without a channel, and its token.
Key = tuple[Hashable, bool, bytes]


@dataclass(slots=True, eq=False)
class Observer:
    """A client that registered for a resource. Times are seconds."""

    peer: Hashable
    token: bytes
    message: Message
    request: Request
    channel: Channel | None
    binding: Binding | None
    #: Whether every notification is confirmable; those of others are now and then.
    confirmable: bool
    #: Code, Content-Format and payload that were told last.
    told: tuple[int, int | None, bytes]
    number: int
    heard: float
    #: Non-confirmable notifications since the last sign of life.
    unheard: int = 0
    #: The confirmable notification that is on its way, and with it all that a reset may still come for.
    outstanding: int | None = None
    notified: set[int] = field(default_factory=set)
    deadline: float | None = None

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return (*client_of(self.peer, self.channel), self.token)


def client_of(peer: Hashable, channel: Channel | None) -> tuple[Hashable, bool]:
    """Return whose an observation is: a channel's, wherever its other end may be, or else an address's."""
    return (peer, True) if channel is None else ((channel.id, channel.context.id_context), False)


class Observers:
    """The observers of a site. One message layer carries notifications to all of them."""

    def __init__(self, layer: MessageLayer, channels: ChannelTable, site: Site) -> None:
        self._layer = layer
        self._channels = channels
        self._site = site
        self._observers: dict[Key, Observer] = {}
        self._notified: dict[int, Observer] = {}
        self._timers: Timers[Observer] = Timers()

    # -- registering ---------------------------------------------------------------------------------------------

    def arrived(self, message: Message, request: Request, token: bytes) -> None:
        """Deregister, if that is what ``message`` asks for, whatever it will be answered."""
        if _wish(message) == observe.DEREGISTER:
            known = self._observers.get((*client_of(request.peer, request.channel), token))
            if known is not None and _same_target(known, message):
                self._remove(known, request.now)

    def answered(
        self, message: Message, request: Request, response: Message, token: bytes, binding: Binding | None
    ) -> Message:
        """Register if that is what ``message``, answered by ``response``, asks for; return what to answer.

        ``response`` is the representation in one piece. The absence of Observe in an answer tells a client that it is
        not registered.
        """
        block = uint_value(message.option(Option.BLOCK2) or b"") >> 4
        if _wish(message) != observe.REGISTER or block or not self._site.observable(request.path):
            return response
        if _overtaken(request):
            return response
        self._let_go(message, request)
        key = (*client_of(request.peer, request.channel), token)
        known = self._observers.get(key)
        if known is None and not self._has_room(key, request.now):
            return response
        number = observe.next_number(None if known is None else known.number, request.now)
        if known is not None:
            self._remove(known, request.now)
        observer = self._observers[key] = Observer(
            request.peer,
            token,
            message,
            request,
            request.channel,
            binding,
            message.type == Type.CON,
            _representation(response),
            number,
            request.now,
        )
        self._timers.set(observer, request.now + PATIENCE)
        return _notifying(response, number)

    def _let_go(self, message: Message, request: Request) -> None:
        """Forget what the peer of a channel registered for the same from where it was before (CHN-2010)."""
        if request.channel is None:
            return
        bond = request.channel.bond
        for other in [each for each in self if each.channel is not None and each.channel.bond is bond]:
            if other.peer != request.peer and _same_target(other, message):
                self._remove(other, request.now)

    def _has_room(self, key: Key, now: float) -> bool:
        for observer in [each for each in self if each.channel is not None and not self._channels.holds(each.channel)]:
            self._remove(observer, now)
        of_client = sum(other[:2] == key[:2] for other in self._observers)
        in_clear = sum(other[1] for other in self._observers)
        return of_client < MOST_OF_CLIENT and not (key[1] and in_clear >= MOST_IN_CLEAR)

    # -- telling -------------------------------------------------------------------------------------------------

    def changed(self, path: str, now: float) -> None:
        """Tell whoever observes the resource at ``path``, as soon as each of them may be told."""
        for observer in [each for each in self if each.request.path == path]:
            spaced = observer.unheard and observer.deadline is not None and observer.deadline > now
            if observer.outstanding is not None or not spaced:
                self._tell(observer, now)

    def delivered(self, outcome: Delivery, now: float) -> None:
        """Take what the message layer says of a notification."""
        observer = self._notified.get(outcome.notification_id)
        if observer is None:
            return
        if not isinstance(outcome, NotificationAcknowledged):
            if outcome.reason is None:
                self._remove(observer, now)
            else:  # nobody is there: that holds for all it registered
                self._gone(client_of(observer.peer, observer.channel), now)
            return
        self._abandon(observer, now)
        observer.outstanding = None
        observer.heard = now
        observer.unheard = 0
        self._timers.set(observer, now + PATIENCE)

    def _tell(self, observer: Observer, now: float, *, due: bool = False) -> None:
        """Send the present state in place of what is still on its way, if it is not what was told last.

        Once its time is ``due``, what was told last is repeated, so that it is acknowledged.
        """
        if observer.channel is not None and not self._channels.holds(observer.channel):
            self._remove(observer, now)
            return
        response = self._present(observer, now)
        known = _representation(response) == observer.told
        if known and not due:
            return
        ending = response.code >> 5 != Code.CONTENT >> 5
        confirmable = known or ending or observer.confirmable or self._must_be_heard(observer, now)
        told = _representation(response)
        if not ending:
            observer.number = observe.next_number(observer.number, now)
            whole = _notifying(response, observer.number)
            response = cut(observer.message, whole, fits=lambda part: self._fits(observer, part))
        try:
            self._send(observer, response, now, confirmable=confirmable)
        except ProtocolError as error:
            if error.problem is Problem.BUSY:
                self._timers.set(observer, now + SPACING)
            else:
                self._remove(observer, now)
            return
        observer.told = told
        if ending:
            self._remove(observer, now, abandon=False)

    def _fits(self, observer: Observer, part: Message) -> bool:
        overhead = 0 if observer.channel is None else OSCORE_OVERHEAD
        return self._layer.fits(observer.peer, observer.token, part, overhead)

    @staticmethod
    def _must_be_heard(observer: Observer, now: float) -> bool:
        silent = observer.unheard >= MOST_UNHEARD or now - observer.heard >= PATIENCE
        return silent or observer.outstanding is not None

    def _present(self, observer: Observer, now: float) -> Message:
        """Return what a GET by the observer would be answered now."""
        try:
            response = as_message(self._site.answer(replace(observer.request, now=now)))
        except ProtocolError as error:
            return problem.response(error.problem, error.detail if observer.channel else "")
        if response.code >> 5 == Code.CONTENT >> 5 and response.content_format != observer.told[1]:
            return problem.response(Problem.NOT_ACCEPTABLE)
        return response

    def _send(self, observer: Observer, response: Message, now: float, *, confirmable: bool) -> None:
        if observer.channel is not None and observer.binding is not None:
            response = protect_response(observer.channel.context, observer.binding, response)
        number = self._layer.notify(
            observer.peer,
            observer.token,
            response,
            now,
            confirmable=confirmable,
            replacing=observer.outstanding,
        )
        self._notified[number] = observer
        observer.notified.add(number)
        if confirmable:
            observer.outstanding = number
            self._timers.cancel(observer)
        else:
            observer.unheard += 1
            self._timers.set(observer, now + SPACING)

    # -- time ----------------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is due."""
        return self._timers.next()

    def tick(self, now: float) -> None:
        """Tell what had to wait, repeat so that it is acknowledged what was told last, and ask who is still there."""
        while (observer := self._timers.pop_due(now)) is not None:
            self._tell(observer, now, due=True)

    # -- leaving -------------------------------------------------------------------------------------------------

    def disconnected(self, peer: Hashable, now: float) -> None:
        """Forget all observations that were registered on a connection (RFC 8323 section 7.4)."""
        for observer in [each for each in self if each.peer == peer]:
            self._remove(observer, now)

    def _gone(self, client: tuple[Hashable, bool], now: float) -> None:
        """Forget all observations of a client: those over a channel or, without one, of an address."""
        for observer in [each for key, each in self._observers.items() if key[:2] == client]:
            self._remove(observer, now)

    def _remove(self, observer: Observer, now: float, *, abandon: bool = True) -> None:
        """Forget an observer and, unless it is to have its last notification, what is on its way to it."""
        self._observers.pop(observer.key, None)
        self._timers.cancel(observer)
        if abandon:
            self._abandon(observer, now)
        for number in observer.notified:
            del self._notified[number]
        observer.notified.clear()

    def _abandon(self, observer: Observer, now: float) -> None:
        for number in observer.notified:
            del self._notified[number]
            self._layer.forget(number, now)
        observer.notified.clear()

    def __iter__(self) -> Iterator[Observer]:
        yield from self._observers.values()

    def state(self) -> list[Any]:
        """Return what accepted requests change, for a digest."""
        return sorted((observer.token, observer.request.path, observer.channel is None) for observer in self)


def _wish(message: Message) -> int | None:
    return observe.wish(message) if message.code == Code.GET else None


def _overtaken(request: Request) -> bool:
    """Whether a request over a channel comes from where its peer is not any more: a later one came from elsewhere."""
    return request.channel is not None and request.channel.bond.peer not in (None, request.peer)


def _same_target(observer: Observer, message: Message) -> bool:
    """Whether a deregistration is for what was registered: over a channel, in every option that is not free."""
    if observer.channel is None:
        return observer.message.option_values(Option.URI_PATH) == message.option_values(Option.URI_PATH)
    return [entry for entry in observer.message.options if entry[0] not in _FREE] == [
        entry for entry in message.options if entry[0] not in _FREE
    ]


def _representation(response: Message) -> tuple[int, int | None, bytes]:
    return response.code, response.content_format, response.payload


def _notifying(response: Message, number: int) -> Message:
    age = (int(Option.MAX_AGE), uint_bytes(MAX_AGE))
    others = tuple(entry for entry in response.options if entry[0] != Option.MAX_AGE)
    return replace(response, options=(*others, observe.entry(number), age))
