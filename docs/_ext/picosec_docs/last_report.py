"""``{lastreport}``: the result of the last ``picosec certify`` in this checkout; stands on the front page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from picosec_docs import markup

_FILES = ("report.html", "report.json", "junit.xml", "badge.svg")


def _folder(app: Sphinx) -> Path:
    return Path(app.confdir).parent / "report"


def summary(report: dict[str, Any]) -> str:
    """Return the result of a run as one paragraph of HTML."""
    target, requirements, tests = report["target"], report["requirements"], report["tests"]
    verdict = "certified" if report["certified"] else "not certified"
    return (
        f"<p><strong>{escape(target['name'])} {escape(target['version'])}: {verdict}</strong> for profile "
        f"{markup.code(report['profile']['name'])}. Of {requirements['total']} requirements {requirements['passed']} "
        f"passed and {requirements['inspection']} are for inspection; {requirements['failed']} failed, "
        f"{requirements['untested']} were untested, {requirements['not_applicable']} not applicable. "
        f"{tests['passed']} of {tests['total']} tests passed, "
        f"in {report['seconds']:.1f} seconds, with seed {report['seed']}.</p>"
    )


class LastReport(SphinxDirective):
    """The directive."""

    def run(self) -> Sequence[nodes.Node]:
        """Write the summary, or how to get one."""
        self.env.note_reread()
        data = _folder(self.env.app) / "report.json"
        if not data.is_file():
            text = "<p>This site was built without a report: run <code>picosec certify</code> first.</p>"
            return [nodes.raw("", text, format="html")]
        text = summary(json.loads(data.read_text(encoding="utf-8")))
        found = (name for name in _FILES if (data.parent / name).is_file())
        links = " · ".join(markup.anchor(f"report/{name}", name) for name in found)
        return [nodes.raw("", f"{text}<p>{links}</p>", format="html")]


def _copy(app: Sphinx, failure: Exception | None) -> None:
    """Put the report beside the pages."""
    if failure is None and app.builder.format == "html" and _folder(app).is_dir():
        target = Path(app.outdir) / "report"
        target.mkdir(exist_ok=True)
        for name in _FILES:
            if (_folder(app) / name).is_file():
                shutil.copyfile(_folder(app) / name, target / name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("lastreport", LastReport)
    app.connect("build-finished", _copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
