"""What a person sees when something is wrong: one line that says what and how to mend it, and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from typing import Final

from picosec.errors import ProtocolError
from picosec.net.transport import TransportError
from picosec.registry import TEXT

#: Exit codes of every command.
DONE: Final = 0
REFUSED: Final = 1
MISTAKE: Final = 2
NO_ANSWER: Final = 3
INTERRUPTED: Final = 130

EXIT_CODES: Final = "exit codes: 0 done · 1 the device refused · 2 a mistake in the command or its files · 3 no answer"


class Mistake(Exception):
    """The command line, or a file it names, is wrong. The text says what and how to mend it, in one line."""


def explained(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Turn what a person can cause into one line on standard error and an exit code."""

    def guarded(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except (Mistake, TransportError) as mistake:
            complain(str(mistake))
            return MISTAKE
        except ProtocolError as error:  # such as a disk that became full: what people do wrong is a Mistake
            complain(error.detail or TEXT[error.problem])
            return MISTAKE
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:  # `picosec get … | head -1`
            return DONE

    return guarded


def complain(text: str) -> None:
    """Say one line on standard error; it is no tragedy when nobody listens there."""
    with contextlib.suppress(OSError):
        print(f"picosec: {text}", file=sys.stderr, flush=True)
