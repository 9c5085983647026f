"""A reference that dies of noise, met on its main link and on others. test_links.py runs these; in this order."""

from __future__ import annotations

from contextlib import suppress

import pytest

from picosec.messaging.coap import Code
from picosec_conformance.adapters import TargetDied
from picosec_conformance.reach import Reach
from picosec_conformance.target import Target

NOISE = b"\x4f\x01\x00\x01\x00"


@pytest.mark.requirement("CNF-510")
def test_dies_unseen(target: Target) -> None:
    """Nobody looks any more."""
    target.send(NOISE)


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("messaging.stream")
def test_link_that_nobody_used_yet(target: Target) -> None:
    """What it leads to died before."""
    assert target.request(Code.GET, "/ps/info").code == Code.CONTENT


@pytest.mark.requirement("CNF-510")
def test_dies_behind_its_links(target: Target, reach: Reach) -> None:
    """Nobody listens where somebody did."""
    connection = reach("messaging.stream")
    target.send(NOISE)
    with suppress(TargetDied):
        target.until_probe_answered()
    connection.connect()


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("messaging.websocket")
def test_another_link_that_nobody_used_yet(target: Target) -> None:
    """Likewise, and on another one."""
    assert target.request(Code.GET, "/ps/info").code == Code.CONTENT


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("messaging.stream")
def test_link_that_was_lost(target: Target) -> None:
    """It was there before the death and has to be there after it."""
    assert target.request(Code.GET, "/ps/info").code == Code.CONTENT
