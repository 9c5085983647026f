"""What the adversary does. A move returns False where it cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.channel.edhoc_error import ErrorMessage
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_CID_EDHOC
from picosec_conformance.adversary.forgeries import forge
from picosec_conformance.adversary.game import Game
from picosec_conformance.adversary.invariants import Invariant
from picosec_conformance.handshake import PATH, TRUE
from picosec_conformance.network import Packet
from picosec_conformance.network.network import TARGET
from picosec_conformance.network.tampering import dissect


def deliver(game: Game, packet: str) -> bool:
    """Deliver a datagram."""
    return _with(game, packet, game.network.deliver)


def drop(game: Game, packet: str) -> bool:
    """Let a datagram never arrive."""
    return _with(game, packet, game.network.drop)


def duplicate(game: Game, packet: str) -> bool:
    """Deliver a datagram that will arrive again."""
    return _with(game, packet, game.network.duplicate)


def delay(game: Game, packet: str) -> bool:
    """Put a datagram behind all others."""
    return _with(game, packet, game.network.delay)


def truncate(game: Game, packet: str, length: int) -> bool:
    """Deliver the beginning of a datagram."""
    return _with(game, packet, lambda found: game.network.truncate(found, length))


def flip(game: Game, packet: str, bit: int) -> bool:
    """Deliver a datagram with one bit inverted."""
    found = game.network.packets.get(packet)
    if found is None or bit >= 8 * len(found.data):
        return False
    game.network.flip(found, bit)
    return True


def splice(game: Game, packet: str, donor: str, field: str) -> bool:
    """Deliver a datagram with a field of another one."""
    other = game.network.packets.get(donor)
    if other is None:
        return False
    try:
        return _with(game, packet, lambda found: game.network.splice(found, other, field))
    except (KeyError, ValueError):
        return False


def replay(game: Game, packet: str, *, fresh: bool) -> bool:
    """Deliver a datagram of any time again."""
    try:
        return _with(game, packet, lambda found: game.network.replay(found, fresh=fresh))
    except ProtocolError:
        return False


def reflect(game: Game, packet: str) -> bool:
    """Deliver a datagram to its sender."""
    return _with(game, packet, game.network.reflect)


def divert(game: Game, packet: str, party: str) -> bool:
    """Deliver a datagram to another party."""
    if party not in game.cast.parties:
        return False
    return _with(game, packet, lambda found: game.network.divert(found, party))


def inject(game: Game, packet: str, what: str) -> bool:
    """Deliver a forged answer to a datagram."""
    found = game.network.packets.get(packet)
    if found is None:
        return False
    theirs = game.setting.target_suites if found.sender == TARGET else game.setting.suites
    try:
        data = forge(found.data, what, theirs)
    except (ProtocolError, KeyError):
        return False
    game.network.inject(data, found.sender, f"{what}, forged", found)
    return True


def dismiss(game: Game, packet: str) -> bool:
    """Send an error message for the session that a message of a handshake belongs to."""
    found = game.network.packets.get(packet)
    prefix = dissect(found.data).get("prefix") if found is not None else None
    if prefix is None or prefix == TRUE:
        return False
    text = prefix + ErrorMessage(1, "go away").encode()
    message = game.link.build(Code.POST, PATH, text, content_format=CONTENT_FORMAT_CID_EDHOC)
    game.network.inject(message.encode(), TARGET, f"dismiss {packet}")
    return True


def flood(game: Game, party: str, count: int) -> bool:
    """Begin handshakes and never go on."""
    who = game.cast.parties.get(party)
    if who is None or who.config is None or not game.able.responder:
        return False
    for _ in range(count):
        for packet in game.network.post(who.connect()):
            game.network.deliver(packet)
        game.network.clear()
    return True


def trespass(game: Game, what: str) -> bool:
    """Send a request in the open that is served over a channel only."""
    if not game.able.server:
        return False
    resources = game.link.manifest.resources
    code, path = (
        (Code.GET, resources.or_nowhere("protected_get"))
        if what == "read"
        else (Code.PUT, resources.or_nowhere("protected_put"))
    )
    payload = b"" if what == "read" else b"\xf5"
    message = game.link.build(code, path, payload, content_format=CONTENT_FORMAT_CBOR if payload else None)
    delivery = game.network.inject(message.encode(), TARGET, f"trespass: {what} in the open")
    for packet in delivery.emitted:
        refused = packet.data[1] >> 5 != 2
        detail = f"{path} was served in the open"
        game.tally.hold(Invariant.AUTHENTIC, refused, "CHN-800", detail)
    return True


def noise(game: Game, data: str) -> None:
    """Deliver bytes that mean nothing."""
    game.network.inject(bytes.fromhex(data), TARGET, "noise")


def _with(game: Game, label: str, act: Callable[[Packet], object]) -> bool:
    packet = game.network.packets.get(label)
    if packet is None:
        return False
    act(packet)
    return True


#: By the names that steps have.
HOSTILE_MOVES: Final[dict[str, Callable[..., bool | None]]] = {
    "deliver": deliver,
    "drop": drop,
    "duplicate": duplicate,
    "delay": delay,
    "truncate": truncate,
    "flip": flip,
    "splice": splice,
    "replay": replay,
    "reflect": reflect,
    "divert": divert,
    "inject": inject,
    "dismiss": dismiss,
    "flood": flood,
    "trespass": trespass,
    "noise": noise,
}
