"""Protecting and verifying requests and responses (RFC 8613 section 8, spec/v1/channel.md).

Every function takes one message and gives one back, header fields unchanged. What a message changes in its context is
changed after it authenticated; of a message that did not, only the count of failures remains.
"""

from __future__ import annotations

from dataclasses import replace
from hmac import compare_digest
from operator import itemgetter
from typing import Final

from cryptography.exceptions import InvalidTag

from picosec.channel.oscore_context import SecurityContext
from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.crypto.kdf import hkdf_expand
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Options, Type, code_text, decode_options, encode_options
from picosec.registry import Problem

#: Options that proxies work on and that stay outside (class U, CHN-670); all others go inside, unknown ones too.
OUTER_OPTIONS: Final = frozenset(
    map(int, (Option.URI_HOST, Option.URI_PORT, Option.HOP_LIMIT, Option.EDHOC, Option.PROXY_URI, Option.PROXY_SCHEME))
)
#: What no original message may hold: OSCORE does not nest, and a Proxy-Uri would carry the path outside.
_FORBIDDEN: Final = frozenset(map(int, (Option.OSCORE, Option.PROXY_URI)))

#: The inner Observe of a notification: its value is for proxies, its place among the others is its Partial IV.
_NOTIFIED: Final = (int(Option.OBSERVE), b"")

#: Bytes of an Echo value that nobody can foretell.
_ECHO_TAG: Final = 8


class Binding:
    """What ties a response to its request: the additional data they share and, until a response used it, the nonce."""

    __slots__ = ("aad", "nonce")

    def __init__(self, aad: bytes, nonce: bytes | None) -> None:
        self.aad = aad
        self.nonce = nonce


class RefusedInside(ProtocolError):
    """A request authenticated and is refused all the same; ``reply`` is the protected response to send."""

    def __init__(self, error: ProtocolError, reply: Message) -> None:
        super().__init__(error.problem, error.requirement, error.detail)
        self.reply = reply


def protect_request(context: SecurityContext, message: Message) -> tuple[Message, Binding]:
    """Return the OSCORE request and what its response must be bound to.

    Raises ``ProtocolError`` with ``EXHAUSTED`` (CHN-880), ``ValueError`` for a message that OSCORE cannot carry.
    """
    sender = context.sender
    outer, plaintext = _split(message)
    number = _take_number(context)
    partial_iv = encode_partial_iv(number)
    nonce, aad = sender.nonce(number), sender.aad(partial_iv)
    option = OscoreOption(partial_iv, sender.identifier, context.id_context).encode()
    ciphertext = sender.cipher.encrypt(nonce, plaintext, aad)
    return _wrapped(message, _outer_code(message), outer, option, ciphertext), Binding(aad, nonce)


def request_option(message: Message) -> OscoreOption:
    """Return the OSCORE option of a request: which context it is for, before any of it is trusted.

    Raises ``ProtocolError`` with ``UNPROTECTED`` without the option, ``BAD_OPTION`` for one that no request can have
    (CHN-630, CHN-640).
    """
    option = _option(message, "CHN-800")
    if not option.partial_iv or option.kid is None:
        raise ProtocolError(Problem.BAD_OPTION, "CHN-630", "a request needs a Partial IV and a kid")
    return option


def unprotect_request(
    context: SecurityContext, message: Message, option: OscoreOption | None = None
) -> tuple[Message, Binding]:
    """Verify an OSCORE request; return what was protected and what the response must be bound to.

    ``option`` is what :func:`request_option` gave for this message, if it was asked already.

    Raises ``ProtocolError`` for the first check that fails (CHN-690): ``BAD_OPTION``, ``UNKNOWN_CONTEXT``,
    ``REPLAYED``, ``EXHAUSTED``, ``DECRYPTION_FAILED``. ``RefusedInside`` has its reply with it: ``MALFORMED`` for a
    plaintext that is no request (CHN-770), ``REPLAYED`` when a restart leaves that possible (CHN-860).
    """
    option = option or request_option(message)
    recipient = context.recipient
    if option.kid != recipient.identifier or option.kid_context not in (None, context.id_context):
        raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-700", "the request is for another context")
    number = int.from_bytes(option.partial_iv, "big")
    if context.synchronised and context.window.seen(number):
        raise ProtocolError(Problem.REPLAYED, "CHN-720", f"sequence number {number}")
    if context.sender_exhausted:
        raise ProtocolError(Problem.EXHAUSTED, "CHN-880", "the response could not be protected")
    nonce, aad = recipient.nonce(number), recipient.aad(option.partial_iv)
    plaintext = _decrypt(context, nonce, message.payload, aad, "CHN-750")
    binding = Binding(aad, nonce if context.synchronised else None)
    if context.synchronised:
        context.window.mark(number)
    try:
        plain = _opened(message, plaintext, request=True)
    except ProtocolError as error:
        refusal = problem.response(error.problem, error.detail)
        raise RefusedInside(error, protect_response(context, binding, _answer(message, refusal))) from error
    if not context.synchronised:
        if not _proves_freshness(context, plain):
            unproven = ProtocolError(Problem.REPLAYED, "CHN-860", "freshness is not proven since the restart")
            raise RefusedInside(unproven, _challenge(context, aad, message))
        context.window.start_at(number)
        context.synchronised = True
        binding.nonce = nonce
    return plain, binding


def protect_response(context: SecurityContext, binding: Binding, message: Message) -> Message:
    """Return the OSCORE response to the request of ``binding``.

    The first response uses the request's nonce and carries no Partial IV; any further one has a number of its own.

    Raises ``ProtocolError`` with ``EXHAUSTED`` (CHN-880).
    """
    if binding.nonce is None:
        return _numbered_response(context, binding.aad, _take_number(context), message)
    outer, plaintext = _split(message)
    _check_sender(context)
    context.answers.take()
    nonce, binding.nonce = binding.nonce, None
    ciphertext = context.sender.cipher.encrypt(nonce, plaintext, binding.aad)
    return _wrapped(message, _outer_code(message), outer, b"", ciphertext)


def unprotect_response(context: SecurityContext, binding: Binding, message: Message) -> Message:
    """Verify the OSCORE response to the request of ``binding``; return what was protected.

    Raises ``ProtocolError`` as :func:`verify_response` does, ``REPLAYED`` (CHN-840), and ``UNEXPECTED_MESSAGE`` for a
    notification that nobody registered for (CHN-1190). A message that raises is not an answer to the request.
    """
    if binding.nonce is None:
        raise ProtocolError(Problem.REPLAYED, "CHN-840", "the request was answered before")
    plain, _number = verify_response(context, binding, message)
    if plain.option(Option.OBSERVE) is not None:
        raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-1190", "a notification that nobody registered for")
    binding.nonce = None
    return plain


def verify_response(context: SecurityContext, binding: Binding, message: Message) -> tuple[Message, int | None]:
    """Verify a response to the request of ``binding``, be it the first or not; return what was protected, and the
    number of its own that it carries, if any. Nothing but a count of failures changes.

    Raises ``ProtocolError``: ``UNPROTECTED`` (CHN-830), ``BAD_OPTION``, ``EXHAUSTED`` (CHN-890), ``REPLAYED`` when a
    message without a number used that of the request already, ``DECRYPTION_FAILED`` (CHN-840), ``MALFORMED``.
    """
    option = _option(message, "CHN-830")
    if option.kid not in (None, context.recipient.identifier):
        raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-840", "the response names another context")
    nonce, number = binding.nonce, None
    if option.partial_iv:
        number = int.from_bytes(option.partial_iv, "big")
        nonce = context.recipient.nonce(number)
    if nonce is None:
        raise ProtocolError(Problem.REPLAYED, "CHN-1160", "the number of the request was used before")
    plaintext = _decrypt(context, nonce, message.payload, binding.aad, "CHN-840")
    return _opened(message, plaintext, request=False), number


def echo_request(message: Message, response: Message) -> Message | None:
    """Return ``message`` with the Echo value that ``response``, once verified, asks for; ``None`` if it asks for none.

    The repeated request is protected anew, under the next sequence number.
    """
    value = response.option(Option.ECHO)
    if value is None or response.code != Code.UNAUTHORIZED:
        return None
    others = tuple(entry for entry in message.options if entry[0] != Option.ECHO)
    return replace(message, options=(*others, (Option.ECHO, value)))


def _check_sender(context: SecurityContext) -> None:
    if context.sender_exhausted:
        raise ProtocolError(Problem.EXHAUSTED, "CHN-880", "the Sender Key reached its limit")


def _take_number(context: SecurityContext) -> int:
    _check_sender(context)
    return context.numbers.take()


def _split(message: Message) -> tuple[Options, bytes]:
    """Return the options that stay outside and the plaintext. Raises ``ValueError`` for what OSCORE cannot carry."""
    outer = []
    inner = []
    for entry in message.options:
        if entry[0] in _FORBIDDEN:
            raise ValueError(f"a message with option {entry[0]} cannot be protected")
        if entry[0] in OUTER_OPTIONS:
            outer.append(entry)
        elif entry[0] == Option.OBSERVE:  # outside for proxies; what counts is inside (CHN-1100, CHN-1120)
            outer.append(entry)
            inner.append(entry if message.is_request else _NOTIFIED)
        else:
            inner.append(entry)
    return tuple(outer), bytes((message.code,)) + encode_options(inner, message.payload)


def _outer_code(message: Message) -> Code:
    """Return the code that everybody sees: another one with Observe, so that proxies forward it (CHN-1110)."""
    observed = message.option(Option.OBSERVE) is not None
    if message.is_request:
        return Code.FETCH if observed else Code.POST
    return Code.CONTENT if observed else Code.CHANGED


def _wrapped(message: Message, code: Code, outer: Options, option: bytes, ciphertext: bytes) -> Message:
    options = (*outer, (int(Option.OSCORE), option))
    return Message(message.type, code, message.message_id, message.token, options, ciphertext)


def _option(message: Message, requirement: str) -> OscoreOption:
    values = message.option_values(Option.OSCORE)
    if not values:
        raise ProtocolError(Problem.UNPROTECTED, requirement, "no OSCORE option")
    if len(values) > 1:
        raise ProtocolError(Problem.BAD_OPTION, "CHN-630", "more than one OSCORE option")
    if not message.payload:
        raise ProtocolError(Problem.BAD_OPTION, "CHN-630", "an OSCORE option without a payload")
    return OscoreOption.decode(values[0])


def _decrypt(context: SecurityContext, nonce: bytes, ciphertext: bytes, aad: bytes, requirement: str) -> bytes:
    if len(ciphertext) < context.aead.tag_length:
        raise ProtocolError(Problem.DECRYPTION_FAILED, requirement, "too short for a tag")
    if context.failures.exhausted:
        raise ProtocolError(Problem.EXHAUSTED, "CHN-890", "too many messages failed with this Recipient Key")
    try:
        return context.recipient.cipher.decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        context.failures.take()
        raise ProtocolError(Problem.DECRYPTION_FAILED, requirement, "the tag does not fit") from None


def _opened(message: Message, plaintext: bytes, *, request: bool) -> Message:
    """Return the original message: code, inner options and payload out of ``plaintext``, the rest as received."""
    requirement = "CHN-770" if request else "CHN-840"
    if not plaintext:
        raise ProtocolError(Problem.MALFORMED, requirement, "no code in the plaintext")
    try:
        options, payload = decode_options(plaintext, 1)
    except ProtocolError as error:
        raise ProtocolError(error.problem, requirement, error.detail) from None
    outer = tuple(entry for entry in message.options if entry[0] in OUTER_OPTIONS)
    if outer:
        options = tuple(sorted((*outer, *options), key=itemgetter(0)))
    plain = Message(message.type, plaintext[0], message.message_id, message.token, options, payload)
    if not (plain.is_request if request else plain.is_response):
        raise ProtocolError(Problem.MALFORMED, requirement, f"code {code_text(plain.code)} in the plaintext")
    return plain


def _numbered_response(context: SecurityContext, aad: bytes, number: int, message: Message) -> Message:
    """Protect a response under a number of its own (CHN-870)."""
    outer, plaintext = _split(message)
    ciphertext = context.sender.cipher.encrypt(context.sender.nonce(number), plaintext, aad)
    option = OscoreOption(encode_partial_iv(number)).encode()
    return _wrapped(message, _outer_code(message), outer, option, ciphertext)


def _challenge(context: SecurityContext, aad: bytes, request: Message) -> Message:
    """Return the protected 4.01 that asks for its own number, authenticated: no earlier message can hold it."""
    number = _take_number(context)
    options = ((int(Option.ECHO), _echo_value(context, encode_partial_iv(number))),)
    asked = Message(Type.ACK, Code.UNAUTHORIZED, 0, b"", options)
    return _numbered_response(context, aad, number, _answer(request, asked))


def _answer(request: Message, response: Message) -> Message:
    """Return a response that belongs to a request by its header."""
    return replace(response, message_id=request.message_id, token=request.token)


def _proves_freshness(context: SecurityContext, request: Message) -> bool:
    """Whether the request carries an Echo value that was issued in this life of the context."""
    value = request.option(Option.ECHO) or b""
    partial_iv = value[:-_ECHO_TAG]
    if not compare_digest(value, _echo_value(context, partial_iv)):
        return False
    return context.numbers.first <= int.from_bytes(partial_iv, "big") < context.numbers.value


def _echo_value(context: SecurityContext, partial_iv: bytes) -> bytes:
    """Return the Echo value that goes with a number: the number, and what only this context can add to it."""
    return partial_iv + hkdf_expand(context.sender.key, b"picosec echo" + partial_iv, _ECHO_TAG)
