"""Faults of devices that give evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec.crypto.vault import Vault
from picosec.errors import ProtocolError
from picosec.identity.attester import Attester
from picosec.identity.evidence import Evidence
from picosec.messaging import cbor
from picosec.objects.headers import Label, headers
from picosec.objects.keys import Keys, OwnKey, Purpose
from picosec.objects.signed import Signed, sign
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec.roles import attestation
from picosec.roles.attestation import Attesting
from picosec.roles.resources import Reply, Request
from picosec.roles.test_attestation import AttestationGift
from picosec_conformance.faults import fault


def _stating(change: Callable[[Evidence], Evidence]) -> None:
    """Let evidence say something else, signed as well as before."""
    original = Evidence.sign
    Evidence.sign = lambda self, vault, handle: original(change(self), vault, handle)


@fault("IDN-1100")
def signs_evidence_without_its_type() -> None:
    """A signature is a signature; what it is of can be seen from the claims."""

    def sign_untyped(self: Evidence, vault: Vault, handle: Any) -> Signed:
        algorithm = -7 if vault.public(handle).y else -8
        head = headers({Label.ALG: algorithm, Label.KID: self.kid})
        return sign(head, cbor.dumps(self._claims()), vault, handle)

    Evidence.sign = sign_untyped


@fault("IDN-1100")
def answers_the_first_question_only() -> None:
    """Evidence was made once, when the device started; it is good for as long as it runs."""
    made: dict[bytes, bytes] = {}
    original = Attester.attest

    def attest(self: Attester, nonce: bytes, vault: Vault, issued: int | None, tampered: int | None) -> bytes:
        return made.setdefault(self.kid, original(self, nonce, vault, issued, tampered))

    Attester.attest = attest


@fault("IDN-1100")
def says_that_evidence_is_cbor() -> None:
    """Which it is, as everything else."""
    original = Attesting._post
    Attesting._post = lambda self, request: replace(original(self, request), content_format=CONTENT_FORMAT_CBOR)


@fault("IDN-1110")
def answers_any_challenge() -> None:
    """The payload goes into the exporter as it comes."""
    attestation.read_challenge = lambda payload: payload


@fault("IDN-1110")
def answers_challenges_of_any_length() -> None:
    """An empty one is the same every time."""

    def read(payload: bytes) -> bytes:
        challenge = cbor.loads(payload)
        if type(challenge) is not bytes:
            raise ProtocolError(Problem.MALFORMED, "IDN-1110", "")
        return challenge

    attestation.read_challenge = read


@fault("IDN-1120")
def answers_over_channels_without_an_exporter() -> None:
    """The secret of the context is as good as one that a handshake gave; here, the challenge alone."""
    original = Attesting._post

    def post(self: Attesting, request: Request) -> Reply:
        attester = self._keyring.attester
        if request.channel is None or request.channel.session is not None or attester is None:
            return original(self, request)
        nonce = attestation.read_challenge(request.payload)
        return Reply(0x45, attester.attest(nonce, self._keyring.vault, None, None), 263)

    Attesting._post = post


@fault("IDN-1130")
def signs_the_challenge_itself() -> None:
    """As most examples do it; whoever is in the middle of two channels passes question and answer on."""
    attestation.bound_nonce = lambda export, challenge, attester_id: challenge


@fault("IDN-1130")
def binds_evidence_to_the_channel_alone() -> None:
    """The exporter without the challenge: one answer for as long as the channel lives."""
    original = attestation.bound_nonce
    attestation.bound_nonce = lambda export, challenge, attester_id: original(export, bytes(32), attester_id)


@fault("IDN-1130")
def binds_evidence_to_both_ends_alike() -> None:
    """The exporter over the challenge; which end is the attester is left out."""
    original = attestation.bound_nonce
    attestation.bound_nonce = lambda export, challenge, attester_id: original(export, challenge, b"")


@fault("IDN-1140")
def says_what_the_factory_measured() -> None:
    """It was measured when the firmware was written, and never since."""
    first: list[Any] = []
    original = AttestationGift.give_to

    def give(self: AttestationGift, keyring: Any) -> None:
        if self.own is not None:
            first.append((self.own.debug, self.own.software))
        original(self, keyring)

    AttestationGift.give_to = give
    _stating(lambda evidence: replace(evidence, debug=first[0][0], software=first[0][1]))


@fault("IDN-1140")
def says_that_debugging_is_disabled() -> None:
    """As it is in every device that was sold."""
    _stating(lambda evidence: replace(evidence, debug=type(evidence.debug)(4)))


@fault("IDN-1910")
def says_nobody_but_the_maker() -> None:
    """Everybody knows who made it: it stands on the back."""
    _stating(lambda evidence: replace(evidence, maker=None))


@fault("IDN-1910")
def names_makers_by_their_numbers_alone() -> None:
    """Who has no number names his device after somebody who has."""
    _stating(lambda evidence: replace(evidence, maker=0 if isinstance(evidence.maker, bytes) else evidence.maker))


@fault("IDN-1140")
def says_that_it_is_nineteen_seventy() -> None:
    """The clock counts from zero, and there has to be a date."""
    _stating(lambda evidence: replace(evidence, issued=evidence.issued or 0))


@fault("IDN-1140")
def lists_the_first_piece_of_software_only() -> None:
    """The firmware; what else runs on it is not its affair."""
    _stating(lambda evidence: replace(evidence, software=dict(sorted(evidence.software.items())[:1])))


@fault("IDN-1150")
def signs_objects_with_its_attestation_key() -> None:
    """A key that signs, in a vault full of keys that sign."""
    original = AttestationGift.give_to

    def give(self: AttestationGift, keyring: Any) -> None:
        original(self, keyring)
        if self.own is not None:
            own = keyring.inbox.own
            keyring.inbox.own = Keys([*own, OwnKey(self.own.kid, self.own.handle, Purpose.PLATFORM)])

    AttestationGift.give_to = give


@fault("IDN-1530")
def leaves_its_sensor_out_of_evidence() -> None:
    """The count has a resource of its own."""
    _stating(lambda evidence: replace(evidence, tampered=0))
