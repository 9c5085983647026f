"""The target after a loss of power: what was recorded before gains nothing, and its peers get through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picosec.channel.oscore import echo_request
from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import again, plaintext, read, seal, write
from picosec_conformance.target import Nonconformity, Target


def ask(target: Target, channel: Channel, request: Message) -> Message:
    """Ask over the channel, and prove freshness when the target demands it."""
    reply = channel.ask(request)
    repeated = echo_request(again(target, request), reply)
    return reply if repeated is None else channel.ask(repeated)


def expect_no_effect(target: Target, control: Control, message: Message) -> Message:
    """Judge that a request changes no resource; its answer."""
    path = target.manifest.resources.protected_put
    before = control.changes(path)
    reply = target.exchange(message)
    if control.changes(path) != before:
        raise Nonconformity(f"a request from before the reboot was served again at {path}")
    return reply


@pytest.mark.requirement("CHN-860")
@pytest.mark.parametrize("reboots", [1, 2])
def test_recorded_request_is_not_served_after_a_reboot(
    target: Target, control: Control, channel: Channel, reboots: int
) -> None:
    """The burglar records the command that opens the door, pulls the plug, and plays it back."""
    recorded = [channel.protect(write(target)) for _ in range(3)]
    for command in recorded:
        assert channel.unprotect(target.exchange(command)).code >> 5 == 2
    for _ in range(reboots):
        control.reboot()

    for command in (*recorded, *recorded):
        expect_no_effect(target, control, again(target, command))
    assert ask(target, channel, read(target)).code == Code.CONTENT
    for command in recorded:
        reply = expect_no_effect(target, control, again(target, command))
        target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-860")
def test_peer_gets_through_after_a_reboot(target: Target, control: Control, channel: Channel) -> None:
    """A power cut must not lock the owner out: the same channel goes on."""
    for _ in range(3):
        assert ask(target, channel, write(target)).code >> 5 == 2
        assert channel.ask(read(target)).code == Code.CONTENT
        control.reboot()


@pytest.mark.requirement("CHN-860")
def test_recorded_proof_of_freshness_is_stale(target: Target, control: Control, channel: Channel) -> None:
    """The burglar also records how the owner got through after the last power cut."""
    control.reboot()
    request = write(target)
    reply = channel.ask(request)
    proof = echo_request(again(target, request), reply)
    if proof is None:  # the target kept its window: then it knows all that was accepted
        assert reply.code >> 5 == 2
        return
    recorded = channel.protect(proof)
    assert channel.unprotect(target.exchange(recorded)).code >> 5 == 2

    for _ in range(2):
        control.reboot()
        for _ in range(2):
            expect_no_effect(target, control, again(target, recorded))


@pytest.mark.requirement("CHN-860")
def test_invented_proof_of_freshness_is_refused(target: Target, control: Control, channel: Channel) -> None:
    """A command that was held back since before the reboot carries a guess of what the target will ask for."""
    held_back = []
    for guess in (b"\0", b"\x01", b"\x40", b"\x80", bytes(8)):
        command = write(target)
        options = (*command.options, (int(Option.ECHO), guess))
        held_back.append(seal(target, channel, plaintext(replace(command, options=options))))
    assert channel.ask(write(target)).code >> 5 == 2
    control.reboot()
    if channel.ask(read(target)).code == Code.CONTENT:
        return  # the target kept its window, in which these numbers are free

    for command in held_back:
        expect_no_effect(target, control, command)


@pytest.mark.requirement("CHN-870", "CHN-860")
def test_answers_to_possible_replays_have_their_own_numbers(target: Target, control: Control, channel: Channel) -> None:
    """The nonce of a recorded request protected an answer before the reboot; a second one under it gives both away."""
    recorded = channel.protect(read(target))
    before = target.exchange(recorded)
    control.reboot()
    answers = [target.exchange(again(target, recorded)) for _ in range(3)]

    protected = [answer for answer in answers if answer.option(Option.OSCORE) is not None]
    if not protected:  # the target kept its window and refused the replays in the open
        for answer in answers:
            target.expect_refusal(answer, Code.UNAUTHORIZED, Problem.REPLAYED)
        return
    numbers = [OscoreOption.decode(answer.option(Option.OSCORE) or b"").partial_iv for answer in protected]
    assert b"" not in numbers
    assert len(set(numbers)) == len(numbers)
    assert before.payload not in [answer.payload for answer in protected]


@pytest.mark.requirement("CHN-870")
def test_refusals_of_possible_replays_have_their_own_numbers(
    target: Target, control: Control, channel: Channel
) -> None:
    """What is refused for its contents is answered, too: the recorded request may have been refused the same way."""
    broken = seal(target, channel, b"\x01\xff")
    target.exchange(broken)
    control.reboot()

    answer = target.exchange(again(target, broken))

    option = answer.option(Option.OSCORE)
    assert option is None or OscoreOption.decode(option).partial_iv, "the nonce of the request, a second time"


@pytest.mark.requirement("CHN-870", "CHN-850")
def test_numbers_of_answers_do_not_come_again(target: Target, control: Control, channel: Channel) -> None:
    """Each reboot makes the target answer with numbers of its own: they must not start over either."""
    recorded = channel.protect(read(target))
    channel.unprotect(target.exchange(recorded))
    numbers: list[bytes] = []
    for _ in range(4):
        control.reboot()
        for _ in range(2):
            answer = target.exchange(again(target, recorded))
            value = answer.option(Option.OSCORE)
            if value is not None:
                numbers.append(OscoreOption.decode(value).partial_iv)

    assert len(set(numbers)) == len(numbers)


@pytest.mark.requirement("CHN-2200", "CHN-2210")
@pytest.mark.parametrize("reboots", [1, 2])
def test_client_is_asked_for_freshness_each_time_anew(
    target: Target, control: Control, channel: Channel, reboots: int
) -> None:
    """A refusal that does not say what is missing locks the owner out; one value for all proves nothing."""
    assert channel.ask(read(target)).code == Code.CONTENT
    values = []
    for _ in range(reboots):
        control.reboot()
        for _ in range(3):
            reply = channel.ask(read(target))
            if reply.code == Code.CONTENT:
                return  # the target kept its window
            assert (reply.code, reply.payload) == (Code.UNAUTHORIZED, b"")
            values += reply.option_values(Option.ECHO)

    assert len(values) == len(set(values)) == 3 * reboots
