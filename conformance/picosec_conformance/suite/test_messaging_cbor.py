"""CBOR payloads: one value has one encoding, and what is refused has no effect.

The resources of the Test Interface take a number, a byte string, a map and an array: each case is a payload that a
lenient decoder would take for an ordinary one.
"""

from __future__ import annotations

import random

import pytest

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_SENML_CBOR, RESPONSE_CODE, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.target import Nonconformity, Target
from picosec_conformance.verdicts import Inconclusive

MALFORMED, NOT_DETERMINISTIC, TOO_LARGE = Problem.MALFORMED, Problem.NOT_DETERMINISTIC, Problem.TOO_LARGE

pytestmark = pytest.mark.needs("conformance.test-interface")


def post(target: Target, resource: str, payload: str | bytes) -> Message:
    """Post a payload, given as hexadecimal text or as bytes, to a resource of the Test Interface."""
    data = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return target.request(Code.POST, f"/ps/test/{resource}", data, content_format=CONTENT_FORMAT_CBOR)


def expect_refused(target: Target, resource: str, payload: str | bytes, problem: Problem) -> None:
    """Judge that a payload is refused with this error, changes nothing, and leaves the target alive."""
    with target.expect_unchanged():
        reply = post(target, resource, payload)
    target.expect_refusal(reply, RESPONSE_CODE[problem], problem)


@pytest.mark.requirement("MSG-010")
@pytest.mark.parametrize(
    ("code", "path"),
    [
        (Code.GET, "/ps/info"),
        (Code.GET, "/ps/test/state"),
        (Code.POST, "/ps/test/events"),
        (Code.GET, "/ps/no-such-resource"),
    ],
)
def test_what_is_sent_is_deterministic(target: Target, code: Code, path: str) -> None:
    """Whoever compares, hashes or signs what a device says needs one encoding for it."""
    reply = target.request(code, path)
    assert reply.payload, f"{path} is answered by {code_text(reply.code)} without a payload"
    try:
        cbor.loads(reply.payload)
    except ProtocolError as error:
        raise Nonconformity(f"the payload of {path} is not deterministic CBOR: {error}") from error


@pytest.mark.requirement("MSG-010")
@pytest.mark.needs("channel.oscore.server")
def test_what_is_sent_over_a_channel_is_deterministic(target: Target, channel: Channel) -> None:
    """A measured value is where floating-point numbers stand: one temperature has one encoding."""
    reply = channel.request(Code.GET, target.manifest.resources.protected_get)
    assert reply.code == Code.CONTENT
    if reply.content_format not in (CONTENT_FORMAT_CBOR, CONTENT_FORMAT_SENML_CBOR):
        raise Inconclusive(f"content format {reply.content_format} is not CBOR; name another protected_get")
    try:
        cbor.loads(reply.payload)
    except ProtocolError as error:
        raise Nonconformity(f"the payload is not deterministic CBOR: {error}") from error


@pytest.mark.requirement("MSG-010")
@pytest.mark.needs("messaging.datagram")
def test_small_and_large_numbers_are_sent_in_their_shortest_form(target: Target, control: Control) -> None:
    """Handles count up from small numbers through the lengths of a head."""
    for _ in range(30):
        handle = control.act("ping")
        ping = target.receive("a ping")
        target.send(Message(3, Code.EMPTY, ping.message_id))
    assert control.events()[-1].fields[0] == handle


@pytest.mark.requirement("MSG-020")
@pytest.mark.parametrize(
    ("resource", "payload"),
    [
        ("time", ""),
        ("time", "18"),
        ("time", "1a000000"),
        ("entropy", "41"),
        ("entropy", "5affffffff00"),
        ("entropy", "5b7fffffffffffffff00"),
        ("provision", "a1"),
        ("provision", "a104"),
        ("provision", "bb7fffffffffffffff"),
        ("act", "826470696e67"),
        ("act", "9b7fffffffffffffff"),
    ],
)
def test_an_item_that_is_cut_short_is_refused(target: Target, resource: str, payload: str) -> None:
    """A length that promises more than there is makes a trusting decoder read, or reserve, what is not its own."""
    expect_refused(target, resource, payload, MALFORMED)


@pytest.mark.requirement("MSG-030")
@pytest.mark.parametrize("payload", ["1c", "1d", "1e", "1f", "3f", "df00", "fc", "fe", "ff"])
def test_a_reserved_initial_byte_is_refused(target: Target, payload: str) -> None:
    """What has no meaning yet must not be given one by whoever reads it first."""
    expect_refused(target, "time", payload, MALFORMED)


@pytest.mark.requirement("MSG-040")
@pytest.mark.parametrize(
    ("resource", "payload"), [("time", "0000"), ("time", "00ff"), ("entropy", "4000"), ("provision", "a0a0")]
)
def test_bytes_behind_the_item_are_refused(target: Target, resource: str, payload: str) -> None:
    """One reader takes the first item, another the last: the check and the act see different payloads."""
    expect_refused(target, resource, payload, MALFORMED)


@pytest.mark.requirement("MSG-050")
@pytest.mark.parametrize(
    ("resource", "payload"),
    [
        ("entropy", "5fff"),
        ("entropy", "5f4100ff"),
        ("provision", "bfff"),
        ("provision", "a1019fff"),
        ("act", "9f6470696e67a0ff"),
        ("act", "827f6470696e67ffa0"),
    ],
)
def test_an_indefinite_length_is_refused(target: Target, resource: str, payload: str) -> None:
    """The same value in pieces: another encoding, and no size to judge before the work begins."""
    expect_refused(target, resource, payload, NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-060")
@pytest.mark.parametrize(
    ("resource", "payload"),
    [
        ("time", "1800"),
        ("time", "1817"),
        ("time", "190000"),
        ("time", "1900ff"),
        ("time", "1a0000ffff"),
        ("time", "1b00000000ffffffff"),
        ("entropy", "5800"),
        ("entropy", "590000"),
        ("provision", "b800"),
        ("provision", "a1180180"),
        ("provision", "a1019800"),
        ("act", "98026470696e67a0"),
        ("act", "82780470696e67a0"),
    ],
)
def test_a_head_that_is_longer_than_needed_is_refused(target: Target, resource: str, payload: str) -> None:
    """A second way to write the same number is a way around whoever compares bytes."""
    expect_refused(target, resource, payload, NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-070")
@pytest.mark.parametrize("name", ["65c1b0696e67", "6470696eff", "6770696e67eda080", "6870696e67f4908080"])
def test_text_that_is_not_utf_8_is_refused(target: Target, name: str) -> None:
    """An overlong "p", a stray byte, half a surrogate, a character beyond the last: what "ping" must not look like."""
    expect_refused(target, "act", f"82{name}a0", MALFORMED)


@pytest.mark.requirement("MSG-080")
@pytest.mark.parametrize("key", ["f5", "f93c00", "f6", "80", "a0", "d20a"])
def test_a_map_key_of_another_type_is_refused(target: Target, key: str) -> None:
    """true and 1.0 are key 1 to many languages, and another key to the rest."""
    expect_refused(target, "provision", f"a1{key}80", MALFORMED)


@pytest.mark.requirement("MSG-090")
@pytest.mark.parametrize("payload", ["a201800180", "a204a004a0", "a3018003800380", "a104a203f403f5"])
def test_a_repeated_map_key_is_refused(target: Target, payload: str) -> None:
    """One reader takes the first value, another the last; the policy that was checked is not the one that counts."""
    expect_refused(target, "provision", payload, MALFORMED)


@pytest.mark.requirement("MSG-100")
@pytest.mark.parametrize("payload", ["a204a00180", "a3028003800180", "a104a204f403f5", "a22000181800"])
def test_map_keys_out_of_order_are_refused(target: Target, payload: str) -> None:
    """One map in two orders has two hashes."""
    expect_refused(target, "provision", payload, NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-100")
def test_a_longer_key_may_come_first(target: Target) -> None:
    """24 comes before -1, byte by byte; the older order, short keys first, is another order."""
    reply = post(target, "provision", "a21818002000")
    target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-110")
@pytest.mark.parametrize(
    "payload", ["fa00000000", "fb3ff0000000000000", "fa7f800000", "fb40f86a0000000000", "fa33800000"]
)
def test_a_float_that_is_longer_than_needed_is_refused(target: Target, payload: str) -> None:
    """Rounding and widening give one number several encodings."""
    expect_refused(target, "time", payload, NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-120")
@pytest.mark.parametrize("payload", ["f97e01", "f9fe00", "f97d00", "fa7fc00000", "fb7ff8000000000001"])
def test_another_nan_is_refused(target: Target, payload: str) -> None:
    """Fifty-two bits that nobody looks at carry whatever their sender likes."""
    expect_refused(target, "time", payload, NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-130")
@pytest.mark.parametrize("simple", ["f814", "f815", "f816", "f800", "f81f"])
def test_a_simple_value_in_two_bytes_is_refused(target: Target, simple: str) -> None:
    """A second true that not every reader takes for one."""
    expect_refused(target, "provision", f"a104a103{simple}", MALFORMED)


@pytest.mark.requirement("MSG-140")
@pytest.mark.parametrize(
    ("resource", "payload"),
    [
        ("time", "c100"),
        ("time", "c24101"),
        ("time", "c249010000000000000000"),
        ("time", "c4820001"),
        ("time", "d9d9f700"),
        ("entropy", "d74100"),
        ("provision", "d81ca1018180"),
        ("provision", "a101d81c81d81d00"),
        ("act", "82d8236828612b292b622ba0"),
        ("act", "d9010280"),
    ],
)
def test_a_tag_is_refused(target: Target, resource: str, payload: str) -> None:
    """A date, a number of any size, a list inside itself, a pattern: a tag makes a decoder build what it must not."""
    expect_refused(target, resource, payload, MALFORMED)


@pytest.mark.requirement("MSG-150")
@pytest.mark.parametrize("depth", [17, 100, 500])
@pytest.mark.parametrize("layer", ["81", "a100", "d2"])
def test_nesting_is_bounded(target: Target, depth: int, layer: str) -> None:
    """A few hundred bytes of nested arrays exhaust the stack of a small device."""
    expect_refused(target, "time", layer * depth + "00", TOO_LARGE)


@pytest.mark.requirement("MSG-150")
def test_sixteen_levels_are_not_too_many(target: Target) -> None:
    """The bound is where the page says, or two devices disagree about the same message."""
    reply = post(target, "time", "81" * 16 + "00")
    target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-170")
@pytest.mark.parametrize("tail", ["04", "04ff", "0400ff", "04a103f815", "04bfff"])
def test_what_precedes_the_fault_has_no_effect(target: Target, control: Control, rng: random.Random, tail: str) -> None:
    """A context to accept, then a broken policy: a reader that acts as it reads has taken the attacker's key."""
    context = {1: b"\x01", 2: b"\x02", 3: rng.randbytes(16)}
    with target.expect_unchanged():
        reply = post(target, "provision", b"\xa2\x03" + cbor.dumps([context]) + bytes.fromhex(tail))
        assert reply.code >> 5 == 4, f"answered {code_text(reply.code)}"


@pytest.mark.requirement("MSG-180")
@pytest.mark.parametrize(
    ("payload", "code"), [("18", Code.BAD_REQUEST), ("1800", Code.BAD_REQUEST), ("81" * 17 + "00", 0x8D)]
)
def test_the_response_code_tells_the_kind_of_fault(target: Target, payload: str, code: int) -> None:
    """A sender that is told 4.13 tries a smaller message; one that is told 4.00 does not."""
    reply = post(target, "time", payload)
    assert reply.code == code, f"expected {code_text(code)}, got {code_text(reply.code)}"


@pytest.mark.requirement("MSG-170", "MSG-180")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("", MALFORMED),
        ("f8", MALFORMED),
        ("f815", MALFORMED),
        ("f5f5", MALFORMED),
        ("c1f5", MALFORMED),
        ("5f40ff", NOT_DETERMINISTIC),
        ("1801", NOT_DETERMINISTIC),
        ("81" * 17 + "f5", TOO_LARGE),
    ],
)
def test_payloads_over_a_channel_obey_the_same_rules(
    target: Target, control: Control, channel: Channel, payload: str, problem: Problem
) -> None:
    """Who holds a key may still be broken, or be broken into: the lamp stays as it is."""
    path = target.manifest.resources.protected_put

    reply = channel.request(Code.PUT, path, bytes.fromhex(payload), content_format=CONTENT_FORMAT_CBOR)

    target.expect_refusal(reply, RESPONSE_CODE[problem], problem)
    assert control.changes(path) == 0
