"""The operations of status lists: reading entries, taking a token, and judging a credential."""

from __future__ import annotations

from typing import Any

from picosec.crypto.curves import decode_public
from picosec.identity.status import MAX_UNPACKED, StatusList, reference_in
from picosec.identity.status_lists import StatusIssuer, StatusLists
from picosec.identity.status_token import decode_token
from picosec.messaging.cbor import dumps
from picosec.objects.structures import signature_structure
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.objects_operations import CURVES
from picosec_conformance.vectors.operations import Result, operation


@operation("status.list.read")
def _read(inputs: dict[str, Any]) -> Result:
    """Decompress a list, of at most ``limit`` bytes of entries, and read the entries at ``places``.

    ``size`` is how many entries there are; without a ``limit`` it is that of a device.
    """
    listed = StatusList.unpack(inputs["bits"], octets(inputs, "lst"), inputs.get("limit", MAX_UNPACKED))
    size = 8 * len(listed.entries) // listed.bits
    return Result({"size": size, "entries": [listed.entry(place) for place in inputs["places"]]})


@operation("status.token.take")
def _take(inputs: dict[str, Any]) -> Result:
    """Take a token as whoever believes ``issuers``; ``taken`` are tokens that it took before."""
    lists, now, data = status_lists(inputs), inputs.get("now"), octets(inputs, "token")
    held = lists.judge(data, now)
    signed, token = decode_token(data)
    output: dict[str, Any] = {
        "uri": token.uri,
        "issued": token.issued,
        "fresh_until": token.fresh_until,
        "bits": token.bits,
        "entries": held.entries.entries,
    }
    return Result(output, {"to_be_signed": signature_structure(signed.headers.protected, b"", signed.payload)})


@operation("status.check")
def _check(inputs: dict[str, Any]) -> Result:
    """Judge the status of a credential, a claims set or an untagged CWT, as whoever took the tokens ``taken``."""
    credential = octets(inputs, "credential")
    status_lists(inputs).check(credential, inputs.get("now"))
    reference = reference_in(credential)
    if reference is None:
        return Result({})
    return Result({}, {"status": dumps({"status_list": {"idx": reference.index, "uri": reference.uri}})})


def status_lists(inputs: dict[str, Any]) -> StatusLists:
    """Return the lists of whoever believes ``issuers`` and took the tokens ``taken``."""
    lists = StatusLists()
    issuers = [
        StatusIssuer(
            octets(row, "kid"),
            decode_public(CURVES[row["curve"]], octets(row, "x"), octets(row, "y", b"") or None),
            row["uri"],
        )
        for row in inputs["issuers"]
    ]
    lists.admit(issuers, inputs.get("grace"))
    for earlier in inputs.get("taken", []):
        lists.take(lists.judge(bytes.fromhex(earlier), None))
    return lists
