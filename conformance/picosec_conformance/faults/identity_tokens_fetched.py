"""Faults of clients of anonymous tokens: what they believe of an issuer, and by what they are known again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import count, permutations
from typing import Any

from picosec.crypto.curves import P256_ORDER
from picosec.crypto.p256 import GENERATOR, Point
from picosec.crypto.voprf import Evaluation, blind
from picosec.errors import ProtocolError
from picosec.identity import token, token_purse, token_sealing
from picosec.identity.token_purse import Fetching, Purse
from picosec.messaging import cbor
from picosec.objects import sealed
from picosec.registry import Problem
from picosec.roles import fetching
from picosec.roles.device import Device
from picosec_conformance.faults import fault


def _verifying(attempt: Callable[[Any, Any, Any, Evaluation], bool]) -> None:
    """Believe a proof when it verifies, or when ``attempt`` says so."""
    original = token_purse.verify

    def verify(public: Any, blinded: Any, evaluation: Evaluation, requirement: str) -> None:
        try:
            original(public, blinded, evaluation, requirement)
        except ProtocolError:
            if not attempt(original, public, blinded, evaluation):
                raise

    token_purse.verify = verify


def _holds(verify: Any, public: Any, blinded: Any, evaluation: Evaluation) -> bool:
    try:
        verify(public, blinded, evaluation, "IDN-1800")
    except ProtocolError:
        return False
    return True


@fault("IDN-1800")
def believes_every_issuer() -> None:
    """The channel says who it is, so it will have used its key."""
    _verifying(lambda original, public, blinded, evaluation: True)


@fault("IDN-1800")
def believes_a_proof_by_any_key_that_it_knows() -> None:
    """Both public keys were given to it by the same hand."""
    known: dict[bytes, Point] = {}
    admit = Purse.admit

    def admitted(self: Purse, sources: Any) -> None:
        admit(self, sources)
        known.update((kid, source.public) for kid, source in self.sources.items())

    Purse.admit = admitted
    _verifying(
        lambda original, public, blinded, evaluation: any(
            _holds(original, other, blinded, evaluation) for other in known.values()
        )
    )


@fault("IDN-1800")
def believes_a_proof_in_any_order() -> None:
    """They are all of one key, so which is which does not matter: to the issuer it does."""

    def attempt(original: Any, public: Any, blinded: Any, evaluation: Evaluation) -> bool:
        if len(blinded) > 3:
            return False
        orders = permutations(evaluation.elements)
        return any(_holds(original, public, blinded, replace(evaluation, elements=order)) for order in orders)

    _verifying(attempt)


@fault("IDN-1800")
def looks_at_the_challenge_alone() -> None:
    """A proof begins with a number that is not 0; the rest is calculated where there is time."""
    _verifying(lambda original, public, blinded, evaluation: evaluation.proof[32:] != bytes(32))


@fault("IDN-1800")
def throws_good_tokens_away_that_came_later() -> None:
    """There is room for one answer, and the next takes its place."""
    put = Purse.put

    def replaced(self: Purse, tokens: Any) -> None:
        tokens = list(tokens)
        self._tokens.pop(tokens[0].kid, None)
        put(self, tokens)

    Purse.put = replaced


def _reading(read: Callable[[list[Any], int], Any]) -> None:
    """Read answers otherwise: ``read`` returns elements and a proof, or None for what is none."""
    original = token_purse.decode_response

    def decode(data: bytes, number: int) -> Evaluation:
        try:
            return original(data, number)
        except ProtocolError as error:
            if error.problem is not Problem.MALFORMED:
                raise
            value = cbor.loads(data)
            found = read(value, number) if isinstance(value, list) else None
            if found is None:
                raise
            return original(cbor.dumps(list(found)), len(found[0]))

    token_purse.decode_response = decode


@fault("IDN-1810")
def overlooks_more_in_an_answer() -> None:
    """What stands behind the proof is for later versions."""
    _reading(lambda value, number: value[:2] if len(value) > 2 else None)


@fault("IDN-1810")
def overlooks_elements_that_it_did_not_ask_for() -> None:
    """A gift; and the proof is then looked at for those that were asked for."""
    _reading(lambda value, number: [value[0][:number], value[1]] if len(value[0]) > number else None)


@fault("IDN-1810")
def says_that_nobody_answered_when_it_is_refused() -> None:
    """Only tokens are an answer."""
    evaluated = fetching._evaluated

    def read(outcome: Any) -> bytes:
        try:
            return evaluated(outcome)
        except ProtocolError as error:
            raise ProtocolError(Problem.TIMEOUT, error.requirement) from error

    fetching._evaluated = read


@fault("IDN-1820")
def takes_infinity_out_of_an_answer() -> None:
    """The library has a form for it, and calculates with it; that the proof fails comes to the same."""
    original = token.decode_point

    def decode_point(data: bytes, requirement: str) -> Point:
        return GENERATOR if not any(data) else original(data, requirement)

    token.decode_point = decode_point


@fault("IDN-1820")
def finds_that_points_are_missing_by_the_proof() -> None:
    """What is no point is taken for another one, and then the proof does not verify."""
    original = token.decode_point

    def decode_point(data: bytes, requirement: str) -> Point:
        try:
            return original(data, requirement)
        except ProtocolError:
            return GENERATOR

    token.decode_point = decode_point


def _drawing(draw: Callable[[Any, int], list[tuple[bytes, int]]]) -> None:
    """Draw nonces and blinds otherwise."""

    def begun(source: Any, number: int, entropy: Any) -> Fetching:
        drawn = draw(entropy, number)
        nonces, blinds = zip(*drawn, strict=True)
        return Fetching(source, nonces, blinds, tuple(blind(nonce, scalar) for nonce, scalar in drawn))

    fetching.fetching = begun


def _scalar(data: bytes) -> int:
    return int.from_bytes(sha256(data).digest(), "big") % (P256_ORDER - 1) + 1


@fault("IDN-1830")
def hides_tokens_behind_one() -> None:
    """It was there for the test vectors: multiplied with one, a token hides behind nothing."""
    _drawing(lambda entropy, number: [(entropy(32), 1) for _ in range(number)])


@fault("IDN-1830")
def hides_tokens_behind_their_nonces() -> None:
    """The nonce is random, and saves drawing once more; the issuer sees it later, and calculates."""

    def draw(entropy: Any, number: int) -> list[tuple[bytes, int]]:
        nonces = [b"\x00" + entropy(31) for _ in range(number)]
        return [(nonce, int.from_bytes(nonce, "big")) for nonce in nonces]

    _drawing(draw)


@fault("IDN-1830")
def hides_tokens_behind_a_hash_of_their_nonces() -> None:
    """So that nothing but the nonce has to be kept; and nothing else has to be known."""

    def draw(entropy: Any, number: int) -> list[tuple[bytes, int]]:
        nonces = [entropy(32) for _ in range(number)]
        return [(nonce, int.from_bytes(sha256(nonce).digest(), "big") % P256_ORDER) for nonce in nonces]

    _drawing(draw)


@fault("IDN-1830")
def draws_one_nonce_for_a_request() -> None:
    """Blinds are drawn for each; the issuer cannot see that what they hide is the same."""

    def draw(entropy: Any, number: int) -> list[tuple[bytes, int]]:
        nonce = entropy(32)
        return [(nonce, _scalar(entropy(32))) for _ in range(number)]

    _drawing(draw)


@fault("IDN-1830")
def begins_its_nonces_anew_with_its_power() -> None:
    """A counter never repeats, until the power fails."""
    numbers = [count()]
    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Any, **rest: Any) -> None:
        numbers[0] = count()
        original(self, entropy, keyring, **rest)

    Device.__init__ = init

    def draw(entropy: Any, number: int) -> list[tuple[bytes, int]]:
        nonces = [sha256(str(next(numbers[0])).encode()).digest() for _ in range(number)]
        return [(nonce, _scalar(entropy(32))) for nonce in nonces]

    _drawing(draw)


@fault("IDN-1840")
def keeps_a_token_when_it_has_shown_it() -> None:
    """It is taken out when somebody says that it was taken; nobody does."""
    redeem = Purse.redeem

    def redeemed(self: Purse, kid: bytes, request: Any, entropy: Any) -> bytes:
        before = list(self._tokens.get(kid, ()))
        made = redeem(self, kid, request, entropy)
        self._tokens[kid] = before
        return made

    Purse.redeem = redeemed


@fault("IDN-1840")
def finds_spent_tokens_again_with_its_power() -> None:
    """What came is stored when it comes, and what went is not."""
    stored: dict[bytes, list[Any]] = {}
    put, original = Purse.put, Device.__init__

    def kept(self: Purse, tokens: Any) -> None:
        tokens = list(tokens)
        for each in tokens:
            stored.setdefault(each.kid, []).append(each)
        put(self, tokens)

    def init(self: Device, entropy: Any, keyring: Any, **rest: Any) -> None:
        keyring.purse._tokens = {kid: list(tokens) for kid, tokens in stored.items()} if keyring.purse._tokens else {}
        original(self, entropy, keyring, **rest)

    Purse.put = kept
    Device.__init__ = init


def _entropy(drawn: Callable[[int, Any], bytes]) -> None:
    """Seal redemptions with other entropy: ``drawn`` gets how many bytes are wanted, and the good source."""
    original = token_purse.seal_redemption
    token_purse.seal_redemption = lambda redemption, reader, kid, vault, entropy: original(
        redemption, reader, kid, vault, lambda size: drawn(size, entropy)
    )


@fault("IDN-1850")
def seals_every_redemption_with_one_key() -> None:
    """An ephemeral key takes a multiplication; this one is made when the device is."""
    _entropy(lambda size, entropy: b"\x11" * 32 if size == 32 else entropy(size))


@fault("IDN-1850")
def seals_every_redemption_with_one_nonce() -> None:
    """The key is another one each time, says the book, so the nonce need not be."""
    _entropy(lambda size, entropy: entropy(size) if size == 32 else bytes(size))


@fault("IDN-1850")
def seals_redemptions_as_objects() -> None:
    """One envelope for everything: what is inside will show what it is."""
    original = token_sealing.headers
    token_sealing.headers = lambda entries, unprotected=None: original({**entries, 16: 65002}, unprotected)


@fault("IDN-1850")
def does_not_name_the_reader_in_the_derivation() -> None:
    """It is in the header, which is authenticated; and the two ends derive different keys."""
    original = sealed.seal_to

    def seal_to(*parts: Any, party_v: Any = None, **rest: Any) -> Any:
        return original(*parts, **rest)

    token_sealing.seal_to = seal_to


@fault("IDN-1850")
def names_the_token_in_the_open() -> None:
    """The hub is to see that nothing is spent twice."""
    original = token_sealing.headers

    def headers(entries: Any, unprotected: Any = None) -> Any:
        return original(entries, {**(unprotected or {}), 99: b"token"})

    token_sealing.headers = headers
