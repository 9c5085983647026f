"""The parts of a bundle: made from a run, and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picosec_conformance.bundle.archive import BundleError, expand, pack, squeeze, unpack
from picosec_conformance.bundle.listing import LISTING, Listing, Part, Run, open_listing, sign
from picosec_conformance.manifest import Manifest
from picosec_conformance.report.json import to_json
from picosec_conformance.report.model import Report
from picosec_conformance.report.pcapng import run_capture
from picosec_conformance.specification.sets import RequirementSet
from picosec_conformance.transcript import decode

MANIFEST: Final = "manifest.toml"
REPORT: Final = "report.json"
REQUIREMENTS: Final = "requirements.json"
TRANSCRIPT: Final = "transcript.cborseq.gz"
CAPTURE: Final = "capture.pcapng.gz"
#: Every part but the listing, in order.
PARTS: Final = (MANIFEST, REPORT, REQUIREMENTS, TRANSCRIPT, CAPTURE)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose signature and hashes are right; what it says has not been judged."""

    listing: Listing
    parts: Mapping[str, bytes]

    def expanded(self, part: str) -> bytes:
        """Return a compressed part's content. Raises ``BundleError``."""
        return expand(part, self.parts[part])


def make_bundle(
    report: Report,
    manifest: Manifest,
    judged_by: RequirementSet,
    transcript: bytes,
    *,
    fault: str | None = None,
    lab_key: Ed25519PrivateKey | None = None,
) -> tuple[bytes, Listing]:
    """Return the archive and what is signed in it. Without a lab key, one is made and thrown away.

    Raises ``OverflowError`` for a seed beyond 64 bits.
    """
    contents = {
        MANIFEST: manifest.text.encode(),
        REPORT: to_json(report).encode(errors="backslashreplace"),
        REQUIREMENTS: judged_by.text.encode(),
        TRANSCRIPT: squeeze(transcript),
        CAPTURE: squeeze(run_capture(decode(transcript))),
    }
    run = Run(
        report.seed,
        report.started,
        report.profile,
        report.selection,
        report.set_version,
        bytes.fromhex(report.requirement_set),
        report.suite_version,
        bytes.fromhex(report.suite_hash),
        manifest.source,
        fault,
    )
    key = Ed25519PrivateKey.generate() if lab_key is None else lab_key
    parts = tuple(Part.of(name, content) for name, content in contents.items())
    listing = Listing(run, parts, key.public_key(), lab_key is None)
    return pack({**contents, LISTING: sign(listing, key)}), listing


def open_bundle(data: bytes) -> Bundle:
    """Return a bundle of which nothing was changed since it was signed.

    Raises ``BundleError`` naming the part that is not what it was.
    """
    parts = unpack(data, (*PARTS, LISTING))
    listing = open_listing(parts.pop(LISTING))
    if tuple(part.name for part in listing.parts) != PARTS:
        raise BundleError(LISTING, f"it does not list the parts of a bundle: {', '.join(PARTS)}")
    for part in listing.parts:
        if part != Part.of(part.name, parts[part.name]):
            raise BundleError(part.name, "it is not the one that was signed: its SHA-256 differs")
    return Bundle(listing, parts)
