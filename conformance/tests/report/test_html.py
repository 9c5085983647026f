"""The HTML report: one file, no outside, nothing a target sends can run in it, and every link leads somewhere."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from picosec_conformance.report.html import html
from picosec_conformance.report.model import Report
from picosec_conformance.wire.capture import read_capture

from .sample import FRAMES

VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """Elements of a page; complains about end tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


@pytest.fixture(scope="module", params=["passing", "failing"])
def page(request: pytest.FixtureRequest) -> Page:
    """Either report."""
    return Page(html(request.getfixturevalue(request.param)))


def test_page_is_balanced_and_ids_are_unique(page: Page) -> None:
    """Browsers repair; printers and readers do not."""
    assert page.open == []
    assert len(set(page.values("id"))) == len(page.values("id"))


def test_every_link_leads_to_a_place_in_the_page(page: Page) -> None:
    """From a requirement to its tests and back."""
    places = set(page.values("id"))
    for href in page.values("href"):
        assert href.startswith("data:application/octet-stream;base64,") or href.removeprefix("#") in places


def test_nothing_is_fetched_from_anywhere(page: Page, request: pytest.FixtureRequest) -> None:
    """The file is mailed, archived, and opened on machines without a network."""
    assert page.values("src") == []
    assert {tag for tag, _, _ in page.attributes}.isdisjoint({"link", "img", "iframe", "object"})
    style = html(request.getfixturevalue("failing"))
    assert "@import" not in style
    assert "url(" not in style
    assert set(re.findall(r"https?://[^\s\"'<)]+", style)) <= {"http://www.w3.org/2000/svg"}


def test_text_of_a_target_stays_text(failing: Report) -> None:
    """A hostile device gets its scripts neither into the page of its judge nor control characters."""
    text = html(failing)

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "\x1b" not in Page(text).text


def test_verdict_and_honest_denominator_come_first(passing: Report, failing: Report) -> None:
    """What a customer reads."""
    good, bad = Page(html(passing)).text, Page(html(failing)).text

    assert good.index("Certified") < good.index("of 5 passed")
    assert bad.index("Not certified") < bad.index("of 4 passed")
    assert "1 requirements failed: CHN-120" in bad


def test_failing_test_shows_attack_exchange_capture_and_replay(failing: Report, tmp_path: Path) -> None:
    """What an engineer needs: all of it, in one place."""
    page = Page(html(failing))

    for said in (
        "the lamp must not switch twice.",
        "CON POST / mid=0x4a02 token=52 OSCORE kid=01 piv=5 16 bytes",
        "PUT /actuators/lamp, true",
        "second client",
        "picosec certify lamp.toml --requirement CHN-120 --seed 7",
    ):
        assert said in page.text
    link = next(href for href in page.values("href") if href.startswith("data:"))
    (tmp_path / "x.pcapng").write_bytes(base64.b64decode(link.partition(",")[2]))
    assert [one.data for one in read_capture(tmp_path / "x.pcapng")] == [frame.data for frame in FRAMES]


def test_four_cells_of_feature_truth(failing: Report) -> None:
    """Promised and not kept, and kept but not promised, are different things."""
    text = Page(html(failing)).text

    assert "Promised, not kept (1)channel.oscore.server*" in text
    assert "There, but not declared (1)messaging.slipmux" in text


CLICKS = """
const shown = (rows) => [...document.querySelectorAll(`#${rows} tbody tr`)].filter((row) => !row.hidden).length;
const said = [];
const [requirements, tests] = document.querySelectorAll(".filters");
said.push(document.title);
requirements.querySelector("[data-state=failed]").click(); said.push(shown("requirement-rows"));
requirements.querySelector("select").value = "channel";
requirements.querySelector("select").dispatchEvent(new Event("change")); said.push(shown("requirement-rows"));
requirements.querySelector("[data-state=failed]").click(); said.push(shown("requirement-rows"));
tests.querySelector("input").value = "slow MSG-220";
tests.querySelector("input").dispatchEvent(new Event("input")); said.push(shown("test-rows"));
location.hash = "#MSG-230"; dispatchEvent(new Event("hashchange"));
said.push(document.getElementById("MSG-230").hidden);
document.title = said.join(" ");
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_filters_work_in_a_browser(failing: Report, tmp_path: Path) -> None:
    """State, chapter and words narrow the rows; a link to a hidden row shows it; an injected script does not run."""
    page, allowed = tmp_path / "report.html", base64.b64encode(hashlib.sha256(CLICKS.encode()).digest()).decode()
    scripts = f"<script>document.title = 'injected'</script><script>{CLICKS}</script></body>"
    text = html(failing).replace("</body>", scripts).replace("script-src ", f"script-src 'sha256-{allowed}' ")
    page.write_text(text, encoding="utf-8")
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]

    said = subprocess.run(
        [*browser, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=True, timeout=90
    ).stdout

    assert re.search(r"<title>.*Not certified · PicoSec conformance 2 1 1 1 false</title>", said)


def test_page_can_be_read_without_scripts(failing: Report) -> None:
    """Nothing is hidden until a script runs; controls that need one stay away."""
    text = html(failing)
    page = Page(text)

    assert page.values("hidden") == []
    assert ".filters { display: none;" in text
    assert ".scripted .filters { display: flex; }" in text
