"""Faults of receivers in delivery: they act twice, in any order, or on what is long over."""

from __future__ import annotations

from dataclasses import replace

from picosec.channel import delivery
from picosec.channel.channels import KEY_SPAN, Channel
from picosec.channel.delivery import VERDICTS, Arrival, Inbox, Place, Standing, Verdict
from picosec.messaging.coap import Message, Option
from picosec.messaging.replay import ReplayWindow
from picosec.roles.channel_table import ChannelTable
from picosec_conformance.faults import fault


@fault("CHN-1780")
def does_not_mark_outcomes() -> None:
    """The response is the response; the sender waits for a mark that never comes."""
    original = Inbox.answered

    def answered(self: Inbox, place: Place, response: Message) -> Message:
        original(self, place, response)
        return response

    Inbox.answered = answered


@fault("CHN-1780")
def marks_with_the_next_number() -> None:
    """The mark is read as "what I expect next"."""
    original = Inbox.answered

    def answered(self: Inbox, place: Place, response: Message) -> Message:
        return delivery.placed(original(self, place, response), Place(place.stream, place.number + 1))

    Inbox.answered = answered


@fault("CHN-1780")
def gives_the_number_of_a_refusal_back() -> None:
    """A request that the resource refused did not count: the number behind it is a gap."""
    original = Inbox.answered

    def answered(self: Inbox, place: Place, response: Message) -> Message:
        outcome = original(self, place, response)
        if response.code >> 5 > 2:
            self._place = Place(place.stream, place.number - 1) if place.number else None
        return outcome

    Inbox.answered = answered


@fault("CHN-1790")
def acts_on_repetitions() -> None:
    """The Partial IV is new, so the request is: the valve opens once for each lost response."""
    VERDICTS[Standing.ANSWERED, Arrival.REPEATS] = Verdict.ACT


@fault("CHN-1790")
def refuses_repetitions() -> None:
    """Acting once is all that was promised, thinks the author, and lets the sender wait for ever."""
    VERDICTS[Standing.ANSWERED, Arrival.REPEATS] = Verdict.OUT_OF_ORDER


@fault("CHN-1790")
def remembers_no_payload() -> None:
    """Memory is short: a repetition is told the code of then, and nothing else."""
    original = Inbox.answered

    def answered(self: Inbox, place: Place, response: Message) -> Message:
        outcome = original(self, place, response)
        if self._response is not None:
            self._response = replace(self._response, payload=b"")
        return outcome

    Inbox.answered = answered


@fault("CHN-1790")
def takes_a_proof_of_freshness_for_another_request() -> None:
    """The hash is over all options, the Echo option among them."""
    delivery._OF_THE_ATTEMPT = delivery._OF_THE_ATTEMPT - {int(Option.ECHO)}


@fault("CHN-1800")
def jumps_over_gaps() -> None:
    """A higher number is a newer one; what is missing will not come any more."""
    original = Inbox._arrival

    def arrival(self: Inbox, place: Place, content: bytes, horizon: int) -> Arrival:
        found = original(self, place, content, horizon)
        ahead = self._place is not None and place.number > self._place.number
        return Arrival.NEXT if found is Arrival.ELSEWHERE and ahead else found

    Inbox._arrival = arrival


@fault("CHN-1800")
def acts_on_numbers_of_the_past() -> None:
    """Only a repetition of the last one is known as such; older ones look new."""
    original = Inbox._arrival

    def arrival(self: Inbox, place: Place, content: bytes, horizon: int) -> Arrival:
        found = original(self, place, content, horizon)
        behind = self._place is not None and place.number < self._place.number
        return Arrival.NEXT if found is Arrival.ELSEWHERE and behind else found

    Inbox._arrival = arrival


@fault("CHN-1810")
def begins_again_while_it_works() -> None:
    """A response is kept when it is there; until then, every repetition starts the work anew."""
    VERDICTS[Standing.ACTING, Arrival.REPEATS] = Verdict.ACT


@fault("CHN-1820")
def knows_requests_by_their_number() -> None:
    """Same number, same request: the second program is told that its command was carried out."""
    VERDICTS[Standing.ANSWERED, Arrival.DIFFERS] = Verdict.REPEAT


@fault("CHN-1820")
def compares_payloads_alone() -> None:
    """The hash is over the payload: "open" at another path is the same."""
    delivery.fingerprint = lambda message: message.payload


@fault("CHN-1820")
def acts_on_the_second_of_two() -> None:
    """The last number with other content must be a correction."""
    VERDICTS[Standing.ANSWERED, Arrival.DIFFERS] = Verdict.ACT


@fault("CHN-1830")
def begins_in_the_middle() -> None:
    """The first number that comes is where the count begins."""
    VERDICTS[Standing.NOTHING, Arrival.FOREIGN] = Verdict.ACT


@fault("CHN-1830")
def lets_every_stream_begin() -> None:
    """Number 0 of another stream is a new stream, also when it is an old one that was held back."""
    original = Inbox._arrival

    def arrival(self: Inbox, place: Place, content: bytes, horizon: int) -> Arrival:
        found = original(self, place, content, horizon)
        return Arrival.BEGINS if found is Arrival.FOREIGN and place.number == 0 else found

    Inbox._arrival = arrival


@fault("CHN-1830")
def takes_its_empty_memory_for_a_fresh_start() -> None:
    """After a restart nothing is known, so all is new: the last command before the power cut is carried out again."""
    original = ReplayWindow.start_at

    def start_at(self: ReplayWindow, number: int) -> None:
        original(self, number)
        self.first = 0

    ReplayWindow.start_at = start_at


@fault("CHN-1840")
def knows_one_stream_for_life() -> None:
    """Who gave up once is never heard again."""
    VERDICTS[Standing.ANSWERED, Arrival.BEGINS] = Verdict.LOST


@fault("CHN-1850")
def reads_places_leniently() -> None:
    """A lenient reader takes numbers in any form, and whatever follows them."""

    def decode(cls: type[Place], value: bytes) -> Place:
        padded = iter(value + bytes(18))

        def item() -> int:
            size = {24: 1, 25: 2, 26: 4, 27: 8}.get(head := next(padded) & 0x1F, 0)
            return int.from_bytes(bytes(next(padded) for _ in range(size)), "big") if size else head

        return cls(item(), item())

    Place.decode = classmethod(decode)


@fault("CHN-1850")
def counts_parts_as_requests() -> None:
    """A block of a body has a number like any other request."""
    delivery.SPREADING = frozenset()


@fault("CHN-1860")
def forgets_the_stream_with_the_keys() -> None:
    """New keys, new channel: the repetition of the last request is the first that it sees."""
    original = ChannelTable.update

    def update(self: ChannelTable, channel: Channel, context: bytes) -> Channel:
        updated = original(self, channel, context)
        updated.bond.inbox = Inbox()
        return updated

    ChannelTable.update = update


@fault("CHN-1860")
def compares_names_by_their_last_bits() -> None:
    """A name has twenty bits, as sequence numbers have: the first stream under new keys looks older than the last."""
    original = Inbox._arrival

    def arrival(self: Inbox, place: Place, content: bytes, horizon: int) -> Arrival:
        found = original(self, place, content, horizon)
        older = self._place is not None and place.stream % KEY_SPAN < self._place.stream % KEY_SPAN
        return Arrival.FOREIGN if found is Arrival.BEGINS and older else found

    Inbox._arrival = arrival
