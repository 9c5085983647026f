"""Sweeps: what an adversary can do to one datagram, done in every way there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, product

from picosec_conformance.adversary.approaches import (
    APPROACHES,
    STATES,
    Approach,
    OutOfReach,
    message_1_of_target,
    newest,
)
from picosec_conformance.adversary.invariants import Broken
from picosec_conformance.adversary.referee import MOST_HANDSHAKES
from picosec_conformance.adversary.setting import Setting, families, simplest
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import Step, step
from picosec_conformance.adversary.sweeper import Case, Part, Sweeper
from picosec_conformance.network import Packet, common_fields
from picosec_conformance.network.network import TARGET

#: Of the messages that led into a state, how many are replayed in it.
LATEST = 8


def _settings(sweeper: Sweeper) -> list[Setting]:
    """Return the settings whose messages differ: all with the simplest one's keys, then the longest messages."""
    able = sweeper.arena.able
    plain = simplest(able)
    if not able.handshakes or sweeper.quick:
        return [plain]
    signed = simplest(able, method=0, kind=able.kinds[-1]) if 0 in able.methods else plain
    others = [simplest(able, suites=group[-1:], target_suites=group[-1:]) for group in families(able)[1:]]
    return list(dict.fromkeys([plain, signed, *others]))


def _approaches(sweeper: Sweeper) -> Iterator[tuple[Setting, Approach]]:
    """Yield every message that the target takes, in every setting."""
    able = sweeper.arena.able
    for setting in _settings(sweeper):
        for approach in APPROACHES:
            if approach.able(able) and (able.handshakes or approach.parties[0] not in ("alice", "bob")):
                yield _with_message_4(setting, approach), approach


def _with_message_4(setting: Setting, approach: Approach) -> Setting:
    return replace(setting, message_4=approach.message_4)


class _Subject:
    """The datagram that cases are about: reached once, or anew for each case where its moment passes."""

    def __init__(self, approach: Approach, party: str) -> None:
        self._approach = approach
        self._party = party
        self._stage: Stage | None = None
        self._packet: Packet | None = None

    def on(self, stage: Stage) -> Packet:
        """Return the datagram on a stage."""
        if self._approach.once or self._packet is None or stage is not self._stage:
            self._stage, self._packet = stage, self._approach.reach(stage, self._party)
        return self._packet

    def over(self, stage: Stage) -> None:
        """Let the network work where the moment has passed, so that the next one begins in order."""
        if self._approach.once:
            stage.perform(step("settle"))


def _flips(sweeper: Sweeper) -> Iterator[Part]:
    """Every bit of every message inverted; where that leaves the message valid, it has arrived genuinely once."""
    for setting, approach in _approaches(sweeper):
        size = _size(sweeper, setting, approach)
        yield Part(setting, approach.name, _on_each(approach, range(8 * size), _flip))


def _prefixes(sweeper: Sweeper) -> Iterator[Part]:
    """Every prefix of every message."""
    for setting, approach in _approaches(sweeper):
        size = _size(sweeper, setting, approach)
        yield Part(setting, approach.name, _on_each(approach, range(size), _truncate))


def _flip(packet: Packet, bit: int) -> Step:
    return step("flip", packet=packet.label, bit=bit)


def _truncate(packet: Packet, length: int) -> Step:
    return step("truncate", packet=packet.label, length=length)


def _on_each(approach: Approach, numbers: range, make: Callable[[Packet, int], Step]) -> Iterator[Case]:
    subject = _Subject(approach, approach.parties[0])
    for number in numbers:

        def case(stage: Stage, number: int = number) -> None:
            stage.perform(make(subject.on(stage), number))
            subject.over(stage)

        yield case
    yield lambda stage: _genuine(stage, subject)


def _genuine(stage: Stage, subject: _Subject) -> None:
    """After all that, the genuine message arrives; the referee and the recovery judge what comes of it."""
    stage.perform(step("deliver", packet=subject.on(stage).label))
    stage.perform(step("settle"))


def _size(sweeper: Sweeper, setting: Setting, approach: Approach) -> int:
    """Return the size of the datagram, which does not depend on what was done before."""
    try:
        stage = sweeper.arena.stage(setting)
        return len(approach.reach(stage, approach.parties[0]).data)
    except (Broken, OutOfReach):
        return 0


def _replays(sweeper: Sweeper) -> Iterator[Part]:
    """Every message of every session, as it was and with fresh ids, in every state of the target."""
    able = sweeper.arena.able
    for setting in _settings(sweeper):
        past = _past(sweeper, setting)
        for name, (enter, needs) in STATES.items():
            if needs(able):
                yield Part(setting, name, chain(_replayed(past, enter), _replayed_latest(enter)), _history)


def _replayed(past: list[Packet], enter: Callable[[Stage], object]) -> Iterator[Case]:
    for packet in past:
        moves = [step("replay", packet=packet.label, fresh=False), step("replay", packet=packet.label, fresh=True)]
        if packet.receiver != TARGET:
            moves = [step("reflect", packet=packet.label)]
        for move in moves:

            def case(stage: Stage, move: Step = move) -> None:
                enter(stage)
                stage.perform(move)
                stage.perform(step("settle"))

            yield case


def _replayed_latest(enter: Callable[[Stage], object]) -> Iterator[Case]:
    """Replay what led into the state itself."""
    for back, fresh in product(range(LATEST), (False, True)):

        def case(stage: Stage, back: int = back, fresh: bool = fresh) -> None:
            enter(stage)
            packets = [packet.label for packet in stage.network.packets.values() if packet.receiver == TARGET]
            stage.perform(step("replay", packet=packets[-1 - back % len(packets)], fresh=fresh))
            stage.perform(step("settle"))

        yield case


def _history(stage: Stage) -> None:
    """Play one session of everybody, behind a loss of power: handshakes, requests and answers in both directions."""
    able = stage.able
    stage.perform(step("reboot"))
    for approach in APPROACHES:
        if not approach.message_4 and approach.able(able) and approach.name != "end of handshake":
            for party in approach.parties:
                if party in stage.cast.parties:
                    approach.reach(stage, party)
                    stage.perform(step("settle"))


def _past(sweeper: Sweeper, setting: Setting) -> list[Packet]:
    """Return the messages of a history, which are the same each time it is played."""
    try:
        stage = sweeper.arena.stage(setting)
        with suppress(OutOfReach):
            _history(stage)
    except Broken:
        return []
    return list(stage.network.packets.values())


#: Who is spliced with whom while both are at the same point.
_PAIRS: tuple[tuple[str, str], ...] = (("alice", "alice"), ("alice", "bob"), ("bob", "alice"), ("alice", "mallory"))


def _splices(sweeper: Sweeper) -> Iterator[Part]:
    """Every pair of sessions: each field of a message of one, exchanged in a message of the other."""
    able = sweeper.arena.able
    for setting in _settings(sweeper):
        past = _past(sweeper, setting)
        yield Part(setting, "past sessions", _spliced(past), _history)
        for approach in APPROACHES if setting == _settings(sweeper)[0] else ():
            if approach.able(able) and not approach.message_4 and (able.handshakes or approach.parties[0] == "carol"):
                cases = _spliced_with_past(sweeper, setting, approach, past)
                yield Part(setting, "one that is past", cases, _history)
        for approach in APPROACHES if able.responder else ():
            for party, other in _PAIRS if approach.parties == ("alice", "bob") else ():
                if other != "mallory" or approach.name in ("message_1", "message_3"):
                    cases = _spliced_live(sweeper, setting, approach, party, other)
                    yield Part(setting, f"two at {approach.name}", cases)


def _spliced(past: list[Packet]) -> Iterator[Case]:
    for packet in past:
        for donor in past:
            for field in common_fields(packet.data, donor.data) if packet.receiver == TARGET else ():
                move = step("splice", packet=packet.label, donor=donor.label, field=field)

                def case(stage: Stage, move: Step = move) -> None:
                    stage.perform(move)
                    stage.network.clear()

                yield case


def _spliced_with_past(sweeper: Sweeper, setting: Setting, approach: Approach, past: list[Packet]) -> Iterator[Case]:
    """Splice a message that is about to arrive with all that went by before."""
    party = approach.parties[0]
    try:
        stage = sweeper.arena.stage(setting)
        _history(stage)
        sample = approach.reach(stage, party)
    except (Broken, OutOfReach):
        return
    for donor in past:
        for field in common_fields(sample.data, donor.data):

            def case(stage: Stage, donor: str = donor.label, field: str = field) -> None:
                packet = approach.reach(stage, party)
                stage.perform(step("splice", packet=packet.label, donor=donor, field=field))
                stage.perform(step("settle"))

            yield case


def _spliced_live(sweeper: Sweeper, setting: Setting, approach: Approach, party: str, other: str) -> Iterator[Case]:
    """Splice two sessions that are at the same point."""
    try:
        stage = sweeper.arena.stage(setting)
        fields = common_fields(approach.reach(stage, party).data, approach.reach(stage, other).data)
    except (Broken, OutOfReach):
        return
    for field in fields:

        def case(stage: Stage, field: str = field) -> None:
            packet, donor = approach.reach(stage, party), approach.reach(stage, other)
            stage.perform(step("splice", packet=packet.label, donor=donor.label, field=field))
            stage.perform(step("settle"))

        yield case


def _impostors(sweeper: Sweeper) -> Iterator[Part]:
    """Everybody who is not who they say, with every method and every kind of credential."""
    able = sweeper.arena.able
    for method in able.methods if able.handshakes else ():
        for kind in able.kinds:
            setting = simplest(able, method=method, kind=kind)
            if able.responder:
                cases = (partial(_shown_false, party=party) for party in ("mallory", "eve"))
                yield Part(setting, "as Initiators", iter(cases), sampled=False)
            if able.initiator:
                both = ((party, ended) for party in ("trudy", "ivan") for ended in (False, True))
                answers = (partial(_answered_false, party=party, ended=ended) for party, ended in both)
                yield Part(setting, "as Responders", iter(answers), sampled=False)


def _shown_false(stage: Stage, party: str) -> None:
    stage.perform(step("connect", party=party))
    stage.perform(step("settle"))


def _answered_false(stage: Stage, party: str, ended: bool) -> None:
    """Answer the target's message_1, and perhaps its next message, as if that had been accepted."""
    stage.perform(step("divert", packet=message_1_of_target(stage).label, party=party))
    if ended:
        stage.perform(step("deliver", packet=newest(stage, party, TARGET).label))
        stage.perform(step("inject", packet=newest(stage, TARGET, party).label, what="empty-success"))
    stage.perform(step("settle"))


def _floods(sweeper: Sweeper) -> Iterator[Part]:
    """More handshakes begun than anybody has room for, after which there must be room for one that goes on."""
    if sweeper.arena.able.responder:
        yield Part(simplest(sweeper.arena.able), "message_1", iter([_flooded]), sampled=False)


def _flooded(stage: Stage) -> None:
    stage.perform(step("flood", party="mallory", count=MOST_HANDSHAKES + 1))
    stage.perform(step("get-through", party="alice"))


#: By name: what yields the parts of a sweep.
SWEEPS: dict[str, Callable[[Sweeper], Iterator[Part]]] = {
    "flip": _flips,
    "prefix": _prefixes,
    "replay": _replays,
    "splice": _splices,
    "impostor": _impostors,
    "flood": _floods,
}
