"""``picosec context``: makes an OSCORE context, one file for each side."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from picosec.cli.contexts import write_contexts
from picosec.cli.mistakes import DONE, explained


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = """Make an OSCORE context that a device and its user share beforehand, for links
on which a handshake is too much. Both files hold the same secret; EDHOC needs
none and gives forward secrecy: see `picosec identity`."""
    parser.epilog = """examples:
  picosec context hall
      writes hall.device.toml and hall.app.toml
  picosec device --context hall.device.toml
  picosec get coap://localhost/sensors/temperature --context hall.app.toml

  picosec seal hall.app.toml
      once it is where it stays

Each side counts its messages in FILE.state. Whoever loses that file makes a new context.
"""
    parser.add_argument("name", type=Path, metavar="NAME", help="for NAME.device.toml and NAME.app.toml")


@explained
def run(options: argparse.Namespace) -> int:
    """Make the secret and write both files."""
    secret, salt = os.urandom(16), os.urandom(8)
    device, app = (options.name.with_name(f"{options.name.name}.{side}.toml") for side in ("device", "app"))
    write_contexts(device, app, secret, salt)
    print(f"{device}  for the device")
    print(f"{app}  for its user")
    print("Both hold the secret: keep them to yourself, and pass them on over a safe way only.")
    return DONE
