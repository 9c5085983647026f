"""Faults of devices with a sensor for tampering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.identity.tamper import TamperKind, TamperRecord
from picosec.messaging.coap import Code
from picosec.roles.device import Device
from picosec.roles.resources import Access, Reply, Request, Resource
from picosec.roles.tamper import Tamper
from picosec.roles.test_interface import TestBuild
from picosec_conformance.faults import fault


@fault("IDN-1500")
def says_that_and_not_how_often() -> None:
    """Tampered with is tampered with."""
    original = TamperRecord.after
    TamperRecord.after = lambda self, kind, time: replace(original(self, kind, time), count=1)


@fault("IDN-1500")
def remembers_the_first_event() -> None:
    """What came afterwards is the same thief."""

    def after(self: TamperRecord, kind: TamperKind, time: int | None) -> TamperRecord:
        if self.count:
            return replace(self, count=self.count + 1)
        return TamperRecord(1, time, kind)

    TamperRecord.after = after


@fault("IDN-1500")
def dates_events_when_it_is_asked() -> None:
    """The time at which somebody asks is near enough."""
    original = Tamper._get

    def get(self: Tamper, request: Request) -> Reply:
        log, epoch = self._keyring.tamper, self._keyring.epoch
        if log.record.kind is not None and epoch is not None:
            log.record = replace(log.record, time=epoch + int(request.now))
        return original(self, request)

    Tamper._get = get


@fault("IDN-1510")
def tells_its_observers_nothing() -> None:
    """It counts, and whoever asks is told."""

    def tampered(self: Device, kind: TamperKind, now: float) -> None:
        date = self._date(now)
        self._keyring.tamper.notice(kind, None if date is None else int(date))

    Device.tampered = tampered


@fault("IDN-1510")
def tells_its_observers_once() -> None:
    """The first event rings; the rest is counted."""
    original = Device.tampered

    def tampered(self: Device, kind: TamperKind, now: float) -> None:
        if self._keyring.tamper.record.count == 0:
            original(self, kind, now)
        else:
            self._keyring.tamper.notice(kind, None)

    Device.tampered = tampered


@fault("IDN-1520")
def forgets_events_without_power() -> None:
    """The count is in memory; the thief takes the battery out."""
    original = TestBuild._boot

    def boot(self: TestBuild) -> None:
        self._keyring.tamper.record = TamperRecord()
        original(self)

    TestBuild._boot = boot


@fault("IDN-1520")
def stores_the_count_and_not_the_event() -> None:
    """A number is all that fits into the memory that outlives the power."""
    original = TestBuild._boot

    def boot(self: TestBuild) -> None:
        log = self._keyring.tamper
        log.record = replace(log.record, time=None)
        original(self)

    TestBuild._boot = boot


@fault("IDN-1540")
def takes_the_count_back_on_demand() -> None:
    """For the technician, who has a channel; so has the thief."""
    original = Tamper.resource

    def resource(self: Tamper) -> Resource:
        def forget(request: Request) -> Reply:
            self._keyring.tamper.record = TamperRecord()
            return Reply(Code.DELETED)

        found = original(self)
        handlers: dict[int, Any] = {**found.handlers, Code.DELETE: forget}
        return replace(found, handlers=handlers)

    Tamper.resource = resource


@fault("IDN-1550")
def tells_strangers_that_somebody_tampered() -> None:
    """An alarm that everybody hears is the best one."""
    original = Tamper.resource
    Tamper.resource = lambda self: replace(original(self), access=Access.OPEN)
