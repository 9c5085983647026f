"""The list of faults on the site: complete always, and with the kill matrix when there is one."""

from __future__ import annotations

import json
from pathlib import Path

from picosec_docs import matrix

TEST = "test_messaging_client.py::test_tokens_do_not_follow_from_one_another"


def test_table_without_a_run_lists_the_faults(tmp_path: Path) -> None:
    """A fresh checkout has no matrix, and its site makes no claim."""
    text = matrix.fault_table(lambda place: place, matrix.last_kills(tmp_path))

    assert 'id="fault-counts-tokens"' in text
    assert "caught by" not in text


def test_table_shows_who_caught_what(tmp_path: Path) -> None:
    """One line for each function, however many parameters it has; a dash for what survived."""
    rows = [
        {"fault": "counts-tokens", "killed_by": [f"{TEST}[{number}]" for number in range(3)]},
        {"fault": "takes-any-nan", "killed_by": []},
    ]
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "faults.json").write_text(json.dumps({"matrix": rows}))

    text = matrix.fault_table(lambda place: place, matrix.last_kills(tmp_path))

    assert "<summary>3</summary>" in text
    address = "evidence/tests/test_messaging_client#test_tokens_do_not_follow_from_one_another"
    assert text.count(f'href="{address}"') == 1
    assert "<td>–</td>" in text
