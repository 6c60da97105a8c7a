"""The public face: every promised name is there, and nothing is paid before it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import faultlab

SOURCE = Path(__file__).parents[1] / "src/faultlab/__init__.py"
HEAVY = {"pydantic", "httpx", "msgspec", "docker", "hypothesis", "maximus"}


def for_types() -> set[str]:
    """The names that a type checker sees."""
    return {
        alias.name
        for node in ast.walk(ast.parse(SOURCE.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }


def late() -> set[str]:
    """The names that are loaded when asked for."""
    return {name for names in faultlab._ROOMS.values() for name in names}


def test_the_three_lists_of_names_are_one() -> None:
    """What type checker, interpreter and star import see must not drift apart."""
    assert set(faultlab.__all__) == for_types() | {"__version__"} == late() | {"__version__"}
    assert faultlab.__all__ == sorted(faultlab.__all__)


@pytest.mark.parametrize("name", faultlab.__all__)
def test_each_name_is_really_there(name: str) -> None:
    """A name in the list that can't be had would break a user's import."""
    assert getattr(faultlab, name) is not None
    assert name in dir(faultlab)


def test_a_misspelt_name_is_said() -> None:
    """A late name must fail like any other."""
    with pytest.raises(AttributeError, match="module 'faultlab' has no attribute 'lap'"):
        faultlab.lap  # type: ignore[attr-defined]  # noqa: B018


def imported(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter has imported after this code."""
    shown = f"import sys; print(*{HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{shown}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_it_is_light() -> None:
    """Each pytest start of a stranger pays for it."""
    assert imported("import faultlab, faultlab.lab.pytest_plugin") == set()
    assert "pydantic" in imported("from faultlab import Refused")
