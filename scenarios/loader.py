"""Nodes to a Scenario: the schema of the file, and every problem of it at once.

Counterpart: `nodes.py` (text to nodes) and `dump.py` (back to text). Here are head, phases and
steps; `inject.py` reads faults, by the types that their models declare. A word that a later version
brings stands in `later.py` and nowhere else, and is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast, get_args

from .errors import Problem, ScenarioError, hint, meant, nearest
from .inject import INJECT_KEYS, NAME, InjectReader
from .later import LATER_PLUS_KEYS
from .model import (
    LAB_STEPS,
    ONE,
    OUTCOMES,
    PHASES,
    PLUS_KEYS,
    ROLES,
    ClearStep,
    ClockStep,
    ConnectionsStep,
    Incident,
    InjectStep,
    OperationStep,
    PhaseName,
    Quantity,
    Scenario,
    Served,
    Step,
    SubjectStep,
    Tune,
    WaitStep,
)
from .nodes import MAX_BYTES, Entry, Mapping, Node, Scalar, Sequence, read, shown
from .served import read_services
from .shapes import Shapes, either, join, shape

__all__ = ["is_outcome", "load", "parse"]

TOP_KEYS = ("scenario", "incident", "services", "tune", *PHASES)
INCIDENT_KEYS = ("source", "when", "symptom")
TUNES: tuple[Tune, ...] = get_args(Tune)
SLUG = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
STATUS = re.compile(r"status:([2-5]\d\d)")

T = TypeVar("T")


def load(path: Path | str) -> Scenario:
    """The scenario of one file; raises ScenarioError with all its problems."""
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem(file, None, "", f"cannot be read: {reason}")
        raise ScenarioError([problem]) from error
    return parse(data, file)


def parse(data: bytes, file: str) -> Scenario:
    """The scenario in these bytes; its name is the stem of `file`."""
    return _Loader(file).scenario(read(data, file))


def is_outcome(text: str) -> bool:
    """Whether a step may expect it in this version."""
    return text in OUTCOMES or STATUS.fullmatch(text) is not None


class _Loader:
    """One pass over the nodes of a file. A part that has a problem reads as None."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.shapes = Shapes(file)
        self.injects = InjectReader(self.shapes)

    def scenario(self, node: Node) -> Scenario:
        """The whole file; raises ScenarioError."""
        entries = self.shapes.mapping(node, "", TOP_KEYS, frozenset())
        title = self.shapes.required(entries, "scenario", node, self.shapes.line_of_text)
        incident = self.shapes.optional(entries, "incident", self.incident)
        services = self.shapes.optional(entries, "services", self.services)
        tune: Tune | None = self.shapes.optional(entries, "tune", self.tune)
        phases = {name: self.shapes.optional(entries, name, self.phase) for name in PHASES}
        if entries is not None and "fault" not in entries:
            self.shapes.refuse(node.line, "fault", "missing; expected a list of steps")
        if self.shapes.problems:
            raise ScenarioError(self.shapes.in_order())
        fault = phases["fault"]
        assert title is not None
        assert fault is not None
        return Scenario(
            name=Path(self.file).stem,
            file=self.file,
            title=title,
            fault=fault,
            control=phases["control"],
            recovery=phases["recovery"],
            tune=tune,
            incident=incident,
            services=() if services is None else services,
        )

    # --- the head -------------------------------------------------------------------------------

    def incident(self, node: Node, key: str) -> Incident | None:
        """`source`, `when`, `symptom`."""
        entries = self.shapes.mapping(node, key, INCIDENT_KEYS, frozenset())
        if entries is None:
            return None
        if "source" not in entries:
            self.shapes.refuse(
                node.line, join(key, "source"), "missing; expected where it came from"
            )
        values = {
            name: self.shapes.line_of_text(entry.value, join(key, name))
            for name, entry in entries.items()
        }
        source = values.get("source")
        if source is None:
            return None
        return Incident(source, values.get("when"), values.get("symptom"))

    def services(self, node: Node, key: str) -> tuple[Served, ...] | None:
        """What is said of the stubs."""
        return read_services(self.shapes, node, key)

    def tune(self, node: Node, key: str) -> Tune | None:
        """`fast` or `none`."""
        word = self.shapes.choice(node, key, TUNES)
        return next((tune for tune in TUNES if tune == word), None)

    # --- phases and steps -----------------------------------------------------------------------

    def phase(self, node: Node, key: str) -> tuple[Step, ...] | None:
        """A list of steps, at least one."""
        if not isinstance(node, Sequence) or not node.items:
            what = "an empty list" if isinstance(node, Sequence) else shape(node)
            self.shapes.refuse(node.line, key, f"{what}; expected a list of steps")
            return None
        name = cast("PhaseName", key)
        before = len(self.shapes.problems)
        steps = [self.step(item, f"{key}[{n}]", name) for n, item in enumerate(node.items, 1)]
        if len(self.shapes.problems) == before:
            self.whole_phase(node, name, [step for step in steps if step is not None])
        return tuple(step for step in steps if step is not None)

    def whole_phase(self, node: Node, name: PhaseName, steps: list[Step]) -> None:
        """What a phase must hold beside sound steps."""
        if not any(isinstance(step, OperationStep) for step in steps):
            self.shapes.refuse(node.line, name, "no operation; expected a step like `read: ok`")
        if name == "fault" and not any(isinstance(step, InjectStep) for step in steps):
            self.shapes.refuse(
                node.line, name, "no `inject`; expected a fault, e.g. `inject: refused`"
            )

    def step(self, node: Node, key: str, phase: PhaseName) -> Step | None:
        """One step, told by the lab's word in it, else an operation."""
        if not isinstance(node, Mapping) or not node.entries:
            self.shapes.refuse(
                node.line,
                key,
                f"{shape(node)}; expected a step: `NAME: OUTCOME`, or {either(LAB_STEPS)}",
            )
            return None
        words = [entry for entry in node.entries if entry.key in LAB_STEPS]
        inject = next((entry for entry in words if entry.key == "inject"), None)
        if inject is not None:
            return self.injects.inject(node, inject, key, phase)
        if words:
            return self.plain(node, words[0], key)
        return self.operation(node, key)

    def plain(self, node: Mapping, entry: Entry, key: str) -> Step | None:
        """`clear`, `wait`, `clock`, `connections`, `subject`: one key, one value."""
        for other in node.entries:
            if other is not entry:
                text = f"unknown key beside `{entry.key}`; write it as a step of its own"
                self.shapes.refuse(other.line, join(key, shown(other.key)), text)
        at = join(key, entry.key)
        if entry.key == "wait":
            wait = self.shapes.duration(entry.value, at)
            return None if wait is None else WaitStep(wait, entry.line)
        if entry.key == "clock":
            by = self.shapes.shift(entry.value, at)
            return None if by is None else ClockStep(by, entry.line)
        allowed = {"clear": "all", "connections": "fresh", "subject": "new"}[entry.key]
        if self.shapes.choice(entry.value, at, (allowed,)) is None:
            return None
        match entry.key:
            case "clear":
                return ClearStep(entry.line)
            case "connections":
                return ConnectionsStep(entry.line)
            case _:
                return SubjectStep(entry.line)

    def operation(self, node: Mapping, key: str) -> OperationStep | None:
        """`NAME: OUTCOME` with the + keys."""
        named = [e for e in node.entries if e.key not in (*PLUS_KEYS, *LATER_PLUS_KEYS)]
        head = next((e for e in named if e.key in ROLES), named[0] if named else None)
        if head is None:
            self.shapes.refuse(node.line, key, "no operation; expected `NAME: OUTCOME`")
            return None
        for entry in node.entries:
            if entry is head or entry.key in PLUS_KEYS:
                continue
            if entry.key in INJECT_KEYS:
                text = "belongs to a step with `inject`"
                self.shapes.refuse(entry.line, join(key, entry.key), text)
            else:
                self.shapes.unknown_key(entry, key, PLUS_KEYS, LATER_PLUS_KEYS)
        at = join(key, shown(head.key))
        if not self.operation_name(head, at):
            return None
        entries = {entry.key: entry for entry in node.entries if entry.key in PLUS_KEYS}

        def plus(name: str, reader: Callable[[Node, str], T | None]) -> T | None:
            return self.shapes.optional(entries, name, reader, join(key, name))

        outcomes = self.shapes.each(head.value, at, self.outcome)
        attempts = plus("attempts", self.attempts)
        times = plus("times", self.shapes.count)
        concurrency = plus("concurrency", self.shapes.count)
        cancel_after = plus("cancel_after", self.shapes.duration)
        requires = plus("requires", lambda node, at: self.shapes.each(node, at, self.slug))
        self.at_once(entries, key, times, concurrency)
        if outcomes is None:
            return None
        if "cancelled" in outcomes and "cancel_after" not in entries:
            text = "`cancelled`: nobody cancels it; write `cancel_after: DURATION` beside it"
            self.shapes.refuse(head.line, at, text)
            return None
        return OperationStep(
            name=head.key,
            outcomes=outcomes,
            line=head.line,
            attempts=attempts,
            times=times,
            concurrency=ONE if concurrency is None else concurrency,
            cancel_after=cancel_after,
            requires=() if requires is None else requires,
        )

    def operation_name(self, head: Entry, at: str) -> bool:
        """Whether it can be an operation's name; a near miss of a lab's word is said to be one."""
        name = head.key
        family = name.partition(".")[0] in ("read", "write")
        if family and name not in ROLES:
            self.shapes.refuse(head.line, at, f"unknown role; {hint(name, ROLES)}")
            return False
        step = nearest(name, LAB_STEPS)
        expects = isinstance(head.value, Scalar) and not is_outcome(head.value.text)
        if step is not None and expects and name not in ROLES:
            self.shapes.refuse(head.line, at, f"unknown step; nearest: {step}")
            return False
        if not NAME.fullmatch(name):
            self.shapes.refuse(head.line, at, f"`{shown(name)}` cannot be an operation's name")
            return False
        return True

    def at_once(
        self,
        entries: dict[str, Entry],
        key: str,
        times: Quantity | None,
        concurrency: Quantity | None,
    ) -> None:
        """More at once than in all can't be."""
        if times is None or concurrency is None or times.field != concurrency.field:
            return
        if concurrency.amount > times.amount:
            self.shapes.refuse(
                entries["concurrency"].line,
                join(key, "concurrency"),
                f"{concurrency.text()} at once, but times is {times.text()}; expected no more",
            )

    def outcome(self, node: Node, key: str) -> str | None:
        """How an operation ends."""
        text = self.shapes.text(node, key, "an outcome: " + either((*OUTCOMES, "status:NNN")))
        if text is None or is_outcome(text):
            return text
        word = shown(text)
        if re.fullmatch(r"[1-5]\d\d", word, re.ASCII):
            self.shapes.refuse(node.line, key, f"`{word}` is not an outcome; write status:{word}")
        elif word.startswith("status"):
            self.shapes.refuse(
                node.line, key, f"`{word}` is not an outcome; expected status:200 to 599"
            )
        else:
            told = hint(word, (*OUTCOMES, "status:NNN"))
            self.shapes.refuse(node.line, key, f"`{word}` is not an outcome; {told}")
        return None

    def attempts(self, node: Node, key: str) -> int | None:
        """A number from 0; None for `contract`."""
        text = self.shapes.text(node, key, "a whole number or contract")
        if text is None:
            return None
        if text == "contract":
            return None
        if not re.fullmatch(r"\d{1,4}", text, re.ASCII):
            self.shapes.refuse(
                node.line,
                key,
                f"`{shown(text)}`: expected a whole number or contract{meant(text, ('contract',))}",
            )
            return None
        return int(text)

    def slug(self, node: Node, key: str) -> str | None:
        """The slug of a check; whether it exists is lab.plan's to say."""
        text = self.shapes.text(node, key, "the slug of a check")
        if text is None or SLUG.fullmatch(text):
            return text
        told = "expected the slug of a check, like retry-after; faultlab list checks shows them"
        self.shapes.refuse(node.line, key, f"`{shown(text)}`: {told}")
        return None
