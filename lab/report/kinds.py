"""The kinds of faults as people and programs read them: for the terminal, as JSON, in the guide.

Everything is read off the fault models: a summary is the first sentence of a kind's docstring.
Counterparts: `faultlab list faults`, and `make docs`. Knows no kind by name.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from ...faults import KINDS, Fault
from ...faults.decide import COMPOSED
from ...faults.scope import REACHES, Reach
from ...scenarios.kinds import (
    SCHEDULE_KEYS,
    SCOPE_KEYS,
    Parameter,
    families_of,
    parameter,
    parameters_of,
    scope_of,
    summary_of,
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
    scope: tuple[Parameter, ...]
    schedule: tuple[Parameter, ...]


def kinds(
    environments: Mapping[str, frozenset[str]], models: Mapping[str, type[Fault]] = KINDS
) -> tuple[Kind, ...]:
    """Every kind, family by family. `environments`: the kinds that each of them can do."""
    found = [
        Kind(
            kind=name,
            families=families_of(name, model),
            summary=summary_of(model),
            reaches=model.reaches,
            observables=model.observables,
            environments=tuple(place for place, can in environments.items() if name in can),
            parameters=tuple(parameter(model, own) for own in parameters_of(model)),
            scope=tuple(parameter(model, key) for key in scope_of(model)),
            schedule=tuple(parameter(model, key) for key in SCHEDULE_KEYS),
        )
        for name, model in models.items()
    ]
    families = list(dict.fromkeys(one.families[0] for one in found))
    return tuple(sorted(found, key=lambda one: families.index(one.families[0])))


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
    keys = _shared(found)
    wide = max(len(key.name) for key in keys) + _GAP
    lines.append("scope and schedule, of the kinds that name them")
    for key in keys:
        first, *rest = _wrapped(_meant(key), " " * (_INDENT + wide))
        lines += [f"{' ' * _INDENT}{key.name:<{wide}}{first.lstrip()}", *rest]
    return tuple(lines)


def _shared(found: Iterable[Kind]) -> tuple[Parameter, ...]:
    """The keys that kinds share, each once."""
    every = (key for one in found for key in (*one.scope, *one.schedule))
    by_name = {key.name: key for key in every}
    order = [*SCOPE_KEYS, *SCHEDULE_KEYS]
    return tuple(sorted(by_name.values(), key=lambda key: order.index(key.name)))


def _meant(key: Parameter) -> str:
    """What a shared key does, and what may be written."""
    return key.meaning if key.form == "text" else f"{key.meaning} ({_allowed(key)})"


def composition() -> tuple[str, ...]:
    """What several faults at once come to, for below the paragraphs."""
    return tuple(textwrap.wrap(COMPOSED, WIDTH))


def _rows(one: Kind) -> list[tuple[str, str]]:
    return [
        *((each.name, _allowed(each)) for each in one.parameters),
        ("scope", ", ".join(key.name for key in one.scope)),
        ("schedule", ", ".join(key.name for key in one.schedule)),
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


# --- for the guide -------------------------------------------------------------------------------


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
    keys = [
        "| key | meaning |",
        "|---|---|",
        *(f"| `{key.name}` | {_cell(_meant(key))} |" for key in _shared(found)),
    ]
    told = [*textwrap.wrap(_scopes(found), WIDTH), "", *keys, "", *composition()]
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
    scopes = {one.kind: tuple(key.name for key in one.scope) for one in found}
    every = [key for key in scopes[found[0].kind] if all(key in scope for scope in scopes.values())]
    text = f"Every kind takes {_keys([*every, *(key.name for key in found[0].schedule)])}."
    by_more: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        more = tuple(key for key in scopes[one.kind] if key not in every)
        by_more.setdefault(more, []).append(one.kind)
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
