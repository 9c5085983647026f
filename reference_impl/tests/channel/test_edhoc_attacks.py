"""Attacks on both roles: random bytes, changed and misplaced messages, in every state of every kind of session."""

from collections.abc import Callable
from functools import cache

import pytest
from edhoc_pair import C_I, C_R, Pair, entropy, pair, trust
from hypothesis import given, settings
from hypothesis import strategies as st

from picosec.channel.credentials import Kind, Usage
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_messages import Message2
from picosec.channel.initiator import Initiator
from picosec.channel.initiator import State as Initiating
from picosec.channel.responder import Responder
from picosec.channel.responder import State as Responding
from picosec.errors import ProtocolError
from picosec.registry import Problem
from picosec_conformance.identity import make_identity

SCENES = {
    "signatures": lambda: pair(0, 2, Kind.X5CHAIN, Kind.KCWT, message_4=True),
    "mixed": lambda: pair(1, 0, Kind.X5T, Kind.KCCS, message_4=True),
    "static": lambda: pair(3, 2, Kind.KID, Kind.KID, message_4=True),
    "gcm": lambda: pair(2, 6, Kind.KCCS, Kind.X5CHAIN, message_4=True),
}
scenes = pytest.mark.parametrize("scene", SCENES)

#: Errors that a message from a peer may lead to; ``internal`` and ``unexpected_message`` are not among them.
REJECTIONS = {
    Problem.MALFORMED,
    Problem.NOT_DETERMINISTIC,
    Problem.TOO_LARGE,
    Problem.UNSUPPORTED_METHOD,
    Problem.UNSUPPORTED_SUITE,
    Problem.UNKNOWN_CREDENTIAL,
    Problem.BAD_CREDENTIAL,
    Problem.BAD_KEY,
    Problem.AUTHENTICATION_FAILED,
    Problem.CRITICAL_EAD,
    Problem.BAD_IDENTIFIER,
}


@cache
def recorded(scene: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the four honest messages of a scene; the same every time."""
    both = SCENES[scene]()
    initiator, responder = both.initiator(), both.responder()
    first = initiator.prepare_message_1()
    responder.process_message_1(first)
    second = responder.prepare_message_2(C_R)
    initiator.process_message_2(second)
    third = initiator.prepare_message_3()
    responder.process_message_3(third)
    return first, second, third, responder.prepare_message_4()


@cache
def endpoints(scene: str) -> Pair:
    return SCENES[scene]()


def waiting_responder(scene: str) -> Responder:
    responder = endpoints(scene).responder()
    responder.process_message_1(recorded(scene)[0])
    responder.prepare_message_2(C_R)
    return responder


def waiting_initiator(scene: str, for_message_4: bool = False) -> Initiator:
    initiator = endpoints(scene).initiator()
    initiator.prepare_message_1()
    if for_message_4:
        initiator.process_message_2(recorded(scene)[1])
        initiator.prepare_message_3()
    return initiator


#: Who waits for what: how to make them wait, how they hear it, and which recorded message is honest.
LISTENERS: dict[str, tuple[Callable[[str], Initiator | Responder], str, int]] = {
    "message_1": (lambda scene: endpoints(scene).responder(), "process_message_1", 0),
    "message_2": (waiting_initiator, "process_message_2", 1),
    "message_3": (waiting_responder, "process_message_3", 2),
    "message_4": (lambda scene: waiting_initiator(scene, for_message_4=True), "process_message_4", 3),
}
listeners = pytest.mark.parametrize("listener", LISTENERS)


def hear(scene: str, listener: str, message: bytes) -> tuple[Initiator | Responder, ProtocolError | None]:
    """Give a message to who waits for one; return who that was and how it was rejected."""
    make, method, _ = LISTENERS[listener]
    machine = make(scene)
    try:
        getattr(machine, method)(message)
    except ProtocolError as error:
        return machine, error
    return machine, None


def assert_rejected(machine: Initiator | Responder, error: ProtocolError | None) -> None:
    """One error of the list, no session, no secret left, and an error message that can be sent."""
    assert error is not None
    assert error.problem in REJECTIONS
    assert machine.state in (Initiating.FAILED, Responding.FAILED)
    assert machine.session is None
    assert machine._held is None
    assert machine.error_message(error)


@listeners
@scenes
def test_the_recorded_messages_are_accepted(scene, listener):
    """Without this, all that follows would pass on a machine that rejects everything."""
    _, error = hear(scene, listener, recorded(scene)[LISTENERS[listener][2]])

    assert error is None


@listeners
@scenes
@given(data=st.binary(max_size=400))
def test_random_bytes_are_rejected(scene, listener, data):
    """Garbage gives one error of the list and ends the session."""
    assert_rejected(*hear(scene, listener, data))


@st.composite
def mutations(draw, message: bytes) -> bytes:
    """Change, cut, lengthen or double a message."""
    position = draw(st.integers(0, len(message) - 1))
    kind = draw(st.sampled_from(["flip", "cut", "append", "insert", "delete", "double", "swap"]))
    if kind == "flip":
        return message[:position] + bytes((message[position] ^ draw(st.integers(1, 255)),)) + message[position + 1 :]
    if kind == "cut":
        return message[:position]
    if kind == "append":
        return message + draw(st.binary(min_size=1, max_size=10))
    if kind == "insert":
        return message[:position] + draw(st.binary(min_size=1, max_size=4)) + message[position:]
    if kind == "delete":
        return message[:position] + message[position + 1 :]
    if kind == "double":
        return message + message
    other = draw(st.integers(0, len(message) - 1))
    swapped = bytearray(message)
    swapped[position], swapped[other] = swapped[other], swapped[position]
    return bytes(swapped)


@pytest.mark.parametrize("listener", ["message_2", "message_3", "message_4"])
@scenes
@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_message_is_rejected(scene, listener, data):
    """Whoever sits between changes anything in messages 2, 3 or 4: nothing gets through."""
    honest = recorded(scene)[LISTENERS[listener][2]]
    changed = data.draw(mutations(honest))
    if changed != honest:
        assert_rejected(*hear(scene, listener, changed))


@scenes
@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_message_1_never_leads_to_a_channel(scene, data):
    """Message 1 is not protected by itself: a change is seen at the latest when the Initiator reads message_2."""
    honest = recorded(scene)[0]
    changed = data.draw(mutations(honest))
    responder, error = hear(scene, "message_1", changed)
    if changed == honest:
        return
    if error is not None:
        assert_rejected(responder, error)
        return
    try:
        message_2 = responder.prepare_message_2(b"\x26")
    except ProtocolError as late:
        assert_rejected(responder, late)
        return
    assert_rejected(*hear(scene, "message_2", message_2))


@listeners
@scenes
def test_every_other_message_is_rejected(scene, listener):
    """A message of this session in another's place, and one of another session in its own."""
    expected = LISTENERS[listener][2]
    for other in SCENES:
        for position, message in enumerate(recorded(other)):
            if (other, position) != (scene, expected) and (expected != 0 or position != 0):
                assert_rejected(*hear(scene, listener, message))


@pytest.mark.parametrize("position", range(45))
@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_message_2_can_be_changed(position, bit):
    """Every single bit, with static Diffie-Hellman keys: header, ephemeral key, ciphertext."""
    message = bytearray(recorded("static")[1])
    message[position] ^= 1 << bit

    assert_rejected(*hear("static", "message_2", bytes(message)))


@pytest.mark.parametrize("position", range(19))
@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_message_3_can_be_changed(position, bit):
    """Every single bit of the ciphertext and its header."""
    message = bytearray(recorded("static")[2])
    message[position] ^= 1 << bit

    assert_rejected(*hear("static", "message_3", bytes(message)))


@scenes
def test_a_reflected_key_does_not_authenticate(scene):
    """The attacker sends the Initiator's own ephemeral key back to it."""
    initiator = waiting_initiator(scene)
    first = recorded(scene)[0]
    g_x = first[first.index(b"\x58\x20") + 2 :][:32]
    reflected = Message2(g_x, Message2.decode(recorded(scene)[1]).ciphertext).encode()
    with pytest.raises(ProtocolError):
        initiator.process_message_2(reflected)
    assert initiator.session is None


def test_an_endpoint_does_not_complete_with_itself():
    """The attacker joins both roles of one device, which trusts its own credential: the device must notice."""
    both = pair()
    device = both.initiator_config
    device.trusted.add(Kind.KID, both.initiator_identity.credential)
    initiator, responder = Initiator(device, 3, C_I, entropy("i")), Responder(device, entropy("r"))
    responder.process_message_1(initiator.prepare_message_1())

    with pytest.raises(ProtocolError) as caught:
        initiator.process_message_2(responder.prepare_message_2(C_R))

    assert (caught.value.problem, caught.value.requirement) == (Problem.BAD_CREDENTIAL, "CHN-1040")


def test_failures_of_authentication_look_alike():
    """Whether ciphertext or MAC was wrong must not show: neither in the error nor in what is sent."""
    seen = set()
    for position in (1, -1):
        message = bytearray(recorded("static")[2])
        message[position] ^= 1
        responder, error = hear("static", "message_3", bytes(message))
        seen.add((error.problem, error.detail, responder.error_message(error)))
    stranger = pair(3, 2, Kind.KID, Kind.KID, message_4=True)
    initiator = Initiator(stranger.initiator_config, 3, C_I, entropy("initiator"))
    responder = Responder(_with_other_credential(stranger), entropy("responder"))
    responder.process_message_1(initiator.prepare_message_1())
    initiator.process_message_2(responder.prepare_message_2(C_R))
    with pytest.raises(ProtocolError) as caught:
        responder.process_message_3(initiator.prepare_message_3())
    seen.add((caught.value.problem, caught.value.detail, responder.error_message(caught.value)))

    assert len(seen) == 1


def _with_other_credential(both: Pair) -> EdhocConfig:
    """Return the Responder's configuration, but with another key behind the Initiator's kid."""
    stranger = make_identity(Kind.KID, Usage.STATIC_DH, 2, entropy("stranger"), kid=b"\x2b", name="stranger")
    config = both.responder_config
    return EdhocConfig(config.vault, config.credentials, trust(stranger), config.policy)
