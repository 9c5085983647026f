"""Judges each datagram that reached the target by what it did: the one who knows every key and believes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from picosec.channel import edhoc_coap
from picosec.channel.oscore import OUTER_OPTIONS
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, code_text, path_options
from picosec_conformance.adapters import TargetDied
from picosec_conformance.adversary.cast import Cast
from picosec_conformance.adversary.completion import judge_channel
from picosec_conformance.adversary.dialogue import Asked, Dialogue
from picosec_conformance.adversary.invariants import Broken, Invariant, Tally
from picosec_conformance.adversary.setting import Abilities, Setting
from picosec_conformance.adversary.sightings import Sightings
from picosec_conformance.control import Control, Event
from picosec_conformance.handshake import TRUE
from picosec_conformance.network import Delivery, Link
from picosec_conformance.network.network import TARGET
from picosec_conformance.target import Nonconformity, Silence

#: Handshakes in progress beyond which nobody has thought of a bound.
MOST_HANDSHAKES = 1024
#: Messages of a peer that a server has to remember at least, and for how long (MSG-350).
_REMEMBERED, _LIFETIME = 16, 247.0


@dataclass(slots=True)
class State:
    """What the Test Interface says: a digest, changes by path, and counts."""

    digest: bytes = b""
    changes: dict[str, int] = field(default_factory=dict)
    channels: int = 0
    handshakes: int = 0


@dataclass(slots=True)
class _Once:
    """A datagram that the target took before: when, by the frames sent and by the clock."""

    sent: int
    now: float


class Referee:
    """Looks at the target after each delivery. Every method raises ``Broken`` for what must not be."""

    def __init__(self, link: Link, able: Abilities, setting: Setting, cast: Cast, tally: Tally) -> None:
        self._link = link
        self._able = able
        self._setting = setting
        self._cast = cast
        self._tally = tally
        self._control = Control(link)
        self._taken: dict[bytes, _Once] = {}
        self._handles: dict[int, str] = {}
        self._opening: set[int] = set()
        self._renewing: set[int] = set()
        self._provisioned = 0
        #: The dialogues whose handshakes the target completed since it was last restarted, the latest last.
        self.completed: list[Dialogue] = []
        self._ended = 0
        #: Requests that may have made the target begin a handshake in the reverse flow.
        self._invitations = 0
        self.now = 0.0
        self.sightings = Sightings(cast, tally)
        self.state = self._look()
        self._provisioned = self.state.channels

    @property
    def pending(self) -> bool:
        """Whether the target was told to do something and has not reported what came of it."""
        return bool(self._opening or self._handles)

    # -- what the suite makes the target do ----------------------------------------------------------------------

    def opens(self, handle: int) -> None:
        """Note that the target was told to open a channel."""
        self._opening.add(handle)

    def asks(self, handle: int, path: str) -> None:
        """Note that the target was told to send a request over a channel."""
        self._handles[handle] = path

    def renews(self, handle: int) -> None:
        """Note that the target was told to renew the keys of a channel."""
        self._renewing.add(handle)

    def rebooted(self) -> None:
        """Note that the target lost its power: what is volatile is gone, and what it forgot it may do again."""
        self._taken.clear()
        self._handles.clear()
        self._opening.clear()
        self.completed.clear()
        self._ended = self._invitations = 0
        self.sightings.rebooted()
        for dialogue in self._cast.dialogues():
            dialogue.alive = dialogue.alive and dialogue.machine is None
        self.state = self._look()

    # -- judging -------------------------------------------------------------------------------------------------

    def witness(self, delivery: Delivery) -> None:
        """Judge one delivery."""
        if delivery.receiver != TARGET:
            return
        before = self.state
        message = _decoded(delivery.data)
        asked = self._asked(message)
        again = self._repeated(delivery.data)
        self._judge_answers(delivery, message, asked)
        self._invitations += message is not None and _invites(message)
        self.observe(b"" if message is None else message.payload)
        self._judge_changes(before, message, asked, again=again)
        if message is None or (asked is None and message.is_request and message.option(Option.OSCORE) is not None):
            same = not self._able.control or self.state.digest == before.digest
            detail = f"{delivery.act} of what no peer sent changed the target's state"
            self._tally.hold(Invariant.AUTHENTIC, same, "CHN-750", detail)
        self._tally.checks[Invariant.ALIVE] += 1

    def observe(self, payload: bytes = b"") -> None:
        """Look at the target's state and events, after a message with this payload if there was one."""
        self.state = self._look()
        if self._able.control:
            for event in self._control.events():
                self._judge_event(event, payload)
            self._judge_bounds()

    def _look(self) -> State:
        if not self._able.control:
            return State()
        digest, changes, channels, handshakes = map(self._control.state().get, range(4))
        if not (isinstance(digest, bytes) and isinstance(changes, dict)):
            raise Nonconformity("/ps/test/state must answer with a digest and a map of changes")
        if not (isinstance(channels, int) and isinstance(handshakes, int)):
            raise Nonconformity("/ps/test/state must answer with numbers of channels and handshakes")
        return State(digest, changes, channels, handshakes)

    def _asked(self, message: Message | None) -> Asked | None:
        """Return the request of an honest peer whose protected part a datagram carries unaltered, if any."""
        if message is None or not message.is_request:
            return None
        return self.sightings.carried(message)

    def _repeated(self, data: bytes) -> bool:
        """Note a datagram; return whether the target took the same not long ago (MSG-330 to MSG-350)."""
        once = self._taken.get(data)
        self._taken[data] = _Once(self._link.sent, self.now)
        if once is None:
            return False
        return self._link.sent - once.sent < _REMEMBERED and self.now - once.now < _LIFETIME

    def _judge_answers(self, delivery: Delivery, message: Message | None, asked: Asked | None) -> None:
        """Judge what came back: a protected answer shows that the request was accepted."""
        for packet in delivery.emitted:
            fresh = self.sightings.sees(packet.data, asked if self._answers(packet.data, message) else None)
            reply = _decoded(packet.data)
            if not fresh or reply is None or not reply.is_response or message is None or not message.is_request:
                continue
            self._ended += message.payload[:1] != TRUE and reply.payload in _REFUSALS
            if reply.option(Option.OSCORE) is None:
                continue
            sent = asked is not None
            detail = f"{delivery.act}: a request that no peer sent was answered over the channel"
            self._tally.hold(Invariant.AUTHENTIC, sent, "CHN-750", detail)
            assert asked is not None
            plain = self.sightings.opened(reply, asked)
            if plain is not None and plain.code == Code.UNAUTHORIZED and plain.option(Option.ECHO) is not None:
                continue  # asks for proof of freshness (CHN-860) instead of acting
            detail = f"{asked.label} was answered over the channel before"
            self._tally.hold(Invariant.ACTED_ONCE, not asked.accepted, "CHN-720", detail)
            asked.accepted = True
            if plain is not None and not {number for number, _value in message.options} & OUTER_OPTIONS:
                right = (plain.code >> 5 == 4) == (asked.what == "odd")
                detail = f"what stands outside of {asked.label} turned the answer into {code_text(plain.code)}"
                self._tally.hold(Invariant.AUTHENTIC, right, "CHN-760", detail)

    @staticmethod
    def _answers(data: bytes, message: Message | None) -> bool:
        reply = _decoded(data)
        return reply is not None and message is not None and reply.is_response and reply.token == message.token

    def _judge_changes(self, before: State, message: Message | None, asked: Asked | None, *, again: bool) -> None:
        """Judge what changed: one honest request changes one resource once."""
        resources = self._link.manifest.resources
        for path, count in self.state.changes.items():
            more = count - before.changes.get(path, 0)
            if more <= 0:
                continue
            if path == resources.or_nowhere("put"):
                self._tally.hold(Invariant.ACTED_ONCE, not again, "MSG-330", "a repeated request was acted on again")
                continue
            self._tally.hold(
                Invariant.AUTHENTIC,
                asked is not None and asked.what == "write",
                "CHN-750",
                f"{path} was changed by what no peer sent",
            )
            assert asked is not None
            once = more == 1 and not asked.acted
            self._tally.hold(Invariant.ACTED_ONCE, once, "CHN-720", f"{asked.label} was acted on again")
            asked.acted = True

    def _judge_event(self, event: Event, payload: bytes) -> None:
        """Judge what the target reports as a client and about channels."""
        handle = event.fields.get(0)
        if not isinstance(handle, int):
            handle = 0
        match event.name:
            case "response":
                self._judge_response(handle, event.fields)
            case "failed" | "reset":
                self._handles.pop(handle, None)
            case "channel-failed":
                self._opening.discard(handle)
            case "channel" if handle in self._renewing:
                self._renewing.discard(handle)
            case "channel":
                self._opening.discard(handle)
                peer = judge_channel(event, payload, self._control, self._cast, self._setting, self._tally)
                self.completed.append(peer)
                self._ended += event.fields.get(5) == "responder"

    def _judge_response(self, handle: int, fields: dict[int, Any]) -> None:
        path = self._handles.pop(handle, None)
        answers = {name: payload for party in self._cast.parties.values() for name, payload in party.answers.items()}
        genuine = path is not None and fields.get(3) is True and answers.get(path) == fields.get(2)
        detail = "the target took for its peer's answer what the peer did not send"
        self._tally.hold(Invariant.AUTHENTIC, genuine, "CHN-840" if path is None else "CHN-830", detail)

    def _judge_bounds(self) -> None:
        """Judge that the target keeps nothing for what was refused."""
        channels = self._provisioned + len(self.completed)
        detail = f"{self.state.channels} channels after {len(self.completed)} completed handshakes"
        self._tally.hold(Invariant.BOUNDED, self.state.channels <= channels, "CHN-540", detail)
        begun = len(self.sightings.responder_keys) - self._ended + len(self._opening) + self._invitations
        detail = f"{self.state.handshakes} handshakes in progress, though at most {begun} can be"
        self._tally.hold(Invariant.BOUNDED, self.state.handshakes <= begun, "CHN-540", detail)
        detail = f"{self.state.handshakes} handshakes in progress at one time"
        self._tally.hold(Invariant.BOUNDED, self.state.handshakes <= MOST_HANDSHAKES, "CHN-570", detail)


def _invites(message: Message) -> bool:
    """Whether a request asks its server for message_1 (RFC 9528 appendix A.2.2)."""
    path = tuple((int(number), value) for number, value in path_options(edhoc_coap.PATH))
    asked = tuple(option for option in message.options if option[0] == Option.URI_PATH)
    return message.code == Code.POST and asked == path and not message.payload


def _decoded(data: bytes) -> Message | None:
    try:
        return Message.decode(data)
    except ProtocolError:
        return None


def dead(error: Exception) -> Broken:
    """Return what a target has broken that stopped to answer, or answers the suite's own requests as it must not."""
    silent = isinstance(error, (Silence, TargetDied))
    return Broken(Invariant.ALIVE if silent else Invariant.RECOVERY, "CNF-510", str(error))


#: Answers that only come from a session that was in progress (CHN-540): ERR_CODE, ERR_INFO.
_REFUSALS = (
    b"\x01\x75authentication_failed",
    b"\x01\x6ebad_credential",
    b"\x01\x6ccritical_ead",
    b"\x03\xf5",
)
