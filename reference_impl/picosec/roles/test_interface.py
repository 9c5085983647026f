"""The device's side of the Test Interface (spec/v1/conformance.md): for test builds only.

It hands keys, clock and entropy to whoever asks, so a production build has none of it: nothing here is imported
unless ``--test-interface`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from hashlib import sha256
from typing import Any, Final

from picosec.channel.credentials import OwnCredential, Usage
from picosec.channel.delivery import DeliveryClass
from picosec.crypto.aead import Aead
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.blocks import BLOCK_SIZES
from picosec.messaging.coap import Code
from picosec.messaging.connections import Connection, Framing
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec.roles import events
from picosec.roles.device import DEFAULT_NAME, Device
from picosec.roles.keyring import ContextParameters, Keyring
from picosec.roles.resources import Access, Handler, Reply, Request, Resource
from picosec.roles.simulated import DEFAULT_SEED, ScriptedEntropy, VirtualClock
from picosec.roles.storage import MemoryShelf, MemoryStorage
from picosec.roles.test_attestation import read_tamper
from picosec.roles.test_events import event_row
from picosec.roles.test_fields import each, fields, mismatch, payload, some, typed, unsigned
from picosec.roles.test_gifts import READERS, read_gifts
from picosec.roles.test_identity import read_emergency
from picosec.roles.test_objects import read_draft, read_kid
from picosec.roles.test_policies import read_channel_policy, read_kind, read_policy, read_trusted
from picosec.roles.test_requests import ASKED, FIRST, asked
from picosec.roles.test_resources import Large, Store, slow
from picosec.roles.test_tokens import read_redemption

PREFIX: Final = "/ps/test"
FACTORY, REBOOT = 0, 1
#: Bytes of the longest output of the exporter.
MAX_EXPORT: Final = 8160
#: Seconds of the longest Hold-Off, and bytes of the longest Alternative-Address.
MAX_HOLD_OFF: Final = (1 << 24) - 1
MAX_AUTHORITY: Final = 255


class TestBuild:
    """A device, and around it the means to reset it, to set its clock and to foretell its entropy."""

    __test__ = False  # the name is the specification's; pytest need not look inside

    def __init__(self, name: str = DEFAULT_NAME) -> None:
        self.clock = VirtualClock()
        self._name = name
        self._outgoing: list[tuple[Hashable, bytes]] = []
        self._closing: list[Hashable] = []
        self._before_answer: Callable[[], None] | None = None
        self._connections: list[Connection] = []
        self._forgeable: Callable[[Hashable], bool] = lambda peer: False
        self._forget(DEFAULT_SEED)

    # -- what the loop calls -------------------------------------------------------------------------------------

    def receive(self, data: bytes, peer: Hashable, now: float) -> None:
        """Take one datagram, or what came on a connection.

        What a reset or an advance of the clock does comes after the device has taken the request, and is sent before
        the answer to it.
        """
        self._device.receive(data, peer, self.clock.now())
        self._device.next_timeout()  # as the loop would ask: what has no deadline any more is let go
        if self._before_answer is not None:
            answer = self._device.transmit()
            self._closing += self._device.closing()
            act, self._before_answer = self._before_answer, None
            act()
            self._outgoing += self._device.transmit() + answer

    def connected(self, peer: Hashable, now: float, framing: Framing = Framing.STREAM) -> None:
        """Take a connection that is open from now on."""
        self._device.connected(peer, self.clock.now(), framing)

    def disconnected(self, peer: Hashable, now: float) -> None:
        """Take the end of a connection."""
        self._device.disconnected(peer, self.clock.now())

    def closing(self) -> list[Hashable]:
        """Drain the connections to close."""
        closing, self._closing = self._closing, []
        return closing + self._device.closing()

    def mind(self, forgeable: Callable[[Hashable], bool]) -> None:
        """Take it that of these peers the address may be forged."""
        self._forgeable = forgeable
        self._device.mind(forgeable)

    def tick(self, now: float) -> None:
        """Do nothing: time passes through ``/ps/test/time`` alone."""

    def next_timeout(self) -> None:
        """Return None, for the same reason."""

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain the datagrams to send."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing + self._device.transmit()

    # -- lives of the device -------------------------------------------------------------------------------------

    def _forget(self, seed: bytes) -> None:
        self.clock.set(0.0)
        self._entropy = ScriptedEntropy(seed)
        self._storage = MemoryStorage()
        self._shelf = MemoryShelf()
        self._keyring = Keyring(software_vault(self._entropy))
        self._boot()

    def _boot(self) -> None:
        self._store = Store()
        self._large = Large()
        further = {
            "reset": _posted(self._reset),
            "provision": _posted(self._provision),
            "time": _posted(self._time),
            "entropy": _posted(self._queue_entropy),
            "act": _posted(self._act),
            "events": Resource({Code.POST: self._events}, Access.OPEN, gives=(CONTENT_FORMAT_CBOR,), attributes=None),
            "state": _read(self._state),
            "export": _posted(self._export),
            "store": self._store.resource(),
            "slow": slow(),
            "large": self._large.resource(),
        }
        resources = {f"{PREFIX}/{name}": resource for name, resource in further.items()}
        self._device = Device(
            self._entropy, self._keyring, name=self._name, further=resources, knows_date=False, shelf=self._shelf
        )
        self._copy = self._shelf.content
        self._device.mind(self._forgeable)
        self._device.adopt(self._connections, self.clock.now())

    def _reset(self, request: Request) -> Reply:
        entries = fields(payload(request.payload, dict), {0: int}, {1: bytes})
        match entries[0]:
            case 0:
                seed = entries.get(1, DEFAULT_SEED)
                self._before_answer = lambda: self._restart(lambda: self._forget(seed))
            case 1:
                self._before_answer = lambda: self._restart(self._boot)
            case 2:
                self._before_answer = lambda: self._restart(self._put_back)
            case kind:
                raise mismatch(f"no reset of kind {kind}")
        return Reply(Code.CHANGED)

    def _put_back(self) -> None:
        """Begin a life with the storage of the last beginning, as whoever copied it would."""
        self._shelf.content = self._copy
        self._boot()

    def _restart(self, life: Callable[[], None]) -> None:
        """Begin another life. Connections outlive this one; what was pending on them ends."""
        self._connections = self._device.connections()
        life()
        self._connections = []

    def _time(self, request: Request) -> Reply:
        target = self.clock.now() + unsigned(payload(request.payload, int)) / 1000
        self._before_answer = lambda: self._advance(target)
        return Reply(Code.CHANGED)

    def _advance(self, target: float) -> None:
        while (due := self._device.next_timeout()) is not None and due <= target:
            self.clock.set(max(due, self.clock.now()))
            self._device.tick(self.clock.now())
        self.clock.set(target)

    def _queue_entropy(self, request: Request) -> Reply:
        self._entropy.queue(payload(request.payload, bytes))
        return Reply(Code.CHANGED)

    # -- provisioning --------------------------------------------------------------------------------------------

    def _provision(self, request: Request) -> Reply:
        kinds = {1: list, 2: list, 3: list, 4: dict, **dict.fromkeys(READERS, dict)}
        entries = fields(payload(request.payload, dict), {}, kinds)
        gifts = read_gifts(entries, self._keyring.vault)
        self._device.provision(
            each(entries.get(1, []), self._own),
            each(entries.get(2, []), read_trusted),
            each(entries.get(3, []), self._context),
            read_policy(entries[4]) if 4 in entries else None,
            read_channel_policy(entries[4]) if 4 in entries else None,
        )
        for gift in gifts:
            gift.give_to(self._keyring)
        return Reply(Code.CHANGED)

    def _own(self, value: Any) -> OwnCredential:
        entries = fields(value, {1: str, 2: bytes, 3: bytes}, {4: bytes, 5: int})
        if entries.get(5, 0) not in (Usage.STATIC_DH, Usage.SIGNATURE):
            raise mismatch(f"no key usage {entries[5]}")
        usage = Usage(entries.get(5, 0))
        return self._keyring.own_credential(read_kind(entries[1]), entries[2], entries[3], usage, entries.get(4))

    def _context(self, value: Any) -> ContextParameters:
        entries = fields(value, {1: bytes, 2: bytes, 3: bytes}, {4: bytes, 5: bytes, 6: int, 7: int, 8: int})
        try:
            aead = Aead(entries.get(6, Aead.AES_CCM_16_64_128.value))
        except ValueError as error:
            raise mismatch(f"no AEAD algorithm {entries[6]}") from error
        return ContextParameters(
            entries[1],
            entries[2],
            entries[3],
            self._storage,
            entries.get(4, b""),
            entries.get(5),
            aead,
            entries.get(7, 0),
            entries.get(8, 0),
        )

    # -- acting and reporting ------------------------------------------------------------------------------------

    def _act(self, request: Request) -> Reply:
        match payload(request.payload, list):
            case [str(name), dict(parameters)] if name in self._acts:
                handle = self._acts[name](self, parameters, request)
            case _:
                raise mismatch("an act is its name and a map of parameters")
        return Reply(Code.CHANGED, cbor.dumps(handle), CONTENT_FORMAT_CBOR)

    def _ping(self, parameters: dict[int, Any], request: Request) -> int:
        fields(parameters, {}, {})
        return self._device.ping(request.peer, request.now)

    def _request(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, *ASKED)
        channel = self._device.channel(entries[5]) if 5 in entries else None
        if 7 in entries and entries[7] not in BLOCK_SIZES:
            raise mismatch(f"there are no blocks of {entries[7]} bytes")
        if 10 not in entries:
            return self._device.request(asked(entries), request.peer, request.now, channel, entries.get(7))
        if channel is None or 4 in entries or 7 in entries or entries[10] not in tuple(DeliveryClass):
            raise mismatch("a delivery class is that of a request over a channel, and decides how it is sent")
        return self._device.deliver(asked(entries), DeliveryClass(entries[10]), request.now, channel, request.peer)

    def _open(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {}, {1: int, 2: list, 3: str, 4: dict, 5: bool})
        suites = some(entries[2], unsigned) if 2 in entries else None
        kind = read_kind(entries[3]) if 3 in entries else None
        first = asked(fields(entries[4], *FIRST)) if 4 in entries else None
        if not entries.get(5, False):
            return self._device.open(request.peer, request.now, entries.get(1), suites, kind, first)
        if 1 in entries or kind is not None:
            raise mismatch("whoever responds does not choose the method")
        return self._device.invite(request.peer, request.now, suites, first)

    def _update_keys(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {1: bytes, 2: bytes}, {})
        return self._device.update_keys(self._device.channel(entries[1]), entries[2], request.now)

    def _close(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {1: bytes}, {})
        return self._device.close(self._device.channel(entries[1]), request.now)

    def _observe(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {2: str}, {4: bool, 5: bytes})
        channel = self._device.channel(entries[5]) if 5 in entries else None
        return self._device.observe(asked({1: Code.GET, **entries}), request.peer, request.now, channel)

    def _cancel(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {1: int}, {2: bool})
        handle: int = entries[1]
        self._device.cancel(handle, request.now, silently=entries.get(2, False))
        return handle

    def _renew(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {1: bytes}, {})
        return self._device.renew(self._device.channel(entries[1]), request.now)

    def _release(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {}, {1: list, 2: int})
        if request.peer not in (connection.peer for connection in self._device.connections()):
            raise mismatch("there is no connection to release")
        if entries.get(2, 0) > MAX_HOLD_OFF:
            raise mismatch("Hold-Off has three bytes at most")
        alternatives = some(entries[1], _authority) if 1 in entries else ()
        self._device.release(request.peer, request.now, alternatives, entries.get(2))
        return 0  # there is nothing to report of it

    def _object(self, parameters: dict[int, Any], request: Request) -> int:
        return self._device.make_object(read_draft(parameters), request.now)

    def _rotate(self, parameters: dict[int, Any], request: Request) -> int:
        fields(parameters, {}, {})
        return self._device.rotate(request.now)

    def _recover(self, parameters: dict[int, Any], request: Request) -> int:
        handle, committed = read_emergency(parameters, self._keyring.vault)
        return self._device.recover(handle, committed, request.now)

    def _present(self, parameters: dict[int, Any], request: Request) -> int:
        fields(parameters, {}, {})
        return self._device.present(request.peer, request.now)

    def _appraise(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {1: bytes}, {})
        return self._device.appraise(self._device.channel(entries[1]), request.now)

    def _tamper(self, parameters: dict[int, Any], request: Request) -> int:
        self._device.tampered(read_tamper(parameters), request.now)
        return 0  # there is nothing to report of it

    def _fetch_tokens(self, parameters: dict[int, Any], request: Request) -> int:
        entries = fields(parameters, {1: bytes, 2: bytes, 3: int}, {})
        return self._device.fetch_tokens(
            self._device.channel(entries[1]), read_kid(entries[2]), entries[3], request.now
        )

    def _redeem(self, parameters: dict[int, Any], request: Request) -> int:
        return self._device.redeem(*read_redemption(parameters), request.now)

    _acts: Final = {
        "ping": _ping,
        "request": _request,
        "observe": _observe,
        "cancel": _cancel,
        "open": _open,
        "key-update": _update_keys,
        "close": _close,
        "renew": _renew,
        "release": _release,
        "object": _object,
        "rotate": _rotate,
        "recover": _recover,
        "present": _present,
        "appraise": _appraise,
        "tamper": _tamper,
        "fetch-tokens": _fetch_tokens,
        "redeem": _redeem,
    }

    def _events(self, request: Request) -> Reply:
        happened = [event for event in self._device.events() if not isinstance(event, events.Released)]
        return Reply(Code.CHANGED, cbor.dumps([event_row(event) for event in happened]), CONTENT_FORMAT_CBOR)

    def _state(self, request: Request) -> Reply:
        device, store, large = self._device, self._store, self._large
        changes = device.changes()
        for name, resource in (("store", store), ("large", large)):
            if resource.changes:
                changes[f"{PREFIX}/{name}"] = resource.changes
        kept = [store.content, store.changes, large.content, large.changes]
        everything = [device.state(), self._keyring.state(), *kept]
        digest = sha256(cbor.dumps(everything)).digest()
        return _content({0: digest, 1: changes, 2: len(device.channels), 3: device.handshakes, 4: device.transfers})

    def _export(self, request: Request) -> Reply:
        entries = fields(payload(request.payload, dict), {0: bytes, 1: int, 2: bytes, 3: int}, {})
        session = self._device.channel(entries[0]).session
        if session is None or not 0 < entries[3] <= MAX_EXPORT or entries[1] > 0xFFFF:
            raise ProtocolError(Problem.BAD_REQUEST, "CNF-460", "nothing to export")
        exported = session.export(entries[1], entries[2], entries[3])
        return Reply(Code.CHANGED, cbor.dumps(exported), CONTENT_FORMAT_CBOR)


def _posted(handler: Handler) -> Resource:
    return Resource({Code.POST: handler}, Access.OPEN, takes=(CONTENT_FORMAT_CBOR,), attributes=None)


def _read(handler: Handler) -> Resource:
    return Resource({Code.GET: handler}, Access.OPEN, gives=(CONTENT_FORMAT_CBOR,), attributes=None)


def _content(value: Any) -> Reply:
    return Reply(Code.CONTENT, cbor.dumps(value), CONTENT_FORMAT_CBOR)


def _authority(value: Any) -> str:
    if not 0 < len(typed(value, str).encode()) <= MAX_AUTHORITY:
        raise mismatch("an alternative address has 1 to 255 bytes")
    return typed(value, str)
