"""From a subject's name on the command line to its declaration.

`maximus`, `sync`, `planted:NAME`, `FILE.py:NAME`, `package.module:NAME`, `cmd:COMMAND`. Reading a name
runs no code; loading a file or a module does, so it is done in the subject's own process only (`child.py`).
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import linecache
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import assert_never

from ..backends.maximus import BUILTIN as STUBS
from ..errors import SubjectError, UsageError
from ..methods import SAFE
from ..redaction import redacted
from .builtin import BUILTIN, PLANTED
from .command_line import PREFIX, CommandLine, Template, read_template
from .declaration import Op, Subject, op, subject
from .spawning import demand_program

__all__ = [
    "BuiltIn",
    "InCommand",
    "InFile",
    "InModule",
    "Planted",
    "Spec",
    "broken",
    "file_of",
    "last_own_line",
    "load",
    "read_spec",
    "subjects_in",
]

_FORMS = "maximus, sync, planted:NAME, FILE.py:NAME, package.module:NAME, or cmd:COMMAND"


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


@dataclass(frozen=True, slots=True)
class InModule:
    """A subject declared in a module that can be imported, from the current folder too."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


@dataclass(frozen=True, slots=True)
class InCommand:
    """A command with the services' placeholders."""

    template: Template

    def __str__(self) -> str:
        return str(self.template)


Spec = BuiltIn | Planted | InFile | InModule | InCommand


def read_spec(text: str) -> Spec:
    """What a subject's name means. Raises UsageError; runs no code of a subject."""
    if text in BUILTIN:
        return BuiltIn(text)
    if text.startswith(PREFIX):
        return _in_command(text.removeprefix(PREFIX).strip())
    front, colon, name = text.rpartition(":")
    if front == "planted":
        if name not in PLANTED:
            raise UsageError(f"{text}: no planted client of this name", **_nearest(name, PLANTED))
        return Planted(name)
    if text.removesuffix(":").endswith(".py"):
        path = text.removesuffix(":")
        raise UsageError(f"{path}: which subject in this file?", **_choice(path, subjects_in(path)))
    if colon and front.endswith(".py") and name.isidentifier():
        _demand_file(text, front)
        return InFile(front, name)
    if colon and name.isidentifier() and _is_module(front):
        return InModule(front, name)
    module = text.removesuffix(":")
    file = _source(module)
    if file is not None:
        raise UsageError(
            f"{module}: which subject in this module?", **_choice(module, subjects_in(str(file)))
        )
    raise UsageError(f"{text or 'an empty text'}: not a subject", expected=_FORMS)


def _is_module(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _source(module: str) -> Path | None:
    """The file of a module in the current folder, found by its name alone; None: not there."""
    if not _is_module(module):
        return None
    path = Path(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _in_command(text: str) -> InCommand:
    try:
        template = read_template(text)
    except ValueError as error:
        raise UsageError(
            f"{PREFIX}{redacted(text)}: {error}",
            expected=f"'{PREFIX}curl -sf {{core}}/health'; its request in front where that can't be"
            f" read off: '{PREFIX}POST /query ./ask.sh {{core}}'",
        ) from error
    demand_program(CommandLine(template.arguments), UsageError, str(template))
    return InCommand(template)


def _demand_file(text: str, path: str) -> None:
    if not Path(path).is_file():
        raise UsageError(f"{text}: there is no file {path}", seen=f"from {Path.cwd()}")


def subjects_in(path: str) -> tuple[str, ...]:
    """The functions of a file under `@subject`, in its order, read without running it.

    Raises UsageError for a file that is not there; one that is no Python has none.
    """
    _demand_file(path, path)
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError):
        return ()
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return tuple(one.name for one in functions if any(map(_is_subject, one.decorator_list)))


def _is_subject(decorator: ast.expr) -> bool:
    match decorator:
        case ast.Call(func=ast.Name(id="subject") | ast.Attribute(attr="subject")):
            return True
        case _:
            return False


def _choice(place: str, names: Sequence[str]) -> dict[str, str]:
    """The rows of a message to who has to choose among the subjects of a file or module."""
    if not names:
        return {"expected": f"{place}:NAME", "seen": "no function under @subject(...) in it"}
    return {"expected": ", ".join(f"{place}:{name}" for name in names)}


def load(spec: Spec) -> Subject:
    """The declaration. Raises SubjectError, addressed to the author of the file, and UsageError."""
    match spec:
        case BuiltIn(name):
            return BUILTIN[name]
        case Planted(name):
            return PLANTED[name]
        case InFile(path, name):
            return _declared(spec, _run(spec, Path(path)), name)
        case InModule(_, name):
            return _declared(spec, _imported(spec), name)
        case InCommand(template):
            return _commanded(template)
        case _:
            assert_never(spec)


def file_of(spec: Spec) -> str:
    """The file that loading this runs; empty if it is none of the author's, or not found."""
    match spec:
        case BuiltIn() | Planted() | InCommand():
            return ""
        case InFile(path):
            return path
        case InModule(module):
            known = filter(None, map(sys.modules.get, _lineage(module)))
            return next((it.__file__ for it in known if it.__file__ is not None), "")
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


def _commanded(template: Template) -> Subject:
    """A subject of one operation, as the role that its method allows and as `run`."""

    @subject(services={name: name if name in STUBS else None for name in template.services})
    def command(urls: Mapping[str, str]) -> Iterator[dict[str, Op]]:
        run = op(template.endpoint, template.filled(urls))
        role = "read" if run.method in SAFE else "write"
        yield {role: run, "run": run}

    return command


def _nearest(name: str, known: Iterable[str]) -> dict[str, str]:
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    if near:
        return {"nearest": near[0]}
    return {"expected": ", ".join(names) if names else "none is there"}


def _run(spec: InFile, path: Path) -> ModuleType:
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
        raise broken(spec, "raised when it was imported", error, str(path)) from error
    return module


def _imported(spec: InModule) -> ModuleType:
    """Import the module, with the current folder first on the path as `python -m` has it."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(spec.module)
    except BaseException as error:
        if isinstance(error, ModuleNotFoundError) and error.name in _lineage(spec.module):
            raise UsageError(
                f"{spec}: there is no module {error.name}",
                seen=f"neither from {Path.cwd()} nor installed",
            ) from error
        raise broken(spec, "raised when it was imported", error, _first_file(error)) from error


def _lineage(module: str) -> tuple[str, ...]:
    """A module and the packages that it lies in, itself first."""
    parts = module.split(".")
    return tuple(".".join(parts[:length]) for length in range(len(parts), 0, -1))


def _first_file(error: BaseException) -> str:
    """The file whose import raised: the first that is not what imports it."""
    ours = (__file__, importlib.__file__, "<")
    frames = traceback.extract_tb(error.__traceback__)
    return next((one.filename for one in frames if not one.filename.startswith(ours)), "")


def _declared(spec: InFile | InModule, module: ModuleType, name: str) -> Subject:
    kind, place = ("file", spec.path) if isinstance(spec, InFile) else ("module", spec.module)
    names = [key for key, value in vars(module).items() if isinstance(value, Subject)]
    if not hasattr(module, name):
        near = get_close_matches(name, names, 1)
        raise UsageError(
            f"{spec}: the {kind} defines no {name}",
            **_choice(place, names),
            nearest=near[0] if near else "",
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
    # contextlib only carries what the factory did to us, and says nothing of where.
    ours = (str(Path(__file__).parents[1]), contextlib.__file__, "<")
    foreign = [frame for frame in frames if not frame.filename.startswith(ours)]
    return last_own_line(frames, file) or (
        last_own_line(foreign, foreign[-1].filename) if foreign else ""
    )


def executing(file: str) -> str:
    """The line of this file that some thread is executing, the main one first; empty if none is."""
    frames = sys._current_frames()  # its documented name
    main = threading.main_thread().ident
    order = sorted(frames, key=lambda ident: (ident != main, ident))
    places = (
        last_own_line(traceback.extract_stack(frames[ident]), os.path.realpath(file))
        for ident in order
        if ident != threading.get_ident()
    )
    return next(filter(None, places), "")


def last_own_line(frames: Iterable[traceback.FrameSummary], file: str) -> str:
    """The innermost of these frames that lies in the author's file, as `FILE:LINE: TEXT`."""
    own = [frame for frame in frames if frame.filename == file and frame.lineno is not None]
    return _place(own[-1].filename, own[-1].lineno or 0) if own else ""


def _place(file: str, line: int) -> str:
    text = redacted(linecache.getline(file, line).strip())
    return f"{Path(file).name}:{line}: {text}" if text else f"{Path(file).name}:{line}"
