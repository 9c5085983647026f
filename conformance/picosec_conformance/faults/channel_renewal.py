"""Faults of renewal: keys that one end has and the other has not, keys that stay, keys that come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel import life, renewal
from picosec.channel.channels import Channel
from picosec.channel.life import Event
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.renewal import Offer
from picosec.channel.session import Role, Session
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec.roles import channel_table, renewals
from picosec.roles.channel_table import ChannelTable
from picosec.roles.handshaking import Handshaking
from picosec.roles.renewals import Renewals
from picosec.roles.upkeep import Upkeep
from picosec_conformance.faults import fault


@fault("CHN-1300")
def has_one_nonce_for_all_answers() -> None:
    """The nonce of the answer is a constant: whoever repeats an offer repeats the keys."""
    answer = Renewals.answer

    def constant(self: Renewals, channel: Channel, payload: bytes) -> bytes:
        self._entropy = bytes
        return answer(self, channel, payload)

    Renewals.answer = constant


@fault("CHN-1300")
def takes_the_identifier_on_offer_for_itself() -> None:
    """The answer is made from the question: both directions get one key."""
    Handshaking.choose_for_peer = lambda self, theirs: theirs


@fault("CHN-1300")
def gives_out_identifiers_that_are_in_use() -> None:
    """The new identifier is the next free one in a list that knows nothing of channels."""
    Handshaking.choose_for_peer = lambda self, theirs: self._identifiers.choose(lambda identifier: identifier == theirs)
    Handshaking.in_use = lambda self, identifier: False


@fault("CHN-1310")
def derives_from_one_offer() -> None:
    """Only the offer that began enters the keys: what it is worth, a replay of it is worth."""
    original = renewal.renewal_context
    renewal.renewal_context = lambda first, second: original(first, replace(second, nonce=bytes(8)))


@fault("CHN-1310")
def orders_the_offers_by_itself() -> None:
    """Our offer first, theirs second: at the other end it is the other way round."""
    original = renewal.renewed

    def ours_first(session: Session, own: Offer, theirs: Offer, *, began: bool) -> Session:
        swapped = original(session, own, theirs, began=True)
        return swapped if began else replace(swapped, prk_out=bytes(b ^ 1 for b in swapped.prk_out))

    renewals.renewed = ours_first


@fault("CHN-1310")
def mixes_up_the_sides() -> None:
    """Whoever renews is taken for the Initiator of the handshake: right in the lab, where it always was."""
    original = renewal.renewed

    def mixed(session: Session, own: Offer, theirs: Offer, *, began: bool) -> Session:
        result = original(session, own, theirs, began=began)
        return result if session.role is Role.RESPONDER else replace(result, c_i=result.c_r, c_r=result.c_i)

    renewals.renewed = mixed


@fault("CHN-1310")
def renews_from_the_handshake_each_time() -> None:
    """The secret of the handshake is kept, and every renewal starts there: who steals it has them all."""
    first: dict[bytes, bytes] = {}
    original = renewal.renewed

    def from_the_start(session: Session, own: Offer, theirs: Offer, *, began: bool) -> Session:
        root = first.get(session.prk_out, session.prk_out)
        result = original(replace(session, prk_out=root), own, theirs, began=began)
        first[result.prk_out] = root
        return result

    renewals.renewed = from_the_start


@fault("CHN-1320")
def switches_before_the_peer_can() -> None:
    """The new keys are in force with the answer, and the old ones are gone: drop one answer and both talk to walls."""

    def hasty(self: ChannelTable, channel: Channel, session: Session) -> None:
        ChannelTable.replace(self, channel, session, channel.used)
        self._drop(channel.bond.former)

    ChannelTable.promise = hasty


@fault("CHN-1320")
def forgets_promised_keys_in_time() -> None:
    """Keys that nobody used for a minute and a half are cleaned up: the peer that was offline comes back to nothing."""
    expire, promise = ChannelTable.expire, ChannelTable.promise
    since: dict[int, float] = {}

    def noting(self: ChannelTable, channel: Channel, session: Session) -> None:
        promise(self, channel, session)
        since[id(channel.bond.heir)] = channel.used

    def tidy(self: ChannelTable, now: float) -> list[Channel]:
        for channel in list(self):
            if channel is channel.bond.heir and now > since[id(channel)] + life.DRAIN:
                channel.bond.heir = None
                self._drop(channel)
        return expire(self, now)

    timeout = ChannelTable.next_timeout

    def soon(self: ChannelTable) -> float | None:
        times = [since[id(each)] + life.DRAIN + 1 for each in self if each is each.bond.heir]
        return min([*times, *([] if (due := timeout(self)) is None else [due])], default=None)

    ChannelTable.promise, ChannelTable.expire, ChannelTable.next_timeout = noting, tidy, soon


@fault("CHN-1330")
def erases_the_old_keys_at_once() -> None:
    """New keys, clean table: what was under way is refused, and a reading is lost with every renewal."""
    succeed = ChannelTable._succeed

    def clean(self: ChannelTable, channel: Channel, now: float) -> None:
        succeed(self, channel, now)
        self._drop(channel.bond.former)

    ChannelTable._succeed = clean


@fault("CHN-1330")
def serves_stragglers_for_a_second() -> None:
    """The old keys are kept as long as a message takes in the office."""
    channel_table.DRAIN = 1.0


@fault("CHN-1340")
def keeps_replaced_keys() -> None:
    """Whatever was once a key stays one, for old clients."""
    channel_table.DRAIN = 1e9


@fault("CHN-1350")
def collects_promised_keys() -> None:
    """Each offer makes an entry, and entries are only cleaned up when one of them is used."""
    drop = ChannelTable._drop

    def collecting(self: ChannelTable, channel: Channel | None, event: Event = Event.CLOSE) -> None:
        if channel is None or channel is not channel.bond.heir:
            drop(self, channel, event)

    ChannelTable._drop = collecting


@fault("CHN-1360")
def cuts_identifiers_to_fit() -> None:
    """Seven bytes are enough for anybody: the rest of the identifier is cut off."""
    original = Offer.decode.__func__

    def cutting(cls: type[Offer], payload: bytes) -> Offer:
        offer = original(cls, payload)
        return Offer(offer.nonce, offer.identifier[:7])

    Offer.decode = classmethod(cutting)


@fault("CHN-1370")
def fills_in_what_an_offer_lacks() -> None:
    """A lenient reader: what is missing is zero, what is an integer was meant as a byte."""

    def lenient(cls: type[Offer], payload: bytes) -> Offer:
        item = cbor.loads(payload)
        parts = list(item) if isinstance(item, list) else []
        nonce, identifier, *_ = [*(part if isinstance(part, bytes) else b"\x0c" for part in parts), b"", b"\x0d"]
        return Offer(nonce[:8].ljust(8, b"\0"), identifier)

    Offer.decode = classmethod(lenient)


@fault("CHN-1370")
def takes_every_post_for_a_confirmation() -> None:
    """What is no offer is taken for the other thing that a POST can be."""
    post = Upkeep._post

    def trusting(self: Upkeep, request: Any) -> Any:
        try:
            return post(self, request)
        except ProtocolError as error:
            if error.problem is not Problem.BAD_REQUEST:
                raise
            return post(self, replace(request, payload=b""))

    Upkeep._post = trusting


@fault("CHN-1380")
def renews_replaced_keys() -> None:
    """An offer is an offer, whatever keys it comes under: who stole the old ones branches off a channel of his own."""
    answer = Renewals.answer

    def willing(self: Renewals, channel: Channel, payload: bytes) -> bytes:
        current, channel.bond.current = channel.bond.current, channel
        try:
            return answer(self, channel, payload)
        finally:
            channel.bond.current = current

    Renewals.answer = willing


@fault("CHN-1390")
def insists_on_its_own_offer() -> None:
    """Both ends are busy with their own offers, and refuse each other's for ever."""
    answer = Renewals.answer

    def stubborn(self: Renewals, channel: Channel, payload: bytes) -> bytes:
        if channel.id in self._attempts:
            raise ProtocolError(Problem.BUSY, "CHN-1400")
        return answer(self, channel, payload)

    Renewals.answer = stubborn


@fault("CHN-1390")
def takes_up_both_offers() -> None:
    """The answer to its own offer comes after all, and replaces the keys that were just agreed on."""
    answered = Renewals._answered

    def eager(self: Renewals, attempt: Any, *rest: Any) -> None:
        attempt.given_way = False
        answered(self, attempt, *rest)

    Renewals._answered = eager


@fault("CHN-1400")
def always_gives_way() -> None:
    """Politeness at both ends: each drops its own offer for the other's, and there is none left."""
    answer = Renewals.answer

    def polite(self: Renewals, channel: Channel, payload: bytes) -> bytes:
        session = channel.session
        if channel.id in self._attempts and session is not None:
            self._attempts[channel.id].given_way = True
            del self._attempts[channel.id]
        return answer(self, channel, payload)

    Renewals.answer = polite


@fault("CHN-1410")
def waits_for_the_limit() -> None:
    """Keys are used until they are used up, and then the channel is dead."""
    SecurityContext.worn = lambda self, uses=None: self.sender_exhausted


@fault("CHN-1410")
def counts_its_requests_for_renewal() -> None:
    """Responses are not messages: a server never renews."""

    def worn(self: SecurityContext, uses: int | None = None) -> bool:
        return self.numbers.value >= (uses or 1 << 19)

    SecurityContext.worn = worn


@fault("CHN-1420")
def waits_for_something_to_say() -> None:
    """The new keys are confirmed by the next reading, tomorrow; until then nobody knows whether they are."""
    original = renewals.Client.errand

    def errand(self: Any, handle: int, message: Any, *rest: Any, **named: Any) -> None:
        if message.code != Code.POST or message.payload:
            original(self, handle, message, *rest, **named)

    renewals.Client.errand = errand


@fault("CHN-1430")
def gives_the_channel_up_with_the_offer() -> None:
    """An offer that fails is a fault of the channel, and faulty channels are closed."""
    answered = Renewals._answered

    def strict(self: Renewals, attempt: Any, session: Session, outcome: Any, now: float) -> None:
        answered(self, attempt, session, outcome, now)
        channel = attempt.channel
        if channel.bond.current is channel:
            self._channels.close(channel, Event.CLOSE)

    Renewals._answered = strict


@fault("CHN-1440")
def renews_for_ever() -> None:
    """One handshake for a lifetime: whoever learned a secret once follows every renewal."""
    renewals.MAX_RENEWALS = 1 << 30


@fault("CHN-1220")
def leaves_promised_keys_behind() -> None:
    """The channel is closed, and the keys that were promised for it still open the door."""

    def careless(self: ChannelTable, channel: Channel, event: Event) -> None:
        current = channel.bond.current or channel
        self._leave(current)
        self._drop(current, event)

    ChannelTable.close = careless
