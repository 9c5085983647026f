"""Anonymous tokens taken: once, for what their key stands for, from anybody's hand."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import (
    CONTENT_FORMAT_CBOR,
    CONTENT_FORMAT_COSE_ENCRYPT,
    CONTENT_FORMAT_TOKEN_REDEMPTION,
    RESPONSE_CODE,
    Problem,
)
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier
from picosec_conformance.objects import ALG, CCM_8, CONTENT_TYPE, EPHEMERAL, IV, KID, NOW, TYP
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target
from picosec_conformance.ticketing import PATH, REDEEM, Ticketing
from picosec_conformance.tokens import LARGEST_REDEMPTION, reading, scope, sealed

pytestmark = pytest.mark.needs(CONTROL, "identity.tokens.issuer")


@pytest.mark.requirement("IDN-1490")
@pytest.mark.parametrize("reader", ["p256", "x25519"])
def test_token_is_spent_on_its_request(ticketing: Ticketing, reader: str) -> None:
    """Somebody of the house switches the lamp; the lamp does not learn who."""
    key = ticketing.reader if reader == "p256" else ticketing.second
    ticketing.takes(sealed(key, ticketing.rng, ticketing.contents()))

    assert ticketing.switched() == 1


@pytest.mark.requirement("IDN-1490")
@pytest.mark.needs("channel.oscore.server")
def test_token_that_was_issued_is_taken(ticketing: Ticketing, channel: Channel) -> None:
    """The whole way: hidden, evaluated, shown."""
    (token,) = ticketing.gets(channel)
    ticketing.takes(ticketing.redemption([token.kid, token.nonce, token.output, ticketing.switching()]))

    assert ticketing.switched() == 1


@pytest.mark.requirement("IDN-1490")
@pytest.mark.needs("channel.oscore.server")
def test_redemption_comes_over_a_channel(ticketing: Ticketing, channel: Channel) -> None:
    """A hub with a channel of its own brings what it collected; what it may do itself does not matter."""
    ticketing.takes(ticketing.redemption(), ask=channel.ask)

    assert ticketing.switched() == 1


@pytest.mark.requirement("IDN-1490")
def test_every_token_is_taken_for_itself(ticketing: Ticketing) -> None:
    """Two flats, two tokens, of which neither is in the other's way."""
    for count in (1, 2, 3):
        ticketing.takes(ticketing.redemption())
        assert ticketing.switched() == count


@pytest.mark.requirement("IDN-1490")
def test_nobody_is_told_the_outcome(ticketing: Ticketing) -> None:
    """A token is spent on a lamp that takes no text: 2.04 says that the token was taken."""
    request = [int(Code.PUT), ticketing.lamp, CONTENT_FORMAT_CBOR, dumps("on")]
    ticketing.takes(ticketing.redemption(ticketing.contents(request=request)))

    assert ticketing.switched() == 0


@pytest.mark.requirement("IDN-1490")
def test_only_post_hands_a_redemption_over(ticketing: Ticketing) -> None:
    """There is nothing to read, to replace or to delete."""
    data = ticketing.redemption()
    for code in (Code.GET, Code.PUT, Code.DELETE):
        payload = data if code == Code.PUT else b""
        with ticketing.target.expect_unchanged():
            content_format = CONTENT_FORMAT_TOKEN_REDEMPTION if payload else None
            reply = ticketing.target.request(code, REDEEM, payload, content_format=content_format)
            assert reply.code == Code.METHOD_NOT_ALLOWED
    ticketing.takes(data)


@pytest.mark.requirement("MSG-590")
@pytest.mark.parametrize("content_format", [0, 60, CONTENT_FORMAT_COSE_ENCRYPT])
def test_redemption_of_another_format_is_refused(ticketing: Ticketing, content_format: int) -> None:
    """What is not announced as a redemption is not tried as one."""
    problem = Problem.UNSUPPORTED_FORMAT
    with ticketing.target.expect_unchanged():
        reply = ticketing.hand(ticketing.redemption(), content_format=content_format)
        ticketing.target.expect_refusal(reply, RESPONSE_CODE[problem], problem)


# -- size and form ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1390")
@pytest.mark.needs("messaging.block.server")
def test_largest_redemption_is_taken(ticketing: Ticketing) -> None:
    """4,096 bytes, in blocks; what does not fit the lamp is not the token's fault."""
    ticketing.takes(of_size(ticketing, LARGEST_REDEMPTION))


@pytest.mark.requirement("IDN-1390")
@pytest.mark.needs("messaging.block.server")
def test_larger_redemption_is_refused(ticketing: Ticketing) -> None:
    """One byte more; it would be a good one."""
    ticketing.refuses(of_size(ticketing, LARGEST_REDEMPTION + 1), Problem.TOO_LARGE)


@pytest.mark.requirement("IDN-1390")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("head", [b"", b"\xd8\x60", b"\xff"], ids=bytes.hex)
def test_size_of_a_redemption_is_looked_at_first(ticketing: Ticketing, head: bytes) -> None:
    """Whatever it is: it is not decoded to find out."""
    ticketing.refuses(head + bytes(LARGEST_REDEMPTION + 1 - len(head)), Problem.TOO_LARGE)


def of_size(ticketing: Ticketing, size: int) -> bytes:
    """Return a good redemption of so many bytes."""
    nonce = ticketing.rng.randbytes(32)

    def made(length: int) -> bytes:
        request = [int(Code.PUT), ticketing.lamp, CONTENT_FORMAT_CBOR, bytes(length)]
        return ticketing.redemption(ticketing.contents(request=request, nonce=nonce))

    data = made(3000 + size - len(made(3000)))
    assert len(data) == size
    return data


FORMS: dict[str, Any] = {
    "nothing": lambda data: b"",
    "untagged": lambda data: data[2:],
    "cut": lambda data: data[:-1],
    "surplus": lambda data: data + b"\x00",
    "group": lambda data: b"\xd0" + data[2:],
    "cwt-tag": lambda data: b"\xd8\x3d" + data,
}


@pytest.mark.requirement("IDN-1400")
@pytest.mark.parametrize("form", FORMS)
def test_other_form_of_a_redemption_is_refused(ticketing: Ticketing, form: str) -> None:
    """Whatever somebody finds and hands over."""
    ticketing.refuses(FORMS[form](ticketing.redemption()), Problem.MALFORMED)


HEADERS: dict[str, tuple[dict[int, Any], dict[int, Any], dict[int, Any]]] = {
    "no-algorithm": ({ALG: None}, {}, {}),
    "no-type": ({TYP: None}, {}, {}),
    "type-of-an-object": ({TYP: 65002}, {}, {}),
    "type-as-text": ({TYP: "token"}, {}, {}),
    "no-content-type": ({CONTENT_TYPE: None}, {}, {}),
    "content-type-of-an-object": ({CONTENT_TYPE: 18}, {}, {}),
    "critical": ({2: [1]}, {}, {}),
    "unknown": ({99: 0}, {}, {}),
    "kid-outside": ({KID: b"\x61"}, {}, {}),
    "unknown-unprotected": ({}, {99: 0}, {}),
    "no-nonce": ({}, {IV: None}, {}),
    "nonce-cut": ({}, {IV: bytes(11)}, {}),
    "nonce-as-text": ({}, {IV: "n" * 13}, {}),
    "no-kid": ({}, {}, {KID: None}),
    "empty-kid": ({}, {}, {KID: b""}),
    "long-kid": ({}, {}, {KID: bytes(33)}),
    "kid-as-text": ({}, {}, {KID: "reader"}),
    "no-ephemeral-key": ({}, {}, {EPHEMERAL: None}),
    "unknown-of-the-recipient": ({}, {}, {99: 0}),
}


@pytest.mark.requirement("IDN-1400")
@pytest.mark.parametrize("headers", HEADERS)
def test_headers_outside_the_grammar_are_refused(ticketing: Ticketing, headers: str) -> None:
    """What one device honours and another skips makes one redemption say two things; and what is of another type was
    sealed as something else.
    """
    envelope = ticketing.envelope()
    header, unprotected, reader = HEADERS[headers]
    envelope.header = changed(envelope.header, header)
    envelope.unprotected = changed(envelope.unprotected, unprotected)
    envelope.reader = changed(envelope.reader, reader)

    ticketing.refuses_in(envelope, Problem.MALFORMED)


def changed(before: dict[Any, Any], change: dict[int, Any]) -> dict[Any, Any]:
    """Return a header with some parameters replaced; None leaves one out."""
    return {label: value for label, value in {**before, **change}.items() if value is not None}


CONTENTS: dict[str, Callable[[list[Any]], Any]] = {
    "nothing": lambda parts: b"",
    "no-array": lambda parts: dumps("token"),
    "no-request": lambda parts: parts[:3],
    "more": lambda parts: [*parts, 0],
    "kid-as-text": lambda parts: ["k", *parts[1:]],
    "empty-kid": lambda parts: [b"", *parts[1:]],
    "long-kid": lambda parts: [bytes(33), *parts[1:]],
    "nonce-cut": lambda parts: [parts[0], parts[1][:-1], *parts[2:]],
    "nonce-as-text": lambda parts: [parts[0], "n" * 32, *parts[2:]],
    "output-cut": lambda parts: [*parts[:2], parts[2][:-1], parts[3]],
    "output-as-text": lambda parts: [*parts[:2], "o" * 32, parts[3]],
    "request-as-bytes": lambda parts: [*parts[:3], dumps(parts[3])],
    "request-without-a-code": lambda parts: [*parts[:3], parts[3][1:]],
    "request-with-code-0": lambda parts: [*parts[:3], [0, *parts[3][1:]]],
    "request-with-code-32": lambda parts: [*parts[:3], [32, *parts[3][1:]]],
    "request-with-code-true": lambda parts: [*parts[:3], [True, *parts[3][1:]]],
    "request-with-a-large-format": lambda parts: [*parts[:3], [*parts[3][:2], 65536, parts[3][3]]],
    "surplus": lambda parts: dumps(parts) + b"\x00",
}


@pytest.mark.requirement("IDN-1400")
@pytest.mark.parametrize("contents", CONTENTS)
def test_contents_outside_the_grammar_are_refused(ticketing: Ticketing, contents: str) -> None:
    """It decrypts, and is no token with a request."""
    ticketing.refuses(ticketing.redemption(CONTENTS[contents](ticketing.contents())), Problem.MALFORMED)


@pytest.mark.requirement("MSG-060")
@pytest.mark.parametrize("place", ["outside", "inside"])
def test_redemption_of_another_encoding_is_refused(ticketing: Ticketing, place: str) -> None:
    """An array of indefinite length says the same in other bytes."""
    contents = dumps(ticketing.contents())
    if place == "inside":
        data = ticketing.redemption(b"\x9f" + contents[1:] + b"\xff")
    else:
        data = ticketing.redemption(contents)
        data = data[:2] + b"\x9f" + data[3:] + b"\xff"
    ticketing.refuses(data, Problem.NOT_DETERMINISTIC)


# -- algorithms and keys ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1410")
@pytest.mark.parametrize("algorithm", [1, 24, 30])
def test_every_algorithm_of_the_grammar_is_taken(ticketing: Ticketing, algorithm: int) -> None:
    """Whoever spends a token chooses."""
    ticketing.takes(ticketing.envelope(algorithm).close(dumps(ticketing.contents())))

    assert ticketing.switched() == 1


@pytest.mark.requirement("IDN-1410")
@pytest.mark.parametrize("algorithm", [CCM_8, 3, 5, -7, True, 1.0, "A128GCM"])
def test_other_algorithm_is_refused(ticketing: Ticketing, algorithm: Any) -> None:
    """A tag of eight bytes can be guessed by whoever has years; others do not exist."""
    envelope = ticketing.envelope()
    envelope.header[ALG] = algorithm
    if algorithm == CCM_8 and algorithm is not True:
        envelope = ticketing.envelope(CCM_8)

    ticketing.refuses_in(envelope, Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("IDN-1410")
@pytest.mark.parametrize("algorithm", [-27, -29, -6, True])
def test_other_agreement_is_refused(ticketing: Ticketing, algorithm: Any) -> None:
    """Static keys name who sealed, and what wraps keys has some of its own inside."""
    envelope = ticketing.envelope()
    envelope.agreement = {ALG: algorithm}

    ticketing.refuses_in(envelope, Problem.UNSUPPORTED_ALGORITHM)


@pytest.mark.requirement("IDN-1420")
def test_redemption_for_another_reader_is_refused(ticketing: Ticketing) -> None:
    """It was for the machine next door, which has the same token key."""
    other = reading(b"\x62", Curve.P256, ticketing.reader.private)
    ticketing.refuses(sealed(other, ticketing.rng, ticketing.contents()), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-1420")
@pytest.mark.needs("objects.recipient")
def test_key_for_objects_reads_no_redemption(ticketing: Ticketing) -> None:
    """Keys of different purposes never meet: what one opens, the other does not."""
    courier = Courier(ticketing.target, ticketing.control, ticketing.rng)
    key = reading(courier.reader.kid, courier.reader.curve, courier.reader.private)
    ticketing.refuses(sealed(key, ticketing.rng, ticketing.contents()), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("IDN-1420")
def test_token_of_an_unknown_key_is_refused(ticketing: Ticketing) -> None:
    """Whoever has a key of his own makes as many tokens of that as he likes."""
    contents = ticketing.contents()
    ticketing.refuses(ticketing.redemption([b"\x53", *contents[1:]]), Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("OBJ-160")
@pytest.mark.parametrize("key", [{1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}, {1: 1, -1: 4, -2: bytes(32)}, {}, 0])
def test_ephemeral_key_that_is_none_is_refused(ticketing: Ticketing, key: Any) -> None:
    """No point, another curve than the reader's, or no key at all."""
    envelope = ticketing.envelope()
    closed = envelope.parts(dumps(ticketing.contents()))
    closed[3][0][1] = {KID: ticketing.reader.kid, EPHEMERAL: key}

    ticketing.refuses(b"\xd8\x60" + dumps(closed), Problem.BAD_KEY)


@pytest.mark.requirement("IDN-1430")
@pytest.mark.parametrize("place", [-40, -60, -100], ids=str)
def test_hop_that_changes_a_bit_is_noticed(ticketing: Ticketing, place: int) -> None:
    """The hub would like the lamp to go off."""
    parts = ticketing.envelope().parts(dumps(ticketing.contents()))
    parts[2] = parts[2][:place] + bytes([parts[2][place] ^ 1]) + parts[2][place + 1 :]
    ticketing.refuses(b"\xd8\x60" + dumps(parts), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-1430")
def test_envelope_is_not_swapped(ticketing: Ticketing) -> None:
    """The token of one redemption, around which the hub puts the headers of another."""
    first, second = (ticketing.envelope().parts(dumps(ticketing.contents())) for _ in range(2))
    for mixed in ([*first[:2], *second[2:]], [*first[:3], second[3]]):
        ticketing.refuses(b"\xd8\x60" + dumps(mixed), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-1430")
@pytest.mark.parametrize("wrong", ["key", "party", "context", "external"])
def test_redemption_that_was_sealed_otherwise_is_refused(ticketing: Ticketing, wrong: str) -> None:
    """For another private key, without the reader's name in the derivation, or authenticated as something else."""
    envelope = ticketing.envelope()
    if wrong == "key":
        imposter = reading(ticketing.reader.kid, Curve.P256, bytes(1) + ticketing.rng.randbytes(31))
        ticketing.refuses(sealed(imposter, ticketing.rng, ticketing.contents()), Problem.AUTHENTICATION_FAILED)
        return
    if wrong == "party":
        envelope.party_v = [None, None, None]
    elif wrong == "context":
        envelope.context = "Encrypt0"
    else:
        envelope.external = b"token"
    ticketing.refuses_in(envelope, Problem.AUTHENTICATION_FAILED)


# -- the token -------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1440")
@pytest.mark.parametrize("forgery", ["zeros", "one-bit", "another-nonce", "another-key", "nonce-as-output"])
def test_forged_token_is_refused(ticketing: Ticketing, forgery: str) -> None:
    """Whoever may seal for the device need not have a token: it knows by the output."""
    kid, nonce, output, request = ticketing.contents()
    forged = {
        "zeros": [kid, nonce, bytes(32), request],
        "one-bit": [kid, nonce, output[:-1] + bytes([output[-1] ^ 1]), request],
        "another-nonce": [kid, ticketing.rng.randbytes(32), output, request],
        "another-key": [ticketing.other.kid, nonce, output, request],
        "nonce-as-output": [kid, nonce, nonce, request],
    }
    ticketing.refuses(ticketing.redemption(forged[forgery]), Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-1450")
def test_tokens_end_with_their_key(ticketing: Ticketing) -> None:
    """A hub that kept a redemption until the week was over."""
    ticketing.introduce(ends=NOW + 60)
    kept = ticketing.redemption()
    ticketing.control.advance(60)
    ticketing.takes(ticketing.redemption())
    ticketing.control.advance(1)

    ticketing.refuses(kept, Problem.STALE)


@pytest.mark.requirement("IDN-1450")
def test_without_a_clock_tokens_do_not_end(target: Target, control: Control, rng: random.Random) -> None:
    """A device that was never told the date goes by what it has."""
    ticketing = Ticketing(target, control, rng, date=None)
    ticketing.introduce(ends=1)

    ticketing.takes(ticketing.redemption())


@pytest.mark.requirement("IDN-1460")
@pytest.mark.parametrize("rebooted", [False, True])
def test_redemption_is_not_taken_again(ticketing: Ticketing, rebooted: bool) -> None:
    """The hub hands it over once more, after it has pulled the plug or without."""
    data = ticketing.redemption()
    ticketing.takes(data)
    if rebooted:
        ticketing.control.reboot()

    ticketing.refuses(data, Problem.SPENT)


@pytest.mark.requirement("IDN-1460")
@pytest.mark.parametrize("way", ["request", "reader", "channel"])
def test_token_is_not_taken_in_another_redemption(
    ticketing: Ticketing, way: str, request: pytest.FixtureRequest
) -> None:
    """Whoever had it made two redemptions of it: for other things, other keys, other ways."""
    nonce = ticketing.rng.randbytes(32)
    ticketing.takes(ticketing.redemption(ticketing.contents(nonce=nonce)))
    again = {
        "request": lambda: ticketing.redemption(ticketing.contents(nonce=nonce, request=ticketing.switching(b"\xf4"))),
        "reader": lambda: sealed(ticketing.second, ticketing.rng, ticketing.contents(nonce=nonce)),
        "channel": lambda: ticketing.redemption(ticketing.contents(nonce=nonce)),
    }[way]()

    ticketing.refuses(again, Problem.SPENT)
    if way == "channel" and ticketing.target.manifest.declares("channel.oscore.server"):
        channel: Channel = request.getfixturevalue("channel")
        reply = ticketing.hand(again, ask=channel.ask)
        ticketing.target.expect_refusal(reply, RESPONSE_CODE[Problem.SPENT], Problem.SPENT)
    assert ticketing.switched() == 1


@pytest.mark.requirement("IDN-1460")
def test_old_tokens_stay_spent(ticketing: Ticketing) -> None:
    """Twenty others come in between."""
    data = ticketing.redemption()
    ticketing.takes(data)
    for _ in range(20):
        ticketing.takes(ticketing.redemption())

    ticketing.refuses(data, Problem.SPENT)


@pytest.mark.requirement("IDN-1460")
def test_nonce_is_spent_for_its_key_alone(ticketing: Ticketing) -> None:
    """Two keys, two tokens, whatever they were made from."""
    nonce = ticketing.rng.randbytes(32)
    ticketing.takes(ticketing.redemption(ticketing.contents(nonce=nonce)))
    ticketing.takes(ticketing.redemption(ticketing.contents(ticketing.other, nonce=nonce)))

    assert ticketing.switched() == 2


@pytest.mark.requirement("IDN-1460")
def test_key_that_is_given_again_remembers(ticketing: Ticketing) -> None:
    """Under the same name or another one: spent is spent."""
    nonce = ticketing.rng.randbytes(32)
    ticketing.takes(ticketing.redemption(ticketing.contents(nonce=nonce)))
    ticketing.introduce()
    ticketing.refuses(ticketing.redemption(ticketing.contents(nonce=nonce)), Problem.SPENT)
    ticketing.key.kid = b"another name"
    ticketing.introduce()

    ticketing.refuses(ticketing.redemption(ticketing.contents(nonce=nonce)), Problem.SPENT)


# -- what it is good for ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1470")
@pytest.mark.parametrize("wrong", ["path", "below", "above", "slash", "method", "no-such-method", "nowhere"])
def test_request_outside_the_scope_is_refused(ticketing: Ticketing, wrong: str) -> None:
    """Who may wash may not open the cellar, nor read who washed."""
    code, path, content_format, payload = ticketing.switching()
    requests = {
        "path": [code, ticketing.thermometer, content_format, payload],
        "below": [code, f"{path}/x", content_format, payload],
        "above": [code, path.rpartition("/")[0], content_format, payload],
        "slash": [code, f"{path}/", content_format, payload],
        "method": [int(Code.GET), path, None, b""],
        "no-such-method": [8, path, content_format, payload],
        "nowhere": [code, "", content_format, payload],
    }
    ticketing.refuses(ticketing.redemption(ticketing.contents(request=requests[wrong])), Problem.FORBIDDEN)


@pytest.mark.requirement("IDN-1470")
def test_open_resource_is_within_the_scope_or_not(ticketing: Ticketing) -> None:
    """What anybody may do, nobody needs a token for; a token that is spent on it nevertheless is spent."""
    store = ticketing.target.manifest.resources.put
    request = [int(Code.PUT), store, None, b"kept"]
    ticketing.refuses(ticketing.redemption(ticketing.contents(request=request)), Problem.FORBIDDEN)
    ticketing.introduce(scope=scope(store))

    ticketing.takes(ticketing.redemption(ticketing.contents(request=request)))
    assert ticketing.control.changes(store) == 1


@pytest.mark.requirement("IDN-1470")
def test_every_key_has_a_scope_of_its_own(ticketing: Ticketing) -> None:
    """Of two keys of one device, one is for the lamp."""
    store = ticketing.target.manifest.resources.put
    ticketing.control.provision_tokens(keys=[ticketing.other.entry(scope=scope(store))])
    ticketing.takes(ticketing.redemption())

    ticketing.refuses(ticketing.redemption(ticketing.contents(ticketing.other)), Problem.FORBIDDEN)


@pytest.mark.requirement("IDN-1490")
@pytest.mark.needs("channel.oscore.server")
def test_tokens_buy_no_tokens(ticketing: Ticketing, channel: Channel) -> None:
    """A token whose scope has the issuing itself: nobody is there to take what it gives, and nothing is counted."""
    ticketing.introduce(scope=scope(PATH).replace(b"\x04", b"\x02"), room=4)
    request = [int(Code.POST), PATH, 65008, ticketing.begin().request().encode()]
    ticketing.hand(ticketing.redemption(ticketing.contents(request=request)))

    ticketing.gets(channel, 4)


# -- room, and refusals ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-1480")
@pytest.mark.parametrize("rebooted", [False, True])
def test_no_spent_token_is_forgotten_to_make_room(ticketing: Ticketing, rebooted: bool) -> None:
    """Somebody forged tokens, or another issuer has the key: there are more than there can be."""
    ticketing.introduce(room=2)
    spent = [ticketing.redemption() for _ in range(2)]
    for data in spent:
        ticketing.takes(data)
    if rebooted:
        ticketing.control.reboot()
    ticketing.refuses(ticketing.redemption(), Problem.EXHAUSTED)

    for data in spent:
        ticketing.refuses(data, Problem.SPENT)


@pytest.mark.requirement("IDN-1480")
def test_every_key_has_room_of_its_own(ticketing: Ticketing) -> None:
    """One key that is used up is no reason to refuse another's tokens."""
    ticketing.introduce(room=1)
    ticketing.takes(ticketing.redemption())
    ticketing.refuses(ticketing.redemption(), Problem.EXHAUSTED)

    ticketing.takes(ticketing.redemption(ticketing.contents(ticketing.other)))


@pytest.mark.requirement("IDN-1860")
@pytest.mark.parametrize("reason", ["scope", "room", "ended", "reader"])
def test_refusal_spends_nothing(ticketing: Ticketing, reason: str) -> None:
    """The token is good for what it was good for before."""
    nonce = ticketing.rng.randbytes(32)
    good = ticketing.redemption(ticketing.contents(nonce=nonce))
    if reason == "scope":
        asked = [int(Code.GET), ticketing.lamp, None, b""]
        ticketing.refuses(ticketing.redemption(ticketing.contents(nonce=nonce, request=asked)), Problem.FORBIDDEN)
    elif reason == "room":
        ticketing.introduce(room=1)
        ticketing.takes(ticketing.redemption())
        ticketing.refuses(good, Problem.EXHAUSTED)
        ticketing.introduce()
    elif reason == "ended":
        ticketing.introduce(ends=NOW - 1)
        ticketing.refuses(good, Problem.STALE)
        ticketing.introduce()
    else:
        other = reading(b"\x62", Curve.P256, ticketing.reader.private)
        ticketing.refuses(sealed(other, ticketing.rng, ticketing.contents(nonce=nonce)), Problem.UNKNOWN_CREDENTIAL)
    before = ticketing.switched()

    ticketing.takes(good)
    assert ticketing.switched() == before + 1
