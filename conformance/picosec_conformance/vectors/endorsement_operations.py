"""The operation of endorsements: taking one."""

from __future__ import annotations

from typing import Any

from picosec.crypto.curves import decode_public
from picosec.identity.endorsement import decode_endorsement
from picosec.identity.endorsements import Endorsements, Endorser
from picosec.objects.structures import signature_structure
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.objects_operations import CURVES
from picosec_conformance.vectors.operations import Result, operation
from picosec_conformance.vectors.status_operations import status_lists


@operation("endorsement.take")
def _take(inputs: dict[str, Any]) -> Result:
    """Take an endorsement as whoever believes ``endorsers``; ``taken`` are endorsements that it took before.

    Of ``issuers`` it took the status lists ``lists``.
    """
    lists = status_lists({"issuers": inputs.get("issuers", []), "taken": inputs.get("lists", [])})
    endorsements = Endorsements(lists)
    endorsements.admit(_endorser(row) for row in inputs["endorsers"])
    for earlier in inputs.get("taken", []):
        endorsements.take(endorsements.judge(bytes.fromhex(earlier), None))
    data = octets(inputs, "endorsement")
    said = endorsements.judge(data, inputs.get("now")).said
    signed, _said = decode_endorsement(data)
    output: dict[str, Any] = {"identity": said.identity, "issued": said.issued, "expires": said.expires}
    if said.subject:
        output["subject"] = said.subject
    if said.attributes:
        output["attributes"] = dict(said.attributes)
    return Result(output, {"to_be_signed": signature_structure(signed.headers.protected, b"", signed.payload)})


def _endorser(row: dict[str, Any]) -> Endorser:
    key = decode_public(CURVES[row["curve"]], octets(row, "x"), octets(row, "y", b"") or None)
    return Endorser(octets(row, "kid"), key)
