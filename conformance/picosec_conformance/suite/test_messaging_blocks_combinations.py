"""Transfers over combinations: protection × block size × direction × role, each pair of choices once.

``picosec certify --every-combination`` runs all of them.
"""

from __future__ import annotations

import random
from enum import Enum
from itertools import product
from typing import NamedTuple

import pytest
from allpairspy import AllPairs

from picosec.crypto.aead import Aead
from picosec.messaging.blocks import BLOCK_SIZES, Block, exponent_of
from picosec.messaging.coap import Code, Option
from picosec_conformance.blockwise import TargetAsClient, Upload, block_in, parts_of
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import fresh_context, set_up
from picosec_conformance.target import Target

PATH = "/ps/test/large"
ETAG = (int(Option.ETAG), b"etag")


class Direction(Enum):
    """Which body is larger than a block."""

    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"


class Combination(NamedTuple):
    """One cell. ``aead`` is None in the open; ``serves`` says that the target is the server."""

    aead: Aead | None
    size: int
    direction: Direction
    serves: bool

    @property
    def features(self) -> set[str]:
        """What a target must declare for the cell to apply."""
        role = "server" if self.serves else "client"
        named = {"conformance.test-interface", f"messaging.block.{role}"}
        return named if self.aead is None else named | {f"channel.oscore.{role}"}

    @property
    def name(self) -> str:
        """How reports call it."""
        protection = "open" if self.aead is None else self.aead.name.lower()
        return f"{protection}-{self.size}-{self.direction.value}-{'server' if self.serves else 'client'}"


CHOICES = [[None, *Aead], list(BLOCK_SIZES), list(Direction), [True, False]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the cells: all of them on demand, else so many that every two choices meet once."""
    every = metafunc.config.getoption("picosec_combinations") == "every"
    cells = product(*CHOICES) if every else AllPairs([list(values) for values in CHOICES])
    metafunc.parametrize("cell", [_parameter(Combination(*values)) for values in cells])


def _parameter(cell: Combination) -> object:
    sent = "MSG-1400" if cell.serves else "MSG-1520"
    fetched = "MSG-1310" if cell.serves else "MSG-1540"
    named = {Direction.REQUEST: [sent], Direction.RESPONSE: [fetched], Direction.BOTH: [sent, fetched]}
    marks = [pytest.mark.requirement(*named[cell.direction]), pytest.mark.needs(*sorted(cell.features))]
    return pytest.param(cell, id=cell.name, marks=marks)


def test_bodies_arrive_whole(target: Target, control: Control, rng: random.Random, cell: Combination) -> None:
    """Each choice works alone; what breaks in the field is the pair that nobody tried together."""
    channel = None if cell.aead is None else set_up(target, control, fresh_context(rng, aead=cell.aead.value))
    length = 2 * cell.size + 1 + rng.randrange(cell.size)
    body = rng.randbytes(cell.size if cell.direction is Direction.RESPONSE and not cell.serves else length)
    (_served if cell.serves else _asked)(target, control, channel, cell, body)


def _served(target: Target, control: Control, channel: Channel | None, cell: Combination, body: bytes) -> None:
    """The target turns a body around: the large one comes, or goes, or both."""
    ask = target.exchange if channel is None else channel.ask
    wanted = Block(0, False, exponent_of(cell.size)).option(Option.BLOCK2)
    if cell.direction is Direction.REQUEST:
        assert Upload(target, ask, PATH).whole(body, cell.size).code == Code.CHANGED
        assert target.request(Code.GET, PATH).payload == body
        return
    if cell.direction is Direction.RESPONSE:
        reply = ask(target.build(Code.POST, PATH, body, options=(wanted,)))
    else:
        reply = Upload(target, ask, PATH, wanted, code=Code.POST).whole(body, cell.size)
    answer = reply.payload
    while (block := block_in(reply)).more:
        further = Block(len(answer) // block.size, False, block.exponent).option(Option.BLOCK2)
        reply = ask(target.build(Code.POST, PATH, options=(further,)))
        answer += reply.payload
    assert answer == body[::-1]
    assert control.changes(PATH) == 1


def _asked(target: Target, control: Control, channel: Channel | None, cell: Combination, body: bytes) -> None:
    """The target sends a body, and gets it back turned around, or a word."""
    client = TargetAsClient(target, control, channel)
    handle = client.act(Code.POST, "/turn", body, size=cell.size)
    requests, collected = client.collect()
    assert collected == body
    last = requests[-1].option(Option.BLOCK1)
    echo = [] if last is None else [(int(Option.BLOCK1), last)]
    answer = b"done" if cell.direction is Direction.REQUEST else body[::-1] * 3
    for block, payload in parts_of(answer, cell.size):
        if block.number:
            assert client.receive().code == Code.POST
        client.answer(Code.CHANGED, payload, block.option(Option.BLOCK2), ETAG, *echo)
        echo = []
    assert client.outcome(handle) == ("response", answer)
