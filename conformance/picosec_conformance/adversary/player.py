"""Whoever plays a game through Hypothesis: sets the stage, sees what there is, makes moves, hands over what broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.adversary.drawing import PROLOGUES, settings_of
from picosec_conformance.adversary.forgeries import fitting
from picosec_conformance.adversary.invariants import Broken
from picosec_conformance.adversary.setting import Abilities, Setting
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import Step
from picosec_conformance.network import Packet
from picosec_conformance.network.network import TARGET

#: Which of many; mostly one of the first.
SOME = st.one_of(st.integers(0, 3), st.integers(0, 40))
MANY = st.integers(0, 4095)


class Player(RuleBasedStateMachine):
    """A subclass says what the target can do, how a stage is set, and where a game is noted when it is over."""

    able: Abilities
    new_stage: Callable[[Setting], Stage]
    over: Callable[[Stage | None, Broken | None], None]

    def __init__(self) -> None:
        super().__init__()
        self._stage: Stage | None = None
        self._broken: Broken | None = None

    @initialize(data=st.data(), prologue=st.sampled_from(PROLOGUES))
    def begin(self, data: st.DataObject, prologue: Sequence[Step]) -> None:
        """Set the stage."""
        setting = data.draw(settings_of(self.able))
        self._guard(lambda: self._set(setting, prologue))

    def teardown(self) -> None:
        """End the storm, and see whether honest peers get through."""
        try:
            if self._stage is not None and self._broken is None:
                self._guard(self._stage.finish)
        finally:
            type(self).over(self._stage, self._broken)

    @property
    def stage(self) -> Stage:
        """The stage, from :meth:`begin` on."""
        assert self._stage is not None
        return self._stage

    def do(self, move: str, **parameters: Any) -> None:
        """Make a move."""
        self._guard(lambda: self.stage.perform(Step(move, parameters)))

    def perhaps_settle(self, settle: bool) -> None:
        """Let the network work for a moment, or not."""
        if settle:
            self.do("settle")

    # -- what there is to choose from ----------------------------------------------------------------------------

    def packets(self) -> list[Packet]:
        """All datagrams, the latest first, those to the target before the others."""
        return sorted(self._latest(), key=lambda packet: packet.receiver != TARGET)

    def requests(self) -> list[Packet]:
        """Those that an answer can be forged to, the latest first."""
        return [packet for packet in self._latest() if fitting(packet.data)]

    def handshakes(self) -> list[Packet]:
        """The latest messages of handshakes that name a session."""
        return [packet for packet in self._latest() if packet.label.endswith("/message_3")]

    def flying(self) -> list[Packet]:
        """What was sent and did not arrive yet."""
        return self.stage.network.in_flight

    def channels(self) -> list[Dialogue]:
        """The channels of peers, also those that the target has lost."""
        return [each for each in self.stage.cast.dialogues() if each.context is not None]

    def usable(self) -> list[Dialogue]:
        """The channels that both ends have."""
        return [each for each in self.stage.cast.dialogues() if each.usable]

    def sessions(self) -> list[Dialogue]:
        """Those of them that came out of a handshake."""
        return [each for each in self.usable() if each.session is not None]

    # -- within --------------------------------------------------------------------------------------------------

    def _latest(self) -> list[Packet]:
        return list(reversed(self.stage.network.packets.values()))

    def _set(self, setting: Setting, prologue: Sequence[Step]) -> None:
        self._stage = type(self).new_stage(setting)
        for each in prologue:
            self._stage.perform(each)

    def _guard(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Broken as broken:
            self._broken = broken
            raise


def pick(choices: Sequence[Any], at: int) -> Any:
    """Return one of the choices, whatever the number."""
    return choices[at % len(choices)]
