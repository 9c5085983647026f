"""``picosec vectors``: generates and checks the test vectors, and judges an implementation by them."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from picosec_conformance.resources import vectors_folder
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.vectors.check import findings
from picosec_conformance.vectors.families import generated_files
from picosec_conformance.vectors.model import dump
from picosec_conformance.vectors.operations import WrongAnswer
from picosec_conformance.vectors.readme import with_tables
from picosec_conformance.vectors.runner import Outcome, Verdict, ask_all, counts, exit_status, load_all, to_json

_EXAMPLES = """\
examples:
  picosec vectors generate
      write the files that the reference generates
  picosec vectors check
      hold every file against its rules, and compare it with a fresh generation
  picosec vectors run --shim './my-shim'
      judge an implementation: your program reads one JSON object per line and answers each with one line
  picosec vectors run --shim './my-shim' --operation edhoc.message_1.process --case key-no-point --verbose
      one case, with the whole question
  picosec vectors run --shim 'python -m picosec_conformance.vectors.shim' --chapter channel --json run.json
      the shim of the reference, on one chapter, with a report

exit status:
  0  in order; for run: all that the shim supports passed
  1  a finding; for run: a failure, or nothing is supported
  2  the request is wrong
  3  the shim broke: it ended, stayed silent or talked nonsense, and nothing is said about the implementation

The shim's protocol is described in vectors/README.md.
"""

#: Deadline of one answer in seconds, unless asked otherwise.
TIMEOUT = 10.0

#: Characters of a question that stand below a failure, unless all are wanted.
_WIDTH = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Generate and check the test vectors, or judge an implementation by them."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("generate", "write the generated vector files"),
        ("check", "check every vector file; exit 1 on any finding"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--folder", type=Path, help="the folder of the files (default: the installed vectors)")
    text = "judge an implementation through its shim"
    judge = actions.add_parser(
        "run", help=text, description=text, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    judge.add_argument("--shim", required=True, metavar="CMD", help="command that starts the shim")
    judge.add_argument("--chapter", default="", metavar="C", help="only this chapter's files")
    judge.add_argument("--operation", default="", metavar="O", help="only this operation")
    judge.add_argument("--case", default="", metavar="ID", help="only the cases of this id")
    judge.add_argument("--json", type=Path, metavar="FILE", help="write a report, a JSON file")
    judge.add_argument("--timeout", type=float, default=TIMEOUT, metavar="S", help="deadline of one answer in seconds")
    judge.add_argument("--verbose", action="store_true", help="show questions whole, and name what is not supported")


def run(options: argparse.Namespace) -> int:
    """Carry out the request and return the exit status."""
    actions = {"generate": _generate, "check": _check, "run": _run}
    return actions[options.action](options)


def _generate(options: argparse.Namespace) -> int:
    folder = options.folder or vectors_folder()
    rows = []
    try:
        for file in generated_files():
            path = folder / file.path
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            dump(file, folder)
            state = "new" if not before else "same" if before == file.dumps() else "changed"
            invalid = sum(case.error is not None for case in file.cases)
            rows.append([file.path, file.operation, str(len(file.cases) - invalid), str(invalid), state])
    except WrongAnswer as error:
        print(f"picosec vectors: {error}", file=sys.stderr)
        return 1
    _print_table(["file", "operation", "valid", "invalid", ""], rows)
    readme = folder.parent / "README.md"
    if readme.is_file():
        text = with_tables(readme.read_text(encoding="utf-8"), load_all(folder))
        readme.write_text(text, encoding="utf-8", newline="\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    folder = options.folder or vectors_folder()
    try:
        found = list(findings(folder, generated_files()))
    except WrongAnswer as error:
        found = [str(error)]
    for finding in found:
        print(finding)
    cases = sum(len(file.cases) for file in load_all(folder)) if not found else 0
    print(f"{len(found)} findings" if found else f"vectors are in order: {cases} cases", file=sys.stderr)
    return 1 if found else 0


def _run(options: argparse.Namespace) -> int:
    command = shlex.split(options.shim)
    if options.chapter and options.chapter not in load_registry().chapters:
        return _wrong(f"no chapter {options.chapter!r}; there are {', '.join(load_registry().chapters)}")
    files = load_all(vectors_folder(), options.chapter, options.operation)
    if not files:
        names = sorted({file.operation for file in load_all(vectors_folder(), options.chapter)})
        return _wrong(f"no vectors for operation {options.operation!r}; there are {', '.join(names)}")
    if options.case:
        files = [replace(file, cases=tuple(case for case in file.cases if case.id == options.case)) for file in files]
        if not any(file.cases for file in files):
            return _wrong(f"no case {options.case!r} among these; leave out --case to see which fail")
    if not command:
        return _wrong("--shim needs a command")
    started = time.monotonic()
    try:
        outcomes = ask_all(files, command, options.timeout, _progress)
    except OSError as error:
        return _wrong(f"cannot start the shim: {error}")
    finally:
        _clear_progress()
    _print_outcomes(outcomes, options.verbose)
    if options.json:
        options.json.write_text(to_json(outcomes, options.shim, time.monotonic() - started), encoding="utf-8")
    return exit_status(outcomes)


def _wrong(text: str) -> int:
    print(f"picosec vectors: {text}", file=sys.stderr)
    return 2


#: Outcomes that are shown in full; a shim that breaks altogether has more than anybody reads.
_TOLD = 20


def _progress(outcome: Outcome) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{outcome.file} {outcome.case.id}")
        sys.stderr.flush()


def _clear_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")


def _print_outcomes(outcomes: list[Outcome], verbose: bool) -> None:
    wanted = {Verdict.FAILED, Verdict.BROKEN} | ({Verdict.UNSUPPORTED} if verbose else set())
    told = [outcome for outcome in outcomes if outcome.verdict in wanted]
    for outcome in told if verbose else told[:_TOLD]:
        requirements = ", ".join(outcome.case.requirements)
        print(f"{outcome.verdict:<11} {outcome.file} {outcome.case.id} ({requirements}): {outcome.case.comment}")
        if outcome.detail:
            print(f"            {outcome.detail}")
        question = json.dumps({"operation": outcome.operation, "inputs": outcome.case.inputs})
        print(f"            {question if verbose else _shortened(question)}")
    if not verbose and len(told) > _TOLD:
        print(f"and {len(told) - _TOLD} more; --verbose shows them, --json FILE keeps them")
    names = dict.fromkeys(outcome.operation for outcome in outcomes)
    rows = [[name, *_numbers(o for o in outcomes if o.operation == name)] for name in names]
    _print_table(["operation", "passed", "failed", "unsupported", "broken"], [*rows, ["all", *_numbers(outcomes)]])
    if counts(outcomes)["unsupported"] == len(outcomes):
        print("the shim supports none of these operations: nothing is shown", file=sys.stderr)


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _numbers(outcomes: Iterable[Outcome]) -> list[str]:
    return [str(number) for number in counts(outcomes).values()]


def _print_table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        cells = [
            cell.rjust(width) if cell.isdigit() else cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())
