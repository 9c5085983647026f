"""Sequence pictures, drawn and in text."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from picosec_conformance.report.sequence import Arrow, Remark, Row, sequence_svg, sequence_text

WHO = ("initiator", "network", "responder")
ROWS: tuple[Row, ...] = (
    Arrow("initiator", "network", "message_1 <&>", time="0.1 ms"),
    Arrow("network", "responder", "message_1, one bit changed", note="the network changes G_X", wrong=True),
    Arrow("responder", "initiator", "error", lost=True),
    Remark("nothing has changed"),
)
SVG = "{http://www.w3.org/2000/svg}"


def classes(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in (element.get("class") or "").split()]


def test_picture_is_well_formed_and_says_everything() -> None:
    """It is put into pages as it is."""
    root = ET.fromstring(sequence_svg(WHO, ROWS, title='handshake "x"'))
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]

    assert root.get("aria-label") == 'handshake "x"'
    for said in (*WHO, "0.1 ms", "the network changes G_X", "nothing has changed"):
        assert said in texts
    assert any("message_1 <&>" in text for text in texts)


def test_arrows_point_the_right_way_and_a_lost_one_arrives_nowhere() -> None:
    """The direction is the message."""
    root = ET.fromstring(sequence_svg(WHO, ROWS))
    lives = [float(line.get("x1", "")) for line in classes(root, "ps-life")]
    lines = [arrow.find(f"{SVG}line") for arrow in classes(root, "ps-arrow")]
    ends = [(float(line.get("x1", "")), float(line.get("x2", ""))) for line in lines if line is not None]

    assert lives == sorted(lives)
    assert [start for start, _ in ends] == [lives[0], lives[1], lives[2]]
    assert ends[0][1] == pytest.approx(lives[1], abs=10)
    assert ends[1][1] == pytest.approx(lives[2], abs=10)
    assert lives[0] + 20 < ends[2][1] < lives[2]
    assert len(classes(root, "ps-wrong")) == 1


def test_picture_takes_its_colours_from_the_page_and_nothing_from_elsewhere() -> None:
    """Light, dark and print, without a network."""
    inline, alone = sequence_svg(WHO, ROWS), sequence_svg(WHO, ROWS, standalone=True)

    assert "currentColor" in inline
    assert "prefers-color-scheme" not in inline
    assert "prefers-color-scheme:dark" in alone
    for picture in (inline, alone):
        assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_long_text_stays_between_the_lifelines() -> None:
    """A URI of two hundred characters must not paint over the picture."""
    root = ET.fromstring(sequence_svg(("a", "b"), [Arrow("a", "b", "x" * 300)]))
    text = next(iter(classes(root, "ps-text")))

    assert (text.text or "").endswith("…")
    assert text.findtext(f"{SVG}title") == "x" * 300


def test_text_picture() -> None:
    """What a terminal shows."""
    assert sequence_text(WHO, ROWS) == [
        "  initiator                          network                          responder",
        "      |-- message_1 <&> --------------->|                                 |",
        "!     |                                 |-- message_1, one bit changed -->|",
        "      |   the network changes G_X",
        "      |x- error ----------------------------------------------------------|",
        "    (nothing has changed)",
    ]


@pytest.mark.parametrize("width", [40, 72, 200])
def test_text_picture_keeps_to_its_width(width: int) -> None:
    """Wrapped art is no art."""
    lines = sequence_text(("suite", "target"), [Arrow("suite", "target", "y" * 300, note="z" * 300)], width)

    assert max(map(len, lines)) <= width


def test_nothing_to_draw() -> None:
    """A test may fail before the first frame."""
    assert sequence_text((), ()) == []
    assert ET.fromstring(sequence_svg((), ())).tag == f"{SVG}svg"
