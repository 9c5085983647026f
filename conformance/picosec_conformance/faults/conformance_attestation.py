"""Faults of test builds in what they are given for attestation."""

from __future__ import annotations

from typing import Any

from picosec.identity.verifier import Verifier
from picosec.roles import test_attestation, test_gifts
from picosec.roles.keyring import Keyring
from picosec.roles.test_attestation import AttestationGift
from picosec_conformance.faults import fault


@fault("CNF-030")
def takes_names_of_any_length_for_software() -> None:
    """A text is a text, and the empty one is one as well."""
    test_attestation.is_name = lambda value: True


@fault("CNF-040")
def keeps_its_attestation_key_when_an_attester_is_wrong() -> None:
    """Its own comes first; what is wrong further on comes too late."""
    original = test_attestation.read_attestation
    init = Keyring.__init__
    keyrings: list[Keyring] = []

    def note(self: Keyring, *rest: Any, **named: Any) -> None:
        init(self, *rest, **named)
        keyrings.append(self)

    def read(value: Any, vault: Any) -> AttestationGift:
        if type(value) is dict and 1 in value:
            AttestationGift(test_attestation._own(value[1], vault), []).give_to(keyrings[-1])
        return original(value, vault)

    Keyring.__init__ = note
    test_gifts.READERS[10] = read


@fault("CNF-400")
def leaves_attesters_out_of_its_digest() -> None:
    """Whoever puts a device of his own among those that are believed is not seen."""
    Verifier.state = lambda self: []
