"""Functions that are replaced: under every name, for every caller, and back to what they were."""

import gc
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from faultlab.lab.environments.simulated.swapping import (
    Added,
    Attribute,
    ClassMethod,
    Descriptor,
    Replacement,
    Scanned,
    Swapped,
    Wrapped,
    builtin,
    class_method,
)


@contextmanager
def put(replacement: Replacement) -> Iterator[None]:
    """The replacement, for a block."""
    replacement.put()
    try:
        yield
    finally:
        replacement.take_back()


def answering(value: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What makes stand-ins that give this, with what they were called with."""
    return lambda real: lambda *arguments, **keywords: (value, arguments, keywords)


@pytest.mark.parametrize(
    ("function", "arguments", "keywords"),
    [
        (time.monotonic, (), {}),  # METH_NOARGS
        (math.sin, (1.0,), {}),  # METH_O
        (time.gmtime, (1.0,), {}),  # METH_VARARGS
        (print, ("a", "b"), {"sep": ""}),  # METH_FASTCALL | METH_KEYWORDS
    ],
)
def test_a_builtin_passes_its_arguments_to_what_stands_in(
    function: Callable[..., Any], arguments: tuple[object, ...], keywords: dict[str, object]
) -> None:
    """Each of C's ways to call a function has another form of arguments."""
    with put(Swapped(function, answering(7))):
        assert function(*arguments, **keywords) == (7, arguments, keywords)


def test_what_a_stand_in_raises_reaches_the_caller() -> None:
    """A refusal must be seen where the call is."""

    def make(real: object) -> Callable[[], None]:
        def refuse() -> None:
            raise ValueError("refused")

        return refuse

    with put(Swapped(time.monotonic, make)), pytest.raises(ValueError, match="refused"):
        time.monotonic()


def test_a_swapped_builtin_stays_the_same_object_and_is_given_back_whole() -> None:
    """Names that were given to it long ago must be replaced, too, and work again afterwards."""
    alias = time.monotonic
    before = alias()
    with put(Swapped(time.monotonic, lambda real: lambda: "virtual")):
        assert alias is time.monotonic
        assert alias() == "virtual"
        gc.collect()  # it follows the changed builtin
    assert alias() >= before
    assert alias.__self__ is time
    gc.collect()


def test_a_stand_in_can_ask_the_real_function() -> None:
    """Other threads call the same object, and need the machine's answer."""
    with put(Swapped(math.sin, lambda real: lambda x: (real(x), "seen"))):
        assert math.sin(0.0) == (0.0, "seen")


def test_a_builtin_of_an_unknown_layout_is_not_touched() -> None:
    """What can't be changed in place safely goes the other way."""
    assert Swapped.can(time.monotonic)
    assert not Swapped.can([].append.__call__)
    assert not Swapped.can(lambda: None)
    assert isinstance(builtin(len.__call__, answering(1)), Scanned)


def test_putting_twice_and_taking_back_twice_does_no_harm() -> None:
    """Teardown may come from two sides."""
    for replacement in (
        Swapped(math.sin, answering(1)),
        Scanned(math.cos, answering(1)),
        Attribute(time, "sleep", answering(1)),
        class_method(datetime, "now", lambda: None),
    ):
        replacement.put()
        replacement.put()
        replacement.take_back()
        replacement.take_back()
    assert math.sin(0.0) == 0.0
    assert math.cos(0.0) == 1.0
    time.sleep(0)
    assert isinstance(datetime.now(), datetime)  # noqa: DTZ005  # any


def test_scanning_finds_names_classes_and_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way, for interpreters whose builtins can't be changed."""
    module = ModuleType("a_client")
    source = """
from math import tan
class Client:
    clock = staticmethod(tan)
    raw = tan
    def age(self, clock=tan, *, other=tan): return clock(0.0), other(0.0)
def age(clock=tan): return clock(0.0)
"""
    exec(compile(source, "a_client.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "a_client", module)
    client: Any = module
    with put(Scanned(math.tan, lambda real: lambda x: "virtual")):
        assert client.tan(0.0) == "virtual"
        assert client.Client.raw(0.0) == "virtual"
        assert client.age() == "virtual"
        assert client.Client().age() == ("virtual", "virtual")
    assert client.Client().age() == (0.0, 0.0)
    assert (client.tan, client.Client.raw) == (math.tan, math.tan)
    assert client.age() == 0.0


class Own(datetime):
    """A subclass, as date libraries have."""


@pytest.mark.parametrize("kind", [ClassMethod, Descriptor])
def test_a_class_method_is_replaced_for_subclasses_with_its_arguments(
    kind: type[ClassMethod] | type[Descriptor],
) -> None:
    """`datetime` belongs to C: nothing can be set on it."""
    with put(kind(datetime, "now", lambda: lambda cls, *given, **named: (cls, given, named))):
        assert datetime.now(UTC) == (datetime, (UTC,), {})
        assert Own.now(tz=UTC) == (Own, (), {"tz": UTC})
    assert type(Own.now(UTC)) is Own


def test_a_name_given_to_a_class_method_before_is_replaced_too() -> None:
    """`field(default_factory=datetime.now)` is a name given at import."""
    now = datetime.now
    with put(ClassMethod(datetime, "now", lambda: lambda cls, *_: "virtual")):
        assert now() == "virtual"


@pytest.mark.parametrize("kind", [ClassMethod, Descriptor])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_class_method_with_nothing_inside_does_what_it_did(
    kind: type[ClassMethod] | type[Descriptor],
) -> None:
    """Other threads must get the machine's."""
    with put(kind(datetime, "now", lambda: None)), put(kind(datetime, "utcnow", lambda: None)):
        assert datetime.now(tz=None) <= datetime.now()  # noqa: DTZ005  # any
        assert isinstance(datetime.utcnow(), datetime)  # noqa: DTZ003  # any


def test_an_inherited_method_is_replaced_where_it_was_not_and_gone_again() -> None:
    """The methods of sockets belong to C; Python's class can have its own."""

    class Base:
        def read(self) -> int:
            return 1

    class Derived(Base):
        pass

    with put(Added(Derived, "read", lambda real: lambda self: real(self) + 1)):
        assert (Derived().read(), Base().read()) == (2, 1)
    assert Derived().read() == 1
    assert "read" not in vars(Derived)


def test_an_attribute_that_another_has_replaced_meanwhile_is_left_to_them() -> None:
    """A test's own monkeypatch must not be undone under it."""
    module = ModuleType("m")
    vars(module)["f"] = first = lambda: 1
    replacement = Attribute(module, "f", lambda real: lambda: real() + 1)
    with put(replacement):
        assert module.f() == 2
        vars(module)["f"] = other = lambda: 3
    assert module.f is other
    vars(module)["f"] = first
    with put(replacement):
        assert module.f() == 2
    assert module.f is first


def test_a_wrapped_method_is_replaced_around_what_others_have_made_of_it() -> None:
    """They come and go between two runs; each of them is heard, and given back."""

    class Pool:
        def submit(self) -> list[str]:
            return ["pool"]

    def around(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return lambda real: lambda self: [name, *real(self)]

    original = Pool.submit
    replacement = Wrapped(Pool, "submit", around("run"))
    with put(replacement), put(replacement):
        assert Pool().submit() == ["run", "pool"]
    assert Pool.submit is original
    Pool.submit = seam = around("seam")(original)  # type: ignore[method-assign]
    with put(replacement):
        assert Pool().submit() == ["run", "seam", "pool"]
    assert Pool.submit is seam
    with put(replacement):
        Pool.submit = original  # type: ignore[method-assign]  # another's, who did not wait
    assert Pool.submit is original
