"""Every message in every state: what is refused changes nothing, and nothing makes the endpoint fail."""

import dataclasses
from typing import Any

from fake_link import content, counting, get
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.endpoint import Endpoint, RequestReceived
from picosec.messaging.exchanges import Exchange
from picosec.messaging.parameters import Parameters
from picosec.messaging.requests import Request

_PEERS = ["peer", "attacker", "stranger"]
_PARAMETERS = Parameters(max_peers=2, max_exchanges=3, max_requests=4, max_remembered=4, max_message=100)


def snapshot(endpoint: Endpoint) -> list[Any]:
    """Return all that an endpoint keeps, except the order in which it heard of its peers."""
    kept = []
    for key, peer in sorted(endpoint._peers._peers.items(), key=lambda item: str(item[0])):
        sent = {message_id: _state(one) for message_id, one in peer.sent.items()}
        tokens = {token: _state(one) for token, one in peer.tokens.items()}
        received = {message_id: (entry.expires, entry.reply) for message_id, entry in peer.received._entries.items()}
        exchanges = sorted(_state(one) for one in peer.exchanges)
        kept.append((key, sent, tokens, [_state(one) for one in peer.queue], received, exchanges, peer.ids._next))
    return kept


def _state(one: Request | Exchange) -> tuple[str, str]:
    retransmission = one.retransmission and (one.retransmission.timeout, one.retransmission._left)
    return one.state.name, repr((one.deadline, retransmission, getattr(one, "id", 0)))


class Attacked(RuleBasedStateMachine):
    """An endpoint that works for honest peers while anything at all comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoint = Endpoint(counting(), _PARAMETERS)
        self.now = 0.0
        self.working: list[RequestReceived] = []
        self.seen: list[bytes] = [Message(Type.CON, Code.EMPTY, 1).encode()]

    @rule(kind=st.sampled_from([Type.CON, Type.NON]), peer=st.sampled_from(_PEERS))
    def ask(self, kind: Type, peer: str) -> None:
        try:
            self.endpoint.request(get(kind=kind), peer, self.now)
        except ProtocolError as error:
            assert error.problem.name == "BUSY"  # noqa: PT017 - the rule has no other way to end

    @rule(peer=st.sampled_from(_PEERS))
    def ping(self, peer: str) -> None:
        try:
            self.endpoint.ping(peer, self.now)
        except ProtocolError as error:
            assert error.problem.name == "BUSY"  # noqa: PT017

    @rule(late=st.booleans())
    def work(self, late: bool) -> None:
        if self.working:
            event = self.working[0]
            if late:
                self.endpoint.acknowledge(event.exchange, self.now)
            else:
                self.working.pop(0)
                self.endpoint.respond(event.exchange, content(b"done"), self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 50.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.endpoint.tick(self.now)

    @rule(data=st.binary(max_size=120), peer=st.sampled_from(_PEERS))
    def noise(self, data: bytes, peer: str) -> None:
        self._receive(data, peer)

    @rule(
        kind=st.sampled_from(Type),
        code=st.sampled_from([0, Code.GET, Code.PUT, 0x1F, Code.CONTENT, Code.NOT_FOUND, 0x60]),
        message_id=st.integers(0, 6),
        token=st.sampled_from([b"", b"t", b"12345678"]),
        option=st.sampled_from([(), ((11, b"x"),), ((65000, b""),), ((65001, b""),), ((35, b"coap://x"),)]),
        size=st.sampled_from([0, 1, 100]),
        peer=st.sampled_from(_PEERS),
    )
    def message(self, kind: Type, code: int, message_id: int, token: bytes, option: Any, size: int, peer: str) -> None:
        if code == 0:
            token, option, size = b"", (), 0
        self._receive(Message(kind, code, message_id, token, option, bytes(size)).encode(), peer)

    @rule(
        data=st.data(),
        kind=st.sampled_from(Type),
        code=st.sampled_from([Code.EMPTY, Code.CONTENT]),
        flip_token=st.booleans(),
        shift=st.sampled_from([0, 0, 1]),
        peer=st.sampled_from(_PEERS),
    )
    def echo(self, data: st.DataObject, kind: Type, code: int, flip_token: bool, shift: int, peer: str) -> None:
        """Send what nearly, or just, matches something that the endpoint sent."""
        original = Message.decode(data.draw(st.sampled_from(self.seen)))
        token = bytes(byte ^ 1 for byte in original.token) if flip_token else original.token
        answer = Message(kind, code, (original.message_id + shift) & 0xFFFF, token)
        if code == Code.EMPTY:
            answer = dataclasses.replace(answer, token=b"")
        self._receive(answer.encode(), peer)

    @rule(data=st.data(), peer=st.sampled_from(_PEERS))
    def mutated(self, data: st.DataObject, peer: str) -> None:
        original = bytearray(data.draw(st.sampled_from(self.seen)))
        original[data.draw(st.integers(0, len(original) - 1))] ^= data.draw(st.integers(1, 255))
        self._receive(bytes(original), peer)

    def _receive(self, data: bytes, peer: str) -> None:
        may_change = self._may_change(data, peer)
        before = snapshot(self.endpoint)
        events = self.endpoint.receive(data, peer, self.now)
        if not may_change:
            assert events == []
            assert snapshot(self.endpoint) == before
        self.working += [event for event in events if isinstance(event, RequestReceived)]
        for _, sent in self.endpoint.transmit():
            self.seen = [*self.seen[-20:], sent]

    def _may_change(self, data: bytes, peer: str) -> bool:
        """Whether a datagram is a request, or refers to something that the endpoint sent to this peer."""
        try:
            message = Message.decode(data)
        except ProtocolError:
            return False
        if message.is_request:
            return message.type in (Type.CON, Type.NON)
        known = self.endpoint._peers.find(peer)
        if known is None:
            return False
        if message.type in (Type.ACK, Type.RST):
            sent = known.sent.get(message.message_id)
            if sent is None or message.is_empty:
                return sent is not None
            own = isinstance(sent, Request) and sent.message.token == message.token
            return own and message.type == Type.ACK
        return message.is_response and message.token in known.tokens

    @invariant()
    def everything_is_bounded(self) -> None:
        peers = self.endpoint._peers._peers
        assert len(peers) <= _PARAMETERS.max_peers
        for peer in peers.values():
            assert len(peer.exchanges) <= _PARAMETERS.max_exchanges
            assert len(peer.tokens) <= _PARAMETERS.max_requests
            assert len(peer.received._entries) <= _PARAMETERS.max_remembered
            assert sum(one.state.name in ("UNACKNOWLEDGED", "PINGING") for one in peer.sent.values()) <= 1

    @invariant()
    def everything_that_waits_has_a_deadline(self) -> None:
        for peer in self.endpoint._peers._peers.values():
            for one in [*peer.sent.values(), *peer.exchanges]:
                assert one.deadline is not None

    @invariant()
    def all_frames_that_go_out_are_messages(self) -> None:
        for _, sent in self.endpoint.transmit():
            Message.decode(sent)
            self.seen = [*self.seen[-20:], sent]


Attacked.TestCase.settings = settings(deadline=None, max_examples=150, stateful_step_count=50)
TestAttacked = Attacked.TestCase
