"""From a subject's name on the command line to its declaration.

`maximus`, `planted:NAME`, `FILE.py:NAME`. Reading a name is pure; loading a file runs its code, so
it is done in the subject's own process only (`child.py`).
"""

from __future__ import annotations

import importlib.util
import linecache
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import assert_never

from ..errors import SubjectError, UsageError
from ..redaction import redacted
from .builtin import BUILTIN, PLANTED
from .declaration import Subject

__all__ = ["BuiltIn", "InFile", "Planted", "Spec", "broken", "last_own_line", "load", "read_spec"]

_FORMS = "maximus, planted:NAME, or FILE.py:NAME"


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A subject that comes with the package."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Planted:
    """A client of `fixtures/planted/`, wrong on purpose."""

    name: str

    def __str__(self) -> str:
        return f"planted:{self.name}"


@dataclass(frozen=True, slots=True)
class InFile:
    """A subject declared in a file of its author's."""

    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.name}"


Spec = BuiltIn | Planted | InFile


def read_spec(text: str) -> Spec:
    """What a subject's name means. Raises UsageError; runs no code of a subject."""
    if text in BUILTIN:
        return BuiltIn(text)
    front, colon, name = text.rpartition(":")
    if text.startswith("cmd:"):
        raise UsageError(f"{text}: a command as a subject comes with a later issue", mend=_mend())
    if front == "planted":
        if name not in PLANTED:
            raise UsageError(f"{text}: no planted client of this name", **_nearest(name, PLANTED))
        return Planted(name)
    if text.endswith(".py"):
        raise UsageError(f"{text}: which subject in this file?", expected=f"{text}:NAME")
    if colon and front.endswith(".py") and name.isidentifier():
        if not Path(front).is_file():
            raise UsageError(f"{text}: there is no file {front}", seen=f"from {Path.cwd()}")
        return InFile(front, name)
    if colon and name.isidentifier() and all(it.isidentifier() for it in front.split(".")):
        raise UsageError(
            f"{text}: a subject in a package comes with a later issue",
            mend=f"name its file: {front.replace('.', '/')}.py:{name}",
        )
    raise UsageError(f"{text or 'an empty text'}: not a subject", expected=_FORMS)


def load(spec: Spec) -> Subject:
    """The declaration. Raises SubjectError, addressed to the author of the file."""
    match spec:
        case BuiltIn(name):
            return BUILTIN[name]
        case Planted(name):
            return PLANTED[name]
        case InFile(path, name):
            return _declared(spec, _module(spec, Path(path)), name)
        case _:
            assert_never(spec)


def broken(spec: object, doing: str, error: BaseException, file: str) -> SubjectError:
    """The author's exception while `doing`, with the last line of their own that it came from."""
    kind = type(error).__name__
    text = redacted(str(error)).strip()
    return SubjectError(
        f"{spec}: {doing}: {kind}: {text}" if text else f"{spec}: {doing}: {kind}",
        at=_raised_at(error, file),
    )


def _mend() -> str:
    return f"write a function that runs it, and name {_FORMS}"


def _nearest(name: str, known: Iterable[str]) -> dict[str, str]:
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    if near:
        return {"nearest": near[0]}
    return {"expected": ", ".join(names) if names else "none is there"}


def _module(spec: InFile, path: Path) -> ModuleType:
    """Run the file as a module, with its folder first on the path as a script has it."""
    path = path.resolve()
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_subject"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise SubjectError(f"{spec}: {path.name} can't be loaded as Python")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    sys.path.append(str(Path.cwd()))
    try:
        found.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise broken(spec, "raised when it was imported", error, str(path)) from error
    return module


def _declared(spec: InFile, module: ModuleType, name: str) -> Subject:
    names = [key for key, value in vars(module).items() if isinstance(value, Subject)]
    if not hasattr(module, name):
        raise SubjectError(
            f"{spec}: the file defines no {name}",
            **(_nearest(name, names) if names else {"expected": "a function under @subject(...)"}),
        )
    value = getattr(module, name)
    if not isinstance(value, Subject):
        raise SubjectError(
            f"{spec}: {name} is no subject",
            expected="a function under @subject(services=..., contract=...)",
            seen=f"{type(value).__name__} {name}",
            **({"mend": f"name one of {', '.join(names)}"} if names else {}),
        )
    return value


def _raised_at(error: BaseException, file: str) -> str:
    if isinstance(error, SyntaxError) and error.filename and error.lineno is not None:
        return _place(error.filename, error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).resolve().parents[1])
    foreign = [frame for frame in frames if not frame.filename.startswith((ours, "<"))]
    return last_own_line(frames, file) or (
        last_own_line(foreign, foreign[-1].filename) if foreign else ""
    )


def last_own_line(frames: Iterable[traceback.FrameSummary], file: str) -> str:
    """The innermost of these frames that lies in the author's file, as `FILE:LINE: TEXT`."""
    own = [frame for frame in frames if frame.filename == file and frame.lineno is not None]
    return _place(own[-1].filename, own[-1].lineno or 0) if own else ""


def _place(file: str, line: int) -> str:
    text = redacted(linecache.getline(file, line).strip())
    return f"{Path(file).name}:{line}: {text}" if text else f"{Path(file).name}:{line}"
