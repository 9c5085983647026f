"""Where games are played: one target on one link, set up anew for each game."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from picosec_conformance.adapters import Adapter, open_adapter
from picosec_conformance.adversary.invariants import Broken, Invariant, Tally
from picosec_conformance.adversary.setting import Setting, abilities
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import Step
from picosec_conformance.channel import joined
from picosec_conformance.manifest import Manifest
from picosec_conformance.network import Link

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
        self._adapter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._adapter.close()

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
