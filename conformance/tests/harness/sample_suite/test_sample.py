"""One test for each verdict. test_verdicts.py runs them against miniatures; they judge nothing themselves."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code
from picosec_conformance.target import Target
from picosec_conformance.verdicts import Inconclusive


@pytest.mark.requirement("CNF-510")
def test_answers(target: Target) -> None:
    """A plain question."""
    assert target.request(Code.GET, "/a").payload == b"/a"


@pytest.mark.requirement("CNF-510")
def test_gets_it_wrong(target: Target) -> None:
    """A question whose answer is not what the test wants."""
    assert target.request(Code.GET, "/a").payload == b"something else"


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("channel.edhoc.suite.4")
def test_needs_more(target: Target) -> None:
    """A question that this target was never asked to understand."""
    raise AssertionError("must not run")


@pytest.mark.requirement("CNF-510")
def test_cannot_tell(target: Target) -> None:
    """A question without an answer."""
    raise Inconclusive("the coin stands on its edge")


@pytest.mark.requirement("CNF-510")
def test_breaks_itself(target: Target) -> None:
    """A mistake of the suite."""
    {}["no such key"]


@pytest.mark.requirement("CNF-510")
def test_draws(target: Target, rng: object) -> None:
    """Randomness shows in what is sent."""
    target.send(target.build(Code.GET, "/a"))
    target.receive()
    raise AssertionError("so that the frames are kept")
