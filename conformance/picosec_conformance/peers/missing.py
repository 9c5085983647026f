"""Peers are optional packages: what to say when one is not installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class PeerMissing(Exception):
    """The package of a peer is not installed. The text says how to get it."""


def require(module: str, package: str) -> Any:
    """Import a peer's module. Raises ``PeerMissing`` when it, or a part that it needs, is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise PeerMissing(f"{package} is not installed ({error}): pip install 'picosec[bench]'") from None
