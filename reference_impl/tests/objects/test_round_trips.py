"""What is said in an object is what is read from it, in each form and by each algorithm."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from object_scene import AEADS, GROUPS, NOW, READERS, SENDERS, STATEMENT, Scene

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.compose import group_object, sealed_object
from picosec.objects.keys import GroupKey, OwnKey, Purpose
from picosec.objects.statement import Statement, check_signer
from picosec.registry import Problem

UINT = st.integers(min_value=0, max_value=2**64 - 1)
SAID = st.builds(
    Statement,
    sender=st.sampled_from(list(SENDERS.values())),
    recipient=st.sampled_from([*READERS.values(), *GROUPS.values()]),
    purpose=st.sampled_from(Purpose),
    sequence=UINT,
    issued=UINT,
    content_format=st.integers(min_value=0, max_value=0xFFFF),
    content=st.binary(max_size=300),
    expires=st.none() | UINT,
)


@given(said=SAID, form=st.sampled_from(["signed", "sealed", "group"]))
def test_what_is_said_is_read(said, form):
    """Of any values that fit into the grammar; a recipient without a clock judges none of the times."""
    data = Scene(said.purpose).forms(said)[form]

    assert Scene(said.purpose).inbox.open(data, None) == said


@pytest.mark.parametrize("curve", READERS)
@pytest.mark.parametrize("aead", AEADS)
def test_each_algorithm_seals_for_each_curve(curve, aead):
    scene = Scene()

    assert scene.inbox.open(scene.sealed(scene.signed(), curve, aead), NOW) == STATEMENT


@pytest.mark.parametrize("aead", AEADS)
def test_each_algorithm_encrypts_for_a_group(aead):
    scene = Scene()

    assert scene.inbox.open(scene.grouped(scene.signed(), aead), NOW) == STATEMENT


def test_same_object_sealed_twice_looks_different():
    """Nobody on the way sees that a reader is told the same again."""
    scene = Scene()
    signed = scene.signed()
    one, other = (cbor.loads(scene.sealed(signed)).value for _ in range(2))

    assert one[0] == other[0]
    assert all(one[part] != other[part] for part in (1, 2, 3))


def test_entropy_is_drawn_for_nonce_and_ephemeral_key_alone():
    """A device with little entropy knows what an object costs: 13 or 12 bytes, and 32."""
    scene, drawn = Scene(), []

    def counted(size):
        drawn.append(size)
        return scene.entropy(size)

    sealed_object(b"", Purpose.PLATFORM, scene.public[Curve.P256], b"\x11", scene.vault, counted)
    group_object(b"", scene.groups[Aead.CHACHA20_POLY1305], counted)

    assert drawn == [13, 32, 12]


def test_seals_for_no_key_that_signs():
    """A key on Ed25519 agrees on nothing; to use it as one on X25519 would give a secret that is none."""
    scene = Scene()
    with pytest.raises(ProtocolError) as refused:
        sealed_object(b"", Purpose.PLATFORM, scene.public[Curve.ED25519], b"\x11", scene.vault, scene.entropy)

    assert refused.value.problem is Problem.BAD_KEY


@pytest.mark.parametrize(
    ("curve", "purpose", "problem"),
    [
        (Curve.P256, Purpose.APPLICATION, Problem.WRONG_PURPOSE),
        (Curve.X25519, Purpose.APPLICATION, Problem.WRONG_PURPOSE),
        (Curve.X25519, Purpose.PLATFORM, Problem.BAD_KEY),
    ],
)
def test_key_that_may_or_can_not_sign_is_told_before(curve, purpose, problem):
    """Before a sequence number is taken for nothing."""
    scene = Scene()
    key = OwnKey(b"\x01", scene.handles[curve], purpose)
    with pytest.raises(ProtocolError) as before:
        check_signer(scene.vault, key, Purpose.PLATFORM)
    with pytest.raises(ProtocolError) as late:
        STATEMENT.sign(scene.vault, key)

    assert before.value.problem is late.value.problem is problem


def test_secret_of_a_group_does_not_show_in_messages():
    """Keys end up in logs by their representation."""
    key = GroupKey(b"\x21", b"sixteen secrets!", Aead.A128GCM, Purpose.PLATFORM)

    assert "secrets" not in repr(key)
    assert "secrets" not in f"{key} {[key]}"


def test_purpose_is_part_of_what_is_signed():
    """The same words for another purpose are another signature."""
    other = Scene(Purpose.APPLICATION)
    said = replace(STATEMENT, purpose=Purpose.APPLICATION)

    assert other.signed(said)[-64:] != Scene().signed()[-64:]
    assert Scene().refusal(other.signed(said)) == "WRONG_PURPOSE"
