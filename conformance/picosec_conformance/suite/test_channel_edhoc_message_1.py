"""The target as Responder and a hostile message_1."""

from __future__ import annotations

import random

import pytest

from picosec.channel.ead import EadItem, encode_ead, padding
from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS, Message1
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control, oscore_context
from picosec_conformance.edhoc_peer import (
    HostileInitiator,
    expect_ended,
    expect_error,
    meet,
    methods,
    same_curves,
    suites,
)
from picosec_conformance.handshake import message_of
from picosec_conformance.target import Target

P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


def parts(peer: HostileInitiator) -> dict[str, bytes]:
    """Return the encoded parts of the honest message_1."""
    message = Message1.decode(peer.run.compose_message_1())
    return {
        "method": dumps(message.method),
        "suites": dumps(message.selected),
        "g_x": dumps(message.g_x),
        "c_i": b"\x0a",
        "ead": b"",
    }


def refused(target: Target, control: Control, peer: HostileInitiator, problem: Problem, message: bytes) -> None:
    """Send a message_1 and check that it is refused for this reason and leaves nothing behind."""
    with target.expect_unchanged():
        expect_error(target, peer.send_1(message), problem)
    expect_ended(control)


@pytest.mark.requirement("CHN-010", "CHN-530")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"method": b"\x61\x33"}, id="method-is-a-text"),
        pytest.param({"method": b"\xf4"}, id="method-is-false"),
        pytest.param({"suites": b"\x80"}, id="no-suite"),
        pytest.param({"suites": b"\x81\x02"}, id="one-suite-in-an-array"),
        pytest.param({"suites": b"\x82\xf5\x02"}, id="suite-is-true"),
        pytest.param({"suites": b"\x41\x02"}, id="suites-are-bytes"),
        pytest.param({"g_x": b"\x78\x20" + b"a" * 32}, id="key-is-a-text"),
        pytest.param({"c_i": b""}, id="identifier-is-missing"),
        pytest.param({"c_i": b"\x18\x18"}, id="identifier-is-24"),
        pytest.param({"c_i": b"\x38\x18"}, id="identifier-is-minus-25"),
        pytest.param({"c_i": b"\x41\x0a"}, id="identifier-in-the-other-form", marks=pytest.mark.beyond),
        pytest.param({"c_i": b"\xf5"}, id="identifier-is-true"),
        pytest.param({"c_i": b"\x42\x0a"}, id="identifier-is-cut-short"),
        pytest.param({"ead": b"\x40"}, id="value-without-a-label"),
        pytest.param({"ead": b"\x00\x40\x40"}, id="two-values"),
        pytest.param({"ead": b"\x61\x61"}, id="label-is-a-text"),
        pytest.param({"ead": b"\x1c"}, id="no-cbor"),
    ],
)
def test_malformed_message_1_is_refused(
    target: Target, control: Control, rng: random.Random, changes: dict[str, bytes]
) -> None:
    """A parser that takes what the grammar does not say lets two readers see two messages."""
    peer = HostileInitiator(target, meet(target, rng))

    refused(target, control, peer, Problem.MALFORMED, b"".join({**parts(peer), **changes}.values()))


@pytest.mark.requirement("CHN-010")
@pytest.mark.parametrize("wrap", ["nothing", "array", "cut"])
def test_message_1_of_another_shape_is_refused(target: Target, control: Control, rng: random.Random, wrap: str) -> None:
    """Nothing at all, one array instead of a sequence, or the beginning of a message."""
    peer = HostileInitiator(target, meet(target, rng))
    honest = peer.run.compose_message_1()

    refused(
        target, control, peer, Problem.MALFORMED, {"nothing": b"", "array": b"\x84" + honest, "cut": honest[:20]}[wrap]
    )


@pytest.mark.requirement("CHN-030")
@pytest.mark.parametrize("part", ["method", "suites", "suites-indefinite", "g_x", "g_x-chunks", "ead"])
def test_other_encoding_of_message_1_is_refused(
    target: Target, control: Control, rng: random.Random, part: str
) -> None:
    """A second encoding of the same values has another transcript and passes filters that know only the first."""
    peer = HostileInitiator(target, meet(target, rng))
    honest = parts(peer)
    suite, key = honest["suites"], honest["g_x"]
    changes = {
        "method": {"method": b"\x18" + honest["method"]},
        "suites": {"suites": b"\x18" + suite},
        "suites-indefinite": {"suites": b"\x9f\x17" + suite + b"\xff"},
        "g_x": {"g_x": b"\x59\x00" + key[1:]},
        "g_x-chunks": {"g_x": b"\x5f" + key + b"\xff"},
        "ead": {"ead": b"\x18\x00"},
    }[part]

    refused(target, control, peer, Problem.NOT_DETERMINISTIC, b"".join({**honest, **changes}.values()))


@pytest.mark.requirement("CHN-100")
@pytest.mark.parametrize("method", [4, 23, 255, -1])
def test_unknown_method_is_refused(target: Target, control: Control, rng: random.Random, method: int) -> None:
    """Reading an unknown method as a known one would let an attacker choose how both authenticate."""
    peer = HostileInitiator(target, meet(target, rng))

    refused(
        target, control, peer, Problem.UNSUPPORTED_METHOD, b"".join({**parts(peer), "method": dumps(method)}.values())
    )


@pytest.mark.requirement("CHN-100")
def test_method_outside_the_policy_is_refused(target: Target, control: Control, rng: random.Random) -> None:
    """The policy leaves a method out; an implementation that has it must not take part in it all the same."""
    chosen, *others = methods(target)
    peer = HostileInitiator(target, meet(target, rng, method=chosen))
    for other in others or [3 - chosen]:
        message = b"".join({**parts(peer), "method": dumps(other)}.values())
        refused(target, control, peer, Problem.UNSUPPORTED_METHOD, message)


@pytest.mark.requirement("CHN-190", "CHN-210", "CHN-530")
@pytest.mark.parametrize("selected", [9, 24, -21, "another"])
def test_unsupported_suite_is_refused_with_those_that_are(
    target: Target, control: Control, rng: random.Random, selected: int | str
) -> None:
    """The Initiator guessed wrong: the answer must tell it which suite to select."""
    parties = meet(target, rng)
    peer = HostileInitiator(target, parties)
    suite = next(other for other in range(7) if other != parties.suite) if selected == "another" else selected
    message = b"".join({**parts(peer), "suites": dumps(suite)}.values())

    with target.expect_unchanged():
        error = expect_error(target, peer.send_1(message), Problem.UNSUPPORTED_SUITE)

    assert error.info == (parties.suite,)
    expect_ended(control)


@pytest.mark.requirement("CHN-190")
def test_selected_suite_counts_and_not_the_offered_ones(target: Target, control: Control, rng: random.Random) -> None:
    """SUITES_I ends with the selected suite: who takes another one of them speaks with a key on another curve."""
    parties = meet(target, rng)
    peer = HostileInitiator(target, parties)
    message = b"".join({**parts(peer), "suites": dumps([parties.suite, 9])}.values())

    refused(target, control, peer, Problem.UNSUPPORTED_SUITE, message)


@pytest.mark.requirement("CHN-200", "CHN-210")
@pytest.mark.parametrize("ahead", [[], [9], [25, 24, 9]], ids=["first", "second", "fourth"])
@pytest.mark.parametrize("order", ["as preferred by the target", "as preferred by the suite"])
def test_preferred_common_suite_must_be_selected(
    target: Target, control: Control, rng: random.Random, order: str, ahead: list[int]
) -> None:
    """A forged error message made the Initiator select its second choice: the Responder is the one who can tell."""
    first, second = same_curves(target, 2)
    parties = meet(target, rng, suite=first)
    control.provision(suites=[first, second] if order == "as preferred by the target" else [second, first])
    peer = HostileInitiator(target, parties)

    message = b"".join({**parts(peer), "suites": dumps([*ahead, first, second])}.values())
    with target.expect_unchanged():
        error = expect_error(target, peer.send_1(message), Problem.UNSUPPORTED_SUITE)

    assert sorted(error.info) == sorted((first, second))
    expect_ended(control)


@pytest.mark.requirement("CHN-200")
def test_suites_that_only_the_initiator_has_do_not_matter(target: Target, control: Control, rng: random.Random) -> None:
    """An Initiator from the future prefers suites that nobody here knows."""
    parties = meet(target, rng)
    peer = HostileInitiator(target, parties)
    peer.run.suites = (25, 24, 9, parties.suite)

    peer.reach_2()

    assert peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-240")
@pytest.mark.parametrize("length", [0, 1, 31, 33, 65])
def test_key_of_another_length_is_refused(target: Target, control: Control, rng: random.Random, length: int) -> None:
    """What is cut or padded to fit becomes another key than the one that the transcript names."""
    peer = HostileInitiator(target, meet(target, rng))

    refused(
        target, control, peer, Problem.BAD_KEY, b"".join({**parts(peer), "g_x": dumps(bytes([2] * length))}.values())
    )


@pytest.mark.requirement("CHN-240")
@pytest.mark.parametrize(
    "x",
    [
        pytest.param(1, id="no-point"),
        pytest.param(P256_PRIME, id="the-prime"),
        pytest.param(P256_PRIME + 5, id="a-point-not-reduced"),
        pytest.param(2**256 - 1, id="the-largest"),
    ],
)
def test_key_off_the_curve_is_refused(target: Target, control: Control, rng: random.Random, x: int) -> None:
    """Points of weaker curves leak a static private key bit by bit."""
    suite = suites(target, curve=Curve.P256)[0]
    peer = HostileInitiator(target, meet(target, rng, suite=suite))
    message = b"".join({**parts(peer), "g_x": dumps(x.to_bytes(32, "big"))}.values())

    refused(target, control, peer, Problem.BAD_KEY, message)


@pytest.mark.requirement("CHN-260")
@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize(
    "point",
    [
        pytest.param(bytes(32), id="0"),
        pytest.param(b"\x01" + bytes(31), id="1"),
        pytest.param(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), id="order-8"),
        pytest.param(bytes.fromhex("ec" + "ff" * 30 + "7f"), id="p-1"),
        pytest.param(bytes.fromhex("ed" + "ff" * 30 + "7f"), id="p"),
        pytest.param(bytes.fromhex("ee" + "ff" * 30 + "7f"), id="p+1"),
        pytest.param(bytes(31) + b"\x80", id="0-with-the-unused-bit"),
    ],
)
def test_key_of_small_order_is_refused(target: Target, control: Control, rng: random.Random, point: bytes) -> None:
    """The secret with such a key is zero, whatever the Responder's key is: everybody knows it."""
    peer = HostileInitiator(target, meet(target, rng, suite=0))

    refused(target, control, peer, Problem.BAD_KEY, b"".join({**parts(peer), "g_x": dumps(point)}.values()))


@pytest.mark.requirement("CHN-270")
def test_each_message_2_has_a_new_key(target: Target, rng: random.Random) -> None:
    """A key that comes twice ends forward secrecy, and lets recorded messages be played again."""
    parties = meet(target, rng)
    seen = set()
    for _ in range(5):
        peer = HostileInitiator(target, parties)
        peer.reach_2()
        seen.add(peer.run["g_y"])

    assert len(seen) == 5


@pytest.mark.requirement("CHN-270")
def test_same_message_1_again_does_not_bring_the_same_key(target: Target, rng: random.Random) -> None:
    """An attacker plays a recorded message_1 again."""
    peer = HostileInitiator(target, meet(target, rng))
    honest = peer.run.compose_message_1()

    plain = target.manifest.profile.plain
    first, second = (message_of(peer.send_1(honest), plain=plain) for _ in range(2))

    assert first[2:34] != second[2:34]


@pytest.mark.requirement("CHN-290")
def test_responder_never_chooses_the_initiators_identifier(target: Target, rng: random.Random) -> None:
    """Equal identifiers would give both directions one key and one nonce."""
    parties = meet(target, rng)
    few = 8 if target.manifest.black_box else 1  # what is begun here stays, where nothing resets the target
    for c_i in sorted(SHORT_IDENTIFIERS)[::few]:
        peer = HostileInitiator(target, parties, c_i)
        peer.reach_2()
        assert peer.run.c_r != c_i


@pytest.mark.requirement("CHN-290")
def test_responder_never_chooses_an_identifier_in_use(target: Target, rng: random.Random) -> None:
    """A second session under the same identifier would take the first one's messages, or its channel's."""
    parties = meet(target, rng)
    channels = []
    for _ in range(4):
        peer = HostileInitiator(target, parties)
        peer.reach_2()
        assert peer.send_3().code == Code.CHANGED
        channels.append(peer.run.c_r)
    pending = []
    for _ in range(4):
        peer = HostileInitiator(target, parties)
        peer.reach_2()
        pending.append(peer.run.c_r)

    assert len({*channels, *pending}) == 8


@pytest.mark.requirement("CHN-290")
@pytest.mark.needs("channel.oscore.server")
def test_responder_never_chooses_the_identifier_of_a_provisioned_channel(
    target: Target, control: Control, rng: random.Random
) -> None:
    """The same seed makes the same choice; but now the identifier is taken, and requests of two peers would meet."""
    seed, people = rng.randbytes(32), rng.randbytes(32)

    def chosen(taken: bytes | None = None) -> bytes:
        control.reset(seed)
        if taken is not None:
            control.provision(oscore=[oscore_context(b"\x7e", taken, rng.randbytes(16))])
        peer = HostileInitiator(target, meet(target, random.Random(people)))
        peer.reach_2()
        return peer.run.c_r

    first = chosen()

    assert chosen(first) != first


@pytest.mark.requirement("CHN-310")
def test_longest_identifier_is_accepted(target: Target, rng: random.Random) -> None:
    """All of the room in the nonce can be used."""
    parties = meet(target, rng)
    longest = SUITES[parties.suite].application_aead.nonce_length - 6
    peer = HostileInitiator(target, parties, rng.randbytes(longest))
    peer.reach_2()

    assert peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-310")
@pytest.mark.parametrize("length", [8, 17, 32, 64, 255, 800])
def test_long_identifier_is_refused(target: Target, control: Control, rng: random.Random, length: int) -> None:
    """An identifier that does not fit into the nonce is cut, and two identifiers become one nonce; one that does not
    fit into a buffer overwrites what lies behind it.
    """
    peer = HostileInitiator(target, meet(target, rng), rng.randbytes(length))

    refused(target, control, peer, Problem.BAD_IDENTIFIER, peer.run.compose_message_1())


@pytest.mark.requirement("CHN-320")
@pytest.mark.parametrize(
    "ead",
    [
        pytest.param(encode_ead(padding(1)), id="1-byte"),
        pytest.param(encode_ead(padding(2)), id="2-bytes"),
        pytest.param(encode_ead(padding(25)), id="25-bytes"),
        pytest.param(encode_ead(padding(300)), id="300-bytes", marks=pytest.mark.beyond),
        pytest.param(encode_ead([*padding(3), *padding(4)]), id="twice"),
        pytest.param(encode_ead([EadItem(65535, b"unknown")]), id="unknown"),
        pytest.param(encode_ead([EadItem(65535), *padding(5), EadItem(65534, b"")]), id="among-unknown"),
        pytest.param(encode_ead([EadItem(2**31), EadItem(2**63 - 1)]), id="large-labels", marks=pytest.mark.beyond),
    ],
)
def test_responder_passes_over_padding_and_unknown_items(target: Target, rng: random.Random, ead: bytes) -> None:
    """Padding hides lengths and unknown items are how extensions arrive: neither may stop a handshake."""
    peer = HostileInitiator(target, meet(target, rng))
    peer.reach_2(ead)

    assert peer.send_3(peer.run.compose_message_3(ead)).code == Code.CHANGED


@pytest.mark.requirement("CHN-340")
@pytest.mark.parametrize(
    "items",
    [
        pytest.param([EadItem(65535, b"x", critical=True)], id="with-value"),
        pytest.param([EadItem(65535, None, critical=True)], id="without-value"),
        pytest.param([*padding(7), EadItem(65535, b"", critical=True)], id="behind-padding"),
        pytest.param([EadItem(65535), EadItem(65535, None, critical=True)], id="behind-the-same-label"),
        pytest.param([EadItem(2**31, None, critical=True)], id="smallest-of-32-bits"),
        pytest.param([EadItem(2**63, None, critical=True)], id="smallest-of-64-bits"),
    ],
)
def test_unknown_critical_item_in_message_1_is_refused(
    target: Target, control: Control, rng: random.Random, items: list[EadItem]
) -> None:
    """Somebody made it critical because going on without it is not safe."""
    peer = HostileInitiator(target, meet(target, rng))

    refused(target, control, peer, Problem.CRITICAL_EAD, peer.run.compose_message_1(encode_ead(items)))
