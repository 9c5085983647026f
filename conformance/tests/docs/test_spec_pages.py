"""The copy of the specification that Sphinx reads: it must never differ from spec/, and never outlive it."""

from __future__ import annotations

from picosec_docs.spec_pages import mirror


def test_a_withdrawn_page_disappears_and_a_new_one_appears(tmp_path):
    """A page that was renamed would otherwise be published twice."""
    source, target = tmp_path / "spec", tmp_path / "docs"
    (source / "v1").mkdir(parents=True)
    (source / "v1" / "channel.md").write_text("# Channel\n", encoding="utf-8")
    (target / "v1").mkdir(parents=True)
    (target / "v1" / "old.md").write_text("# Old\n", encoding="utf-8")

    changed = mirror(source, target)

    assert sorted(path.name for path in changed) == ["channel.md", "old.md"]
    assert [path.name for path in (target / "v1").iterdir()] == ["channel.md"]


def test_what_is_the_same_is_left_alone(tmp_path):
    """Sphinx reads a page again when its file is new; a build that changes nothing takes no time."""
    source, target = tmp_path / "spec", tmp_path / "docs"
    source.mkdir()
    (source / "overview.md").write_text("# Overview\n", encoding="utf-8")
    mirror(source, target)

    assert mirror(source, target) == []
