"""Several contexts under one name, and the request that opens a context again after a restart."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.oscore import echo_request
from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import again, expect_refusal, fresh_context, read, set_up, with_option, write
from picosec_conformance.target import Target


def unnamed(message: Message) -> Message:
    """Return a protected request that does not say which ID Context it is for."""
    option = OscoreOption.decode(message.option(Option.OSCORE) or b"")
    return with_option(message, replace(option, kid_context=None))


@pytest.fixture
def zones(target: Target, control: Control, rng: random.Random) -> list[Channel]:
    """Three contexts with the same identifiers, told apart by their ID Contexts."""
    return [set_up(target, control, fresh_context(rng, id_context=name)) for name in (None, b"a", b"b")]


@pytest.mark.requirement("CHN-710")
def test_each_context_with_the_name_is_tried(target: Target, zones: list[Channel]) -> None:
    """A client in the third zone does not know that there are two others with its name."""
    for channel in (*zones, *reversed(zones)):
        reply = target.exchange(unnamed(channel.protect(read(target))))
        assert channel.unprotect(reply).code == Code.CONTENT


@pytest.mark.requirement("CHN-720")
def test_number_used_in_one_context_is_free_in_another(target: Target, zones: list[Channel]) -> None:
    """Number 0 was seen in the first zone; the third has not begun to count."""
    for _ in range(3):
        assert zones[0].ask(read(target)).code == Code.CONTENT

    reply = target.exchange(unnamed(zones[2].protect(read(target))))

    assert zones[2].unprotect(reply).code == Code.CONTENT


@pytest.mark.requirement("CHN-710", "CHN-860")
def test_each_context_with_the_name_can_prove_freshness(target: Target, control: Control, zones: list[Channel]) -> None:
    """After a power cut, the client in the third zone is asked for proof as well: no key before its own fits."""
    control.reboot()
    for channel in zones:
        request = read(target)
        reply = channel.unprotect(target.exchange(unnamed(channel.protect(request))))
        proof = echo_request(again(target, request), reply)
        if proof is not None:
            reply = channel.unprotect(target.exchange(unnamed(channel.protect(proof))))
        assert reply.code == Code.CONTENT


@pytest.mark.requirement("CHN-750")
def test_forgery_under_a_shared_name_is_refused(target: Target, zones: list[Channel]) -> None:
    """It is tried with every key, and fits none."""
    forged = unnamed(zones[1].protect(write(target)))

    expect_refusal(target, replace(forged, payload=bytes(30)), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-720", "CHN-860")
@pytest.mark.parametrize("before", [0, 1, 5])
def test_proof_of_freshness_serves_once(target: Target, control: Control, channel: Channel, before: int) -> None:
    """The first command after a reboot is recorded and repeated at once: the window it opened has to know it."""
    for _ in range(before):
        channel.ask(read(target))
    control.reboot()
    request = write(target)
    question = channel.ask(request)
    proof = echo_request(again(target, request), question)
    recorded = channel.protect(again(target, request) if proof is None else proof)
    assert channel.unprotect(target.exchange(recorded)).code >> 5 == 2

    expect_refusal(target, again(target, recorded), Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-730", "CHN-860")
def test_context_goes_on_behind_the_proof(target: Target, control: Control, channel: Channel) -> None:
    """What was sent before the proof is lost, what comes behind it is not: in any order, each once."""
    control.reboot()
    early = channel.protect(read(target))
    request = read(target)
    proof = echo_request(again(target, request), channel.ask(request))
    if proof is not None:
        assert channel.ask(proof).code == Code.CONTENT
        target.expect_refusal(target.exchange(early), Code.UNAUTHORIZED, Problem.REPLAYED)
    later = [channel.protect(read(target)) for _ in range(10)]

    for message in reversed(later):
        assert channel.unprotect(target.exchange(message)).code == Code.CONTENT
    for message in later:
        expect_refusal(target, again(target, message), Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-700", "CHN-710")
@pytest.mark.parametrize("zone", [None, b"", b"z", b"zone"])
@pytest.mark.parametrize("name", [b"", b"\0", b"\0\0", bytes(7)], ids=len)
def test_shortest_and_longest_names_are_found(
    target: Target, control: Control, rng: random.Random, name: bytes, zone: bytes | None
) -> None:
    """The client without a name is one client among others: its option ends where another's name would begin."""
    channel = set_up(target, control, fresh_context(rng, recipient_id=name, id_context=zone))
    stranger = fresh_context(rng, recipient_id=name + b"\0" if len(name) < 7 else name[1:], id_context=zone)
    set_up(target, control, stranger)

    for _ in range(2):
        assert channel.ask(read(target)).code == Code.CONTENT
