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
from picosec.identity.verifier import Appraisal, KnownAttester, Verifier
from picosec.messaging import cbor
from picosec.objects.keys import Keys, Purpose, SenderKey
from picosec.objects.signed import Signed
from picosec.objects.structures import signature_structure
from picosec.registry import Problem
from picosec.roles import attestation
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


def _reading(change: Callable[[Evidence], Evidence]) -> None:
    """Let a verifier read evidence in another way than it was signed."""
    original = verifier.decode_evidence

    def decode(data: bytes) -> tuple[Signed, Evidence]:
        signed, found = original(data)
        return signed, change(found)

    verifier.decode_evidence = decode


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
    original = evidence._kid

    def kid(head: Any) -> bytes:
        return original(replace(head, entries={**head.entries, 16: 263}))

    evidence._kid = kid


@fault("IDN-1190")
def takes_evidence_with_more_headers() -> None:
    """What it does not know, it passes over; ``crit`` as well."""
    original = evidence._kid

    def kid(head: Any) -> bytes:
        known = {label: value for label, value in head.entries.items() if label in (1, 4, 16)}
        return original(replace(head, entries=known, unprotected={}))

    evidence._kid = kid


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


# -- which question it answers -------------------------------------------------------------------------------------


@fault("IDN-1230")
def takes_evidence_again() -> None:
    """It was good once, and its signature still is."""
    _reading(_as_asked)
    original = Verifier.appraise

    def appraise(self: Verifier, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Any:
        _NONCE[:] = [nonce]
        return original(self, data, nonce, now, code)

    Verifier.appraise = appraise


_NONCE: list[bytes] = []


def _as_asked(found: Evidence) -> Evidence:
    return replace(found, nonce=_NONCE[0])


@fault("IDN-1230")
def takes_the_bare_challenge_for_an_answer() -> None:
    """The channel is left out, at both ends, and everything works."""
    attestation.bound_nonce = lambda export, challenge, attester_id: challenge


@fault("IDN-1230")
def binds_questions_to_the_channel_alone() -> None:
    """The exporter is fresh for each channel; that has to be enough."""
    original = attestation.bound_nonce
    attestation.bound_nonce = lambda export, challenge, attester_id: original(export, b"", attester_id)


@fault("IDN-1230")
def takes_its_own_evidence_for_that_of_its_peer() -> None:
    """Question and answer over one channel; which end gave the answer is left out."""
    original = attestation.bound_nonce
    attestation.bound_nonce = lambda export, challenge, attester_id: original(export, challenge, b"")


@fault("IDN-1240")
def looks_for_no_name_of_the_device() -> None:
    """The key says who it is; that a whole batch has the same is the maker's affair."""
    _reading(lambda found: replace(found, ueid=_UEID[found.kid]) if found.kid in _UEID else found)
    original = Verifier.admit

    def admit(self: Verifier, attesters: Any) -> None:
        known = list(attesters)
        _UEID.update({each.kid: each.ueid for each in known})
        original(self, known)

    Verifier.admit = admit


_UEID: dict[bytes, bytes] = {}


@fault("IDN-1250")
def takes_evidence_of_any_time() -> None:
    """Its nonce is fresh."""
    verifier.MAX_DIFFERENCE = 1 << 62


@fault("IDN-1250")
def takes_evidence_from_the_past() -> None:
    """From the future it cannot be, and the past was once now."""
    _reading(lambda found: replace(found, issued=None) if (found.issued or 0) < 1_800_000_000 else found)


@fault("IDN-1250")
def wants_a_date_in_all_evidence() -> None:
    """Who cannot tell the time is not to be believed."""
    _reading(lambda found: replace(found, issued=found.issued or 0))


# -- whether its state is acceptable -------------------------------------------------------------------------------


@fault("IDN-1260")
def accepts_open_debug_ports() -> None:
    """Unless somebody said otherwise; nobody did."""
    original = Appraisal.check

    def check(self: Appraisal, found: Evidence) -> None:
        original(replace(self, least_debug=type(self.least_debug)(0)) if self.least_debug == 1 else self, found)

    Appraisal.check = check


@fault("IDN-1260")
def asks_for_no_more_than_closed_ports() -> None:
    """Disabled is disabled, for good or not."""
    original = Appraisal.check

    def check(self: Appraisal, found: Evidence) -> None:
        original(replace(self, least_debug=type(self.least_debug)(min(self.least_debug, 1))), found)

    Appraisal.check = check


@fault("IDN-1270")
def accepts_software_beside_what_it_knows() -> None:
    """Each piece that it was told of is there, and as it should be."""
    _weighing(lambda known, runs: all(runs.get(name) in hashes for name, hashes in known.items()))


@fault("IDN-1270")
def accepts_software_that_is_not_there() -> None:
    """What runs is good; what does not run can do no harm, and be no guard."""
    _weighing(lambda known, runs: all(each in known.get(name, ()) for name, each in runs.items()))


@fault("IDN-1270")
def knows_software_by_its_name() -> None:
    """The firmware is there, and so is the gate."""
    _weighing(lambda known, runs: known.keys() == runs.keys())


@fault("IDN-1270")
def knows_software_by_its_hash() -> None:
    """Whatever runs is known, under whatever name."""
    _weighing(lambda known, runs: set(runs.values()) <= frozenset().union(*known.values()))


@fault("IDN-1270")
def knows_one_version_of_each() -> None:
    """The one that stood first in the list."""
    _weighing(lambda known, runs: all(runs.get(name) == min(hashes) for name, hashes in known.items()))


def _weighing(good: Callable[[Any, Any], bool]) -> None:
    def check(self: Appraisal, runs: Any) -> None:
        if self.software is not None and not good(self.software, runs):
            raise ProtocolError(Problem.BAD_EVIDENCE, "IDN-1270", "")

    Appraisal._check_software = check


@fault("IDN-1280")
def accepts_an_opened_case() -> None:
    """It was opened, and it still works."""
    _passing("IDN-1280")


@fault("IDN-1280")
def takes_silence_of_a_sensor_for_zero() -> None:
    """Somebody puts a firmware without the claim into a device whose case he opened."""
    _reading(lambda found: replace(found, tampered=found.tampered or 0))


@fault("IDN-1280")
def wants_a_sensor_in_every_device() -> None:
    """Also where nobody asked for one."""
    original = Appraisal.check

    def check(self: Appraisal, found: Evidence) -> None:
        original(replace(self, most_tampered=self.most_tampered or 0), found)

    Appraisal.check = check


@fault("IDN-1290")
def believes_that_an_application_is_what_it_says() -> None:
    """Its credential is good, and so is the platform."""
    attestation.code_of = lambda cred: None


@fault("IDN-1290")
def accepts_any_application_on_a_good_platform() -> None:
    """When the policy says what runs, the credential need not be looked at."""
    original = Verifier.appraise

    def appraise(self: Verifier, data: bytes, nonce: bytes, now: float | None, code: Any = None) -> Any:
        said = evidence.decode_evidence(data)[1]
        known = self._known.get(said.kid)
        return original(self, data, nonce, now, None if known and known.appraisal.software is not None else code)

    Verifier.appraise = appraise
