"""Where the time goes: the functions that take most of it, of the reference alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from cProfile import Profile
from pstats import Stats

from picosec_conformance.bench import edhoc, objects, observing, oscore

#: What can be profiled, and how often it is called.
SUBJECTS: dict[str, tuple[Callable[[], Callable[[], object]], int]] = {
    "edhoc": (edhoc.reference, 500),
    "oscore": (oscore.reference, 5000),
    "observe": (observing.reference, 10000),
    "objects": (lambda: objects.reference()["sealed"], 1000),
}


def profile(subject: str, lines: int = 25) -> str:
    """Return the ``lines`` functions that take most time of their own. The profiler itself slows small functions."""
    make, times = SUBJECTS[subject]
    call = make()
    call()
    profiler = Profile()
    profiler.enable()
    for _ in range(times):
        call()
    profiler.disable()
    text = io.StringIO()
    Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(lines)
    return f"{subject}, {times} times\n{text.getvalue().strip()}"
