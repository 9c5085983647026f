"""Message ids: none twice in a lifetime, none forgotten too early."""

import pytest

from picosec.messaging.message_ids import MessageIds, ReceivedIds


@pytest.mark.parametrize("start", [0, 1, 4095, 4096, 40_000, 65_535])
def test_no_id_returns_before_its_lifetime(start: int) -> None:
    """A late acknowledgement of the first message must not silence the second with the same id (MSG-460)."""
    ids = MessageIds(start, lifetime=247)
    used: dict[int, float] = {}
    now = 0.0
    for _ in range(70_000):
        now = max(now, ids.free_at())
        taken = ids.take(now)
        assert now - used.get(taken, -1e9) >= 247
        used[taken] = now
    assert len(used) == 1 << 16


def test_at_least_61440_ids_can_be_given_out_at_once() -> None:
    """The bound costs at most one block of 4096 ids, wherever the sequence starts."""
    for start in (0, 1, 4095, 4096, 65535):
        ids, count = MessageIds(start, lifetime=247), 0
        while ids.free_at() <= 0:
            ids.take(0)
            count += 1
        assert 61_440 <= count <= 65_536


def test_a_received_id_is_known_until_it_expires() -> None:
    """After its lifetime the peer may use the id again, for something new."""
    ids = ReceivedIds(most=4)
    ids.add(7, expires=247, reply=b"answer")

    known = ids.get(7, now=246.9)
    assert known is not None
    assert known.reply == b"answer"
    assert ids.get(7, now=247) is None
    assert ids.get(8, now=0) is None


def test_the_oldest_makes_room() -> None:
    """A peer that sends without end costs no more memory than a quiet one."""
    ids = ReceivedIds(most=4)
    for message_id in range(6):
        ids.add(message_id, expires=247)
    assert [message_id for message_id in range(6) if ids.get(message_id, 0) is not None] == [2, 3, 4, 5]


def test_an_id_that_returns_after_its_lifetime_counts_as_the_newest() -> None:
    """Its place in the queue is that of its last use."""
    ids = ReceivedIds(most=2)
    ids.add(1, expires=10)
    ids.add(2, expires=10)
    ids.add(1, expires=300)
    ids.add(3, expires=300)
    assert [message_id for message_id in (1, 2, 3) if ids.get(message_id, 0) is not None] == [1, 3]
