"""What is measured of anonymous tokens are tokens as the chapter has them, issued and taken."""

import pytest

from picosec.errors import ProtocolError
from picosec.identity.token import MAX_COUNT
from picosec_conformance.bench import tokens


def test_tokens_that_are_measured_are_good() -> None:
    """A rate of refusals would say nothing; and each is spent."""
    trade = tokens._Trade()
    fetched = trade.fetch(MAX_COUNT)
    assert [token.output for token in fetched] == [trade.key.secret.output(token.nonce) for token in fetched]

    data = trade.spend()
    trade.redeem(data)
    with pytest.raises(ProtocolError, match="IDN-1460"):
        trade.redeem(data)


def test_all_contenders_do_their_work() -> None:
    """None of them runs out, whatever it is measured for."""
    for contender in tokens.contenders().values():
        for _ in range(3):
            contender()
    assert tokens.sizes()["request_one_bytes"] < tokens.sizes()["request_sixteen_bytes"]
