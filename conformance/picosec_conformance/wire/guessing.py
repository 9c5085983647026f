"""What is this frame? The first reading under which every byte is valid."""

from __future__ import annotations

from picosec_conformance.wire import LayerName
from picosec_conformance.wire import slipmux as slip
from picosec_conformance.wire.cbor import sequence
from picosec_conformance.wire.chain_lines import is_chain
from picosec_conformance.wire.decoding import dissect
from picosec_conformance.wire.edhoc_lines import split
from picosec_conformance.wire.evidence_lines import is_evidence
from picosec_conformance.wire.names import CODES
from picosec_conformance.wire.object_lines import object_name
from picosec_conformance.wire.status_lines import is_status_token
from picosec_conformance.wire.token_lines import token_name


def guess(data: bytes) -> LayerName:
    """Name the layer.

    A CoAP message may also be a CBOR sequence by chance, hardly ever the other way round, so CoAP is tried first.
    """
    if _is_slipmux(data):
        return "slipmux"
    message, wrong = dissect(data)
    if message is not None and not wrong and message.code in CODES:
        return "coap"
    items, stop = sequence(data)
    if is_status_token(data):
        return "status-list"
    if is_evidence(data):
        return "evidence"
    if is_chain(data):
        return "chain"
    if token_name(data):
        return "token"
    if object_name(data):
        return "object"
    if items and stop is None:
        return "cbor" if split(items)[1] is None else "edhoc"
    return "coap" if data[:1] and data[0] >> 6 == 1 and len(data) >= 4 else "cbor"


def _is_slipmux(data: bytes) -> bool:
    if len(data) > 1 and data[0] == data[-1] == slip.END:
        return True
    frames = slip.frames(data)
    return bool(frames) and frames[0].fcs is not None
