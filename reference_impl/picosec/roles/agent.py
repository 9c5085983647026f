"""What every role is made of: a message layer, channels, and the two halves that serve and ask, without any I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from picosec.channel import edhoc_coap
from picosec.channel.channels import Channel
from picosec.channel.credentials import Credential, Kind, OwnCredential
from picosec.channel.delivery import DeliveryClass
from picosec.channel.edhoc_config import Policy
from picosec.channel.life import Event as Happening
from picosec.channel.store import ChannelStore, Shelf
from picosec.errors import ProtocolError
from picosec.identity.scope import Scope
from picosec.messaging.blocks import exponent_of
from picosec.messaging.coap import Message, Type
from picosec.messaging.connections import Connection, Framing
from picosec.messaging.events import ConnectionReleased, Delivery, Outcome, RequestReceived, ResponseReceived
from picosec.messaging.events import Event as LayerEvent
from picosec.messaging.reachability import Reachability
from picosec.messaging.router import Router
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelPolicy, ChannelTable
from picosec.roles.client import Client
from picosec.roles.events import ChannelEnd, ChannelOpened, Event, Released
from picosec.roles.handshaking import Handshaking
from picosec.roles.keyring import ContextParameters, Keyring, Trusted
from picosec.roles.observing import Observing
from picosec.roles.openings import Openings
from picosec.roles.outbox import Outbox
from picosec.roles.renewals import Renewals
from picosec.roles.resources import Resource, Site
from picosec.roles.server import Server
from picosec.roles.upkeep import PATH as CHANNEL_PATH
from picosec.roles.upkeep import Upkeep

Entropy = Callable[[int], bytes]

#: Events kept for a poll; when nobody polls, the oldest make room.
MAX_EVENTS: Final = 256


class Agent:
    """One party. Datagrams, what comes on connections, and the time come in; the same and events go out.

    ``resources`` is what it offers. ``responder`` says whether it takes part in handshakes that others begin, and
    ``knows_date`` whether its time counts from 1970, so that it can tell an expired credential. On ``shelf`` lie its
    channels while there is no power.
    """

    def __init__(
        self,
        entropy: Entropy,
        keyring: Keyring,
        resources: Mapping[str, Resource],
        *,
        responder: bool,
        knows_date: bool,
        shelf: Shelf | None = None,
    ) -> None:
        self.channels = ChannelTable(keyring.channel_policy)
        self._keyring = keyring
        self.channels.admit, self.channels.time_of = self._admit, self._time_of
        self.channels.outlived, self.channels.words_ended = self._outlived, self._words_ended
        self._shelf = shelf
        for context in keyring.contexts:
            self.channels.add(context.channel())
        if shelf is not None and keyring.channel_policy.store:
            self.channels.restore(ChannelStore(keyring.vault, shelf))
            self._drop_taken_back()
        self._entropy = entropy
        self._knows_date = knows_date
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._last_handle = 0
        self._endpoint = Router(entropy)
        self._reachability = Reachability(entropy)
        self._client = Client(self._endpoint, self.channels, self._asked)
        self._outbox = Outbox(self._client, self.channels, self._report)
        self._observing = Observing(self._endpoint, self._client, self.channels, self._report, entropy)
        self._openings = Openings(self._endpoint, self.channels, self._client, self._report, self._date)
        self._handshaking = Handshaking(
            keyring, self.channels, entropy, self._openings, self._report, self._date, responder=responder
        )
        if responder:
            resources = {**resources, edhoc_coap.PATH: self._handshaking.resource()}
        self._renewals = Renewals(self.channels, self._client, entropy, self._handshaking.choose_for_peer, self._report)
        self._handshaking.offered = self._renewals.offers
        self._upkeep = Upkeep(self.channels, self._client, self._renewals, self._report)
        resources = {**resources, CHANNEL_PATH: self._upkeep.resource()}
        self._site = Site(resources)
        self._server = Server(
            self._endpoint, self.channels, self._site, self._handshaking.finish, self._reachability, self._grants
        )

    # -- what the loop calls -------------------------------------------------------------------------------------

    def receive(self, data: bytes, peer: Hashable, now: float) -> None:
        """Take one datagram, or what came on a connection.

        Raises nothing: what a peer sends is answered, rejected or ignored.
        """
        self._upkeep.lapse(now)  # what is asked now may be told to others, and to no one whose time is over
        self._reachability.received(peer, len(data), now)
        events = self._endpoint.receive(data, peer, now)
        if any(isinstance(event, ResponseReceived) for event in events):
            self._reachability.prove(peer)  # who knows the token of our request has read it
        self._happened(events, now)

    def connected(self, peer: Hashable, now: float, framing: Framing = Framing.STREAM) -> None:
        """Take a connection that is open from now on, whoever opened it."""
        self.channels.connections.opened(peer)
        self._happened(self._endpoint.streams.connected(peer, now, framing), now)

    def disconnected(self, peer: Hashable, now: float) -> None:
        """Take the end of a connection."""
        self.channels.connections.ended(peer)
        self._happened(self._endpoint.streams.disconnected(peer, now), now)

    def closing(self) -> list[Hashable]:
        """Drain the connections to close, once all that :meth:`transmit` gave for them is sent."""
        return self._endpoint.streams.closing()

    def tick(self, now: float) -> None:
        """Do what is due at ``now``."""
        self._upkeep.expire(now)  # first, so that nothing goes over a channel whose time is over
        self._server.tick(now)
        self._observing.tick(now)
        self._handshaking.expire(now)
        self._happened(self._endpoint.tick(now), now)
        self._outbox.tick(now)

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is wanted next, if at all."""
        parts = (self._endpoint, self._server, self._observing, self._handshaking, self.channels, self._outbox)
        times = [part.next_timeout() for part in parts]
        return min((time for time in times if time is not None), default=None)

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain the datagrams, and the messages on connections, to send, in order."""
        return self._reachability.admit(self._endpoint.transmit())

    def mind(self, forgeable: Callable[[Hashable], bool]) -> None:
        """Take it that of these peers the address may be forged, so that it has to be proven (MSG-1900)."""
        self._reachability.forgeable = forgeable

    # -- acting --------------------------------------------------------------------------------------------------

    def ping(self, peer: Hashable, now: float) -> int:
        """Ask whether a peer is there; a Pong or Failed follows. Raises ``ProtocolError`` with ``busy``."""
        handle = self._new_handle()
        self._client.ping(handle, peer, now)
        return handle

    def request(
        self,
        message: Message,
        peer: Hashable,
        now: float,
        channel: Channel | None = None,
        block_size: int | None = None,
    ) -> int:
        """Send a request, over a channel if one is given; a Response, Reset or Failed follows.

        Type, code, options and payload of ``message`` matter. What is larger than a message goes and comes in blocks:
        of ``block_size`` bytes at most, else of 1024. Raises ``ProtocolError`` with ``busy`` or ``exhausted``,
        and ``ValueError`` for a message that a channel cannot carry.
        """
        handle = self._new_handle()
        exponent = None if block_size is None else exponent_of(block_size)
        self._client.ask(handle, message, peer, now, channel, exponent)
        return handle

    def observe(self, message: Message, peer: Hashable, now: float, channel: Channel | None = None) -> int:
        """Register for what a GET asks for; Notifications follow, and a Response, Reset or Failed that ends them.

        Raises ``ProtocolError`` with ``bad_request`` when that is observed already, ``busy`` or ``exhausted``.
        """
        handle = self._new_handle()
        self._observing.observe(handle, message, peer, now, channel)
        return handle

    def cancel(self, handle: int, now: float, *, silently: bool = False) -> None:
        """End an observation: tell the server, whose Response then comes, or ``silently`` reject what it sends next.

        Raises ``ProtocolError`` with ``bad_request`` when there is no such observation.
        """
        self._observing.cancel(handle, now, silently=silently)

    def changed(self, path: str, now: float) -> None:
        """Tell those who observe a resource that it changed by itself. A request that changes one tells by itself."""
        self._server.observers.changed(path, now)

    def deliver(
        self, message: Message, delivery: DeliveryClass, now: float, channel: Channel, peer: Hashable = None
    ) -> int:
        """Send a request over a channel, to where its peer was heard last; a Response, Reset or Failed follows.

        ``delivery`` says what is promised; with ``EXACTLY_ONCE``, requests of a channel are acted on in the order of
        these calls. ``peer`` is for when nobody knows where the peer of the channel is. Raises as :meth:`request`
        does, and ``ProtocolError`` with ``too_large`` for an ordered request with more than a block (CHN-1990).
        """
        handle = self._new_handle()
        if delivery is DeliveryClass.AT_MOST_ONCE:
            address = peer if channel.bond.peer is None else channel.bond.peer
            self._client.ask(handle, replace(message, type=Type.NON), address, now, channel)
        else:
            self._outbox.deliver(handle, replace(message, type=Type.CON), delivery, channel, peer, now)
        return handle

    def forget(self, handle: int, now: float) -> None:
        """Let go of a request of :meth:`request` or of a telegram: what still comes of it is not reported."""
        self._client.forget(handle, now)

    def move(self, channel: Channel, peer: Hashable, now: float) -> None:
        """Go on with a channel at another address of its peer: what waits for an outcome is asked again there.

        What is observed over it is registered for anew.
        """
        self.channels.moved(channel, peer)
        self._outbox.moved(channel.bond, now)
        self._observing.moved(channel, peer, now)

    def open(
        self,
        peer: Hashable,
        now: float,
        method: int | None = None,
        suites: Sequence[int] | None = None,
        kind: Kind | None = None,
        first: Message | None = None,
    ) -> int:
        """Start a handshake as Initiator; a ChannelOpened or ChannelFailed follows.

        ``suites`` replace those of the policy, ``kind`` restricts the choice among own credentials. ``first`` is asked
        over the channel, under the same handle and together with message_3 where that can be (CHN-1580). Raises
        ``ProtocolError`` with ``unsupported_method`` when no own credential can serve, ``busy``.
        """
        handle = self._new_handle()
        self._handshaking.open(handle, peer, now, method, suites, kind, first)
        return handle

    def invite(
        self, peer: Hashable, now: float, suites: Sequence[int] | None = None, first: Message | None = None
    ) -> int:
        """Ask a server to start a handshake, as Responder; else like :meth:`open`. Raises ``busy``."""
        handle = self._new_handle()
        self._handshaking.invite(handle, peer, now, suites, first)
        return handle

    def update_keys(self, channel: Channel, context: bytes, now: float) -> int:
        """Replace the keys of a channel (CHN-920); a ChannelOpened says so. Raises ``bad_request``."""
        updated = self.channels.update(channel, context)
        assert updated.session is not None
        handle = self._new_handle()
        self._report(ChannelOpened(handle, updated, updated.session), now)
        return handle

    def close(self, channel: Channel, now: float) -> int:
        """Close a channel; a ChannelClosed follows. Raises ``bad_request`` for a provisioned one, ``busy``."""
        handle = self._new_handle()
        self._upkeep.close(handle, channel, now)
        return handle

    def renew(self, channel: Channel, now: float) -> int:
        """Agree with the peer on new keys for a channel; a ChannelOpened or ChannelFailed follows.

        Raises ``ProtocolError`` as :meth:`Renewals.begin` does.
        """
        handle = self._new_handle()
        self._renewals.begin(handle, channel, now)
        return handle

    def provision(
        self,
        own: Sequence[OwnCredential] = (),
        trusted: Sequence[Trusted] = (),
        contexts: Sequence[ContextParameters] = (),
        policy: Policy | None = None,
        channel_policy: ChannelPolicy | None = None,
    ) -> None:
        """Take in credentials, trust, contexts and policies, all or nothing. Raises as :meth:`Keyring.add` does."""
        self._keyring.add(own, trusted, contexts, policy, channel_policy)
        if channel_policy is not None:
            self.channels.policy = channel_policy
            storing = self._shelf is not None and channel_policy.store
            if storing != self.channels.stored:
                self.channels.store_in(
                    ChannelStore(self._keyring.vault, self._shelf) if storing and self._shelf else None
                )
        for context in contexts:
            self.channels.add(context.channel())

    def release(
        self, peer: Hashable, now: float, alternatives: tuple[str, ...] = (), hold_off: int | None = None
    ) -> None:
        """Ask a peer to close its connection when it is done with it, and perhaps to come back elsewhere or later."""
        self._endpoint.streams.release(peer, now, alternatives, hold_off)

    def connections(self) -> list[Connection]:
        """Return the open connections, for :meth:`adopt`."""
        return self._endpoint.streams.connections()

    def adopt(self, connections: list[Connection], now: float) -> None:
        """Go on with connections that outlived an earlier life of this party; what was pending on them is over."""
        for connection in connections:
            self.channels.connections.opened(connection.peer)
        self._endpoint.streams.adopt(connections, now)

    def revoke(self, taken_back: Callable[[bytes], bool]) -> None:
        """End the channels that credentials opened which were taken back, once what is being served is answered.

        ``taken_back`` judges CRED_x of a peer (IDN-290), and the credentials that it rests on (IDN-910). A
        ChannelClosed follows for each.
        """
        self._end_channels(lambda peer: any(taken_back(cred) for cred in (peer.cred, *peer.issuers)))

    def dismiss(self, unwanted: Callable[[bytes], bool]) -> None:
        """End the channels of peers of which CRED_x says, by ``unwanted``, that they are wanted no longer (IDN-2140).

        Else like :meth:`revoke`; what a credential rests on is not asked about.
        """
        self._end_channels(lambda peer: unwanted(peer.cred))

    def _drop_taken_back(self) -> None:
        """Close what came back although its credential was taken back: power failed before that was done."""
        for channel in list(self.channels):
            session, in_force = channel.session, channel.bond.current is channel
            creds = () if session is None or not in_force else (session.peer.cred, *session.peer.issuers)
            if any(self._keyring.took_back(cred) for cred in creds):
                self.channels.close(channel, Happening.CLOSE)

    # -- telling -------------------------------------------------------------------------------------------------

    def channel(self, identifier: bytes) -> Channel:
        """Return the channel with this Recipient ID. Raises ``ProtocolError`` with ``bad_request``."""
        try:
            return self.channels[identifier]
        except KeyError as error:
            raise ProtocolError(Problem.BAD_REQUEST, "CNF-460", "no such channel") from error

    def events(self) -> list[Event]:
        """Drain what happened, in order."""
        events = list(self._events)
        self._events.clear()
        return events

    @property
    def handshakes(self) -> int:
        """How many handshakes are in progress, begun by either side."""
        return len(self._handshaking)

    @property
    def transfers(self) -> int:
        """How many block-wise transfers of others are in progress."""
        return self._server.transfers

    def state(self) -> list[Any]:
        """Return what accepted messages may change, as a CBOR value for a digest."""
        begun = [self._client.handles(), self._observing.handles(), self._outbox.state()]
        return [self.channels.digest_state(), self._handshaking.state(), begun, self._server.state()]

    # -- within --------------------------------------------------------------------------------------------------

    def _happened(self, events: list[LayerEvent], now: float) -> None:
        while events:
            for event in events:
                if isinstance(event, RequestReceived):
                    self._server.serve(event.exchange, event.message, now)
                elif isinstance(event, ConnectionReleased):
                    self._report(Released(event.peer, event.alternatives, event.hold_off), now)
                elif isinstance(event, Outcome):
                    self._ended(event, now)
                elif isinstance(event, Delivery):
                    self._server.observers.delivered(event, now)
                else:
                    self._server.observers.disconnected(event.peer, now)
                self._upkeep.settle(now)
            events = self._endpoint.further_events()

    def _end_channels(self, over: Callable[[Credential], bool]) -> None:
        for channel in self.channels:
            session, in_force = channel.session, channel.bond.current is channel
            if session is not None and in_force and over(session.peer):
                self._upkeep.leave(channel, ChannelEnd.REVOKED)

    def _admit(self, peer: Credential, now: float) -> None:
        """Raise ``bad_credential`` for a peer whose credential ended or was taken back, or its key replaced, since it
        showed it (IDN-620).
        """
        self._keyring.vouching.check(peer, self._date(now))
        self._keyring.standing(peer.cred, self._date(now))
        if self._keyring.config.trusted.forgot(peer.cred):
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-620", "its key was replaced while the handshake went on")

    def _outlived(self, peer: Credential, now: float) -> bool:
        """Whether the word of a third party that a peer needs has ended (IDN-2250)."""
        endorsements = self._keyring.endorsements
        if not endorsements.required:
            return False
        identity = self._keyring.identity_of(peer.cred)
        return identity is not None and endorsements.ended(identity, self._date(now))

    def _words_ended(self, now: float) -> bool:
        return self._keyring.endorsements.ended_meanwhile(self._date(now))

    def _grants(self, channel: Channel) -> Scope | None:
        """Return all that the peer of a channel may do, None where that was not limited (IDN-1600)."""
        return None if channel.session is None else self._keyring.granted(channel.session.peer.cred)

    def _date(self, now: float) -> float | None:
        """Return the seconds since 1970, None for a party that cannot tell them."""
        if self._knows_date:
            return now
        return None if self._keyring.epoch is None else self._keyring.epoch + now

    def _time_of(self, date: int) -> float | None:
        """Return when it is so many seconds since 1970, None for a party that cannot tell."""
        if self._knows_date:
            return date
        return None if self._keyring.epoch is None else date - self._keyring.epoch

    def _ended(self, outcome: Outcome, now: float) -> None:
        for asking in (self._openings, self._observing):
            if outcome.request_id in asking:
                asking.ended(outcome, now)
                return
        self._client.ended(outcome, now)

    def _asked(self, event: Event, now: float) -> None:
        if not self._outbox.takes(event, now):
            self._report(event, now)

    def _new_handle(self) -> int:
        self._last_handle += 1
        return self._last_handle

    def _report(self, event: Event, now: float) -> None:
        self._events.append(event)
