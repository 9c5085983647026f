"""Faults of proof of address: answers to whoever stands in the packet, and proofs that prove nothing."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from hmac import digest
from typing import Any

from picosec.channel.oscore import echo_request
from picosec.messaging import reachability
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.reachability import Reachability
from picosec.roles import client, openings, server
from picosec.roles.client import Client
from picosec.roles.server import Server
from picosec_conformance.faults import fault


@fault("MSG-1900")
def answers_whoever_stands_in_the_packet() -> None:
    """Every request gets its answer, at the address that it says: open resolvers flooded whole countries like that."""
    Reachability.proven = lambda self, peer: True


@fault("MSG-1900")
def gives_newcomers_an_allowance() -> None:
    """Two kilobytes for each new address, to be friendly: an attacker has as many new addresses as there are."""
    received = Reachability.received

    def friendly(self: Reachability, peer: Hashable, size: int, now: float) -> None:
        known = peer in self._addresses
        received(self, peer, size, now)
        if not known and peer in self._addresses:
            self._addresses[peer].credit += 2000

    Reachability.received = friendly


@fault("MSG-1900")
def does_not_count_copies() -> None:
    """The first transmission is counted; what the message layer sends again is not its business."""
    Reachability.admit = lambda self, outgoing: outgoing


@fault("MSG-1900")
def trusts_an_address_that_was_heard_before() -> None:
    """An address that sends twice is surely there."""
    received = Reachability.received

    def trusting(self: Reachability, peer: Hashable, size: int, now: float) -> None:
        known = peer in self._addresses
        received(self, peer, size, now)
        if known:
            self.prove(peer)

    Reachability.received = trusting


@fault("MSG-1910")
def drops_what_is_too_much() -> None:
    """The limit is kept, and an honest client at a new address waits for an answer that never comes."""
    Server._may_be_sent = lambda self, *arguments: True


@fault("MSG-1910")
def challenges_in_a_message_that_is_sent_again() -> None:
    """The challenge is confirmable: nobody acknowledges it, and it goes out five times."""
    respond = server.Server._respond

    def separately(self: Any, answering: Any, response: Message, now: float) -> None:
        if response.option(Option.ECHO) is not None and answering.channel is None:
            self._endpoint.acknowledge(answering.exchange, now)
        respond(self, answering, response, now)

    server.Server._respond = separately


@fault("MSG-1910")
def refuses_strangers_without_a_challenge() -> None:
    """4.01 is the code for it; what the client is to do about it stands in no option."""
    Reachability.challenge = lambda self, peer, now: Message(Type.ACK, Code.UNAUTHORIZED, 0)


@fault("MSG-1920")
def is_never_content() -> None:
    """The value is compared with the one for the next second: every proof comes too late."""
    Reachability.verify = lambda self, peer, value, now: None


@fault("MSG-1920")
def is_impatient() -> None:
    """Values are good for a second, which is long in a data centre."""
    reachability.FRESH = 1.0


@fault("MSG-1930")
def forgets_for_whom_a_value_was() -> None:
    """The MAC is over the time: whoever has any address can prove every other one."""

    def anybody(self: Reachability, peer: Hashable, time: bytes) -> bytes:
        self._key = self._key or self._entropy(32)
        return digest(self._key, time, "sha256")[:8]

    Reachability._mac = anybody


@fault("MSG-1940")
def takes_values_of_any_age() -> None:
    """The time is in the value, and nobody looks at it."""

    def ageless(self: Reachability, peer: Hashable, value: bytes | None, now: float) -> None:
        if value is not None and value[4:] == self._mac(peer, value[:4]):
            self.prove(peer)

    Reachability.verify = ageless


@fault("MSG-1940")
def has_a_key_for_life() -> None:
    """The key is the serial number, so that it survives a reboot: and with it every value that was ever issued."""
    original = Reachability._mac

    def constant(self: Reachability, peer: Hashable, time: bytes) -> bytes:
        self._key = b"serial number"
        return original(self, peer, time)

    Reachability._mac = constant


@fault("MSG-1950")
def compares_the_first_bytes() -> None:
    """Four bytes are enough to tell values apart: and few enough to be guessed."""
    original = reachability.compare_digest
    reachability.compare_digest = lambda one, other: original(one[:4], other[:4])


@fault("MSG-1950")
def compares_as_far_as_the_value_goes() -> None:
    """A value that is cut short agrees with the right one as far as it goes."""

    def prefix(self: Reachability, peer: Hashable, value: bytes | None, now: float) -> None:
        if value and len(value) > 4 and self._mac(peer, value[:4]).startswith(value[4:12]):
            self.prove(peer)

    Reachability.verify = prefix


@fault("MSG-1950")
def issues_short_values() -> None:
    """Options are expensive on a radio, so the MAC has two bytes."""
    reachability._MAC_SIZE = 2


@fault("MSG-1960")
def asks_for_proof_each_time() -> None:
    """The proof is for the request that brings it; the next one starts over."""
    admit = Reachability.admit

    def forgetful(self: Reachability, outgoing: list[tuple[Hashable, bytes]]) -> list[tuple[Hashable, bytes]]:
        admitted = admit(self, outgoing)
        for address in self._addresses.values():
            address.proven = False
        return admitted

    Reachability.admit = forgetful


@fault("MSG-1970")
def takes_a_challenge_for_the_answer() -> None:
    """4.01 is an error, and errors are reported to the user."""
    client.echo_request = openings.echo_request = lambda message, response: None


@fault("MSG-1970")
def proves_its_address_for_ever() -> None:
    """As long as the server asks, the client answers: two machines that keep each other busy."""
    deliver = Client.deliver

    def patient(self: Client, asked: Any, response: Message, now: float) -> None:
        deliver(self, replace(asked, echoed=False), response, now)

    Client.deliver = patient


@fault("MSG-1970")
def repeats_without_the_value() -> None:
    """Something went wrong, so the request is tried once more, exactly as it was."""

    def same(message: Message, response: Message) -> Message | None:
        again = echo_request(message, response)
        return None if again is None else message

    client.echo_request = openings.echo_request = same


@fault("MSG-1980")
def keeps_values_for_later() -> None:
    """The value is kept for the next request, to save a round trip: and serves whoever issued it as a cookie."""
    kept: list[bytes] = []
    ask = Client.ask

    def remembering(message: Message, response: Message) -> Message | None:
        again = echo_request(message, response)
        if again is not None:
            kept.append(again.option(Option.ECHO) or b"")
        return again

    def asking(self: Client, handle: int, message: Message, *rest: Any, **named: Any) -> Any:
        if kept and message.option(Option.ECHO) is None:
            message = replace(message, options=(*message.options, (int(Option.ECHO), kept[-1])))
        return ask(self, handle, message, *rest, **named)

    client.echo_request = remembering
    Client.ask = asking


@fault("MSG-1990")
def registers_strangers() -> None:
    """A registration is a GET with an option: it is answered with little, and a notification every minute."""

    def unseen(self: Server, message: Message, answering: Any, now: float) -> Any:
        proven, Reachability.proven = Reachability.proven, lambda self, peer: True
        try:
            return answer(self, message, answering, now)
        finally:
            Reachability.proven = proven

    answer = Server._answer
    Server._answer = unseen


@fault("MSG-2300")
def weighs_the_whole() -> None:
    """The representation is too large for a stranger, so every part of it is."""
    original = Server._may_be_sent

    def weighing(self: Server, message: Message, response: Message, delay: float, answering: Any) -> bool:
        part = response.option(Option.BLOCK2) is not None and not self._reachability.proven(answering.exchange.peer)
        return not part and original(self, message, response, delay, answering)

    Server._may_be_sent = weighing
