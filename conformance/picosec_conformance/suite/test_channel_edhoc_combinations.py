"""Handshakes over combinations: method × suite × kinds of credential × role × message_4, each pair of choices once;
and once more with the transport for another choice.

``picosec certify --every-combination`` runs all of them.
"""

from __future__ import annotations

import random
from itertools import product
from typing import NamedTuple

import pytest
from allpairspy import AllPairs

from picosec.channel.credentials import Kind
from picosec.channel.session import Role, Session
from picosec.messaging.coap import Code
from picosec_conformance.control import Control
from picosec_conformance.handshake import initiate, introduce, open_channel, respond
from picosec_conformance.target import Target

_ROLE_FEATURE = {Role.RESPONDER: "channel.edhoc.responder", Role.INITIATOR: "channel.edhoc.initiator"}
_METHODS = ("CHN-060", "CHN-070", "CHN-080", "CHN-090")
_SUITES = ("CHN-110", "CHN-120", "CHN-130", "CHN-140", "CHN-150", "CHN-160", "CHN-170")


class Combination(NamedTuple):
    """One cell. ``role`` is the target's; ``theirs`` the kind of its credential, ``own`` that of the suite's."""

    method: int
    suite: int
    theirs: Kind
    own: Kind
    role: Role
    message_4: bool
    transport: str = ""

    @property
    def features(self) -> set[str]:
        """What a target must declare for the cell to apply."""
        named = {f"channel.edhoc.method.{self.method}", f"channel.edhoc.suite.{self.suite}", _ROLE_FEATURE[self.role]}
        named |= {f"channel.edhoc.credential.{kind.value}" for kind in (self.theirs, self.own)}
        named |= {f"messaging.{self.transport}"} if self.transport else set()
        return named | ({"channel.edhoc.message4"} if self.message_4 else set())

    @property
    def name(self) -> str:
        """How reports call it."""
        end = ("-message-4" if self.message_4 else "") + (f"-{self.transport}" if self.transport else "")
        return f"{self.role.value}-{self.method}-{self.suite}-{self.theirs.value}-{self.own.value}{end}"


CHOICES = [range(4), range(7), list(Kind), list(Kind), [Role.RESPONDER, Role.INITIATOR], [False, True]]
#: Beside the main link, on which all pairs stand without these: a target may have no other.
TRANSPORTS = ["stream", "websocket"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the cells: all of them on demand, else so many that every two choices meet once."""
    every = metafunc.config.getoption("picosec_combinations") == "every"
    chosen: list[object] = []
    for choices in (CHOICES, [*CHOICES, TRANSPORTS]):
        cells = product(*choices) if every else AllPairs([list(values) for values in choices])
        chosen += [_parameter(Combination(*values)) for values in cells]
    metafunc.parametrize("cell", chosen)


def _parameter(cell: Combination) -> object:
    named = pytest.mark.requirement(_METHODS[cell.method], _SUITES[cell.suite])
    return pytest.param(cell, id=cell.name, marks=[named, pytest.mark.needs(*sorted(cell.features))])


def test_handshake_opens_a_channel(target: Target, control: Control, rng: random.Random, cell: Combination) -> None:
    """Each choice works alone; what breaks in the field is the pair that nobody tried together."""
    parties = introduce(
        target,
        rng,
        method=cell.method,
        suite=cell.suite,
        target_role=cell.role,
        target_kind=cell.theirs,
        own_kind=cell.own,
        message_4=cell.message_4,
    )
    session: Session
    if cell.role is Role.RESPONDER:
        session = initiate(target, parties)
    else:
        control.act("open", {1: cell.method, 2: [cell.suite]})
        session = respond(target, parties)
        target.until_probe_answered()

    path = target.manifest.resources.protected_get
    assert open_channel(target, session).request(Code.GET, path).code == Code.CONTENT
    assert control.export(session.sender_id, 32768, b"", 16) == session.export(32768, b"", 16)
