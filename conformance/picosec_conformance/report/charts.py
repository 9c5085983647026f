"""The two charts of the HTML report, as inline SVG: a ring for the whole and a bar for each chapter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import pi

from picosec_conformance.report.model import RequirementResult, State

#: Order of the segments, good to unknown.
ORDER = (State.PASSED, State.FAILED, State.UNTESTED, State.INSPECTION, State.NOT_APPLICABLE)

_RADIUS, _STROKE = 84.0, 24


def counts(rows: Iterable[RequirementResult]) -> Counter[State]:
    """Return how many of the requirements are in each state."""
    return Counter(row.state for row in rows)


def donut(rows: Iterable[RequirementResult]) -> str:
    """Return the ring, with the score out of the full set in its middle."""
    found = counts(rows)
    total = found.total()
    round_ = 2 * pi * _RADIUS
    at, parts = 0.0, []
    for state in ORDER:
        share = round_ * found[state] / max(1, total)
        if share:
            parts.append(
                f'<circle class="{state}" cx="105" cy="105" r="{_RADIUS:g}" fill="none" stroke-width="{_STROKE}" '
                f'stroke-dasharray="{share:.2f} {round_ - share:.2f}" stroke-dashoffset="{-at:.2f}"/>'
            )
        at += share
    label = "; ".join(f"{found[state]} {state}" for state in ORDER if found[state])
    return (
        f'<svg class="donut" viewBox="0 0 210 210" role="img" aria-label="{total} requirements: {label}">'
        f'<g transform="rotate(-90 105 105)">{"".join(parts)}</g>'
        f'<text class="big" x="105" y="110">{found[State.PASSED]}</text>'
        f'<text class="small" x="105" y="131">of {total} passed</text></svg>'
    )


def bar(rows: Iterable[RequirementResult]) -> str:
    """Return one stacked bar over the full width."""
    found = counts(rows)
    at, parts = 0.0, []
    for state in ORDER:
        share = 100 * found[state] / max(1, found.total())
        if share:
            parts.append(
                f'<rect class="{state}" x="{at:.3f}" width="{share:.3f}" height="10">'
                f"<title>{found[state]} {state}</title></rect>"
            )
        at += share
    return f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
