"""Credentials: sizes of one and of a chain of three, what a device keeps, and how often per second chains are judged.

All signatures are ES256, and each credential has a scope, a role and a depth, as a guest's has. The reference judges a
chain as a whole; python-cwt, in a process of its own, verifies the same signatures, and decodes and checks the same
claims, key by key.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from picosec.crypto.curves import Curve
from picosec.identity.chain import Anchor
from picosec.identity.chains import Chains
from picosec.identity.status_lists import StatusLists
from picosec.messaging.cbor import dumps
from picosec_conformance.credentials import DEPTH, ENDS, ROLE, SCOPE, SUBJECT, Link, chain, scope
from picosec_conformance.objects import NOW, Key

LENGTHS: Final = (1, 3)
_ZONE: Final = sha256(b"PicoSec bench: zone").digest()
_LAMP: Final = scope(("/actuators/lamp", 5), ("/sensors/temperature", 1))
#: So late that no clock of the machine that measures has come to it.
_END: Final = 2**33


def _key(name: str) -> Key:
    return Key(name.encode(), Curve.P256, sha256(b"PicoSec bench: " + name.encode()).digest())


_ANCHOR: Final = _key("anchor")


def chain_of(length: int) -> bytes:
    """Return a chain of so many credentials, each of somebody whom the one before lets in."""
    links: list[Link] = []
    for at, name in enumerate(("ann", "bob", "cleo")[:length]):
        claims = {ENDS: _END, SUBJECT: name, SCOPE: _LAMP, ROLE: "guest"}
        further = {DEPTH: length - 1 - at} if at < length - 1 else {}
        links.append(Link(links[-1].holder if links else _ANCHOR, _key(name), _ZONE, {**claims, **further}))
    return chain(*links)


def sizes() -> tuple[int, int]:
    """Return the bytes of a chain of one, and of a chain of three."""
    one, three = (len(chain_of(length)) for length in LENGTHS)
    return one, three


def anchor_bytes() -> int:
    """Return the bytes that a device keeps of an anchor, its scope included."""
    return len(dumps([_ANCHOR.kid, dumps(_ANCHOR.cose_key), _ZONE, _LAMP]))


def contenders(length: int) -> Callable[[], object]:
    """Return what is timed: to judge a chain, with a date, as it is handed over."""
    chains, data = Chains(StatusLists()), chain_of(length)
    chains.admit([Anchor(_ANCHOR.kid, _ANCHOR.public, _ZONE)])
    return lambda: chains.judge(data, NOW)


def for_peer() -> dict[str, bytes]:
    """Return what python-cwt needs for the same: the private key of the anchor, and the chains."""
    return {"anchor": _ANCHOR.private, **{f"chain-{length}": chain_of(length) for length in LENGTHS}}
