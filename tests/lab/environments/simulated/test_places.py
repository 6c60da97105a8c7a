"""Whose line is shown."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, SimpleNamespace

from faultlab.lab.environments.simulated.places import author, callers


def frame(path: str, module: str, name: str = "f") -> FrameType:
    """What is read of a frame."""
    code = SimpleNamespace(co_filename=path, co_qualname=name)
    return SimpleNamespace(f_code=code, f_globals={"__name__": module}, f_lineno=14)


def test_the_authors_line_comes_before_what_is_installed_and_before_ours() -> None:
    """Ours is called by the library, the library by the author."""
    ours = frame("/x/faultlab/loop.py", "faultlab.lab.loop")
    library = frame(json.__file__, "json")
    own = frame(str(Path.cwd() / "shop.py"), "shop", "OrdersClient.get")
    assert author([ours, library, own]) == "shop.py:14, OrdersClient.get"
    assert author([ours, library]) == f"{json.__file__}:14, f"
    assert author([ours]) == "nobody's line"


def test_text_that_was_compiled_is_nobodys_file() -> None:
    """`dataclass` and `namedtuple` make such functions."""
    made = frame("<string>", "shop")
    assert author([made, frame("/elsewhere/shop.py", "shop")]) == "/elsewhere/shop.py:14, f"


def test_callers_begin_with_the_closest() -> None:
    """Up to the program's first frame."""

    def inner() -> Iterator[FrameType]:
        return callers(sys._getframe())

    names = [one.f_code.co_name for one in inner()]
    assert names[:2] == ["inner", "test_callers_begin_with_the_closest"]
