"""Faults of whoever follows the history of an identity: what it takes for a history, and for a right."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.errors import ProtocolError
from picosec.identity import history, statement
from picosec.identity.history import Forked, History, Known
from picosec.identity.keys import thumbprint
from picosec.identity.statement import Part, Signed, Statement, Unread
from picosec.messaging import cbor
from picosec.registry import Problem
from picosec_conformance.faults import fault


@fault("IDN-300")
def reads_histories_of_any_size() -> None:
    """Whatever came in is in memory already, and so it is decoded."""
    history.MAX_SIZE = 1 << 30


@fault("IDN-300")
def bounds_histories_too_tightly() -> None:
    """One block has to do."""
    history.MAX_SIZE = 1024


@fault("IDN-310")
def follows_endless_histories() -> None:
    """Each statement costs two signatures; a stranger decides how many there are."""
    history.MAX_STATEMENTS = 1 << 30
    statement.MAX_STATEMENTS = 1 << 30


@fault("IDN-310")
def skips_what_it_does_not_know_in_a_statement() -> None:
    """Be liberal in what you accept: a member of tomorrow cannot matter today."""
    original = statement._is_statement

    def lenient(entries: dict[Any, Any]) -> bool:
        known = statement._FIRST | statement._LATER
        return original({label: value for label, value in entries.items() if label in known})

    statement._is_statement = lenient


@fault("IDN-310")
def takes_any_type_of_statement() -> None:
    """The key signed it, and it reads like a statement: what it was signed as does not matter."""
    original = statement.read_form

    def lenient(item: Any) -> Unread:
        match item:
            case [bytes(protected), *rest] if protected and type(cbor.loads(protected)) is dict:
                return original([statement.PROTECTED, *rest])
        return original(item)

    history.read_form = lenient


@fault("IDN-310")
def takes_kinds_of_identity_that_do_not_exist() -> None:
    """A number is a number."""
    original = statement._is_statement

    def lenient(entries: dict[Any, Any]) -> bool:
        kind = entries.get(6)
        return original({**entries, 6: 0} if type(kind) is int else entries)

    statement._is_statement = lenient
    Unread.read = lambda self: _read_as_device(self)


def _read_as_device(unread: Unread) -> Signed:
    entries = unread.entries
    said = Statement(
        entries[1], statement.decode_key(entries[3]), entries[4], entries[5], entries.get(2, b""), entries.get(6)
    )
    return Signed(said, unread.parts)


@fault("IDN-320")
def takes_unknown_algorithms_for_wrong_signatures() -> None:
    """The signature does not verify, whatever it is; nobody learns that an algorithm is not supported."""
    Unread.check_algorithms = lambda self: None


@fault("IDN-320")
def takes_a_number_for_an_algorithm_that_equals_it() -> None:
    """true is 1, 1.0 is 1, and what is compared is never what was signed."""

    def lenient(self: Unread) -> None:
        for part in self.parts:
            value = cbor.loads(part.protected)[1]
            if type(value) not in (int, bool) or value not in (-7, -8, 1):
                raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "IDN-320", "")

    Unread.check_algorithms = lenient


@fault("IDN-330")
def calls_a_key_off_the_curve_malformed() -> None:
    """Somebody looks for a slip in an encoder, where an attacker tried a curve of his own."""
    original = statement.decode_key

    def other(value: dict[int, Any]) -> PublicKey:
        try:
            return original(value)
        except ProtocolError as error:
            raise ProtocolError(Problem.MALFORMED, "IDN-330", "") from error

    statement.decode_key = other


@fault("IDN-330")
def goes_by_x_alone() -> None:
    """y follows from x, up to its sign: what the statement says of it is not looked at."""
    original = statement.decode_key

    def other(value: dict[int, Any]) -> PublicKey:
        try:
            return original(value)
        except ProtocolError:
            return decode_public(Curve(value[-1]), value[-2], None, "IDN-330")

    statement.decode_key = other


@fault("IDN-350")
def does_not_compare_names() -> None:
    """The numbers are right, and so the order is."""
    _checking_links(lambda each, last, number: each.number == number)


@fault("IDN-350")
def does_not_count_statements() -> None:
    """Each names the one before, and so the order is right."""
    _checking_links(lambda each, last, number: last is None or each.before == last.name)


@fault("IDN-350")
def compares_the_beginning_of_names() -> None:
    """Eight bytes identify a credential, and so they identify a statement."""
    _checking_links(lambda each, last, number: each.number == number and (not last or each.before[:8] == last.name[:8]))


@fault("IDN-350")
def lets_statements_go_back_in_time() -> None:
    """Clocks are wrong all the time."""
    _checking_links(lambda each, last, number: each.number == number and (not last or each.before == last.name))


def _checking_links(holds: Any) -> None:
    def check(found: History) -> None:
        last, shown = None, set()
        for number, each in enumerate(signed.statement for signed in found.statements):
            shown.add(thumbprint(each.key))
            if not holds(each, last, number) or each.committed in shown:
                raise ProtocolError(Problem.MALFORMED, "IDN-350", "")
            last = each

    history.check_links = check


@fault("IDN-380")
def commits_to_keys_that_show() -> None:
    """A hash is a hash; whose it is, nobody can tell, except by looking."""
    original = history.check_links

    def check(found: History) -> None:
        try:
            original(found)
        except ProtocolError as error:
            if error.requirement != "IDN-380":
                raise

    history.check_links = check


@fault("IDN-380")
def looks_at_the_key_at_hand_alone() -> None:
    """The owner commits to the key that was stolen, in whose place the new one came."""
    original = history.check_links

    def check(found: History) -> None:
        try:
            original(found)
        except ProtocolError as error:
            own = (each.statement.committed == thumbprint(each.statement.key) for each in found.statements)
            if error.requirement != "IDN-380" or any(own):
                raise

    history.check_links = check


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


@fault("IDN-400")
def believes_the_longest_history() -> None:
    """As chains of blocks do: whoever signs more often is right."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        try:
            return original(self, found)
        except ProtocolError as error:
            if error.requirement != "IDN-400" or len(found.statements) <= len(self.seen):
                raise
            return Known(self.identifier, found.names, found.key)

    Known.follow = follow


@fault("IDN-400")
def takes_a_fork_for_an_old_history() -> None:
    """It is shorter than what is known, and nothing else is looked at."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        if len(found.statements) < len(self.seen) and self.forked is None and not found.recovered:
            raise ProtocolError(Problem.STALE, "IDN-410", "")
        return original(self, found)

    Known.follow = follow


@fault("IDN-400")
def freezes_at_anybodys_word() -> None:
    """The names differ, which is seen sooner than who signed."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        common = history._common(self.seen, found.names)
        if common < min(len(self.seen), len(found.statements)):
            raise Forked(common)
        return original(self, found)

    Known.follow = follow


@fault("IDN-400")
def names_statements_with_their_signatures() -> None:
    """The hash of all there is: with a twin of a signature, a stranger makes a fork."""

    def names(self: History) -> tuple[bytes, ...]:
        first, *rest = self.statements
        further = (sha256(cbor.dumps(each.item())).digest() for each in rest)
        return (first.statement.name, *further)

    History.names = property(names)


@fault("IDN-440")
def treats_owner_and_thief_alike() -> None:
    """Two histories are two histories, whoever speaks in them: the thief who came first has stopped the owner."""

    def compare(self: Known, found: History, common: int) -> None:
        raise ProtocolError(Problem.FORKED, "IDN-430", "") if self.forked is not None else Forked(common)

    Known._compare = compare


@fault("IDN-440")
def outranks_by_the_first_statement_alone() -> None:
    """Only where the histories part is looked at, and the owner had rotated once before he knew."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        if self.forked is None and not history.is_emergency(found, common):
            raise Forked(common)
        original(self, found, common)

    Known._compare = compare


@fault("IDN-450")
def lets_an_old_key_freeze_what_was_recovered() -> None:
    """The owner has spoken, and the thief with the old key as well: that is two, and neither is believed."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        try:
            original(self, found, common)
        except ProtocolError as error:
            if error.requirement == "IDN-450":
                raise Forked(common) from error
            raise

    Known._compare = compare


@fault("IDN-430")
def lets_any_emergency_end_a_fork() -> None:
    """An emergency is the last word, also when it is the second one of that key."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        if self.forked is None or not found.recovered:
            original(self, found, common)

    Known._compare = compare


@fault("IDN-430")
def lets_nobody_end_a_fork() -> None:
    """Frozen is frozen: the owner walks from lamp to lamp."""
    original = Known._compare

    def compare(self: Known, found: History, common: int) -> None:
        if self.forked is not None:
            raise ProtocolError(Problem.FORKED, "IDN-430", "")
        original(self, found, common)

    Known._compare = compare


@fault("IDN-410")
def goes_back_with_an_old_history() -> None:
    """It verifies, and so it is believed: the stolen key is good again."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        try:
            return original(self, found)
        except ProtocolError as error:
            if error.requirement != "IDN-410":
                raise
            return Known(self.identifier, found.names, found.key)

    Known.follow = follow


@fault("IDN-410")
def takes_old_news_in_silence() -> None:
    """Nothing changes, and nobody learns that what he brought is old."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        try:
            return original(self, found)
        except ProtocolError as error:
            if error.requirement != "IDN-410":
                raise
            return self

    Known.follow = follow


@fault("IDN-420")
def believes_the_good_half() -> None:
    """It believes statement by statement, and stops where one does not verify."""
    original = Known.follow

    def follow(self: Known, found: History) -> Known:
        try:
            return original(self, found)
        except ProtocolError as error:
            if (
                error.problem is not Problem.AUTHENTICATION_FAILED
                or self.forked is not None
                or len(found.statements) == 1
            ):
                raise
            return self.follow(replace(found, statements=found.statements[:-1]))

    Known.follow = follow
