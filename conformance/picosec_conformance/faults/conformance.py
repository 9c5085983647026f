"""Faults of the Test Interface and of being a target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec.roles import device, resources, test_fields, test_interface, test_requests, test_resources
from picosec.roles.agent import Agent
from picosec.roles.resources import Reply, Request
from picosec.roles.simulated import ScriptedEntropy
from picosec.roles.test_interface import Store, TestBuild
from picosec_conformance.faults import fault


@fault("CNF-010")
def ships_with_the_test_interface() -> None:
    """The debug build goes to the factory: a production image answers whoever knows the path."""
    original = device.Device.__init__

    def with_a_back_door(self: device.Device, *arguments: Any, **named: Any) -> None:
        further = {"/ps/test/state": test_interface._read(lambda request: Reply(Code.CONTENT))}
        original(self, *arguments, **{**named, "further": {**further, **(named.get("further") or {})}})

    device.Device.__init__ = with_a_back_door


@fault("CNF-020")
def takes_any_cbor_for_control() -> None:
    """A lenient decoder from the shelf: long forms pass, and two stacks disagree on what was said."""
    import cbor2

    test_fields.cbor = _Lenient(cbor2.loads)


class _Lenient:
    def __init__(self, loads: Any) -> None:
        self._loads = loads

    def loads(self, data: bytes) -> Any:
        try:
            return self._loads(data)
        except Exception as error:
            raise ProtocolError(Problem.MALFORMED, "CNF-020") from error


@fault("CNF-030")
def ignores_unknown_fields() -> None:
    """Unknown keys are skipped for the sake of the future: a misspelt setting is silently not set."""
    original = test_fields.fields

    def lenient(value: Any, required: Any, optional: Any) -> dict[int, Any]:
        known = {key: value[key] for key in value if key in required or key in optional}
        return original(known, required, optional)

    test_interface.fields = lenient


@fault("CNF-040")
def provisions_by_halves() -> None:
    """Entries are taken in one by one until one is wrong: the device ends up half somebody's."""
    original = TestBuild._context

    def eager(self: TestBuild, value: Any) -> Any:
        context = original(self, value)
        self._device.provision((), (), [context])
        return context

    TestBuild._context = eager


@fault("CNF-050")
def takes_every_method() -> None:
    """A dispatcher that looks at the path alone: a GET from a crawler resets the device."""
    original = resources.Site.answer

    def answer(self: resources.Site, request: Request) -> Reply:
        resource = self._resources.get(request.path)
        if resource is not None and request.code not in resource.handlers:
            return Reply(Code.CHANGED)
        return original(self, request)

    resources.Site.answer = answer


@fault("CNF-100")
def resets_only_the_counters() -> None:
    """A factory reset that leaves keys in flash: the second owner's lamp obeys the first."""
    original = TestBuild._forget

    def forgetful(self: TestBuild, seed: bytes) -> None:
        if hasattr(self, "_keyring"):
            self.clock.set(0.0)
            self._entropy = ScriptedEntropy(seed)
            self._boot()
        else:
            original(self, seed)

    TestBuild._forget = forgetful


@fault("CNF-110")
def mixes_in_real_entropy() -> None:
    """A test build that keeps its hardware generator running: no failure can be repeated."""
    import secrets

    ScriptedEntropy.__call__ = lambda self, count: secrets.token_bytes(count)


@fault("CNF-120")
def ignores_the_seed() -> None:
    """A generator with a fixed seed: every device of a series makes the same keys (compare CVE-2008-0166)."""
    original = ScriptedEntropy.__init__

    def fixed(self: ScriptedEntropy, seed: bytes = b"") -> None:
        original(self, b"always the same")

    ScriptedEntropy.__init__ = fixed


@fault("CNF-130")
def forgets_contexts_at_reboot() -> None:
    """Provisioned contexts live in memory alone: after a power cut every lamp has to be enrolled again."""

    def boot_as_new(self: TestBuild) -> None:
        self._keyring.contexts = ()
        original(self)

    original = TestBuild._boot
    TestBuild._boot = boot_as_new


@fault("CNF-140")
def keeps_sessions_over_a_reboot() -> None:
    """Session keys are written to flash for a quick start: a stolen device without power gives them away."""
    original = TestBuild._boot

    def boot(self: TestBuild) -> None:
        before = getattr(self, "_device", None)
        original(self)
        if before is not None:
            self._device.channels = before.channels

    TestBuild._boot = boot


@fault("CNF-200")
def runs_on_its_own_clock() -> None:
    """A retransmission timer on the wall clock: what one run sees the next one misses."""
    original = TestBuild.receive

    def receive(self: TestBuild, datagram: bytes, peer: Any, now: float) -> None:
        original(self, datagram, peer, now)
        self._advance(self.clock.now() + 1.0)

    TestBuild.receive = receive


@fault("CNF-210")
def answers_before_it_is_due() -> None:
    """The clock is moved after the answer is out: the suite looks too early and sees nothing."""

    def receive(self: TestBuild, datagram: bytes, peer: Any, now: float) -> None:
        self._device.receive(datagram, peer, self.clock.now())
        if self._before_answer is not None:
            answer = self._device.transmit()
            act, self._before_answer = self._before_answer, None
            act()
            self._outgoing += answer + self._device.transmit()

    TestBuild.receive = receive


@fault("CNF-220")
def ignores_queued_entropy() -> None:
    """Injected entropy goes nowhere: a published trace cannot be reproduced on the device."""
    ScriptedEntropy.queue = lambda self, data: None


@fault("CNF-300")
def sends_everything_confirmable() -> None:
    """The reliability that was asked for is dropped on the way to the message layer."""
    original = Agent.request

    def request(self: Agent, message: Any, *arguments: Any) -> int:

        return original(self, replace(message, type=0), *arguments)

    Agent.request = request


@fault("CNF-820")
def leaves_the_demanded_options_out() -> None:
    """Code, path and payload make a request; whatever else was demanded is lost."""
    test_requests._demanded = lambda value: ()


@fault("CNF-820")
def sends_one_option_of_a_kind() -> None:
    """Options are kept in a map, and the last query is the query."""
    original = test_requests._demanded
    test_requests._demanded = lambda value: tuple(dict(original(value)).items())


@fault("CNF-310")
def mixes_up_outcomes() -> None:
    """Answers are matched in the order of the questions: two that cross on the way are swapped."""
    original = TestBuild._events

    def events(self: TestBuild, request: Request) -> Reply:
        rows = cbor.loads(original(self, request).payload)
        handles = sorted(fields[0] for _, fields in rows)
        for handle, (_, fields) in zip(handles, rows, strict=True):
            fields[0] = handle
        return test_interface._content(rows)

    TestBuild._events = events


@fault("CNF-320")
def hands_out_one_handle() -> None:
    """Every act gets handle 1: whose outcome was it?"""
    Agent._new_handle = lambda self: 1


@fault("CNF-330")
def repeats_its_events() -> None:
    """Events stay in the list after a poll: a command that was carried out once looks like two."""
    Agent.events = lambda self: list(self._events)


@fault("CNF-340")
def pings_without_telling() -> None:
    """The answer to a ping is swallowed by the message layer."""
    original = Agent.events
    Agent.events = lambda self: [event for event in original(self) if type(event).__name__ != "Pong"]


def _reports_instead(reason: str, other: str) -> None:
    """Report a failed handshake with another reason."""
    original = test_interface.event_row

    def event(happened: Any) -> list[Any]:
        name, entries = original(happened)
        if name == "channel-failed" and entries[1] == reason:
            return [name, {**entries, 1: other}]
        return [name, entries]

    test_interface.event_row = event


@fault("CNF-360")
def calls_every_reason_a_refusal() -> None:
    """An error message is an error message: "busy" comes out as "refused", and nobody tries again later."""
    _reports_instead("busy", "refused")


@fault("CNF-370")
def calls_an_unknown_credential_a_refusal() -> None:
    """ERR_CODE 3 has no text, so there is none to report: the credential that nobody knows is tried again."""
    _reports_instead("unknown_credential", "refused")


@fault("CNF-350")
def blames_itself_for_a_refusal() -> None:
    """Every end of a handshake is reported alike: whoever looks for the cause looks on the wrong side."""
    original = test_interface.event_row

    def event(happened: Any) -> list[Any]:
        name, entries = original(happened)
        return [name, {**entries, 1: "internal"}] if name == "channel-failed" else [name, entries]

    test_interface.event_row = event


@fault("CNF-400")
def digests_the_store_alone() -> None:
    """The digest leaves out what was provisioned: a rejected set-up that was kept is not noticed."""

    def state(self: TestBuild, request: Request) -> Reply:
        store = self._store
        changes = {"/ps/test/store": store.changes} if store.changes else {}
        return test_interface._content(
            {0: repr(store.content).encode(), 1: changes, 2: len(self._device.channels), 3: 0}
        )

    TestBuild._state = state


@fault("CNF-410")
def digests_the_number_of_requests() -> None:
    """Bookkeeping that counts as state: every look changes what is looked at."""
    looks = 0
    original = TestBuild._state

    def state(self: TestBuild, request: Request) -> Reply:
        nonlocal looks
        looks += 1
        return test_interface._content({**cbor.loads(original(self, request).payload), 0: looks.to_bytes(4, "big")})

    TestBuild._state = state


@fault("CNF-420")
def counts_only_new_values() -> None:
    """A write of the same value is optimised away: a command carried out twice looks like one."""
    original = Store._put

    def put(self: Store, request: Request) -> Reply:
        if request.payload == self.content:
            return Reply(Code.CHANGED)
        return original(self, request)

    Store._put = put


@fault("CNF-430")
def keeps_what_was_deleted() -> None:
    """DELETE answers well and deletes nothing: the guest's access code still works."""

    def delete(self: Store, request: Request) -> Reply:
        self.changes += 1
        return Reply(Code.DELETED)

    Store._delete = delete


@fault("CNF-440")
def answers_slow_requests_at_once() -> None:
    """No separate responses: a client that waits for a slow sensor repeats itself until it gives up."""
    test_resources.SLOW = 0.0


@fault("CNF-450")
def exports_without_the_context() -> None:
    """The exporter leaves its context out: keys for two purposes are one key."""
    from picosec.channel.session import Session

    original = Session.export

    def export(self: Session, label: int, context: bytes, length: int) -> bytes:
        return original(self, label, b"", length)

    Session.export = export


@fault("CNF-460")
def exports_from_nowhere() -> None:
    """An unknown channel exports zeros: a typing error looks like a key."""
    original = TestBuild._export

    def export(self: TestBuild, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.requirement != "CNF-460":
                raise
            return Reply(Code.CHANGED, cbor.dumps(bytes(16)))

    TestBuild._export = export
