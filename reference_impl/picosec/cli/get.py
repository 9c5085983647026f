"""``picosec get``: reads a resource."""

from __future__ import annotations

import argparse

from picosec.cli.client import add_common_arguments, run_request
from picosec.cli.mistakes import explained
from picosec.messaging.coap import Code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = "Read a resource of a device and show what it says."
    add_common_arguments(
        parser,
        """  picosec get coap://localhost/.well-known/core
      what the device offers
  picosec get coap://localhost/sensors/temperature --identity me.toml --peer lamp.public.toml
      over a channel that EDHOC opens
  picosec get coap://localhost/sensors/temperature --context hall.app.toml
      with an OSCORE context that both sides have
  picosec get coap+tcp://localhost/sensors/temperature --context hall.app.toml
      over TCP; coap+ws:// for WebSocket
  picosec get coap://localhost/actuators/lamp --context hall.app.toml --observe
      what it says now and whenever it changes, until Ctrl-C
  picosec get /ps/info --serial /dev/ttyUSB0
""",
    )
    parser.add_argument("--observe", action="store_true", help="show every change until Ctrl-C")


@explained
def run(options: argparse.Namespace) -> int:
    """Ask and show."""
    return run_request(Code.GET, options)
