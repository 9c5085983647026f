"""Faults of EDHOC: ephemeral keys and connection identifiers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from picosec.channel import initiator, responder
from picosec.channel.ead import EadItem
from picosec.channel.edhoc_messages import Message1
from picosec.channel.initiator import Initiator
from picosec.channel.responder import Responder
from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.vault import SoftwareVault, software_vault
from picosec.errors import ProtocolError
from picosec.roles import handshakes
from picosec.roles.handshaking import Handshaking
from picosec.roles.openings import Openings
from picosec_conformance.faults import fault

# -- ephemeral keys ----------------------------------------------------------------------------------------------------


Decode = Callable[..., PublicKey]


def _unchecked(original: Decode) -> Decode:
    """Return a decoder that computes with some point of the curve where it was given none."""

    def decode(curve: Curve, x: bytes, *rest: Any, **named: Any) -> PublicKey:
        try:
            return original(curve, x, *rest, **named)
        except ProtocolError:
            if len(x) != 32:
                raise
            vault = software_vault(bytes)
            return vault.public(vault.import_key(curve, bytes(31) + b"\x01"))

    return decode


@fault("CHN-240")
def responder_takes_any_point() -> None:
    """The curve equation is not checked, so an attacker computes on a weaker curve (compare CVE-2018-5383)."""
    responder.decode_public = _unchecked(responder.decode_public)


@fault("CHN-240")
def makes_keys_fit() -> None:
    """A fixed buffer: what is short is padded, what is long is cut, and the transcript names another key."""
    original = responder.decode_public

    def decode(curve: Curve, x: bytes, *rest: Any, **named: Any) -> PublicKey:
        return original(curve, x[:32].rjust(32, b"\0"), *rest, **named)

    responder.decode_public = decode


@fault("CHN-240")
def reduces_coordinates() -> None:
    """Arithmetic modulo the prime takes every number: one key has two encodings, and one of them no filter knows."""
    original = responder.decode_public
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1

    def decode(curve: Curve, x: bytes, *rest: Any, **named: Any) -> PublicKey:
        if curve is Curve.P256 and len(x) == 32:
            x = (int.from_bytes(x, "big") % prime).to_bytes(32, "big")
        return original(curve, x, *rest, **named)

    responder.decode_public = decode


@fault("CHN-250")
def initiator_takes_any_point() -> None:
    """Whoever answers chooses the curve: with a static key on the other side, the Initiator's key leaks bit by bit."""
    initiator.decode_public = _unchecked(initiator.decode_public)


@fault("CHN-260")
def computes_with_zero() -> None:
    """A key of small order, and the secret is known to all: the check that RFC 7748 asks for is left out."""
    agree_on_zero()


def agree_on_zero() -> None:
    """Let vaults return the secret that is all zero."""
    original = SoftwareVault.agree

    def agree(self: SoftwareVault, handle: Any, peer: PublicKey) -> bytes:
        try:
            return original(self, handle, peer)
        except ProtocolError as error:
            if error.requirement != "CHN-260":
                raise
            return bytes(32)

    SoftwareVault.agree = agree


@fault("CHN-260")
def knows_a_list_of_weak_keys() -> None:
    """The key is looked at instead of the secret: the list of weak keys lacks those with the unused bit set."""
    original = SoftwareVault.agree
    prime = 2**255 - 19
    order_8 = (
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
    listed = {number.to_bytes(32, "little") for number in (0, 1, prime - 1, prime, prime + 1, *order_8)}

    def agree(self: SoftwareVault, handle: Any, peer: PublicKey) -> bytes:
        try:
            return original(self, handle, peer)
        except ProtocolError as error:
            if error.requirement != "CHN-260" or peer.x in listed:
                raise
            return bytes(32)

    SoftwareVault.agree = agree


def _fixed(count: int) -> bytes:
    return bytes((7,)) * count


@fault("CHN-270")
def responder_keeps_its_ephemeral_key() -> None:
    """Key generation is slow, so it is done once: who learns this key later reads every recorded session."""
    original = Responder.__init__
    Responder.__init__ = lambda self, config, entropy: original(self, config, _fixed)


@fault("CHN-270")
def derives_its_key_from_message_1() -> None:
    """A Responder without a generator hashes what it gets: the same message_1 brings the same key."""
    original = Responder.process_message_1

    def process(self: Responder, data: bytes) -> Message1:
        self._entropy = lambda count: (data[-32:] * 2)[:count]
        return original(self, data)

    Responder.process_message_1 = process


@fault("CHN-280")
def initiator_keeps_its_ephemeral_key() -> None:
    """The key is made at start and serves for each session until the next start."""
    original = Initiator.__init__

    def init(self: Initiator, config: Any, method: int, c_i: bytes, entropy: Any, *rest: Any) -> None:
        original(self, config, method, c_i, _fixed, *rest)

    Initiator.__init__ = init


@fault("CHN-280")
def tries_again_with_the_same_key() -> None:
    """Only the suites changed, so only the suites are sent anew: two sessions share one key."""
    original = handshakes.Opening.__init__

    def init(self: handshakes.Opening, config: Any, entropy: Any, *rest: Any) -> None:
        drawn = entropy(32)
        original(self, config, lambda count: drawn[:count], *rest)

    handshakes.Opening.__init__ = init


# -- connection identifiers --------------------------------------------------------------------------------------------


@fault("CHN-290")
def takes_the_identifier_of_the_initiator() -> None:
    """Both sides shall have the same, for simplicity: both directions have one key and the same nonces."""
    original = Responder.prepare_message_2

    def prepare(self: Responder, c_r: bytes, ead: Iterable[EadItem] = ()) -> bytes:
        received: Any = self._held
        self._held = replace(received, message=replace(received.message, c_i=b"another"))
        message = original(self, received.message.c_i, ead)
        sent: Any = self._held
        self._held = replace(sent, received=received)
        return message

    Responder.prepare_message_2 = prepare


@fault("CHN-290")
def has_one_identifier() -> None:
    """One identifier is enough for a lamp: the second session takes the place of the first, and of its channel."""
    Handshaking.choose_for_peer = lambda self, c_i: b"\x05" if c_i != b"\x05" else b"\x06"


@fault("CHN-290")
def forgets_the_identifiers_of_its_channels() -> None:
    """Only sessions in progress count as users of an identifier: a new peer replaces a channel that is in use."""
    original = Handshaking.in_use
    Handshaking.in_use = lambda self, identifier: identifier not in self._channels and original(self, identifier)
    handshakes.Identifiers.choose = lambda self, in_use: next(name for name in self._short if not in_use(name))


@fault("CHN-290")
def counts_only_what_it_opened_itself() -> None:
    """Provisioned channels are in another table: a handshake takes the identifier of one, and its messages with it."""
    original = Handshaking.in_use

    def in_use(self: Handshaking, identifier: bytes) -> bool:
        provisioned = identifier in self._channels and self._channels[identifier].session is None
        return not provisioned and original(self, identifier)

    Handshaking.in_use = in_use


@fault("CHN-290")
def forgets_the_sessions_that_it_began() -> None:
    """A device that is both client and server keeps two tables of sessions, and looks into one of them."""
    original = Openings.uses

    def choose(self: Handshaking, c_i: bytes) -> bytes:
        Openings.uses = lambda openings, identifier: False
        try:
            return self._identifiers.choose(lambda name: name == c_i or self.in_use(name))
        finally:
            Openings.uses = original

    Handshaking.choose_for_peer = choose
    handshakes.Identifiers.choose = lambda self, in_use: next(name for name in self._short if not in_use(name))


@fault("CHN-300")
def takes_its_own_identifier_for_the_peer() -> None:
    """Nobody would choose the same one by accident; an attacker does so on purpose."""
    original = Initiator._verify_message_2

    def verify(self: Initiator, *arguments: Any) -> Any:
        own, self.c_i = self.c_i, b"another"
        try:
            return original(self, *arguments)
        finally:
            self.c_i = own

    Initiator._verify_message_2 = verify


@fault("CHN-1010")
def has_one_identifier_for_all_that_it_opens() -> None:
    """A client has one server, says the author: the answers of the second server decrypt with the keys of the first."""
    original = handshakes.Opening.__init__

    def init(self: handshakes.Opening, config: Any, entropy: Any, choose: Any, *rest: Any) -> None:
        original(self, config, entropy, lambda: b"\x05", *rest)

    handshakes.Opening.__init__ = init


@fault("CHN-1010")
def counts_only_what_was_given_to_it() -> None:
    """The identifiers of sessions in progress and of opened channels are forgotten, and come back too soon."""

    def in_use(self: Handshaking, identifier: bytes) -> bool:
        return identifier in self._channels and self._channels[identifier].session is None

    Handshaking.in_use = in_use
    handshakes.Identifiers.choose = lambda self, in_use: next(name for name in self._short if not in_use(name))


@fault("CHN-1010")
def forgets_the_sessions_that_others_began() -> None:
    """The same two tables from the other side: what a peer waits for an answer under is given out again."""
    original = Handshaking.open

    def begin(self: Handshaking, *arguments: Any, **named: Any) -> None:
        sessions, self._responding._sessions = self._responding._sessions, {}
        try:
            original(self, *arguments, **named)
        finally:
            self._responding._sessions = sessions

    Handshaking.open = begin
    handshakes.Identifiers.choose = lambda self, in_use: next(name for name in self._short if not in_use(name))


@fault("CHN-1020")
def initiator_takes_any_length_of_identifier() -> None:
    """The Responder chooses, and nobody asks whether it fits: two identifiers become one nonce under one key."""
    initiator.check_identifier = lambda *given: None


@fault("CHN-310")
def takes_any_length_of_identifier() -> None:
    """The nonce has room for seven bytes; what is longer is found out when the first message is to be protected."""
    responder.check_identifier = lambda *given: None


@fault("CHN-310")
def overruns_a_long_identifier() -> None:
    """A buffer for the longest identifier that was ever seen: a longer one ends the process (lakers had this once)."""
    original = responder.check_identifier

    def check(identifier: bytes, suite: Any) -> None:
        if len(identifier) > 12:
            sys.exit("picosec: stack smashing detected")
        original(identifier, suite)

    responder.check_identifier = check
