"""Requests with a promise: asked again until they are answered, and in order where that is promised.

The sender's side of spec/v1/channel-delivery.md. A request is asked in *attempts*, each protected anew and sent where
the peer was heard last; the client below knows nothing of what they have in common.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final
from weakref import WeakKeyDictionary

from picosec.channel.channels import Bond, Channel
from picosec.channel.delivery import MAX_NUMBER, DeliveryClass, Place, placed
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.blocks import BLOCK_SIZES
from picosec.messaging.coap import Code, Message, Option
from picosec.messaging.timers import Timers
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.client import Client
from picosec.roles.events import Event, Failed, Response

#: Requests of a channel that wait for their outcome; more are refused with ``busy``.
MAX_WAITING: Final = 16
#: Attempts that may end without an outcome before a request is given up.
MAX_ATTEMPTS: Final = 6
#: Attempts of one request that may wait for a response at the same time, for example on two transports.
MAX_OPEN: Final = 2
#: Bytes of an ordered request's payload, which has to fit into one message (CHN-1990).
MAX_ORDERED: Final = BLOCK_SIZES[-1]
#: Seconds before an attempt that was refused is repeated; doubled each time.
FIRST_PAUSE: Final = 2.0


class State(Enum):
    """Where a request stands."""

    QUEUED = auto()
    ASKED = auto()
    PAUSING = auto()
    ANSWERED = auto()
    GIVEN_UP = auto()


class Input(Enum):
    """What moves a request on."""

    ASK = auto()
    OUTCOME = auto()
    NO_OUTCOME = auto()
    GIVE_UP = auto()


#: The whole machine. What has no cell here is ignored.
TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (State.QUEUED, Input.ASK): State.ASKED,
    (State.QUEUED, Input.NO_OUTCOME): State.PAUSING,
    (State.QUEUED, Input.GIVE_UP): State.GIVEN_UP,
    (State.ASKED, Input.ASK): State.ASKED,  # on another transport, while the attempt on the first one is open
    (State.ASKED, Input.OUTCOME): State.ANSWERED,
    (State.ASKED, Input.NO_OUTCOME): State.PAUSING,
    (State.ASKED, Input.GIVE_UP): State.GIVEN_UP,
    (State.PAUSING, Input.ASK): State.ASKED,
    (State.PAUSING, Input.NO_OUTCOME): State.PAUSING,
    (State.PAUSING, Input.GIVE_UP): State.GIVEN_UP,
}


@dataclass(slots=True, eq=False)
class _Item:
    """One request. ``attempts`` are the open ones; ``doubtful`` counts those that nobody may say to be refused."""

    handle: int
    message: Message
    channel: Channel
    peer: Hashable
    lane: _Lane | None
    state: State = State.QUEUED
    attempts: list[int] = field(default_factory=list)
    ended: int = 0
    doubtful: int = 0
    begun_again: bool = False
    deadline: float | None = None

    def advance(self, happening: Input) -> None:
        self.state = TRANSITIONS[self.state, happening]


@dataclass(slots=True, eq=False)
class _Lane:
    """The ordered requests of one channel: the first of the queue is the one that is asked."""

    stream: int | None = None
    number: int = 0
    queue: deque[_Item] = field(default_factory=deque)


class Outbox:
    """All requests of an agent that promise more than at most once."""

    def __init__(self, client: Client, channels: ChannelTable, report: Callable[[Event, float], None]) -> None:
        self._client = client
        self._channels = channels
        self._report = report
        self._lanes: WeakKeyDictionary[Bond, _Lane] = WeakKeyDictionary()
        self._items: dict[int, _Item] = {}
        self._by_attempt: dict[int, _Item] = {}
        self._timers: Timers[_Item] = Timers()
        self._last_attempt = 0

    def deliver(
        self, handle: int, message: Message, delivery: DeliveryClass, channel: Channel, peer: Hashable, now: float
    ) -> None:
        """Take in a request; a Response or a Failed follows. ``peer`` is for when nobody knows where the peer is.

        Raises ``ProtocolError`` with ``BUSY`` when too many of the channel wait, ``TOO_LARGE`` (CHN-1990).
        """
        if delivery is DeliveryClass.EXACTLY_ONCE and len(message.payload) > MAX_ORDERED:
            raise ProtocolError(
                Problem.TOO_LARGE, "CHN-1990", f"at most {MAX_ORDERED} bytes are counted as one request"
            )
        if sum(item.channel.bond is channel.bond for item in self._items.values()) >= MAX_WAITING:
            raise ProtocolError(Problem.BUSY, "CHN-1710", f"{MAX_WAITING} requests wait for their outcome")
        lane = self._lanes.setdefault(channel.bond, _Lane()) if delivery is DeliveryClass.EXACTLY_ONCE else None
        item = self._items[handle] = _Item(handle, message, channel, peer, lane)
        if lane is None:
            self._ask(item, now)
        else:
            lane.queue.append(item)
            self._go_on(lane, now)

    def takes(self, event: Event, now: float) -> bool:
        """Whether an event is about an attempt; then it is dealt with here."""
        if event.handle is None or event.handle >= 0:
            return False
        item = self._by_attempt.pop(event.handle, None)
        if item is not None:
            item.attempts.remove(event.handle)
            if isinstance(event, Response) and event.protected:
                self._answered(item, event.message, now)
            else:
                self._unanswered(item, event.reason if isinstance(event, Failed) else Problem.REFUSED, now)
        return True

    def moved(self, bond: Bond, now: float) -> None:
        """Ask what is open once more, where the peer of this channel is now."""
        for item in list(self._items.values()):
            if item.channel.bond is bond and item.state in (State.ASKED, State.PAUSING):
                self._ask(item, now)

    def tick(self, now: float) -> None:
        """Ask what has paused long enough."""
        while (item := self._timers.pop_due(now)) is not None:
            self._ask(item, now)

    def next_timeout(self) -> float | None:
        """Return when the next pause ends."""
        return self._timers.next()

    def state(self) -> list[Any]:
        """Return what waits for its outcome, as a CBOR value for a digest."""
        lanes = [[lane.stream, lane.number] for lane in self._lanes.values() if lane.stream is not None]
        return [sorted(self._items), lanes]

    # -- within --------------------------------------------------------------------------------------------------

    def _go_on(self, lane: _Lane, now: float) -> None:
        """Ask the first of the queue, one at a time (CHN-1730)."""
        if lane.queue and lane.queue[0].state is State.QUEUED:
            self._ask(lane.queue[0], now)

    def _ask(self, item: _Item, now: float) -> None:
        self._timers.cancel(item)
        channel = self._channels.successor(item.channel)
        if channel is None:
            self._give_up(item, Problem.UNKNOWN_CONTEXT, now)
            return
        address = channel.bond.whereabouts.address(item.ended)
        address = item.peer if address is None else address
        if address is None:
            self._unanswered(item, Problem.DISCONNECTED, now)  # somebody may connect while it pauses
            return
        message = self._in_its_place(item, channel)
        attempt = self._last_attempt = self._last_attempt - 1
        try:
            self._client.ask(attempt, message, address, now, channel)
        except ProtocolError as error:
            if error.problem is Problem.BUSY:
                self._unanswered(item, error.problem, now)
            else:
                self._give_up(item, error.problem, now)
            return
        while len(item.attempts) >= MAX_OPEN:
            self._forget(item.attempts.pop(0), now)
        item.attempts.append(attempt)
        item.doubtful += 1
        self._by_attempt[attempt] = item
        item.advance(Input.ASK)

    def _in_its_place(self, item: _Item, channel: Channel) -> Message:
        """Return the request as it is sent: an ordered one names its stream and number (CHN-1720)."""
        lane = item.lane
        if lane is None:
            return item.message
        if lane.stream is None or lane.number > MAX_NUMBER:
            lane.stream, lane.number = channel.position(channel.context.numbers.value), 0
        return placed(item.message, Place(lane.stream, lane.number))

    def _answered(self, item: _Item, response: Message, now: float) -> None:
        """Take a response that verified: the outcome, or a refusal (CHN-1750)."""
        lane = item.lane
        if lane is None:
            self._finish(item, response, now)
            return
        value = response.option(Option.DELIVERY)
        if lane.stream is not None and value == Place(lane.stream, lane.number).encode():
            options = tuple(entry for entry in response.options if entry[0] != Option.DELIVERY)
            lane.number += 1
            self._finish(item, Message(response.type, response.code, 0, b"", options, response.payload), now)
            return
        item.doubtful -= 1
        reason = _reason(response)
        if reason is Problem.DELIVERY_LOST and not item.doubtful and not item.begun_again:
            item.begun_again = True  # known not to have been acted on: it becomes the first of a new stream
            lane.stream = None
            self._ask(item, now)
        elif reason in (Problem.BUSY, Problem.REPLAYED):
            self._unanswered(item, reason, now)
        else:
            self._give_up(item, reason, now)

    def _unanswered(self, item: _Item, reason: Problem, now: float) -> None:
        """An attempt ended without an outcome: ask again, at once where the message layer has waited already."""
        item.ended += 1
        if item.ended >= MAX_ATTEMPTS:
            self._give_up(item, reason, now)
        elif item.attempts:
            return  # another one is on its way
        elif reason is Problem.TIMEOUT:
            self._ask(item, now)
        else:
            item.advance(Input.NO_OUTCOME)
            self._timers.set(item, now + FIRST_PAUSE * 2 ** (item.ended - 1))

    def _finish(self, item: _Item, response: Message, now: float) -> None:
        self._end(item, Input.OUTCOME, now)
        self._report(Response(item.handle, response, protected=True), now)
        if item.lane is not None:
            item.lane.queue.popleft()
            self._go_on(item.lane, now)

    def _give_up(self, item: _Item, reason: Problem, now: float) -> None:
        """Report a failure, and with it that of all that was to follow in order and was never sent (CHN-1760)."""
        lane = item.lane
        self._end(item, Input.GIVE_UP, now)
        if lane is None:
            self._report(Failed(item.handle, reason), now)
            return
        self._report(Failed(item.handle, Problem.OUTCOME_UNKNOWN if item.doubtful else reason), now)
        behind = [other for other in lane.queue if other is not item]
        lane.queue.clear()
        lane.stream = None
        for other in behind:
            self._end(other, Input.GIVE_UP, now)
            self._report(Failed(other.handle, reason), now)

    def _end(self, item: _Item, happening: Input, now: float) -> None:
        item.advance(happening)
        self._timers.cancel(item)
        for attempt in item.attempts:
            self._forget(attempt, now)
        item.attempts.clear()
        del self._items[item.handle]

    def _forget(self, attempt: int, now: float) -> None:
        self._by_attempt.pop(attempt, None)
        self._client.forget(attempt, now)


def _reason(response: Message) -> Problem:
    """Return why a request was refused: what problem details say, or what the code does."""
    if response.code == Code.UNAUTHORIZED and response.option(Option.ECHO) is not None:
        return Problem.REPLAYED
    try:
        named = problem.decode(response.payload)
    except ProtocolError:
        named = None
    return named or (Problem.BAD_OPTION if response.code == Code.BAD_OPTION else Problem.REFUSED)
