"""EDHOC of a device whose key lies in a token of SoftHSM, with the suite's own composition of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from picosec.channel.credentials import Kind, Usage, initiator_usage, own_credential, responder_usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.initiator import Initiator
from picosec.channel.responder import Responder
from picosec.channel.trust import TrustStore, parse_credential
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import software_vault
from picosec.messaging.cbor import dumps
from picosec.net.pkcs11_uri import parse
from picosec_conformance.edhoc_peer import prover
from picosec_conformance.edhoc_run import Prover, Run
from picosec_conformance.identity import Identity, claims, curve_for, make_identity

if TYPE_CHECKING:
    from picosec.net.pkcs11_vault import Pkcs11Vault

#: Of P-256, and of X25519 with Ed25519.
TRIED = [2, 0]


def entropy(size: int) -> bytes:
    return bytes(range(1, size + 1))


@pytest.fixture
def vault(new_uri: Callable[[], str]) -> Iterator[Pkcs11Vault]:
    from picosec.net.pkcs11_vault import Pkcs11Vault

    opened = Pkcs11Vault(parse(new_uri()))
    yield opened
    opened.close()


def device(vault: Pkcs11Vault, usage: Usage, suite: int, peer: Identity) -> tuple[EdhocConfig, Prover]:
    """Return what a device brings whose key was made in the token, and what its peer knows of it."""
    _key_id, handle = vault.make(curve_for(usage, suite), signs=usage is Usage.SIGNATURE)
    credential = parse_credential(Kind.KID, dumps(claims("device", vault.public(handle), b"\x2b")))
    own = own_credential(Kind.KID, credential, handle, vault, b"\x2b")
    trusted = TrustStore()
    trusted.add(peer.kind, peer.trusted, peer.kid)
    return EdhocConfig(vault, [own], trusted, Policy(suites=(suite,))), Prover(own.id_cred, own.cred, credential.key)


@pytest.mark.parametrize("suite", TRIED)
@pytest.mark.parametrize("method", [0, 1, 2, 3])
def test_a_device_whose_key_lies_in_a_token_answers(vault: Pkcs11Vault, method: int, suite: int) -> None:
    """A secure element is worth nothing if the handshake needs the key outside: every method, as Responder."""
    peer = make_identity(Kind.KID, initiator_usage(method), suite, entropy, kid=b"\x0a")
    config, theirs = device(vault, responder_usage(method), suite, peer)
    run = Run(method, (suite,), entropy(32), b"\x37", b"", prover(peer), theirs)
    responder = Responder(config, entropy)

    responder.process_message_1(run.compose_message_1())
    run.read_message_2(responder.prepare_message_2(b"\x27"))
    authenticated = responder.process_message_3(run.compose_message_3())

    assert authenticated.cred == prover(peer).cred
    assert responder.complete().prk_out == run["prk_out"]


@pytest.mark.parametrize("suite", TRIED)
@pytest.mark.parametrize("method", [0, 1, 2, 3])
def test_a_device_whose_key_lies_in_a_token_begins(vault: Pkcs11Vault, method: int, suite: int) -> None:
    """Likewise as Initiator, which proves itself last."""
    peer = make_identity(Kind.KID, responder_usage(method), suite, entropy, kid=b"\x0a")
    config, theirs = device(vault, initiator_usage(method), suite, peer)
    run = Run(method, (suite,), entropy(32), b"", b"\x27", theirs, prover(peer))
    initiator = Initiator(config, method, b"\x37", entropy, suite)

    run.read_message_1(initiator.prepare_message_1())
    initiator.process_message_2(run.compose_message_2())
    run.read_message_3(initiator.prepare_message_3())

    assert initiator.complete().prk_out == run["prk_out"]
    assert SUITES[suite].curve in vault.curves()


@pytest.mark.parametrize("suite", TRIED)
@pytest.mark.parametrize("method", [0, 1, 2, 3])
def test_the_reference_verifies_what_the_token_proves(vault: Pkcs11Vault, method: int, suite: int) -> None:
    """The run reads signatures without judging them; a peer does judge."""
    peer = make_identity(Kind.KID, initiator_usage(method), suite, entropy, kid=b"\x0a")
    config, theirs = device(vault, responder_usage(method), suite, peer)
    software, trusted = software_vault(entropy), TrustStore()
    trusted.add(Kind.KID, theirs.cred, b"\x2b")
    initiator = Initiator(
        EdhocConfig(software, [peer.unlock(software)], trusted, config.policy), method, b"\x37", entropy, suite
    )
    responder = Responder(config, entropy)

    responder.process_message_1(initiator.prepare_message_1())
    initiator.process_message_2(responder.prepare_message_2(b"\x27"))
    responder.process_message_3(initiator.prepare_message_3())

    assert initiator.complete().prk_out == responder.complete().prk_out
