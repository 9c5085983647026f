"""The reference against lakers, which others wrote: method 3 with suite 2, both roles, over no network."""

import os
from dataclasses import replace

import pytest

pytest.importorskip("lakers", reason="the extra 'bench' is not installed")

from picosec.channel.ead import EadItem
from picosec.channel.initiator import Initiator as OurInitiator
from picosec.channel.responder import Responder as OurResponder
from picosec.channel.session import Session
from picosec.errors import ProtocolError
from picosec.registry import Problem
from picosec_conformance.peers.lakers import Initiator, Keys, Responder

from .parties import C_I, C_R, INITIATOR, RESPONDER, reference

MESSAGE_4 = pytest.mark.parametrize("message_4", [False, True], ids=["three messages", "four messages"])
BY_VALUE = pytest.mark.parametrize("by_value", [False, True], ids=["by reference", "by value"])


def agreed(session: Session, keys: Keys) -> bool:
    oscore = session.oscore()
    return (session.prk_out, oscore.master_secret, oscore.master_salt) == (
        keys.prk_out,
        keys.master_secret,
        keys.master_salt,
    )


@MESSAGE_4
@BY_VALUE
def test_reference_initiates_and_lakers_responds(message_4: bool, by_value: bool) -> None:
    ours = OurInitiator(reference(INITIATOR, RESPONDER, by_value=by_value, message_4=message_4), 3, C_I, os.urandom)
    theirs = Responder(RESPONDER, INITIATOR.credential)

    ours.process_message_2(theirs.message_2(ours.prepare_message_1(), C_R, by_value))
    theirs.process_message_3(ours.prepare_message_3())
    session = ours.process_message_4(theirs.message_4()) if message_4 else ours.complete()
    keys = theirs.finish(with_message_4=message_4)

    assert agreed(session, keys)
    assert (theirs.c_i, session.c_r) == (C_I, C_R)
    assert session.updated(b"context").prk_out == theirs.key_update(b"context")


@MESSAGE_4
@BY_VALUE
def test_lakers_initiates_and_reference_responds(message_4: bool, by_value: bool) -> None:
    theirs = Initiator(INITIATOR, RESPONDER.credential)
    ours = OurResponder(reference(RESPONDER, INITIATOR, by_value=by_value, message_4=message_4), os.urandom)

    ours.process_message_1(theirs.message_1(C_I))
    ours.process_message_3(theirs.message_3(ours.prepare_message_2(C_R), by_value))
    fourth = ours.prepare_message_4() if message_4 else None
    session = ours.session if message_4 else ours.complete()
    keys = theirs.finish(fourth)

    assert session is not None
    assert agreed(session, keys)
    assert (session.c_i, theirs.c_r) == (C_I, C_R)
    assert session.updated(b"context").prk_out == theirs.key_update(b"context")


@pytest.mark.parametrize("c_i", [b"", b"\x18", b"\x2d", b"\xff", b"\x00\x01\x02\x03\x04\x05\x06"])
def test_identifiers_survive_the_other_encoding(c_i: bytes) -> None:
    """48 identifiers stand as integers and all others as byte strings: a slip makes two channels of one."""
    theirs = Responder(RESPONDER, INITIATOR.credential)
    ours = OurInitiator(reference(INITIATOR, RESPONDER), 3, c_i, os.urandom)
    ours.process_message_2(theirs.message_2(ours.prepare_message_1(), C_R))
    assert theirs.c_i == c_i


def test_padding_does_not_disturb_the_peer() -> None:
    ours = OurInitiator(reference(INITIATOR, RESPONDER), 3, C_I, os.urandom)
    theirs = Responder(RESPONDER, INITIATOR.credential)
    padding = EadItem(0, b"\x00" * 5)
    ours.process_message_2(theirs.message_2(ours.prepare_message_1([padding]), C_R))
    theirs.process_message_3(ours.prepare_message_3([padding]))
    assert agreed(ours.complete(), theirs.finish())


@pytest.mark.parametrize("position", range(45))
def test_message_2_of_the_peer_cannot_be_changed(position: int) -> None:
    """Whoever sits between changes one bit of lakers' message_2: the reference refuses it, whichever bit it is."""
    ours = OurInitiator(reference(INITIATOR, RESPONDER), 3, C_I, os.urandom)
    message_2 = bytearray(Responder(RESPONDER, INITIATOR.credential).message_2(ours.prepare_message_1(), C_R))
    message_2[position] ^= 1
    with pytest.raises(ProtocolError):
        ours.process_message_2(bytes(message_2))
    assert ours.session is None


def test_changed_message_3_is_refused_by_both() -> None:
    theirs = Initiator(INITIATOR, RESPONDER.credential)
    ours = OurResponder(reference(RESPONDER, INITIATOR), os.urandom)
    ours.process_message_1(theirs.message_1(C_I))
    message_3 = bytearray(theirs.message_3(ours.prepare_message_2(C_R)))
    message_3[-1] ^= 1
    with pytest.raises(ProtocolError) as raised:
        ours.process_message_3(bytes(message_3))
    assert raised.value.problem is Problem.AUTHENTICATION_FAILED

    initiator = OurInitiator(reference(INITIATOR, RESPONDER), 3, C_I, os.urandom)
    responder = Responder(RESPONDER, INITIATOR.credential)
    initiator.process_message_2(responder.message_2(initiator.prepare_message_1(), C_R))
    message_3 = bytearray(initiator.prepare_message_3())
    message_3[-1] ^= 1
    with pytest.raises(ValueError, match="MacVerificationFailed"):
        responder.process_message_3(bytes(message_3))


def test_peer_without_the_right_key_is_refused() -> None:
    """Somebody shows the responder's credential without its private key: method 3's MAC_2 tells."""
    impostor = Responder(replace(RESPONDER, private_key=INITIATOR.private_key), INITIATOR.credential)
    ours = OurInitiator(reference(INITIATOR, RESPONDER), 3, C_I, os.urandom)
    with pytest.raises(ProtocolError) as raised:
        ours.process_message_2(impostor.message_2(ours.prepare_message_1(), C_R))
    assert raised.value.problem is Problem.AUTHENTICATION_FAILED
