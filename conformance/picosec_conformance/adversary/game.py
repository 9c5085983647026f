"""What one game consists of: a target in a setting, the cast, the network and the referee."""

from __future__ import annotations

import random

from picosec.channel.oscore_context import SecurityContext
from picosec_conformance.adversary.addresses import Addresses
from picosec_conformance.adversary.cast import RESPONDER, introduce
from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.adversary.invariants import Invariant, Tally
from picosec_conformance.adversary.referee import Referee
from picosec_conformance.adversary.setting import Abilities, Setting
from picosec_conformance.control import Control
from picosec_conformance.network import Link, Network, TargetEndpoint


class Game:
    """Everything is new, the target included; only ``standing``, the channel with a black box, goes on."""

    def __init__(
        self, link: Link, able: Abilities, setting: Setting, tally: Tally, standing: SecurityContext | None = None
    ) -> None:
        self.link = link
        self.able = able
        self.setting = setting
        self.tally = tally
        self.control = Control(link)
        self._rng = random.Random(f"moves:{setting.seed}")
        rng = setting.rng()
        link.begin(rng)
        if able.control:
            self.control.reset(rng.randbytes(32))
        else:
            link.until_probe_answered()
        self.cast = introduce(link, able, setting, standing)
        self.referee = Referee(link, able, setting, self.cast, tally)
        self.network = Network(link, self.referee.witness, tally.acts)
        self._target = TargetEndpoint(link, Addresses(self.cast))
        for party in self.cast.parties.values():
            self.network.join(party)
        self.network.join(self._target)

    def draw(self, count: int) -> bytes:
        """Return bytes that differ each time and are the same in each game."""
        return self._rng.randbytes(count)

    def sent(self, frames: list[bytes]) -> None:
        """Take what the target sent of its own accord."""
        for packet in self.network.post(self._target.packets(frames, RESPONDER)):
            self.referee.sightings.sees(packet.data, None)
        self.referee.observe()

    def converse(self, dialogue: Dialogue) -> None:
        """Judge that an honest request over a channel is answered."""
        self.hold_recovery(dialogue.usable, f"{dialogue.label}: no channel could be opened")
        before = len(dialogue.asked)
        self.network.post(self.cast.parties[dialogue.party].ask(dialogue, "read"))
        self.network.settle()
        answered = any(each.response is not None and each.response.code >> 5 == 2 for each in dialogue.asked[before:])
        self.hold_recovery(answered, f"{dialogue.label}: an honest request was not answered")

    def hold_recovery(self, holds: bool, detail: str) -> None:
        """Judge that honest peers get through."""
        self.tally.hold(Invariant.RECOVERY, holds, "CNF-510", detail)
