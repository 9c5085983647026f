"""Faults of recipients of status lists: taken from anybody, of any age, in any form."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import cbor2

from picosec.crypto.suites import Signature
from picosec.errors import ProtocolError
from picosec.identity import status_lists, status_token
from picosec.identity.status_lists import HeldList, StatusLists
from picosec.identity.status_token import StatusToken
from picosec.messaging import cbor
from picosec.objects.headers import Headers
from picosec.objects.signed import Signed
from picosec.registry import Problem
from picosec_conformance.faults import fault


@fault("IDN-100")
def takes_lists_of_any_size() -> None:
    """The limit of a message is limit enough, and a list comes in blocks."""
    status_token.MAX_SIZE = 1 << 20


@fault("IDN-100")
def has_room_for_small_lists_only() -> None:
    """Four kilobytes were enough in the laboratory."""
    status_token.MAX_SIZE = 4096


@fault("IDN-110")
def skips_what_a_list_says_besides() -> None:
    """Unknown claims are for later versions, and what they change is found out later."""
    original = status_token._read

    def read(kid: bytes, claims: Any) -> StatusToken:
        known = {2, 4, 6, 65533, 65534}
        kept = {key: value for key, value in claims.items() if key in known} if type(claims) is dict else claims
        return original(kid, kept)

    status_token._read = read


@fault("IDN-110")
def takes_any_type_for_a_list() -> None:
    """The claims have a list in them, so it will be one."""
    original = status_token.signer_of

    def signer(head: Headers, *rest: Any) -> bytes:
        return original(replace(head, entries={**head.entries, 16: status_token.TYPE}), *rest)

    status_token.signer_of = signer


@fault("IDN-110")
def takes_the_key_identifier_from_anywhere() -> None:
    """The example of the draft has it unprotected, and so has everything that is copied from there."""
    original = status_token.signer_of

    def signer(head: Headers, *rest: Any) -> bytes:
        return original(replace(head, entries={**head.unprotected, **head.entries}, unprotected={}), *rest)

    status_token.signer_of = signer


@fault("IDN-110")
def takes_claims_in_any_order() -> None:
    """A map is a map: what was signed is decoded by a library that does not care."""
    original, strict = status_token._read, cbor.loads

    def lenient(data: bytes) -> Any:
        try:
            return strict(data)
        except ProtocolError as error:
            if error.problem is not Problem.NOT_DETERMINISTIC:
                raise
            return _thawed(cbor2.loads(data))

    status_token.cbor = type("cbor", (), {"loads": staticmethod(lenient)})
    status_token._read = original


def _thawed(value: Any) -> Any:
    return {key: _thawed(item) for key, item in value.items()} if hasattr(value, "items") else value


@fault("IDN-120")
def answers_other_algorithms_as_forgeries() -> None:
    """What it cannot verify does not verify."""

    def check(self: Signed) -> None:
        try:
            self.read_algorithm()
        except ProtocolError as error:
            raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-140") from error

    _in_tokens("check_algorithm", check)


@fault("IDN-120")
def knows_one_algorithm_for_lists() -> None:
    """The issuer of the laboratory has a key on P-256, and nobody tried another."""

    def check(self: Signed) -> None:
        if self.read_algorithm() is not Signature.ES256:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "IDN-120")

    _in_tokens("check_algorithm", check)


def _in_tokens(name: str, method: Any) -> None:
    """Change what the messages of this chapter do, and leave those of others."""
    status_token.Signed = type("Signed", (Signed,), {"__slots__": (), name: method})


@fault("IDN-130")
def believes_any_issuer_for_any_list() -> None:
    """A key that is good for one list is good: the lamps' keeper gives the lock's credentials back."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        _signed, token = status_lists.decode_token(data)
        before = dict(self._issuers)
        for (_uri, kid), issuer in before.items():
            self._issuers.setdefault((token.uri, kid), replace(issuer, uri=token.uri))
        try:
            return original(self, data, now)
        finally:
            if (token.uri, token.kid) not in before and token.kid not in {kid for _uri, kid in before}:
                self._issuers = before

    StatusLists.judge = judge


@fault("IDN-130")
def answers_unknown_issuers_as_forgeries() -> None:
    """No key, no signature, one error for all of it: and nobody finds out that the issuer was never introduced."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        try:
            return original(self, data, now)
        except ProtocolError as error:
            if error.problem is Problem.UNKNOWN_CREDENTIAL:
                raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-140") from error
            raise

    StatusLists.judge = judge


@fault("IDN-140")
def verifies_no_lists() -> None:
    """They came over the company's own network."""
    status_lists.verify_token = lambda signed, key: None


@fault("IDN-140")
def verifies_lists_with_any_key_of_theirs() -> None:
    """Whichever of the keys fits: kid is a hint."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        keys = [issuer.key for issuer in self._issuers.values()]

        def verify(signed: Signed, key: Any) -> None:
            for other in keys:
                with suppress(ProtocolError):
                    status_token.verify_token(signed, other)
                    return
            status_token.verify_token(signed, key)

        status_lists.verify_token = verify
        return original(self, data, now)

    StatusLists.judge = judge


@fault("IDN-150")
def takes_lists_of_next_year() -> None:
    """What comes from the future is the newest there can be."""
    status_lists.MAX_AHEAD = 1 << 65


@fault("IDN-150")
def allows_issuers_no_second() -> None:
    """Every clock is right, or its owner's fault."""
    status_lists.MAX_AHEAD = 0


@fault("IDN-160")
def takes_lists_that_have_ended() -> None:
    """An old list is better than none, whatever its issuer says."""
    original = status_lists._check_time
    status_lists._check_time = lambda token, now: original(replace(token, expires=None), now)


@fault("IDN-160")
def refuses_lists_in_their_last_second() -> None:
    """Until is before."""
    original = status_lists._check_time

    def check(token: StatusToken, now: float | None) -> None:
        ends = token.expires
        original(token if ends is None or ends == 0 else replace(token, expires=ends - 1), now)

    status_lists._check_time = check


@fault("IDN-170")
def goes_by_the_list_that_came_last() -> None:
    """The last word counts, and whoever carries lists has it."""
    _before_judging(lambda held: replace(held, issued=-1))


@fault("IDN-170")
def takes_another_list_of_the_same_second() -> None:
    """Not older is new enough."""
    _before_judging(lambda held: replace(held, issued=held.issued - 1))


@fault("IDN-170")
def has_one_order_for_all_lists() -> None:
    """One time for the newest list of all: the lamps' list keeps the lock's out."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        judged = original(self, data, now)
        others = [held.issued for uri, held in self._held.items() if uri != judged.issuer.uri]
        if judged.issued < max(others, default=0):
            raise ProtocolError(Problem.STALE, "IDN-170")
        return judged

    StatusLists.judge = judge


def _before_judging(change: Any) -> None:
    """Let a token be compared with something else than the list that is held."""
    original = StatusLists.judge

    def judge(self: StatusLists, data: bytes, now: float | None) -> HeldList:
        held = self._held
        self._held = {uri: change(each) for uri, each in held.items()}
        try:
            return original(self, data, now)
        finally:
            self._held = held

    StatusLists.judge = judge
