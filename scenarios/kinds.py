"""The fault models as a schema: what a file may write for each kind of fault.

Counterpart: inject.py reads it. Every type stands in `faults` alone; here it is only asked.
"""

from __future__ import annotations

import types
from typing import Annotated, Literal, Union, get_args, get_origin

from ..faults import Fault

SCOPE_KEYS = ("service", "endpoint", "first")


def parameters_of(model: type[Fault]) -> tuple[str, ...]:
    """A kind's own parameters, without kind and scope."""
    return tuple(name for name in model.model_fields if name not in ("kind", *SCOPE_KEYS))


def families_of(kind: str, model: type[Fault]) -> tuple[str, ...]:
    """The families that a kind belongs to; a cut inside the body is partial (design section 7)."""
    return (model.family, "partial") if kind == "cut" else (model.family,)


def words_of(model: type[Fault], name: str) -> tuple[str, ...]:
    """The closed list of words that a parameter takes; empty where it takes none."""
    alternatives = alternatives_of(model.model_fields[name].annotation)
    return tuple(word for kind_of in alternatives for word in _words(kind_of))


def holds_pairs(alternatives: tuple[object, ...]) -> bool:
    """Whether a tuple's items are pairs, so that a file writes a mapping."""
    items = (get_args(kind_of)[0] for kind_of in alternatives if get_args(kind_of))
    return any(get_origin(item) is tuple for item in items)


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
