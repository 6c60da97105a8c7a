"""A Scenario back to YAML text that loads to the same scenario, lines aside.

Counterpart: `loader.py`. For what writes files: an importer, a shrinker, a saved plan's source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from ..faults.written import one_or_list, scalar, seconds, shifted, written
from .model import (
    ONE,
    PHASES,
    ClearStep,
    ClockStep,
    ConnectionsStep,
    InjectStep,
    OperationStep,
    Quantity,
    Scenario,
    Served,
    Step,
    SubjectStep,
    Unit,
    Value,
    WaitStep,
)
from .quantity import text_of

__all__ = ["dump"]


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
    if scenario.services:
        yield "services:"
        for served in scenario.services:
            yield f"  {scalar(served.service)}:"
            yield from (f"    {line}" for line in _words(served))
    if scenario.tune is not None:
        yield f"tune: {scenario.tune}"
    steps = {"control": scenario.control, "fault": scenario.fault, "recovery": scenario.recovery}
    for phase in PHASES:
        told = steps[phase]
        if told is not None:
            yield f"{phase}:"
            for step in told:
                first, *rest = _pairs(step)
                yield f"  - {first}"
                yield from (f"    {line}" for line in rest)


def _words(served: Served) -> Iterator[str]:
    if served.stub is not None:
        yield f"stub: {scalar(served.stub)}"
    if served.openapi is not None:
        yield f"openapi: {scalar(served.openapi)}"
    if served.url is not None:
        yield f"url: {scalar(served.url)}"
    if served.command is not None:
        words = served.command
        listed = f"[{', '.join(map(scalar, words))}]" if isinstance(words, tuple) else scalar(words)
        yield f"command: {listed}"
    if served.image is not None:
        yield f"image: {scalar(served.image)}"
    if served.port is not None:
        yield f"port: {served.port}"
    if served.environment:
        yield "environment:"
        yield from (f"  {scalar(name)}: {scalar(value)}" for name, value in served.environment)
    if served.ready is not None:
        yield f"ready: {scalar(served.ready)}"
    if served.ready_within is not None:
        yield f"ready_within: {seconds(served.ready_within)}"
    if served.preset:
        yield f"preset: {one_or_list(served.preset)}"
    if served.pace is not None:
        yield f"pace: {scalar(served.pace)}"
    if served.honours_idempotency_key is not None:
        yield f"honours_idempotency_key: {str(served.honours_idempotency_key).lower()}"


def _pairs(step: Step) -> Iterator[str]:
    match step:
        case OperationStep():
            yield f"{scalar(step.name)}: {one_or_list(step.outcomes)}"
            if step.attempts is not None:
                yield f"attempts: {step.attempts}"
            if step.times is not None:
                yield f"times: {text_of(step.times, 'count')}"
            if step.concurrency != ONE:
                yield f"concurrency: {text_of(step.concurrency, 'count')}"
            if step.cancel_after is not None:
                yield f"cancel_after: {text_of(step.cancel_after, 'seconds')}"
            if step.requires:
                yield f"requires: {one_or_list(step.requires)}"
        case InjectStep():
            yield f"inject: {step.kind}"
            for key, value in step.parameters:
                yield f"{key}: {_value(value)}"
            if step.service is not None:
                yield f"service: {scalar(step.service)}"
            if step.endpoint is not None:
                yield f"endpoint: {scalar(step.endpoint)}"
            for key, value in step.scope:
                yield f"{key}: {_value(value, 'count' if key == 'first' else 'seconds')}"
        case ClearStep():
            yield "clear: all"
        case WaitStep():
            yield f"wait: {text_of(step.duration, 'seconds')}"
        case ClockStep():
            yield f"clock: {shifted(step.seconds)}"
        case ConnectionsStep():
            yield "connections: fresh"
        case SubjectStep():
            yield "subject: new"
        case _:
            assert_never(step)


def _value(value: Value, unit: Unit = "seconds") -> str:
    return text_of(value, unit) if isinstance(value, Quantity) else written(value)
