"""Commands of the reference implementation. Each is one module with ``add_arguments(parser)`` and ``run(options)``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Final

#: Command -> the module behind it, loaded only when the command is given, and one line of help.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "device": ("picosec.cli.device", "run the reference device on UDP, a serial line or standard input and output"),
    "get": ("picosec.cli.get", "read a resource of a device"),
    "put": ("picosec.cli.put", "set a resource of a device"),
    "post": ("picosec.cli.post", "hand a value to a resource of a device"),
    "identity": ("picosec.cli.identity", "make a key and its credential, for a device or for yourself"),
    "id": ("picosec.cli.id", "make an identity that outlives its keys, give it another key, verify a history"),
    "cred": ("picosec.cli.cred", "say who belongs to a zone and may do what there, delegate it, take it back"),
    "attest": ("picosec.cli.attest", "ask a device what it runs and whether it was opened, and judge what it says"),
    "token": ("picosec.cli.token", "get anonymous tokens from a device that knows you, and spend them unknown"),
    "object": ("picosec.cli.object", "make keys for objects, and objects that a device takes days later"),
    "seal": ("picosec.cli.seal", "seal private keys that lie in files as they are"),
    "context": ("picosec.cli.context", "make an OSCORE context that two sides share beforehand"),
}


def main(arguments: Sequence[str] | None = None, commands: Mapping[str, tuple[str, str]] = COMMANDS) -> int:
    """Run one of ``commands`` and return its exit code; 2 for a wrong line."""
    line = list(sys.argv[1:] if arguments is None else arguments)
    if not line or line[0] not in commands:
        return _overview(line, commands)
    name = line[0]
    try:
        module = importlib.import_module(commands[name][0])
        parser = argparse.ArgumentParser(prog=f"picosec {name}", formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add_arguments(parser)
        code: int = module.run(parser.parse_args(line[1:]))
    except KeyboardInterrupt:
        return 130
    return code


def _overview(line: Sequence[str], commands: Mapping[str, tuple[str, str]]) -> int:
    width = max(map(len, commands))
    text = ["usage: picosec COMMAND …", ""]
    text += [f"  {name:<{width}}  {help_}" for name, (_module, help_) in commands.items()]
    text += ["", "picosec COMMAND --help explains one command, with examples."]
    asked = not line or line[0] in ("-h", "--help")
    if not asked:
        text.insert(0, f"picosec: there is no command {line[0]!r}\n")
    print("\n".join(text), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2
