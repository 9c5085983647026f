"""Faults of whoever takes endorsements: forms, signatures, times and order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity import endorsement, endorsements
from picosec.identity.endorsements import Endorsements, HeldEndorsement
from picosec.identity.status_lists import StatusLists
from picosec.objects.signed import Signed
from picosec.registry import Problem
from picosec.roles.endorsing import Endorsing
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Reply, Request
from picosec_conformance.faults import fault


@fault("IDN-2000")
def reads_words_of_any_length() -> None:
    """The block-wise transfer has a limit of its own, so another one is a nuisance."""
    endorsement.MAX_SIZE = 1 << 16


@fault("IDN-2000")
def has_room_for_half_a_word() -> None:
    """A kilobyte was enough for the first customer."""
    endorsement.MAX_SIZE = 1024


@fault("IDN-2010")
def takes_words_of_another_type() -> None:
    """A signature of the endorser's is a signature of the endorser's."""
    endorsement.signer_of = lambda head, kind, requirement: head.entries.get(4, b"")


@fault("IDN-2010")
def passes_over_claims_that_it_does_not_know() -> None:
    """Forward compatibility: some day, somebody will need more of them."""
    original = endorsement._read

    def read(claims: Any) -> Any:
        if type(claims) is dict:
            claims = {label: value for label, value in claims.items() if label in endorsement._FORMS}
        return original(claims)

    endorsement._read = read


@fault("IDN-2010")
def takes_attributes_of_any_form() -> None:
    """They are for programs, which will know what to do with them."""
    endorsement._FORMS[endorsement.CLAIM_ATTRIBUTES] = lambda value: type(value) is dict


@fault("IDN-2010")
def takes_identifiers_of_any_length() -> None:
    """A shorter name matches more."""
    endorsement._FORMS[endorsement.CLAIM_IDENTITY] = lambda value: type(value) is bytes


@fault("IDN-2020")
def verifies_es256_alone() -> None:
    """The guild's key is of a kind that this device does not have."""
    original = Signed.check_algorithm

    def check(self: Signed) -> None:
        original(self)
        if self.headers.entries.get(16) == 65007 and self.headers.entries[1] != -7:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "IDN-2020")

    Signed.check_algorithm = check


@fault("IDN-2020")
def finds_out_by_verifying() -> None:
    """An unknown algorithm makes a signature that does not verify, which is error enough."""

    def check(self: Signed) -> None:
        if self.headers.entries.get(16) == 65007 and self.headers.entries[1] not in (-7, -8):
            raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-2020")

    Signed.check_algorithm = check


@fault("IDN-2030")
def believes_issuers_of_lists_too() -> None:
    """Who may take words back may as well give them."""
    original = Endorsements.judge

    def judge(self: Endorsements, data: bytes, now: float | None) -> HeldEndorsement:
        issuers = self._status._issuers.values()
        kept = self._endorsers
        self._endorsers = {each.kid: endorsements.Endorser(each.kid, each.key) for each in issuers} | kept
        try:
            return original(self, data, now)
        finally:
            self._endorsers = kept

    Endorsements.judge = judge


@fault("IDN-2030")
def tries_its_first_endorser_for_strangers() -> None:
    """The key identifier is a hint, and hints may be wrong: the signature decides, with another error."""
    original = Endorsements.judge

    def judge(self: Endorsements, data: bytes, now: float | None) -> HeldEndorsement:
        try:
            return original(self, data, now)
        except ProtocolError as error:
            if error.problem is Problem.UNKNOWN_CREDENTIAL:
                raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-2040") from error
            raise

    Endorsements.judge = judge


@fault("IDN-2040")
def believes_what_names_an_endorser() -> None:
    """The key identifier is known, and who would lie about that?"""
    original = Signed.verify

    def verify(self: Signed, *rest: Any) -> None:
        if self.headers.entries.get(16) != 65007:
            original(self, *rest)

    Signed.verify = verify


@fault("IDN-2050")
def keeps_words_for_ever() -> None:
    """What was true once was true."""
    original = endorsements._check_dates
    endorsements._check_dates = lambda said, now: original(replace(said, expires=2**64), now)


@fault("IDN-2050")
def takes_words_of_tomorrow() -> None:
    """The endorser's clock is better than ours."""
    original = endorsements._check_dates
    endorsements._check_dates = lambda said, now: original(replace(said, issued=0), now)


@fault("IDN-2050")
def has_no_patience_with_clocks() -> None:
    """A second ahead is the future."""
    endorsements.MAX_AHEAD = 0


@fault("IDN-2050")
def takes_1970_for_the_date() -> None:
    """Without a clock, it is the first of January."""
    original = endorsements._check_dates
    endorsements._check_dates = lambda said, now: original(said, 0.0 if now is None else now)


@fault("IDN-2060")
def goes_by_the_last_that_came() -> None:
    """What is handed over later was said later."""
    original = Endorsements.judge

    def judge(self: Endorsements, data: bytes, now: float | None) -> HeldEndorsement:
        kept, self._held = self._held, {}
        try:
            return original(self, data, now)
        finally:
            self._held = kept

    Endorsements.judge = judge


@fault("IDN-2060")
def has_one_order_for_all() -> None:
    """The newest word of anybody is the newest word."""
    original = Endorsements.judge

    def judge(self: Endorsements, data: bytes, now: float | None) -> HeldEndorsement:
        judged = original(self, data, now)
        if any(each.said.issued > judged.said.issued for each in self._held.values()):
            raise ProtocolError(Problem.STALE, "IDN-2060")
        return judged

    Endorsements.judge = judge


@fault("IDN-2070")
def looks_at_lists_at_the_door_only() -> None:
    """A withdrawn word is taken, and will be found out when it is used."""
    original = Endorsements.judge

    def judge(self: Endorsements, data: bytes, now: float | None) -> HeldEndorsement:
        kept, self._status = self._status, StatusLists()
        self._status.check = lambda cred, now: None
        try:
            return original(self, data, now)
        finally:
            self._status = kept

    Endorsements.judge = judge


@fault("IDN-2080")
def takes_words_over_channels_only() -> None:
    """Who has no channel has nobody to vouch for; and nobody gets his first channel."""
    original = Endorsing.resource
    Endorsing.resource = lambda self: replace(original(self), access=Access.CHANNEL)


@fault("IDN-2080")
def refuses_a_word_that_it_has() -> None:
    """The same again is a replay; and the second carrier believes that the device has none."""
    original = Endorsing._post

    def post(self: Endorsing, request: Request) -> Reply:
        before = self._endorsements.state()[2]
        reply = original(self, request)
        if before == self._endorsements.state()[2]:
            raise ProtocolError(Problem.REPLAYED, "IDN-2080")
        return reply

    Endorsing._post = post


@fault("IDN-2090")
def forgets_words_with_its_power() -> None:
    """They are in memory; whoever needs them will bring them again, and so will who had older ones."""
    from picosec.roles.device import Device

    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Keyring, *rest: Any, **named: Any) -> None:
        keyring.endorsements._held.clear()
        original(self, entropy, keyring, *rest, **named)

    Device.__init__ = init


@fault("IDN-2100")
def has_room_for_eight() -> None:
    """Nobody has more endorsers than fingers of one hand."""
    endorsements.MAX_HELD = 8


@fault("IDN-2100")
def lets_the_oldest_go() -> None:
    """A queue is simplest, and what came first goes first, used or not."""
    original = Endorsements.check

    def check(self: Endorsements, identity: bytes, now: float | None) -> None:
        kept = dict(self._held)
        original(self, identity, now)
        self._held = kept

    Endorsements.check = check
