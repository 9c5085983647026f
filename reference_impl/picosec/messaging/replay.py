"""The replay window: which sequence numbers of the peer were accepted before (RFC 8613 section 7.4)."""

from __future__ import annotations

from typing import Final

#: How far behind the highest accepted number an unseen one may come and still be accepted (CHN-730).
WINDOW_SIZE: Final = 32


class ReplayWindow:
    """The highest number accepted and a bit for each of the ``size`` numbers that end with it."""

    __slots__ = ("_highest", "_marks", "first", "size")

    def __init__(self, size: int = WINDOW_SIZE) -> None:
        if size < 1:
            raise ValueError("a replay window holds at least one number")
        self.size = size
        self._highest = -1
        self._marks = 0
        #: The lowest number that the window knows to be of its own time: what is below may be older than this memory.
        self.first = 0

    def seen(self, number: int) -> bool:
        """Whether ``number`` was accepted before, or lies so far back that nobody can tell."""
        behind = self._highest - number
        return behind >= 0 and (behind >= self.size or bool(self._marks >> behind & 1))

    def mark(self, number: int) -> None:
        """Record that ``number`` was accepted. Call it only for a message that authenticated (CHN-740)."""
        ahead = number - self._highest
        if ahead <= 0:
            self._marks |= 1 << -ahead
        elif ahead >= self.size:  # also keeps a jump of 2^39 from building an integer of that many bits
            self._marks = 1
            self._highest = number
        else:
            self._marks = (self._marks << ahead | 1) & (1 << self.size) - 1
            self._highest = number

    def start_at(self, number: int) -> None:
        """Take ``number``, just proven fresh, as accepted and everything below as too old (CHN-860)."""
        self._highest = self.first = number
        self._marks = (1 << self.size) - 1

    def recall(self, highest: int, marks: int) -> None:
        """Go on from what :attr:`state` said in an earlier life."""
        self._highest, self._marks = highest, marks

    @property
    def state(self) -> tuple[int, int]:
        """Highest number (-1 before the first) and the marks, bit 0 for the highest number: what a digest covers."""
        return self._highest, self._marks
