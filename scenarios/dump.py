"""A Scenario back to YAML text that loads to the same scenario, lines aside.

Counterpart: `loader.py`. For what writes files: an importer, a shrinker, a saved plan's source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from .model import (
    ONE,
    PHASES,
    ClearStep,
    ConnectionsStep,
    InjectStep,
    OperationStep,
    Quantity,
    Scenario,
    Step,
    SubjectStep,
    Value,
    WaitStep,
)
from .quantity import text_of

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./()-]*(?: [A-Za-z0-9_./()-]+)*|[A-Za-z]+:[0-9]{3}")
_NUMBER = re.compile(r"[0-9]+")
_WORDS_OF_YAML_1_1 = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def dump(scenario: Scenario) -> str:
    """The text of a file; its name and path are not part of it."""
    return "\n".join(_lines(scenario)) + "\n"


def _lines(scenario: Scenario) -> Iterator[str]:
    yield f"scenario: {scalar(scenario.title)}"
    if scenario.incident is not None:
        incident = scenario.incident
        yield "incident:"
        yield f"  source: {scalar(incident.source)}"
        if incident.when is not None:
            yield f"  when: {scalar(incident.when)}"
        if incident.symptom is not None:
            yield f"  symptom: {scalar(incident.symptom)}"
    if scenario.tune is not None:
        yield f"tune: {scenario.tune}"
    steps = {"control": scenario.control, "fault": scenario.fault, "recovery": scenario.recovery}
    for phase in PHASES:
        written = steps[phase]
        if written is not None:
            yield f"{phase}:"
            for step in written:
                first, *rest = _pairs(step)
                yield f"  - {first}"
                yield from (f"    {line}" for line in rest)


def _pairs(step: Step) -> Iterator[str]:
    match step:
        case OperationStep():
            yield f"{scalar(step.name)}: {_one_or_list(step.outcomes)}"
            if step.attempts is not None:
                yield f"attempts: {step.attempts}"
            if step.times is not None:
                yield f"times: {text_of(step.times, 'count')}"
            if step.concurrency != ONE:
                yield f"concurrency: {text_of(step.concurrency, 'count')}"
            if step.requires:
                yield f"requires: {_one_or_list(step.requires)}"
        case InjectStep():
            yield f"inject: {step.kind}"
            for key, value in step.parameters:
                yield f"{key}: {_value(value)}"
            if step.service is not None:
                yield f"service: {scalar(step.service)}"
            if step.endpoint is not None:
                yield f"endpoint: {scalar(step.endpoint)}"
            if step.first is not None:
                yield f"first: {text_of(step.first, 'count')}"
        case ClearStep():
            yield "clear: all"
        case WaitStep():
            yield f"wait: {text_of(step.duration, 'seconds')}"
        case ConnectionsStep():
            yield "connections: fresh"
        case SubjectStep():
            yield "subject: new"
        case _:
            assert_never(step)


def _one_or_list(words: tuple[str, ...]) -> str:
    texts = [scalar(word) for word in words]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _value(value: Value) -> str:
    match value:
        case Quantity():
            return text_of(value, "seconds")
        case str():
            return scalar(value)
        case int():
            return str(value)
        case tuple():
            return _collection(value)


def _collection(value: tuple[int, ...] | tuple[tuple[str, str], ...]) -> str:
    numbers = [str(item) for item in value if isinstance(item, int)]
    if len(numbers) == len(value) and numbers:
        return f"[{', '.join(numbers)}]"
    grouped: dict[str, list[str]] = {}
    for pair in value:
        assert isinstance(pair, tuple)
        grouped.setdefault(pair[0], []).append(pair[1])
    entries = (f"{scalar(key)}: {_one_or_list(tuple(texts))}" for key, texts in grouped.items())
    return f"{{{', '.join(entries)}}}"


def scalar(text: str) -> str:
    """A text as a YAML scalar that every parser reads as the same text, on one line."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML_1_1
    if plain or _NUMBER.fullmatch(text):
        return text
    return f'"{"".join(_escaped(char) for char in text)}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if " " <= char <= "~":
        return char
    return f"\\U{ord(char):08x}"


__all__ = ["dump", "scalar"]
