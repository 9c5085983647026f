"""Faults of EDHOC: credentials that are believed too soon, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hmac import digest
from typing import Any

from picosec.channel import (
    authentication,
    certificates,
    credentials,
    cwt,
    edhoc_messages,
    initiator,
    responder,
    trust,
)
from picosec.channel.credentials import BOTH_USAGES, Credential, Kind, Usage, parse_ccs
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.initiator import Initiator
from picosec.channel.session import Role
from picosec.channel.trust import TrustStore
from picosec.crypto.curves import Curve
from picosec.crypto.suites import Suite
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads
from picosec.objects.structures import signature_structure
from picosec.registry import Problem
from picosec.roles import handshakes
from picosec_conformance.faults import fault


@fault("CHN-360")
def looks_for_the_integer() -> None:
    """A kid that came as an integer is looked up as an integer, and the table has byte strings."""
    original = edhoc_messages._expand_id_cred

    def literal(value: Any, requirement: str) -> bytes:
        return dumps({4: value}) if type(value) is int else original(value, requirement)

    edhoc_messages._expand_id_cred = literal


@fault("CHN-370")
def tries_one_credential_only() -> None:
    """The first with this kid decides: whoever gets a credential with somebody's kid in first locks him out."""
    for module in (initiator, responder):
        module.first_proven = lambda peers, check: check(peers[0])


@fault("CHN-380")
def knows_the_short_hash_only() -> None:
    """Hashes of 8 bytes are what the own devices send; a peer with room for the whole one is unknown."""
    original = TrustStore._refer

    def refer(self: TrustStore, id_cred: bytes, credential: Credential) -> None:
        if not id_cred.startswith(b"\xa1\x18\x22\x82\x2f"):
            original(self, id_cred, credential)

    TrustStore._refer = refer


@fault("CHN-390")
def proves_over_the_whole_chain() -> None:
    """The proof is checked over all of the chain, where only the certificate of the end entity is the credential."""
    original = TrustStore._by_value

    def by_value(self: TrustStore, id_cred: bytes, time: float | None) -> tuple[Credential, ...]:
        chain = loads(id_cred).get(Kind.X5CHAIN.header)
        return tuple(
            replace(found, cred=dumps(chain)) if type(chain) is list else found
            for found in original(self, id_cred, time)
        )

    TrustStore._by_value = by_value


@fault("CHN-390")
def knows_no_intermediate_authorities() -> None:
    """The root has to have signed every device itself."""
    original = certificates.check_path

    def direct(chain: Sequence[bytes], trusted: Iterable[bytes], time: float | None) -> None:
        original(chain[:1], trusted, time)

    trust.check_path = direct


@fault("CHN-400")
def believes_every_certificate() -> None:
    """A certificate that can be read is a certificate: the chain is never checked (compare CVE-2014-1266)."""
    trust.check_path = lambda chain, trusted, time: None


@fault("CHN-400")
def lets_anybody_issue() -> None:
    """Signatures are checked and basic constraints are not: any device certificate makes further devices
    (compare CVE-2002-0862).
    """

    def signature_alone(issued: Any, issuer_der: bytes, authorities_below: int, time: float | None) -> None:
        try:
            issued.verify_directly_issued_by(certificates._load(issuer_der))
        except Exception as error:
            raise certificates._untrusted("not issued by the next certificate") from error

    certificates._check_issued = signature_alone


@fault("CHN-400")
def compares_names_of_issuers() -> None:
    """The name of the issuer fits, and names are easier to compare than signatures."""

    def names_alone(issued: Any, issuer_der: bytes, authorities_below: int, time: float | None) -> None:
        if issued.issuer != certificates._load(issuer_der).subject:
            raise certificates._untrusted("another issuer")

    certificates._check_issued = names_alone


@fault("CHN-400")
def stops_at_the_first_signature() -> None:
    """The first link is good, and the rest is taken for granted: the attacker's own authority signs the first link."""
    original = certificates.check_path

    def first_link(chain: Sequence[bytes], trusted: Iterable[bytes], time: float | None) -> None:
        original(chain[:2], [*trusted, *chain[1:2]], time)

    trust.check_path = first_link


@fault("CHN-400")
def ignores_path_lengths() -> None:
    """An authority that may sign devices only signs authorities, and they sign what they like."""
    original = certificates._check_issued

    def lenient(issued: Any, issuer_der: bytes, authorities_below: int, time: float | None) -> None:
        original(issued, issuer_der, 0, time)

    certificates._check_issued = lenient


@fault("CHN-410")
def takes_references_only() -> None:
    """A claims set by value is answered as an unknown reference: the peer is asked for what it has just sent."""
    original = TrustStore._by_value

    def by_value(self: TrustStore, id_cred: bytes, time: float | None) -> tuple[Credential, ...]:
        if Kind.KCCS.header in loads(id_cred):
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "CHN-450")
        return original(self, id_cred, time)

    TrustStore._by_value = by_value


@fault("CHN-420")
def trusts_on_first_use() -> None:
    """Whoever introduces himself is known from then on: the first to arrive is the owner, and so is the second."""
    original = TrustStore._by_value

    def by_value(self: TrustStore, id_cred: bytes, time: float | None) -> tuple[Credential, ...]:
        value = loads(id_cred).get(Kind.KCCS.header)
        return (parse_ccs(dumps(value)),) if value else original(self, id_cred, time)

    TrustStore._by_value = by_value


@fault("CHN-420")
def believes_claims_around_a_known_key() -> None:
    """The key is known, so what is claimed about it is believed: a sensor calls itself administrator."""
    original = TrustStore._by_value

    def by_value(self: TrustStore, id_cred: bytes, time: float | None) -> tuple[Credential, ...]:
        value = loads(id_cred).get(Kind.KCCS.header)
        keys = [known.key.x for known in self._claims_sets.values()]
        if value and (shown := parse_ccs(dumps(value))).key.x in keys:
            return (shown,)
        return original(self, id_cred, time)

    TrustStore._by_value = by_value


@fault("CHN-430")
def checks_a_cwt_over_its_payload() -> None:
    """The signature is checked over the claims instead of the structure around them: no issuer's CWT verifies."""
    cwt.signature_structure = lambda protected, external_aad, payload: payload


@fault("CHN-440")
def reads_a_cwt_and_checks_nothing() -> None:
    """The claims are decoded and the signature is not verified (compare CVE-2015-9235)."""
    trust.check_issued = lambda token, issuers: None


@fault("CHN-440")
def lets_a_cwt_issue_itself() -> None:
    """The key in the token is as good as any other to verify the token."""
    original = cwt.check_issued

    def check(token: bytes, issuers: Iterable[Credential]) -> None:
        original(token, [*issuers, cwt.parse_cwt(token)])

    trust.check_issued = check


@fault("CHN-440")
def takes_a_mac_for_a_signature() -> None:
    """The token says which algorithm to use, and with a MAC the issuer's public key is the secret (CVE-2015-9235)."""
    original = trust.check_issued

    def check(token: bytes, issuers: Iterable[Credential]) -> None:
        protected, _, payload, tag = loads(token)
        if protected != dumps({1: 5}):
            original(token, issuers)
        elif tag not in [
            digest(each.key.x, signature_structure(protected, b"", payload), "sha256") for each in issuers
        ]:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-440")

    trust.check_issued = check
    cwt._CURVES = {**cwt._CURVES, 5: Curve.ED25519}


@fault("CHN-450")
def keeps_unknown_references_to_itself() -> None:
    """One error for everything: the Initiator cannot tell that its certificate would have been welcome."""
    original = handshakes.error_message

    def vague(error: ProtocolError, suites: tuple[int, ...]) -> bytes:
        if error.problem is Problem.UNKNOWN_CREDENTIAL:
            error = ProtocolError(Problem.REFUSED, error.requirement)
        return original(error, suites)

    handshakes.error_message = vague


@fault("CHN-450")
def guesses_whose_reference_it_is() -> None:
    """The reference is unknown, so every credential is tried: the name in the message means nothing any more."""
    original = TrustStore._by_value

    def by_value(self: TrustStore, id_cred: bytes, time: float | None) -> tuple[Credential, ...]:
        try:
            return original(self, id_cred, time)
        except ProtocolError as error:
            everybody = tuple(known for group in self._references.values() for known in group)
            if error.problem is not Problem.UNKNOWN_CREDENTIAL or not everybody:
                raise
            return everybody

    TrustStore._by_value = by_value


@fault("CHN-460")
def keeps_the_cause_to_itself() -> None:
    """The event says what was wrong and the error message does not: the Responder goes on sending its short name."""
    original = Initiator.error_message

    def vague(self: Initiator, error: ProtocolError) -> bytes:
        return original(self, ProtocolError(Problem.REFUSED, error.requirement))

    Initiator.error_message = vague


@fault("CHN-460")
def calls_an_unknown_reference_a_failure() -> None:
    """A name that is not in the table is treated as a forgery, and nobody thinks of provisioning it."""
    original = initiator.usable

    def usable(*arguments: Any) -> Sequence[Credential]:
        try:
            return original(*arguments)
        except ProtocolError as error:
            if error.problem is Problem.UNKNOWN_CREDENTIAL:
                raise authentication.failed("CHN-510") from error
            raise

    initiator.usable = usable


@fault("CHN-470")
def asks_again_for_what_it_cannot_read() -> None:
    """A kind that is not supported is called unknown: the peer sends the same again, for ever."""
    original = TrustStore.candidates

    def candidates(self: TrustStore, id_cred: bytes, time: float | None = None) -> Sequence[Credential]:
        try:
            return original(self, id_cred, time)
        except ProtocolError as error:
            if error.requirement == "CHN-470" and "header parameters" in error.detail:
                raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "CHN-450") from error
            raise

    TrustStore.candidates = candidates


@fault("CHN-470")
def tries_keys_that_cannot_serve() -> None:
    """Any key of the right name is put into the computation, whatever curve it is on."""
    Credential.serves = lambda self, usage, suite: True


@fault("CHN-470")
def ignores_what_a_key_is_for() -> None:
    """key_ops, alg and the key usage of a certificate are skipped: a key that signs elsewhere is used for
    Diffie-Hellman here, and each use helps against the other.
    """
    credentials._usages = lambda key: BOTH_USAGES
    certificates._usages = lambda certificate: BOTH_USAGES


@fault("CHN-1030")
def initiator_takes_whatever_it_finds() -> None:
    """The Responder's credential is trusted, and whether its key is for this is found out in the middle of it."""
    initiator.usable = lambda config, role, id_cred, usage, suite, time: config.trusted.candidates(id_cred, time)


@fault("CHN-1030")
def initiator_asks_again_for_what_it_cannot_read() -> None:
    """ERR_CODE 3 for a kind that is not supported, which RFC 9528 forbids: the Responder sends the same next time."""
    original = initiator.usable

    def usable(*arguments: Any) -> Sequence[Credential]:
        try:
            return original(*arguments)
        except ProtocolError as error:
            if error.problem is Problem.BAD_CREDENTIAL:
                raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "CHN-460") from error
            raise

    initiator.usable = usable


@fault("CHN-480")
def knows_itself_by_name_only() -> None:
    """Its own credential is refused and its own key is not: an attacker has that key registered under another name."""
    original = responder.usable

    def usable(config: EdhocConfig, *arguments: Any) -> Sequence[Credential]:
        keys, config.own_keys = config.own_keys, frozenset()
        try:
            found = original(config, *arguments)
        finally:
            config.own_keys = keys
        own = {each.cred for each in config.credentials}
        others = [known for known in found if known.cred not in own]
        if not others:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-480")
        return others

    for module in (initiator, responder):
        module.usable = usable


@fault("CHN-1040")
def opens_channels_to_itself() -> None:
    """An app that trusts all devices of the house, itself included, believes its own echo."""
    original = initiator.usable

    def usable(config: EdhocConfig, role: Role, id_cred: bytes, usage: Usage, suite: Suite, time: float | None) -> Any:
        try:
            return original(config, role, id_cred, usage, suite, time)
        except ProtocolError as error:
            if error.requirement != "CHN-1040":
                raise
            return config.trusted.candidates(id_cred, time)

    initiator.usable = usable


@fault("CHN-480")
def talks_to_itself() -> None:
    """Its own words come back and are believed, as in the Selfie attack on TLS 1.3 with pre-shared keys."""
    original = EdhocConfig.__init__

    def unaware(self: EdhocConfig, *arguments: Any) -> None:
        original(self, *arguments)
        self.own_keys = frozenset()

    EdhocConfig.__init__ = unaware


@fault("CHN-1930")
def passes_over_critical_extensions() -> None:
    """What the library does not know it leaves to the application, and the application never asked."""
    certificates.UNDERSTOOD = (object,)


@fault("CHN-1940")
def checks_as_many_certificates_as_it_is_sent() -> None:
    """Each signature costs a second on this processor, and the peer says how many there are."""
    certificates.MAX_CHAIN = 10_000


@fault("CHN-1950")
def reads_the_headers_that_it_knows() -> None:
    """Parameters that are not understood are skipped: `crit` is one of them (compare CVE-2025-59420 in Authlib)."""
    original = cwt._parts

    def parts(value: Any) -> tuple[bytes, bytes, bytes]:
        if type(value) is list and len(value) == 4 and type(value[0]) is bytes and type(value[1]) is dict:
            header = loads(value[0])
            known = {key: entry for key, entry in header.items() if key in (1, 4)} if type(header) is dict else header
            original([dumps(known), {}, value[2], value[3]])
            return value[0], value[2], value[3]
        return original(value)

    cwt._parts = parts
