"""The ``picosec`` command: a table of commands, each loaded only when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys

from picosec import cli as reference

#: Commands of the suite; those of the reference come from ``picosec.cli``.
COMMANDS: dict[str, tuple[str, str]] = {
    "certify": ("picosec_conformance.commands.certify", "judge an implementation and write a report"),
    "verify": ("picosec_conformance.commands.verify", "check somebody else's run offline: signature, hashes, verdicts"),
    "lab-key": ("picosec_conformance.commands.lab_key", "make the key that a lab signs its bundles with"),
    "requirements": (
        "picosec_conformance.commands.requirements",
        "list requirements with their tests, vectors and errors",
    ),
    "vectors": ("picosec_conformance.commands.vectors", "generate and check test vectors, or run them against a shim"),
    "decode": ("picosec_conformance.commands.decode", "explain a frame"),
    "faults": ("picosec_conformance.commands.faults", "run broken references against the suite: the kill matrix"),
    "mutants": ("picosec_conformance.commands.mutants", "change the reference at random places: what is not noticed?"),
    "adversary": ("picosec_conformance.commands.adversary", "give the network to an adversary and see what holds"),
    "scenario": ("picosec_conformance.commands.scenario", "play a counter-example of the adversary again"),
    "bench": ("picosec_conformance.commands.bench", "measure against peers in the same run"),
    "spec": ("picosec_conformance.commands.spec", "regenerate what the specification pages determine"),
}

_NEEDS = "this command needs the extra 'conformance': pip install 'picosec[conformance]'"


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status; 2 for a wrong request."""
    arguments = sys.argv[1:] if argv is None else argv
    table = {**COMMANDS, **reference.COMMANDS}
    if not arguments or arguments[0] not in table:
        return _overview(arguments, table)
    name = arguments[0]
    if name == "device" and not _break(arguments[1:]):
        return 2
    try:
        module = importlib.import_module(table[name][0])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("picosec", "picosec_conformance"):
            raise
        print(f"picosec {name}: {error.name} is not installed; {_NEEDS}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog=f"picosec {name}", formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_arguments(parser)
    if name == "device":
        parser.add_argument(
            "--fault",
            metavar="NAME",
            help="break the device in this way, to try a suite on it (`picosec faults --list`)",
        )
    status: int = module.run(parser.parse_args(arguments[1:]))
    return status


def _break(arguments: list[str]) -> bool:
    """Apply the fault that ``--fault`` names, if any: a command that is imported already would keep what it has.

    Say what is wrong and return False for a fault that does not exist.
    """
    parser = argparse.ArgumentParser(prog="picosec device", add_help=False, allow_abbrev=False)
    parser.add_argument("--fault")
    name = parser.parse_known_args(arguments)[0].fault
    if name is None:
        return True
    from picosec_conformance.faults import find_fault

    fault = find_fault(name)
    if fault is None:
        print(f"picosec device: there is no fault {name!r}; `picosec faults --list` shows them", file=sys.stderr)
        return False
    fault.apply()
    return True


def _overview(arguments: list[str], table: dict[str, tuple[str, str]]) -> int:
    width = max(map(len, table))
    lines = [
        "usage: picosec COMMAND …",
        "",
        "End-to-end security for connected things: specification, suite, reference.",
        "",
    ]
    lines += [f"  {name:<{width}}  {text}" for name, (_, text) in table.items()]
    lines += ["", "picosec COMMAND --help explains one command, with examples."]
    wanted = not arguments or arguments[0] in ("-h", "--help")
    if not wanted:
        print(f"picosec: there is no command {arguments[0]!r}\n", file=sys.stderr)
    print("\n".join(lines), file=sys.stdout if wanted else sys.stderr)
    return 0 if wanted else 2
