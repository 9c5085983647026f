"""Faults of EDHOC: external data that stops what it must not stop, or does not stop what it must."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Event
from typing import Any

from picosec.channel import ead, edhoc_messages, initiator, responder
from picosec.channel.ead import EadItem
from picosec.channel.edhoc_messages import Plaintext2, Plaintext3
from picosec.errors import ProtocolError
from picosec.registry import Problem
from picosec_conformance.faults import fault

Understood = Callable[[Iterable[EadItem], frozenset[int], str], tuple[EadItem, ...]]


def _choosy(original: Understood, stops: Callable[[EadItem], bool]) -> Understood:
    """Return a reader of items that gives up at those for which ``stops`` holds."""

    def understood(items: Iterable[EadItem], labels: frozenset[int], requirement: str) -> tuple[EadItem, ...]:
        if any(map(stops, items)):
            raise ProtocolError(Problem.CRITICAL_EAD, requirement)
        return original(items, labels, requirement)

    return understood


@fault("CHN-320")
def responder_stops_at_the_unknown() -> None:
    """What is not understood is refused, to be on the safe side: no extension can ever be introduced."""
    responder.understood = _choosy(responder.understood, lambda item: item.label != ead.PADDING_LABEL)


@fault("CHN-320")
def responder_takes_padding_for_an_item() -> None:
    """Label 0 is in no table: whoever hides lengths is locked out."""
    responder.understood = _choosy(responder.understood, lambda item: item.label == ead.PADDING_LABEL)


@fault("CHN-320")
def overruns_a_long_ead_3() -> None:
    """Room for what a test once sent: a longer item ends the process (lakers 0.6 panics on a long EAD_3)."""
    original = Plaintext3.decode

    def decode(cls: type[Plaintext3], data: bytes) -> Plaintext3:
        plaintext = original(data)
        if any(len(item.value or b"") > 64 for item in plaintext.ead):
            sys.exit("picosec: index out of bounds")
        return plaintext

    Plaintext3.decode = classmethod(decode)


@fault("CHN-320")
def proves_without_the_data() -> None:
    """External data is left out of the MACs (as in lakers once): anybody may add it, and peers that use it fail."""
    for module in (responder, initiator):
        module.encode_ead = lambda items: b""


@fault("CHN-320")
def hangs_at_a_label_without_a_value() -> None:
    """A reader of pairs that goes on when it has two: the last label stands alone, and it tries for ever."""
    original = ead.parse_ead

    def parse(values: Any, requirement: str) -> tuple[EadItem, ...]:
        if values and type(values[-1]) is int:
            Event().wait()
        return original(values, requirement)

    edhoc_messages.parse_ead = parse


@fault("CHN-330")
def initiator_stops_at_the_unknown() -> None:
    """The same on the other side: an old app and a new lamp never talk."""
    initiator.understood = _choosy(initiator.understood, lambda item: item.label != ead.PADDING_LABEL)


@fault("CHN-330")
def overruns_a_long_ead_2() -> None:
    """A long item from whoever answers, before anything is authenticated, ends the process."""
    original = Plaintext2.decode

    def decode(cls: type[Plaintext2], data: bytes) -> Plaintext2:
        plaintext = original(data)
        if any(len(item.value or b"") > 64 for item in plaintext.ead):
            sys.exit("picosec: index out of bounds")
        return plaintext

    Plaintext2.decode = classmethod(decode)


def _ignoring_the_sign(original: Understood) -> Understood:
    return lambda items, labels, requirement: original(
        [replace(item, critical=False) for item in items], labels, requirement
    )


@fault("CHN-340")
def responder_passes_over_critical_items() -> None:
    """The sign of the label is dropped: "do not go on without this" is read as "if you like"."""
    responder.understood = _ignoring_the_sign(responder.understood)


@fault("CHN-340")
def tells_strangers_what_it_understands() -> None:
    """Items are judged before their sender: anybody can ask a Responder for the list of what it knows."""
    original = Plaintext3.decode

    def decode(cls: type[Plaintext3], data: bytes) -> Plaintext3:
        plaintext = original(data)
        ead.understood(plaintext.ead, frozenset(), "CHN-340")
        return plaintext

    Plaintext3.decode = classmethod(decode)


@fault("CHN-340")
def has_labels_of_32_bits() -> None:
    """The smallest number has no positive: its absolute value overflows (lakers had this once)."""
    original = ead.parse_ead

    def parse(values: Any, requirement: str) -> tuple[EadItem, ...]:
        if any(type(value) is int and not -(2**31) < value < 2**31 for value in values):
            sys.exit("picosec: attempt to negate with overflow")
        return original(values, requirement)

    edhoc_messages.parse_ead = parse


@fault("CHN-350")
def initiator_passes_over_critical_items() -> None:
    """The Responder says that going on is not safe, and the Initiator goes on."""
    initiator.understood = _ignoring_the_sign(initiator.understood)


@fault("CHN-350")
def tells_whoever_answers_what_it_understands() -> None:
    """message_2 can be changed by anybody: what it calls critical decides before the proof is looked at."""
    original = Plaintext2.decode

    def decode(cls: type[Plaintext2], data: bytes) -> Plaintext2:
        plaintext = original(data)
        ead.understood(plaintext.ead, frozenset(), "CHN-350")
        return plaintext

    Plaintext2.decode = classmethod(decode)


@fault("CHN-330")
def overruns_a_long_ead_4() -> None:
    """The last message has the smallest buffer: confirmation with padding ends the process (lakers 0.6 panics on a long
    EAD_4).
    """
    original = initiator.decode_plaintext_4

    def decode(data: bytes) -> tuple[EadItem, ...]:
        if len(data) > 64:
            sys.exit("picosec: index out of bounds")
        return original(data)

    initiator.decode_plaintext_4 = decode
