"""What is measured of credentials is chains as the chapter has them, found good."""

from typing import cast

import pytest

from picosec.identity.chain import Chain
from picosec_conformance.bench import credentials


@pytest.mark.parametrize("length", credentials.LENGTHS)
def test_chain_that_is_measured_is_good(length: int) -> None:
    """A rate of refusals, or of chains of another length, would say nothing."""
    judged = cast(Chain, credentials.contenders(length)())

    assert len(judged.credentials) == length
    assert all(each.claims.scope for each in judged.credentials)


def test_sizes_are_those_of_chains() -> None:
    """A signature and a public key of 64 bytes each, and a zone of 32, in every link; so much of an anchor too."""
    one, three = credentials.sizes()

    assert 64 + 64 + 32 < one < 300
    assert 3 * (64 + 64 + 32) < three <= 3 * one + 20
    assert 64 + 32 < credentials.anchor_bytes() < one
