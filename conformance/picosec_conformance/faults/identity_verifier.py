"""Faults of verifiers: in what they ask, and in what they take for good evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidSignature

from picosec.crypto.curves import PublicKey
from picosec.errors import ProtocolError
from picosec.identity import evidence, verifier
from picosec.identity.evidence import Evidence
from picosec.identity.verifier import KnownAttester, Verifier
from picosec.messaging import cbor
from picosec.objects.keys import Keys, Purpose, SenderKey
from picosec.objects.signed import Signed
from picosec.objects.structures import signature_structure
from picosec.registry import Problem
from picosec.roles.attestation import Appraising
from picosec.roles.test_attestation import AttestationGift
from picosec_conformance.faults import fault


def _passing(*requirements: str) -> None:
    """Let evidence pass that one of these requirements forbids, and be judged no further."""
    original = Verifier.appraise

    def appraise(self: Verifier, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Any:
        try:
            return original(self, data, nonce, now, code)
        except ProtocolError as error:
            if error.requirement not in requirements:
                raise
            return None

    Verifier.appraise = appraise


# -- the question --------------------------------------------------------------------------------------------------


@fault("IDN-1170")
def asks_the_same_question_every_time() -> None:
    """A challenge of zeros; the channel is another one each time, almost."""
    original = Appraising.__init__

    def init(self: Appraising, keyring: Any, client: Any, entropy: Any, date: Any) -> None:
        original(self, keyring, client, bytes, date)

    Appraising.__init__ = init


@fault("IDN-1170")
def counts_its_questions() -> None:
    """No two are alike, until it is started again."""
    original = Appraising.__init__

    def init(self: Appraising, keyring: Any, client: Any, entropy: Any, date: Any) -> None:
        count = iter(range(1 << 62))
        original(self, keyring, client, lambda size: next(count).to_bytes(size, "big"), date)

    Appraising.__init__ = init


@fault("IDN-1170")
def takes_any_answer_for_good() -> None:
    """The peer answered, over a channel that is good."""
    _outcome(lambda problem: None if problem is Problem.REFUSED else problem)


@fault("IDN-1170")
def finds_no_evidence_good() -> None:
    """What cannot be wrong this way."""
    _outcome(lambda problem: problem or Problem.BAD_EVIDENCE)


def _outcome(change: Callable[[Problem | None], Problem | None]) -> None:
    original = Appraising._problem
    Appraising._problem = lambda self, question, message, now: change(original(self, question, message, now))


# -- size, form, algorithm -----------------------------------------------------------------------------------------


@fault("IDN-1180")
def takes_evidence_of_any_size() -> None:
    """Whatever comes is read."""
    evidence.MAX_SIZE = 1 << 16


@fault("IDN-1180")
def has_no_room_for_long_evidence() -> None:
    """Its own has two hundred bytes, and others will not have more than twice that."""
    evidence.MAX_SIZE = 512


@fault("IDN-1190")
def takes_evidence_of_any_type() -> None:
    """The claims show that it is evidence."""
    original = evidence.signer_of

    def signer(head: Any, *rest: Any) -> bytes:
        return original(replace(head, entries={**head.entries, 16: 263}), *rest)

    evidence.signer_of = signer


@fault("IDN-1190")
def takes_evidence_with_more_headers() -> None:
    """What it does not know, it passes over; ``crit`` as well."""
    original = evidence.signer_of

    def signer(head: Any, *rest: Any) -> bytes:
        known = {label: value for label, value in head.entries.items() if label in (1, 4, 16)}
        return original(replace(head, entries=known, unprotected={}), *rest)

    evidence.signer_of = signer


@fault("IDN-1190")
def takes_evidence_with_more_claims() -> None:
    """RFC 9711 has thirty of them, and a verifier may not stop at one that it does not know."""
    original = evidence._read
    known = {6, 10, 256, 258, 263, 265, 273, evidence.CLAIM_TAMPER}

    def read(kid: bytes, claims: Any) -> Evidence:
        if type(claims) is dict:
            claims = {label: value for label, value in claims.items() if label in known}
        return original(kid, claims)

    evidence._read = read


@fault("IDN-1190")
def takes_a_back_door_of_anybody() -> None:
    """Debug ports are closed for good, for all but somebody."""
    original = evidence._read

    def read(kid: bytes, claims: Any) -> Evidence:
        return original(kid, {258: 0, **claims} if type(claims) is dict else claims)

    evidence._read = read


@fault("IDN-1920")
def knows_makers_with_a_number() -> None:
    """The registry of numbers is the one that the vendor of the verifier is in."""
    original = evidence.is_maker
    evidence.is_maker = lambda value: original(value) and type(value) is int


@fault("IDN-1920")
def wants_the_maker_of_everybody() -> None:
    """A device that nobody made has nothing to show."""
    original = evidence._read

    def read(kid: bytes, claims: Any) -> Evidence:
        if type(claims) is dict and 258 not in claims:
            raise ProtocolError(Problem.MALFORMED, "IDN-1190")
        return original(kid, claims)

    evidence._read = read


@fault("IDN-1930")
def appraises_by_one_algorithm() -> None:
    """The vendor's own attesters have P-256, and so has everybody."""
    original = Signed.check_algorithm

    def check(self: Any) -> None:
        original(self)
        if self.headers.entries[1] == -8 and self.headers.entries[16] == 263:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "IDN-1200")

    Signed.check_algorithm = check


@fault("IDN-1190")
def takes_evidence_of_any_profile() -> None:
    """The profile is for people who read specifications."""
    original = evidence._read

    def read(kid: bytes, claims: Any) -> Evidence:
        if type(claims) is dict and 265 in claims:
            claims = {**claims, 265: evidence.PROFILE}
        return original(kid, claims)

    evidence._read = read


@fault("IDN-1190")
def takes_evidence_without_a_state_of_debug_ports() -> None:
    """Who does not say that they are open has closed them."""
    original = evidence._read

    def read(kid: bytes, claims: Any) -> Evidence:
        return original(kid, {263: 1, **claims} if type(claims) is dict else claims)

    evidence._read = read


@fault("IDN-1190")
def reads_the_first_measurement() -> None:
    """Further ones are for other verifiers."""
    original = evidence._software
    evidence._software = lambda measured: original(measured[:1] if type(measured) is list else measured)


@fault("IDN-1190")
def takes_hashes_of_any_length() -> None:
    """A shorter one is a beginning of a longer one."""
    original = evidence._software

    def software(measured: Any) -> dict[str, bytes]:
        try:
            return original(measured)
        except ProtocolError as error:
            if "hash" not in str(error.detail):
                raise
            return dict(cbor.loads(measured[0][1]))

    evidence._software = software


@fault("IDN-1190")
def judges_whatever_is_answered() -> None:
    """Content-Format says how something is shown to people."""
    original = Appraising._problem

    def problem(self: Appraising, question: Any, message: Any, now: float) -> Problem | None:
        others = tuple(option for option in message.options if option[0] != 12)
        said = tuple(sorted((*others, (12, b"\x01\x07"))))
        return original(self, question, replace(message, options=said), now)

    Appraising._problem = problem


@fault("IDN-1200")
def takes_the_algorithm_of_the_key() -> None:
    """The key decides what it can do; what the header says need not be looked at."""

    def verify(signed: Signed, key: PublicKey) -> None:
        try:
            key.verify(signed.signature, signature_structure(signed.headers.protected, b"", signed.payload))
        except InvalidSignature as error:
            raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-1220", "") from error

    Signed.check_algorithm = lambda self: None
    verifier.verify_evidence = verify


# -- whose it is ---------------------------------------------------------------------------------------------------


@fault("IDN-1210")
def trusts_the_first_attester_that_it_sees() -> None:
    """Evidence that nobody can verify is still evidence."""
    _passing("IDN-1210")


@fault("IDN-1210")
def believes_the_evidence_of_senders() -> None:
    """A key is trusted or it is not."""
    original = Verifier.appraise
    give = AttestationGift.give_to
    keyrings: list[Any] = []

    def note(self: AttestationGift, keyring: Any) -> None:
        keyrings.append(keyring)
        give(self, keyring)

    def appraise(self: Verifier, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Any:
        senders = keyrings[-1].inbox.senders
        said = evidence.decode_evidence(data)[1]
        if said.kid in senders and said.kid not in self._known:
            other = Verifier()
            other.admit([KnownAttester(said.kid, senders.named(said.kid).key, said.ueid)])
            return original(other, data, nonce, now, code)
        return original(self, data, nonce, now, code)

    AttestationGift.give_to, Verifier.appraise = note, appraise


@fault("IDN-1160")
def believes_objects_of_attesters() -> None:
    """A key is trusted or it is not; the other way round."""
    original = AttestationGift.give_to

    def give(self: AttestationGift, keyring: Any) -> None:
        original(self, keyring)
        further = [SenderKey(each.kid, each.key, Purpose.PLATFORM) for each in self.known]
        keyring.inbox.senders = Keys([*keyring.inbox.senders, *further])

    AttestationGift.give_to = give


@fault("IDN-1220")
def reads_evidence_and_verifies_nothing() -> None:
    """It came over a channel, and the channel is protected."""
    verifier.verify_evidence = lambda signed, key: None


@fault("IDN-1220")
def verifies_evidence_with_any_key_that_it_knows() -> None:
    """The identifier is a hint; here, not even that."""

    def verify(signed: Signed, key: PublicKey) -> None:
        if signed.signature[:1] == b"\x00":
            raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-1220", "")

    verifier.verify_evidence = verify
