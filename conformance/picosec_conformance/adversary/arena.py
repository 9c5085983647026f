"""Where games are played: one target on one link, set up anew for each game."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

from picosec_conformance.adapters import Adapter, AdapterError, TargetDied, open_adapter
from picosec_conformance.adversary.invariants import Broken, Invariant, Tally
from picosec_conformance.adversary.setting import Setting, abilities
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import Step
from picosec_conformance.channel import Channel, joined, provision
from picosec_conformance.control import Control
from picosec_conformance.manifest import GivenContext, Manifest
from picosec_conformance.network import Link
from picosec_conformance.target import Silence

#: How often a target that starts is asked whether it is there.
PATIENCE = 8
#: Brings a stage into a position, and says nothing.
Play = Callable[[Stage], None]


class Arena:
    """A context manager that holds the link. Raises ``AdapterError`` when that fails."""

    def __init__(self, manifest: Manifest, adapter: Adapter | None = None) -> None:
        self.able = abilities(manifest)
        self.tally = Tally()
        self._adapter = adapter or open_adapter(manifest.adapter)
        self.link = Link(self._adapter, manifest)
        given = None if self.able.control else manifest.oscore
        self._standing = None if given is None else joined(self.link, given).context

    def __enter__(self) -> Arena:
        try:
            self._adapter.start()
        except AdapterError:
            self._adapter.close()
            raise
        self._wake()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._adapter.close()

    def reset(self, seed: bytes) -> None:
        """Return the target to its factory state. Raises ``Silence`` or ``TargetDied``."""
        Control(self.link).reset(seed)

    def provisioned(self, rng: random.Random) -> Channel:
        """Give the target a new context and return the suite's end of it."""
        given = GivenContext(b"\x01", b"\x02", rng.randbytes(16), rng.randbytes(8))
        provision(Control(self.link), given)
        return joined(self.link, given)

    def _wake(self) -> None:
        """Give a target that has just started several times as long as it has to answer otherwise."""
        for _ in range(PATIENCE):
            with suppress(Silence, TargetDied):
                self.link.until_probe_answered()
                return

    def stage(self, setting: Setting) -> Stage:
        """Set a stage; a target that the game before left dead or deaf gets a power cycle first.

        Raises ``Broken`` when it is dead from the beginning, ``AdapterError`` when it cannot be power-cycled.
        """
        try:
            return Stage(self.link, self.able, setting, self.tally, self._standing)
        except Broken as broken:
            if broken.invariant is not Invariant.ALIVE:
                raise
            self.link.power_cycle()
            self._wake()
            return Stage(self.link, self.able, setting, self.tally, self._standing)

    def replay(self, setting: Setting, steps: Sequence[Step]) -> tuple[Broken | None, Stage | None]:
        """Play a whole game; return what it broke, and the stage it was played on."""
        stage = None
        try:
            stage = self.stage(setting)
            for each in steps:
                stage.perform(each)
            stage.finish()
        except Broken as broken:
            return broken, stage
        return None, stage
