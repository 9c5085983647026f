"""Faults of delivery: receivers that act twice or in any order, senders that promise what they do not keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel import delivery
from picosec.channel.channels import Channel
from picosec.channel.delivery import DeliveryClass, Place
from picosec.messaging import transfers
from picosec.messaging.coap import Message, Option, Type
from picosec.messaging.transfers import Transfer
from picosec.registry import Problem
from picosec.roles import outbox
from picosec.roles.agent import Agent
from picosec.roles.outbox import Outbox
from picosec_conformance.faults import fault


@fault("CHN-1700")
def sends_telegrams_by_registered_mail() -> None:
    """Confirmable is safer, thinks the author, and the message layer sends the telegram five times."""
    original = Agent.deliver

    def deliver(self: Agent, message: Message, wanted: DeliveryClass, now: float, channel: Any, to: Any = None) -> int:
        if wanted is not DeliveryClass.AT_MOST_ONCE:
            return original(self, message, wanted, now, channel, to)
        return self.request(replace(message, type=Type.CON), channel.bond.peer or to, now, channel)

    Agent.deliver = deliver


@fault("CHN-1700")
def repeats_telegrams() -> None:
    """All classes go through the same queue, and the queue asks again."""
    original = Agent.deliver

    def deliver(self: Agent, message: Message, wanted: DeliveryClass, now: float, channel: Any, to: Any = None) -> int:
        if wanted is not DeliveryClass.AT_MOST_ONCE:
            return original(self, message, wanted, now, channel, to)
        handle = self._new_handle()
        telegram = replace(message, type=Type.NON)
        self._outbox.deliver(handle, telegram, DeliveryClass.AT_LEAST_ONCE, channel, to, now)
        return handle

    Agent.deliver = deliver


@fault("CHN-1710")
def leaves_asking_again_to_the_message_layer() -> None:
    """Four retransmissions must do; the peer sleeps for two minutes."""
    outbox.MAX_ATTEMPTS = 1


@fault("CHN-1710")
def believes_whoever_says_no() -> None:
    """An error in the open ends the request at once: anybody on the path can cancel what was promised."""
    original = Outbox._unanswered

    def unanswered(self: Outbox, item: Any, reason: Problem, now: float) -> None:
        if reason is Problem.TIMEOUT:
            original(self, item, reason, now)
        else:
            self._give_up(item, reason, now)

    Outbox._unanswered = unanswered


@fault("CHN-1710")
def takes_a_reset_for_an_answer() -> None:
    """The peer restarted and resets what it does not know: the sender takes its request for refused."""
    original = Outbox.takes

    def takes(self: Outbox, event: Any, now: float) -> bool:
        item = self._by_attempt.get(event.handle)
        if item is not None and type(event).__name__ == "Reset":
            del self._by_attempt[event.handle]
            item.attempts.remove(event.handle)
            self._give_up(item, Problem.REFUSED, now)
            return True
        return original(self, event, now)

    Outbox.takes = takes


@fault("CHN-1720")
def counts_from_one() -> None:
    """The first of something is number one; the receiver waits for number zero."""
    original = Outbox._in_its_place

    def shifted(self: Outbox, item: Any, channel: Any) -> Message:
        message = original(self, item, channel)
        place = Place.of(message)
        return message if place is None else delivery.placed(message, Place(place.stream, place.number + 1))

    Outbox._in_its_place = shifted


@fault("CHN-1720")
def does_not_count_refusals() -> None:
    """The resource said no, so nothing happened, so the number is still free."""
    original = Outbox._answered

    def answered(self: Outbox, item: Any, response: Message, now: float) -> None:
        lane = item.lane
        before = lane and lane.number
        original(self, item, response, now)
        if lane is not None and response.code >> 5 > 2 and lane.number != before:
            lane.number = before

    Outbox._answered = answered


@fault("CHN-1730")
def sends_the_whole_queue_at_once() -> None:
    """Numbers are there to be sorted by the receiver, which keeps no queue."""

    def go_on(self: Outbox, lane: Any, now: float) -> None:
        first = lane.number
        for at, item in enumerate(lane.queue):
            if item.state is outbox.State.QUEUED:
                lane.number = first + at
                self._ask(item, now)
        lane.number = first

    Outbox._go_on = go_on


@fault("CHN-1740")
def counts_attempts() -> None:
    """Each message gets the next number: the receiver takes every attempt for another request."""
    original = Outbox._in_its_place

    def counting(self: Outbox, item: Any, channel: Any) -> Message:
        if item.lane is not None and item.doubtful:
            item.lane.number += 1
        return original(self, item, channel)

    Outbox._in_its_place = counting


@fault("CHN-1740")
def begins_a_stream_for_each_attempt() -> None:
    """Whoever gets no answer begins anew: each attempt is a first one, and all of them are acted on."""
    original = Outbox._in_its_place

    def anew(self: Outbox, item: Any, channel: Any) -> Message:
        if item.lane is not None and item.doubtful:
            item.lane.stream = None
        return original(self, item, channel)

    Outbox._in_its_place = anew


@fault("CHN-1750")
def takes_any_response_for_the_outcome() -> None:
    """It verified, so it is the answer: "busy" from the front door counts as done."""
    original = Outbox._answered

    def answered(self: Outbox, item: Any, response: Message, now: float) -> None:
        lane = item.lane
        if lane is not None and lane.stream is not None:
            response = delivery.placed(response, Place(lane.stream, lane.number))
        original(self, item, response, now)

    Outbox._answered = answered


@fault("CHN-1750")
def does_not_compare_the_mark() -> None:
    """The option is there; what it says is not looked at."""
    original = Outbox._answered

    def answered(self: Outbox, item: Any, response: Message, now: float) -> None:
        lane = item.lane
        if lane is not None and lane.stream is not None and response.option(Option.DELIVERY) is not None:
            response = delivery.placed(response, Place(lane.stream, lane.number))
        original(self, item, response, now)

    Outbox._answered = answered


@fault("CHN-1760")
def calls_doubt_a_failure() -> None:
    """No answer is no success: the operator opens the valve by hand, and it was open."""
    original = Outbox._give_up

    def give_up(self: Outbox, item: Any, reason: Problem, now: float) -> None:
        item.doubtful = 0
        original(self, item, reason, now)

    Outbox._give_up = give_up


@fault("CHN-1760")
def takes_the_last_refusal_for_all() -> None:
    """The last attempt was refused, so the request was: what became of the first is forgotten."""
    original = Outbox._answered

    def answered(self: Outbox, item: Any, response: Message, now: float) -> None:
        if item.lane is not None and response.option(Option.DELIVERY) is None:
            item.doubtful = 1
            item.begun_again = True
        original(self, item, response, now)

    Outbox._answered = answered


@fault("CHN-1770")
def goes_on_counting_in_doubt() -> None:
    """The request in doubt is crossed out, and the next one takes its number."""
    original = Outbox._give_up

    def give_up(self: Outbox, item: Any, reason: Problem, now: float) -> None:
        lane = item.lane
        stream = lane and lane.stream
        original(self, item, reason, now)
        if lane is not None:
            lane.stream = stream

    Outbox._give_up = give_up


@fault("CHN-1770")
def begins_every_life_with_the_same_stream() -> None:
    """A counter of streams in memory starts at 0, again after each restart."""
    original = Outbox._in_its_place

    def in_its_place(self: Outbox, item: Any, channel: Any) -> Message:
        lane = item.lane
        if lane is not None and lane.stream is None:
            lane.stream, lane.number = 0, 0
        return original(self, item, channel)

    Outbox._in_its_place = in_its_place


@fault("CHN-1770")
def names_streams_by_the_number_alone() -> None:
    """Sequence numbers never come again, thinks the author, and changes the keys."""
    Channel.position = lambda self, number: number


@fault("CHN-1990")
def cuts_what_is_ordered() -> None:
    """A large body goes in blocks, as large bodies do: each of them has the place of the whole."""
    outbox.MAX_ORDERED = 1 << 20


@fault("CHN-2020")
def gives_the_rest_a_place() -> None:
    """A further block is asked for with all options of the request; the receiver refuses that, and so did nothing."""
    transfers._OF_THE_FIRST = (Option.OBSERVE,)


@fault("CHN-1760")
def takes_a_lost_rest_for_a_refusal() -> None:
    """The valve is open, and the end of what it said is gone: "incomplete" is an error, so the request has failed."""
    original = Transfer._answered_while_fetching

    def answered(self: Transfer, response: Message) -> Message:
        return self._done(response) if response.code >> 5 > 2 else original(self, response)

    Transfer._answered_while_fetching = answered
