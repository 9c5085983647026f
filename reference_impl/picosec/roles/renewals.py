"""Renewals as conversations: offers of ours that wait for an answer, and those of peers (spec/v1/channel-life.md)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from picosec.channel.channels import Channel
from picosec.channel.life import Event as Happening
from picosec.channel.life import State
from picosec.channel.renewal import MAX_RENEWALS, NONCE_SIZE, Offer, renewed
from picosec.channel.session import Role, Session
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Type, path_options, uint_bytes
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.client import Client
from picosec.roles.events import ChannelFailed, ChannelOpened, Event

#: Seconds until a renewal that came to nothing is tried again by itself.
PATIENCE: Final = 247.0

_PATH: Final = path_options("/ps/channel")
_OFFER: Final = (*_PATH, (int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_CBOR)))


@dataclass(slots=True, eq=False)
class _Attempt:
    """An offer of ours that waits for its answer. ``given_way`` when the peer's own offer took its place."""

    handle: int | None
    channel: Channel
    offer: Offer
    given_way: bool = False


class Renewals:
    """Agrees on new keys. ``choose`` returns an identifier that is not in use and differs from the one it is given."""

    def __init__(
        self,
        channels: ChannelTable,
        client: Client,
        entropy: Callable[[int], bytes],
        choose: Callable[[bytes], bytes],
        report: Callable[[Event, float], None],
    ) -> None:
        self._channels = channels
        self._client = client
        self._entropy = entropy
        self._choose = choose
        self._report = report
        self._attempts: dict[bytes, _Attempt] = {}

    def offers(self, identifier: bytes) -> bool:
        """Whether an offer of ours has this identifier."""
        return any(attempt.offer.identifier == identifier for attempt in self._attempts.values())

    def begin(self, handle: int | None, channel: Channel, now: float) -> None:
        """Offer new keys to the peer; a ChannelOpened or ChannelFailed follows.

        Raises ``ProtocolError`` with ``bad_request`` for a provisioned channel, ``busy`` while an offer waits for its
        answer, ``exhausted`` when a new handshake is due (CHN-1440), and as :meth:`Client.errand`.
        """
        session = _renewable(channel)
        if channel.state is State.CLOSED or channel.id in self._attempts:
            raise ProtocolError(Problem.BUSY, "CHN-1400", "an offer waits for its answer")
        attempt = _Attempt(handle, channel, self._offer(b""))

        def answered(outcome: Message | Problem, now: float) -> None:
            self._answered(attempt, session, outcome, now)

        message = Message(Type.CON, Code.POST, 0, b"", _OFFER, attempt.offer.encode())
        self._client.errand(handle or 0, message, channel, now, answered)
        self._attempts[channel.id] = attempt
        channel.advance(Happening.RENEW)

    def answer(self, channel: Channel, payload: bytes) -> bytes:
        """Return our offer in answer to one of the peer's, and hold the keys that follow ready.

        Raises ``ProtocolError`` as :meth:`Offer.decode` does, and with ``unexpected_message`` (CHN-1380), ``busy``
        (CHN-1400), ``exhausted`` (CHN-1440), ``bad_identifier`` (CHN-1360).
        """
        theirs = Offer.decode(payload)
        if channel is not channel.bond.current:
            raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-1380", "these keys were replaced already")
        session = _renewable(channel)
        attempt = self._attempts.get(channel.id)
        if attempt is not None and session.role is Role.INITIATOR:
            raise ProtocolError(Problem.BUSY, "CHN-1400", "an offer of ours is under way")
        own = self._offer(theirs.identifier)
        self._channels.promise(channel, renewed(session, own, theirs, began=False))
        if attempt is not None:
            attempt.given_way = True
        return own.encode()

    def _offer(self, theirs: bytes) -> Offer:
        return Offer(self._entropy(NONCE_SIZE), self._choose(theirs))

    def _answered(self, attempt: _Attempt, session: Session, outcome: Message | Problem, now: float) -> None:
        channel = attempt.channel
        self._attempts.pop(channel.id, None)
        try:
            theirs = _offered(outcome)
            if attempt.given_way or channel is not channel.bond.current:
                raise ProtocolError(Problem.BUSY, "CHN-1390", "the peer's own offer takes its place")
            successor = self._channels.replace(channel, renewed(session, attempt.offer, theirs, began=True), now)
        except ProtocolError as error:
            if channel.state is State.RENEWING:
                channel.advance(Happening.ABANDONED)
            channel.bond.patience = now + PATIENCE
            self._report(ChannelFailed(attempt.handle, error.problem), now)
            return
        assert successor.session is not None
        self._report(ChannelOpened(attempt.handle, successor, successor.session), now)
        with suppress(ProtocolError):  # no room for it now: the next request confirms as well
            confirmation = Message(Type.CON, Code.POST, 0, b"", _PATH)
            self._client.errand(0, confirmation, successor, now, lambda outcome, now: None)


def _renewable(channel: Channel) -> Session:
    if channel.session is None:
        raise ProtocolError(Problem.BAD_REQUEST, "CHN-1280", "a provisioned channel has no session to renew from")
    if channel.session.renewals >= MAX_RENEWALS:
        raise ProtocolError(Problem.EXHAUSTED, "CHN-1440", f"{MAX_RENEWALS} renewals: a new handshake is due")
    return channel.session


def _offered(outcome: Message | Problem) -> Offer:
    """Return the offer in an answer. Raises what stands in the way of it."""
    if isinstance(outcome, Problem):
        raise ProtocolError(outcome, "CHN-1430", "the offer was not answered")
    if outcome.code == Code.CHANGED:
        return Offer.decode(outcome.payload)
    raise ProtocolError(problem.named(outcome), "CHN-1430", "the peer refused")
