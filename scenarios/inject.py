"""A step that injects a fault: its kind, parameters and scope.

Counterpart: `faults`, whose models declare the types of the parameters and what goes together.
"""

from __future__ import annotations

import re
from typing import assert_never

from pydantic import TypeAdapter, ValidationError

from ..faults import KINDS
from ..faults.schedule import EVENTS
from ..faults.scope import REACHES, Endpoint
from ..faults.written import size_of
from .errors import hint, meant, nearest
from .kinds import SCHEDULE_KEYS, SCOPE_KEYS, families_of, parameter, parameters_of, scope_of
from .later import LATER, LATER_KINDS
from .model import PLUS_KEYS, InjectStep, PhaseName, Quantity, Value
from .nodes import Entry, Mapping, Node, shown
from .shapes import Shapes, either, join, shape

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
"""An operation's name."""

# What a family's name most plainly means, for who writes the family where the kind belongs.
_PLAINLY = {
    "down": "completely down: refused",
    "slow": "late: latency; silent: stall; few bytes at a time: drip",
    "5xx": "an answer of your choosing: status",
    "partial": "the answer lost: lost_answer",
}
HEADER = re.compile(r"[A-Za-z0-9-]+")
_endpoint: TypeAdapter[str] = TypeAdapter(Endpoint)


INJECT_KEYS = frozenset(
    key for model in KINDS.values() for key in (*parameters_of(model), *SCOPE_KEYS, *SCHEDULE_KEYS)
)
"""Every key that stands beside `inject`."""


def _takers(key: str) -> tuple[str, ...]:
    """The kinds that have this key of their own."""
    return tuple(kind for kind, model in KINDS.items() if key in parameters_of(model))


class InjectReader:
    """Reads `inject` steps of one file."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes

    def inject(self, node: Mapping, head: Entry, key: str, phase: PhaseName) -> InjectStep | None:
        """A fault: kind, parameters, scope."""
        at = join(key, "inject")
        if phase != "fault":
            self.shapes.refuse(head.line, at, f"no fault in `{phase}`; expected it under `fault`")
            return None
        kind = self.kind(head.value, at)
        if kind is None:
            return None
        model = KINDS[kind]
        own = parameters_of(model)
        scope = scope_of(model)
        known = (*own, *scope, *SCHEDULE_KEYS)
        before = len(self.shapes.problems)
        values: list[tuple[str, Value]] = []
        picks: list[tuple[str, Value]] = []
        entries: dict[str, Entry] = {}
        for entry in node.entries:
            if entry is head:
                continue
            if entry.key in own:
                value = self.parameter(kind, entry, join(key, entry.key))
                if value is not None:
                    values.append((entry.key, value))
            elif entry.key in ("service", "endpoint") and entry.key in scope:
                entries[entry.key] = entry
            elif entry.key in (*scope, *SCHEDULE_KEYS):
                value = self.where_or_when(entry, join(key, entry.key))
                if value is not None:
                    picks.append((entry.key, value))
            elif entry.key in SCOPE_KEYS:
                acts = " or ".join(REACHES[reach] for reach in model.reaches)
                text = f"`{kind}` acts on {acts}: it takes no `{entry.key}`"
                self.shapes.refuse(entry.line, join(key, entry.key), text)
            elif entry.key in PLUS_KEYS:
                close = nearest(entry.key, known)
                text = "belongs to a step with an operation" + (
                    f"; nearest: {close}" if close else ""
                )
                self.shapes.refuse(entry.line, join(key, entry.key), text)
            elif (others := _takers(entry.key)) and nearest(entry.key, own) is None:
                text = f"`{kind}` takes no `{entry.key}`; {either(others)} takes it"
                self.shapes.refuse(entry.line, join(key, entry.key), text)
            else:
                self.shapes.unknown_key(entry, key, known)
        step = InjectStep(
            kind=kind,
            line=head.line,
            parameters=tuple(values),
            service=self.shapes.optional(entries, "service", self.service, join(key, "service")),
            endpoint=self.shapes.optional(
                entries, "endpoint", self.endpoint, join(key, "endpoint")
            ),
            scope=tuple(picks),
        )
        if len(self.shapes.problems) == before:
            self.as_fault(step, node, key)
        return step

    def kind(self, node: Node, key: str) -> str | None:
        """A kind of fault of this version."""
        text = self.shapes.text(node, key, "a kind of fault: " + ", ".join(KINDS))
        if text is None or text in KINDS:
            return text
        word = shown(text)
        family = [kind for kind, model in KINDS.items() if word in families_of(kind, model)]
        if word in LATER_KINDS:
            self.shapes.refuse(node.line, key, f"`{word}` {LATER}; now: {', '.join(KINDS)}")
        elif family:
            plainly = f" ({_PLAINLY[word]})" if word in _PLAINLY else ""
            self.shapes.refuse(
                node.line,
                key,
                f"`{word}` is a family of faults; name the kind:\n{', '.join(family)}{plainly}",
            )
        else:
            told = hint(word, KINDS)
            self.shapes.refuse(node.line, key, f"`{word}` is not a kind of fault; {told}")
        return None

    def where_or_when(self, entry: Entry, key: str) -> Value | None:
        """A key of scope or schedule, but for service and endpoint; its bounds are the model's."""
        node = entry.value
        match entry.key:
            case "first":
                return self.shapes.count(node, key)
            case "every_nth" | "operation":
                return self.shapes.whole(node, key)
            case "attempt":
                return self.shapes.each(node, key, self.shapes.whole)
            case "fraction":
                return self.shapes.share(node, key)
            case "connections":
                return self.shapes.choice(node, key, ("new", "live"))
            case "lasts":
                return self.shapes.duration(node, key)
            case "after":
                return self.after(node, key)
            case _:
                raise AssertionError(entry.key)

    def after(self, node: Node, key: str) -> Value | None:
        """A time, an event, or a size."""
        expected = f"a duration like 500ms, {either((*EVENTS, 'a size like 4kB'))}"
        text = self.shapes.text(node, key, expected)
        if text is None or text in EVENTS or size_of(text) is not None:
            return text
        return self.duration_beside(node, key, text, tuple(EVENTS), expected)

    def parameter(self, kind: str, entry: Entry, key: str) -> Value | None:
        """One parameter, read by the type that the fault's model declares for it."""
        node = entry.value
        wanted = parameter(KINDS[kind], entry.key)
        match wanted.form:
            case "pairs":
                return self.pairs(node, key)
            case "numbers":
                return self.shapes.each(node, key, self.shapes.whole)
            case "word or number":
                return self.word_or_whole(node, key, wanted.words)
            case "word or duration":
                return self.word_or_duration(node, key, wanted.words)
            case "word":
                return self.shapes.choice(node, key, wanted.words)
            case "duration":
                return self.shapes.duration(node, key)
            case "number":
                return self.shapes.whole(node, key)
            case "size":
                return self.shapes.size(node, key)
            case "rate":
                return self.shapes.rate(node, key)
            case "fraction":
                return self.shapes.share(node, key)
            case "text":
                return self.shapes.text(node, key)
            case _:
                assert_never(wanted.form)

    def word_or_duration(
        self, node: Node, key: str, words: tuple[str, ...]
    ) -> str | Quantity | None:
        """A duration or a word."""
        expected = f"{either(words)} or a duration like 500ms"
        text = self.shapes.text(node, key, expected)
        if text is None or text in words:
            return text
        return self.duration_beside(node, key, text, words, expected)

    def duration_beside(
        self, node: Node, key: str, text: str, words: tuple[str, ...], expected: str
    ) -> Quantity | None:
        """A duration where words may stand too: a near miss of one is said to be one."""
        close = nearest(text, words)
        # A number begins with a digit or a sign, a contract field has a dot: any other is a word.
        if close is None and re.search(r"^[-+]?\d|\.", text):
            return self.shapes.duration(node, key)
        told = f"expected {expected}" if close is None else f"unknown word; nearest: {close}"
        self.shapes.refuse(node.line, key, f"`{shown(text)}`: {told}")
        return None

    def word_or_whole(self, node: Node, key: str, words: tuple[str, ...]) -> str | int | None:
        """A whole number or a word."""
        expected = f"a whole number or {either(words)}"
        text = self.shapes.text(node, key, expected)
        if text is None or text in words:
            return text
        if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
            told = f"expected {expected}{meant(text, words)}"
            self.shapes.refuse(node.line, key, f"`{shown(text)}`: {told}")
            return None
        return int(text)

    def pairs(self, node: Node, key: str) -> tuple[tuple[str, str], ...] | None:
        """A mapping of text to text; a list as a value gives several pairs of one name."""
        if not isinstance(node, Mapping):
            self.shapes.refuse(
                node.line, key, f"{shape(node)}; expected a mapping like {{Retry-After: 1}}"
            )
            return None
        found: list[tuple[str, str]] = []
        for entry in node.entries:
            at = join(key, shown(entry.key))
            if not HEADER.fullmatch(entry.key):
                self.shapes.refuse(entry.line, at, "expected the name of a header")
                continue
            texts = self.shapes.each(entry.value, at, self.shapes.line_of_text)
            found.extend((entry.key, text) for text in texts or ())
        return tuple(found)

    def service(self, node: Node, key: str) -> str | None:
        """A service's name; whether the subject has it is lab.plan's to say."""
        return self.shapes.line_of_text(node, key)

    def endpoint(self, node: Node, key: str) -> str | None:
        """An operation's name, or `METHOD /path`."""
        text = self.shapes.line_of_text(node, key)
        if text is None or NAME.fullmatch(text):
            return text
        try:
            return _endpoint.validate_python(text)
        except ValidationError:
            expected = "an operation's name, or one like `GET /orders/*`"
            self.shapes.refuse(
                node.line, key, f"`{shown(text)}` is not an endpoint; expected {expected}"
            )
            return None

    def as_fault(self, step: InjectStep, node: Mapping, key: str) -> None:
        """What the model itself refuses: a missing or an impossible combination of parameters."""
        entries = {entry.key: entry for entry in node.entries}
        model = KINDS[step.kind]
        told: set[str] = set()
        try:
            step.fault("service", None, lambda quantity: quantity.amount)
        except ValidationError as error:
            for detail in error.errors():
                where = [str(part) for part in detail["loc"] if part != step.kind]
                name = where[0] if where else "inject"
                if name in told:
                    continue  # each alternative of a type complains for itself
                told.add(name)
                if detail["type"] == "missing":
                    text = f"missing; expected {parameter(model, name).expected()}"
                elif detail["type"] == "value_error":
                    text = detail["msg"].removeprefix("Value error, ")
                else:
                    value = shown(str(detail["input"]))
                    text = f"`{value}`: expected {parameter(model, name).expected()}"
                line = entries[name].line if name in entries else step.line
                self.shapes.refuse(line, join(key, name), text)
