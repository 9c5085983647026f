"""Faults of message formats, options and resources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from picosec.errors import ProtocolError
from picosec.messaging import coap, endpoint, options
from picosec.messaging.coap import Message, Option, Type
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.options import DEFINITIONS, Definition
from picosec.messaging.reactions import REACTIONS, Kind, Reaction
from picosec.roles.resources import Reply, Request, Site
from picosec_conformance.faults import fault

#: The reference's own table, which a fault may write to.
_DEFINITIONS = cast("dict[int, Definition]", DEFINITIONS)


def _mend(requirement: str, mended: Callable[[bytes], bytes]) -> None:
    """Read a datagram that breaks one rule as if it were another."""
    original = Message.decode

    def decode(cls: type[Message], data: bytes) -> Message:
        try:
            return original(data)
        except ProtocolError as error:
            if error.requirement != requirement:
                raise
            return original(mended(data))

    Message.decode = classmethod(decode)


@fault("MSG-200")
def takes_any_version() -> None:
    """Two bits that have been the same for ever are masked off."""
    _mend("MSG-200", lambda data: bytes((data[0] & 0x3F | 0x40,)) + data[1:])


@fault("MSG-200")
def resets_other_versions() -> None:
    """An endpoint that answers what it cannot understand, in words that may mean something else there."""
    original = endpoint.reaction_to_malformed
    endpoint.reaction_to_malformed = lambda data: Reaction.SEND_RESET if len(data) > 3 else original(data)


@fault("MSG-210")
def reads_a_header_that_is_not_there() -> None:
    """The receive buffer is longer than the datagram, and starts out as zeros."""
    _mend("MSG-210", lambda data: (data + bytes(4))[:4])


@fault("MSG-220")
def cuts_long_tokens() -> None:
    """min(length, 8) keeps the buffer safe and the parser lost."""
    _mend("MSG-220", lambda data: bytes((data[0] & 0xF0 | 8,)) + data[1:])


@fault("MSG-230")
def reads_no_further_than_an_empty_code() -> None:
    """Code 0.00 is recognised, and whatever follows is somebody else's."""
    _mend("MSG-230", lambda data: bytes((data[0] & 0xF0,)) + data[1:4])


@fault("MSG-240")
def takes_reserved_classes_for_success() -> None:
    """Class 4 and 5 are errors, so all others must be fine."""
    _mend("MSG-240", lambda data: data[:1] + b"\x45" + data[2:])


@fault("MSG-250")
def takes_fifteen_for_a_number() -> None:
    """13 and 14 have a meaning of their own, so 15 is 15."""
    original = coap._read_extended

    def literal(data: bytes, position: int, nibble: int) -> tuple[int, int]:
        return (15, position) if nibble == 15 else original(data, position, nibble)

    coap._read_extended = literal


@fault("MSG-260")
def reads_options_behind_the_end() -> None:
    """The length in the option is believed."""
    _mend("MSG-260", lambda data: data + bytes(70_000))


@fault("MSG-270")
def takes_an_empty_payload() -> None:
    """A marker and nothing behind it is a payload of no bytes."""
    _mend("MSG-270", lambda data: data[:-1])


@fault("MSG-280")
def counts_options_in_sixteen_bits() -> None:
    """The sum of the deltas wraps around: 65,547 becomes Uri-Path."""
    coap.MAX_OPTION_NUMBER = 1 << 30
    original = coap.decode_options

    def wrapped(data: bytes, position: int = 0) -> tuple[coap.Options, bytes]:
        found, payload = original(data, position)
        return tuple((number & 0xFFFF, value) for number, value in found), payload

    coap.decode_options = wrapped


@fault("MSG-290")
def is_silent_on_malformed_messages() -> None:
    """Dropping garbage sounds safe; the sender repeats it for a minute."""
    REACTIONS[Type.CON, Kind.MALFORMED] = Reaction.IGNORE


@fault("MSG-300")
def resets_malformed_non_confirmable_messages() -> None:
    """RFC 7252 allows it, and an attacker uses it to make one endpoint talk to another."""
    REACTIONS[Type.NON, Kind.MALFORMED] = Reaction.SEND_RESET


@fault("MSG-300")
def resets_malformed_resets() -> None:
    """Two endpoints with this fault never stop."""
    REACTIONS[Type.RST, Kind.MALFORMED] = Reaction.SEND_RESET


@fault("MSG-370")
def does_not_know_pings() -> None:
    """An empty message has nothing in it that needs an answer."""
    REACTIONS[Type.CON, Kind.EMPTY] = Reaction.IGNORE


@fault("MSG-380")
def serves_requests_on_acknowledgements() -> None:
    """The dispatcher looks at the code alone."""
    REACTIONS[Type.ACK, Kind.REQUEST] = Reaction.SERVE


@fault("MSG-380")
def answers_empty_non_confirmable_messages() -> None:
    """A ping is a ping."""
    REACTIONS[Type.NON, Kind.EMPTY] = Reaction.SEND_RESET


@fault("MSG-500")
def looks_up_critical_options_in_a_list() -> None:
    """The critical options of the RFC are listed; what is not on the list cannot be critical."""
    options.is_critical = lambda number: number < 256 and number & 1 == 1


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


@fault("MSG-520")
def takes_responses_with_any_option() -> None:
    """Options are a matter of servers."""
    Endpoint._understood = lambda self, response: response


@fault("MSG-530")
def refuses_what_it_does_not_know() -> None:
    """Better safe than sorry, until the next version of the other side."""
    options.is_critical = lambda number: number > 60 or number & 1 == 1


@fault("MSG-540")
def takes_values_of_any_length() -> None:
    """A table of option numbers, without their bounds."""
    Definition.admits = lambda self, number, value: True


@fault("MSG-540")
def takes_the_first_of_several() -> None:
    """A look-up returns at the first match, and nobody counts."""
    for number, definition in list(_DEFINITIONS.items()):
        _DEFINITIONS[number] = replace(definition, repeatable=True)


@fault("MSG-550")
def serves_what_it_should_forward() -> None:
    """Proxy-Scheme names the scheme one speaks anyway."""
    _DEFINITIONS[Option.PROXY_SCHEME] = Definition(1, 255, text=True)
    _DEFINITIONS[Option.PROXY_URI] = Definition(1, 1034, text=True)


@fault("MSG-560")
def joins_segments_without_escaping() -> None:
    """A path becomes a string, and a slash inside a segment becomes a separator."""
    coap._segment = bytes.decode


@fault("MSG-560")
def forgives_a_trailing_slash() -> None:
    """ "/ps/info/" surely means "/ps/info": and a rule for the one is no rule for the other."""
    _answer(lambda request: replace(request, path=request.path.rstrip("/") or "/"))


@fault("MSG-570")
def takes_unknown_methods_for_get() -> None:
    """A switch whose last case is the default."""
    _answer(lambda request: replace(request, code=request.code if request.code < 5 else 1))


@fault("MSG-580")
def ignores_accept() -> None:
    """There is one representation, so that is what one gets."""
    _answer(lambda request: replace(request, accept=None))


@fault("MSG-590")
def ignores_the_content_format() -> None:
    """The parser will find out what it is."""
    _answer(lambda request: replace(request, content_format=None))


def _answer(seen: Callable[[Request], Request]) -> None:
    """Let the site see a request differently."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        return original(self, seen(request))

    Site.answer = answer
