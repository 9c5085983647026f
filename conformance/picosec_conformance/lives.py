"""Channels in number: several with one peer, peers besides the first, and the target as the one that ends them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.oscore import echo_request
from picosec.channel.renewal import Offer, renewed
from picosec.channel.session import Session
from picosec.channel.trust import TrustStore
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.handshake import Parties, initiate, open_channel, respond
from picosec_conformance.identity import Identity, make_identity
from picosec_conformance.protection import again, read
from picosec_conformance.target import Nonconformity, Target

PATH = "/ps/channel"
#: Seconds without a verified message after which a channel is idle, and after which it is closed.
IDLE_AFTER, IDLE_TIMEOUT = 247, 86_400
#: Seconds for which keys that were replaced serve what is under way.
DRAIN = 93


def opened(target: Target, parties: Parties) -> Channel:
    """Complete a handshake with the target as Responder; the suite's end of the channel."""
    return open_channel(target, initiate(target, parties))


def another_peer(
    control: Control,
    parties: Parties,
    rng: random.Random,
    kid: bytes = b"\x2c",
    claims: Mapping[int, Any] | None = None,
) -> Parties:
    """Return a second peer that the target trusts as it trusts the first; ``claims`` are further ones of it."""
    first = parties.own
    own = make_identity(first.kind, first.usage, parties.suite, rng.randbytes, kid=kid, name="second", further=claims)
    return another_credential(control, parties, rng, own)


def another_credential(control: Control, parties: Parties, rng: random.Random, own: Identity) -> Parties:
    """Return parties of which the suite authenticates with another credential, which the target trusts as well."""
    control.provision(trusted=[own.trust()])
    trusted = TrustStore()
    trusted.add(parties.target.kind, parties.target.trusted, parties.target.kid)
    vault = software_vault(rng.randbytes)
    policy = Policy(methods=(parties.method,), suites=(parties.suite,))
    config = EdhocConfig(vault, [own.unlock(vault)], trusted, policy)
    return replace(parties, own=own, config=config)


def room_for(control: Control, parties: Parties, most: int) -> None:
    """Let the target keep so many channels out of handshakes at most."""
    control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, most_channels=most)


def works(target: Target, channel: Channel) -> bool:
    """Whether the target serves a request over a channel. Raises ``Nonconformity`` for a refusal of another kind."""
    request = target.build(Code.GET, target.manifest.resources.protected_get)
    reply = target.exchange(channel.protect(request))
    if reply.code == Code.UNAUTHORIZED and target.has_problem(reply, Problem.UNKNOWN_CONTEXT):
        return False
    return channel.unprotect(reply).code == Code.CONTENT


def wakes(target: Target, channel: Channel) -> bool:
    """Whether a channel serves after a restart; judges that it first asks for proof of freshness."""
    request = read(target)
    reply = target.exchange(channel.protect(request))
    if reply.code == Code.UNAUTHORIZED and target.has_problem(reply, Problem.UNKNOWN_CONTEXT):
        return False
    plain = channel.unprotect(reply)
    repeated = echo_request(again(target, request), plain)
    if repeated is None:
        raise Nonconformity("a request over a channel whose window was lost must prove that it is fresh")
    return channel.ask(repeated).code == Code.CONTENT


class Renewing:
    """The suite's end of a channel that gets new keys. ``control`` makes the target open the channel.

    ``channel`` and ``session`` are the last that were derived; ``before`` is the channel before those.
    """

    def __init__(self, target: Target, parties: Parties, rng: random.Random, control: Control | None = None) -> None:
        self._target, self._rng = target, rng
        if control is None:
            self.session: Session = initiate(target, parties)
        else:
            control.act("open", {1: parties.method, 2: [parties.suite]})
            self.session = respond(target, parties)
            target.until_probe_answered()
        self.channel = self.before = open_channel(target, self.session)
        self._own = self.own(b"\x0c")

    def own(self, identifier: bytes) -> Offer:
        """Return a fresh offer of the suite."""
        self._own = Offer(self._rng.randbytes(8), identifier)
        return self._own

    def request(self, offer: Offer) -> Message:
        """Return the protected request that carries an offer."""
        return self.channel.protect(_offering(self._target, offer.encode()))

    def offer(self, identifier: bytes = b"\x0c") -> Offer:
        """Send an offer; the target's answer. Raises ``Nonconformity`` for what is none."""
        reply = self.channel.ask(_offering(self._target, self.own(identifier).encode()))
        if reply.code != Code.CHANGED or reply.content_format != CONTENT_FORMAT_CBOR:
            raise Nonconformity(f"expected 2.04 with an offer, got {code_text(reply.code)}")
        try:
            return Offer.decode(reply.payload)
        except ProtocolError as error:
            raise Nonconformity(f"the answer is no offer: {error}") from error

    def derived(self, theirs: Offer, *, began: bool = True) -> Session:
        """Return the session that follows from the last offer of the suite and one of the target."""
        return renewed(self.session, self._own, theirs, began=began)

    def derive(self, theirs: Offer, *, began: bool = True) -> None:
        """Put the new keys in force on the suite's side."""
        self.session = self.derived(theirs, began=began)
        self.before, self.channel = self.channel, open_channel(self._target, self.session)

    def renew(self, identifier: bytes = b"\x0c") -> None:
        """Renew, and confirm."""
        self.derive(self.offer(identifier))
        self.confirm()

    def confirm(self) -> None:
        """Confirm the new keys. Raises ``Nonconformity`` when the target does not know them."""
        reply = self.channel.request(Code.POST, PATH)
        if reply.code != Code.CHANGED:
            raise Nonconformity(f"expected 2.04 in answer to a confirmation, got {code_text(reply.code)}")

    def expect_refused(self, payload: bytes, code: int, problem: Problem) -> None:
        """Judge that the target refuses a payload in the place of an offer, over the channel."""
        self._target.expect_refusal(self.channel.ask(_offering(self._target, payload)), code, problem)


def _offering(target: Target, payload: bytes) -> Message:
    return target.build(Code.POST, PATH, payload, content_format=CONTENT_FORMAT_CBOR)
