"""Outcomes that are larger than a block: what tells the blocks of one from those of another."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.blocks import Block
from picosec.messaging.coap import Code, Option
from picosec_conformance.blockwise import Upload, block_in
from picosec_conformance.target import Target

LARGE = "/ps/test/large"


@pytest.mark.requirement("MSG-1370")
@pytest.mark.needs("conformance.test-interface")
def test_blocks_of_an_outcome_have_an_etag(target: Target, rng: random.Random) -> None:
    """A client asks twice, and fetches what came of it: without a tag it could join half of each."""
    tags = []
    for _ in range(2):
        first = Upload(target, target.exchange, LARGE, code=Code.POST).whole(rng.randbytes(1500), 512)
        further = Block(1, False, block_in(first).exponent).option(Option.BLOCK2)
        second = target.exchange(target.build(Code.POST, LARGE, options=(further,)))

        assert block_in(second).number == 1
        assert len(first.option_values(Option.ETAG)) == 1
        assert second.option_values(Option.ETAG) == first.option_values(Option.ETAG)
        tags.append(first.option(Option.ETAG))
    assert tags[0] != tags[1]
