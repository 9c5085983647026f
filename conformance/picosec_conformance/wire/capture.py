"""Datagrams from a capture file, pcapng or pcap, as far as they are UDP over IPv4 or IPv6."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapReader

#: Link types, and how many bytes come before the IP header.
_LINKS = {1: 14, 101: 0, 113: 16, 228: 0, 229: 0, 276: 20}
#: Link type for raw bytes of a stream, as ``report.pcapng`` writes it.
USER0 = 147


class CaptureError(Exception):
    """The file is no capture. The text says why."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram; seconds count from the first packet of the file."""

    seconds: float
    source: str
    destination: str
    data: bytes


def read_capture(path: Path) -> list[Datagram]:
    """Return the datagrams of a capture file. Raises ``OSError`` and ``CaptureError``."""
    found: list[Datagram] = []
    began: float | None = None
    try:
        with path.open("rb") as file, RawPcapReader(cast(Any, file)) as reader:
            for packet, metadata in reader:
                link = getattr(metadata, "linktype", None) or reader.linktype
                at = _seconds(metadata)
                began = at if began is None else began
                datagram = _datagram(packet, link, at - began)
                if datagram is not None:
                    found.append(datagram)
    except (Scapy_Exception, EOFError) as error:
        raise CaptureError(f"this is no pcapng or pcap file ({error or 'it is empty'})") from error
    if not found:
        raise CaptureError("no UDP datagram in this capture")
    return found


def _seconds(metadata: Any) -> float:
    if not hasattr(metadata, "tshigh"):
        return float(metadata.sec) + float(metadata.usec) / 1e6
    return float((metadata.tshigh or 0) << 32 | (metadata.tslow or 0)) / float(metadata.tsresol or 1_000_000)


def _datagram(packet: bytes, link: int, seconds: float) -> Datagram | None:
    if link == USER0:
        return Datagram(seconds, "stream", "stream", packet)
    ip = packet[_LINKS.get(link, len(packet)) :]
    if not ip:
        return None
    if ip[0] >> 4 == 4 and len(ip) >= 28 and ip[9] == 17:
        start, addresses = (ip[0] & 15) * 4, (ip[12:16], ip[16:20])
    elif ip[0] >> 4 == 6 and len(ip) >= 48 and ip[6] == 17:
        start, addresses = 40, (ip[8:24], ip[24:40])
    else:
        return None
    udp = ip[start:]
    source, destination = (
        f"{ipaddress.ip_address(address)}:{int.from_bytes(udp[at : at + 2])}"
        for address, at in zip(addresses, (0, 2), strict=True)
    )
    return Datagram(seconds, source, destination, udp[8 : int.from_bytes(udp[4:6])])
