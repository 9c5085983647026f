"""Ports for links that a target opens itself: free, the same in every place, and nobody else's."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing

import pytest

from picosec_conformance.adapters import Ports


def test_port_is_the_same_wherever_its_name_stands() -> None:
    """The target is told to listen where the link will connect."""
    with closing(Ports()) as ports:
        assert ports.fill("127.0.0.1:{port:udp}") == f"127.0.0.1:{ports.number('udp')}"
        assert ports.number("udp") != ports.number("tcp")
        assert ports.fill("{python}") == "{python}"


def test_port_is_free_for_streams_and_datagrams() -> None:
    """A port that a neighbour's service has would make the target's start fail, or worse, certify the neighbour."""
    with closing(Ports()) as ports, socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        stream.bind(("127.0.0.1", ports.number("link")))
        datagrams.bind(("127.0.0.1", ports.number("link")))


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_two_runs_never_choose_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers start their targets at the same moment: neither must talk to the other's."""
    monkeypatch.setattr("picosec_conformance.adapters.ports._RANGE", range(20_000, 20_040))
    with closing(Ports()) as one, closing(Ports()) as other:
        chosen = [ports.number(str(n)) for n in range(10) for ports in (one, other)]
        assert len(set(chosen)) == 20
        program = f"from picosec_conformance.adapters import ports; print([ports._lock(n) for n in {chosen}])"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str([None] * 20), "nor does another process get them"

    with closing(Ports()) as later:
        assert len({later.number(str(n)) for n in range(25)}) == 25, "they were given back"
