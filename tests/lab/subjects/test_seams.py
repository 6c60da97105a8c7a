import importlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from faultlab.lab.subjects.seams import Seam, fitted

SOURCE = "class Client:\n    def send(self):\n        return 'sent'\n"


def louder(original: Callable[[Any], str]) -> Callable[[Any], str]:
    """Wrap a method."""
    return lambda client: original(client) + "!"


def seams(module: ModuleType) -> Iterable[Seam]:
    """Of a module with a client."""
    yield Seam(getattr(module, "Client", None), "send", louder)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two modules that can be imported, and are not yet."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("firstshop", "secondshop"):
        (tmp_path / f"{name}.py").write_text(SOURCE)
    return "firstshop", "secondshop"


def test_a_module_is_wrapped_where_it_is_and_when_it_comes(names: tuple[str, str]) -> None:
    """A client that is imported in its first call is a client like any other."""
    there = importlib.import_module(names[0])
    with fitted(dict.fromkeys(names, seams)):
        assert there.Client().send() == "sent!"
        assert names[1] not in sys.modules
        later = importlib.import_module(names[1])
        assert later.Client().send() == "sent!"
    assert (there.Client().send(), later.Client().send()) == ("sent", "sent")


def test_two_that_wait_for_a_module_are_both_told(names: tuple[str, str]) -> None:
    """Each undoes its own."""
    with fitted({names[0]: seams}), fitted({names[0]: seams}):
        module = importlib.import_module(names[0])
        assert module.Client().send() == "sent!!"
    assert module.Client().send() == "sent"


def test_a_module_that_comes_afterwards_is_left_alone(names: tuple[str, str]) -> None:
    """The finder is gone."""
    before = list(sys.meta_path)
    with fitted(dict.fromkeys(names, seams)):
        pass
    assert sys.meta_path == before
    assert importlib.import_module(names[0]).Client().send() == "sent"


def test_a_module_that_is_not_there_is_missing_as_ever(names: tuple[str, str]) -> None:
    """Who tries an import to see what there is, gets their answer."""
    with fitted({"no_such_shop": seams}), pytest.raises(ModuleNotFoundError, match="no_such_shop"):
        importlib.import_module("no_such_shop")


def test_a_module_without_the_class_or_the_method_is_left_alone(names: tuple[str, str]) -> None:
    """Another version of a client must work as without the lab."""

    def others(module: ModuleType) -> Iterable[Seam]:
        yield Seam(None, "send", louder)
        yield Seam(module.Client, "receive", louder)

    with fitted({names[0]: others}):
        assert not hasattr(importlib.import_module(names[0]).Client, "receive")


def test_an_inherited_method_is_wrapped_on_its_heir(names: tuple[str, str]) -> None:
    """And is inherited again afterwards."""
    module = importlib.import_module(names[0])
    heir = type("Heir", (module.Client,), {})
    with fitted({names[0]: lambda _: [Seam(heir, "send", louder)]}):
        assert (heir().send(), module.Client().send()) == ("sent!", "sent")
    assert "send" not in vars(heir)


def test_a_later_patch_of_someone_else_stays(names: tuple[str, str]) -> None:
    """Undoing ours must not undo theirs; what they kept of ours passes everything on."""
    module = importlib.import_module(names[0])
    with fitted({names[0]: seams}):
        kept = module.Client.send
        module.Client.send = lambda client: kept(client) + "?"
    assert module.Client().send() == "sent!?"
