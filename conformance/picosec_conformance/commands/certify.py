"""``picosec certify``: judge an implementation, requirement by requirement, and write a report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picosec_conformance.adapters import AdapterError
from picosec_conformance.bundle.contents import make_bundle
from picosec_conformance.bundle.keys import KeyFileError, read_private, thumbprint
from picosec_conformance.certify import HarnessError, default_jobs, first_contact, run_suite
from picosec_conformance.faults import faulty
from picosec_conformance.manifest import (
    REFERENCE,
    Manifest,
    ManifestError,
    known_manifest,
    known_names,
    load_manifest,
)
from picosec_conformance.report import terminal
from picosec_conformance.report.model import Report, Verdict
from picosec_conformance.report.write import write_file, write_report
from picosec_conformance.selection import Selection, SelectionError, select
from picosec_conformance.specification.sets import SetError, load_set

CERTIFIED, NOT_CERTIFIED, WRONG_REQUEST, BROKEN = range(4)

_EXAMPLES = """\
examples:
  picosec certify                                    the reference device, as a program
  picosec certify my-device.toml                     your implementation, as its manifest describes it
  picosec certify my-device.toml --profile pico      against another profile
  picosec certify aiocoap-server                     a stack that others wrote, as it is
  picosec certify my-device.toml --set 1.0           by the frozen set of requirements of that name
  picosec certify my-device.toml --lab-key lab.pem   and sign report/bundle.zip, so that others can verify the run
  picosec certify --chapter messaging                one chapter only: no certificate, but a quick answer
  picosec certify --requirement CHN-120 --seed 7     repeat what a report showed
  picosec certify --every-combination                every method with every suite, credentials, role
  picosec certify --fault dies-of-noise              a broken reference, to see what a failure looks like

exit status:
  0  certified (with --chapter or --requirement: all that was selected holds)
  1  not certified
  2  the request or the manifest is wrong
  3  the harness or the adapter broke; nothing is said about the target
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Judge an implementation, requirement by requirement, and write a report."
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "manifest",
        nargs="?",
        type=known_manifest,
        default=REFERENCE,
        help=f"target.toml, or one that comes with the suite ({', '.join(known_names())}); without, the reference",
    )
    parser.add_argument("--profile", metavar="P", help="profile to judge by, instead of the manifest's")
    parser.add_argument("--chapter", metavar="C", action="append", default=[], help="only this chapter; repeatable")
    parser.add_argument(
        "--requirement", metavar="ID", action="append", default=[], help="only this requirement; repeatable"
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=1, help="decides everything the suite sends (default: 1)"
    )
    parser.add_argument(
        "--jobs", metavar="N", type=int, help="targets to run at once (default: 2 for a program, else 1)"
    )
    parser.add_argument(
        "--set", metavar="VERSION", help="frozen set of requirements to judge by (default: as they are)"
    )
    parser.add_argument(
        "--lab-key", metavar="FILE", type=Path, help="key to sign the bundle with; `picosec lab-key` makes one"
    )
    parser.add_argument(
        "--every-combination", action="store_true", help="handshakes over all combinations of choices; takes longer"
    )
    parser.add_argument("--fault", metavar="NAME", help="break the reference in this way and watch the report turn red")
    parser.add_argument(
        "--report", metavar="DIR", type=Path, default=Path("report"), help="folder for the report (default: report)"
    )


def run(options: argparse.Namespace) -> int:
    """Run the suite and return the exit status."""
    try:
        judged_by = load_set(options.set)
        manifest = load_manifest(options.manifest, options.profile, judged_by.profiles)
        if options.fault is not None:
            manifest = faulty(manifest, options.fault)
        selection = select(
            manifest,
            tuple(options.chapter),
            tuple(options.requirement),
            judged_by,
            combinations=options.every_combination,
        )
        jobs = _jobs(options.jobs, manifest)
        if not -(1 << 63) <= options.seed < 1 << 63:
            raise SelectionError(f"--seed {options.seed}: give a number of at most 64 bits")
        lab_key = None if options.lab_key is None else read_private(options.lab_key)
        options.report.mkdir(parents=True, exist_ok=True)
    except (KeyFileError, ManifestError, SelectionError, SetError, ValueError) as error:
        print(f"picosec certify: {error}", file=sys.stderr)
        return WRONG_REQUEST
    except OSError as error:
        print(f"picosec certify: --report {options.report}: {error.strerror}", file=sys.stderr)
        return WRONG_REQUEST
    try:
        first_contact(manifest)
    except AdapterError as error:
        print(f"picosec certify: {error}", file=sys.stderr)
        return BROKEN
    display = terminal.Progress(manifest.name, manifest.profile.title)
    transcripts: list[bytes] = []
    try:
        report = run_suite(
            manifest,
            selection,
            options.seed,
            jobs=jobs,
            fault=options.fault,
            progress=display.result,
            started=display.started,
            recorded=transcripts.append,
        )
    except (HarnessError, AdapterError) as error:
        details = options.report / "harness-error.txt"
        details.write_text(f"{error}\n", encoding="utf-8")
        last = str(error).strip().splitlines()[-1]
        print(f"picosec certify: the harness broke: {last}; please report {details}", file=sys.stderr)
        return BROKEN
    finally:
        display.close()
    write_report(report, options.report)
    terminal.print_summary(report, options.report)
    _write_bundle(options, report, manifest, selection, transcripts[0], lab_key)
    return _status(report)


def _write_bundle(
    options: argparse.Namespace,
    report: Report,
    manifest: Manifest,
    selection: Selection,
    transcript: bytes,
    lab_key: Ed25519PrivateKey | None,
) -> None:
    path = options.report / "bundle.zip"
    data, listing = make_bundle(report, manifest, selection.judged_by, transcript, fault=options.fault, lab_key=lab_key)
    write_file(path, data)
    by = (
        f"lab key {thumbprint(listing.signer).hex()}"
        if lab_key
        else "a throw-away key (--lab-key FILE says who you are)"
    )
    print(f"bundle: {path}, signed with {by}")


def _jobs(asked: int | None, manifest: Manifest) -> int:
    if asked is None:
        return default_jobs(manifest)
    if asked < 1:
        raise SelectionError(f"--jobs {asked}: give a number of at least 1")
    if asked > 1 and manifest.adapter["kind"] != "subprocess":
        raise SelectionError(
            f"--jobs {asked}: there is one target on this {manifest.adapter['kind']} link; use --jobs 1"
        )
    return asked


def _status(report: Report) -> int:
    """A run that produced nothing but errors says nothing about the target."""
    if any(result.verdict == Verdict.ERROR for result in report.tests):
        return BROKEN
    if report.selection:
        return NOT_CERTIFIED if report.reasons else CERTIFIED
    return CERTIFIED if report.certified else NOT_CERTIFIED
