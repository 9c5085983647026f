"""Faults of OSCORE: servers that believe, forget or tell too much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from picosec.channel import channels, oscore
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.oscore_option import OscoreOption
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option
from picosec.messaging.options import DEFINITIONS
from picosec.messaging.replay import ReplayWindow
from picosec.registry import Problem
from picosec.roles import resources, server
from picosec_conformance.faults import fault


@fault("CHN-690")
def decrypts_before_it_looks_at_the_window() -> None:
    """Replay is looked at last: each repeated message costs a decryption, and garbage with old numbers too."""
    original = channels.unprotect_request
    seen = ReplayWindow.seen

    def late(context: SecurityContext, message: Message, option: Any = None) -> Any:
        ReplayWindow.seen = lambda self, number: False
        window = context.window
        context.window = ReplayWindow(window.size)
        try:
            result = original(context, message, option)
        finally:
            ReplayWindow.seen = seen
            context.window = window
        number = int.from_bytes(oscore.request_option(message).partial_iv, "big")
        if window.seen(number):
            raise ProtocolError(Problem.REPLAYED, "CHN-720")
        window.mark(number)
        return result

    channels.unprotect_request = late


@fault("CHN-690")
def looks_for_the_context_before_it_reads_the_option() -> None:
    """A lenient first look finds the kid, and a strict second one never comes."""
    original = channels.Channels.unprotect

    def unprotect(self: channels.Channels, message: Message) -> Any:
        try:
            return original(self, message)
        except ProtocolError as error:
            value = message.option(Option.OSCORE) or b""
            known = any(value.endswith(channel.id) for channel in self)
            if error.problem is Problem.BAD_OPTION and value and not known:
                raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-700") from error
            raise

    channels.Channels.unprotect = unprotect


@fault("CHN-700")
def tries_every_key() -> None:
    """Nobody has this kid, so every key is tried, to be helpful."""
    original = channels.Channels.unprotect

    def unprotect(self: channels.Channels, message: Message) -> Any:
        try:
            return original(self, message)
        except ProtocolError as error:
            if error.problem is not Problem.UNKNOWN_CONTEXT:
                raise
            channel = next(iter(self))
            option = replace(oscore.request_option(message), kid=channel.id)
            return channels.Opened(channel, *oscore.unprotect_request(channel.context, message, option))

    channels.Channels.unprotect = unprotect


@fault("CHN-710")
def ignores_the_kid_context() -> None:
    """The kid is enough to find the keys; the kid context is for others."""
    original = channels.request_option

    def nameless(message: Message) -> OscoreOption:
        return replace(original(message), kid_context=None)

    channels.request_option = nameless


@fault("CHN-720")
def has_no_replay_window() -> None:
    """Replay protection is on the list for the next release."""
    ReplayWindow.seen = lambda self, number: False


@fault("CHN-720")
def forgets_what_the_window_left_behind() -> None:
    """What lies below the window was surely seen, thinks the author, and forgets to say so."""
    original = ReplayWindow.seen

    def forgetful(self: ReplayWindow, number: int) -> bool:
        return number > self.state[0] - self.size and original(self, number)

    ReplayWindow.seen = forgetful


@fault("CHN-720")
def answers_replays_in_silence_of_the_cause() -> None:
    """Every refusal is 4.00: the peer cannot tell a replay from a wrong key."""
    original = problem.response

    def vague(cause: Problem, detail: str = "") -> Message:
        return original(Problem.BAD_REQUEST if cause is Problem.REPLAYED else cause, detail)

    problem.response = vague


@fault("CHN-730")
def demands_rising_numbers() -> None:
    """The highest number is all that is stored: what was overtaken on the way is lost."""
    ReplayWindow.seen = lambda self, number: number <= self.state[0]


@fault("CHN-740")
def moves_the_window_before_it_decrypts() -> None:
    """Check and mark in one step, before decryption: one forgery with a high number locks the owner out."""
    original = oscore._decrypt

    def eager(context: SecurityContext, nonce: bytes, ciphertext: bytes, aad: bytes, requirement: str) -> bytes:
        if requirement == "CHN-750":
            context.window.mark(context.recipient.iv ^ int.from_bytes(nonce, "big"))
        return original(context, nonce, ciphertext, aad, requirement)

    oscore._decrypt = eager


@fault("CHN-750")
def does_not_check_the_tag() -> None:
    """The decryption is right, the tag is not compared: one bit on the way is one bit in the plaintext."""
    original = oscore._decrypt

    def unchecked(context: SecurityContext, nonce: bytes, ciphertext: bytes, aad: bytes, requirement: str) -> bytes:
        try:
            return original(context, nonce, ciphertext, aad, requirement)
        except ProtocolError:
            body = ciphertext[: -context.aead.tag_length]
            if not body or len(nonce) != 13:
                raise
            counter = CTR(b"\x01" + nonce + b"\x00\x01")
            return Cipher(AES(context.recipient.key), counter).decryptor().update(body)

    oscore._decrypt = unchecked


@fault("CHN-750")
def cannot_say_that_it_did_not_decrypt() -> None:
    """Whatever goes wrong in OSCORE is 4.01."""
    original = problem.response

    def vague(cause: Problem, detail: str = "") -> Message:
        return original(Problem.UNKNOWN_CONTEXT if cause is Problem.DECRYPTION_FAILED else cause, detail)

    problem.response = vague


@fault("CHN-760")
def believes_what_stands_outside() -> None:
    """Options outside and inside are joined, and the request has two paths."""
    original = oscore._opened

    def joined(message: Message, plaintext: bytes, *, request: bool) -> Message:
        plain = original(message, plaintext, request=request)
        outer = [entry for entry in message.options if entry[0] not in oscore.OUTER_OPTIONS | {Option.OSCORE}]
        return replace(plain, options=tuple(sorted((*outer, *plain.options), key=lambda entry: entry[0])))

    oscore._opened = joined


@fault("CHN-760")
def believes_the_code_outside() -> None:
    """The header is decoded first and its code is kept."""
    original = oscore._opened

    def outer_code(message: Message, plaintext: bytes, *, request: bool) -> Message:
        plain = original(message, plaintext, request=request)
        return replace(plain, code=message.code) if request and message.code != Code.POST else plain

    oscore._opened = outer_code


@fault("CHN-770")
def trusts_what_it_decrypted() -> None:
    """What a friend encrypted is a request, whatever code it has."""
    original = oscore._opened

    def trusting(message: Message, plaintext: bytes, *, request: bool) -> Message:
        try:
            return original(message, plaintext, request=request)
        except ProtocolError:
            if not request:
                raise
            return replace(message, code=Code.GET, options=(), payload=plaintext[1:])

    oscore._opened = trusting


@fault("CHN-780")
def knows_its_own_option_inside() -> None:
    """The option is in the table of known options, so it is no unknown critical one, wherever it stands."""
    definitions = {**DEFINITIONS, **server.INNER_DEFINITIONS}
    server.INNER_DEFINITIONS = definitions


@fault("CHN-790")
def marks_its_refusals_as_protected() -> None:
    """Every response to a request with the option gets the option: the peer tries to decrypt an error."""
    original = server.Server._respond

    def marked(self: Any, answering: Any, response: Message, now: float) -> None:
        if answering.channel is None and response.code >> 5 > 2:
            response = replace(response, options=((int(Option.OSCORE), b""), *response.options))
        original(self, answering, response, now)

    server.Server._respond = marked


@fault("CHN-800")
def serves_everyone() -> None:
    """Whether a resource needs a channel is noted at the resource and looked up nowhere."""
    original = resources.Site.answer

    def answer(self: resources.Site, request: resources.Request) -> resources.Reply:
        resource = self._resources.get(request.path)
        if resource is None or resource.access is resources.Access.OPEN:
            return original(self, request)
        open_to_all = replace(resource, access=resources.Access.OPEN)
        return original(resources.Site({request.path: open_to_all}), request)

    resources.Site.answer = answer


@fault("CHN-810")
def answers_errors_in_the_open() -> None:
    """Errors take another way out, past the protection."""
    original = server.Server._respond

    def respond(self: Any, answering: Any, response: Message, now: float) -> None:
        if response.code >> 5 > 2:
            answering = replace(answering, channel=None, binding=None)
        original(self, answering, response, now)

    server.Server._respond = respond


@fault("CHN-810")
def answers_late_in_the_open() -> None:
    """A separate response is built by a timer, which does not know of channels."""
    original = server.heappush

    def forget(heap: Any, item: Any) -> None:
        due, number, answering, response = item
        original(heap, (due, number, replace(answering, channel=None, binding=None), response))

    server.heappush = forget


@fault("CHN-1970")
def names_itself_in_every_answer() -> None:
    """The same option encoder for requests and responses: a kid that nobody needs, in every answer."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Any, option: bytes, ciphertext: bytes) -> Message:
        if code == Code.CHANGED:
            option = replace(OscoreOption.decode(option), kid=b"\x02").encode()
        return original(message, code, outer, option, ciphertext)

    oscore._wrapped = wrapped


@fault("CHN-1970")
def writes_flags_that_are_all_zero() -> None:
    """The value begins with a byte of flags, says the picture in the standard; the text below it was not read."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Any, option: bytes, ciphertext: bytes) -> Message:
        return original(message, code, outer, option or b"\x00", ciphertext)

    oscore._wrapped = wrapped
