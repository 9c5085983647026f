"""Faults of servers that are observed: news that does not come, comes for ever, or comes to the wrong one."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from picosec.messaging import hints, observe
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.events import NotificationAcknowledged, NotificationEnded
from picosec.messaging.sending import Sender
from picosec.roles import observers, server
from picosec.roles.observers import Observer, Observers
from picosec.roles.resources import Request
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import with_parameters


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


@fault("MSG-1870")
def answers_the_uninterested() -> None:
    """The option is unknown, and what is unknown and elective is ignored."""
    server.unwanted = lambda request, code: False


@fault("MSG-1870")
def takes_disinterest_for_all_or_nothing() -> None:
    """Any value means no response at all: errors are lost with the thanks."""
    server.unwanted = lambda request, code: bool(request.option(Option.NO_RESPONSE))


@fault("MSG-1870")
def counts_the_bits_from_one() -> None:
    """2 is taken for 4.xx: the wrong half is silent."""
    original = hints.unwanted

    def unwanted(request: Message, code: int) -> bool:
        return original(request, code - 0x20) if code >= 0x60 else original(request, code + 0x20)

    server.unwanted = unwanted


@fault("MSG-1880")
def takes_any_number_of_hops() -> None:
    """Hops are the business of proxies."""
    server.check_hop_limit = lambda request: None


@fault("MSG-1880")
def reads_one_byte_of_a_hop_limit() -> None:
    """256 is 0 in one byte, and 0x100 + 5 is 5."""
    original = hints.check_hop_limit

    def check(request: Message) -> None:
        value = request.option(Option.HOP_LIMIT)
        if value is not None and len(value) > 1 and value[-1]:
            return
        original(request)

    server.check_hop_limit = check


@fault("MSG-1880")
def refuses_the_last_hop() -> None:
    """An origin server that counts down too: 1 becomes 0, and 0 is refused."""
    original = hints.check_hop_limit

    def check(request: Message) -> None:
        if request.option(Option.HOP_LIMIT) == uint_bytes(1):
            request = replace(request, options=((int(Option.HOP_LIMIT), b""),))
        original(request)

    server.check_hop_limit = check
