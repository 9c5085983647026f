"""Faults of whoever takes tokens: which are good, for what, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from picosec.errors import ProtocolError
from picosec.identity import token_issuer
from picosec.identity.scope import Scope
from picosec.identity.token import Redemption, Token
from picosec.identity.token_issuer import Redeemed, TokenIssuer, TokenKey
from picosec.registry import Problem
from picosec.roles.device import Device
from picosec.roles.resources import Access, Reply, Request, Site
from picosec.roles.tokens import REDEEM_PATH, Tokens
from picosec_conformance.faults import fault


@fault("IDN-1440")
def believes_every_token() -> None:
    """Who can seal for the device will have been given one."""
    token_issuer._check_output = lambda key, token: None


@fault("IDN-1440")
def compares_all_but_the_last_byte() -> None:
    """An end that is one too early."""
    original = token_issuer._check_output

    def check(key: TokenKey, token: Token) -> None:
        if key.secret.output(token.nonce)[:-1] != token.output[:-1]:
            original(key, token)

    token_issuer._check_output = check


def _timing(check: Callable[[TokenKey, float | None, str], None]) -> None:
    original = TokenKey.check_time

    def check_time(self: TokenKey, now: float | None, cited: str) -> None:
        (check if cited == "IDN-1450" else original)(self, now, cited)

    TokenKey.check_time = check_time


@fault("IDN-1450")
def takes_tokens_for_ever() -> None:
    """It was looked at when they were made."""
    _timing(lambda self, now, cited: None)


@fault("IDN-1450")
def takes_no_tokens_without_a_clock() -> None:
    """It might be late already: a device that was never told the date takes none for ever."""
    original = TokenKey.check_time
    _timing(lambda self, now, cited: original(self, 1e12 if now is None else now, cited))


def _spending(spend: Callable[[TokenIssuer, Redeemed], None]) -> None:
    TokenIssuer.spend = spend


@fault("IDN-1460")
def forgets_that_a_token_was_spent() -> None:
    """It was taken; what else is there to do?"""
    _spending(lambda self, redeemed: None)


@fault("IDN-1460")
def forgets_spent_tokens_with_its_power() -> None:
    """They are in memory: whoever carries redemptions pulls the plug."""
    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Any, **rest: Any) -> None:
        keyring.issuer._spent.clear()
        original(self, entropy, keyring, **rest)

    Device.__init__ = init


@fault("IDN-1460")
def remembers_the_envelope_and_not_the_token() -> None:
    """The same bytes do not come twice; the same token does."""
    seen: set[bytes] = set()
    judged = TokenIssuer.judge

    def judge(self: TokenIssuer, data: bytes, now: float | None) -> Redeemed:
        digest = sha256(data).digest()
        if digest in seen:
            raise ProtocolError(Problem.SPENT, "IDN-1460")
        redeemed = judged(self, data, now)
        seen.add(digest)
        return redeemed

    TokenIssuer.judge = judge
    _spending(lambda self, redeemed: None)


@fault("IDN-1460")
def remembers_the_last_sixteen_tokens() -> None:
    """Who waits for the seventeenth spends the first again."""
    order: list[bytes] = []

    def spend(self: TokenIssuer, redeemed: Redeemed) -> None:
        order.append(redeemed.redemption.token.nonce)
        self._spent[redeemed.key.name] = set(order[-16:])

    _spending(spend)


@fault("IDN-1460")
def keeps_one_list_for_all_token_keys() -> None:
    """A nonce is a nonce; that two keys make two tokens of it did not occur to anybody."""

    def spend(self: TokenIssuer, redeemed: Redeemed) -> None:
        for key in self.keys.values():
            self._spent.setdefault(key.name, set()).add(redeemed.redemption.token.nonce)

    _spending(spend)


@fault("IDN-1460")
def forgets_spent_tokens_of_a_key_that_is_renamed() -> None:
    """They are kept under the name of the key, and the name is what changes."""
    TokenKey.name = property(lambda self: self.kid)


@fault("IDN-1460")
def forgets_spent_tokens_when_it_gets_keys() -> None:
    """New keys, new tokens, and the old ones again."""
    original = TokenIssuer.admit

    def admit(self: TokenIssuer, keys: Any = (), readers: Any = ()) -> None:
        keys = list(keys)
        for key in keys:
            self._spent.pop(key.name, None)
        original(self, keys, readers)

    TokenIssuer.admit = admit


def _granting(allows: Callable[[Callable[..., bool], Scope, str, int], bool]) -> None:
    original = Scope.allows
    Scope.allows = lambda self, path, code: allows(original, self, path, code)


@fault("IDN-1470")
def spends_tokens_on_anything() -> None:
    """A token is a token."""
    _granting(lambda original, scope, path, code: True)


@fault("IDN-1470")
def grants_every_method_on_a_path() -> None:
    """Who may read the door may open it."""
    _granting(lambda original, scope, path, code: path in scope.methods)


@fault("IDN-1470")
def grants_what_lies_below_a_path() -> None:
    """Paths are compared as far as the shorter one goes."""
    _granting(lambda original, scope, path, code: any(path.startswith(each) for each in scope.methods))


@fault("IDN-1470")
def grants_what_any_key_stands_for() -> None:
    """The scopes of all keys lie in one table."""
    judged = TokenIssuer.judge

    def judge(self: TokenIssuer, data: bytes, now: float | None) -> Redeemed:
        scopes = [key.scope for key in self.keys.values()]
        original = Scope.allows
        Scope.allows = lambda scope, path, code: any(original(each, path, code) for each in scopes)
        try:
            return judged(self, data, now)
        finally:
            Scope.allows = original

    TokenIssuer.judge = judge


@fault("IDN-1480")
def forgets_spent_tokens_to_make_room() -> None:
    """The oldest makes room, as everywhere; and is good again."""
    judged = TokenIssuer.judge

    def judge(self: TokenIssuer, data: bytes, now: float | None) -> Redeemed:
        try:
            return judged(self, data, now)
        except ProtocolError as error:
            if error.problem is not Problem.EXHAUSTED:
                raise
            for nonces in self._spent.values():
                nonces.pop()
            return judged(self, data, now)

    TokenIssuer.judge = judge


@fault("IDN-1480")
def takes_tokens_that_it_cannot_remember() -> None:
    """It is full, and takes them all the same: from then on every token is good for ever."""

    def spend(self: TokenIssuer, redeemed: Redeemed) -> None:
        spent = self._spent.setdefault(redeemed.key.name, set())
        if len(spent) < self.keys[redeemed.key.kid].room:
            spent.add(redeemed.redemption.token.nonce)

    original = TokenIssuer.judge

    def judge(self: TokenIssuer, data: bytes, now: float | None) -> Redeemed:
        rooms = self.keys
        self.keys = {kid: replace(key, room=1 << 20) for kid, key in rooms.items()}
        try:
            return original(self, data, now)
        finally:
            self.keys = rooms

    TokenIssuer.judge = judge
    _spending(spend)


@fault("IDN-1480")
def has_one_room_for_all_token_keys() -> None:
    """One list: when one key is used up, all are."""
    judged = TokenIssuer.judge

    def judge(self: TokenIssuer, data: bytes, now: float | None) -> Redeemed:
        redeemed = judged(self, data, now)
        if sum(map(len, self._spent.values())) >= redeemed.key.room:
            raise ProtocolError(Problem.EXHAUSTED, "IDN-1480")
        return redeemed

    TokenIssuer.judge = judge


def _redeeming(redeem: Callable[[Any, Tokens, Request], Reply]) -> None:
    original = Tokens._redeem
    Tokens._redeem = lambda self, request: redeem(original, self, request)


@fault("IDN-1490")
def takes_tokens_over_channels_only() -> None:
    """Who wants something has to say who he is."""
    original = Tokens.resources

    def resources(self: Tokens) -> Any:
        every = original(self)
        return {**every, REDEEM_PATH: replace(every[REDEEM_PATH], access=Access.CHANNEL)}

    Tokens.resources = resources


@fault("IDN-1490")
def takes_tokens_in_the_open_only() -> None:
    """Who has a channel needs no token; that he may carry one for others did not occur to anybody."""

    def redeem(original: Any, self: Tokens, request: Request) -> Any:
        if request.channel is not None:
            raise ProtocolError(Problem.BAD_REQUEST, "IDN-1490")
        return original(self, request)

    _redeeming(redeem)


@fault("IDN-1490")
def takes_tokens_and_does_nothing() -> None:
    """2.04 said that it was taken, and that is all that was promised."""
    _redeeming(lambda original, self, request: replace(original(self, request), carried=None))


@fault("IDN-1490")
def serves_the_request_of_a_token_as_a_strangers() -> None:
    """The token was looked at, and what it allows was left where it was looked at."""

    def redeem(original: Any, self: Tokens, request: Request) -> Reply:
        reply: Reply = original(self, request)
        return replace(reply, carried=reply.carried and replace(reply.carried, grant=None))

    _redeeming(redeem)


@fault("IDN-1490")
def serves_the_request_of_a_token_twice() -> None:
    """Once when it is read, and once when it is answered."""
    answer = Site.answer

    def twice(self: Site, request: Request) -> Reply:
        if request.grant is not None and request.channel is None:
            answer(self, request)
        return answer(self, request)

    Site.answer = twice


@fault("IDN-1490")
def tells_the_outcome_to_whoever_brought_the_token() -> None:
    """It is meant well: the hub then knows what it was that it carried."""

    def redeem(original: Any, self: Tokens, request: Request) -> Reply:
        reply: Reply = original(self, request)
        return replace(reply, payload=reply.carried.path.encode() if reply.carried else b"")

    _redeeming(redeem)


def _spending_what_is_refused(problem: Problem) -> None:
    """Remember tokens that are refused with one error."""
    shown: list[Token] = []
    decode, judged = Redemption.decode, TokenIssuer.judge

    def decoded(cls: Any, data: bytes) -> Redemption:
        redemption: Redemption = decode(data)
        shown.append(redemption.token)
        return redemption

    def judge(self: TokenIssuer, data: bytes, now: float | None) -> Redeemed:
        try:
            return judged(self, data, now)
        except ProtocolError as error:
            if error.problem is problem:
                self._spent.setdefault(self.keys[shown[-1].kid].name, set()).add(shown[-1].nonce)
            raise

    Redemption.decode = classmethod(decoded)
    TokenIssuer.judge = judge


@fault("IDN-1860")
def spends_a_token_before_it_judges_the_request() -> None:
    """Who asks for too much has to pay for it."""
    _spending_what_is_refused(Problem.FORBIDDEN)


@fault("IDN-1860")
def spends_a_token_that_came_too_late() -> None:
    """It is refused now, and when the key is given a longer life, it was spent."""
    _spending_what_is_refused(Problem.STALE)
