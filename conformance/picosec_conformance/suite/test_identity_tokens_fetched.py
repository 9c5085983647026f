"""Anonymous tokens fetched and spent by the target: what it believes of an issuer, and what it shows of itself."""

from __future__ import annotations

import random
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.crypto.p256 import encode_point
from picosec.crypto.voprf import blind
from picosec.messaging import problem
from picosec.messaging.cbor import dumps
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_PROBLEM_DETAILS, Problem
from picosec_conformance.control import Control
from picosec_conformance.issuing import Asked, Issuing
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target
from picosec_conformance.tokens import MOST, NO_POINTS, TokenKey

pytestmark = pytest.mark.needs(CONTROL, "identity.tokens.client", "channel.oscore.client", "channel.oscore.server")


@pytest.mark.requirement("IDN-1800")
@pytest.mark.parametrize("count", [1, 2, MOST])
def test_tokens_of_an_honest_issuer_are_taken(issuing: Issuing, count: int) -> None:
    """And each is good: the redemption shows it."""
    assert issuing.gives(count) == count
    shown = [issuing.spends() for _ in range(count)]

    assert len({one.nonce for one in shown}) == count
    assert not issuing.left()


@pytest.mark.requirement("IDN-1800")
def test_tokens_of_two_keys_are_kept_apart(issuing: Issuing) -> None:
    """One key for the laundry, one for the sauna."""
    assert issuing.gives(2) == 2
    assert issuing.gives(1, issuing.other) == 1
    assert issuing.gives(1) == 3

    issuing.spends(key=issuing.other)
    assert not issuing.left(issuing.other)


@pytest.mark.requirement("IDN-1800")
def test_key_for_one_person_is_noticed(issuing: Issuing) -> None:
    """The issuer uses another key for this flat, and proves that: in the laundry, it would know the flat again."""
    asked = issuing.asked(2)
    own = TokenKey(issuing.key.kid, bytes(1) + issuing.rng.randbytes(31))

    assert issuing.fails(asked, dumps(list(issuing.evaluated(asked, own)))) == "authentication_failed"


@pytest.mark.requirement("IDN-1800")
def test_key_of_another_name_is_noticed(issuing: Issuing) -> None:
    """It is a key that the target knows, and not the one that it asked for."""
    asked = issuing.asked()
    response = dumps(list(issuing.evaluated(asked, issuing.other)))

    assert issuing.fails(asked, response) == "authentication_failed"


def wrong_answers(issuing: Issuing, asked: Asked) -> dict[str, list[Any]]:
    """Return answers that a careless client would take."""
    elements, proof = issuing.evaluated(asked)
    others, _proof = issuing.evaluated(asked, issuing.other)
    c, s = proof[:32], proof[32:]
    return {
        "permuted": [[elements[1], elements[0], *elements[2:]], proof],
        "one-of-another-key": [[*elements[:-1], others[-1]], proof],
        "first-of-another-key": [[others[0], *elements[1:]], proof],
        "negated": [[bytes([elements[0][0] ^ 1]) + elements[0][1:], *elements[1:]], proof],
        "as-they-came": [list(asked.blinded), proof],
        "all-the-same": [[elements[0]] * len(elements), proof],
        "challenge": [elements, bytes([c[0] ^ 1]) + c[1:] + s],
        "answer": [elements, c + s[:-1] + bytes([s[-1] ^ 1])],
        "zeros": [elements, bytes(64)],
        "swapped": [elements, s + c],
        "challenge-beyond": [elements, P256_ORDER.to_bytes(32, "big") + s],
        "answer-beyond": [elements, c + b"\xff" * 32],
    }


@pytest.mark.requirement("IDN-1800")
@pytest.mark.parametrize(
    "wrong",
    [
        "permuted",
        "one-of-another-key",
        "first-of-another-key",
        "negated",
        "as-they-came",
        "all-the-same",
        "challenge",
        "answer",
        "zeros",
        "swapped",
        "challenge-beyond",
        "answer-beyond",
    ],
)
def test_answer_without_a_proof_is_refused(issuing: Issuing, wrong: str) -> None:
    """Elements in another order tell the issuer later who had which; one of another key tells it at once."""
    asked = issuing.asked(3)
    assert issuing.fails(asked, dumps(wrong_answers(issuing, asked)[wrong])) == "authentication_failed"


@pytest.mark.requirement("IDN-1800")
def test_proof_of_another_answer_is_refused(issuing: Issuing) -> None:
    """It was good for the elements of yesterday."""
    first = issuing.asked()
    _elements, old = issuing.evaluated(first)
    issuing.fails(first, dumps([[], old]))
    asked = issuing.asked()
    elements, _proof = issuing.evaluated(asked)

    assert issuing.fails(asked, dumps([elements, old])) == "authentication_failed"


FORMS: dict[str, Any] = {
    "nothing": lambda elements, proof: b"",
    "cut": lambda elements, proof: dumps([elements, proof])[:-1],
    "surplus": lambda elements, proof: dumps([elements, proof]) + b"\x00",
    "no-proof": lambda elements, proof: [elements],
    "more": lambda elements, proof: [elements, proof, 0],
    "proof-cut": lambda elements, proof: [elements, proof[:-1]],
    "proof-in-two": lambda elements, proof: [elements, [proof[:32], proof[32:]]],
    "proof-as-text": lambda elements, proof: [elements, "p" * 64],
    "no-elements": lambda elements, proof: [[], proof],
    "fewer": lambda elements, proof: [elements[:-1], proof],
    "one-more": lambda elements, proof: [[*elements, elements[0]], proof],
    "element-cut": lambda elements, proof: [[*elements[:-1], elements[-1][:-1]], proof],
    "element-as-text": lambda elements, proof: [[*elements[:-1], "x" * 33], proof],
    "elements-in-one": lambda elements, proof: [b"".join(elements), proof],
}


@pytest.mark.requirement("IDN-1810")
@pytest.mark.parametrize("form", FORMS)
def test_answer_of_another_form_is_refused(issuing: Issuing, form: str) -> None:
    """A short answer gives some tokens, and leaves open which."""
    asked = issuing.asked(2)
    made = FORMS[form](*issuing.evaluated(asked))

    assert issuing.fails(asked, made if isinstance(made, bytes) else dumps(made)) == "malformed"


@pytest.mark.requirement("IDN-1810")
def test_refusal_is_passed_on(issuing: Issuing) -> None:
    """The allowance is used up: whoever made the target ask learns why there are no tokens."""
    asked = issuing.asked()
    refusal = problem.response(Problem.EXHAUSTED)
    name = issuing.fails(asked, refusal.payload, code=refusal.code, content_format=CONTENT_FORMAT_PROBLEM_DETAILS)

    assert name == "exhausted"


@pytest.mark.requirement("IDN-1810")
def test_answer_of_another_format_is_refused(issuing: Issuing) -> None:
    """What is not announced as tokens is not tried as such."""
    asked = issuing.asked()
    assert issuing.fails(asked, dumps(list(issuing.evaluated(asked))), content_format=CONTENT_FORMAT_CBOR) == "refused"


@pytest.mark.requirement("IDN-1820")
@pytest.mark.parametrize("element", NO_POINTS)
@pytest.mark.parametrize("place", [0, 1])
def test_answer_that_is_no_point_is_refused(issuing: Issuing, element: str, place: int) -> None:
    """Taken off a curve with few points, the hiding gives away its own scalar."""
    asked = issuing.asked(2)
    elements, proof = issuing.evaluated(asked)
    elements[place] = NO_POINTS[element]

    assert issuing.fails(asked, dumps([elements, proof])) == "bad_key"


# -- what the target shows of itself ---------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1830")
@pytest.mark.parametrize("rebooted", [False, True])
def test_every_token_is_hidden_anew(issuing: Issuing, rebooted: bool) -> None:
    """Elements that come back tell the issuer that it is the same flat as last week."""
    blinded: list[bytes] = []
    nonces: list[bytes] = []
    for _ in range(2):
        asked = issuing.asked(3)
        blinded += asked.blinded
        issuing.answer(asked, dumps(list(issuing.evaluated(asked))))
        nonces += [issuing.spends().nonce for _ in range(3)]
        if rebooted:
            issuing.control.reboot()
            issuing.connect()

    assert len(set(blinded)) == len(blinded) == 6
    assert len(set(nonces)) == len(nonces) == 6


@pytest.mark.requirement("IDN-1830")
def test_blinds_are_no_function_of_the_nonces(issuing: Issuing) -> None:
    """The issuer multiplies what it sees in a redemption with what it can guess, and compares: nothing matches."""
    asked = issuing.asked(4)
    issuing.answer(asked, dumps(list(issuing.evaluated(asked))))
    nonces = [issuing.spends().nonce for _ in range(4)]

    guesses = [1, 2, P256_ORDER - 1]
    for guess in (*nonces, *(sha256(nonce).digest() for nonce in nonces)):
        guesses.append(int.from_bytes(guess, "big") % P256_ORDER)
    matches = {encode_point(blind(nonce, guess)) for nonce in nonces for guess in guesses}
    assert not matches & set(asked.blinded)


@pytest.mark.requirement("IDN-1830", "IDN-1850")
def test_nothing_of_the_issuing_comes_back(issuing: Issuing) -> None:
    """The issuer kept every byte that it saw and sent, and reads the redemption: there is nothing that it knows."""
    asked = issuing.asked(2)
    elements, proof = issuing.evaluated(asked)
    issuing.answer(asked, dumps([elements, proof]))
    seen = [each[1:] for each in (*asked.blinded, *elements)] + [proof[:32], proof[32:]]

    for shown in (issuing.spends(), issuing.spends()):
        inside = shown.nonce + shown.output
        for part in seen:
            assert not any(part[at : at + 8] in shown.data + inside for at in range(0, 32, 8))


@pytest.mark.requirement("IDN-1840")
def test_token_is_shown_once(issuing: Issuing) -> None:
    """Two redemptions with one token are one that is refused, and two that are of one person."""
    issuing.gives(2)
    shown = [issuing.spends() for _ in range(2)]

    assert shown[0].nonce != shown[1].nonce
    assert not issuing.left()


@pytest.mark.requirement("IDN-1840")
def test_token_is_not_shown_again_after_a_loss_of_power(issuing: Issuing) -> None:
    """Whoever pulls the plug of a phone sees no token twice."""
    issuing.gives(2)
    first = issuing.spends()
    issuing.control.reboot()
    issuing.connect()
    shown = [issuing.spends()] if issuing.gives() > 1 else []

    assert first.nonce not in [each.nonce for each in (*shown, issuing.spends())]


@pytest.mark.requirement("IDN-1850")
@pytest.mark.parametrize("curve", [Curve.P256, Curve.X25519], ids=["p256", "x25519"])
def test_redemption_is_for_the_reader_alone(target: Target, control: Control, rng: random.Random, curve: Curve) -> None:
    """Neither the token nor what it is spent on shows on the way."""
    issuing = Issuing(target, control, rng, curve)
    issuing.gives()
    shown = issuing.spends(dumps("a secret value"))

    for secret in (b"a secret value", b"lamp", shown.nonce, shown.output):
        assert secret not in shown.data


@pytest.mark.requirement("IDN-1850")
@pytest.mark.parametrize("rebooted", [False, True])
def test_every_envelope_has_its_own_key_and_nonce(issuing: Issuing, rebooted: bool) -> None:
    """An ephemeral key that comes back links two redemptions, and with one nonce it opens both."""
    shown = []
    for _ in range(3):
        issuing.gives()
        shown.append(issuing.spends())
        if rebooted:
            issuing.control.reboot()
            issuing.connect()

    assert len({one.iv for one in shown}) == len({one.ephemeral[-2] for one in shown}) == 3
    assert all(one.data != other.data for one, other in pairwise(shown))
