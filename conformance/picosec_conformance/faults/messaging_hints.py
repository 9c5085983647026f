"""Faults of servers that are told what a client does not want to hear, and how far a request may go."""

from __future__ import annotations

from dataclasses import replace

from picosec.messaging import hints
from picosec.messaging.coap import Message, Option, uint_bytes
from picosec.roles import server
from picosec_conformance.faults import fault


@fault("MSG-1870")
def answers_the_uninterested() -> None:
    """The option is unknown, and what is unknown and elective is ignored."""
    server.unwanted = lambda request, code: False


@fault("MSG-1870")
def takes_disinterest_for_all_or_nothing() -> None:
    """Any value means no response at all: errors are lost with the thanks."""
    server.unwanted = lambda request, code: bool(request.option(Option.NO_RESPONSE))


@fault("MSG-1870")
def counts_the_bits_from_one() -> None:
    """2 is taken for 4.xx: the wrong half is silent."""
    original = hints.unwanted

    def unwanted(request: Message, code: int) -> bool:
        return original(request, code - 0x20) if code >= 0x60 else original(request, code + 0x20)

    server.unwanted = unwanted


@fault("MSG-1880")
def takes_any_number_of_hops() -> None:
    """Hops are the business of proxies."""
    server.check_hop_limit = lambda request: None


@fault("MSG-1880")
def reads_one_byte_of_a_hop_limit() -> None:
    """256 is 0 in one byte, and 0x100 + 5 is 5."""
    original = hints.check_hop_limit

    def check(request: Message) -> None:
        value = request.option(Option.HOP_LIMIT)
        if value is not None and len(value) > 1 and value[-1]:
            return
        original(request)

    server.check_hop_limit = check


@fault("MSG-1880")
def refuses_the_last_hop() -> None:
    """An origin server that counts down too: 1 becomes 0, and 0 is refused."""
    original = hints.check_hop_limit

    def check(request: Message) -> None:
        if request.option(Option.HOP_LIMIT) == uint_bytes(1):
            request = replace(request, options=((int(Option.HOP_LIMIT), b""),))
        original(request)

    server.check_hop_limit = check
