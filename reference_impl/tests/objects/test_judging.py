"""What an inbox decides before anything is delivered or remembered, and in which order."""

from dataclasses import replace

import cbor2
import pytest

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.compose import sealed_object
from picosec.objects.headers import headers
from picosec.objects.inbox import Inbox, form_of
from picosec.objects.keys import Keys, OwnKey, Purpose, SenderKey
from picosec.objects.sealed import decode_ephemeral, seal_to
from picosec.objects.signed import Signed, sign
from picosec.objects.statement import MAX_SIZE, Statement
from picosec.registry import Problem

NOW = 1_800_000_000
STATEMENT = Statement(b"sender", b"reader", Purpose.PLATFORM, 5, NOW, 42, b"contents")


class Cast:
    def __init__(self) -> None:
        self.vault = software_vault(bytes)
        self.sender = OwnKey(b"sender", self.vault.import_key(Curve.ED25519, b"\1" * 32), Purpose.PLATFORM)
        self.reader = OwnKey(b"reader", self.vault.import_key(Curve.X25519, b"\2" * 32), Purpose.PLATFORM)
        believed = SenderKey(b"sender", self.vault.public(self.sender.handle), Purpose.PLATFORM)
        self.inbox = Inbox(self.vault, Keys([self.reader]), Keys([believed]))

    def signed(self, **changes: object) -> Signed:
        statement = replace(STATEMENT, **changes)
        return statement.sign(self.vault, replace(self.sender, purpose=statement.purpose))

    def sealed(self, contents: bytes, purpose: Purpose = Purpose.PLATFORM) -> bytes:
        public = self.vault.public(self.reader.handle)
        return sealed_object(contents, purpose, public, b"reader", self.vault, lambda count: b"\7" * count)

    def refusal(self, data: bytes) -> Problem:
        before = self.inbox.state()
        with pytest.raises(ProtocolError) as refused:
            self.inbox.judge(data, NOW)
        assert self.inbox.state() == before
        return refused.value.problem


@pytest.fixture
def cast() -> Cast:
    return Cast()


def test_to_judge_is_not_to_take(cast):
    """Whoever finds, after that, that the contents are wrong must not have lost the number."""
    data, before = cast.signed().encode(), cast.inbox.state()

    assert cast.inbox.judge(data, NOW) == cast.inbox.judge(data, NOW) == STATEMENT
    assert cast.inbox.state() == before


def test_what_was_taken_is_refused_from_then_on(cast):
    """Also when it comes in another envelope."""
    data = cast.signed().encode()
    cast.inbox.take(cast.inbox.judge(data, NOW))

    assert cast.refusal(data) is Problem.REPLAYED
    assert cast.refusal(cast.sealed(data)) is Problem.REPLAYED


def test_the_same_object_in_other_bytes_is_the_same(cast):
    """X25519 ignores the top bit of a key, and nothing authenticates it: a hop flips it, and fools a list of hashes."""
    data = cast.sealed(cast.signed().encode())
    item = cbor.loads(data)
    key = item.value[3][0][1][-1]
    key[-2] = key[-2][:31] + bytes([key[-2][31] ^ 0x80])
    twin = cbor.dumps(item)

    assert twin != data
    assert cast.inbox.judge(twin, NOW) == STATEMENT
    cast.inbox.take(cast.inbox.judge(data, NOW))
    assert cast.refusal(twin) is Problem.REPLAYED


def test_a_number_that_nobody_reaches_stops_only_its_sender(cast):
    """A sender with a bug signs 2^64 - 1, and bits are kept for 64 numbers all the same."""
    cast.inbox.take(cast.inbox.judge(cast.signed(sequence=2**64 - 1).encode(), NOW))

    assert cast.refusal(cast.signed().encode()) is Problem.REPLAYED
    assert len(cbor.dumps(cast.inbox.state())) < 256


@pytest.mark.parametrize("algorithm", [True, -8.0, "EdDSA", None, [-8]])
def test_an_algorithm_of_another_type_is_none(cast, algorithm):
    """To Python, true is 1 and -8.0 is -8: one implementation verifies what all others refuse."""
    good = cast.signed()
    head = headers({**good.headers.entries, 1: algorithm})
    data = sign(head, good.payload, cast.vault, cast.sender.handle).encode()

    assert cast.refusal(data) is Problem.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize("algorithm", [True, 1.0, "A128GCM", None])
def test_an_algorithm_of_another_type_encrypts_nothing(cast, algorithm):
    """The same, for what is sealed."""
    public, head = cast.vault.public(cast.reader.handle), {1: 1, 3: 18, 16: int(Purpose.PLATFORM)}
    good = seal_to(headers(head, {5: bytes(12)}), b"", public, b"reader", cast.vault, lambda count: b"\7" * count)
    bad = replace(good, headers=headers({**head, 1: algorithm}, {5: bytes(12)}))

    assert cast.refusal(bad.encode()) is Problem.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize("algorithm", [-25.0, "ECDH-ES", -27])
def test_an_agreement_of_another_type_is_none(cast, algorithm):
    """The same, for how the key is agreed on."""
    public, head = cast.vault.public(cast.reader.handle), {1: 1, 3: 18, 16: int(Purpose.PLATFORM)}
    good = seal_to(headers(head, {5: bytes(12)}), b"", public, b"reader", cast.vault, lambda count: b"\7" * count)
    bad = replace(good, recipient=headers({1: algorithm}, good.recipient.unprotected))

    assert cast.refusal(bad.encode()) is Problem.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(
    "key",
    [
        None,
        {},
        {1: 1, -1: 4},
        {1: True, -1: 4, -2: b"\x09" + bytes(31)},
        {1: 1.0, -1: 4, -2: b"\x09" + bytes(31)},
        {1: 1, -1: 4, -2: b"\x09" + bytes(30)},
        {1: 1, -1: 4, -2: b"\x09" + bytes(31), 2: b"kid"},
        {1: 1, -1: 6, -2: b"\x09" + bytes(31)},
        {1: 2, -1: True, -2: bytes(32), -3: bytes(32)},
        {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)},
        {1: 2, -1: 1, -2: bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"), -3: True},
    ],
)
def test_an_ephemeral_key_of_another_form_is_none(key):
    """What one implementation takes for a key and another for none leads to two readings of one object."""
    with pytest.raises(ProtocolError) as refused:
        decode_ephemeral(key)

    assert refused.value.problem is Problem.BAD_KEY


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)])
def test_an_ephemeral_key_of_low_order_is_refused(cast, point):
    """With it everybody knows the secret, whatever the reader's key is."""
    data = cast.sealed(cast.signed().encode())
    item = cbor.loads(data)
    item.value[3][0][1][-1][-2] = point

    assert cast.refusal(cbor.dumps(item)) is Problem.BAD_KEY


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_length_is_no_signature(cast, size):
    """The grammar says so before any key is looked for."""
    assert cast.refusal(replace(cast.signed(), signature=bytes(size)).encode()) is Problem.MALFORMED


def test_size_is_judged_before_form(cast):
    """A megabyte of garbage costs nothing but its length."""
    assert cast.refusal(b"\xff" * (MAX_SIZE + 1)) is Problem.TOO_LARGE


def test_an_object_that_is_not_the_shortest_is_not_deterministic(cast):
    """The tag 18 in two bytes: the same object, and not the same bytes."""
    assert cast.refusal(b"\xd8\x12" + cast.signed().encode()[1:]) is Problem.NOT_DETERMINISTIC


@pytest.mark.parametrize("data", [b"", b"\x80", cbor.dumps(cbor2.CBORTag(61, cbor2.CBORTag(18, []))), b"\xd8\x61\x80"])
def test_another_beginning_is_none_of_the_forms(data):
    """A token is signed as well, and says something else."""
    with pytest.raises(ProtocolError) as refused:
        form_of(data)

    assert (refused.value.problem, refused.value.response_code) == (Problem.MALFORMED, 0x80)


def test_layers_of_two_purposes_are_refused_before_the_signature_is_verified(cast):
    """The header says it already."""
    cast.inbox.senders = Keys([replace(next(iter(cast.inbox.senders)), purpose=Purpose.APPLICATION)])
    inner = replace(cast.signed(purpose=Purpose.APPLICATION), signature=bytes(64))

    assert cast.refusal(cast.sealed(inner.encode())) is Problem.WRONG_PURPOSE
    assert cast.refusal(inner.encode()) is Problem.AUTHENTICATION_FAILED
