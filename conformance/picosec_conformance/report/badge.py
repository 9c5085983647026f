"""A badge: one small SVG that says what a certificate says, for a README or a dashboard."""

from __future__ import annotations

from html import escape

from picosec_conformance.report.model import Report, State

_GREEN, _RED, _GREY = "#1f7a4d", "#b3261e", "#5b6472"


def badge(report: Report) -> str:
    """Return the badge. A partial run is neither a pass nor a failure of the profile, and is grey."""
    score = f"{report.states[State.PASSED]}/{len(report.requirements)}"
    if report.certified:
        message, colour = f"certified {score}", _GREEN
    elif report.selection and not report.reasons:
        message, colour = f"partial run {score}", _GREY
    else:
        message, colour = f"not certified {score}", _RED
    return _svg(f"PicoSec {report.profile}", message, colour)


def _svg(label: str, message: str, colour: str) -> str:
    left, right = (round(len(text) * 6.8 + 14) for text in (label, message))
    name = escape(f"{label}: {message}", quote=True)
    text = 'y="14" text-anchor="middle" fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{name}">'
        f"<title>{name}</title>"
        f'<rect width="{left + right}" height="20" rx="3" fill="{colour}"/>'
        f'<path d="M{left} 0v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#3a4250"/>'
        f'<text x="{left / 2:g}" {text}>{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" {text}>{escape(message)}</text></svg>\n'
    )
