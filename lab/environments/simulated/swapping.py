"""Functions replaced while a run is on, and put back as they were.

A builtin function is changed in place, so that every name that it has is replaced with it: module
attributes, `from time import monotonic` of long ago, defaults of arguments, class attributes. What
stands in for it must dispatch by itself: other threads call it too. Knows no clock and no chance.
"""

from __future__ import annotations

import ctypes
import gc
import struct
import sys
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final, Protocol

__all__ = [
    "Added",
    "Attribute",
    "ClassMethod",
    "Descriptor",
    "Function",
    "Make",
    "Replacement",
    "Scanned",
    "Swapped",
    "Wrapped",
    "builtin",
    "class_method",
]

Function = Callable[..., Any]
Make = Callable[[Function], Function]
"""From what a function really does, what stands in for it."""
Inside = Callable[[], Function | None]
"""What to call instead, if anything, where it is asked."""

_POINTER: Final = ctypes.sizeof(ctypes.c_void_p)
_HEAD: Final = object.__basicsize__


class Replacement(Protocol):
    """One function that can be replaced. Putting and taking back twice does no harm."""

    def put(self) -> None:
        """Replace it."""
        ...

    def take_back(self) -> None:
        """Make it what it was."""
        ...


def builtin(function: Function, make: Make) -> Replacement:
    """The replacement of a builtin: in place where this Python's layout is the known one."""
    return Swapped(function, make) if Swapped.can(function) else Scanned(function, make)


class Attribute:
    """A function replaced where it is looked up: on its module or class.

    One that somebody else has replaced meanwhile is left to them.
    """

    def __init__(self, owner: object, name: str, make: Make) -> None:
        self._owner = owner
        self._name = name
        self._original = vars(owner)[name]
        self._standing_in = make(self._original)

    def put(self) -> None:
        """Replace it."""
        if vars(self._owner)[self._name] is self._original:
            setattr(self._owner, self._name, self._standing_in)

    def take_back(self) -> None:
        """Make it what it was."""
        if vars(self._owner)[self._name] is self._standing_in:
            setattr(self._owner, self._name, self._original)


class Wrapped:
    """A method replaced around whatever it is by then: who replaces it before or after is heard, too."""

    def __init__(self, owner: type, name: str, make: Make) -> None:
        self._owner = owner
        self._name = name
        self._make = make
        self._original: Function | None = None
        self._standing_in: Function | None = None

    def put(self) -> None:
        """Replace it."""
        present = vars(self._owner)[self._name]
        if present is not self._standing_in:
            self._original, self._standing_in = present, self._make(present)
            setattr(self._owner, self._name, self._standing_in)

    def take_back(self) -> None:
        """Make it what it was."""
        if self._standing_in is not None and vars(self._owner)[self._name] is self._standing_in:
            setattr(self._owner, self._name, self._original)
        self._original = self._standing_in = None


class Added:
    """A method that a class inherits, replaced for this class and those below it.

    `make` is given what does it really, which takes the object first.
    """

    def __init__(self, owner: type, name: str, make: Make) -> None:
        self._owner = owner
        self._name = name
        self._standing_in = make(getattr(owner, name))

    def put(self) -> None:
        """Replace it."""
        setattr(self._owner, self._name, self._standing_in)

    def take_back(self) -> None:
        """Make it what it was."""
        if vars(self._owner).get(self._name) is self._standing_in:
            delattr(self._owner, self._name)


class _Definition(ctypes.Structure):
    """PyMethodDef: what a builtin function is made from."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("call", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


# How a builtin is called (METH_* of methodobject.h) -> the C function of the same arguments that
# calls the object in their first place. With it as the code, and a Python function as the `self`,
# of a builtin, the interpreter itself passes on arguments, result and exception.
_CALLS: Final = {
    0x01: "PyObject_CallObject",  # METH_VARARGS
    0x01 | 0x02: "PyObject_Call",  # and METH_KEYWORDS
    0x04: "PyObject_CallObject",  # METH_NOARGS: its arguments are NULL
    0x08: "PyObject_CallOneArg",  # METH_O
    0x80 | 0x02: "PyObject_Vectorcall",  # METH_FASTCALL and METH_KEYWORDS
}


class Swapped:
    """A builtin function that calls a Python function while it is replaced."""

    def __init__(self, function: Function, make: Make) -> None:
        definition, _ = _pair_of(function)
        known = _Definition.from_address(definition)
        self._function = function
        self._pair = (ctypes.c_char * (2 * _POINTER)).from_address(id(function) + _HEAD)
        self._original = self._pair.raw
        self._standing_in = make(_twin(definition, function))
        self._definition = _Definition(known.name, _address(_CALLS[known.flags]), known.flags, None)
        self._replaced = struct.pack(
            "PP", ctypes.addressof(self._definition), id(self._standing_in)
        )
        # The collector follows the changed builtin to what stands in for it and expects to be
        # counted there. This count is never given back: it outlives each time that it is put.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._standing_in))

    @staticmethod
    def can(function: Function) -> bool:
        """Whether this builtin, of this interpreter, is laid out as expected."""
        definition = _definition(function)
        return (
            definition is not None
            and definition.flags in _CALLS
            and hasattr(ctypes.pythonapi, _CALLS[definition.flags])
        )

    def put(self) -> None:
        """Replace it."""
        # Both pointers in one step of the interpreter: no thread may see one without the other.
        self._pair.raw = self._replaced

    def take_back(self) -> None:
        """Make it what it was."""
        self._pair.raw = self._original


def _definition(function: Function) -> _Definition | None:
    """What a builtin was made from; None where it or the interpreter is of another layout."""
    known_layout = (
        sys.implementation.name == "cpython"
        and getattr(sys, "_is_gil_enabled", lambda: True)()
        and type(function) is BuiltinFunctionType
        and BuiltinFunctionType.__basicsize__ == _HEAD + 5 * _POINTER
    )
    if not known_layout:
        return None
    address, bound = _pair_of(function)
    if bound != id(getattr(function, "__self__", None)):
        return None
    definition = _Definition.from_address(address)
    return definition if definition.name == function.__name__.encode() else None


def _pair_of(function: Function) -> tuple[int, int]:
    """The addresses of a builtin's definition and of what it is bound to."""
    definition, bound = struct.unpack("PP", ctypes.string_at(id(function) + _HEAD, 2 * _POINTER))
    return definition, bound


def _address(name: str) -> int:
    address = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    assert address is not None
    return address


def _twin(definition: int, function: Function) -> Function:
    """A second builtin from the definition of this one, which stays what it is."""
    prototype = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object
    )
    new = prototype(("PyCFunction_NewEx", ctypes.pythonapi))
    twin: Function = new(definition, function.__self__, function.__module__)  # type: ignore[attr-defined]  # a builtin's
    return twin


class Scanned:
    """A builtin replaced under the names that modules, their classes and defaults give to it.

    For an interpreter whose builtins can't be changed in place. What a closure or an instance
    holds is not found.
    """

    def __init__(self, function: Function, make: Make) -> None:
        self._function = function
        self._standing_in = make(function)
        self._undo: list[Callable[[], None]] = []

    def put(self) -> None:
        """Replace it."""
        if self._undo:
            return
        for module in list(sys.modules.values()):
            if type(module) is ModuleType and module.__name__ != __name__:
                self._rename(module)
                for owner in list(_made_in(module, type)):
                    self._rename(owner)
                    for function in list(_functions(owner)):
                        self._default(function)
                for function in list(_made_in(module, FunctionType)):
                    self._default(function)

    def take_back(self) -> None:
        """Make it what it was."""
        while self._undo:
            self._undo.pop()()

    def _rename(self, owner: object) -> None:
        for name, value in list(vars(owner).items()):
            if value is self._function:
                setattr(owner, name, self._standing_in)
                self._undo.append(lambda name=name: setattr(owner, name, self._function))  # type: ignore[misc]  # bound now

    def _default(self, function: FunctionType) -> None:
        old, old_named = function.__defaults__, function.__kwdefaults__
        if self._function in (*(old or ()), *(old_named or {}).values()):
            function.__defaults__ = old and tuple(map(self._renamed, old))
            function.__kwdefaults__ = old_named and {
                name: self._renamed(value) for name, value in old_named.items()
            }
            self._undo.append(lambda: setattr(function, "__defaults__", old))
            self._undo.append(lambda: setattr(function, "__kwdefaults__", old_named))

    def _renamed(self, value: object) -> object:
        return self._standing_in if value is self._function else value


# What a module holds may do anything when it is looked at closely, as lazy values do: only its type
# is asked.
def _made_in(module: ModuleType, kind: type) -> Iterator[Any]:
    for value in list(vars(module).values()):
        if issubclass(type(value), kind) and value.__module__ == module.__name__:
            yield value


def _functions(owner: type) -> Iterator[FunctionType]:
    for value in list(vars(owner).values()):
        if type(value) in (staticmethod, classmethod):
            value = value.__func__
        if type(value) is FunctionType:
            yield value


def class_method(owner: type, name: str, inside: Inside) -> Replacement:
    """The replacement of a builtin type's class method."""
    kind = ClassMethod if ClassMethod.can(getattr(owner, name)) else Descriptor
    return kind(owner, name, inside)


_Given = tuple[tuple[Any, ...], dict[str, Any]]


def _nothing(_: int | None) -> _Given:
    return (), {}


def _tuple_and_mapping(arguments: int | None, keywords: int | None) -> _Given:
    return _object(arguments) if arguments else (), _object(keywords) if keywords else {}


def _vector(arguments: int | None, number: int | None, names: int | None) -> _Given:
    keys: tuple[str, ...] = _object(names) if names else ()
    size = (number or 0) + len(keys)
    values = (ctypes.c_void_p * size).from_address(arguments) if arguments and size else ()
    found = [_object(value) for value in values]
    return tuple(found[: number or 0]), dict(zip(keys, found[number or 0 :], strict=True))


def _object(address: int | None) -> Any:
    return ctypes.cast(address, ctypes.py_object).value  # type: ignore[arg-type]  # never NULL here


# How it is called, with METH_CLASS -> what reads the arguments that C passes after the class.
_PASSED: Final[dict[int, tuple[int, Callable[..., _Given]]]] = {
    0x10 | 0x04: (1, _nothing),
    0x10 | 0x01 | 0x02: (2, _tuple_and_mapping),
    0x10 | 0x80 | 0x02: (3, _vector),
}


class ClassMethod:
    """A class method of a builtin type, replaced for its subclasses and under every name.

    What stands in is called with the class and the arguments. What it raises can't pass through
    C: it is shown as an unraisable error, and the caller gets a SystemError.
    """

    def __init__(self, owner: type, name: str, inside: Inside) -> None:
        definition, _ = _pair_of(getattr(owner, name))
        known = _Definition.from_address(definition)
        count, read = _PASSED[known.flags]
        prototype = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.py_object, *[ctypes.c_void_p] * count
        )
        self._call = ctypes.c_void_p.from_address(definition + _Definition.call.offset)
        self._original: int = known.call
        real = prototype(self._original)

        def stand_in(cls: type, *passed: int | None) -> object:
            function = inside()
            if function is None:
                return real(cls, *passed)
            arguments, keywords = read(*passed)
            return function(cls, *arguments, **keywords)

        self._standing_in = prototype(stand_in)
        self._new = ctypes.cast(self._standing_in, ctypes.c_void_p).value

    @staticmethod
    def can(method: Function) -> bool:
        """Whether this method, of this interpreter, is laid out as expected."""
        definition = _definition(method)
        return definition is not None and definition.flags in _PASSED

    def put(self) -> None:
        """Replace it."""
        self._call.value = self._new

    def take_back(self) -> None:
        """Make it what it was."""
        self._call.value = self._original


class Descriptor:
    """A class method of a builtin type, replaced in its dictionary: for what is looked up there."""

    def __init__(self, owner: type, name: str, inside: Inside) -> None:
        self._owner = owner
        self._name = name
        self._original = vars(owner)[name]

        def stand_in(cls: type, /, *arguments: Any, **keywords: Any) -> Any:
            function = inside()
            if function is None:
                return self._original.__get__(None, cls)(*arguments, **keywords)
            return function(cls, *arguments, **keywords)

        self._standing_in: Any = classmethod(stand_in)

    def put(self) -> None:
        """Replace it."""
        self._set(self._standing_in)

    def take_back(self) -> None:
        """Make it what it was."""
        self._set(self._original)

    def _set(self, method: object) -> None:
        gc.get_referents(vars(self._owner))[0][self._name] = method
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(self._owner))
