"""Security contexts: what may be one, what survives a restart, and how small they are."""

import sys
from enum import Enum

import pytest
from oscore_pair import SALT, SECRET, Flash, pair

from picosec.channel.limits import KEY_LIMITS
from picosec.channel.oscore_context import SecurityContext, derive_keys
from picosec.channel.oscore_option import OscoreOption
from picosec.crypto.aead import Aead
from picosec.errors import ProtocolError
from picosec.registry import Problem


@pytest.mark.parametrize(
    ("sender_id", "recipient_id", "id_context"),
    [
        pytest.param(b"", b"", None, id="equal-and-empty"),
        pytest.param(b"\1", b"\1", None, id="equal"),
        pytest.param(bytes(8), b"", None, id="long-sender"),
        pytest.param(b"", bytes(8), None, id="long-recipient"),
        pytest.param(b"", b"\1", bytes(242), id="long-context"),
    ],
)
def test_identifiers_that_endanger_a_nonce_are_refused(sender_id, recipient_id, id_context):
    """Equal identifiers are one key for both directions and the same nonces under it."""
    with pytest.raises(ProtocolError) as refused:
        SecurityContext(SECRET, sender_id, recipient_id, id_context=id_context)

    assert refused.value.problem is Problem.BAD_IDENTIFIER
    assert refused.value.requirement == ("CHN-610" if id_context is None else "CHN-1090")


def test_longest_names_fit_into_the_option():
    """RFC 8613 section 2: the option has at most 255 bytes, and a context that is set up can always be named."""
    context = SecurityContext(SECRET, bytes(7), b"\1" * 7, id_context=bytes(241))

    option = OscoreOption(b"\xff" * 5, context.sender_id, context.id_context).encode()

    assert len(option) == 255


@pytest.mark.parametrize("aead", [Aead.A128GCM, Aead.CHACHA20_POLY1305])
def test_a_shorter_nonce_takes_shorter_identifiers(aead):
    SecurityContext(SECRET, bytes(6), b"", aead=aead)
    with pytest.raises(ProtocolError):
        SecurityContext(SECRET, bytes(7), b"", aead=aead)


@pytest.mark.parametrize("aead", Aead)
def test_both_ends_derive_the_same(aead):
    client = derive_keys(SECRET, SALT, b"\1", b"\2", None, aead)
    server = derive_keys(SECRET, SALT, b"\2", b"\1", None, aead)

    assert (client.sender_key, client.recipient_key) == (server.recipient_key, server.sender_key)
    assert client.common_iv == server.common_iv
    assert (len(client.sender_key), len(client.common_iv)) == (aead.key_length, aead.nonce_length)


def test_every_input_changes_the_keys():
    """A context that ignores one of its inputs shares keys with another one."""
    inputs = (SECRET, SALT, b"\1", b"\2", None, Aead.AES_CCM_16_64_128)
    changed = (bytes(16), b"", b"\3", b"\4", b"", Aead.AES_CCM_16_128_128)
    variants = [derive_keys(*inputs)]
    variants += [derive_keys(*inputs[:i], other, *inputs[i + 1 :]) for i, other in enumerate(changed)]

    assert len({(keys.sender_key, keys.recipient_key, keys.common_iv) for keys in variants}) == len(variants)


@pytest.mark.parametrize("aead", Aead)
def test_no_nonce_comes_twice(aead):
    """Identifiers of all lengths, numbers of all lengths: under one Common IV no two give the same nonce."""
    identifiers = [b"", b"\0", b"\1", b"\0\0", b"\1\0", bytes(6), b"\1" * 6]
    numbers = [0, 1, 255, 256, 2**16, 2**32, 2**40 - 1]
    nonces = set()
    for identifier in identifiers:
        direction = SecurityContext(SECRET, identifier, b"\7", aead=aead).sender
        nonces |= {direction.nonce(number) for number in numbers}

    assert len(nonces) == len(identifiers) * len(numbers)
    assert {len(nonce) for nonce in nonces} == {aead.nonce_length}


def test_the_same_key_finds_its_own_numbers_after_a_restart():
    flash = Flash()
    first, _ = pair(storage=flash)
    used = [first.numbers.take() for _ in range(3)]
    again, other = pair(storage=flash)

    assert again.numbers.take() > max(used)
    assert not again.synchronised
    assert other.numbers.first > 0, "both ends built twice"


def test_contexts_do_not_share_numbers():
    flash = Flash()
    SecurityContext(SECRET, b"\1", b"\2", storage=flash).numbers.take()

    for other in (
        SecurityContext(SECRET, b"\2", b"\1", storage=flash),
        SecurityContext(SECRET, b"\1", b"\2", id_context=b"x", storage=flash),
        SecurityContext(SECRET, b"\1", b"\2", aead=Aead.A128GCM, storage=flash),
    ):
        assert other.synchronised
        assert other.numbers.take() == 0


def test_every_algorithm_has_limits():
    assert set(KEY_LIMITS) == set(Aead)
    assert all(limits.encryptions <= 2**40 for limits in KEY_LIMITS.values())


@pytest.mark.parametrize("storage", [None, Flash()])
@pytest.mark.parametrize("aead", Aead)
def test_a_context_takes_less_than_two_kibibytes(aead, storage):
    """A hub holds a hundred thousand of them."""
    context = SecurityContext(
        SECRET, bytes(6), b"\1" * 6, master_salt=SALT, id_context=bytes(8), aead=aead, storage=storage
    )

    assert footprint(context, exclude=storage) < 2048


def footprint(thing, exclude, counted=None):
    """Return the bytes of an object and of all that only it holds."""
    counted = set() if counted is None else counted
    if id(thing) in counted or thing is exclude or thing is None or isinstance(thing, Enum | type):
        return 0
    counted.add(id(thing))
    parts = list(thing) if isinstance(thing, tuple | list) else []
    parts += [getattr(thing, name) for name in getattr(type(thing), "__slots__", ()) if hasattr(thing, name)]
    assert not hasattr(thing, "__dict__"), f"{type(thing).__name__} has a dictionary per object"
    return sys.getsizeof(thing) + sum(footprint(part, exclude, counted) for part in parts)


@pytest.mark.parametrize("aead", Aead)
def test_keys_are_worn_at_three_quarters_of_either_limit(aead):
    """CHN-1410: responses count as requests do, and failures have a limit of their own."""
    limits = KEY_LIMITS[aead]
    most, forgeries = limits.encryptions * 3 // 4, limits.forgeries * 3 // 4
    used = SecurityContext(SECRET, b"\1", b"\2", aead=aead, first_number=most - 2)
    attacked = SecurityContext(SECRET, b"\1", b"\2", aead=aead, failures=forgeries - 1)

    used.numbers.take()
    assert not used.worn()
    used.answers.take()
    assert used.worn()
    assert not attacked.worn()
    attacked.failures.take()
    assert attacked.worn()
    assert attacked.worn(most)
    assert not used.worn(most + 1)
