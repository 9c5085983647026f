"""`picosec get --observe` against a device that runs as another process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest


def _heed_interrupts() -> None:
    """What is started in the background by a shell inherits that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def watching(*line: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Run the command until the test is done with it."""
    command = [sys.executable, "-m", "picosec", "get", *line, "--observe"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, preexec_fn=_heed_interrupts, **pipes) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


@pytest.mark.parametrize("link", ["url", "tcp", "websocket"])
@pytest.mark.parametrize("protection", ["identity", "context"])
def test_changes_are_shown_until_somebody_has_seen_enough(link, protection, home, picosec):
    """A lamp on the desk, and a terminal beside it; Ctrl-C is the way out, and no accident."""
    url, own = f"{getattr(home, link)}/actuators/lamp", getattr(home, protection)()
    setter = home.identity()
    picosec("put", f"{home.url}/actuators/lamp", "false", *setter)
    with watching(url, *own) as (process, shown):
        assert shown.readline() == "false\n"
        picosec("put", f"{home.url}/actuators/lamp", "true", *setter)
        assert shown.readline() == "true\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")


def test_what_cannot_be_observed_is_shown_once(home, picosec):
    """The device says what it says now, and the command that nothing will follow."""
    code, out, err = picosec("get", f"{home.url}/sensors/temperature", *home.identity(), "--observe")
    assert (code, out) == (0, "temperature  21.5  Cel\n")
    assert "does not let this be observed" in err


def test_a_refusal_is_a_refusal(home, picosec):
    """Without a channel there is nothing to watch."""
    code, out, err = picosec("get", f"{home.url}/actuators/lamp", "--observe")
    assert (code, out) == (1, "")
    assert "4.01" in err
