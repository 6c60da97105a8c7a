"""Files beside what is printed: a mistake is told before anything runs, and no file is half."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.errors import SetupError, UsageError
from faultlab.lab.outputs import Output, check, parse, write

FORMS = ("json", "junit")


def output(path: Path) -> Output:
    """A JSON report there."""
    return Output(f"--report json:{path}", "json", path)


def test_a_form_and_a_path_make_an_output() -> None:
    """Only the first colon parts them: a path may have its own."""
    assert parse(["json:a:b.json", "junit:out/r.xml"], FORMS) == (
        Output("--report json:a:b.json", "json", Path("a:b.json")),
        Output("--report junit:out/r.xml", "junit", Path("out/r.xml")),
    )


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["html:a"], "--report html:a: no form of a report\n  expected   json:PATH, junit:PATH"),
        (["json"], "--report json: no form of a report"),
        (["r.json"], "--report r.json: no form of a report"),
        (["json:"], "--report json:: no path"),
        (["json:a", "junit:./a"], "--report junit:./a: the file of --report json:a, too"),
    ],
)
def test_what_names_no_report_is_refused(texts: list[str], told: str) -> None:
    """The command line's author is told what to write."""
    with pytest.raises(UsageError) as error:
        parse(texts, FORMS)
    assert str(error.value).startswith(told)


def test_a_missing_folder_is_told_before(tmp_path: Path) -> None:
    """Minutes of a run must not end in a report that can't be written."""
    with pytest.raises(UsageError, match=r"there is no folder .*/gone\n"):
        check([output(tmp_path / "gone" / "r.json")])
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="there is no folder"):
        check([output(tmp_path / "file" / "r.json")])


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """A folder, or the machine's own /dev/null, would be lost."""
    with pytest.raises(UsageError, match="a folder"):
        check([output(tmp_path)])
    with pytest.raises(UsageError, match="no regular file"):
        check([output(Path("/dev/null"))])


def test_a_folder_that_takes_nothing_is_told_before() -> None:
    """Not even root writes there."""
    with pytest.raises(UsageError, match=r"can't be written: "):
        check([output(Path("/proc/self/r.json"))])


def test_a_check_leaves_no_trace(tmp_path: Path) -> None:
    """It may be all that happens."""
    (tmp_path / "old.json").write_text("old")
    check([output(tmp_path / "old.json"), output(tmp_path / "new.json")])
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """A link stays what it is, and nothing else is left in the folder."""
    (tmp_path / "real.json").write_text("a longer old text")
    (tmp_path / "link.json").symlink_to("real.json")
    write(output(tmp_path / "link.json"), b"new")
    assert (tmp_path / "real.json").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "real.json"]
    assert (tmp_path / "link.json").is_symlink()


def test_what_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a report reads as a broken one."""
    old = tmp_path / "r.json"
    old.write_text("old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SetupError, match="can't be written: No space left on device"):
        write(output(old), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert old.read_text() == "old"
