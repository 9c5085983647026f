"""Faults of options: what is not understood is taken, and what is understood is taken too far."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, cast

from picosec.errors import ProtocolError
from picosec.messaging import endpoint, options, problem
from picosec.messaging.coap import Message, Option, Type
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.options import DEFINITIONS, Definition
from picosec.registry import RESPONSE_CODE, Problem
from picosec.roles import responses
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import answer_as_if, read_segments


@fault("MSG-500")
def looks_up_critical_options_in_a_list() -> None:
    """The critical options of the RFC are listed; what is not on the list cannot be critical."""
    options.is_critical = lambda number: number < 256 and number & 1 == 1


@fault("MSG-500")
def does_not_know_what_critical_means() -> None:
    """Options that are not understood are skipped, odd or even (cantcoap issue 37, aiocoap issue 419)."""
    options.is_critical = lambda number: False


@fault("MSG-500")
def stops_at_the_first_unknown_option() -> None:
    """The scan ends where the table does; what stands behind it is neither understood nor refused."""
    original = endpoint.understood

    def early(message: Message, *definitions: Any) -> Message:
        try:
            return original(message, *definitions)
        except ProtocolError:
            unknown = [number for number, _ in message.options if number not in DEFINITIONS]
            if unknown and not unknown[0] & 1:
                return message
            raise

    endpoint.understood = early


@fault("MSG-500")
def calls_unknown_options_a_bad_request() -> None:
    """4.02 is close to 4.00: the client cannot tell that it should leave the option out."""
    RESPONSE_CODE[Problem.BAD_OPTION] = 0x80


@fault("MSG-510")
def minds_options_only_when_asked_to_acknowledge() -> None:
    """There is nobody to tell, so the request is served after all."""
    original = endpoint.understood

    def careless(message: Message, *definitions: Any) -> Message:
        try:
            return original(message, *definitions)
        except ProtocolError:
            if message.type != Type.NON:
                raise
            return message

    endpoint.understood = careless


@fault("MSG-510")
def refuses_non_confirmable_requests_aloud() -> None:
    """A refusal is a response, and each request gets one (aiocoap issue 228), wherever it claims to come from."""
    original = Endpoint._serve

    def serve(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        original(self, message, size, key, now)
        try:
            options.understood(message)
        except ProtocolError as error:
            if message.type == Type.NON:
                refusal = replace(problem.error_response(error), type=Type.NON, token=message.token)
                self._outbox.append((key, refusal.encode()))

    Endpoint._serve = serve


@fault("MSG-530")
def refuses_what_it_does_not_know() -> None:
    """Better safe than sorry, until the next version of the other side."""
    options.is_critical = lambda number: number > 60 or number & 1 == 1


def _refuse(unwanted: Callable[[int, bytes], bool]) -> None:
    """Refuse requests with further options."""
    original = endpoint.understood

    def strict(message: Message, *definitions: Any) -> Message:
        if message.is_request and any(unwanted(number, value) for number, value in message.options):
            raise ProtocolError(Problem.BAD_OPTION, "MSG-530", "unwanted")
        return original(message, *definitions)

    endpoint.understood = strict


@fault("MSG-530")
def has_no_room_for_unknown_options() -> None:
    """What is not known is copied before it is skipped, into a buffer for what is known."""
    _refuse(lambda number, value: number not in DEFINITIONS and len(value) > 64)


@fault("MSG-540")
def takes_values_of_any_length() -> None:
    """A table of option numbers, without their bounds."""
    Definition.admits = lambda self, number, value: True


#: The reference's own table, which a fault may write to.
_DEFINITIONS = cast("dict[int, Definition]", DEFINITIONS)


@fault("MSG-540")
def takes_the_first_of_several() -> None:
    """A look-up returns at the first match, and nobody counts (FreeCoAP issue 45)."""
    for number, definition in list(_DEFINITIONS.items()):
        _DEFINITIONS[number] = replace(definition, repeatable=True)


@fault("MSG-540")
def resets_values_outside_their_bounds() -> None:
    """A parser that checks values as it goes takes a bad one for a broken message (libcoap issue 1649)."""
    original = Message.decode

    def decode(cls: type[Message], data: bytes) -> Message:
        message = original(data)
        for number, value in message.options:
            if number in DEFINITIONS and not DEFINITIONS[number].admits(number, value):
                raise ProtocolError(Problem.MALFORMED, "MSG-540", f"option {number}")
        return message

    Message.decode = classmethod(decode)


@fault("MSG-540")
def minds_elective_options_too() -> None:
    """A Max-Age of five bytes is wrong, so the request is: nobody has to understand it, but everybody may refuse it."""
    _refuse(lambda number, value: number in DEFINITIONS and not DEFINITIONS[number].admits(number, value))


@fault("MSG-540")
def walks_up_the_path() -> None:
    """A segment of two dots leads to the directory above, past the rule for the one below (CVE-2021-41773)."""
    read_segments(lambda value: value in (b".", b".."), bytes.decode)
    answer_as_if(lambda request: replace(request, path=posixpath.normpath(request.path)))


@fault("MSG-540")
def replaces_what_is_not_text() -> None:
    """Bytes that are no UTF-8 become question marks, and two names become one."""
    read_segments(lambda value: not value.isascii(), lambda value: value.decode(errors="replace"))


@fault("MSG-550")
def serves_what_it_should_forward() -> None:
    """Proxy-Scheme names the scheme one speaks anyway."""
    _DEFINITIONS[Option.PROXY_SCHEME] = Definition(1, 255, text=True)
    _DEFINITIONS[Option.PROXY_URI] = Definition(1, 1034, text=True)


@fault("MSG-550")
def calls_proxying_a_bad_option() -> None:
    """Both options are critical and unknown, so 4.02: the client leaves them out and asks the wrong server."""
    original = endpoint.understood

    def understood(message: Message, *definitions: Any) -> Message:
        try:
            return original(message, *definitions)
        except ProtocolError as error:
            raise ProtocolError(Problem.BAD_OPTION, "MSG-550", error.detail) from error

    endpoint.understood = understood


@fault("MSG-850")
def sends_a_format_in_eight_bytes() -> None:
    """A struct holds every number in 64 bits, and is sent as it is."""
    responses.uint_bytes = lambda value: value.to_bytes(8, "big")


@fault("MSG-860")
def pads_numbers_in_options() -> None:
    """A Content-Format has up to two bytes, so it always gets two."""
    responses.uint_bytes = lambda value: value.to_bytes(2, "big")


@fault("MSG-2000")
def has_one_table_for_both_directions() -> None:
    """An option is known or it is not; whether it means anything in a response, nobody asked."""
    options.OF_REQUESTS = frozenset()
