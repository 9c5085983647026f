"""The suite as a zone: who issues credentials, who has them, lets others in, and shows them to the target."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Final, Literal

from picosec.channel.credentials import Kind, Usage, own_credential
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.session import Session
from picosec.channel.trust import TrustStore, parse_credential
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CONTENT_FORMAT_CREDENTIAL_CHAIN, RESPONSE_CODE, Problem
from picosec_conformance.blockwise import Ask
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.courier import upload
from picosec_conformance.credentials import DEPTH, Link, chain
from picosec_conformance.edhoc_peer import HostileInitiator, expect_error
from picosec_conformance.handshake import TARGET_KID, Parties, initiate, open_channel, respond
from picosec_conformance.identity import Identity, make_identity
from picosec_conformance.objects import NOW, PLATFORM, Key
from picosec_conformance.showing import Meeting
from picosec_conformance.target import Nonconformity, Target

PATH: Final = "/ps/credentials"
OWN_PATH: Final = "/ps/credentials/own"
Shown = Literal["kcwt", "kid"]


class Zone:
    """A zone whose anchor the target believes, and people with keys by name, each key on P-256 with a kid of its own.

    The target knows the date, :data:`picosec_conformance.objects.NOW`, unless ``date`` is None. It has a key of its
    own, which the suite knows.
    """

    method, suite = 3, 2

    def __init__(self, target: Target, control: Control, rng: random.Random, date: int | None = NOW) -> None:
        self.target, self.control, self.rng, self.date = target, control, rng, date
        self.name = rng.randbytes(32)
        self.anchor = self.new_key(b"anchor")
        self._keys: dict[str, Key] = {}
        self.theirs = make_identity(Kind.KID, Usage.STATIC_DH, self.suite, rng.randbytes, kid=TARGET_KID, name="target")
        self.introduce()

    def introduce(self) -> None:
        """Give the target the anchor, its own key, and the date if it is to know it."""
        self.control.provision(own=[self.theirs.own()], methods=[self.method], suites=[self.suite], message_4=False)
        self.believe(self.anchor)
        if self.date is not None:
            self.control.provision_objects(date=self.date)

    def believe(self, anchor: Key, *, zone: bytes | None = None, scope: bytes | None = None) -> None:
        """Let the target believe an anchor, for this zone if no other is given."""
        entry: dict[int, Any] = {1: anchor.kid, 2: anchor.cose_key, 3: self.name if zone is None else zone}
        self.control.provision_credentials(anchors=[entry if scope is None else {**entry, 4: scope}])

    def new_key(self, kid: bytes, curve: Curve = Curve.P256, purpose: int = PLATFORM) -> Key:
        """Return a new key."""
        return Key(kid, curve, self.rng.randbytes(32), purpose)

    def key(self, name: str) -> Key:
        """Return the key of somebody; his name is its kid."""
        return self._keys.setdefault(name, self.new_key(name.encode()))

    # -- making --------------------------------------------------------------------------------------------------

    def link(self, holder: str | Key = "ann", issuer: str | Key | None = None, **named: Any) -> Link:
        """Return a credential, of the anchor unless somebody else issues it; ``named`` takes ``claims`` by label."""
        issuer = self.anchor if issuer is None else self.key(issuer) if isinstance(issuer, str) else issuer
        holder = self.key(holder) if isinstance(holder, str) else holder
        return Link(issuer, holder, self.name, named.get("claims", {}))

    def links(self, *rows: tuple[str, dict[Any, Any]]) -> list[Link]:
        """Return credentials that follow one another: a row is a holder and further claims."""
        made: list[Link] = []
        for name, claims in rows:
            made.append(self.link(name, made[-1].holder if made else None, claims=claims))
        return made

    def three(self, *claims: dict[Any, Any]) -> list[Link]:
        """Return the credentials of Ann, Bob and Cleo, each let in by the one before; ``claims`` are of each."""
        rows = zip(("ann", "bob", "cleo"), ({DEPTH: 2}, {DEPTH: 1}, {}), (*claims, {}, {}, {}), strict=False)
        return self.links(*((name, {**depth, **more}) for name, depth, more in rows))

    # -- handing over --------------------------------------------------------------------------------------------

    def hand(self, data: bytes, *, ask: Ask | None = None) -> Message:
        """Hand a chain over, in blocks if it is large, and return the response."""
        return upload(self.target, PATH, data, CONTENT_FORMAT_CREDENTIAL_CHAIN, ask)

    def takes(self, *links: Link, ask: Ask | None = None) -> None:
        """Hand a chain over that has to be taken. Raises ``Nonconformity`` when it is not."""
        reply = self.hand(chain(*links), ask=ask)
        if reply.code != Code.CHANGED or reply.payload:
            raise Nonconformity(f"a chain that has to be taken was answered {code_text(reply.code)}")

    def refuses(self, data: bytes | list[Link], problem: Problem) -> None:
        """Hand a chain over that has to be refused: with this error, without any effect."""
        with self.target.expect_unchanged():
            reply = self.hand(data if isinstance(data, bytes) else chain(*data))
            self.target.expect_refusal(reply, RESPONSE_CODE[problem], problem)

    # -- handshakes ----------------------------------------------------------------------------------------------

    def accepted(self, link: Link, by: Shown = "kcwt", side: str = "responder", kid: bytes | None = None) -> bool:
        """Whether the target lets the holder of a credential pass; when not, it says ``bad_credential``.

        A power cut then ends the channel, or what is left of the handshake.
        """
        meeting = Meeting.of(self.target, self.control, side, self.parties(link))
        named = link.holder.kid if kid is None else kid
        id_cred = b"\xa1" + (dumps(13) + link.cwt if by == "kcwt" else dumps(4) + dumps(named))
        passed = meeting.shown(id_cred, link.cwt)
        self.control.reboot()
        return passed

    def known(self, link: Link) -> bool:
        """Whether the target holds a chain that ends with a credential: without one it says that it knows none.

        A power cut ends what is left of the handshake.
        """
        peer = HostileInitiator(self.target, self.parties(link))
        peer.reach_2()
        id_cred = b"\xa1\x04" + dumps(link.holder.kid)
        reply = peer.send_3(peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=id_cred, cred=link.cwt)))
        if reply.code != Code.CHANGED:
            expect_error(self.target, reply, Problem.UNKNOWN_CREDENTIAL)
        self.control.reboot()
        return reply.code == Code.CHANGED

    def session(self, link: Link, by: Shown | None = None) -> Session:
        """Complete a handshake with the target as Responder; a credential is handed over before, unless it is said how
        it is shown.
        """
        return initiate(self.target, self._introduced(link, by))

    def channel(self, link: Link, by: Shown | None = None) -> Channel:
        """Open a channel with a credential, as :meth:`session` does."""
        return open_channel(self.target, self.session(link, by))

    def called(self, link: Link, by: Shown | None = None) -> Channel:
        """Make the target open a channel with the holder of a credential, which is handed over likewise."""
        parties = self._introduced(link, by)
        self.control.act("open", {1: self.method, 2: [self.suite]})
        session = respond(self.target, parties)
        self.target.until_probe_answered()
        return open_channel(self.target, session)

    def _introduced(self, link: Link, by: Shown | None) -> Parties:
        if by is None:
            self.takes(link)
        return self.parties(link, by or "kid")

    def parties(self, link: Link, by: Shown = "kcwt") -> Parties:
        """Return the suite as the holder of a credential, and the target, as both need it for a handshake."""
        identity = Identity(Kind.KCWT, Usage.STATIC_DH, link.cwt, link.holder.private, None, link.cwt)
        vault = software_vault(self.rng.randbytes)
        kind = Kind.KCWT if by == "kcwt" else Kind.KID
        handle = vault.import_key(link.holder.curve, link.holder.private)
        own = own_credential(kind, parse_credential(Kind.KCWT, link.cwt), handle, vault, link.holder.kid)
        policy = Policy(methods=(self.method,), suites=(self.suite,))
        config = EdhocConfig(vault, [own], self.trusting(), policy)
        return Parties(self.method, self.suite, self.theirs, identity, config, self.rng)

    def trusting(self, *issuers: bytes) -> TrustStore:
        """Return the suite's trust in the target's own key, and in issuers of CWTs."""
        trusted = TrustStore()
        trusted.add(self.theirs.kind, self.theirs.trusted, self.theirs.kid)
        for issuer in issuers:
            trusted.add(Kind.KCWT, issuer)
        return trusted

    # -- the target's own ----------------------------------------------------------------------------------------

    def give(self, holder: Key, *links: Link, usage: Usage = Usage.STATIC_DH, kind: str | None = None) -> None:
        """Give the target a chain of its own."""
        own = {1: chain(*links), 2: holder.private, 3: int(usage), 4: kind}
        self.control.provision_credentials(own={label: value for label, value in own.items() if value is not None})

    def renew(self, data: bytes, ask: Ask | None = None) -> Message:
        """Bring the target a chain of its own anew, over a channel or in the open, and return the response."""
        send = ask or self.target.exchange
        request = self.target.build(Code.PUT, OWN_PATH, data, content_format=CONTENT_FORMAT_CREDENTIAL_CHAIN)
        return send(request)


def signed_by(link: Link, key: Key) -> Link:
    """Return a credential that names its issuer, and is signed by somebody else."""
    link.issuer = replace(key, kid=link.issuer.kid)
    return link
