"""The implementation under test as a test sees it: send, ask, and find out what a frame did (CNF-400 and on)."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import cast

from picosec.errors import ProtocolError
from picosec.messaging import problem as problem_details
from picosec.messaging.blocks import Block
from picosec.messaging.coap import Code, Message, Option, Type, code_text, path_options, uint_bytes
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec.registry import CONTENT_FORMAT_PROBLEM_DETAILS, Problem
from picosec_conformance.adapters import Adapter, AdapterError, ConnectionEnded, TargetDied
from picosec_conformance.adapters.base import Connection, Ending
from picosec_conformance.forms import FORMS, describe
from picosec_conformance.manifest import Manifest, NotGiven
from picosec_conformance.report.model import Direction, Frame, Layer

#: What the suite says of itself unless a test says otherwise: what is true of every endpoint.
_CSM = StreamMessage(Signal.CSM)

_INTERFACE = "/ps/test/"


#: The part of the time for an answer in which a connection that ends has ended.
_GRACE = 20

#: Several times the frames of the longest conversation that any test has with a target.
MOST_FRAMES = 20_000


class Nonconformity(AssertionError):
    """The target did what the specification forbids, or did not do what it demands."""


class Silence(Nonconformity):
    """The target owed an answer and gave none in the time that the manifest allows."""


class Record:
    """The frames of a test on all links, in the order in which they passed."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the frames so far, and count time from now."""
        self.frames: list[Frame] = []
        self._began = time.monotonic()

    def add(self, direction: Direction, data: bytes, note: str, layer: Layer, link: str) -> None:
        """Note one frame. Raises ``Nonconformity`` for one too many: whatever a target does, each test has an end."""
        if len(self.frames) == MOST_FRAMES:
            raise Nonconformity(f"after {MOST_FRAMES:,} frames the target has not done what the test waits for")
        self.frames.append(Frame(direction, time.monotonic() - self._began, data, note, layer, link=link))


class Target:
    """One target on one link. Every frame in either direction goes into the record, which links may share.

    ``link`` names a further link; power is taken away and given back by ``power_cycle``, else through the link.
    """

    def __init__(
        self,
        adapter: Adapter,
        manifest: Manifest,
        record: Record | None = None,
        link: str = "",
        power_cycle: Callable[[], None] | None = None,
    ) -> None:
        self._adapter = adapter
        self.manifest = manifest
        self.framing = adapter.framing
        self.form = FORMS[adapter.framing]
        self.link = link
        self.record = Record() if record is None else record
        #: Take the target's power away and give it back. Raises ``AdapterError`` when there is no means to.
        self.power_cycle = power_cycle or adapter.power_cycle
        self._early: deque[bytes] = deque()
        self._ending = False
        #: What the target said of itself at the beginning of the connection.
        self.csm = StreamMessage(Signal.CSM)
        #: The last message id that was taken. Where no reset makes a target forget it, the next test goes on behind it.
        self.message_id = 0
        self._token = 0
        self._called = self._awaited = False
        self._tokens: set[bytes] = set()
        self._ids: set[bytes] = set()
        #: Called before handshakes with a black box, which may not have room for many.
        self.renew: Callable[[], None] = lambda: None
        #: Reads back, and first sets, what requests over a channel change; given by whoever has the channel.
        self.over_channel: Callable[[], bytes] | None = None

    def begin(self, rng: random.Random) -> None:
        """Start a test: fresh message ids and tokens, nothing left on the link from the test before.

        A link that makes connections gets a new one.
        """
        self.message_id = rng.randrange(1 << 16)
        self._token = rng.randrange(1 << 32)
        if not self.form.datagrams:
            self.connect()
            return
        while self._adapter.receive(0) is not None:
            pass
        self._early.clear()
        self._called = False
        self._tokens.clear()
        self._ids.clear()
        self.over_channel = None

    def introduce(self) -> None:
        """Show a target that wonders whether anybody is at this link's address that somebody is (MSG-1910)."""
        if self.framing != "datagram" or not self.manifest.resources.given("get"):
            return
        request = self.build(Code.GET, self.manifest.resources.get)
        reply = self.exchange(request)
        value = reply.option(Option.ECHO)
        if value is not None:
            proof = replace(request, message_id=self.fresh_message_id(), token=self.fresh_token())
            self.exchange(replace(proof, options=(*proof.options, (int(Option.ECHO), value))))

    @property
    def frames(self) -> list[Frame]:
        """The frames of the test so far, on all links."""
        return self.record.frames

    def record_from_here(self) -> None:
        """Forget the frames so far, those also that came late for the test before, and count time from now."""
        self._early.clear()
        self.record.begin()

    def annotate(self, note: str) -> None:
        """Say of the last frame received what its bytes do not show."""
        last = max((at for at, frame in enumerate(self.frames) if frame.direction == "received"), default=None)
        if last is not None:
            self.frames[last] = replace(self.frames[last], note=note)

    def fresh_message_id(self) -> int:
        """Return a message id that this test has not used."""
        self.message_id = (self.message_id + 1) & 0xFFFF
        return self.message_id

    def fresh_token(self) -> bytes:
        """Return a four-byte token that this test has not used."""
        self._token = (self._token + 1) & 0xFFFFFFFF
        return self._token.to_bytes(4, "big")

    def build(
        self,
        code: int,
        path: str = "",
        payload: bytes = b"",
        *,
        kind: Type = Type.CON,
        content_format: int | None = None,
        options: tuple[tuple[int, bytes], ...] = (),
    ) -> Message:
        """Return a request with a fresh message id and token; ``options`` are added to those of path and format.

        Raises ``NotGiven`` for a resource of the Test Interface on a target without it.
        """
        if self.manifest.black_box and path.startswith(_INTERFACE):
            raise NotGiven(f"only the Test Interface could do it ({path})")
        every = path_options(path) + tuple(options)
        if content_format is not None:
            every += ((Option.CONTENT_FORMAT, uint_bytes(content_format)),)
        ordered = tuple(sorted(every, key=lambda option: option[0]))
        return Message(kind, code, self.fresh_message_id(), self.fresh_token(), ordered, payload)

    def connect(self, csm: StreamMessage | None = _CSM) -> None:
        """Make a new connection in place of the one there is; say ``csm`` and hear what the target says of itself.

        Without a ``csm`` nothing is said or awaited.
        """
        self._early.clear()
        self._ending = False
        self._connection.connect()
        if csm is not None:
            self.send(csm)
            self.csm = self.receive_signal(Signal.CSM)

    def move(self) -> None:
        """Go on from another address, on a link where each of them is as good as another."""
        self._early.clear()
        self._connection.connect()

    def connect_bare(self) -> None:
        """Make a connection that is not even a WebSocket yet: for raw bytes."""
        self._early.clear()
        self._ending = False
        self._connection.connect(bare=True)

    def disconnect(self, ending: Ending = Ending.CLOSE) -> None:
        """End the connection, or our half of it."""
        self._connection.disconnect(ending)

    @property
    def _connection(self) -> Connection:
        return cast(Connection, self._adapter)

    def send(self, frame: Message | StreamMessage | bytes, note: str = "") -> None:
        """Send one frame. Raises ``NotGiven`` for a client that has not called."""
        if self.manifest.calls and not self._called:
            raise NotGiven("a client can be told something only after it has called")
        data = frame if isinstance(frame, bytes) else self.form.encode(frame)
        self.record.add("sent", data, note, self.form.layer, self.link)
        if self.form.datagrams:
            self._tokens.add(data[4 : 4 + (data[0] & 0x0F)] if data else b"")
            self._ids.add(data[2:4])
        self._adapter.send(data)

    def send_raw(self, data: bytes, note: str = "") -> None:
        """Send bytes as they are to appear on a byte stream, to attack its framing."""
        self.record.add("sent", data, note, "slipmux" if self.form.datagrams else "stream", self.link)
        self._adapter.send_raw(data)

    def receive_bytes(self, timeout: float | None = None) -> bytes | None:
        """Return the next frame as it came, or ``None`` when none comes in time.

        Raises ``ConnectionEnded`` when the target ended the connection; when somebody reset it, ``TargetDied`` or
        ``AdapterError``, after whether the target takes another one.
        """
        if self._early:
            return self._early.popleft()
        data = self._received(timeout)
        while data is not None and self.manifest.black_box and self._is_late(data):
            if data[0] >> 4 & 3 == Type.CON:
                self._adapter.send(Message(Type.RST, Code.EMPTY, int.from_bytes(data[2:4], "big")).encode())
            data = self._received(timeout)
        if data is not None:
            self.record.add("received", data, "", self.form.layer, self.link)
        return data

    def _received(self, timeout: float | None) -> bytes | None:
        try:
            return self._adapter.receive(self.manifest.answer_timeout if timeout is None else timeout)
        except ConnectionEnded as ended:
            if self.manifest.calls:
                raise NotGiven("the client had ended, and nobody can be asked any more") from ended
            if ended.reset and not self._ending:
                self._explain_reset()
            raise

    def _is_late(self, data: bytes) -> bool:
        """Whether this answers a test before: no reset makes a black box forget that it owes something."""
        if not self.form.datagrams or len(data) < 4 or not self._ids:
            return False
        if data[0] >> 4 & 3 in (Type.ACK, Type.RST):
            return data[2:4] not in self._ids
        token = data[4 : 4 + (data[0] & 0x0F)]
        return data[1] >> 5 in (2, 4, 5) and token not in self._tokens

    def _explain_reset(self) -> None:
        """Tell a target that died from a network that lost a connection, by whether the target is still there."""
        self._ending = True
        try:
            self.connect()
            self._ending = True
            self.until_probe_answered()
        except (AdapterError, AssertionError) as error:
            raise TargetDied(f"the connection was reset, and the target does not take another: {error}") from error
        raise AdapterError("the connection was reset, and the target is alive: what lies between it and the suite?")

    def until_ended(self) -> list[StreamMessage]:
        """Return what the target says before it ends the connection. Raises ``Silence`` when it does not end it.

        A Ping that is answered after a while shows that it does not; nobody has to wait until a pause is long enough.
        """
        said: list[StreamMessage] = []
        token = self.fresh_token()
        self._ending = True
        try:
            while (data := self.receive_bytes(self.manifest.answer_timeout / _GRACE)) is not None:
                said.append(self.read(data))
            self.send(StreamMessage(Signal.PING, token), "is the connection still there?")
            while (data := self.receive_bytes()) is not None and not self.form.answers(data, 0, token):
                said.append(self.read(data))
        except ConnectionEnded:
            return said
        finally:
            self._ending = False
        raise Silence("the target keeps a connection that it has to end")

    def receive_signal(self, code: int) -> StreamMessage:
        """Return the next message, which has to be this signal. Raises ``Silence`` or ``Nonconformity``."""
        data = self.receive_bytes()
        if data is None:
            raise Silence(f"expected {describe(code)}; the target stayed silent")
        found = self.read(data)
        if found.code != code:
            raise Nonconformity(f"expected {describe(code)}, got {describe(found.code)}")
        return found

    def read(self, data: bytes) -> StreamMessage:
        """Decode what the target sent on a stream. Raises ``Nonconformity`` when it is not a CoAP message."""
        try:
            return StreamMessage.of(self.form.decode(data))
        except ProtocolError as error:
            raise Nonconformity(f"the target sent bytes that are no CoAP message: {error}") from error

    def receive(self, expecting: str = "a message") -> Message:
        """Return the next message. Raises ``Silence`` when none comes, ``Nonconformity`` when it does not parse."""
        patience = self.manifest.call_timeout if self._awaited else self.manifest.answer_timeout
        self._awaited = False
        data = self.receive_bytes(patience)
        if data is None:
            raise Silence(f"expected {expecting}; the target stayed silent for {patience:g} s")
        return self.parse(data)

    def parse(self, data: bytes) -> Message:
        """Decode what the target sent. Raises ``Nonconformity`` when it is not a CoAP message."""
        try:
            return self.form.decode(data)
        except ProtocolError as error:
            raise Nonconformity(f"the target sent bytes that are no CoAP message: {error}") from error

    def exchange(self, request: Message, note: str = "") -> Message:
        """Send a request and return its response, piggybacked or separate; a separate one is acknowledged.

        Raises ``Silence``, and ``Nonconformity`` when the target resets the request.
        """
        self.send(request, note)
        return self.response_to(request)

    def response_to(self, request: Message) -> Message:
        """Wait for the response to a request already sent. Other frames that come first are kept for ``receive``."""
        early: list[bytes] = []
        while True:
            data = self.receive_bytes()
            if data is None:
                raise Silence(
                    f"{code_text(request.code)} {request.path} stayed unanswered for {self.manifest.answer_timeout:g} s"
                )
            reply = self.parse(data)
            if self.form.datagrams and reply.type == Type.RST and reply.message_id == request.message_id:
                raise Nonconformity("the target reset the request")
            if reply.code != Code.EMPTY and reply.token == request.token:
                break
            if (reply.type, reply.code, reply.message_id) != (Type.ACK, Code.EMPTY, request.message_id):
                early.append(data)
        self._early.extend(early)
        if reply.type == Type.CON and self.form.datagrams:
            self.send(Message(Type.ACK, Code.EMPTY, reply.message_id))
        return reply

    def request(
        self,
        code: int,
        path: str,
        payload: bytes = b"",
        *,
        kind: Type = Type.CON,
        content_format: int | None = None,
        options: tuple[tuple[int, bytes], ...] = (),
    ) -> Message:
        """Build a request, send it and return the response, with the whole of a body that comes in blocks."""
        request = self.build(code, path, payload, kind=kind, content_format=content_format, options=options)
        reply = self.exchange(request)
        return self._with_the_rest(request, reply) if reply.option(Option.BLOCK2) is not None else reply

    def _with_the_rest(self, request: Message, reply: Message) -> Message:
        """Fetch what comes behind the first block of a response."""
        body = reply.payload
        while (block := Block.decode(reply.option(Option.BLOCK2) or b"")).more:
            further = Block(len(body) // block.size, False, block.exponent).option(Option.BLOCK2)
            options = tuple(sorted((*request.options, further), key=lambda option: option[0]))
            mid, token = self.fresh_message_id(), self.fresh_token()
            reply = self.exchange(replace(request, message_id=mid, token=token, options=options, payload=b""))
            if reply.code >> 5 != 2 or not reply.payload:
                raise Nonconformity(f"the block at byte {len(body)} of {request.path} is missing")
            body += reply.payload
        return replace(reply, payload=body)

    def replies_to(self, frame: Message | bytes, note: str = "") -> list[bytes]:
        """Return everything that the target sends on account of a frame.

        A probe (a ping of the link's kind) goes behind the frame on the same ordered link: what comes before the
        probe's answer is on account of the frame, and nothing at all is silence. No waiting. Raises ``Silence`` when
        the probe stays unanswered: the target hangs or died.
        """
        self.send(frame, note)
        return self.until_probe_answered()

    def replies_to_raw(self, data: bytes, note: str = "") -> list[bytes]:
        """Like ``replies_to``, for bytes that attack the framing."""
        self.send_raw(data, note)
        return self.until_probe_answered()

    def provoke(self, frame: bytes, note: str = "") -> None:
        """Send anything, and see that the target is alive, on a connection that is not the one it may have ended."""
        self.send(frame, note)
        if not self.form.datagrams:
            self.connect()
        self.until_probe_answered()

    def until_probe_answered(self) -> list[bytes]:
        """Send a probe and return what the target sends before it answers."""
        if self.manifest.calls:
            return self._behind()  # nobody calls a client, which may have done its work and gone
        message_id = self.fresh_message_id()
        token = b"" if self.form.datagrams else self.fresh_token()
        self.send(self.form.probe(message_id, token), "probe")
        before: list[bytes] = []
        while True:
            data = self.receive_bytes()
            if data is None:
                raise Silence("the target does not answer a probe any more")
            if self.form.answers(data, message_id, token):
                return before + self._behind()
            before.append(data)

    def call(self, path: str) -> None:
        """Have the target, a client, called: it sends a request for a path."""
        self._called = self._awaited = True
        self._tokens.clear()
        self._ids.clear()
        self._adapter.send_raw(path.encode())

    def _behind(self) -> list[bytes]:
        """Return what still comes after a probe was answered: a black box need not answer in order."""
        late: list[bytes] = []
        with suppress(NotGiven):
            while self.manifest.quiet_timeout and (data := self.receive_bytes(self.manifest.quiet_timeout)) is not None:
                late.append(data)
        return late

    def replies(self, frame: Message | bytes, note: str = "") -> list[Message]:
        """Like ``replies_to``, with every frame decoded."""
        return [self.parse(data) for data in self.replies_to(frame, note)]

    def reply_to(self, frame: Message | bytes, note: str = "") -> Message:
        """Return the one message that a frame brings forth. Raises ``Nonconformity`` for none or several."""
        replies = self.replies(frame, note)
        if not replies and self.manifest.black_box:
            replies = [self.receive("an answer")]
        if len(replies) != 1:
            raise Nonconformity(f"expected one message in answer, got {len(replies)}")
        return replies[0]

    def has_problem(self, reply: Message, problem: Problem) -> bool:
        """Whether a response explains itself with this error.

        True without looking when the target does not declare problem details: the response code is then all there is.
        """
        if not self.manifest.declares("messaging.problem-details"):
            return True
        if reply.content_format != CONTENT_FORMAT_PROBLEM_DETAILS:
            return False
        try:
            return problem_details.decode(reply.payload) is problem
        except ProtocolError:
            return False

    def expect_refusal(self, reply: Message, code: int, problem: Problem) -> None:
        """Raise ``Nonconformity`` unless a response refuses with this code and error."""
        if reply.code != code:
            raise Nonconformity(f"expected {code_text(code)} ({problem.name.lower()}), got {code_text(reply.code)}")
        if not self.has_problem(reply, problem):
            raise Nonconformity(
                f"{code_text(code)} is right, but its problem details do not say {problem.name.lower()!r}"
            )

    @contextmanager
    def expect_unchanged(self) -> Iterator[None]:
        """Judge that what happens inside changes nothing and leaves the target alive.

        With the Test Interface the state digest is compared; without it, what the resources answer that the manifest
        names: those that requests change are first set to a value that no test writes.
        """
        if self.manifest.black_box:
            self._level()
        before = self._fingerprint()
        yield
        self.until_probe_answered()
        after = self._fingerprint()
        if before != after:
            raise Nonconformity("a rejected message changed the target's state")

    def _fingerprint(self) -> bytes:
        if self.manifest.declares("conformance.test-interface"):
            reply = self.request(Code.GET, "/ps/test/state")
            if reply.code != Code.CONTENT:
                raise Nonconformity(f"/ps/test/state answered {code_text(reply.code)}")
            return reply.payload
        resources = self.manifest.resources
        values = [
            self.request(Code.GET, getattr(resources, role)).payload for role in ("get", "put") if resources.given(role)
        ]
        return b"|".join(values + ([self.over_channel()] if self.over_channel is not None else []))

    def _level(self) -> None:
        if self.manifest.resources.given("put"):
            self.request(Code.PUT, self.manifest.resources.put, b"as it was")
