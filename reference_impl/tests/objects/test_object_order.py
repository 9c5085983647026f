"""Two things wrong with one object: the first step that fails decides, so that all recipients say the same."""

from dataclasses import replace

import cbor2
import pytest
from object_scene import NOW, STATEMENT, Scene

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.headers import headers
from picosec.objects.sealed import Sealed, Sealed0
from picosec.objects.signed import Signed, sign
from picosec.registry import Problem

SIGNED, SEALED, GROUP = (Scene().forms()[form] for form in ("signed", "sealed", "group"))


def protected(label, value):
    """Return a change of a message's protected header."""

    def change(parts):
        parts[0] = cbor.dumps(cbor.loads(parts[0]) | {label: value})

    return change


def agreement(label, value):
    """Return the same change for the recipient of a sealed object."""
    return lambda parts: protected(label, value)(parts[3][0])


def nonce(size):
    return lambda parts: parts[1].update({5: bytes(size)})


def no_nonce(parts):
    parts[1].clear()


def other_reader(parts):
    parts[3][0][1][4] = b"?"


def no_point(parts):
    parts[3][0][1][-1][-2] = bytes(32)


def no_signature(parts):
    parts[3] = bytes(64)


@pytest.mark.parametrize(
    ("data", "changes", "error"),
    [
        (SIGNED, [protected(99, 0), protected(1, -35)], "MALFORMED"),
        (SIGNED, [protected(1, -35), protected(4, b"?")], "UNSUPPORTED_ALGORITHM"),
        (SIGNED, [protected(4, b"?"), protected(16, 65003)], "UNKNOWN_CREDENTIAL"),
        (SIGNED, [protected(16, 65003), no_signature], "WRONG_PURPOSE"),
        (SEALED, [no_nonce, protected(1, 10)], "MALFORMED"),
        (SEALED, [nonce(11), other_reader], "MALFORMED"),
        (SEALED, [protected(1, 10), other_reader], "UNSUPPORTED_ALGORITHM"),
        (SEALED, [agreement(1, -27), other_reader], "UNSUPPORTED_ALGORITHM"),
        (SEALED, [other_reader, protected(16, 65003)], "UNKNOWN_CREDENTIAL"),
        (SEALED, [protected(16, 65003), no_point], "WRONG_PURPOSE"),
        (GROUP, [nonce(13), protected(4, b"?")], "MALFORMED"),
        (GROUP, [protected(1, 10), protected(4, b"?")], "UNSUPPORTED_ALGORITHM"),
        (GROUP, [protected(4, b"?"), protected(16, 65003)], "UNKNOWN_CREDENTIAL"),
    ],
)
def test_first_step_that_fails_decides(data, changes, error):
    item = cbor.loads(data)
    for change in changes:
        change(item.value)

    assert Scene().refusal(cbor.dumps(item)) == error


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"recipient": b"?", "issued": NOW + 1000}, "MISDIRECTED"),
        ({"issued": NOW + 1000}, "STALE"),
        ({"expires": 0}, "STALE"),
        ({}, "REPLAYED"),
    ],
)
def test_repetition_is_the_last_thing_that_is_looked_at(changes, error):
    """Of an object that is not for this recipient nobody learns whether it was taken."""
    scene = Scene()
    assert scene.refusal(scene.signed()) is None

    assert scene.refusal(scene.signed(replace(STATEMENT, **changes))) == error


def test_signature_under_the_name_of_another_algorithm_is_none():
    """The key verifies what it signed; that alg may say something else would leave the choice to the attacker."""
    scene = Scene()
    said = Signed.decode(scene.signed())
    handle = scene.handles[scene.curve_of(STATEMENT.sender)]
    other = sign(headers(said.headers.entries | {1: -8}), said.payload, scene.vault, handle)

    assert scene.refusal(other.encode()) == "AUTHENTICATION_FAILED"


@pytest.mark.parametrize("kind", [Signed, Sealed, Sealed0])
@pytest.mark.parametrize("tag", [16, 18, 96, None])
def test_message_is_read_under_its_own_tag_only(kind, tag):
    """The tag tells the signed from the encrypted; that the parts would fit is not enough."""
    own = {Signed: 18, Sealed: 96, Sealed0: 16}[kind]
    parts = {Signed: [b"", {}, b"", bytes(64)], Sealed: [b"", {}, b"", [[b"", {}, b""]]], Sealed0: [b"", {}, b""]}[kind]
    data = cbor2.dumps(parts if tag is None else cbor2.CBORTag(tag, parts))
    if tag == own:
        kind.decode(data)
    else:
        with pytest.raises(ProtocolError) as refused:
            kind.decode(data)
        assert refused.value.problem is Problem.MALFORMED
