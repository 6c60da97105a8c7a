"""Folders that a command writes into."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.folders import run_folder, scratch, take_back


def test_run_folders_are_new_and_ignore_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lab must not show up in anybody's commit."""
    monkeypatch.chdir(tmp_path)
    first, second = run_folder(None), run_folder(None)
    assert first != second
    assert first.parent == Path(".faultlab/runs")
    assert (tmp_path / ".faultlab/.gitignore").read_text() == "*\n"


def test_a_folder_in_which_nothing_was_played_is_taken_back(tmp_path: Path) -> None:
    """But what a subject printed before it failed is evidence."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "subject.log").write_text("")
    take_back(out, made=True)
    assert not out.exists()
    out.mkdir()
    (out / "subject.log").write_text("it printed this")
    take_back(out, made=True)
    assert [path.name for path in out.iterdir()] == ["subject.log"]


def test_a_scratch_folder_is_gone_afterwards() -> None:
    """What a subject prints while it is only asked is nobody's evidence."""
    with scratch() as folder:
        (folder / "subject.log").write_text("it printed this")
    assert not folder.exists()
