"""Checks a bundle from the outside in: archive, signature, hashes, then the suite again against the recorded target.

Nothing in a bundle is trusted: it is data for the suite that is installed here. No program that a manifest names is
started, no link opened, no code of a bundle run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from picosec_conformance.bundle.archive import MAX_SIZE, BundleError
from picosec_conformance.bundle.comparison import differences, other_differences, wordings
from picosec_conformance.bundle.contents import CAPTURE, MANIFEST, REPORT, REQUIREMENTS, TRANSCRIPT, Bundle, open_bundle
from picosec_conformance.bundle.keys import thumbprint
from picosec_conformance.certify import SUITE, HarnessError, run_suite, suite_hash
from picosec_conformance.faults import faulty
from picosec_conformance.manifest import Manifest, ManifestError, parse_manifest
from picosec_conformance.report.json import document
from picosec_conformance.report.model import Report, State
from picosec_conformance.report.pcapng import run_capture
from picosec_conformance.selection import Selection, SelectionError, select
from picosec_conformance.specification.sets import RequirementSet, SetError, load_set
from picosec_conformance.transcript import TranscriptError, decode

_SHOWN, _LONGEST = 3, 300  # differences that are told, and characters of each


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the verdict on a bundle. ``notes`` are what a reader should know although it is in order."""

    name: str
    ok: bool
    detail: str
    notes: tuple[str, ...] = ()


def read_bundle(path: Path) -> bytes:
    """Return the bytes of a bundle. Raises ``OSError``, or ``BundleError`` for more than anybody should open."""
    with path.open("rb") as file:
        data = file.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise BundleError("the archive", f"it has more than {MAX_SIZE} bytes")
    return data


def verify(data: bytes, key: Ed25519PublicKey | None = None, *, jobs: int = 1, suite: Path = SUITE) -> Iterator[Check]:
    """Yield the checks one after another, and end after the first step that one of them fails.

    ``key`` is the one that has to have signed; without it, any may have.
    """
    try:
        bundle = open_bundle(data)
    except BundleError as error:
        yield Check("integrity", False, f"{error.part}: {error}")
        return
    yield Check("integrity", True, f"{len(bundle.parts) + 1} parts, each as it was signed")
    signer = _signer(bundle, key)
    yield signer
    installed = list(_installed(bundle, suite))
    yield from installed
    if not all(check.ok for check in (signer, *installed)):
        return
    try:
        run = _Replay(bundle, suite)
    except (ManifestError, SelectionError, SetError, ValueError) as error:
        yield Check("manifest", False, str(error))
        return
    recording = _recording(bundle)
    yield recording
    if recording.ok:
        yield from run.checks(jobs)


def _signer(bundle: Bundle, key: Ed25519PublicKey | None) -> Check:
    listing = bundle.listing
    name = thumbprint(listing.signer).hex()
    if key is not None:
        if listing.signer != key:
            return Check("signature", False, f"by {name}, which is not the key that was asked for")
        return Check("signature", True, f"by the key that was asked for, {name}")
    if listing.throw_away:
        return Check("signature", True, f"by a throw-away key, {name}", ("nobody vouches for this run",))
    return Check("signature", True, f"by lab key {name}", ("give the lab's public key with --key to know whose it is",))


def _installed(bundle: Bundle, suite: Path) -> Iterator[Check]:
    """Compare suite and requirement set with those here: others would reach other verdicts for their own reasons."""
    run = bundle.listing.run
    here = suite_hash(suite)
    same = run.suite_hash.hex() == here
    detail = f"{run.suite_version}, {run.suite_hash.hex()[:16]}…"
    other = "" if same else f", but the one installed here is {here[:16]}…: verify with the suite that made the bundle"
    yield Check("suite", same, detail + other)
    try:
        judged_by = load_set(run.set_version).hash
    except SetError as error:
        yield Check("requirements", False, str(error))
        return
    claimed = sha256(bundle.parts[REQUIREMENTS]).hexdigest()
    detail = f"set {run.set_version}, {claimed[:16]}…"
    if claimed != run.set_hash.hex():
        yield Check("requirements", False, f"{detail}, but the listing has {run.set_hash.hex()[:16]}…")
    elif claimed != judged_by:
        yield Check("requirements", False, f"{detail}, but the set of that name here is {judged_by[:16]}…")
    else:
        yield Check("requirements", True, detail)


def _recording(bundle: Bundle) -> Check:
    try:
        transcript = decode(bundle.expanded(TRANSCRIPT))
        same = run_capture(transcript) == bundle.expanded(CAPTURE)
    except (TranscriptError, BundleError) as error:
        return Check("recording", False, str(error))
    if not same:
        return Check("recording", False, f"{CAPTURE} shows something else than {TRANSCRIPT}")
    steps = sum(map(len, transcript.values()))
    return Check("recording", True, f"{len(transcript)} tests, {steps} steps; the capture shows the same")


class _Replay:
    """The run of a bundle, again."""

    def __init__(self, bundle: Bundle, suite: Path) -> None:
        run = bundle.listing.run
        self._bundle, self._run, self._suite = bundle, run, suite
        judged_by = load_set(run.set_version)
        self._manifest = _manifest(bundle, judged_by)
        self._selection = _selection(run.selection, self._manifest, judged_by)

    def checks(self, jobs: int) -> list[Check]:
        """Run the suite against the recording and compare."""
        try:
            claimed = json.loads(self._bundle.parts[REPORT])
            report = run_suite(
                self._manifest,
                self._selection,
                self._run.seed,
                jobs=jobs,
                suite=self._suite,
                fault=self._run.fault,
                began=self._run.moment,
                transcript=self._bundle.expanded(TRANSCRIPT),
            )
            return list(_comparisons(claimed, report))
        except RecursionError:
            return [Check("replay", False, f"{REPORT} is nested deeper than any report")]
        except (ValueError, HarnessError) as error:
            return [Check("replay", False, str(error))]


def _comparisons(claimed: Any, report: Report) -> Iterator[Check]:
    replayed = document(report)
    for name, rows, count in (
        ("verdicts", "test_results", len(report.tests)),
        ("requirement states", "requirement_results", len(report.requirements)),
        ("feature truth", "features", len(report.features)),
    ):
        yield _compared(name, list(differences(claimed, replayed, rows)), f"{count} the same")
    words = wordings(claimed, replayed)
    note = f"reasons that are worded otherwise: {words} (wording depends on the versions of Python and pytest)"
    target, passed = f"{report.target.name} {report.target.version}", report.states[State.PASSED]
    verdict = "certified" if report.certified else "not certified"
    score = f"{passed} of {len(report.requirements)} requirements of profile {report.profile}"
    other = list(other_differences(claimed, replayed))
    yield _compared("report", other, f"{target} {verdict}: {score} passed", (note,) * bool(words))


def _compared(name: str, found: list[str], good: str, notes: tuple[str, ...] = ()) -> Check:
    if not found:
        return Check(name, True, good, notes)
    shown = [sentence if len(sentence) <= _LONGEST else sentence[:_LONGEST] + "…" for sentence in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] * (len(found) > _SHOWN)
    return Check(name, False, "; ".join(shown + more), notes)


def _manifest(bundle: Bundle, judged_by: RequirementSet) -> Manifest:
    run = bundle.listing.run
    manifest = parse_manifest(bundle.parts[MANIFEST].decode(), run.source, run.profile, judged_by.profiles)
    return manifest if run.fault is None else faulty(manifest, run.fault)


def _selection(words: tuple[str, ...], manifest: Manifest, judged_by: RequirementSet) -> Selection:
    named: dict[str, list[Any]] = {"chapter": [], "requirement": [], "combinations": []}
    for word in words:
        kind, _, name = word.partition(" ")
        if kind not in named:
            raise SelectionError(f"the run was limited to {word!r}, which this suite does not know")
        named[kind].append(name)
    return select(
        manifest,
        tuple(named["chapter"]),
        tuple(named["requirement"]),
        judged_by,
        combinations=bool(named["combinations"]),
    )
