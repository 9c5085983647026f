"""All links of a run: to targets that are there, with everything recorded, or to a recording of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

from picosec_conformance import lasting_numbers
from picosec_conformance.adapters import Adapter, Ports, framing_of, open_adapter
from picosec_conformance.adapters.recorded import Playback, RecordedAdapter
from picosec_conformance.adapters.recording import Log, RecordingAdapter
from picosec_conformance.transcript import Operation, Step, Transcript, encode_test


class Links(Protocol):
    """What tests reach the outside through; there is no other way in or out.

    A test is a pure function of the run's seed, its own name and what comes from here. What an earlier test leaves
    behind (a message id that the target still remembers, a sequence number) comes from here too, through ``recall``.
    """

    def begin(self, test: str) -> None:
        """Begin a test."""

    def open(
        self,
        name: str,
        settings: Mapping[str, Any],
        target: str = "",
        started: Callable[[Adapter], None] = lambda adapter: None,
    ) -> Adapter:
        """Return the link of this name, up. Raises ``AdapterError``.

        A further link names the ``target`` that it leads to, which is the name of the link that starts it.
        ``started`` is called with a link that was not up before.
        """

    def power_cycle(self, target: str) -> None:
        """Take a target's power away and give it back; its further links are down until they are opened again.

        Raises ``AdapterError`` when there is no means to.
        """

    def recall(self, name: str, first: int, *, lasting: bool = False) -> int:
        """Return the number that was last kept under this name, or ``first``; ``lasting``: also in runs before."""

    def keep(self, name: str, value: int, *, lasting: bool = False) -> None:
        """Keep a number for later tests; ``lasting``: also for those of later runs."""

    def end(self) -> tuple[bytes, str]:
        """End a test. Return its item of the transcript (none if it did nothing), and why the replay went wrong."""

    def close(self) -> None:
        """Let go of all targets."""


class LiveLinks:
    """Links to targets that are there."""

    def __init__(self) -> None:
        self._adapters: dict[str, RecordingAdapter] = {}
        self._ports: dict[str, Ports] = {}
        self._further: dict[str, str] = {}
        self._kept: dict[str, int] = {}
        self._log = Log()
        self._test = ""

    def begin(self, test: str) -> None:
        """Begin a test with an empty record."""
        self._test = test
        self._log.begin()

    def open(
        self,
        name: str,
        settings: Mapping[str, Any],
        target: str = "",
        started: Callable[[Adapter], None] = lambda adapter: None,
    ) -> Adapter:
        """Return a link, started for the first test that needs it and kept for those that follow."""
        if name not in self._adapters:
            ports = self._ports.setdefault(target or name, Ports())
            self._adapters[name] = RecordingAdapter(
                name, framing_of(settings), lambda: open_adapter(settings, ports), self._log
            )
            if target:
                self._further[name] = target
        adapter = self._adapters[name]
        if not adapter.up:
            adapter.start()
            self._drop_further(name)
            started(adapter)
        return adapter

    def power_cycle(self, target: str) -> None:
        """Power-cycle a target through the link that starts it."""
        self._adapters[target].power_cycle()
        self._drop_further(target)

    def _drop_further(self, target: str) -> None:
        for name, further in self._further.items():
            if further == target:
                self._adapters[name].drop()

    def recall(self, name: str, first: int, *, lasting: bool = False) -> int:
        """Return a kept number and record it."""
        if lasting and name not in self._kept:
            self._kept[name] = max(first, lasting_numbers.read(name))
        value = self._kept.get(name, first)
        self._log.steps.append(Step(self._log.now(), name, Operation.RECALL, value))
        return value

    def keep(self, name: str, value: int, *, lasting: bool = False) -> None:
        """Keep a number."""
        self._kept[name] = value
        if lasting:
            lasting_numbers.write(name, value)

    def end(self) -> tuple[bytes, str]:
        """Return the record."""
        return (encode_test(self._test, self._log.steps) if self._log.steps else b""), ""

    def close(self) -> None:
        """Let go of all targets."""
        with ExitStack() as stack:
            for adapter in self._adapters.values():
                stack.callback(adapter.close)


class RecordedLinks:
    """Links to a recording. Nothing is opened and nothing started, whatever the manifest says.

    ``read`` is called when the first test begins: the process that only hands out tests needs no transcript.
    """

    def __init__(self, read: Callable[[], Transcript]) -> None:
        self._read = read
        self._playback: Playback | None = None

    @property
    def _there(self) -> Playback:
        if self._playback is None:
            self._playback = Playback(self._read())
        return self._playback

    def begin(self, test: str) -> None:
        """Go to a test's first step."""
        self._there.begin(test)

    def open(
        self,
        name: str,
        settings: Mapping[str, Any],
        target: str = "",
        started: Callable[[Adapter], None] = lambda adapter: None,
    ) -> Adapter:
        """Return a recorded link."""
        adapter = RecordedAdapter(name, framing_of(settings), self._there)
        if not adapter.up:
            adapter.start()
            started(adapter)
        return adapter

    def power_cycle(self, target: str) -> None:
        """Agree that this is where the power was taken away."""
        self._there.take(target, Operation.POWER_CYCLE)

    def recall(self, name: str, first: int, *, lasting: bool = False) -> int:
        """Return the number that was recalled then."""
        value = self._there.take(name, Operation.RECALL).data
        assert isinstance(value, int)
        return value

    def keep(self, name: str, value: int, *, lasting: bool = False) -> None:
        """Forget the number: the recording knows what comes of it."""

    def end(self) -> tuple[bytes, str]:
        """Return what went wrong."""
        self._there.end()
        return b"", self._there.problem

    def close(self) -> None:
        """Do nothing."""
