"""Faults of whoever reads the history of an identity: what it takes for one."""

from __future__ import annotations

from typing import Any

from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.errors import ProtocolError
from picosec.identity import history, statement
from picosec.identity.history import History
from picosec.identity.keys import thumbprint
from picosec.identity.statement import Signed, Statement, Unread
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
