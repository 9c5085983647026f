"""Faults of whoever follows the history of an identity: whose signatures it wants to see."""

from __future__ import annotations

from typing import Any

from picosec.crypto.curves import PublicKey
from picosec.errors import ProtocolError
from picosec.identity import history, statement
from picosec.identity.history import History
from picosec.identity.keys import thumbprint
from picosec.identity.statement import Part
from picosec_conformance.faults import fault


@fault("IDN-360")
def asks_the_new_key_alone() -> None:
    """Proof of possession is proof: whoever holds a key may name it as anybody's next one."""
    _verifying(lambda part, key, place, count: place < count - 1)


@fault("IDN-360")
def asks_the_old_key_alone() -> None:
    """The old key vouches for the new one, whoever holds that."""
    _verifying(lambda part, key, place, count: count == 2 and place == 1)


@fault("IDN-360")
def believes_what_stands_alone() -> None:
    """With one signature there is nobody to compare with: the identifier, or the commitment, says it all."""
    _verifying(lambda part, key, place, count: count == 1)


def _verifying(waived: Any) -> None:
    original = history.check_signatures

    def check(found: History, first: int = 0) -> None:
        verifies = Part.verifies

        def lenient(self: Part, key: PublicKey, payload: bytes) -> bool:
            parts = next(each.signatures for each in found.statements if any(part is self for part in each.signatures))
            place = next(place for place, part in enumerate(parts) if part is self)
            return bool(waived(self, key, place, len(parts))) or verifies(self, key, payload)

        Part.verifies = lenient
        try:
            original(found, first)
        finally:
            Part.verifies = verifies

    history.check_signatures = check


@fault("IDN-360")
def believes_the_algorithm_of_the_key() -> None:
    """What the header says is not looked at: the key knows its algorithm."""

    def lenient(self: Part, key: PublicKey, payload: bytes) -> bool:
        try:
            key.verify(self.signature, statement.to_be_signed(self.protected, payload))
        except statement.InvalidSignature:
            return False
        return True

    Part.verifies = lenient


@fault("IDN-360")
def verifies_the_statements_that_it_saw_again() -> None:
    """To be on the safe side: a neighbour who repeats a history keeps the device busy."""
    original = history.check_signatures
    history.check_signatures = lambda found, first=0: original(found)


@fault("IDN-370")
def lets_any_key_recover() -> None:
    """One signature, and it is that of the new key: an emergency is an emergency."""
    _judging_signatures("IDN-370")


@fault("IDN-370")
def lets_a_key_recover_twice() -> None:
    """A key that was committed to once is good for every emergency."""
    original = history.check_signatures

    def check(found: History, first: int = 0) -> None:
        try:
            original(found, first)
        except ProtocolError as error:
            committed = {each.statement.committed for each in found.statements}
            last = found.statements[-1].statement
            if error.requirement != "IDN-370" or thumbprint(last.key) not in committed:
                raise

    history.check_signatures = check


@fault("IDN-390")
def lets_rotations_change_the_key_for_emergencies() -> None:
    """Both keys signed it, and so it is meant. The thief holds both."""
    _judging_signatures("IDN-390")


def _judging_signatures(waived: str) -> None:
    original = history.check_signatures

    def check(found: History, first: int = 0) -> None:
        try:
            original(found, first)
        except ProtocolError as error:
            if error.requirement != waived:
                raise

    history.check_signatures = check
