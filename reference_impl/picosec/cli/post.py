"""``picosec post``: hands a value to a resource."""

from __future__ import annotations

import argparse

from picosec.cli.client import add_common_arguments, run_request
from picosec.cli.mistakes import explained
from picosec.cli.request import add_value_arguments
from picosec.messaging.coap import Code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = "Hand a value to a resource of a device."
    add_common_arguments(
        parser,
        """  picosec post coap://localhost/ps/test/reset --hex a10000 --format 60
      a test build goes back to its factory state
  picosec post coap+tcp://localhost/some/resource --hex 01 --context hall.app.toml
  picosec post coap://localhost/some/resource '{"level": 3}' --context hall.app.toml
""",
    )
    add_value_arguments(parser)


@explained
def run(options: argparse.Namespace) -> int:
    """Ask and show."""
    return run_request(Code.POST, options)
