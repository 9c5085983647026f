"""Objects between the reference and python-cwt, which does the COSE in them: each opens what the other made.

python-cwt needs an older cbor2, so it lies in a folder of its own: PICOSEC_CWT names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Keys, OwnKey, Purpose, SenderKey
from picosec_conformance.bench import credentials, objects
from picosec_conformance.bench.objects import CONTENTS, NOW, READER, SENDER, Elsewhere
from picosec_conformance.bench.report import MeasurementFailed

FOLDER = os.environ.get("PICOSEC_CWT")
pytestmark = pytest.mark.skipif(not FOLDER, reason="PICOSEC_CWT does not say where python-cwt is")


@pytest.fixture
def peer() -> Iterator[Mapping[str, Elsewhere]]:
    with objects.cwt(Path(FOLDER or "")) as (turns, _):
        yield turns


@pytest.mark.parametrize("kind", ["signed", "sealed"])
def test_peer_opens_what_the_reference_makes(peer: Mapping[str, Elsewhere], kind: str) -> None:
    """Signature structure, header, agreement, derivation and encryption are those of COSE, not only our own."""
    assert peer[kind].open(objects.reference()[kind]()) == CONTENTS


@pytest.mark.parametrize("kind", ["signed", "sealed"])
def test_reference_takes_what_the_peer_makes(peer: Mapping[str, Elsewhere], kind: str) -> None:
    """A sender needs nothing but a COSE library and the grammar."""
    vault = software_vault(os.urandom)
    signer, reader = (vault.import_key(Curve.P256, objects.private(name)) for name in ("signer", "reader"))
    own, believed = OwnKey(READER, reader, Purpose.PLATFORM), SenderKey(SENDER, vault.public(signer), Purpose.PLATFORM)

    said = Inbox(vault, Keys([own]), Keys([believed])).open(peer[kind].make(), NOW)

    assert (said.sender, said.recipient, said.sequence, said.content) == (SENDER, READER, 7, CONTENTS)


@pytest.mark.parametrize("kind", ["signed", "sealed"])
def test_peer_refuses_a_changed_object(peer: Mapping[str, Elsewhere], kind: str) -> None:
    """It judges, and does not merely repeat what it is given."""
    made = bytearray(objects.reference()[kind]())
    made[60] ^= 1
    with pytest.raises(MeasurementFailed):
        peer[kind].open(bytes(made))


@pytest.mark.parametrize("length", [1, 3])
def test_peer_follows_a_chain_of_credentials(peer: Mapping[str, Elsewhere], length: int) -> None:
    """Each credential is a CWT of RFC 8392, and its key a COSE_Key with which the next one verifies."""
    assert peer[f"chain-{length}"].seconds(1) > 0


@pytest.mark.parametrize("length", [1, 3])
def test_peer_refuses_a_changed_chain(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    """It verifies the last link as well, and does not merely read it."""
    given = credentials.for_peer()
    changed = bytearray(given[f"chain-{length}"])
    changed[-1] ^= 1
    monkeypatch.setattr(credentials, "for_peer", lambda: {**given, f"chain-{length}": bytes(changed)})
    with objects.cwt(Path(FOLDER or "")) as (turns, _), pytest.raises(MeasurementFailed):
        turns[f"chain-{length}"].seconds(1)
