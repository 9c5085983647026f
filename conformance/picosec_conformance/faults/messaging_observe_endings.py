"""Faults of servers that are observed, at the end of an observation: it never comes, or too early, or in secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.messaging import observe
from picosec.messaging.coap import Code, Message, Option
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.events import NotificationAcknowledged, NotificationEnded
from picosec.roles import observers
from picosec.roles.observers import Observer, Observers
from picosec.roles.resources import Request
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import with_parameters
from picosec_conformance.faults.messaging_observe_served import never_confirms_the_last


@fault("MSG-1670")
def never_lets_go() -> None:
    """Observe 1 is a GET like any other."""
    Observers.arrived = lambda self, message, request, token: None


@fault("MSG-1670")
def confirms_the_end_with_observe() -> None:
    """The option is echoed in the answer: the client believes that it is still registered."""
    original = Observers.answered

    def answered(self: Observers, message: Message, request: Request, response: Message, *rest: Any) -> Message:
        answer = original(self, message, request, response, *rest)
        if observers._wish(message) == observe.DEREGISTER:
            return replace(answer, options=(*answer.options, observe.entry(1)))
        return answer

    Observers.answered = answered


@fault("MSG-1680")
def deregisters_by_address() -> None:
    """One observer per address and resource: whoever leaves takes all with him."""

    def arrived(self: Observers, message: Message, request: Request, token: bytes) -> None:
        if observers._wish(message) == observe.DEREGISTER:
            for observer in [each for each in self if each.peer == request.peer and each.request.path == request.path]:
                self._remove(observer, request.now)

    Observers.arrived = arrived


@fault("MSG-1680")
def forgets_whoever_asks_again() -> None:
    """A GET without Observe ended an observation in drafts before RFC 7641 (draft-ietf-core-observe-08)."""
    original = Observers.arrived

    def arrived(self: Observers, message: Message, request: Request, token: bytes) -> None:
        original(self, message, request, token)
        known = self._observers.get((*observers.client_of(request.peer, request.channel), token))
        if known is not None and message.code == Code.GET and message.option(Option.OBSERVE) is None:
            self._remove(known, request.now)

    Observers.arrived = arrived


def _undelivered(deaf_to: Any) -> None:
    original = Observers.delivered

    def delivered(self: Observers, outcome: Any, now: float) -> None:
        if not deaf_to(outcome):
            original(self, outcome, now)
            return
        observer = self._notified.get(outcome.notification_id)
        if observer is not None:
            original(self, NotificationAcknowledged(outcome.notification_id), now)

    Observers.delivered = delivered


@fault("MSG-1690")
def takes_resets_for_acknowledgements() -> None:
    """Something came back, so somebody is there."""
    _undelivered(lambda outcome: isinstance(outcome, NotificationEnded) and outcome.reason is None)


@fault("MSG-1690")
def hears_resets_of_confirmable_ones_only() -> None:
    """Message ids of others are not kept (RFC 7641 allows that when the next one is confirmable)."""
    original = Endpoint._rejected

    def rejected(self: Endpoint, message: Message, key: Any, now: float) -> None:
        peer = self._peers.find(key)
        sent = peer.sent.get(message.message_id) if peer else None
        if sent is None or getattr(sent, "confirmable", True):
            original(self, message, key, now)

    Endpoint._rejected = rejected


@fault("MSG-1700")
def never_gives_up() -> None:
    """The client may come back: it is told every change, five times each, for ever."""
    _undelivered(lambda outcome: isinstance(outcome, NotificationEnded) and outcome.reason is not None)


@fault("MSG-1700")
def goes_on_without_confirmation() -> None:
    """Whoever does not acknowledge is told without being asked to."""
    original = Observers.delivered

    def delivered(self: Observers, outcome: Any, now: float) -> None:
        observer = self._notified.get(outcome.notification_id)
        if observer is None or not isinstance(outcome, NotificationEnded) or outcome.reason is None:
            original(self, outcome, now)
            return
        observer.confirmable = False
        original(self, NotificationAcknowledged(outcome.notification_id), now)

    Observers.delivered = delivered


@fault("MSG-1710")
def keeps_the_end_to_itself() -> None:
    """The resource is gone, and with it the list of those who should know."""
    original = Observers._tell

    def tell(self: Observers, observer: Observer, now: float, *, due: bool = False) -> None:
        if self._present(observer, now).code >> 5 == 2:
            original(self, observer, now, due=due)
        else:
            self._remove(observer, now)

    Observers._tell = tell


@fault("MSG-1710")
def numbers_errors_too() -> None:
    """An error with Observe: some clients take it for news, and wait for more."""
    original = Observers._send

    def send(self: Observers, observer: Observer, response: Message, now: float, *, confirmable: bool) -> None:
        if response.option(Option.OBSERVE) is None:
            response = replace(response, options=(observe.entry(7), *response.options))
        original(self, observer, response, now, confirmable=confirmable)

    Observers._send = send


@fault("MSG-1720")
def keeps_observers_of_what_is_gone() -> None:
    """It may come back, and then they will want to know."""
    original = Observers._remove

    def remove(self: Observers, observer: Observer, now: float, *, abandon: bool = True) -> None:
        if abandon:
            original(self, observer, now)

    Observers._remove = remove


@fault("MSG-1730")
def sends_all_notifications_at_once() -> None:
    """One timer each, and nobody counts what is on its way to one address."""
    with_parameters(nstart=100)


@fault("MSG-1740")
def notifies_as_fast_as_it_changes() -> None:
    """Nothing waits for an acknowledgement, so nothing waits."""
    original = Observers.changed

    def changed(self: Observers, path: str, now: float) -> None:
        for observer in self:
            if observer.unheard:
                observer.deadline = now
        original(self, path, now)

    Observers.changed = changed


@fault("MSG-1750")
def trusts_the_silent() -> None:
    """Non-confirmable means that nobody has to answer; so nobody is ever asked."""
    original = Observers._send

    def send(self: Observers, observer: Observer, response: Message, now: float, *, confirmable: bool) -> None:
        original(self, observer, response, now, confirmable=confirmable and observer.confirmable)

    Observers._send = send


@fault("MSG-1760")
def asks_for_a_sign_of_life_once_a_week() -> None:
    """Eight in a row may be a month, when little changes."""
    observers.PATIENCE = 7 * 86_400.0
    observers.MOST_UNHEARD = 8
    never_confirms_the_last()


@fault("MSG-1770")
def promises_what_it_cannot_keep() -> None:
    """The table is full, the answer says otherwise: those clients wait for ever."""
    original = Observers.answered

    def answered(self: Observers, message: Message, request: Request, response: Message, *rest: Any) -> Message:
        answer = original(self, message, request, response, *rest)
        if observers._wish(message) == observe.REGISTER and answer.option(Option.OBSERVE) is None:
            return replace(answer, options=(*answer.options, observe.entry(1)))
        return answer

    Observers.answered = answered


@fault("MSG-1780")
def has_room_for_everybody() -> None:
    """A list that grows: whoever can send datagrams decides how much memory the device has left."""
    observers.MOST_OF_CLIENT = observers.MOST_IN_CLEAR = 10_000
    with_parameters(max_notifications=10_000)


@fault("MSG-1890")
def deregisters_by_token_alone() -> None:
    """As in the open: an old deregistration, sent again in another context, ends what it was not meant for."""
    observers._same_target = lambda observer, message: True
