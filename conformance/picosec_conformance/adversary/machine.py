"""The adversary as a state machine of Hypothesis, which draws the moves.

What breaks an invariant is shrunk elsewhere: moves name datagrams by labels that stay when others are left out, so that
leaving out moves takes a tenth of the games that shrinking the drawn numbers takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from picosec_conformance.adversary.cast import INITIATORS
from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.adversary.forgeries import fitting
from picosec_conformance.adversary.invariants import Broken
from picosec_conformance.adversary.setting import Abilities, Setting, families
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import Step, step
from picosec_conformance.network import Packet, common_fields

#: Moves of one example.
LENGTH = 24

_SOME = st.integers(0, 40)
_MANY = st.integers(0, 4095)

_ALICE = (step("connect", party="alice"), step("settle"))
_TARGET = (step("target-connects"), step("settle"))
#: What has happened before the adversary begins.
PROLOGUES: tuple[tuple[Step, ...], ...] = (
    (),
    _ALICE,
    _TARGET,
    (*_ALICE, step("ask", dialogue="alice-1", what="write"), step("settle")),
    (*_ALICE, *_TARGET),
    (step("connect", party="alice"), step("connect", party="bob")),
    (step("ask", dialogue="carol-1", what="write"), step("settle")),
    (*_TARGET, step("target-asks", dialogue="dora-1")),
)


def settings_of(able: Abilities) -> st.SearchStrategy[Setting]:
    """Return what examples may be played under."""
    seeds = st.integers(0, 0xFFFF)
    if not able.handshakes:
        return st.builds(Setting, seeds)
    message_4 = st.booleans() if able.message_4 else st.just(False)

    def orders(family: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
        some = st.lists(st.sampled_from(family), min_size=1, unique=True)
        return st.one_of(st.permutations(family), some).map(tuple)

    def of_family(family: tuple[int, ...]) -> st.SearchStrategy[Setting]:
        methods, kinds = st.sampled_from(able.methods[::-1]), st.sampled_from(able.kinds)
        setting = st.builds(Setting, seeds, methods, kinds, orders(family), orders(family), message_4)
        return setting.filter(lambda each: bool(set(each.suites) & set(each.target_suites)))

    return st.sampled_from(families(able)).flatmap(of_family)


class Machine(RuleBasedStateMachine):
    """Draws the moves of one game. A subclass says how a stage is set and where a game is noted."""

    able: Abilities
    new_stage: Callable[[Setting], Stage]
    #: Called when a game is over, with what it broke.
    over: Callable[[Stage | None, Broken | None], None]

    def __init__(self) -> None:
        super().__init__()
        self.stage: Stage | None = None
        self._broken: Broken | None = None

    @initialize(data=st.data(), prologue=st.sampled_from(PROLOGUES))
    def begin(self, data: st.DataObject, prologue: Sequence[Step]) -> None:
        """Set the stage."""
        setting = data.draw(settings_of(self.able))
        self._guard(lambda: self._set(setting, prologue))

    def teardown(self) -> None:
        """End the storm, and see whether honest peers get through."""
        try:
            if self.stage is not None and self._broken is None:
                self._guard(self.stage.finish)
        finally:
            type(self).over(self.stage, self._broken)

    # -- honest moves --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.able.responder)
    @rule(party=st.sampled_from((*INITIATORS, "mallory")))
    def connect(self, party: str) -> None:
        """Somebody begins a handshake with the target."""
        self._do("connect", party=party)

    @precondition(lambda self: self._open())
    @rule(at=_SOME, what=st.sampled_from(("write", "read", "odd")))
    def ask(self, at: int, what: str) -> None:
        """A peer sends a request over a channel."""
        self._do("ask", dialogue=_pick(self._open(), at).label, what=what)

    @rule()
    def write(self) -> None:
        """A peer changes an open resource."""
        self._do("write", party=next(iter(self._stage.cast.parties)))

    @precondition(lambda self: self.able.initiator)
    @rule()
    def target_connects(self) -> None:
        """The target opens a channel itself."""
        self._do("target-connects")

    @precondition(lambda self: self.able.client and self._usable())
    @rule(at=_SOME)
    def target_asks(self, at: int) -> None:
        """The target sends a request over a channel."""
        self._do("target-asks", dialogue=_pick(self._usable(), at).label)

    @precondition(lambda self: self.able.renewal and self._sessions())
    @rule(at=_SOME)
    def renew(self, at: int) -> None:
        """Both ends renew the keys of a channel."""
        self._do("renew", dialogue=_pick(self._sessions(), at).label)

    @precondition(lambda self: self.able.control)
    @rule()
    def reboot(self) -> None:
        """The target loses its power."""
        self._do("reboot")

    @precondition(lambda self: self.able.control)
    @rule(seconds=st.sampled_from((1, 3, 10, 50, 150, 300)))
    def wait(self, seconds: int) -> None:
        """Time passes for the target."""
        self._do("wait", seconds=seconds)

    @rule()
    def settle(self) -> None:
        """The network works for a moment."""
        self._do("settle")

    # -- hostile moves -------------------------------------------------------------------------------------------

    @precondition(lambda self: self._flying())
    @rule(at=_SOME, move=st.sampled_from(("deliver", "drop", "duplicate", "delay")))
    def pass_on(self, at: int, move: str) -> None:
        """Something in flight arrives now, later, twice or never."""
        self._do(move, packet=_pick(self._flying(), at).label)

    @precondition(lambda self: self._packets())
    @rule(at=_SOME, length=_MANY)
    def truncate(self, at: int, length: int) -> None:
        """The beginning of a datagram arrives."""
        packet = _pick(self._packets(), at)
        self._do("truncate", packet=packet.label, length=length % len(packet.data))

    @precondition(lambda self: self._packets())
    @rule(at=_SOME, bit=_MANY)
    def flip(self, at: int, bit: int) -> None:
        """A datagram arrives with a wrong bit."""
        packet = _pick(self._packets(), at)
        self._do("flip", packet=packet.label, bit=bit % (8 * len(packet.data)))

    @precondition(lambda self: len(self._packets()) > 1)
    @rule(at=_SOME, donor=_SOME, field=_SOME)
    def splice(self, at: int, donor: int, field: int) -> None:
        """A datagram arrives with a field of another one."""
        packet, other = _pick(self._packets(), at), _pick(self._packets(), donor)
        fields = common_fields(packet.data, other.data)
        if fields:
            self._do("splice", packet=packet.label, donor=other.label, field=_pick(fields, field))

    @precondition(lambda self: self._packets())
    @rule(at=_SOME, fresh=st.booleans())
    def replay(self, at: int, fresh: bool) -> None:
        """A datagram of any time arrives again."""
        self._do("replay", packet=_pick(self._packets(), at).label, fresh=fresh)

    @precondition(lambda self: self._packets())
    @rule(at=_SOME)
    def reflect(self, at: int) -> None:
        """A datagram comes back to its sender."""
        self._do("reflect", packet=_pick(self._packets(), at).label)

    @precondition(lambda self: self._packets())
    @rule(at=_SOME, who=_SOME)
    def divert(self, at: int, who: int) -> None:
        """A datagram reaches somebody else."""
        names = ["trudy", *self._stage.cast.parties]
        self._do("divert", packet=_pick(self._packets(), at).label, party=_pick(names, who))

    @precondition(lambda self: self._requests())
    @rule(at=_SOME, what=_SOME)
    def inject(self, at: int, what: int) -> None:
        """Somebody answers who was not asked."""
        packet = _pick(self._requests(), at)
        self._do("inject", packet=packet.label, what=_pick(fitting(packet.data), what))

    @precondition(lambda self: self.able.handshakes)
    @rule(theirs=st.booleans(), what=_SOME)
    def overtake(self, theirs: bool, what: int) -> None:
        """A handshake begins, and the forged answer is there before the true one."""
        if theirs if self.able.initiator and self.able.responder else self.able.initiator:
            self._do("target-connects")
        else:
            self._do("connect", party="alice")
        if self._requests():
            packet = self._requests()[0]
            self._do("inject", packet=packet.label, what=_pick(fitting(packet.data), what))
            self._do("settle")

    @rule(data=st.binary(max_size=48))
    def noise(self, data: bytes) -> None:
        """Bytes arrive that mean nothing."""
        self._do("noise", data=data.hex())

    # -- within --------------------------------------------------------------------------------------------------

    @property
    def _stage(self) -> Stage:
        assert self.stage is not None
        return self.stage

    def _set(self, setting: Setting, prologue: Sequence[Step]) -> None:
        self.stage = type(self).new_stage(setting)
        for each in prologue:
            self.stage.perform(each)

    def _do(self, move: str, **parameters: Any) -> None:
        self._guard(lambda: self._stage.perform(Step(move, parameters)))

    def _guard(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Broken as broken:
            self._broken = broken
            raise

    def _packets(self) -> list[Packet]:
        """All datagrams, the latest first."""
        return [] if self.stage is None else list(reversed(self.stage.network.packets.values()))

    def _requests(self) -> list[Packet]:
        return [packet for packet in self._packets() if fitting(packet.data)]

    def _flying(self) -> list[Packet]:
        return [] if self.stage is None else self.stage.network.in_flight

    def _open(self) -> list[Dialogue]:
        return [] if self.stage is None else [each for each in self.stage.cast.dialogues() if each.context is not None]

    def _usable(self) -> list[Dialogue]:
        return [] if self.stage is None else [each for each in self.stage.cast.dialogues() if each.usable]

    def _sessions(self) -> list[Dialogue]:
        return [each for each in self._usable() if each.session is not None]


def _pick(choices: Sequence[Any], at: int) -> Any:
    return choices[at % len(choices)]


def play(
    able: Abilities,
    new_stage: Callable[[Setting], Stage],
    over: Callable[[Stage | None, Broken | None], None],
    examples: int,
    seed_number: int,
) -> None:
    """Play games until ``examples`` are played or one breaks an invariant; raises that ``Broken``."""
    machine = type(
        "Adversary", (Machine,), {"able": able, "new_stage": staticmethod(new_stage), "over": staticmethod(over)}
    )
    seed(seed_number)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=LENGTH,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        ),
    )
