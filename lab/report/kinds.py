"""The kinds of faults as people and programs read them: for the terminal, as JSON, in the README.

Everything is read off the fault models: a summary is the first sentence of a kind's docstring.
Counterparts: `faultlab list faults`, and `make readme`. Knows no kind by name.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from ...faults import KINDS, Fault
from ...faults.decide import COMPOSED
from ...faults.scope import REACHES, Reach
from ...scenarios.kinds import (
    SCHEDULE_KEYS,
    Parameter,
    families_of,
    parameter,
    parameters_of,
    scope_of,
)
from .lanes import WIDTH

__all__ = ["Kind", "as_json", "as_markdown", "as_text", "composition", "kinds"]

_INDENT = 2
_GAP = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. `observables`: the contract keys that it shows as."""

    kind: str
    families: tuple[str, ...]
    summary: str
    reaches: tuple[Reach, ...]
    observables: tuple[str, ...]
    environments: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    scope: tuple[str, ...]
    schedule: tuple[str, ...]


def kinds(
    environments: Mapping[str, frozenset[str]], models: Mapping[str, type[Fault]] = KINDS
) -> tuple[Kind, ...]:
    """Every kind, family by family. `environments`: the kinds that each of them can do."""
    found = [
        Kind(
            kind=name,
            families=families_of(name, model),
            summary=_first_sentence(model),
            reaches=model.reaches,
            observables=model.observables,
            environments=tuple(place for place, can in environments.items() if name in can),
            parameters=tuple(parameter(model, own) for own in parameters_of(model)),
            scope=scope_of(model),
            schedule=SCHEDULE_KEYS,
        )
        for name, model in models.items()
    ]
    families = list(dict.fromkeys(one.families[0] for one in found))
    return tuple(sorted(found, key=lambda one: families.index(one.families[0])))


def _first_sentence(model: type[Fault]) -> str:
    text = " ".join((model.__doc__ or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def as_json(found: Iterable[Kind]) -> list[dict[str, object]]:
    """What `json.dumps` takes: the fields of each kind, and of each of its parameters."""
    return [asdict(one) for one in found]


# --- for the terminal ----------------------------------------------------------------------------


def as_text(found: Sequence[Kind]) -> tuple[str, ...]:
    """A paragraph for each kind: what happens, then rows of what can be written and seen."""
    wide = max(len(row) for one in found for row, _ in _rows(one)) + _GAP
    lines: list[str] = []
    for one in found:
        lines += [f"{one.kind}   {', '.join(one.families)}", *_wrapped(one.summary, " " * _INDENT)]
        for name, text in _rows(one):
            first, *rest = _wrapped(text, " " * (_INDENT + wide))
            lines += [f"{' ' * _INDENT}{name:<{wide}}{first.lstrip()}", *rest]
        lines.append("")
    return tuple(lines[:-1])


def composition() -> tuple[str, ...]:
    """What several faults at once come to, for below the paragraphs."""
    return tuple(textwrap.wrap(COMPOSED, WIDTH))


def _rows(one: Kind) -> list[tuple[str, str]]:
    return [
        *((each.name, _allowed(each)) for each in one.parameters),
        ("scope", ", ".join(one.scope)),
        ("schedule", ", ".join(one.schedule)),
        ("acts on", "; or ".join(REACHES[each] for each in one.reaches)),
        ("shows as", ", ".join(one.observables) or "nothing that a client could see"),
        ("played in", ", ".join(one.environments) or "no environment yet"),
    ]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _allowed(one: Parameter) -> str:
    """What may be written, and what stands there if nothing is."""
    if one.required:
        return f"{one.expected()}; required"
    if one.default is None:
        return one.expected()
    if one.default in one.words:
        words = tuple(f"{w} (default)" if w == one.default else w for w in one.words)
        return replace(one, words=words).expected()
    return f"{one.expected()}; default {one.default}"


# --- for the README ------------------------------------------------------------------------------


def as_markdown(found: Sequence[Kind]) -> str:
    """A table with a row for each kind, and a sentence about what picks where they act."""
    rows = [
        "| kind | family | what happens | parameters | a client sees |",
        "|---|---|---|---|---|",
        *(
            f"| `{one.kind}` | {', '.join(one.families)} | {_cell(one.summary)} "
            f"| {_cell('; '.join(_brief(each) for each in one.parameters))} "
            f"| {' '.join(f'`{key}`' for key in one.observables) or 'nothing'} |"
            for one in found
        ),
    ]
    told = [*textwrap.wrap(_scopes(found), WIDTH), "", *composition()]
    return "\n".join([*rows, "", *told])


def _brief(one: Parameter) -> str:
    """A parameter in few words; the default stands first, in bold."""
    match one.form:
        case "word" | "word or number" | "word or duration":
            words = [word for word in one.words if word != one.default]
            more = {"word or number": ["a number"], "word or duration": ["a duration"]}
            words += more.get(one.form, [])
            first = [] if one.default is None else [f"**{one.default}**"]
            return f"`{one.name}`: {', '.join([*first, *words])}"
        case _:
            return f"`{one.name}`" if one.default is None else f"`{one.name}` **{one.default}**"


def _scopes(found: Sequence[Kind]) -> str:
    every = [key for key in found[0].scope if all(key in one.scope for one in found)]
    text = f"Every kind takes {_keys([*every, *found[0].schedule])}."
    by_more: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        by_more.setdefault(tuple(key for key in one.scope if key not in every), []).append(one.kind)
    *few, (most, _) = sorted(by_more.items(), key=lambda pair: len(pair[1]))
    if not few:
        return text
    for more, names in few:
        text += f" {_keys(names)} {'take' if len(names) > 1 else 'takes'} {_more(more)}."
    return f"{text} The others take {_more(most)}."


def _more(names: Sequence[str]) -> str:
    return f"also {_keys(names)}" if names else "no more"


def _keys(names: Sequence[str]) -> str:
    return _listed([f"`{name}`" for name in names])


def _listed(names: Sequence[str]) -> str:
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
