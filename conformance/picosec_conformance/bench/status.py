"""Status lists: the size of a large one, and how often per second one is taken and a credential is judged by it."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from itertools import cycle
from typing import Final

from picosec.crypto.curves import Curve
from picosec.identity.status_lists import StatusIssuer, StatusLists
from picosec.messaging.cbor import dumps
from picosec_conformance.identity import claims
from picosec_conformance.objects import NOW, Key
from picosec_conformance.status import URI, Token, packed, status_claim

#: Credentials in the list, and how many of them were taken back: one in a hundred.
ENTRIES: Final = 100_000
REVOKED: Final = 1_000

_ISSUER: Final = Key(b"\x31", Curve.P256, bytes(range(1, 33)))
#: Credentials that are shown one after the other, none of them taken back.
_SHOWN: Final = 1_000


def token() -> bytes:
    """Return the list as it travels: entries of one bit, at random places, under a signature with ES256."""
    made = Token(_ISSUER, 1, b"")
    made.listed["lst"] = zlib.compress(packed(1, ENTRIES, dict.fromkeys(_places(), 1)), 9)
    return made.close()


def contenders() -> dict[str, Callable[[], object]]:
    """Return what is timed: to take the list, and to judge a credential by it."""
    data, lists = token(), _believing()
    lists.take(lists.judge(data, NOW))
    revoked, fresh = set(_places()), _believing()
    owner = _ISSUER.public
    shown = [dumps(claims("phone", owner) | status_claim(place)) for place in range(_SHOWN) if place not in revoked]
    following = cycle(shown)
    return {"taken": lambda: fresh.judge(data, NOW), "judged": lambda: lists.check(next(following), NOW)}


def _believing() -> StatusLists:
    lists = StatusLists()
    lists.admit([StatusIssuer(_ISSUER.kid, _ISSUER.public, URI)])
    return lists


def _places() -> list[int]:
    return random.Random(1).sample(range(ENTRIES), REVOKED)
