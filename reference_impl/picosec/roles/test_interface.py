"""The device's side of the Test Interface (spec/v1/conformance.md): for test builds only.

It hands keys, clock and entropy to whoever asks, so a production build has none of it: nothing here is imported
unless ``--test-interface`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from hashlib import sha256
from typing import Any, Final

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_OCTET_STREAM, Problem
from picosec.roles.device import Device
from picosec.roles.resources import Access, Handler, Reply, Request, Resource
from picosec.roles.simulated import DEFAULT_SEED, ScriptedEntropy, VirtualClock

PREFIX: Final = "/ps/test"
FACTORY, REBOOT = 0, 1
#: Seconds until ``/ps/test/slow`` answers.
SLOW: Final = 1.0


class TestBuild:
    """A device, and around it the means to reset it, to set its clock and to foretell its entropy."""

    __test__ = False  # the name is the specification's; pytest need not look inside

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self._entropy = ScriptedEntropy()
        self._outgoing: list[tuple[Hashable, bytes]] = []
        self._after_answer: Callable[[], None] | None = None
        self._boot()

    def receive(self, datagram: bytes, peer: Hashable, now: float) -> None:
        """Take one datagram; a reset that it asks for happens once the answer is on its way."""
        self._device.receive(datagram, peer, self.clock.now())
        if self._after_answer is not None:
            self._outgoing += self._device.transmit()
            restart, self._after_answer = self._after_answer, None
            restart()

    def tick(self, now: float) -> None:
        """Do nothing: time passes through ``/ps/test/time`` alone."""

    def next_timeout(self) -> None:
        """Return None, for the same reason."""

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain the datagrams to send."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing + self._device.transmit()

    def _boot(self) -> None:
        self._store = Store()
        further = {
            f"{PREFIX}/reset": _posted(self._reset),
            f"{PREFIX}/time": _posted(self._time),
            f"{PREFIX}/entropy": _posted(self._queue_entropy),
            f"{PREFIX}/state": _read(self._state),
            f"{PREFIX}/store": self._store.resource(),
        }
        self._device = Device(self._entropy, further=further)

    def _reset(self, request: Request) -> Reply:
        fields = _fields(cbor.loads(request.payload), {0: int}, {1: bytes})
        kind, seed = fields[0], fields.get(1, DEFAULT_SEED)
        if kind not in (FACTORY, REBOOT):
            raise _mismatch(f"kind {kind}")

        def restart() -> None:
            if kind == FACTORY:
                self.clock.set(0.0)
                self._entropy = ScriptedEntropy(seed)
            self._boot()

        self._after_answer = restart
        return Reply(Code.CHANGED)

    def _time(self, request: Request) -> Reply:
        milliseconds = cbor.loads(request.payload)
        if not _is(milliseconds, int) or milliseconds < 0:
            raise _mismatch("time is a number of milliseconds")
        target = self.clock.now() + milliseconds / 1000
        while (due := self._device.next_timeout()) is not None and due <= target:
            self.clock.set(max(due, self.clock.now()))
            self._device.tick(self.clock.now())
        self.clock.set(target)
        return Reply(Code.CHANGED)

    def _queue_entropy(self, request: Request) -> Reply:
        data = cbor.loads(request.payload)
        if not _is(data, bytes):
            raise _mismatch("entropy is a byte string")
        self._entropy.queue(data)
        return Reply(Code.CHANGED)

    def _state(self, request: Request) -> Reply:
        store = self._store
        state = [self._device.state(), store.content, store.changes]
        changes = self._device.changes() | ({f"{PREFIX}/store": store.changes} if store.changes else {})
        digest = sha256(cbor.dumps(state)).digest()
        return _content({0: digest, 1: changes, 2: 0, 3: 0})


class Store:
    """Keeps bytes for anyone and counts how often they were changed."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.changes = 0

    def resource(self) -> Resource:
        """Return it as an unprotected resource."""
        handlers: dict[int, Handler] = {Code.GET: self._get, Code.PUT: self._put, Code.DELETE: self._delete}
        return Resource(handlers, Access.OPEN, attributes=None)

    def _get(self, request: Request) -> Reply:
        if self.content is None:
            raise ProtocolError(Problem.NOT_FOUND, "CNF-430", "the store is empty")
        return Reply(Code.CONTENT, self.content, CONTENT_FORMAT_OCTET_STREAM)

    def _put(self, request: Request) -> Reply:
        self.content = request.payload
        self.changes += 1
        return Reply(Code.CHANGED)

    def _delete(self, request: Request) -> Reply:
        self.content = None
        self.changes += 1
        return Reply(Code.DELETED)


def _posted(handler: Handler) -> Resource:
    return Resource({Code.POST: handler}, Access.OPEN, takes=(CONTENT_FORMAT_CBOR,), attributes=None)


def _read(handler: Handler) -> Resource:
    return Resource({Code.GET: handler}, Access.OPEN, gives=(CONTENT_FORMAT_CBOR,), attributes=None)


def _content(value: Any) -> Reply:
    return Reply(Code.CONTENT, cbor.dumps(value), CONTENT_FORMAT_CBOR)


def _is(value: Any, kind: type) -> bool:
    """Whether a decoded item is of one CBOR type; in Python, true and false would pass for integers."""
    return type(value) is kind


def _fields(value: Any, required: Mapping[int, type], optional: Mapping[int, type]) -> dict[int, Any]:
    """Return a map whose keys and types are as the grammar says; raises ``bad_request`` (CNF-030)."""
    if not _is(value, dict):
        raise _mismatch("not a map")
    types = {**required, **optional}
    for key, entry in value.items():
        if not _is(key, int) or key not in types or not _is(entry, types[key]):
            raise _mismatch(f"entry {key}")
    missing = required.keys() - value.keys()
    if missing:
        raise _mismatch(f"no entry {min(missing)}")
    return dict(value)


def _mismatch(detail: str) -> ProtocolError:
    return ProtocolError(Problem.BAD_REQUEST, "CNF-030", detail)
