"""The target as a client of a channel that begins by itself, judged by what it sends."""

from __future__ import annotations

import random

import pytest

from picosec.channel.oscore import Binding, protect_response
from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.channel import Channel, joined
from picosec_conformance.control import Control
from picosec_conformance.manifest import GivenContext, NotGiven
from picosec_conformance.protection import TargetAsClient, fresh_context, set_up
from picosec_conformance.target import Target

#: What may stand outside the ciphertext of a request (RFC 8613 figure 5, class U).
OUTSIDE = {Option.URI_HOST, Option.URI_PORT, Option.OSCORE, Option.HOP_LIMIT, Option.EDHOC, Option.PROXY_SCHEME}


class Caller:
    """Makes the target ask over its channel, and answers."""

    def __init__(self, target: Target, control: Control, rng: random.Random) -> None:
        self._target, self._control = target, control
        given = target.manifest.oscore if control.blind else fresh_context(rng)
        if given is None:
            raise NotGiven("the manifest gives no OSCORE context ([oscore])")
        self.given: GivenContext = given
        channel: Channel = joined(target, given) if control.blind else set_up(target, control, given)
        self.side = TargetAsClient(target, control, channel.context)

    def asked(self) -> tuple[Message, Message, Binding]:
        """Have the target ask; what it sent, what that carries, and what an answer is bound to."""
        self._control.act("request", {1: int(Code.GET), 2: "/some/path", 5: self.side.context.sender_id})
        protected = self.side.receive()
        return (protected, *self.side.opened(protected))

    def answer(self, protected: Message, binding: Binding) -> None:
        """Answer, so that the target is done."""
        self._target.send(self.side.response(binding, protected, b"answer"))
        self._target.until_probe_answered()


@pytest.fixture
def caller(target: Target, control: Control, rng: random.Random) -> Caller:
    """The target as a client that can be called."""
    return Caller(target, control, rng)


@pytest.mark.requirement("CHN-670", "CHN-650", "CHN-660")
@pytest.mark.needs("channel.oscore.client")
def test_request_shows_no_path(caller: Caller) -> None:
    """Whoever listens learns that something was asked, not what."""
    protected, request, binding = caller.asked()
    assert protected.code == Code.POST
    assert {number for number, _ in protected.options} <= OUTSIDE
    assert b"path" not in protected.encode()
    assert (request.code, request.path) == (Code.GET, "/some/path")
    caller.answer(protected, binding)


@pytest.mark.requirement("CHN-620", "CHN-850")
def test_numbers_go_on_in_their_one_form(caller: Caller) -> None:
    """The same number twice under one key gives both messages away; one number in two forms is two messages."""
    numbers = []
    for _ in range(3):
        protected, _, binding = caller.asked()
        value = protected.option(Option.OSCORE) or b""
        option = OscoreOption.decode(value)
        numbers.append(int.from_bytes(option.partial_iv, "big"))
        assert option.partial_iv == encode_partial_iv(numbers[-1])
        assert option.kid == caller.given.sender_id
        assert option.encode() == value
        caller.answer(protected, binding)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.requirement("CHN-1080", "CHN-820")
@pytest.mark.parametrize("numbered", [False, True], ids=["nonce-of-the-request", "own-number"])
def test_challenge_is_answered(target: Target, caller: Caller, numbered: bool) -> None:
    """A server that restarted asks for proof that the request is fresh; a client that understood gives it."""
    protected, _, binding = caller.asked()
    if numbered:
        binding.nonce = None
    echo = ((int(Option.ECHO), b"challenge"),)
    plain = Message(Type.ACK, Code.UNAUTHORIZED, protected.message_id, protected.token, echo)
    target.send(protect_response(caller.side.context, binding, plain))

    again = target.receive("the request once more")
    request, binding = caller.side.opened(again)

    assert request.option(Option.ECHO) == b"challenge"
    assert again.option(Option.OSCORE) != protected.option(Option.OSCORE)
    caller.answer(again, binding)
