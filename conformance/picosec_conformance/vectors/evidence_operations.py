"""The operations of attestation: computing a nonce, making evidence, and appraising it."""

from __future__ import annotations

from functools import partial
from typing import Any

from picosec.channel import key_schedule
from picosec.crypto.curves import decode_public
from picosec.crypto.vault import software_vault
from picosec.identity.attester import Attester, bound_nonce
from picosec.identity.evidence import Debug, Evidence, decode_evidence
from picosec.identity.tamper import TamperKind, TamperRecord
from picosec.identity.verifier import Appraisal, KnownAttester, Verifier, code_of
from picosec.objects.signed import Signed
from picosec.objects.structures import signature_structure
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.objects_operations import CURVES
from picosec_conformance.vectors.operations import Result, operation


@operation("evidence.nonce")
def _nonce(inputs: dict[str, Any]) -> Result:
    """Compute the nonce of evidence; ``attester_id`` is the OSCORE Sender ID of who gives it."""
    prk = key_schedule.prk_exporter(octets(inputs, "prk_out"))
    challenge, attester_id = octets(inputs, "challenge"), octets(inputs, "attester_id")
    nonce = bound_nonce(partial(key_schedule.kdf, prk), challenge, attester_id)
    return Result({"nonce": nonce}, {"prk_exporter": prk, "context": challenge + attester_id})


@operation("evidence.make")
def _make(inputs: dict[str, Any]) -> Result:
    """Make evidence with a private key; without ``issued``, ``tampered`` or a ``maker`` it is not known.

    A maker is bytes, or ``maker_number``.
    """
    vault = software_vault(bytes)
    handle = vault.import_key(CURVES[inputs["curve"]], octets(inputs, "private"))
    attester = Attester(
        octets(inputs, "kid"),
        handle,
        octets(inputs, "ueid"),
        Debug(inputs["debug"]),
        _hashes(inputs["software"]),
        _maker(inputs),
    )
    made = attester.attest(octets(inputs, "nonce"), vault, inputs.get("issued"), inputs.get("tampered"))
    signed = Signed.decode(made)
    return Result({"evidence": made}, {"claims": signed.payload, "to_be_signed": _to_be_signed(signed)})


@operation("evidence.appraise")
def _appraise(inputs: dict[str, Any]) -> Result:
    """Appraise evidence as who knows ``attesters``; ``credential`` is that of the peer, if it has one."""
    verifier = Verifier()
    verifier.admit(map(_attester, inputs["attesters"]))
    data = octets(inputs, "evidence")
    credential = octets(inputs, "credential", b"")
    code = code_of(credential) if credential else None
    found = verifier.appraise(data, octets(inputs, "nonce"), inputs.get("now"), code)
    signed, _said = decode_evidence(data)
    return Result(_output(found), {"claims": signed.payload, "to_be_signed": _to_be_signed(signed)})


@operation("tamper.record")
def _record(inputs: dict[str, Any]) -> Result:
    """Return what is told of tampering after some events, each of a kind and at a time, which need not be known."""
    record = TamperRecord()
    for event in inputs["events"]:
        record = record.after(TamperKind(event["kind"]), event.get("time"))
    return Result({"record": record.encode()})


def _output(found: Evidence) -> dict[str, Any]:
    output: dict[str, Any] = {"ueid": found.ueid, "debug": int(found.debug), "software": dict(found.software)}
    maker = "maker_number" if isinstance(found.maker, int) else "maker"
    optional = {"issued": found.issued, "tampered": found.tampered, maker: found.maker}
    return output | {name: value for name, value in optional.items() if value is not None}


def _attester(row: dict[str, Any]) -> KnownAttester:
    key = decode_public(CURVES[row["curve"]], octets(row, "x"), octets(row, "y", b"") or None)
    known = row.get("software")
    software = known and {name: frozenset(map(bytes.fromhex, hashes)) for name, hashes in known.items()}
    appraisal = Appraisal(Debug(row.get("least_debug", Debug.DISABLED)), software, row.get("most_tampered"))
    return KnownAttester(octets(row, "kid"), key, octets(row, "ueid"), appraisal)


def _maker(inputs: dict[str, Any]) -> bytes | int | None:
    return octets(inputs, "maker") if "maker" in inputs else inputs.get("maker_number")


def _hashes(software: dict[str, str]) -> dict[str, bytes]:
    return {name: bytes.fromhex(each) for name, each in software.items()}


def _to_be_signed(signed: Signed) -> bytes:
    return signature_structure(signed.headers.protected, b"", signed.payload)
