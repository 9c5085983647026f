"""``picosec put``: sets a resource."""

from __future__ import annotations

import argparse

from picosec.cli.client import add_common_arguments, run_request
from picosec.cli.mistakes import explained
from picosec.cli.request import add_value_arguments
from picosec.messaging.coap import Code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = "Set a resource of a device."
    add_common_arguments(
        parser,
        """  picosec put coap://localhost/actuators/lamp true --identity me.toml --peer lamp.public.toml
  picosec put coap://localhost/actuators/lamp false --context hall.app.toml
  picosec put coap+ws://localhost:8080/actuators/lamp true --context hall.app.toml
  picosec put /actuators/lamp true --serial /dev/ttyUSB0 --context hall.app.toml
""",
    )
    add_value_arguments(parser)


@explained
def run(options: argparse.Namespace) -> int:
    """Ask and show."""
    return run_request(Code.PUT, options)
