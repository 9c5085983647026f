"""Moves that belong together, as attackers make them: one alone would take long to find the others.

What breaks an invariant is shrunk elsewhere: moves name datagrams by labels that stay when others are left out, so that
leaving out moves takes a tenth of the games that shrinking the drawn numbers takes.
"""

from __future__ import annotations

from collections.abc import Callable
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from picosec_conformance.adversary.forgeries import fitting
from picosec_conformance.adversary.invariants import Broken
from picosec_conformance.adversary.machine import Machine
from picosec_conformance.adversary.player import MANY, SOME, pick
from picosec_conformance.adversary.setting import Abilities, Setting
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.network.network import TARGET

#: Moves of one game, of which some are several.
LENGTH = 24


class Adversary(Machine):
    """Single moves, and tactics."""

    @precondition(lambda self: self.able.handshakes)
    @rule(theirs=st.booleans(), what=st.one_of(st.just(0), SOME))
    def overtake(self, theirs: bool, what: int) -> None:
        """A handshake begins, and the forged answer is there before the true one."""
        if theirs if self.able.initiator and self.able.responder else self.able.initiator:
            self.do("target-connects")
        else:
            self.do("connect", party="alice")
        if self.requests():
            packet = self.requests()[0]
            self.do("inject", packet=packet.label, what=pick(fitting(packet.data), what))
            self.do("settle")

    @precondition(lambda self: self.able.initiator)
    @rule(party=st.sampled_from(("trudy", "ivan")), ended=st.booleans())
    def impersonate(self, party: str, ended: bool) -> None:
        """The target begins a handshake, and somebody else answers; perhaps as if message_3 had been accepted."""
        self.do("target-connects")
        if self.requests() and self.requests()[0].sender == TARGET:
            self.do("divert", packet=self.requests()[0].label, party=party)
            if ended and self.flying():
                self.do("deliver", packet=self.flying()[-1].label)
                self.do("inject", packet=self.requests()[0].label, what="empty-success")
            self.do("settle")

    @rule(at=SOME, protected=st.booleans(), restart=st.booleans(), fresh=st.booleans())
    def repeat(self, at: int, protected: bool, restart: bool, fresh: bool) -> None:
        """A request arrives, perhaps before a loss of power, and then once more."""
        if protected and self.channels():
            self.do("ask", dialogue=pick(self.channels(), at).label, what="write")
        else:
            self.do("write", party=next(iter(self.stage.cast.parties)))
        label = self.packets()[0].label
        self.do("deliver", packet=label)
        if restart and self.able.control:
            self.do("reboot")
        self.do("replay", packet=label, fresh=fresh)

    @precondition(lambda self: self.channels())
    @rule(at=SOME, bit=MANY)
    def spoil(self, at: int, bit: int) -> None:
        """A protected request arrives with a wrong bit, near its end for small numbers, and then as it was."""
        self.do("ask", dialogue=pick(self.channels(), at).label, what="write")
        packet = self.packets()[0]
        size = 8 * len(packet.data)
        self.do("flip", packet=packet.label, bit=size - 1 - bit % size)
        self.do("settle")

    @precondition(lambda self: self.handshakes())
    @rule(at=SOME)
    def dismiss(self, at: int) -> None:
        """Somebody says that a handshake has failed."""
        self.do("dismiss", packet=pick(self.handshakes(), at).label)

    @rule(what=st.sampled_from(("write", "read")))
    def trespass(self, what: str) -> None:
        """Somebody asks in the open for what is served over a channel only."""
        self.do("trespass", what=what)


def play(
    able: Abilities,
    new_stage: Callable[[Setting], Stage],
    over: Callable[[Stage | None, Broken | None], None],
    examples: int,
    seed_number: int,
) -> None:
    """Play games until ``examples`` are played or one breaks an invariant; raises that ``Broken``."""
    means = {"able": able, "new_stage": staticmethod(new_stage), "over": staticmethod(over)}
    machine = type("Playing", (Adversary,), means)
    seed(seed_number)(machine)
    with TemporaryDirectory() as home:
        set_hypothesis_home_dir(home)  # which else leaves a folder wherever the command is called
        try:
            run_state_machine_as_test(machine, settings=_settings(examples))
        finally:
            set_hypothesis_home_dir(None)


def _settings(examples: int) -> settings:
    return settings(
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
    )
