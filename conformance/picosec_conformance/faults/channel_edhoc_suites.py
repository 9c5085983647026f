"""Faults of EDHOC: suites that are nearly right, and negotiation that gives way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from picosec.channel import responder
from picosec.channel.edhoc_messages import Message1
from picosec.channel.initiator import Initiator
from picosec.channel.session import Role
from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES, Signature
from picosec.crypto.vault import SoftwareVault
from picosec.errors import ProtocolError
from picosec.registry import Problem
from picosec.roles import handshakes
from picosec_conformance.faults import fault

# -- suites ------------------------------------------------------------------------------------------------------------


def _suite(number: int, **changes: Any) -> None:
    """Alter one suite in its place."""
    for name, value in changes.items():
        object.__setattr__(SUITES[number], name, value)


@fault("CHN-110")
def gives_suite_0_the_mac_of_suite_1() -> None:
    """One MAC length for both suites: twice as safe, and understood by nobody."""
    _suite(0, mac_length=16)


@fault("CHN-120")
def gives_suite_1_the_tag_of_suite_0() -> None:
    """The long tag costs eight bytes on each message, so the short one is used for both suites."""
    _suite(1, aead=Aead.AES_CCM_16_64_128)


@fault("CHN-130")
def signs_in_der() -> None:
    """ES256 signatures as the library gives them, in DER, where COSE wants r and s."""
    original = SoftwareVault.sign

    def sign(self: SoftwareVault, handle: Any, message: bytes) -> bytes:
        signature = original(self, handle, message)
        if self.public(handle).curve is not Curve.P256:
            return signature
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return encode_dss_signature(r, s)

    SoftwareVault.sign = sign


@fault("CHN-140")
def gives_the_channel_the_tag_of_the_handshake() -> None:
    """Suite 3 has two AEADs, and the one of the handshake is taken for both."""
    _suite(3, application_aead=Aead.AES_CCM_16_128_128)


@fault("CHN-150")
def gives_suite_4_a_short_mac() -> None:
    """A new suite gets the MAC length of those that were there before."""
    _suite(4, mac_length=8)


@fault("CHN-160")
def has_suite_5_on_the_curve_of_suite_4() -> None:
    """Two neighbours in a table, and a curve in the wrong row."""
    _suite(5, curve=Curve.X25519, signature=Signature.EDDSA)


@fault("CHN-170")
def signs_suite_6_with_eddsa() -> None:
    """X25519 goes with EdDSA, as it does in every other suite; suite 6 signs on P-256."""
    _suite(6, signature=Signature.EDDSA)


# -- negotiation -------------------------------------------------------------------------------------------------------


@fault("CHN-180")
def hides_what_it_prefers() -> None:
    """Only the selected suite is sent: the Responder cannot tell that an attacker's error message led there."""
    original = Initiator.__init__

    def forgetful(self: Initiator, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self._suites = self._suites[-1:]

    Initiator.__init__ = forgetful


@fault("CHN-190")
def keeps_its_suites_to_itself() -> None:
    """A wrong suite is an error like any other: the Initiator learns that it failed, and not how to succeed."""
    original = responder.error_message
    responder.error_message = lambda error, suites: original(error, ())


@fault("CHN-190")
def chooses_the_suite_itself() -> None:
    """The list is read as an offer, as in TLS, and the first supported suite is taken, whichever was selected."""
    original = Message1.decode

    def offered(cls: type[Message1], data: bytes) -> Message1:
        message = original(data)
        known = [suite for suite in message.suites if suite in SUITES]
        return replace(message, suites=tuple(known[:1]) or message.suites)

    Message1.decode = classmethod(offered)


@fault("CHN-200")
def accepts_a_lower_suite() -> None:
    """The last suite is supported, so the rest is not read: one forged error takes two strong peers down to their
    weakest suite, as on TLS (compare CVE-2015-4000).
    """
    original = Message1.decode

    def selected_only(cls: type[Message1], data: bytes) -> Message1:
        message = original(data)
        return replace(message, suites=message.suites[-1:])

    Message1.decode = classmethod(selected_only)


@fault("CHN-200")
def looks_at_the_first_suite_only() -> None:
    """Only the favourite of the Initiator is compared with the selected suite; all between the two is skipped."""
    original = Message1.decode

    def ends(cls: type[Message1], data: bytes) -> Message1:
        message = original(data)
        return replace(message, suites=(message.suites[0], *message.suites[-1:]))

    Message1.decode = classmethod(ends)


@fault("CHN-210")
def names_one_suite_of_many() -> None:
    """The favourite alone is named, and an Initiator without it goes away though it has another one in common."""
    original = responder.error_message
    responder.error_message = lambda error, suites: original(error, suites[:1])


@fault("CHN-220")
def gives_up_at_the_first_refusal() -> None:
    """ERR_CODE 2 is the end, like the others: old devices and new ones never talk."""

    def refuse(session: Initiator, suites_r: Iterable[int], tried: Iterable[int]) -> int:
        raise ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-230")

    handshakes.next_suite = refuse


@fault("CHN-220")
def lets_the_peer_order_its_suites() -> None:
    """The first common suite of SUITES_R is taken: whoever writes the error message chooses the suite."""
    original = handshakes.next_suite

    def obedient(session: Initiator, suites_r: Iterable[int], tried: Iterable[int]) -> int:
        own = session.config.suites(Role.INITIATOR, session.method, session.kind)
        return original(session, [suite for suite in suites_r if suite in own][:1], tried)

    handshakes.next_suite = obedient


@fault("CHN-230")
def goes_round_in_circles() -> None:
    """Nobody remembers what was tried: two error messages in turn keep a battery busy until it is empty."""
    original = handshakes.next_suite
    handshakes.next_suite = lambda session, suites_r, tried: original(session, suites_r, ())


@fault("CHN-230")
def insists_on_its_favourite() -> None:
    """No suite in common: it starts over with the one that it likes best."""
    original = handshakes.next_suite

    def stubborn(session: Initiator, suites_r: Iterable[int], tried: Iterable[int]) -> int:
        own = session.config.suites(Role.INITIATOR, session.method, session.kind)
        theirs = set(suites_r)
        return original(session, theirs, tried) if theirs & set(own) else own[0]

    handshakes.next_suite = stubborn
