import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faultlab.lab.errors import SubjectError, UsageError
from faultlab.lab.subjects.load import BuiltIn, InFile, broken, load, read_spec

GOOD = """
from faultlab import op, subject

@subject(services={"orders": {"GET /orders": []}})
def orders(urls):
    yield {"read": op("GET /orders", print)}

def plain(urls):
    yield {}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of an author's; the path and the modules are as before after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    path = tmp_path / "orders_lab.py"
    path.write_text(GOOD)
    return path


def test_the_reference_client_has_a_short_name() -> None:
    """It is the default."""
    assert read_spec("maximus") == BuiltIn("maximus")
    assert load(BuiltIn("maximus")).name == "maximus"


def test_a_file_and_a_name_make_a_subject(file: Path) -> None:
    """Nothing has to be installed or registered."""
    spec = read_spec(f"{file}:orders")
    assert spec == InFile(str(file), "orders")
    assert str(spec) == f"{file}:orders"
    declared = load(spec)
    assert (declared.name, declared.file) == ("orders", str(file))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("maximum", "maximum: not a subject"),
        ("", "an empty text: not a subject"),
        ("planted:nothing", "planted:nothing: no planted client of this name"),
        ("cmd:curl {orders}", "a command as a subject comes with a later version"),
        ("shop.lab:orders", "a subject in a package comes with a later version"),
        ("nowhere.py:orders", "nowhere.py:orders: there is no file nowhere.py"),
        ("nowhere.py", "nowhere.py: there is no file nowhere.py"),
    ],
)
def test_a_name_that_means_nothing_is_told(text: str, told: str) -> None:
    """What comes later is refused by name."""
    with pytest.raises(UsageError) as caught:
        read_spec(text)
    assert told in caught.value.text


def test_a_file_that_raises_names_its_line(file: Path) -> None:
    """The author's own line, not the lab's."""
    file.write_text("import os\n\nos.environ['NO_SUCH_VARIABLE_HERE']\n")
    with pytest.raises(SubjectError) as caught:
        load(InFile(str(file), "orders"))
    assert caught.value.text.endswith(
        "raised when it was imported: KeyError: 'NO_SUCH_VARIABLE_HERE'"
    )
    assert caught.value.rows["at"] == "orders_lab.py:3: os.environ['NO_SUCH_VARIABLE_HERE']"


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("def orders(:\n", "orders_lab.py:1: def orders(:"),
        ("import sys\nsys.exit('no')\n", "orders_lab.py:2: sys.exit('no')"),
        ("import no_such_module_here\n", "orders_lab.py:1: import no_such_module_here"),
        (
            "from faultlab import op\nop('GET orders', print)\n",
            "orders_lab.py:2: op('GET orders', print)",
        ),
    ],
)
def test_a_file_that_can_not_be_run_names_its_line(file: Path, source: str, at: str) -> None:
    """Whatever is wrong with it, it is its author's to mend."""
    file.write_text(source)
    with pytest.raises(SubjectError) as caught:
        load(InFile(str(file), "orders"))
    assert caught.value.rows["at"] == at
    assert "orders_lab" not in sys.modules


def test_a_misspelt_name_gets_its_nearest_and_all_that_there_are(file: Path) -> None:
    """The file is there, only the name is not: the command line is to be mended."""
    file.write_text(GOOD + GOOD.replace("def orders", "def shop").replace("def plain", "def bare"))
    with pytest.raises(UsageError) as caught:
        load(InFile(str(file), "order"))
    assert caught.value.text == f"{file}:order: the file defines no order"
    assert caught.value.rows == {"expected": f"{file}:orders, {file}:shop", "nearest": "orders"}


@pytest.mark.parametrize("colon", ["", ":"])
def test_a_file_without_a_name_lists_the_subjects_in_it(file: Path, colon: str) -> None:
    """The next command can be pasted; and nothing of the file is run for it."""
    file.write_text("raise SystemExit\n" + GOOD + "\n@lab.subject()\nasync def other(urls): ...\n")
    with pytest.raises(UsageError) as caught:
        read_spec(f"{file}{colon}")
    assert caught.value.text == f"{file}: which subject in this file?"
    assert caught.value.rows == {"expected": f"{file}:orders, {file}:other"}


@pytest.mark.parametrize(
    "source", ["", "def orders(:", "x = 1\n", "\0", "@subject\ndef a(): ...\n"]
)
def test_a_file_without_a_subject_is_said_to_have_none(file: Path, source: str) -> None:
    """Whatever it is, `NAME` could be none."""
    file.write_text(source)
    with pytest.raises(UsageError) as caught:
        read_spec(str(file))
    assert caught.value.rows == {
        "expected": f"{file}:NAME",
        "seen": "no function under @subject(...) in it",
    }


def test_a_function_without_the_decorator_is_no_subject(file: Path) -> None:
    """It does not say who serves."""
    with pytest.raises(SubjectError) as caught:
        load(InFile(str(file), "plain"))
    assert caught.value.text == f"{file}:plain: plain is no subject"
    assert caught.value.rows["mend"] == "name one of orders"


def test_a_file_named_like_a_module_hides_nothing(file: Path) -> None:
    """Another module's name stays that module's."""
    path = file.with_name("json.py")
    path.write_text(GOOD)
    load(InFile(str(path), "orders"))
    assert sys.modules["json"].__file__ != str(path)


def test_an_error_of_a_library_names_the_line_that_called_it(file: Path) -> None:
    """Where the library raised is of no use to the author."""
    source = "import json\ndef start():\n    json.loads('{')\n"
    names: dict[str, object] = {}
    file.write_text(source)
    exec(compile(source, str(file), "exec"), names)  # a file of the author's that is being run
    start = names["start"]
    assert callable(start)
    try:
        start()
    except ValueError as error:
        told = broken("orders_lab.py:orders", "raised at start", error, str(file))
    assert told.rows["at"] == "orders_lab.py:3: json.loads('{')"


def test_a_line_of_contextlib_is_no_place() -> None:
    """It stands in every way into a factory, and would be blamed for what it only carries."""
    entering = contextmanager(lambda: iter(()))
    with pytest.raises(RuntimeError) as caught:
        entering().__enter__()
    trace = caught.tb.tb_next  # without this test's own line
    assert trace is not None
    error = caught.value.with_traceback(trace)
    assert broken("x.py:orders", "raised at start", error, "x.py").rows.get("at", "") == ""
