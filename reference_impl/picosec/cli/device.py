"""``picosec device``: runs the reference device."""

from __future__ import annotations

import argparse
import os

from picosec.cli.mistakes import DONE, explained
from picosec.net.clock import Clock, SystemClock
from picosec.net.loop import Agent
from picosec.net.loop import run as run_loop
from picosec.net.stdio import open_stdio


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = "Run the reference device."
    parser.add_argument("--stdio", action="store_true", help="slipmux frames on standard input and output")
    parser.add_argument("--test-interface", action="store_true", help="offer the Test Interface; never in production")


@explained
def run(options: argparse.Namespace) -> int:
    """Serve until the other end closes or somebody stops it."""
    agent: Agent
    clock: Clock
    if options.test_interface:
        from picosec.roles.test_interface import TestBuild

        agent = build = TestBuild()
        clock = build.clock
    else:
        from picosec.crypto.vault import software_vault
        from picosec.roles.device import DEFAULT_POLICY, Device
        from picosec.roles.keyring import Keyring

        agent = Device(os.urandom, Keyring(software_vault(os.urandom), DEFAULT_POLICY))
        clock = SystemClock()
    run_loop(agent, [open_stdio()], clock)
    return DONE
