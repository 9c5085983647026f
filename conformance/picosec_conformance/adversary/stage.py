"""Where steps are performed, one after the other, until the storm is over."""

from __future__ import annotations

from picosec.channel.oscore_context import SecurityContext
from picosec_conformance.adapters import TargetDied
from picosec_conformance.adversary.cast import INITIATORS, PROVISIONED, RESPONDER
from picosec_conformance.adversary.game import Game
from picosec_conformance.adversary.honest_moves import HONEST_MOVES, get_through, target_asks, target_connects, wait
from picosec_conformance.adversary.hostile_moves import HOSTILE_MOVES
from picosec_conformance.adversary.invariants import Invariant, Tally
from picosec_conformance.adversary.referee import dead
from picosec_conformance.adversary.setting import Abilities, Setting
from picosec_conformance.adversary.steps import Step
from picosec_conformance.network import Link
from picosec_conformance.target import Nonconformity

#: Seconds after which everything has come to an end: the last retransmission and the longest handshake (CHN-980).
LONG = 400
#: How many requests a target is given the time for that it has queued.
MOST = 48

_MOVES = {**HONEST_MOVES, **HOSTILE_MOVES}


class Stage(Game):
    """Performs steps. A step about something that is not there is passed over: the target behaved otherwise.

    Every method raises ``Broken`` when an invariant does not hold.
    """

    def __init__(
        self, link: Link, able: Abilities, setting: Setting, tally: Tally, standing: SecurityContext | None = None
    ) -> None:
        #: Everything performed so far.
        self.steps: list[Step] = []
        try:
            super().__init__(link, able, setting, tally, standing)
        except (Nonconformity, TargetDied) as error:
            raise dead(error) from error

    def perform(self, step: Step) -> bool:
        """Do one step; return whether it could be done."""
        self.steps.append(step)
        self.tally.steps += 1
        self.link.record.begin()  # a storm has no bound, a step has
        try:
            return _MOVES[step.move](self, **step.parameters) is not False
        except (Nonconformity, TargetDied) as error:
            raise dead(error) from error

    def finish(self) -> None:
        """End the storm: what is in flight is lost, time passes, and honest peers must get through."""
        try:
            self.network.clear()
            if self.able.control:
                self._let_time_pass()
            if self.able.server:
                self.converse(self.cast.parties[PROVISIONED].dialogues[-1])
                for dialogue in self.referee.completed[-1:]:  # a small target may have made room for the latest
                    if dialogue.usable:
                        self.converse(dialogue)
            get_through(self, INITIATORS[0])
            if self.able.initiator:
                self._hear_from_target()
        except (Nonconformity, TargetDied) as error:
            raise dead(error) from error
        self.referee.sightings.judge_all()

    def _let_time_pass(self) -> None:
        wait(self, LONG)
        for _ in range(MOST):
            if self.referee.pending:  # the target may send its requests one after the other (MSG-830)
                wait(self, LONG)
        self.network.clear()
        left = self.referee.state.handshakes
        detail = f"{left} handshakes are still in progress after {LONG} seconds"
        self.tally.hold(Invariant.BOUNDED, left == 0, "CHN-980", detail)

    def _hear_from_target(self) -> None:
        """Judge that the target gets through when it begins."""
        party = self.cast.parties[RESPONDER]
        before = len(party.dialogues)
        target_connects(self)
        self.network.settle()
        usable = len(party.dialogues) > before and party.dialogues[-1].usable
        self.hold_recovery(usable, "the target as Initiator opened no channel to an honest Responder")
        dialogue = party.dialogues[-1]
        target_asks(self, dialogue.label)
        self.network.settle()
        self.hold_recovery(dialogue.served > 0, "the target as client did not get through")
