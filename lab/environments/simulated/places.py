"""Lines of code to show: the author's before the standard library's and installed packages'."""

from __future__ import annotations

import os
import site
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

__all__ = ["author", "callers"]

_PACKAGE: Final = __name__.partition(".")[0]


def callers(frame: FrameType | None) -> Iterator[FrameType]:
    """This frame and those that led to it, the closest first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def author(frames: Iterable[FrameType]) -> str:
    """The first line that is the author's, as `shop.py:14, OrdersClient.get`.

    Where none is, the first that is not of this package.
    """
    nearest = None
    for frame in frames:
        if frame.f_globals.get("__name__", "").partition(".")[0] != _PACKAGE:
            if not _installed(frame.f_code):
                return _place(frame)
            nearest = nearest or frame
    return "nobody's line" if nearest is None else _place(nearest)


def _place(frame: FrameType) -> str:
    path, folder = Path(frame.f_code.co_filename), Path.cwd()
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    return f"{shown}:{frame.f_lineno}, {frame.f_code.co_qualname}"


def _installed(code: CodeType) -> bool:
    """Whether it is of the standard library, an installed package, or no file at all."""
    return code.co_filename.startswith(("<", *_folders()))


@lru_cache(maxsize=1)
def _folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = [sysconfig.get_paths()[name] for name in names]
    paths += [*site.getsitepackages(), site.getusersitepackages(), str(Path(os.__file__).parent)]
    return tuple({f"{path}{os.sep}" for path in paths})
