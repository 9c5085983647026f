"""What a run of the bench found: against the budgets, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

VERSION = "1.0"
SCHEMA = Path(__file__).with_name("bench.schema.json")


class MeasurementFailed(Exception):
    """What was to be measured did not work."""


@dataclass(frozen=True, slots=True)
class Edhoc:
    """Full handshakes per second of both sides together, and the sizes of messages 1 to 3 in bytes.

    ``coap_bytes`` is what CoAP adds to each of the three.
    """

    picosec_per_s: float
    lakers_per_s: float
    primitives_per_s: float
    sizes: tuple[int, int, int]
    coap_bytes: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Oscore:
    """Protected exchanges per second, and the bytes that protection adds."""

    picosec_per_s: float
    aiocoap_per_s: float
    request_overhead: int
    response_overhead: int


@dataclass(frozen=True, slots=True)
class Observe:
    """Protected notifications per second, from one end to the other."""

    picosec_per_s: float
    aiocoap_per_s: float


@dataclass(frozen=True, slots=True)
class Layers:
    """Protected exchanges per second through a message layer of each kind, and through a codec for TCP alone."""

    datagrams_per_s: float
    connection_per_s: float
    codec_per_s: float
    aiocoap_codec_per_s: float


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects per second, each made by one end and opened by the other: signed, and signed and sealed for one reader.

    What python-cwt does is ``None`` when it was not there to be measured.
    """

    signed_per_s: float
    sealed_per_s: float
    cwt_signed_per_s: float | None
    cwt_sealed_per_s: float | None
    primitives_signed_per_s: float
    primitives_sealed_per_s: float


@dataclass(frozen=True, slots=True)
class Attestation:
    """Evidence of two pieces of software: its bytes, and those that an attester and, of it, a verifier keep.

    Evidence given per second, signature included, and judged by a policy.
    """

    evidence_bytes: int
    attester_bytes: int
    verifier_bytes: int
    given_per_s: float
    judged_per_s: float


@dataclass(frozen=True, slots=True)
class Credentials:
    """Chains of one and of three credentials: their bytes, and how many are judged per second.

    ``anchor_bytes`` are what a device keeps of an anchor; of a chain it keeps its bytes. What python-cwt does is
    ``None`` when it was not there to be measured.
    """

    one_bytes: int
    three_bytes: int
    anchor_bytes: int
    one_per_s: float
    three_per_s: float
    cwt_one_per_s: float | None
    cwt_three_per_s: float | None


@dataclass(frozen=True, slots=True)
class StatusList:
    """A status list: credentials in it, those of them that were taken back, and bytes of its token.

    Lists taken per second, signature and decompression included, and credentials judged by one.
    """

    entries: int
    revoked: int
    token_bytes: int
    taken_per_s: float
    judged_per_s: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Anonymous tokens: bytes of each message, and of what is kept: a key and a spent token by an issuer, a token by a
    client. Tokens per second, sixteen at once issued and fetched, and one by one sealed and taken.
    """

    request_one_bytes: int
    request_sixteen_bytes: int
    response_one_bytes: int
    response_sixteen_bytes: int
    redemption_bytes: int
    kept_bytes: tuple[int, int, int]
    issued_per_s: float
    redeemed_per_s: float
    primitives_issued_per_s: float
    primitives_redeemed_per_s: float


@dataclass(frozen=True, slots=True)
class Channel:
    """Resident bytes of one channel; ``None`` where the system does not tell."""

    bytes_of_state: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """Resident bytes of the reference device as a process, idle and after a handshake; ``None`` as above."""

    resident_bytes: int | None


@dataclass(frozen=True, slots=True)
class Certify:
    """One certification of the reference as a program: tests that ran, seconds they took, and the verdict."""

    tests: int
    seconds: float
    certified: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of requests in one delivery class while their channel moved between transports.

    ``sent`` counts the app's messages, ``lost`` the requests that were never acted on, ``repeated`` how often one was
    acted on again, ``unsettled`` the requests that the app knows no outcome of although it waited for one.
    """

    delivery: str
    requests: int
    moves: int
    sent: int
    lost: int
    repeated: int
    in_order: bool
    unsettled: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that one run measured; ``certify`` is left out of a quick one."""

    edhoc: Edhoc
    oscore: Oscore
    observe: Observe
    layers: Layers
    objects: Objects
    status_list: StatusList
    attestation: Attestation
    credentials: Credentials
    tokens: Tokens
    channel: Channel
    device: Device
    delivery: tuple[Delivered, ...]
    certify: Certify | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``met`` is ``None`` where there is no budget or no measurement."""

    what: str
    measured: str
    budget: str
    met: bool | None


def rows(found: Measurements) -> list[Row]:
    """Hold the measurements against the budgets."""
    edhoc, oscore, layers = found.edhoc, found.oscore, found.layers
    against_lakers = edhoc.picosec_per_s / edhoc.lakers_per_s
    of_primitives = edhoc.picosec_per_s / edhoc.primitives_per_s
    against_aiocoap = oscore.picosec_per_s / oscore.aiocoap_per_s
    overhead = (oscore.request_overhead, oscore.response_overhead)
    state, device = found.channel.bytes_of_state, found.device.resident_bytes
    sizes = f"{' + '.join(map(str, edhoc.sizes))} = {sum(edhoc.sizes)} bytes"
    added = ", ".join(map(str, edhoc.coap_bytes))
    table = [
        Row("EDHOC messages 1, 2, 3", sizes, "37 + 45 + 19 = 101 bytes", edhoc.sizes == (37, 45, 19)),
        Row("EDHOC, added by CoAP to each", f"{added} bytes", "at most 29 bytes", max(edhoc.coap_bytes) <= 29),
        Row("EDHOC handshakes, reference", f"{edhoc.picosec_per_s:,.0f} per s", "", None),
        Row("EDHOC handshakes, lakers", f"{edhoc.lakers_per_s:,.0f} per s", "", None),
        Row("EDHOC handshakes, bare primitives", f"{edhoc.primitives_per_s:,.0f} per s", "", None),
        Row("EDHOC, reference to lakers", f"{against_lakers:.2f} times", "at least 1.8 times", against_lakers >= 1.8),
        Row("EDHOC, reference to primitives", f"{of_primitives:.0%}", "at least 60%", of_primitives >= 0.6),
        Row("OSCORE exchanges, reference", f"{oscore.picosec_per_s:,.0f} per s", "", None),
        Row("OSCORE exchanges, aiocoap", f"{oscore.aiocoap_per_s:,.0f} per s", "", None),
        Row(
            "OSCORE, reference to aiocoap", f"{against_aiocoap:.2f} times", "at least 2.5 times", against_aiocoap >= 2.5
        ),
        Row(
            "OSCORE overhead, request, response",
            "{} and {} bytes".format(*overhead),
            "13 and 11 bytes",
            overhead == (13, 11),
        ),
        Row("protected notifications, reference", f"{found.observe.picosec_per_s:,.0f} per s", "", None),
        Row("protected notifications, aiocoap", f"{found.observe.aiocoap_per_s:,.0f} per s", "", None),
        Row("OSCORE through the message layer, datagrams", f"{layers.datagrams_per_s:,.0f} per s", "", None),
        Row("OSCORE through the message layer, connection", f"{layers.connection_per_s:,.0f} per s", "", None),
        Row("OSCORE through the TCP codec, reference", f"{layers.codec_per_s:,.0f} per s", "", None),
        Row("OSCORE through the TCP codec, aiocoap", f"{layers.aiocoap_codec_per_s:,.0f} per s", "", None),
        *_objects(found.objects),
        *_status(found.status_list),
        *_attestation(found.attestation),
        *_credentials(found.credentials),
        *_tokens(found.tokens),
        Row("state of a channel", _bytes(state), "below 2,048 bytes", None if state is None else state < 2048),
        Row("resident size of the device", _bytes(device), "", None),
    ]
    table += [_delivered(each) for each in found.delivery]
    if (certify := found.certify) is not None:
        rate = certify.tests / certify.seconds
        table += [
            Row("certify the reference, rate", f"{rate:,.0f} tests per s", "at least 50 tests per s", rate >= 50),
            Row("certify the reference, duration", f"{certify.seconds:.1f} s", "at most 10 s", certify.seconds <= 10),
        ]
    return table


def _objects(found: Objects) -> list[Row]:
    """Return the lines of objects; there is no budget for them."""
    lines = []
    for kind, *rates in (
        ("signed", found.signed_per_s, found.cwt_signed_per_s, found.primitives_signed_per_s),
        ("sealed", found.sealed_per_s, found.cwt_sealed_per_s, found.primitives_sealed_per_s),
    ):
        for who, rate in zip(("reference", "python-cwt", "bare primitives"), rates, strict=True):
            measured = "not measured: --cwt DIR" if rate is None else f"{rate:,.0f} per s"
            lines.append(Row(f"objects {kind} and opened, {who}", measured, "", None))
    return lines


def _attestation(found: Attestation) -> list[Row]:
    """Return the lines of attestation; there is no budget for it."""
    return [
        Row("evidence of two pieces of software", f"{found.evidence_bytes:,} bytes", "", None),
        Row("kept by an attester", f"{found.attester_bytes:,} bytes", "", None),
        Row("kept by a verifier of each attester", f"{found.verifier_bytes:,} bytes", "", None),
        Row("evidence given", f"{found.given_per_s:,.0f} per s", "", None),
        Row("evidence judged", f"{found.judged_per_s:,.0f} per s", "", None),
    ]


def _credentials(found: Credentials) -> list[Row]:
    """Return the lines of credentials; there is no budget for them."""
    lines = [
        Row("credential, and chain of three", f"{found.one_bytes} and {found.three_bytes} bytes", "", None),
        Row("kept of an anchor", f"{found.anchor_bytes} bytes", "", None),
    ]
    for length, *rates in (
        ("one", found.one_per_s, found.cwt_one_per_s),
        ("three", found.three_per_s, found.cwt_three_per_s),
    ):
        for who, rate in zip(("reference", "python-cwt"), rates, strict=True):
            measured = "not measured: --cwt DIR" if rate is None else f"{rate:,.0f} per s"
            lines.append(Row(f"chains of {length} judged, {who}", measured, "", None))
    return lines


def _status(found: StatusList) -> list[Row]:
    """Return the lines of status lists; there is no budget for them."""
    size = f"{found.entries:,} entries, {found.revoked:,} revoked"
    return [
        Row(f"status list of {size}", f"{found.token_bytes:,} bytes", "", None),
        Row("status lists taken", f"{found.taken_per_s:,.0f} per s", "", None),
        Row("credentials judged by a status list", f"{found.judged_per_s:,.0f} per s", "", None),
    ]


def _tokens(found: Tokens) -> list[Row]:
    """Return the lines of anonymous tokens; there is no budget for them."""
    one = f"{found.request_one_bytes} and {found.response_one_bytes} bytes"
    sixteen = f"{found.request_sixteen_bytes} and {found.response_sixteen_bytes} bytes"
    key, spent, token = found.kept_bytes
    lines = [
        Row("asking for a token, and the answer", one, "", None),
        Row("asking for sixteen tokens, and the answer", sixteen, "", None),
        Row("redemption of a token", f"{found.redemption_bytes} bytes", "", None),
        Row("kept by an issuer of a key, and of each spent token", f"{key} and {spent} bytes", "", None),
        Row("kept by a client of each token", f"{token} bytes", "", None),
    ]
    for what, *rates in (
        ("issued and fetched", found.issued_per_s, found.primitives_issued_per_s),
        ("sealed and redeemed", found.redeemed_per_s, found.primitives_redeemed_per_s),
    ):
        for who, rate in zip(("reference", "bare primitives"), rates, strict=True):
            lines.append(Row(f"tokens {what}, {who}", f"{rate:,.0f} per s", "", None))
    return lines


def _delivered(found: Delivered) -> Row:
    """Return the line of a delivery class: 0 where it promises 0."""
    measured = f"{found.lost} lost, {found.repeated} repeated of {found.requests:,}; {found.moves} moves"
    what = f"delivered {found.delivery}, 4 transports"
    match found.delivery:
        case "at most once":
            return Row(what, measured, "0 repeated", found.repeated == 0)
        case "at least once":
            return Row(what, measured, "0 lost", found.lost + found.unsettled == 0)
    kept = found.lost + found.repeated + found.unsettled == 0 and found.in_order
    return Row(what, measured, "0 lost, 0 repeated, in order", kept)


def to_json(found: Measurements, environment: dict[str, Any], table: list[Row]) -> str:
    """Return the text of the report (bench.schema.json)."""
    data = {"version": VERSION, "environment": environment, **asdict(found), "budgets": [asdict(row) for row in table]}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def to_text(table: list[Row]) -> str:
    """Return the table for people."""
    marks = {True: "met", False: "MISSED", None: ""}
    cells = [("", "measured", "budget", "")]
    cells += [(row.what, row.measured, row.budget, marks[row.met] if row.budget else "") for row in table]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = []
    for what, measured, budget, mark in cells:
        line = f"{what:<{widths[0]}}  {measured:>{widths[1]}}  {budget:<{widths[2]}}  {mark}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _bytes(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,} bytes"
