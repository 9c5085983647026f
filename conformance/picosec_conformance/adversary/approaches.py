"""Ways to bring a game to the moment when one datagram of a kind is about to reach the target, or to a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from picosec_conformance.adversary.cast import PROVISIONED, RESPONDER
from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.adversary.setting import Abilities
from picosec_conformance.adversary.stage import Stage
from picosec_conformance.adversary.steps import step
from picosec_conformance.network import Packet
from picosec_conformance.network.network import TARGET


class OutOfReach(Exception):
    """The target did not do what an approach needs. Honest peers will find out whether that is a fault."""


#: Performs steps and returns the datagram that is about to be delivered.
Reach = Callable[[Stage, str], Packet]


@dataclass(frozen=True, slots=True)
class Approach:
    """``reach`` takes the stage and the party that plays; ``once`` says that the moment passes with one delivery.

    ``parties`` can play it; ``message_4`` is whether the handshake needs to have one.
    """

    name: str
    reach: Reach
    parties: tuple[str, ...]
    able: Callable[[Abilities], bool]
    once: bool = True
    message_4: bool = False


def newest(stage: Stage, sender: str, receiver: str) -> Packet:
    """Return the latest datagram from one to the other. Raises ``OutOfReach``."""
    for packet in reversed(stage.network.packets.values()):
        if packet.sender == sender and packet.receiver == receiver:
            return packet
    raise OutOfReach(f"nothing from {sender} to {receiver}")


def _last(stage: Stage, party: str) -> Dialogue:
    """Return the latest dialogue of a party. Raises ``OutOfReach``."""
    dialogues = stage.cast.parties[party].dialogues
    if not dialogues:
        raise OutOfReach(f"{party} has no channel")
    return dialogues[-1]


def _pass(stage: Stage, sender: str, receiver: str) -> None:
    stage.perform(step("deliver", packet=newest(stage, sender, receiver).label))


def message_1(stage: Stage, party: str) -> Packet:
    """Let a party send message_1."""
    stage.perform(step("connect", party=party))
    return newest(stage, party, TARGET)


def message_3(stage: Stage, party: str) -> Packet:
    """Let a party send message_3."""
    message_1(stage, party)
    _pass(stage, party, TARGET)
    _pass(stage, TARGET, party)
    return newest(stage, party, TARGET)


def request(stage: Stage, party: str) -> Packet:
    """Let a party send a protected write over a channel that it has or opens."""
    if not any(dialogue.usable for dialogue in stage.cast.parties[party].dialogues):
        stage.perform(step("connect", party=party))
        stage.perform(step("settle"))
    stage.perform(step("ask", dialogue=_last(stage, party).label, what="write"))
    return newest(stage, party, TARGET)


def plain(stage: Stage, party: str) -> Packet:
    """Let a party send an unprotected write."""
    stage.perform(step("write", party=party))
    return newest(stage, party, TARGET)


def message_1_of_target(stage: Stage) -> Packet:
    """Let the target send message_1."""
    stage.perform(step("target-connects"))
    return newest(stage, TARGET, RESPONDER)


def message_2(stage: Stage, party: str) -> Packet:
    """Let the target begin a handshake, and the party that it means send message_2."""
    message_1_of_target(stage)
    _pass(stage, TARGET, party)
    return newest(stage, party, TARGET)


def message_4(stage: Stage, party: str) -> Packet:
    """Let the target begin a handshake, and the party send message_4, or what ends it without."""
    message_2(stage, party)
    _pass(stage, party, TARGET)
    _pass(stage, TARGET, party)
    return newest(stage, party, TARGET)


def answer(stage: Stage, party: str) -> Packet:
    """Let the target ask over a channel, and the party answer."""
    if not any(dialogue.usable for dialogue in stage.cast.parties[party].dialogues):
        stage.perform(step("target-connects"))
        stage.perform(step("settle"))
    stage.perform(step("target-asks", dialogue=_last(stage, party).label))
    _pass(stage, TARGET, party)
    return newest(stage, party, TARGET)


_ASKING, _ANSWERING = ("alice", "bob"), (RESPONDER,)

#: One for each message that the target takes.
APPROACHES: tuple[Approach, ...] = (
    Approach("message_1", message_1, _ASKING, lambda able: able.responder, once=False),
    Approach("message_3", message_3, _ASKING, lambda able: able.responder),
    Approach("request", request, _ASKING, lambda able: able.responder),
    Approach("provisioned request", request, (PROVISIONED,), lambda able: able.server),
    Approach("plain request", plain, _ASKING, lambda able: True),
    Approach("message_2", message_2, _ANSWERING, lambda able: able.initiator),
    Approach("message_4", message_4, _ANSWERING, lambda able: able.initiator and able.message_4, message_4=True),
    Approach("end of handshake", message_4, _ANSWERING, lambda able: able.initiator),
    Approach("response", answer, _ANSWERING, lambda able: able.initiator),
    Approach("provisioned response", answer, (PROVISIONED,), lambda able: able.client),
)

#: Brings a stage into a state in which messages may arrive that do not belong there.
Enter = Callable[[Stage], object]


def _answered(stage: Stage) -> None:
    request(stage, "alice")
    _pass(stage, "alice", TARGET)


def _ahead(stage: Stage) -> None:
    """Go on for longer than a replay window remembers."""
    for _ in range(40):
        stage.perform(step("ask", dialogue=_last(stage, PROVISIONED).label, what="read"))
    stage.perform(step("settle"))


def _proven(stage: Stage) -> None:
    """Lose the replay window behind a request, and let the peer prove that its next one is fresh."""
    stage.perform(step("ask", dialogue=_last(stage, PROVISIONED).label, what="write"))
    stage.perform(step("settle"))
    stage.perform(step("reboot"))
    stage.perform(step("ask", dialogue=_last(stage, PROVISIONED).label, what="read"))
    stage.perform(step("settle"))


def _renewed(stage: Stage) -> None:
    request(stage, "alice")
    stage.perform(step("renew", dialogue=_last(stage, "alice").label))


#: By name: how to get there, and what a target needs for it.
STATES: dict[str, tuple[Enter, Callable[[Abilities], bool]]] = {
    "idle": (lambda stage: None, lambda able: True),
    "waits for message_3": (lambda stage: message_3(stage, "alice"), lambda able: able.responder),
    "holds a channel": (lambda stage: request(stage, "alice"), lambda able: able.responder),
    "has answered a request": (_answered, lambda able: able.responder),
    "waits for message_2": (lambda stage: message_2(stage, RESPONDER), lambda able: able.initiator),
    "waits for the end of a handshake": (lambda stage: message_4(stage, RESPONDER), lambda able: able.initiator),
    "waits for a response": (lambda stage: answer(stage, RESPONDER), lambda able: able.initiator),
    "has new keys": (_renewed, lambda able: able.responder and able.renewal),
    "is far ahead": (_ahead, lambda able: able.server),
    "was restarted": (lambda stage: stage.perform(step("reboot")), lambda able: able.control),
    "knows its window again": (_proven, lambda able: able.control and able.server),
}
