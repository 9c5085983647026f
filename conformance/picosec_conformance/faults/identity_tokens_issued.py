"""Faults of issuers of anonymous tokens: whom they give them to, how many, and what their proofs give away."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from itertools import count
from typing import Any

from picosec.crypto.curves import P256_ORDER
from picosec.crypto.p256 import GENERATOR, Point
from picosec.crypto.voprf import Evaluation, SecretKey
from picosec.errors import ProtocolError
from picosec.identity import token
from picosec.identity.token import TokenRequest
from picosec.identity.token_issuer import TokenIssuer, TokenKey
from picosec.messaging import cbor
from picosec.registry import Problem
from picosec.roles.device import Device
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Reply, Request
from picosec.roles.tokens import PATH, Tokens
from picosec_conformance.faults import fault


def _at_every_start(change: Any) -> None:
    """Do something to what issuers remember, whenever they get their power."""
    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Any, **rest: Any) -> None:
        change(keyring.issuer)
        original(self, entropy, keyring, **rest)

    Device.__init__ = init


def _asked_by_nobody(self: Tokens, request: Request) -> Reply:
    """Answer a request for tokens, whoever it is from."""
    issuer = self._keyring.issuer
    issued = issuer.evaluate(request.payload, b"nobody", self._date(request.now), self._entropy)
    issuer.count(issued)
    return Reply(0x45, token.encode_response(issued.evaluation), 65009)


@fault("IDN-1300")
def gives_tokens_to_strangers() -> None:
    """They are anonymous, so why should anybody say who he is?"""
    resources, issue = Tokens.resources, Tokens._issue

    def opened(self: Tokens) -> Any:
        every = resources(self)
        return {**every, PATH: replace(every[PATH], access=Access.OPEN)}

    Tokens.resources = opened
    Tokens._issue = lambda self, request: (_asked_by_nobody if request.channel is None else issue)(self, request)


@fault("IDN-1300")
def counts_tokens_that_an_object_asks_for() -> None:
    """It is signed, and that is as good as a channel; that nobody gets the answer is not the issuer's business."""
    issue = Tokens._issue
    Tokens._issue = lambda self, request: (_asked_by_nobody if request.channel is None else issue)(self, request)


@fault("IDN-1310")
def makes_as_many_tokens_as_are_asked_for() -> None:
    """There is a limit to what a message holds, and that is limit enough."""
    token.MAX_COUNT = 1 << 16


@fault("IDN-1310")
def reads_requests_for_tokens_of_any_size() -> None:
    """What is too large will turn out to be wrong."""
    token.MAX_REQUEST = 1 << 20


def _reading(read: Any) -> None:
    """Read requests for tokens otherwise: ``read`` returns a key and elements, or None for what is none."""
    original = TokenRequest.decode

    def decode(cls: Any, data: bytes) -> Any:
        try:
            return original(data)
        except ProtocolError as error:
            if error.problem is not Problem.MALFORMED:
                raise
            found = read(data)
            if found is None:
                raise
            return cls(*found)

    TokenRequest.decode = classmethod(decode)


@fault("IDN-1320")
def overlooks_more_in_a_request_for_tokens() -> None:
    """What stands behind the elements is for later versions."""

    def read(data: bytes) -> Any:
        match cbor.loads(data):
            case [bytes(kid), [bytes(), *_] as blinded, *_] if all(token._is_element(each) for each in blinded):
                return kid, tuple(blinded)
        return None

    _reading(read)


@fault("IDN-1320")
def answers_a_request_for_no_tokens() -> None:
    """No elements, no tokens, and a proof that proves nothing."""

    def read(data: bytes) -> Any:
        match cbor.loads(data):
            case [bytes(kid), []]:
                return kid, (b"\x02" + bytes(31) + b"\x05",)
        return None

    _reading(read)


@fault("IDN-1320")
def leaves_out_elements_that_it_cannot_read() -> None:
    """Some tokens are better than none."""

    def read(data: bytes) -> Any:
        match cbor.loads(data):
            case [bytes(kid), [*blinded]] if any(token._is_element(each) for each in blinded):
                return kid, tuple(each for each in blinded if token._is_element(each))
        return None

    _reading(read)


@fault("IDN-1330")
def makes_tokens_of_the_key_that_it_has() -> None:
    """There was only one when this was written."""
    original = TokenIssuer._key
    TokenIssuer._key = lambda self, kid, requirement: (
        self.keys.get(kid) or next(iter(self.keys.values()), None) or original(self, kid, requirement)
    )


@fault("IDN-1330")
def finds_token_keys_by_their_first_byte() -> None:
    """One byte tells them apart, as long as there are two."""
    original = TokenIssuer._key

    def key(self: TokenIssuer, kid: bytes, requirement: str) -> TokenKey:
        return next((self.keys[name] for name in self.keys if name[:1] == kid[:1]), None) or original(
            self, kid, requirement
        )

    TokenIssuer._key = key


def _timing(requirement: str, check: Any) -> None:
    original = TokenKey.check_time

    def check_time(self: TokenKey, now: float | None, cited: str) -> None:
        (check if cited == requirement else original)(self, now, cited)

    TokenKey.check_time = check_time


@fault("IDN-1340")
def makes_tokens_of_keys_that_have_ended() -> None:
    """They are refused when they are shown; what was paid for them is another matter."""
    _timing("IDN-1340", lambda self, now, cited: None)


@fault("IDN-1340")
def makes_no_tokens_without_a_clock() -> None:
    """It might be late already: a device that was never told the date makes none for ever."""
    original = TokenKey.check_time
    _timing("IDN-1340", lambda self, now, cited: original(self, 1e12 if now is None else now, cited))


@fault("IDN-1350")
def takes_infinity_for_an_element() -> None:
    """The library has a form for it, and calculates with it."""
    original = token.decode_point

    def decode_point(data: bytes, requirement: str) -> Point:
        return GENERATOR if not any(data) else original(data, requirement)

    token.decode_point = decode_point


@fault("IDN-1350")
def takes_what_is_no_point_for_one() -> None:
    """Whoever sends it gets what he deserves; it was only meant as an attack if it works."""
    original = token.decode_point

    def decode_point(data: bytes, requirement: str) -> Point:
        try:
            return original(data, requirement)
        except ProtocolError:
            return GENERATOR

    token.decode_point = decode_point


@fault("IDN-1350")
def looks_at_the_first_element_alone() -> None:
    """The first is decoded to find out whether they are points, the others when they are needed."""
    original = TokenRequest.points

    def points(self: TokenRequest) -> Any:
        first = original(replace(self, blinded=self.blinded[:1]))
        rest = []
        for each in self.blinded[1:]:
            try:
                rest += original(replace(self, blinded=(each,)))
            except ProtocolError:
                rest.append(GENERATOR)
        return [*first, *rest]

    TokenRequest.points = points


@fault("IDN-1360")
def gives_tokens_without_end() -> None:
    """Who is asked, is asked; counting is for later."""
    TokenIssuer._check_allowance = lambda self, key, peer, number: None


@fault("IDN-1360")
def counts_requests_and_not_tokens() -> None:
    """One request, one from the allowance: sixteen for the price of one."""

    def counted(self: TokenIssuer, issued: Any) -> None:
        self._issued.setdefault(issued.key.name, Counter())[issued.peer] += 1

    TokenIssuer.count = counted


@fault("IDN-1360")
def gives_every_channel_an_allowance() -> None:
    """A channel is a peer: ten handshakes, ten times as many tokens."""
    Tokens._peer = lambda self, channel: (
        channel.context.sender_id + channel.context.recipient_id + repr(id(channel)).encode()
    )


@fault("IDN-1360")
def gives_every_credential_an_allowance() -> None:
    """It was renewed on Monday, and with it the week."""
    Keyring.holder = lambda self, peer: peer.cred


@fault("IDN-1360")
def gives_every_key_of_an_identity_an_allowance() -> None:
    """Who rotates is somebody else."""
    Keyring.holder = lambda self, peer: peer.key.x


@fault("IDN-1360")
def counts_for_all_peers_together() -> None:
    """One allowance: who comes first has it all."""
    Tokens._peer = lambda self, channel: b"everybody"


@fault("IDN-1360")
def counts_for_all_token_keys_together() -> None:
    """Who has washed enough gets nothing for the sauna."""
    allowed = TokenIssuer._check_allowance

    def check(self: TokenIssuer, key: TokenKey, peer: bytes, number: int) -> None:
        allowed(self, key, peer, number + sum(each[peer] for name, each in self._issued.items() if name != key.name))

    TokenIssuer._check_allowance = check


@fault("IDN-1360")
def forgets_allowances_with_its_power() -> None:
    """Whoever wants more pulls the plug."""
    _at_every_start(lambda issuer: issuer._issued.clear())


@fault("IDN-1360")
def gives_more_tokens_than_it_can_remember() -> None:
    """Each has his allowance, and how many they are is nobody's business."""

    def check(self: TokenIssuer, key: TokenKey, peer: bytes, number: int) -> None:
        if self._issued.get(key.name, Counter())[peer] + number > key.allowance:
            raise ProtocolError(Problem.EXHAUSTED, "IDN-1360")

    TokenIssuer._check_allowance = check


def _evaluating(evaluate: Any) -> None:
    """Evaluate otherwise: ``evaluate`` gets the original, the key, the elements and the random scalar."""
    original = SecretKey.evaluate_all
    SecretKey.evaluate_all = lambda self, blinded, r: evaluate(original, self, blinded, r)


@fault("IDN-1370")
def gives_a_proof_for_the_first_token_alone() -> None:
    """One was asked for in every example."""

    def evaluate(original: Any, key: SecretKey, blinded: Any, r: int) -> Evaluation:
        return Evaluation(original(key, blinded, r).elements, original(key, blinded[:1], r).proof)

    _evaluating(evaluate)


@fault("IDN-1370")
def gives_tokens_in_another_order() -> None:
    """They come off a stack; and the proof is for those as they came."""

    def evaluate(original: Any, key: SecretKey, blinded: Any, r: int) -> Evaluation:
        done = original(key, blinded, r)
        return Evaluation(done.elements[::-1], done.proof)

    _evaluating(evaluate)


@fault("IDN-1370")
def refuses_an_element_that_comes_twice() -> None:
    """Nobody needs a token twice."""
    original = TokenRequest.points

    def points(self: TokenRequest) -> Any:
        if len(set(self.blinded)) < len(self.blinded):
            raise ProtocolError(Problem.MALFORMED, "IDN-1370")
        return original(self)

    TokenRequest.points = points


@fault("IDN-1380")
def proves_with_a_constant() -> None:
    """It was there for the test vectors."""
    _evaluating(lambda original, key, blinded, r: original(key, blinded, 4711))


@fault("IDN-1380")
def proves_with_a_counter_that_starts_anew() -> None:
    """A counter never repeats, until the power fails."""
    numbers = [count(1)]

    def begin(issuer: TokenIssuer) -> None:
        numbers[0] = count(1)

    _at_every_start(begin)
    _evaluating(lambda original, key, blinded, r: original(key, blinded, next(numbers[0])))


@fault("IDN-1380")
def proves_with_a_function_of_what_it_sees() -> None:
    """Signatures are made like that; but there, the private key goes in as well."""

    def evaluate(original: Any, key: SecretKey, blinded: Any, r: int) -> Any:
        digest = sha256(b"".join(map(token.encode_point, blinded))).digest()
        return original(key, blinded, int.from_bytes(digest, "big") % (P256_ORDER - 1) + 1)

    _evaluating(evaluate)


@fault("IDN-1870")
def counts_what_it_then_refuses() -> None:
    """The allowance is taken when the request comes, and nobody gives it back."""
    original = TokenIssuer.evaluate

    def evaluate(self: TokenIssuer, data: bytes, peer: bytes, now: Any, entropy: Any) -> Any:
        try:
            return original(self, data, peer, now, entropy)
        except ProtocolError as error:
            if error.problem in (Problem.BAD_KEY, Problem.EXHAUSTED):
                request = TokenRequest.decode(data)
                name = self.keys[request.kid].name
                self._issued.setdefault(name, Counter())[peer] += len(request.blinded)
            raise

    TokenIssuer.evaluate = evaluate


@fault("IDN-1870")
def gives_what_is_left() -> None:
    """Two are asked for and one is left: the peer is refused, and the one is gone."""
    original = TokenIssuer._check_allowance

    def check(self: TokenIssuer, key: TokenKey, peer: bytes, number: int) -> None:
        try:
            original(self, key, peer, number)
        except ProtocolError:
            self._issued.setdefault(key.name, Counter())[peer] = key.allowance
            raise

    TokenIssuer._check_allowance = check
