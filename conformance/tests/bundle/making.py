"""Bundles to check: runs of the sample suite against a miniature that is gone afterwards."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picosec_conformance.bundle.archive import pack, unpack
from picosec_conformance.bundle.contents import PARTS, make_bundle
from picosec_conformance.bundle.listing import LISTING, Listing, Part, open_listing, sign
from picosec_conformance.bundle.verify import Check, verify
from picosec_conformance.certify import run_suite
from picosec_conformance.manifest import load_manifest
from picosec_conformance.selection import select
from picosec_conformance.specification.sets import RequirementSet, draft_set

HARNESS = Path(__file__).parents[1] / "harness"
SAMPLES = HARNESS / "sample_suite"
LAB = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def write_manifest(folder: Path, fault: str = "", tables: str = "") -> Path:
    """Write the manifest of a miniature whose program lies beside it, and return its path."""
    program = folder / "miniature.py"
    shutil.copy(HARNESS / "miniature.py", program)
    path = folder / "target.toml"
    path.write_text(
        f"""
        features = ["messaging.datagram", "messaging.server"]
        {tables}
        [target]
        name = "miniature"
        version = "1"
        vendor = "none"
        profile = "coap-server"
        [timeouts]
        answer = {0.2 if fault == "deaf" else 5.0}
        [adapter]
        kind = "subprocess"
        command = ["{{python}}", "{program}", "stdio", "{fault}"]
        """
    )
    return path


def certify(
    folder: Path,
    fault: str = "",
    *,
    tables: str = "",
    suite: Path = SAMPLES,
    lab_key: Ed25519PrivateKey | None = LAB,
    judged_by: RequirementSet | None = None,
    jobs: int = 1,
) -> bytes:
    """Certify a miniature, take it away, and return the bundle."""
    judged_by = draft_set() if judged_by is None else judged_by
    path = write_manifest(folder, fault, tables)
    manifest = load_manifest(path, None, judged_by.profiles)
    transcripts: list[bytes] = []
    report = run_suite(
        manifest,
        select(manifest, requirements=("CNF-510",), judged_by=judged_by),
        7,
        suite=suite,
        jobs=jobs,
        began=datetime(2020, 2, 29, 12, tzinfo=UTC),
        recorded=transcripts.append,
    )
    path.unlink()
    (folder / "miniature.py").unlink()
    return make_bundle(report, manifest, judged_by, transcripts[0], lab_key=lab_key)[0]


def checked(data: bytes, key: Ed25519PrivateKey | None = None, *, suite: Path = SAMPLES) -> dict[str, Check]:
    """Verify a bundle and return the checks by name."""
    return {check.name: check for check in verify(data, key.public_key() if key else None, suite=suite)}


def wrong(checks: dict[str, Check]) -> list[str]:
    """Return the names of the checks that failed."""
    return [check.name for check in checks.values() if not check.ok]


def altered(data: bytes, key: Ed25519PrivateKey, **changes: bytes) -> bytes:
    """Return a bundle with other contents under these hashes, signed by whoever did that.

    Parts are named up to their first dot.
    """
    parts = unpack(data, (*PARTS, LISTING))
    listing = open_listing(parts[LISTING])
    contents = {name: changes.get(name.partition(".")[0], parts[name]) for name in PARTS}
    described = tuple(Part.of(name, content) for name, content in contents.items())
    return pack({**contents, LISTING: sign(Listing(listing.run, described, key.public_key(), True), key)})


def part(data: bytes, name: str) -> bytes:
    """Return one part of a bundle."""
    return unpack(data, (*PARTS, LISTING))[name]
