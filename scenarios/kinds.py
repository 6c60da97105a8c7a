"""The fault models as a schema: what a file may write for each kind of fault.

Counterparts: inject.py reads files by it, `lab.report.listing` shows it. Every type stands in
`faults` alone; here it is only asked.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Union, assert_never, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from ..faults import Fault
from ..faults.schedule import Schedule
from ..faults.scope import TAKES
from ..faults.written import Rate, Share, Size, written
from .shapes import either

SCOPE_KEYS = ("service", *TAKES["request"])
SCHEDULE_KEYS = tuple(Schedule.model_fields)

Form = Literal[
    "word",
    "word or number",
    "word or duration",
    "duration",
    "number",
    "size",
    "rate",
    "fraction",
    "numbers",
    "pairs",
    "text",
]
"""How a file writes a value: one of the parameter's words, `500ms`, `3`, `4kB`, `64kB/s`, `0.3`,
`[500, 502]`, `{Retry-After: 1}`, or text."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a kind: what a file may write for it.

    `words`: the closed list, where there is one. `range`: the bounds of a number or of seconds, as
    a phrase. `default`: as a file writes it; None where nothing stands for it. `meaning`: what it
    does, of the keys that many kinds share.
    """

    name: str
    form: Form
    words: tuple[str, ...]
    range: str
    default: str | None
    required: bool
    meaning: str = ""

    def expected(self) -> str:
        """What to write, as the end of a sentence."""
        bounds = f", {self.range}" if self.range else ""
        match self.form:
            case "word":
                return either(self.words)
            case "word or number":
                return f"{either(self.words)} or a whole number{bounds}"
            case "word or duration":
                return f"{either(self.words)} or a duration like 500ms"
            case "duration":
                return "a duration like 500ms"
            case "number":
                return f"a whole number{bounds}"
            case "size":
                return f"a size like {written(Size(4000))}"
            case "fraction":
                return f"a fraction like 0.3{bounds}"
            case "rate":
                return f"a rate like {written(Rate(64_000))}"
            case "numbers":
                return f"a whole number or a list of them{bounds}"
            case "pairs":
                return "a mapping like {Retry-After: 1}"
            case "text":
                return "text"
            case _:
                assert_never(self.form)


def parameters_of(model: type[Fault]) -> tuple[str, ...]:
    """A kind's own parameters, without kind, scope and schedule."""
    others = ("kind", *SCOPE_KEYS, *SCHEDULE_KEYS)
    return tuple(name for name in model.model_fields if name not in others)


def scope_of(model: type[Fault]) -> tuple[str, ...]:
    """The scope keys that a kind takes: one that acts before there is a request picks none."""
    taken = {key for reach in model.reaches for key in TAKES[reach]}
    return tuple(key for key in SCOPE_KEYS if key == "service" or key in taken)


def families_of(kind: str, model: type[Fault]) -> tuple[str, ...]:
    """The families that a kind belongs to; a cut inside the answer is partial."""
    return (model.family, "partial") if kind == "cut" else (model.family,)


def summary_of(model: type[Fault]) -> str:
    """What a kind does: the first sentence of its docstring."""
    text = " ".join((model.__doc__ or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def parameter(model: type[Fault], name: str) -> Parameter:
    """What a file may write for a kind's own parameter."""
    field = model.model_fields[name]
    alternatives = alternatives_of(field.annotation)
    words = tuple(word for kind_of in alternatives for word in _words(kind_of))
    return Parameter(
        name,
        _measured(field) or _form(alternatives, words),
        words,
        _range(field),
        _default(field),
        field.is_required(),
        field.description or "",
    )


def alternatives_of(annotation: object) -> tuple[object, ...]:
    """The members of a union without None, stripped of Annotated."""
    if get_origin(annotation) is Annotated:
        return alternatives_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = (alternatives_of(member) for member in get_args(annotation))
        return tuple(kind_of for member in members for kind_of in member)
    return () if annotation is type(None) else (annotation,)


def _words(kind_of: object) -> tuple[str, ...]:
    return get_args(kind_of) if get_origin(kind_of) is Literal else ()


def _measured(field: FieldInfo) -> Form | None:
    """The form of bytes and fractions: their type says what is counted."""
    forms: dict[object, Form] = {Size: "size", Rate: "rate", Share: "fraction"}
    marks = (*field.metadata, *_marks(field.annotation))
    made = (mark.func for mark in marks if isinstance(mark, AfterValidator))
    return next((forms[func] for func in made if func in forms), None)


def _form(alternatives: tuple[object, ...], words: tuple[str, ...]) -> Form:
    items = [item for kind_of in alternatives for item in get_args(kind_of)[:1]]
    if any(get_origin(kind_of) is tuple for kind_of in alternatives):
        return "pairs" if any(get_origin(item) is tuple for item in items) else "numbers"
    if words:
        if float in alternatives:
            return "word or duration"
        return "word or number" if int in alternatives else "word"
    if float in alternatives:
        return "duration"
    return "number" if int in alternatives else "text"


def bounds_of(model: type[Fault], name: str) -> dict[str, float]:
    """The bounds of a key's number or seconds, by the names `ge`, `gt` and `le`."""
    return _bounds(model.model_fields[name])


def _bounds(field: FieldInfo) -> dict[str, float]:
    """They stand on the field, or on the part of a union that has them."""
    return {
        name: bound
        for mark in (*field.metadata, *_marks(field.annotation))
        for name in ("ge", "gt", "le")
        if (bound := getattr(mark, name, None)) is not None
    }


def _range(field: FieldInfo) -> str:
    """Bounds as a phrase."""
    match _bounds(field):
        case {"ge": least, "le": most}:
            return f"from {least:g} to {most:g}"
        case {"gt": least, "le": most}:
            return f"over {least:g}, up to {most:g}"
        case {"ge": least}:
            return f"{least:g} or more"
        case {"gt": least}:
            return f"over {least:g}"
        case {"le": most}:
            return f"up to {most:g}"
        case _:
            return ""


def _marks(annotation: object) -> Iterator[object]:
    """The annotations inside a type, at any depth."""
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        for mark in inner[1:]:
            yield from getattr(mark, "metadata", (mark,))
    for one in inner:
        yield from _marks(one)


def _default(field: FieldInfo) -> str | None:
    value = None if field.is_required() else field.get_default()
    return None if value is None or value == () else written(value)
