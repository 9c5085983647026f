"""Faults of servers that are observed: news that does not come, comes for ever, or comes to the wrong one."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from picosec.messaging import observe
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.sending import Sender
from picosec.roles import observers
from picosec.roles.observers import Observer, Observers
from picosec.roles.resources import Request
from picosec_conformance.faults import fault


@fault("MSG-1600")
def never_saw_the_option() -> None:
    """An elective option is ignored, as RFC 7252 allows, by a server that declares to know it."""
    Observers.answered = lambda self, message, request, response, token, binding: response


@fault("MSG-1600")
def answers_observers_without_the_option() -> None:
    """It will notify, and does not say so: the client has left the room."""
    original = Observers.answered

    def answered(self: Observers, message: Message, request: Request, response: Message, *rest: Any) -> Message:
        original(self, message, request, response, *rest)
        return response

    Observers.answered = answered


@fault("MSG-1600")
def takes_confirmable_registrations_only() -> None:
    """A non-confirmable one might be a mistake, or spoofed."""
    original = Observers.answered

    def answered(self: Observers, message: Message, request: Request, response: Message, *rest: Any) -> Message:
        return response if message.type == Type.NON else original(self, message, request, response, *rest)

    Observers.answered = answered


@fault("MSG-1610")
def registers_whoever_looks() -> None:
    """Each GET is interest enough; the answer does not say what it leads to."""
    original = Observers.answered
    wish = observers._wish

    def answered(self: Observers, message: Message, request: Request, response: Message, *rest: Any) -> Message:
        if wish(message) is not None or message.code != Code.GET:
            return original(self, message, request, response, *rest)
        observers._wish = lambda message: observe.REGISTER
        original(self, message, request, response, *rest)
        observers._wish = wish
        return response

    Observers.answered = answered


@fault("MSG-1610")
def reads_the_option_as_a_flag() -> None:
    """It is there, so it means yes: whatever its value."""
    original = observers._wish

    def flagged(message: Message) -> int | None:
        if original(message) is None and message.option(Option.OBSERVE) is not None:
            return observe.REGISTER
        return original(message)

    original_answered = Observers.answered

    def answered(self: Observers, message: Message, request: Request, response: Message, *rest: Any) -> Message:
        answer = original_answered(self, message, request, response, *rest)
        return answer if original(message) is not None else response

    observers._wish, Observers.answered = flagged, answered


@fault("MSG-1610")
def registers_before_it_looks() -> None:
    """The list of observers is kept by path, and an entry is made before anybody asks whether there is something."""
    original = Observers.arrived

    def arrived(self: Observers, message: Message, request: Request, token: bytes) -> None:
        original(self, message, request, token)
        nothing = Message(Type.ACK, Code.CONTENT, 0)
        self.answered(message, request, nothing, token, None)

    Observers.arrived = arrived


@fault("MSG-1620")
def tells_nobody() -> None:
    """The list is kept, and the hook that reads it was never called."""
    Observers.changed = lambda self, path, now: None


@fault("MSG-1620")
def tells_the_first_observer_only() -> None:
    """A list of one was enough for the demonstration."""
    original = Observers._tell

    def tell(self: Observers, observer: Observer, now: float, *, due: bool = False) -> None:
        if observer is next(iter(self)):
            original(self, observer, now, due=due)

    Observers._tell = tell


@fault("MSG-1620")
def tells_what_it_told_before() -> None:
    """The representation is made at registration, and sent again whenever something happens."""
    original = Observers._present

    def present(self: Observers, observer: Observer, now: float) -> Message:
        response = original(self, observer, now)
        if response.code != Code.CONTENT:
            return response
        self._stale = getattr(self, "_stale", {})
        old = self._stale.setdefault(observer.token, observer.told[2])
        observer.told = (0, observer.told[1], b"")
        return replace(response, payload=old)

    Observers._present = present


@fault("MSG-1620")
def notifies_without_token() -> None:
    """The request is over, so its token is free."""
    original = Endpoint.notify

    def notify(self: Endpoint, peer: Any, token: bytes, *rest: Any, **named: Any) -> int:
        return original(self, peer, b"", *rest, **named)

    Sender.notify = notify


@fault("MSG-1630")
def forgets_what_happens_meanwhile() -> None:
    """A notification is on its way, so the observer knows that something is up."""
    original = Observers._tell

    def tell(self: Observers, observer: Observer, now: float, *, due: bool = False) -> None:
        if observer.outstanding is None:
            original(self, observer, now, due=due)

    Observers._tell = tell


@fault("MSG-1630")
def repeats_the_old_state() -> None:
    """A retransmission is the same bytes again, and with its acknowledgement the matter is closed."""
    original = Sender.notify

    def notify(self: Sender, *rest: Any, replacing: int | None = None, **named: Any) -> int:
        if replacing is not None and replacing in self._begun:
            return replacing
        return original(self, *rest, **named)

    Sender.notify = notify


@fault("MSG-1630")
def never_confirms_the_last() -> None:
    """What is sent without confirmation has probably arrived."""
    original = Observers._tell

    def tell(self: Observers, observer: Observer, now: float, *, due: bool = False) -> None:
        if not due or observer.confirmable or observer.unheard == 0:
            original(self, observer, now, due=due)
        else:
            original(self, observer, now)
            if observer.deadline is None and observer.outstanding is None:
                observer.unheard = 0
                self._timers.set(observer, now + observers.PATIENCE)

    Observers._tell = tell


def _numbering(chosen: Any) -> None:
    """Number notifications otherwise."""
    observe.next_number = chosen


@fault("MSG-1640")
def numbers_all_notifications_alike() -> None:
    """The option has to be there; what it says is up to the server, says RFC 7641 of the first."""
    _numbering(lambda last, now: 1)


@fault("MSG-1640")
def counts_backwards() -> None:
    """A countdown by accident: the newest looks oldest."""
    _numbering(lambda last, now: (1 << 23) if last is None else last - 1)


@fault("MSG-1640")
def counts_in_one_byte() -> None:
    """256 changes, and every client is deaf until it registers anew."""
    counter = count(253)
    _numbering(lambda last, now: next(counter) & 0xFF)


@fault("MSG-1640")
def counts_anew_for_each_registration() -> None:
    """The counter lives in the entry, and the entry is made anew: the client has seen larger numbers."""
    _numbering(lambda last, now: 1 if last is None else last + 1)
    original = Observers.answered

    def answered(
        self: Observers, message: Message, request: Request, response: Message, token: bytes, *rest: Any
    ) -> Any:
        known = self._observers.get((*observers.client_of(request.peer, request.channel), token))
        if known is not None and observers._wish(message) == observe.REGISTER:
            self._remove(known, request.now)
        return original(self, message, request, response, token, *rest)

    Observers.answered = answered


@fault("MSG-1650")
def counts_in_milliseconds_of_all_time() -> None:
    """The clock has 32 bits, the option 24: a number that no client takes, or the wrong three bytes of it."""
    _numbering(lambda last, now: 0xFFFFFF00 + int(now * 32768) + (0 if last is None else 1))


@fault("MSG-1650")
def counts_in_microseconds() -> None:
    """In 17 seconds all numbers are used up, and each one is followed by what looks older."""
    _numbering(lambda last, now: max(int(now * 1_000_000), 0 if last is None else 1) % (1 << 24) + (last is not None))


@fault("MSG-1660")
def keeps_every_registration() -> None:
    """A list, not a map: who registers three times is told three times."""
    number = count()
    original = Observers.answered

    def answered(
        self: Observers, message: Message, request: Request, response: Message, token: bytes, *rest: Any
    ) -> Any:
        place = (*observers.client_of(request.peer, request.channel), token)
        known = self._observers.pop(place, None)
        answer = original(self, message, request, response, token, *rest)
        if known is not None:
            self._observers[(*place[:2], token + bytes((next(number) % 256,)))] = known
        return answer

    Observers.answered = answered
