"""Adapters move frames to and from the target, nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from picosec_conformance.adapters.base import Adapter, AdapterError, ConnectionEnded, Framing, TargetDied
from picosec_conformance.adapters.listen import ListenAdapter
from picosec_conformance.adapters.memory import InProcessTarget, MemoryAdapter
from picosec_conformance.adapters.ports import Ports
from picosec_conformance.adapters.serial import SerialAdapter
from picosec_conformance.adapters.subprocess import SubprocessAdapter
from picosec_conformance.adapters.tcp import TcpAdapter
from picosec_conformance.adapters.udp import UdpAdapter

__all__ = ["Adapter", "AdapterError", "ConnectionEnded", "Ports", "TargetDied", "framing_of", "open_adapter"]

_FRAMING: dict[str, Framing] = {
    "subprocess": SubprocessAdapter.framing,
    "udp": UdpAdapter.framing,
    "udp-listen": ListenAdapter.framing,
    "serial": SerialAdapter.framing,
    "memory": MemoryAdapter.framing,
    "tcp": "tcp",
    "websocket": "websocket",
}


def framing_of(settings: Mapping[str, Any]) -> Framing:
    """Return how frames lie on the link that a manifest's ``adapter`` table describes, without opening it."""
    return _FRAMING[settings["kind"]]


def open_adapter(settings: Mapping[str, Any], ports: Ports | None = None) -> Adapter:
    """Make the adapter that a manifest's ``adapter`` table describes (already checked against the schema).

    ``ports`` are those of the target, which all of its links share; who starts it gives them back when it is closed.
    Raises ``AdapterError`` when a memory target's factory cannot be imported, or no port is free.
    """
    values = {name: value for name, value in settings.items() if name != "kind"}
    ports = Ports() if ports is None else ports
    if isinstance(port := values.get("port"), str):
        values["port"] = int(ports.fill(port))
    match settings["kind"]:
        case "subprocess":
            command = [sys.executable if part == "{python}" else part for part in values["command"]]
            return SubprocessAdapter(command, ports)
        case "udp":
            values["command"] = [ports.fill(part) for part in values.get("command", ())]
            return UdpAdapter(**{"port": 5683, **values}, ports=ports if values["command"] else None)
        case "udp-listen":
            return ListenAdapter(**values)
        case "serial":
            return SerialAdapter(**values)
        case "tcp":
            return TcpAdapter(**{"port": 5683, **values})
        case "websocket":
            return _websocket(**{"port": 80, **values})
        case kind:
            assert kind == "memory"
            return MemoryAdapter(_import(values["factory"]))


def _websocket(**values: Any) -> Adapter:
    """Load what only few runs need."""
    from picosec_conformance.adapters.websocket import WebSocketAdapter

    return WebSocketAdapter(**values)


def _import(path: str) -> Callable[[], InProcessTarget]:
    module, _, name = path.partition(":")
    try:
        factory: Callable[[], InProcessTarget] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise AdapterError(f"adapter.factory {path!r}: {error}") from error
    return factory
