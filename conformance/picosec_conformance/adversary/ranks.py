"""The Mann-Whitney U test: do two samples of times come from one distribution?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Comparison:
    """``u`` is the statistic of the first sample; ``p`` the chance of one as extreme when nothing differs, two-sided.

    ``superiority`` is the chance that a value of the first sample is the larger one: 0.5 when nothing differs.
    """

    u: float
    p: float
    superiority: float


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare two samples by ranks, with the normal approximation, corrected for ties and continuity.

    Raises ``ValueError`` for an empty sample. The approximation is good from about 20 values in each.
    """
    n, m = len(first), len(second)
    if not n or not m:
        raise ValueError("both samples need at least one value")
    ranks = _ranks([*first, *second])
    u = sum(ranks[value] for value in first) - n * (n + 1) / 2
    total = n + m
    ties = sum(count**3 - count for count in Counter([*first, *second]).values())
    spread = n * m / 12 * (total + 1 - ties / (total * (total - 1))) if total > 1 else 0.0
    if spread <= 0:
        return Comparison(u, 1.0, u / (n * m))
    distance = max(0.0, abs(u - n * m / 2) - 0.5)
    p = 2 * (1 - NormalDist().cdf(distance / sqrt(spread)))
    return Comparison(u, min(1.0, p), u / (n * m))


def _ranks(values: Sequence[float]) -> dict[float, float]:
    """Return the rank of each value, the mean of the ranks that equal values share."""
    ordered = sorted(values)
    starts = [0, *(at for at, (left, right) in enumerate(pairwise(ordered), 1) if left != right), len(ordered)]
    return {ordered[start]: (start + end + 1) / 2 for start, end in pairwise(starts)}
