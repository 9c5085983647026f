"""The ways to the target: which link a test uses, and the target alive behind it (CNF-600 and on)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from picosec_conformance.adapters import Adapter, AdapterError, ConnectionEnded, TargetDied, framing_of
from picosec_conformance.adapters.base import Framing
from picosec_conformance.adapters.further import FurtherLink
from picosec_conformance.control import Control
from picosec_conformance.links import Links
from picosec_conformance.manifest import Manifest
from picosec_conformance.settings import CONTROL
from picosec_conformance.specification.condition import Condition
from picosec_conformance.target import Record, Silence, Target

#: The features that a link shows by being what it is.
CARRIES: dict[Framing, frozenset[str]] = {
    "slipmux": frozenset({"messaging.datagram", "messaging.slipmux"}),
    "datagram": frozenset({"messaging.datagram"}),
    "tcp": frozenset({"messaging.stream"}),
    "websocket": frozenset({"messaging.websocket"}),
}
#: Features that depend on the link.
TRANSPORTS = frozenset().union(*CARRIES.values())
#: How often a target that starts is asked whether it is there.
PATIENCE = 4
#: The main link: what the manifest's ``adapter`` describes.
MAIN = ""


def of_links(needs: Iterable[str]) -> list[str]:
    """Return those needs, each a clause of a condition, that only a link can meet."""
    return [need for need in needs if TRANSPORTS.issuperset(Condition.parse(need).names)]


def link_for(manifest: Manifest, needs: Iterable[str]) -> str | None:
    """Return the first link that carries what is needed, the main one before others; ``None`` without one."""
    needed = [Condition.parse(need) for need in of_links(needs)]
    for name, settings in {MAIN: manifest.adapter, **manifest.links}.items():
        carried = CARRIES[framing_of(settings)]
        if all(need.met_by(carried) for need in needed):
            return name
    return None


class Reach:
    """The links of one test. All of them lead to the same running target, and write into one record."""

    def __init__(self, links: Links, manifest: Manifest, record: Record, rng: random.Random) -> None:
        self._links = links
        self._manifest = manifest
        self._record = record
        self._rng = rng
        self._open: dict[str, Target] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all links, the main one first."""
        return MAIN, *self._manifest.links

    def __call__(self, feature: str) -> Target:
        """Return the target on the first link that carries a feature. Skips the test when there is none."""
        name = link_for(self._manifest, [feature])
        if name is None:
            pytest.skip(f"no link carries {feature}")
        return self.link(name)

    def link(self, name: str) -> Target:
        """Return the target on a link, alive; nothing is reset."""
        if name not in self._open:
            target = self._target(name)
            target.begin(self._rng)
            target.until_probe_answered()
            target.introduce()
            self._open[name] = target
        return self._open[name]

    def stranger(self) -> Target:
        """Return the target as an address sees it that has proven nothing, on a link where addresses can be forged.

        It is an address of its own, whatever goes over the link otherwise. Skips the test when there is no such link.
        """
        name = next((name for name in self.names if self._settings(name)["kind"] == "udp"), None)
        if name is None:
            pytest.skip("no link on which an address can be forged")
        stranger = f"stranger on {name or 'the main link'}"
        if stranger not in self._open:
            place = {key: value for key, value in self._settings(name).items() if key in ("kind", "host", "port")}
            self._open[stranger] = self._further(stranger, place)
            self._open[stranger].begin(self._rng)
        target = self._open[stranger]
        target.move()
        return target

    def prepared(self, name: str) -> Target:
        """Return the target on a link, alive and, where it has the Test Interface, in its factory state.

        One that the test before has left dead or deaf gets a power cycle first, so that each failure counts once, and
        so does one whose link broke.
        """
        try:
            if name != MAIN:  # of a target that is dead the main link knows at once
                self._ask(self._main)
            self._open[name] = self._prepare(name)
        except (Silence, TargetDied, ConnectionEnded, AdapterError) as error:
            try:
                self._links.power_cycle("target")
            except AdapterError:
                raise error from None
            self._wake(self._main)
            self._open[name] = self._prepare(name)
        return self._open[name]

    def _wake(self, main: Adapter) -> None:
        """Give a target that has just started several times as long as it has to answer otherwise.

        When it answers, it also listens on its further links.
        """
        target = Target(main, self._manifest, self._record)
        target.begin(random.Random(0))  # whether it had to be started decides nothing about the test
        for _ in range(PATIENCE):
            with suppress(Silence):
                target.until_probe_answered()
                return

    def close(self) -> None:
        """Leave to later tests where the message ids stand that no reset makes the target forget."""
        for name, target in self._open.items():
            self._links.keep(_message_id(name), target.message_id)

    def _prepare(self, name: str) -> Target:
        target = self._target(name)
        target.begin(self._rng)
        if self._manifest.declares(CONTROL):
            seed = self._rng.randbytes(32)
            try:
                Control(target).reset(seed)
            except Silence:  # it may remember this message id from the test before
                target.message_id ^= 0x8000
                Control(target).reset(seed)
        else:
            target.message_id = self._links.recall(_message_id(name), target.message_id)
            if not self._manifest.calls:
                target.until_probe_answered()
                target.introduce()
        target.record_from_here()
        return target

    def _settings(self, name: str) -> Mapping[str, Any]:
        return self._manifest.adapter if name == MAIN else self._manifest.links[name]

    def _target(self, name: str) -> Target:
        """Return the target on a link that is up; the main link comes first, since the target starts with it."""
        if name != MAIN:
            return self._further(name, self._settings(name))
        return self._through(self._main, name)

    @property
    def _main(self) -> Adapter:
        """The main link, up, and the target awake."""
        return self._links.open("target", self._manifest.adapter, started=self._wake)

    def _further(self, name: str, settings: Mapping[str, Any]) -> Target:
        main = self._main
        try:
            adapter = self._links.open(name, settings, "target")
        except (AdapterError, TargetDied):
            self._ask(main)
            raise
        return self._through(FurtherLink(adapter, lambda: self._ask(main)), name)

    def _ask(self, main: Adapter) -> None:
        """See over the main link whether the target is alive. Raises what is known of its end."""
        target = Target(main, self._manifest, self._record)
        target.begin(self._rng)
        target.until_probe_answered()

    def _through(self, adapter: Adapter, name: str) -> Target:
        target = Target(adapter, self._manifest, self._record, name, lambda: self._links.power_cycle("target"))
        target.renew = lambda: self._renew(target)
        return target

    def _renew(self, target: Target) -> None:
        """Power-cycle a target before each test with handshakes whose turn it is, if its manifest asks for that."""
        every = self._manifest.edhoc.renew if self._manifest.edhoc is not None else None
        if every is not None:
            count = self._links.recall("handshakes of target", 0)
            self._links.keep("handshakes of target", count + 1)
            if count and count % every == 0:
                target.power_cycle()


def _message_id(name: str) -> str:
    return f"message id of {name or 'target'}"
