import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faultlab.lab.errors import SubjectError, UsageError
from faultlab.lab.subjects.load import BuiltIn, InFile, InModule, broken, file_of, load, read_spec

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
        ("cmd:curl http://core/health", "cmd:curl http://core/health: it has no placeholder"),
        ("cmd:curl '{core}", "no closing quotation"),
        ("cmd:nosuchprogram {core}", "there is no program nosuchprogram"),
        ("cmd:./nosuchprogram {core}", "there is no program ./nosuchprogram"),
        ("shop.lab.orders", "shop.lab.orders: not a subject"),
        ("shop/lab:orders", "shop/lab:orders: not a subject"),
        ("shop..lab:orders", "shop..lab:orders: not a subject"),
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
        ("raise KeyboardInterrupt\n", "orders_lab.py:1: raise KeyboardInterrupt"),
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


@pytest.fixture
def shop(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a module `shop.lab` can be imported from, as the current one; that module."""
    folder = file.parent / "shop"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "lab.py").write_text(GOOD)
    monkeypatch.chdir(file.parent)
    return folder / "lab.py"


def test_a_module_and_a_name_make_a_subject(shop: Path) -> None:
    """Found from the current folder, as `python -m` finds it, though that is not on the path."""
    spec = read_spec("shop.lab:orders")
    assert spec == InModule("shop.lab", "orders")
    assert str(spec) == "shop.lab:orders"
    declared = load(spec)
    assert (declared.name, declared.file) == ("orders", str(shop))
    assert file_of(spec) == str(shop)


def test_a_module_without_a_package_is_one_too(shop: Path) -> None:
    """`orders_lab:orders` is what other tools write for a file in the current folder."""
    assert load(InModule("orders_lab", "orders")).name == "orders"


@pytest.mark.parametrize(
    ("module", "missing"),
    [("shop.lba", "shop.lba"), ("shpo.lab", "shpo"), ("shop.lab.more", "shop.lab.more")],
)
def test_a_module_that_is_not_there_is_the_command_line_s(
    shop: Path, module: str, missing: str
) -> None:
    """With the part of its name that is wrong, and where it was looked for."""
    with pytest.raises(UsageError) as caught:
        load(InModule(module, "orders"))
    assert caught.value.text == f"{module}:orders: there is no module {missing}"
    assert caught.value.rows == {"seen": f"neither from {shop.parents[1]} nor installed"}


@pytest.mark.parametrize(
    ("where", "source", "told", "at"),
    [
        ("lab.py", "import no_such_module\n", "ModuleNotFoundError", "lab.py:1: import no_such_"),
        ("lab.py", "import json\njson.loads('{')\n", "JSONDecodeError", "lab.py:2: json.loads("),
        ("lab.py", "raise SystemExit(2)\n", "SystemExit: 2", "lab.py:1: raise SystemExit(2)"),
        ("lab.py", "def orders(:\n", "SyntaxError", "lab.py:1: def orders(:"),
        ("__init__.py", "1 / 0\n", "ZeroDivisionError", "__init__.py:1: 1 / 0"),
    ],
)
def test_a_module_that_raises_names_its_line(
    shop: Path, where: str, source: str, told: str, at: str
) -> None:
    """Whoever wrote it, or the package around it, has to mend it; the importer's lines say nothing."""
    shop.with_name(where).write_text(source)
    with pytest.raises(SubjectError) as caught:
        load(InModule("shop.lab", "orders"))
    assert f"shop.lab:orders: raised when it was imported: {told}" in caught.value.text
    assert caught.value.rows["at"].startswith(at)


def test_a_name_that_a_module_has_not_gets_all_that_there_are(shop: Path) -> None:
    """In the form in which they can be pasted."""
    with pytest.raises(UsageError) as caught:
        load(InModule("shop.lab", "order"))
    assert caught.value.text == "shop.lab:order: the module defines no order"
    assert caught.value.rows == {"expected": "shop.lab:orders", "nearest": "orders"}


@pytest.mark.parametrize("text", ["shop.lab", "shop.lab:"])
def test_a_module_without_a_name_lists_the_subjects_in_it(shop: Path, text: str) -> None:
    """Read, not run, like a file."""
    with pytest.raises(UsageError) as caught:
        read_spec(text)
    assert caught.value.text == "shop.lab: which subject in this module?"
    assert caught.value.rows == {"expected": "shop.lab:orders"}


def test_a_package_may_hold_the_subject_itself(shop: Path) -> None:
    """Declared in its `__init__.py`."""
    shop.with_name("__init__.py").write_text(GOOD)
    assert load(InModule("shop", "orders")).file == str(shop.with_name("__init__.py"))
    with pytest.raises(UsageError, match="which subject in this module"):
        read_spec("shop")


def test_what_is_being_imported_is_known_by_its_file(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module, or its package, that hangs when it is imported is told with its line."""
    assert file_of(InModule("shop.lab", "orders")) == ""
    monkeypatch.syspath_prepend(shop.parents[1])
    importlib.import_module("shop")
    assert file_of(InModule("shop.lab", "orders")) == str(shop.with_name("__init__.py"))
    assert file_of(InFile("orders_lab.py", "orders")) == "orders_lab.py"
    assert file_of(BuiltIn("maximus")) == ""


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
