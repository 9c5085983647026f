"""Protected messages in right and wrong forms, and the target as the client of a channel."""

from __future__ import annotations

import random
from dataclasses import replace

from picosec.channel.oscore import Binding, protect_response, unprotect_request
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Options, Type, code_text, encode_options
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel, joined, provision
from picosec_conformance.control import Control
from picosec_conformance.manifest import GivenContext, NotGiven
from picosec_conformance.target import Nonconformity, Target

ON = b"\xf5"


def fresh_context(rng: random.Random, **fields: object) -> GivenContext:
    """Return a context with new keys; ``fields`` replace what it has by default."""
    given = GivenContext(b"\x01", b"\x02", rng.randbytes(16), rng.randbytes(8))
    return replace(given, **fields)  # type: ignore[arg-type]


def set_up(
    target: Target, control: Control, given: GivenContext, *, first_number: int = 0, failures: int = 0
) -> Channel:
    """Provision the target with a context that it used before, or did not, and return the suite's end of it."""
    provision(control, given, first_number=first_number, failures=failures)
    return joined(target, given)


def read(target: Target) -> Message:
    """Return a request that reads the protected resource."""
    return target.build(Code.GET, target.manifest.resources.protected_get)


def write(target: Target) -> Message:
    """Return a request that changes the protected resource."""
    path = target.manifest.resources.protected_put
    return target.build(Code.PUT, path, ON, content_format=CONTENT_FORMAT_CBOR)


def again(target: Target, message: Message) -> Message:
    """Return a message as an attacker repeats it: the message layer takes it for a new one."""
    return replace(message, message_id=target.fresh_message_id(), token=target.fresh_token())


def plaintext(request: Message) -> bytes:
    """Return what protection encrypts of a request without class U options."""
    return bytes((request.code,)) + encode_options(request.options, request.payload)


def seal(
    target: Target,
    channel: Channel,
    plain: bytes,
    number: int | None = None,
    *,
    option: OscoreOption | bytes | None = None,
    aad: bytes | None = None,
    nonce: bytes | None = None,
) -> Message:
    """Return a request with any plaintext under the channel's key, and with any part of the protection replaced.

    Without ``number`` it is the next one of the channel.
    """
    context, sender = channel.context, channel.context.sender
    number = context.numbers.take() if number is None else number
    partial_iv = encode_partial_iv(number)
    option = OscoreOption(partial_iv, sender.identifier, context.id_context) if option is None else option
    ciphertext = sender.cipher.encrypt(
        sender.nonce(number) if nonce is None else nonce, plain, sender.aad(partial_iv) if aad is None else aad
    )
    value = option if isinstance(option, bytes) else option.encode()
    options: Options = ((int(Option.OSCORE), value),)
    return Message(Type.CON, Code.POST, target.fresh_message_id(), target.fresh_token(), options, ciphertext)


def with_option(message: Message, option: OscoreOption | bytes, *others: tuple[int, bytes]) -> Message:
    """Return a protected message with another OSCORE option, and further options outside."""
    value = option if isinstance(option, bytes) else option.encode()
    options = sorted(((int(Option.OSCORE), value), *others), key=lambda entry: entry[0])
    return replace(message, options=tuple(options))


def expect_refusal(target: Target, message: Message, code: int, problem: Problem) -> None:
    """Judge that the target refuses a message in the open with this error, changes nothing and lives on.

    To plain stacks, answers and their codes are optional (RFC 8613, Section 8.2): they are judged if they come.
    """
    with target.expect_unchanged():
        if target.manifest.profile.plain:
            for reply in target.replies(message):
                judge_refusal(target, reply, code, problem)
        else:
            judge_refusal(target, target.exchange(message), code, problem)


def judge_refusal(target: Target, reply: Message, code: int, problem: Problem) -> None:
    """Judge one answer to a request that OSCORE refuses. Raises ``Nonconformity``."""
    if reply.option(Option.OSCORE) is not None:
        raise Nonconformity("a request that OSCORE refuses must be answered without protection")
    if not target.manifest.profile.plain:
        target.expect_refusal(reply, code, problem)
    elif reply.code >> 5 not in (0, 4, 5):
        raise Nonconformity(f"a request that OSCORE refuses was answered with {code_text(reply.code)}")


class TargetAsClient:
    """The target asking the suite over a channel."""

    def __init__(self, target: Target, control: Control, context: SecurityContext) -> None:
        self._target = target
        self._control = control
        self.context = context

    def act(
        self, code: int = Code.GET, path: str = "/some/path", payload: bytes = b"", *options: tuple[int, bytes]
    ) -> int:
        """Make the target send a request over the channel; the handle of the act.

        Raises ``NotGiven`` on a black box: what it made of the answer would remain unknown.
        """
        if self._control.blind:
            raise NotGiven("only the Test Interface could tell what the client made of the answer")
        further = {8: [[int(number), value] for number, value in options]} if options else {}
        return self._control.act("request", {1: code, 2: path, 3: payload, 5: self.context.sender_id, **further})

    def receive(self) -> Message:
        """Return the protected request that the target sends."""
        return self._target.receive("a protected request")

    def opened(self, protected: Message) -> tuple[Message, Binding]:
        """Verify what the target sent. Raises ``Nonconformity`` when it does not verify."""
        try:
            return unprotect_request(self.context, protected)
        except ProtocolError as error:
            raise Nonconformity(f"the target's request does not verify: {error}") from error

    def response(self, binding: Binding, protected: Message, payload: bytes, *, numbered: bool = False) -> Message:
        """Return the protected response to a request of the target."""
        if numbered:
            binding.nonce = None
        plain = Message(Type.ACK, Code.CONTENT, protected.message_id, protected.token, (), payload)
        return protect_response(self.context, binding, plain)

    def deliver(self, *messages: Message) -> None:
        """Send messages to the target and wait until it has taken them all."""
        for message in messages:
            self._target.send(message)
        self._target.until_probe_answered()
