"""Faults of recipients of objects: taken too late, or too often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging.replay import ReplayWindow
from picosec.objects import inbox
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Purpose
from picosec.objects.signed import Signed
from picosec.objects.statement import Statement, read_statement
from picosec.registry import Problem
from picosec.roles.device import Device
from picosec_conformance.faults import fault


@fault("OBJ-240")
def trusts_the_clock_of_the_sender() -> None:
    """What comes from next year is the most recent, and therefore the best."""
    inbox.MAX_AHEAD = 1 << 65


@fault("OBJ-240")
def gives_the_future_a_day() -> None:
    """Time zones are difficult, so that a day ahead is allowed."""
    inbox.MAX_AHEAD = 86_400


@fault("OBJ-250")
def keeps_objects_for_ever() -> None:
    """The end is parsed, and printed into a log."""
    original = Inbox._check_time

    def check(self: Inbox, statement: Statement, now: float | None) -> None:
        original(self, replace(statement, expires=1 << 64), now)

    Inbox._check_time = check


@fault("OBJ-250")
def lets_objects_without_an_end_grow_old() -> None:
    """It names no end, and so it has none."""
    original = Inbox._check_time

    def check(self: Inbox, statement: Statement, now: float | None) -> None:
        original(self, replace(statement, expires=1 << 64) if statement.expires is None else statement, now)

    Inbox._check_time = check


@fault("OBJ-250")
def ends_five_minutes_late() -> None:
    """The tolerance for clocks that are ahead is given to those that are behind, too."""
    original = Inbox._check_time

    def check(self: Inbox, statement: Statement, now: float | None) -> None:
        ends = statement.expires
        original(self, statement if ends is None else replace(statement, expires=ends + 300), now)

    Inbox._check_time = check


@fault("OBJ-250")
def begins_its_clock_anew_with_its_power() -> None:
    """The date was given once and kept in memory: after a power cut, everything old is young."""
    _at_every_start(lambda keyring: setattr(keyring, "epoch", None))


@fault("OBJ-260")
def takes_what_comes_again() -> None:
    """Objects are signed, so that nobody can have made them twice."""
    Inbox.take = lambda self, statement: None


@fault("OBJ-260")
def remembers_the_last_number_only() -> None:
    """The same twice in a row is refused; the one before that is welcome again."""
    seen = ReplayWindow.seen

    def last(self: ReplayWindow, number: int) -> bool:
        return number == self.state[0] if self.size == inbox.WINDOW else seen(self, number)

    ReplayWindow.seen = last


@fault("OBJ-260")
def refuses_everything_that_comes_late() -> None:
    """Only a higher number is a new one; hops that have no order lose half of what they carry."""
    inbox.WINDOW = 1


@fault("OBJ-260")
def remembers_twice_as_much() -> None:
    """More memory is more safety, and what the next device refuses is taken here."""
    inbox.WINDOW = 128


@fault("OBJ-260")
def remembers_objects_by_their_bytes() -> None:
    """What was taken is remembered by its hash; in another envelope it is another object."""
    judge, taken = Inbox.judge, set()

    def by_bytes(self: Inbox, data: bytes, now: float | None) -> Statement:
        self._taken.clear()
        statement = judge(self, data, now)
        if data in taken:
            raise ProtocolError(Problem.REPLAYED, "OBJ-260")
        taken.add(data)
        return statement

    Inbox.judge = by_bytes


@fault("OBJ-260")
def has_one_window_for_all_senders() -> None:
    """Whoever counts fastest silences everybody else."""
    Inbox._signer = lambda self, statement: b""


@fault("OBJ-260")
def forgets_what_it_took_from_whoever_is_vouched_for_again() -> None:
    """New trust is a new beginning: what was recorded last month is good again."""
    original = Inbox.admit

    def admit(self: Inbox, *keys: Any) -> None:
        original(self, *keys)
        self._taken.clear()

    Inbox.admit = admit


@fault("OBJ-270")
def takes_the_number_before_it_verifies() -> None:
    """The window is moved when the header is read: one forged object silences a sender for good."""
    original = Inbox._believed

    def believed(self: Inbox, signed: Signed, purpose: Purpose | None) -> Statement:
        try:
            return original(self, signed, purpose)
        except ProtocolError as error:
            if error.problem in (Problem.AUTHENTICATION_FAILED, Problem.MISDIRECTED):
                self.take(read_statement(signed))
            raise

    Inbox._believed = believed


@fault("OBJ-270")
def takes_the_number_before_it_reads_the_contents() -> None:
    """Verified is taken; that nothing can be made of it comes out too late for who wants to send it again."""
    original = Inbox.judge

    def judge(self: Inbox, data: bytes, now: float | None) -> Statement:
        statement = original(self, data, now)
        self.take(statement)
        return statement

    Inbox.judge = judge


@fault("OBJ-280")
def forgets_what_it_took_with_its_power() -> None:
    """The window is in memory: whoever can pull the plug can play everything again."""
    _at_every_start(lambda keyring: keyring.inbox._taken.clear())


@fault("OBJ-280")
def keeps_the_highest_number_only() -> None:
    """Flash wears out, so that one number is written; what came late before the power cut comes again after it."""

    def shorten(keyring: Any) -> None:
        for signer, window in keyring.inbox._taken.items():
            kept = ReplayWindow(window.size)
            kept.mark(window.state[0])
            keyring.inbox._taken[signer] = kept

    _at_every_start(shorten)


def _at_every_start(change: Any) -> None:
    """Do something to what a device was given, whenever it gets its power."""
    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Any, **rest: Any) -> None:
        change(keyring)
        original(self, entropy, keyring, **rest)

    Device.__init__ = init
