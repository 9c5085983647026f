"""`picosec certify` and `picosec verify` as two people meet them who have nothing in common but a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from picosec_conformance.bundle.contents import REPORT
from picosec_conformance.cli import main

from .making import LAB, altered, part, write_manifest


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lab's keys and the bundle of a run of the reference device, signed by it."""
    folder = tmp_path_factory.mktemp("lab")
    assert main(["lab-key", str(folder / "lab.pem")]) == 0
    line = ["certify", "--requirement", "CNF-430", "--requirement", "CNF-010", "--jobs", "1"]
    assert main([*line, "--report", str(folder / "report"), "--lab-key", str(folder / "lab.pem")]) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run `picosec verify` and return its exit status with what it printed."""
    status = main(["verify", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_lab_signs_and_customer_verifies(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that passes between them is the bundle and, once, the lab's public key."""
    status, text = said(capsys, lab / "report" / "bundle.zip", "--key", lab / "lab.public.pem")

    assert status == 0
    assert "by the key that was asked for" in text
    assert "VERIFIED" in text.splitlines()[-1]


def test_bundle_holds_the_report_that_lies_beside_it(lab: Path) -> None:
    """Nobody gets one report to read and another one signed."""
    inside = part((lab / "report" / "bundle.zip").read_bytes(), REPORT)

    assert inside == (lab / "report" / "report.json").read_bytes()
    assert json.loads(inside)["versions"]["set"] == "draft"


def test_throw_away_key_is_told_on_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bundle of a quick run at home must not look like a lab's."""
    assert main(["certify", "--requirement", "CNF-430", "--jobs", "1", "--report", str(tmp_path)]) == 0
    assert "signed with a throw-away key" in capsys.readouterr().out

    status, text = said(capsys, tmp_path / "bundle.zip")
    assert status == 0
    assert "nobody vouches for this run" in text


def test_broken_reference_verifies_as_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A vendor shows what a failing run looks like; the fault is part of the run and replays without being there."""
    line = ["certify", "--fault", "dies-of-noise", "--requirement", "CNF-510", "--jobs", "1"]
    assert main([*line, "--report", str(tmp_path)]) == 1

    status, text = said(capsys, tmp_path / "bundle.zip")
    assert status == 0
    assert "with fault dies-of-noise" in text
    assert "not certified" in text


def test_bundle_of_another_signer_is_not_verified(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything in it may be true; it is not the lab that says so."""
    forged = tmp_path / "forged.zip"
    forged.write_bytes(altered((lab / "report" / "bundle.zip").read_bytes(), LAB))

    status, text = said(capsys, forged, "--key", lab / "lab.public.pem")

    assert status == 1
    assert "not the key that was asked for" in text
    assert "NOT VERIFIED" in text.splitlines()[-1]


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"\x00" * 1000])
def test_file_that_is_no_bundle_is_not_verified(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The wrong attachment."""
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)

    status, text = said(capsys, path)

    assert status == 1
    assert "manifest.toml: " in text


def test_file_larger_than_any_bundle_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file of a terabyte costs its sender nothing."""
    monkeypatch.setattr("picosec_conformance.bundle.verify.MAX_SIZE", 1000)
    path = tmp_path / "bundle.zip"
    path.write_bytes(bytes(1001))

    status, text = said(capsys, path)

    assert status == 1
    assert "more than 1000 bytes" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/no/such/bundle.zip"], "No such file"),
        (["{bundle}", "--key", "/no/such/key.pem"], "cannot be read"),
        (["{bundle}", "--key", "{lab}"], "no public key"),
        (["{bundle}", "--jobs", "0"], "at least 1"),
    ],
)
def test_wrong_request_exits_2(arguments: list[str], words: str, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error says nothing about the bundle."""
    places = {"bundle": lab / "report" / "bundle.zip", "lab": lab / "lab.pem"}
    status, text = said(capsys, *(argument.format(**places) for argument in arguments))

    assert status == 2
    assert words in text
    assert len(text.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lab-key", "/no/such/key.pem"], "cannot be read"),
        (["--set", "99.0"], "there is no requirement set '99.0'; choose among"),
        (["--seed", str(1 << 63)], "at most 64 bits"),
    ],
)
def test_wrong_request_to_certify_exits_2_before_the_run(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour of a lab's time is not spent on a bundle that cannot be signed."""
    status = main(["certify", str(write_manifest(tmp_path)), *arguments, "--report", str(tmp_path / "report")])

    assert status == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "report").exists()
