"""The shape of what the bench says. What it measures is never judged here: a busy machine is no defect."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("lakers", reason="the extra 'bench' is not installed")
pytest.importorskip("aiocoap.oscore", reason="the extra 'bench' is not installed")

from picosec_conformance.bench import device
from picosec_conformance.bench.report import (
    SCHEMA,
    Attestation,
    Certify,
    Channel,
    Credentials,
    Delivered,
    Device,
    Edhoc,
    Layers,
    Measurements,
    Objects,
    Observe,
    Oscore,
    StatusList,
    Tokens,
    rows,
    to_text,
)
from picosec_conformance.commands import bench
from picosec_conformance.peers import missing

DELIVERED = Delivered("exactly once", 600, 200, 800, 0, 0, True, 0, 0.5)
FOUND = Measurements(
    Edhoc(2000.0, 1000.0, 3000.0, (37, 45, 19), (29, 11, 29)),
    Oscore(50000.0, 10000.0, 13, 11),
    Observe(60000.0, 20000.0),
    Layers(20000.0, 30000.0, 40000.0, 10000.0),
    Objects(7000.0, 2500.0, None, None, 12000.0, 4000.0),
    StatusList(100_000, 1_000, 1_603, 10_000.0, 100_000.0),
    Attestation(250, 150, 200, 10_000.0, 10_000.0),
    Credentials(250, 750, 160, 8_000.0, 2_500.0, None, 3_000.0),
    Tokens(41, 567, 110, 623, 200, (80, 32, 69), 600.0, 900.0, 700.0, 1_500.0),
    Channel(1300),
    Device(30_000_000),
    (DELIVERED,),
    Certify(600, 6.0, True),
)


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="picosec bench")
    bench.add_arguments(parser)
    return bench.run(parser.parse_args(arguments))


def test_quick_run_writes_what_the_schema_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    assert run("--quick", "--json", str(file)) == 0
    data = json.loads(file.read_text())
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(data)
    assert data["environment"]["quick"] is True
    assert data["edhoc"]["sizes"] == [37, 45, 19]
    assert (data["oscore"]["request_overhead"], data["oscore"]["response_overhead"]) == (13, 11)
    assert {"lakers-python", "aiocoap", "cryptography"} <= data["environment"]["versions"].keys()
    printed = capsys.readouterr().out
    assert all(row["what"] in printed for row in data["budgets"])


def test_profile_names_functions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--profile", "oscore") == 0
    assert "unprotect_request" in capsys.readouterr().out


def test_missing_peer_is_told_with_the_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(missing, "import_module", nothing)
    assert run("--quick") == 2
    assert "lakers-python is not installed" in capsys.readouterr().err


def test_device_that_ends_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(device, "COMMAND", [sys.executable, "-c", "raise SystemExit(5)"])
    assert run("--quick") == 3
    assert "ended without an answer" in capsys.readouterr().err


def test_all_budgets_can_be_met() -> None:
    assert [row for row in rows(FOUND) if row.met is False] == []
    assert sum(row.met is True for row in rows(FOUND)) == 10


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        (replace(FOUND, edhoc=replace(FOUND.edhoc, lakers_per_s=1120.0)), "EDHOC, reference to lakers"),
        (replace(FOUND, edhoc=replace(FOUND.edhoc, primitives_per_s=3400.0)), "EDHOC, reference to primitives"),
        (replace(FOUND, edhoc=replace(FOUND.edhoc, sizes=(37, 46, 19))), "EDHOC messages 1, 2, 3"),
        (replace(FOUND, edhoc=replace(FOUND.edhoc, coap_bytes=(30, 11, 29))), "EDHOC, added by CoAP to each"),
        (replace(FOUND, oscore=replace(FOUND.oscore, picosec_per_s=24900.0)), "OSCORE, reference to aiocoap"),
        (replace(FOUND, oscore=replace(FOUND.oscore, request_overhead=14)), "OSCORE overhead, request, response"),
        (replace(FOUND, channel=Channel(2048)), "state of a channel"),
        (replace(FOUND, delivery=(replace(DELIVERED, repeated=1),)), "delivered exactly once, 4 transports"),
        (replace(FOUND, delivery=(replace(DELIVERED, in_order=False),)), "delivered exactly once, 4 transports"),
        (replace(FOUND, certify=Certify(490, 9.9, True)), "certify the reference, rate"),
        (replace(FOUND, certify=Certify(600, 10.1, True)), "certify the reference, duration"),
    ],
)
def test_missed_budget_is_told(found: Measurements, missed: str) -> None:
    assert [row.what for row in rows(found) if row.met is False] == [missed]
    assert to_text(rows(found)).count("MISSED") == 1


def test_unknown_memory_misses_nothing() -> None:
    """Where the system tells no sizes, the table says so and judges nothing."""
    table = rows(replace(FOUND, channel=Channel(None), device=Device(None), certify=None))
    assert [row.met for row in table if row.measured == "unknown"] == [None, None]
    assert "MISSED" not in to_text(table)
