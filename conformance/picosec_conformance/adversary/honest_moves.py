"""What honest endpoints and their owners do. A move returns False where it cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.messaging.coap import Code
from picosec_conformance.adversary.game import Game


def connect(game: Game, party: str) -> bool:
    """Let a party begin a handshake."""
    who = game.cast.parties.get(party)
    if who is None or who.config is None or not game.able.responder:
        return False
    game.network.post(who.connect())
    return True


def ask(game: Game, dialogue: str, what: str) -> bool:
    """Let a party send a request over a channel: ``read``, ``write`` or ``odd``."""
    known = game.cast.dialogue(dialogue)
    if known is None or known.context is None:
        return False
    game.network.post(game.cast.parties[known.party].ask(known, what))
    return True


def write(game: Game, party: str) -> bool:
    """Let a party send an unprotected request that changes something."""
    if party not in game.cast.parties:
        return False
    game.network.post(game.cast.parties[party].write_in_the_open())
    return True


def target_connects(game: Game) -> bool:
    """Make the target begin a handshake."""
    if not game.able.initiator:
        return False
    parameters = {1: game.setting.method, 2: list(game.setting.target_suites)}
    game.referee.opens(game.control.act("open", parameters))
    game.sent(game.link.until_probe_answered())
    return True


def target_asks(game: Game, dialogue: str) -> bool:
    """Make the target send a request over a channel."""
    known = game.cast.dialogue(dialogue)
    if known is None or not known.usable or not game.able.client:
        return False
    assert known.context is not None
    path, payload = f"/t/{game.draw(8).hex()}", game.draw(16)
    game.cast.hide(path[3:].encode(), "the path of a protected request")
    game.cast.hide(payload, "the payload of a protected request")
    parameters = {1: int(Code.PUT), 2: path, 3: payload, 5: known.context.sender_id}
    game.referee.asks(game.control.act("request", parameters), path)
    game.sent(game.link.until_probe_answered())
    return True


def renew(game: Game, dialogue: str) -> bool:
    """Renew the keys of a channel at both ends."""
    known = game.cast.dialogue(dialogue)
    if known is None or not known.usable or known.session is None or not game.able.renewal:
        return False
    context = game.draw(8)
    game.referee.renews(game.control.act("key-update", {1: known.session.sender_id, 2: context}))
    known.open(known.session.updated(context))
    game.referee.observe()
    return True


def reboot(game: Game) -> bool:
    """Take the target's power away and give it back."""
    if not game.able.control:
        return False
    game.control.reboot()
    game.referee.rebooted()
    return True


def wait(game: Game, seconds: int) -> bool:
    """Let time pass for the target."""
    if not game.able.control:
        return False
    frames = game.control.advance(seconds)
    game.referee.now += seconds
    game.sent(frames)
    return True


def settle(game: Game) -> None:
    """Be an honest network until nothing is in flight."""
    game.network.settle()


def get_through(game: Game, party: str) -> bool:
    """Let a party open a channel and ask over it, which has to succeed."""
    who = game.cast.parties.get(party)
    if who is None or who.config is None or not who.honest or not game.able.responder:
        return False
    game.network.post(who.connect())
    game.network.settle()
    game.converse(who.dialogues[-1])
    return True


#: By the names that steps have.
HONEST_MOVES: Final[dict[str, Callable[..., bool | None]]] = {
    "connect": connect,
    "ask": ask,
    "write": write,
    "target-connects": target_connects,
    "target-asks": target_asks,
    "renew": renew,
    "reboot": reboot,
    "wait": wait,
    "settle": settle,
    "get-through": get_through,
}
