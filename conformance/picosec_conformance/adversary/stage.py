"""One game: a target in a setting, the cast, the network, and a referee who looks after every move."""

from __future__ import annotations

import random
from collections.abc import Callable

from picosec.channel.oscore_context import SecurityContext
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code
from picosec_conformance.adapters import TargetDied
from picosec_conformance.adversary.addresses import Addresses
from picosec_conformance.adversary.cast import INITIATORS, PROVISIONED, RESPONDER, introduce
from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.adversary.forgeries import forge
from picosec_conformance.adversary.invariants import Invariant, Tally
from picosec_conformance.adversary.referee import Referee, dead
from picosec_conformance.adversary.setting import Abilities, Setting
from picosec_conformance.adversary.steps import Step
from picosec_conformance.control import Control
from picosec_conformance.network import Link, Network, Packet, TargetEndpoint
from picosec_conformance.network.network import TARGET
from picosec_conformance.target import Nonconformity

#: Seconds after which everything has come to an end: the last retransmission and the longest handshake (CHN-980).
LONG = 400
#: How many requests a target is given the time for that it has queued.
MOST = 48


class Stage:
    """Performs steps. A step about something that is not there is passed over: the target behaved otherwise.

    Every method raises ``Broken`` when an invariant does not hold.
    """

    def __init__(
        self,
        link: Link,
        able: Abilities,
        setting: Setting,
        tally: Tally,
        standing: SecurityContext | None = None,
    ) -> None:
        self._link = link
        self.able = able
        self.setting = setting
        self._tally = tally
        #: Everything performed so far.
        self.steps: list[Step] = []
        self._rng = random.Random(f"moves:{setting.seed}")
        rng = setting.rng()
        link.begin(rng)
        self._control = Control(link)
        try:
            if able.control:
                self._control.reset(rng.randbytes(32))
            else:
                link.until_probe_answered()
            self.cast = introduce(link, able, setting, standing)
            self._referee = Referee(link, able, setting, self.cast, tally)
        except (Nonconformity, TargetDied) as error:
            raise dead(error) from error
        self.network = Network(link, self._referee.witness, tally.acts)
        self._target = TargetEndpoint(link, Addresses(self.cast))
        for party in self.cast.parties.values():
            self.network.join(party)
        self.network.join(self._target)

    def perform(self, step: Step) -> bool:
        """Do one step; return whether it could be done."""
        self.steps.append(step)
        self._tally.steps += 1
        move: Callable[..., bool | None] = getattr(self, f"_{step.move.replace('-', '_')}")
        try:
            return move(**step.parameters) is not False
        except (Nonconformity, TargetDied) as error:
            raise dead(error) from error

    def finish(self) -> None:
        """End the storm: what is in flight is lost, time passes, and honest peers must get through."""
        try:
            self._calm()
        except (Nonconformity, TargetDied) as error:
            raise dead(error) from error

    # -- honest moves --------------------------------------------------------------------------------------------

    def _connect(self, party: str) -> bool:
        who = self.cast.parties.get(party)
        if who is None or who.config is None or not self.able.responder:
            return False
        self.network.post(who.connect())
        return True

    def _ask(self, dialogue: str, what: str) -> bool:
        known = self.cast.dialogue(dialogue)
        if known is None or known.context is None:
            return False
        self.network.post(self.cast.parties[known.party].ask(known, what))
        return True

    def _write(self, party: str) -> bool:
        if party not in self.cast.parties:
            return False
        self.network.post(self.cast.parties[party].write_in_the_open())
        return True

    def _target_connects(self) -> bool:
        if not self.able.initiator:
            return False
        parameters = {1: self.setting.method, 2: list(self.setting.target_suites)}
        self._referee.opens(self._control.act("open", parameters))
        self._sent(self._link.until_probe_answered())
        return True

    def _target_asks(self, dialogue: str) -> bool:
        known = self.cast.dialogue(dialogue)
        if known is None or not known.usable or not self.able.client:
            return False
        assert known.context is not None
        path, payload = f"/t/{self._random(8)}", bytes.fromhex(self._random(16))
        self.cast.hide(path[3:].encode(), "the path of a protected request")
        self.cast.hide(payload, "the payload of a protected request")
        parameters = {1: int(Code.PUT), 2: path, 3: payload, 5: known.context.sender_id}
        self._referee.asks(self._control.act("request", parameters), path)
        self._sent(self._link.until_probe_answered())
        return True

    def _renew(self, dialogue: str) -> bool:
        known = self.cast.dialogue(dialogue)
        if known is None or not known.usable or known.session is None or not self.able.renewal:
            return False
        context = bytes.fromhex(self._random(8))
        self._referee.renews(self._control.act("key-update", {1: known.session.sender_id, 2: context}))
        known.open(known.session.updated(context))
        self._referee.observe()
        return True

    def _reboot(self) -> bool:
        if not self.able.control:
            return False
        self._control.reboot()
        self._referee.rebooted()
        return True

    def _wait(self, seconds: int) -> bool:
        if not self.able.control:
            return False
        frames = self._control.advance(seconds)
        self._referee.now += seconds
        self._sent(frames)
        return True

    def _settle(self) -> None:
        self.network.settle()

    # -- hostile moves -------------------------------------------------------------------------------------------

    def _deliver(self, packet: str) -> bool:
        return self._with(packet, self.network.deliver)

    def _drop(self, packet: str) -> bool:
        return self._with(packet, self.network.drop)

    def _duplicate(self, packet: str) -> bool:
        return self._with(packet, self.network.duplicate)

    def _delay(self, packet: str) -> bool:
        return self._with(packet, self.network.delay)

    def _truncate(self, packet: str, length: int) -> bool:
        return self._with(packet, lambda found: self.network.truncate(found, length))

    def _flip(self, packet: str, bit: int) -> bool:
        found = self.network.packets.get(packet)
        if found is None or bit >= 8 * len(found.data):
            return False
        self.network.flip(found, bit)
        return True

    def _splice(self, packet: str, donor: str, field: str) -> bool:
        other = self.network.packets.get(donor)
        if other is None:
            return False
        try:
            return self._with(packet, lambda found: self.network.splice(found, other, field))
        except (KeyError, ValueError):
            return False

    def _replay(self, packet: str, *, fresh: bool) -> bool:
        try:
            return self._with(packet, lambda found: self.network.replay(found, fresh=fresh))
        except ProtocolError:
            return False

    def _reflect(self, packet: str) -> bool:
        return self._with(packet, self.network.reflect)

    def _divert(self, packet: str, party: str) -> bool:
        if party not in self.cast.parties:
            return False
        return self._with(packet, lambda found: self.network.divert(found, party))

    def _inject(self, packet: str, what: str) -> bool:
        found = self.network.packets.get(packet)
        if found is None:
            return False
        theirs = self.setting.target_suites if found.sender == TARGET else self.setting.suites
        try:
            data = forge(found.data, what, theirs)
        except (ProtocolError, KeyError):
            return False
        self.network.inject(data, found.sender, f"{what}, forged", found)
        return True

    def _noise(self, data: str) -> None:
        self.network.inject(bytes.fromhex(data), TARGET, "noise")

    # -- within --------------------------------------------------------------------------------------------------

    def _with(self, label: str, act: Callable[[Packet], object]) -> bool:
        packet = self.network.packets.get(label)
        if packet is None:
            return False
        act(packet)
        return True

    def _random(self, count: int) -> str:
        """Return hexadecimal digits that differ each time and are the same in each game."""
        return self._rng.randbytes(count).hex()

    def _sent(self, frames: list[bytes]) -> None:
        """Take what the target sent of its own accord."""
        packets = self.network.post(self._target.packets(frames, RESPONDER))
        for packet in packets:
            self._referee.sightings.sees(packet.data, None)
        self._referee.observe()

    def _calm(self) -> None:
        network = self.network
        network.clear()
        if self.able.control:
            self._wait(LONG)
            for _ in range(MOST):
                if self._referee.pending:  # the target may send its requests one after the other (MSG-830)
                    self._wait(LONG)
            network.clear()
            left = self._referee.state.handshakes
            detail = f"{left} handshakes are still in progress after {LONG} seconds"
            self._tally.hold(Invariant.BOUNDED, left == 0, "CHN-980", detail)
        if self.able.server:
            self._converse(self.cast.parties[PROVISIONED].dialogues[-1])
        if self.able.responder:
            party = self.cast.parties[INITIATORS[0]]
            network.post(party.connect())
            network.settle()
            self._converse(party.dialogues[-1])
        if self.able.initiator:
            party = self.cast.parties[RESPONDER]
            before = len(party.dialogues)
            self._target_connects()
            network.settle()
            usable = len(party.dialogues) > before and party.dialogues[-1].usable
            self._hold_recovery(usable, "the target as Initiator opened no channel to an honest Responder")
            dialogue = party.dialogues[-1]
            self._target_asks(dialogue.label)
            network.settle()
            self._hold_recovery(dialogue.served > 0, "the target as client did not get through")
        self._referee.sightings.judge_all()

    def _converse(self, dialogue: Dialogue) -> None:
        """Judge that an honest request is answered."""
        self._hold_recovery(dialogue.usable, f"{dialogue.label}: no channel could be opened")
        before = len(dialogue.asked)
        self.network.post(self.cast.parties[dialogue.party].ask(dialogue, "read"))
        self.network.settle()
        answered = any(each.response is not None and each.response.code >> 5 == 2 for each in dialogue.asked[before:])
        self._hold_recovery(answered, f"{dialogue.label}: an honest request was not answered")

    def _hold_recovery(self, holds: bool, detail: str) -> None:
        self._tally.hold(Invariant.RECOVERY, holds, "CNF-510", detail)
