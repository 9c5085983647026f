"""``picosec decode`` as it is typed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from picosec_conformance.cli import main
from picosec_conformance.report.model import Frame
from picosec_conformance.report.pcapng import capture

GET = "41010012a1b2707304696e666f"


def decode(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run the command."""
    status = main(["decode", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize(
    "arguments", [(GET,), ("0x" + GET,), ("41:01:00:12", "a1 b270", "7304696E666F"), ("--as", "coap", GET)]
)
def test_hexadecimal_in_any_dress(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Pasted from logs, Wireshark and C sources."""
    status, out, _ = decode(*arguments, capsys=capsys)

    assert status == 0
    assert out.splitlines()[0] == "coap, 13 bytes: CON GET /ps/info mid=0x0012 token=a1"
    assert '  04 69 6e 66 6f                     Uri-Path "info"' in out.splitlines()


def test_frame_longer_than_a_file_name_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """A sealed object has more digits than any file system allows in a name."""
    status, out, _ = decode("--as", "cbor", "59 0200" + "00" * 512, capsys=capsys)

    assert status == 0
    assert out.startswith("cbor, 515 bytes")


def test_standard_input_holds_a_frame_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of a pipe."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GET}\n\n40000007\n"))

    status, out, _ = decode("-", capsys=capsys)

    assert status == 0
    assert [line for line in out.splitlines() if line.startswith("coap, ")] == [
        "coap, 13 bytes: CON GET /ps/info mid=0x0012 token=a1",
        "coap, 4 bytes: CON Empty mid=0x0007",
    ]


def test_capture_of_a_failing_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without Wireshark at hand."""
    path = tmp_path / "x.pcapng"
    path.write_bytes(capture([Frame("sent", 0.0, bytes.fromhex(GET)), Frame("received", 0.25, b"\x40\x00\x00\x07")]))

    status, out, _ = decode(str(path), capsys=capsys)

    assert status == 0
    assert "0.250 s  192.0.2.1:5683 → 192.0.2.2:5683  coap, 4 bytes: CON Empty mid=0x0007" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("xyz",), "'x' is no hexadecimal digit"),
        (("414",), "bytes have two each"),
        (("",), "0 hexadecimal digits"),
        (("missing.pcapng",), "No such file"),
        ((__file__,), "no pcapng or pcap file"),
        (("-",), "standard input is empty"),
    ],
)
def test_bad_input_exits_2_with_one_sentence(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error gets an answer, not a stack trace."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    status, out, err = decode(*arguments, capsys=capsys)

    assert (status, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1


def test_invalid_frame_is_explained_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The broken frame is the one people ask about."""
    status, out, _ = decode("--as", "coap", "40010001f0", capsys=capsys)

    assert status == 0
    assert "! an option with the reserved nibble 15" in out
