"""Faults of the combined request, on either side, and of the link that offers it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from picosec.channel import combined
from picosec.channel.channels import Channel
from picosec.channel.combined import Combined
from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import encode_identifier
from picosec.channel.oscore import request_option
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option
from picosec.messaging.options import DEFINITIONS
from picosec.registry import Problem
from picosec.roles import client, handshakes, openings, server
from picosec.roles.channel_table import ChannelTable
from picosec.roles.handshakes import Answer, Early, Opening, Responding
from picosec.roles.handshaking import Handshaking
from picosec.roles.openings import Openings
from picosec.roles.server import Server
from picosec_conformance.faults import fault

# -- the server --------------------------------------------------------------------------------------------------------


@fault("CHN-1500")
def does_not_know_of_combined_requests() -> None:
    """The EDHOC option is critical and unknown, as in every stack before RFC 9668, and declared all the same."""

    def finish(self: Handshaking, parts: Combined, peer: Hashable, now: float) -> Message | None:
        raise ProtocolError(Problem.BAD_OPTION, "MSG-500")

    Handshaking.finish = finish


@fault("CHN-1500")
def takes_message_3_for_the_whole() -> None:
    """The handshake is completed and the request behind it is forgotten: the client waits for its value."""
    original = Handshaking.finish

    def finish(self: Handshaking, parts: Combined, peer: Hashable, now: float) -> Message | None:
        return original(self, parts, peer, now) or handshakes.edhoc_coap.response(0x44)

    Handshaking.finish = finish


@fault("CHN-1500")
def expects_one_byte_of_length() -> None:
    """message_3 has fewer than 256 bytes, says the author, who has never seen a certificate in it."""
    original = combined._end_of_message_3

    def end(payload: bytes) -> int:
        if payload[:1] == b"\x59":
            raise ProtocolError(Problem.MALFORMED, "CHN-1510")
        return original(payload)

    combined._end_of_message_3 = end


@fault("CHN-1510")
def looks_up_the_session_first() -> None:
    """The session is taken from its table before the payload is looked at: a stranger with a kid ends handshakes."""
    original = server.split

    def split(message: Message) -> Combined:
        try:
            return original(message)
        except ProtocolError as error:
            if error.problem is not Problem.MALFORMED or message.option(Option.OSCORE) is None:
                raise
            return Combined(request_option(message).kid or b"", message.payload, message)

    server.split = split


@fault("CHN-1510")
def ignores_the_option_without_the_other() -> None:
    """An EDHOC option without an OSCORE option does no harm, says the author, and serves what is left in the open."""
    original = server.split

    def split(message: Message) -> Combined:
        if message.option(Option.OSCORE) is None:
            raise ProtocolError(Problem.NOT_FOUND, "MSG-560")
        return original(message)

    server.split = split


@fault("CHN-1570")
def insists_on_an_empty_option() -> None:
    """A value in the option is refused: the day a standard gives it one, this server is off the network."""
    original = server.split

    def split(message: Message) -> Combined:
        if message.option(Option.EDHOC):
            raise ProtocolError(Problem.BAD_OPTION, "MSG-540")
        return original(message)

    server.split = split


def _refuses(change: Any) -> None:
    """Alter the answer to a combined request that is refused."""
    original = Responding.combined

    def answered(self: Responding, *arguments: Any) -> Answer:
        answer = original(self, *arguments)
        return answer if answer.failure is None else change(answer)

    Responding.combined = answered


@fault("CHN-1520")
def says_that_it_does_not_know_the_credential() -> None:
    """ERR_CODE 3, as everywhere else: a client that follows RFC 9668 does not expect it here."""

    def code_3(answer: Answer) -> Answer:
        if answer.failure is not Problem.UNKNOWN_CREDENTIAL:
            return answer
        return replace(answer, response=replace(answer.response, payload=ErrorMessage(3, True).encode()))

    _refuses(code_3)


@fault("CHN-1520")
def refuses_message_3_in_problem_details() -> None:
    """The request had an OSCORE option, so it is refused as OSCORE does: no EDHOC library reads it."""
    problem = handshakes.problem
    _refuses(lambda answer: replace(answer, response=problem.response(answer.failure)))


@fault("CHN-1530")
def drops_message_4_for_those_who_combine() -> None:
    """Confirmation is part of the handshake, except for whoever comes along with a request."""
    original = Responding.combined

    def answered(self: Responding, c_r: bytes, *arguments: Any) -> Answer:
        responder = self._sessions.get(c_r, (None, 0))[0]
        if responder is not None:
            responder.config = responder.config.with_policy(replace(responder.config.policy, message_4=False))
        return original(self, c_r, *arguments)

    Responding.combined = answered


@fault("CHN-1540")
def takes_the_channel_back() -> None:
    """The request behind message_3 does not decrypt, so the handshake is undone: one bit on the way undoes it."""
    finish, serve = Handshaking.finish, Server.serve
    opened: list[bytes] = []

    def remember(self: Handshaking, parts: Combined, peer: Hashable, now: float) -> Message | None:
        refusal = finish(self, parts, peer, now)
        if refusal is None:
            opened.append(parts.c_r)
        return refusal

    def undo(self: Server, exchange: Any, message: Message, now: float) -> None:
        failures = sum(channel.context.failures.value for channel in self._channels)
        opened.clear()
        serve(self, exchange, message, now)
        if opened and sum(channel.context.failures.value for channel in self._channels) > failures:
            self._channels.remove(self._channels[opened[0]])

    Handshaking.finish, Server.serve = remember, undo


@fault("CHN-1550")
def goes_on_with_the_channel_of_that_name() -> None:
    """No session has this kid, but a channel has: message_3 is passed over, and a recorded message is half believed."""
    original = Handshaking.finish

    def finish(self: Handshaking, parts: Combined, peer: Hashable, now: float) -> Message | None:
        if parts.c_r in self._channels and parts.c_r not in self._responding:
            return None
        return original(self, parts, peer, now)

    Handshaking.finish = finish


@fault("CHN-1560")
def understands_the_option_inside() -> None:
    """One list of options for outside and inside: what is there twice is understood twice."""
    server.INNER_DEFINITIONS[Option.EDHOC] = DEFINITIONS[Option.EDHOC]


# -- the client --------------------------------------------------------------------------------------------------------


def _combines(change: Any) -> None:
    """Alter the combined request, given message_3 and the request that it was made of."""
    original = handshakes.combine
    handshakes.combine = lambda message_3, protected: change(original(message_3, protected), message_3, protected)


@fault("CHN-1580")
def puts_c_r_in_front_of_message_3() -> None:
    """The payload of the draft's first versions, in which C_R came before message_3."""
    _combines(
        lambda sent, message_3, protected: replace(
            sent, payload=encode_identifier(request_option(protected).kid or b"") + sent.payload
        )
    )


@fault("CHN-1580")
def wraps_the_ciphertext() -> None:
    """The payload as a CBOR sequence of two byte strings, as it was in the draft: now the tag does not fit."""
    _combines(
        lambda sent, message_3, protected: replace(
            sent, payload=message_3 + bytes((0x58, len(protected.payload))) + protected.payload
        )
    )


@fault("CHN-1580")
def gives_the_option_a_value() -> None:
    """The option carries C_R, so that the server need not look into the other one."""

    def valued(sent: Message, message_3: bytes, protected: Message) -> Message:
        options = ((number, b"\x01" if number == Option.EDHOC else value) for number, value in sent.options)
        return replace(sent, options=tuple(options))

    _combines(valued)


@fault("CHN-1580")
def announces_and_does_not_combine() -> None:
    """The first request goes out alone, and message_3 before it: what was declared was not built."""
    Opening._last = lambda self, message_3: handshakes.edhoc_coap.request(message_3, self._initiator.c_r)


@fault("CHN-1590")
def marks_whatever_follows() -> None:
    """The option is added to the channel instead of to the request: every request announces a message_3."""
    original = client.protect_request

    def protect(context: Any, message: Message) -> Any:
        marked = sorted((*message.options, (int(Option.EDHOC), b"")), key=lambda entry: entry[0])
        return original(context, replace(message, options=tuple(marked)))

    client.protect_request = protect


@fault("CHN-1600")
def opens_with_its_last_message() -> None:
    """The client has all keys when it sends message_3, so its channel is open: whoever dropped that message has a
    client that talks to nobody.
    """
    original, keep = Openings._ask, ChannelTable.keep

    def ask(self: Openings, handshake: Any, message: Message, now: float) -> None:
        original(self, handshake, message, now)
        if handshake.early is not None:
            self._channels.keep(handshake.early.channel, now, handshake.peer)

    def once(self: ChannelTable, channel: Channel, *rest: Any) -> Channel:
        return channel if self.holds(channel) else keep(self, channel, *rest)

    Openings._ask, ChannelTable.keep = ask, once


@fault("CHN-1600")
def takes_any_answer_for_success() -> None:
    """A 2.04 is a 2.04: the response in the open is taken for the Responder's, and the channel for shared."""
    original = Openings._confirm

    def confirm(self: Openings, handshake: Any, early: Early, message: Message, now: float) -> None:
        if message.option(Option.OSCORE) is None and message.code >> 5 == 2:
            session = handshake.attempt.confirmed()
            self._channels.keep(early.channel, now, handshake.peer)
            self._report(openings.ChannelOpened(handshake.handle, early.channel, session), now)
            return
        original(self, handshake, early, message, now)

    Openings._confirm = confirm


@fault("CHN-1610")
def combines_whatever_the_size() -> None:
    """A datagram of two kilobytes: the radio cuts it into twenty pieces, and one of them is lost."""
    handshakes.MAX_PAYLOAD = 100_000


@fault("CHN-1610")
def combines_where_message_4_is_to_come() -> None:
    """The policy is not asked: every such handshake is refused by a server that keeps to it."""

    def last(self: Opening, message_3: bytes) -> Early:
        assert self._first is not None
        channel = handshakes.channel_from_session(self._initiator.unconfirmed)
        protected, binding = handshakes.protect_request(channel.context, self._first)
        return Early(handshakes.combine(message_3, protected), channel, binding)

    original = Opening._last
    Opening._last = lambda self, message_3: (
        last(self, message_3) if self._first and self._initiator.config.policy.message_4 else original(self, message_3)
    )


# -- the link ----------------------------------------------------------------------------------------------------------


#: A name, and a value unless it is a flag.
Attribute = tuple[str, str | None]


def _links(change: Callable[[list[Attribute], Handshaking], Iterable[Attribute]]) -> None:
    """Alter the attributes of the link."""
    original = Handshaking._attributes
    Handshaking._attributes = lambda self: iter(change(list(original(self)), self))


@fault("CHN-1620")
def advertises_what_it_was_built_with() -> None:
    """The list is a constant of the build: a suite that was withdrawn for good reason is offered for ever."""

    def constant(found: list[Attribute], _self: Handshaking) -> Iterator[Attribute]:
        yield from (attribute for attribute in found if attribute[0] != "ed-csuite")
        yield from (("ed-csuite", str(number)) for number in range(7))

    _links(constant)


@fault("CHN-1620")
def lists_suites_in_one_attribute() -> None:
    """One attribute with all suites, separated by spaces, as with other attributes: clients look for one number."""

    def joined(found: list[Attribute], _self: Handshaking) -> Iterator[Attribute]:
        suites = [value for name, value in found if name == "ed-csuite" and value is not None]
        yield from (attribute for attribute in found if attribute[0] != "ed-csuite")
        yield "ed-csuite", " ".join((*suites, "99"))

    _links(joined)


@fault("CHN-1630")
def keeps_the_combined_request_to_itself() -> None:
    """What is there and is not said is not used: every client takes the long way."""
    _links(lambda found, _self: (attribute for attribute in found if attribute[0] != "ed-comb-req"))


@fault("CHN-1630")
def gives_flags_a_value() -> None:
    """`ed-r=true`: a client that looks for the flag as the standard has it does not find it."""
    _links(lambda found, _self: ((name, "1" if value is None else value) for name, value in found))


@fault("CHN-1630")
def offers_what_message_4_excludes() -> None:
    """The flag is there whatever the policy: clients combine, and are refused."""
    _links(lambda found, _self: dict.fromkeys((*found, ("ed-comb-req", None))))
