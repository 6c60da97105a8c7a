"""Where a client is taken hold of: a method of a class, wrapped while the lab watches.

Also a module's that is not imported yet: the lab never imports a client for its user. Knows no
client; `clients/` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["Seam", "fitted"]


@dataclass(frozen=True, slots=True)
class Seam:
    """A method of a class, and what to make of it. A class that has no such method is left alone."""

    owner: type | None
    name: str
    wrapper: Callable[[Any], Any]


@contextmanager
def fitted(seams: Mapping[str, Callable[[ModuleType], Iterable[Seam]]]) -> Iterator[None]:
    """Wrap the methods of these modules, of each when it is imported; undo all on leaving."""
    with ExitStack() as wrapped:

        def fit(name: str, module: ModuleType) -> None:
            for seam in seams[name](module):
                wrapped.enter_context(_wrapped(seam))

        wrapped.enter_context(_imports(frozenset(seams), fit))
        for name in seams:
            module = sys.modules.get(name)
            if module is not None:
                fit(name, module)
        yield


@contextmanager
def _wrapped(seam: Seam) -> Iterator[None]:
    owner, name = seam.owner, seam.name
    original = getattr(owner, name, None)
    if owner is None or original is None:
        yield
        return
    inherited = name not in vars(owner)
    ours = seam.wrapper(original)
    setattr(owner, name, ours)
    try:
        yield
    finally:
        # Someone who patched over ours keeps a reference to it: it stays, and passes everything on.
        if vars(owner).get(name) is ours:
            if inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


# --- modules that come later ---------------------------------------------------------------------


@contextmanager
def _imports(names: frozenset[str], then: Callable[[str, ModuleType], None]) -> Iterator[None]:
    """Call `then` with each of these modules that is imported meanwhile, before its importer has it."""
    finder = _Finder(names, then)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        with suppress(ValueError):  # whoever emptied the list has removed it
            sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    """Finds nothing by itself; has what the finders behind it find tell when it was run."""

    def __init__(self, names: frozenset[str], then: Callable[[str, ModuleType], None]) -> None:
        self._names = names
        self._then = then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the first finder behind this one that has it."""
        if fullname not in self._names:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    _tell(spec.loader, fullname, self._then)
                return spec
        return None


def _tell(loader: Loader, name: str, then: Callable[[str, ModuleType], None]) -> None:
    """Have this loader call `then` once it has run the module."""
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        if module.__name__ == name:  # a loader of an archive may load others
            then(name, module)

    with suppress(AttributeError):  # one without attributes of its own tells nothing
        loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader
