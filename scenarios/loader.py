"""Nodes to a Scenario: the schema of the file, and every problem of it at once.

Counterpart: `nodes.py` (text to nodes) and `dump.py` (back to text). Fault parameters are read by
the types that the fault models in `faults` declare. A word that a later version brings stands in
the LATER tables and nowhere else, and is refused by name.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeVar, Union, cast, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from ..faults import KINDS, Fault
from ..faults.scope import Endpoint
from .errors import Problem, ScenarioError, nearest
from .model import (
    LAB_STEPS,
    ONE,
    OUTCOMES,
    PHASES,
    PLUS_KEYS,
    ROLES,
    ClearStep,
    ConnectionsStep,
    Incident,
    InjectStep,
    OperationStep,
    PhaseName,
    Quantity,
    Scenario,
    Step,
    SubjectStep,
    Tune,
    Value,
    WaitStep,
)
from .nodes import MAX_BYTES, Entry, Mapping, Node, Scalar, Sequence, read, shown
from .quantity import QuantityError, count, duration

TOP_KEYS = ("scenario", "incident", "tune", *PHASES)
INCIDENT_KEYS = ("source", "when", "symptom")
TUNES: tuple[Tune, ...] = get_args(Tune)
SCOPE_KEYS = ("service", "endpoint", "first")

LATER_TOP_KEYS = frozenset({"services"})
LATER_PLUS_KEYS = frozenset({"every", "cancel_after"})
LATER_OUTCOMES = frozenset({"cancelled"})
LATER_KINDS = frozenset(
    {"unresolved", "stopped", "killed", "throttle", "drip", "frozen", "stale"}
    | {"duplicate", "capacity"}
)
LATER_INJECT_KEYS = frozenset(
    {"every_nth", "attempt", "fraction", "connections", "after", "lasts", "between", "restart"}
    | {"rate", "size", "interval", "idle", "copies", "workers", "queue"}
)
LATER_KIND_KEYS = frozenset({("partition", "direction")})
LATER_VALUES: dict[tuple[str, str], frozenset[str]] = {
    ("cut", "at"): frozenset({"accept", "request_complete", "response_head"}),
    ("stall", "at"): frozenset({"connect", "response_body"}),
    ("partition", "live"): frozenset({"unplugged", "keep"}),
    ("bad_body", "body"): frozenset(
        {"html", "empty", "wrong_schema", "wrong_type", "bad_chunk", "bad_gzip", "other_service"}
    ),
}
LATER = "comes with a later version"

# What a family's name most plainly means, for who writes the family where the kind belongs.
_PLAINLY = {
    "down": "completely down: refused",
    "slow": "late: latency; silent: stall",
    "5xx": "an answer of your choosing: status",
    "partial": "the answer lost: lost_answer",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_SLUG = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_STATUS = re.compile(r"status:([2-5]\d\d)")
_WORD = re.compile(r"[A-Za-z0-9-]+")

T = TypeVar("T")
_endpoint: TypeAdapter[str] = TypeAdapter(Endpoint)


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
    return text in OUTCOMES or _STATUS.fullmatch(text) is not None


class _Loader:
    """One pass over the nodes of a file. A part that has a problem reads as None."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def scenario(self, node: Node) -> Scenario:
        """The whole file; raises ScenarioError."""
        entries = self.mapping(node, "", TOP_KEYS, LATER_TOP_KEYS)
        title = self.required(entries, "scenario", node, self.line_of_text)
        incident = self.optional(entries, "incident", self.incident)
        tune: Tune | None = self.optional(entries, "tune", self.tune)
        phases = {name: self.optional(entries, name, self.phase) for name in PHASES}
        if entries is not None and "fault" not in entries:
            self.refuse(node.line, "fault", "missing; expected a list of steps")
        if self.problems:
            raise ScenarioError(self.in_order())
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
        )

    def in_order(self) -> list[Problem]:
        """The problems from the file's first line to its last."""
        return sorted(self.problems, key=lambda problem: problem.line or 0)

    def refuse(self, line: int, key: str, text: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(self.file, line, key, text))

    # --- shapes ---------------------------------------------------------------------------------

    def mapping(
        self, node: Node, key: str, known: Iterable[str], later: frozenset[str]
    ) -> dict[str, Entry] | None:
        """The known entries of a mapping; the others are problems."""
        if not isinstance(node, Mapping):
            self.refuse(node.line, key, f"{_shape(node)}; expected {_either(known, 'key')}")
            return None
        found: dict[str, Entry] = {}
        for entry in node.entries:
            if entry.key in known:
                found[entry.key] = entry
            else:
                self.unknown_key(entry, key, known, later)
        return found

    def unknown_key(
        self, entry: Entry, key: str, known: Iterable[str], later: frozenset[str]
    ) -> None:
        """One key too many: later, misspelt, or foreign."""
        at = _join(key, shown(entry.key))
        if entry.key in later:
            self.refuse(entry.line, at, LATER)
            return
        close = nearest(entry.key, known)
        hint = f"nearest: {close}" if close else "known: " + ", ".join(known)
        self.refuse(entry.line, at, f"unknown key; {hint}")

    def required(
        self,
        entries: dict[str, Entry] | None,
        key: str,
        node: Node,
        reader: Callable[[Node, str], T | None],
    ) -> T | None:
        """A key that must be there."""
        if entries is not None and key not in entries:
            self.refuse(node.line, key, "missing; expected text")
        return self.optional(entries, key, reader)

    def optional(
        self,
        entries: dict[str, Entry] | None,
        key: str,
        reader: Callable[[Node, str], T | None],
        at: str | None = None,
    ) -> T | None:
        """A key that may be there; `at` is its path where that is not the key itself."""
        if entries is None or key not in entries:
            return None
        return reader(entries[key].value, key if at is None else at)

    def text(self, node: Node, key: str, expected: str = "text") -> str | None:
        """A scalar that is not empty."""
        if not isinstance(node, Scalar):
            self.refuse(node.line, key, f"{_shape(node)}; expected {expected}")
            return None
        if node.text == "" and not node.quoted:
            self.refuse(node.line, key, f"empty; expected {expected}")
            return None
        return node.text

    def line_of_text(self, node: Node, key: str) -> str | None:
        """A scalar of one printable line."""
        text = self.text(node, key)
        if text is None:
            return None
        line = text.strip()
        if not line or not line.isprintable():
            self.refuse(node.line, key, f"`{shown(text)}`: expected one line of text")
            return None
        return line

    def choice(self, node: Node, key: str, allowed: tuple[str, ...]) -> str | None:
        """One of a closed list of words."""
        text = self.text(node, key, _either(allowed))
        if text is None or text in allowed:
            return text
        self.refuse(node.line, key, f"`{shown(text)}`: expected {_either(allowed)}")
        return None

    def quantity(self, node: Node, key: str, read_as: Callable[[str], Quantity]) -> Quantity | None:
        """A duration or a count."""
        text = self.text(node, key, "a duration" if read_as is duration else "a whole number")
        if text is None:
            return None
        try:
            return read_as(shown(text))
        except QuantityError as error:
            self.refuse(node.line, key, str(error))
            return None

    def duration(self, node: Node, key: str) -> Quantity | None:
        """A DURATION."""
        return self.quantity(node, key, duration)

    def count(self, node: Node, key: str) -> Quantity | None:
        """A COUNT."""
        return self.quantity(node, key, count)

    def whole(self, node: Node, key: str) -> int | None:
        """A whole number, written out."""
        text = self.text(node, key, "a whole number")
        if text is None:
            return None
        if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
            self.refuse(node.line, key, f"`{shown(text)}`: expected a whole number")
            return None
        return int(text)

    def each(
        self, node: Node, key: str, reader: Callable[[Node, str], T | None]
    ) -> tuple[T, ...] | None:
        """One value or a list of them, at least one."""
        if not isinstance(node, Sequence):
            one = reader(node, key)
            return None if one is None else (one,)
        if not node.items:
            self.refuse(node.line, key, "an empty list; expected one at least")
        read_all = tuple(reader(item, key) for item in node.items)
        if None in read_all or not read_all:
            return None
        return cast("tuple[T, ...]", read_all)

    # --- the head -------------------------------------------------------------------------------

    def incident(self, node: Node, key: str) -> Incident | None:
        """`source`, `when`, `symptom`."""
        entries = self.mapping(node, key, INCIDENT_KEYS, frozenset())
        if entries is None:
            return None
        if "source" not in entries:
            self.refuse(node.line, _join(key, "source"), "missing; expected where it came from")
        values = {
            name: self.line_of_text(entry.value, _join(key, name))
            for name, entry in entries.items()
        }
        source = values.get("source")
        if source is None:
            return None
        return Incident(source, values.get("when"), values.get("symptom"))

    def tune(self, node: Node, key: str) -> Tune | None:
        """`fast` or `none`."""
        word = self.choice(node, key, TUNES)
        return next((tune for tune in TUNES if tune == word), None)

    # --- phases and steps -----------------------------------------------------------------------

    def phase(self, node: Node, key: str) -> tuple[Step, ...] | None:
        """A list of steps, at least one."""
        if not isinstance(node, Sequence) or not node.items:
            what = "an empty list" if isinstance(node, Sequence) else _shape(node)
            self.refuse(node.line, key, f"{what}; expected a list of steps")
            return None
        name = cast("PhaseName", key)
        before = len(self.problems)
        steps = [self.step(item, f"{key}[{n}]", name) for n, item in enumerate(node.items, 1)]
        if len(self.problems) == before:
            self.whole_phase(node, name, [step for step in steps if step is not None])
        return tuple(step for step in steps if step is not None)

    def whole_phase(self, node: Node, name: PhaseName, steps: list[Step]) -> None:
        """What a phase must hold beside sound steps."""
        if not any(isinstance(step, OperationStep) for step in steps):
            self.refuse(node.line, name, "no operation; expected a step like `read: ok`")
        if name == "fault" and not any(isinstance(step, InjectStep) for step in steps):
            self.refuse(node.line, name, "no `inject`; expected a fault, e.g. `inject: refused`")

    def step(self, node: Node, key: str, phase: PhaseName) -> Step | None:
        """One step, told by the lab's word in it, else an operation."""
        if not isinstance(node, Mapping) or not node.entries:
            self.refuse(
                node.line,
                key,
                f"{_shape(node)}; expected a step: `NAME: OUTCOME`, or {_either(LAB_STEPS)}",
            )
            return None
        words = [entry for entry in node.entries if entry.key in LAB_STEPS]
        inject = next((entry for entry in words if entry.key == "inject"), None)
        if inject is not None:
            return self.inject(node, inject, key, phase)
        if words:
            return self.plain(node, words[0], key)
        return self.operation(node, key)

    def plain(self, node: Mapping, entry: Entry, key: str) -> Step | None:
        """`clear`, `wait`, `connections`, `subject`: one key, one value."""
        for other in node.entries:
            if other is not entry:
                text = f"unknown key beside `{entry.key}`; write it as a step of its own"
                self.refuse(other.line, _join(key, shown(other.key)), text)
        at = _join(key, entry.key)
        if entry.key == "wait":
            wait = self.duration(entry.value, at)
            return None if wait is None else WaitStep(wait, entry.line)
        allowed = {"clear": "all", "connections": "fresh", "subject": "new"}[entry.key]
        if self.choice(entry.value, at, (allowed,)) is None:
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
            self.refuse(node.line, key, "no operation; expected `NAME: OUTCOME`")
            return None
        for entry in node.entries:
            if entry is not head and entry.key not in PLUS_KEYS:
                self.unknown_key(entry, key, PLUS_KEYS, LATER_PLUS_KEYS)
        at = _join(key, shown(head.key))
        if not self.operation_name(head, at):
            return None
        entries = {entry.key: entry for entry in node.entries if entry.key in PLUS_KEYS}

        def plus(name: str, reader: Callable[[Node, str], T | None]) -> T | None:
            return self.optional(entries, name, reader, _join(key, name))

        outcomes = self.each(head.value, at, self.outcome)
        attempts = plus("attempts", self.attempts)
        times = plus("times", self.count)
        concurrency = plus("concurrency", self.count)
        requires = plus("requires", lambda node, at: self.each(node, at, self.slug))
        self.at_once(entries, key, times, concurrency)
        if outcomes is None:
            return None
        return OperationStep(
            name=head.key,
            outcomes=outcomes,
            line=head.line,
            attempts=attempts,
            times=times,
            concurrency=ONE if concurrency is None else concurrency,
            requires=() if requires is None else requires,
        )

    def operation_name(self, head: Entry, at: str) -> bool:
        """Whether it can be an operation's name; a near miss of a lab's word is said to be one."""
        name = head.key
        family = name.partition(".")[0] in ("read", "write")
        if family and name not in ROLES:
            close = nearest(name, ROLES)
            self.refuse(head.line, at, f"unknown role; nearest: {close}")
            return False
        meant = nearest(name, LAB_STEPS)
        expects = isinstance(head.value, Scalar) and not is_outcome(head.value.text)
        if meant is not None and expects and name not in ROLES:
            self.refuse(head.line, at, f"unknown step; nearest: {meant}")
            return False
        if not _NAME.fullmatch(name):
            self.refuse(head.line, at, f"`{shown(name)}` cannot be an operation's name")
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
            self.refuse(
                entries["concurrency"].line,
                _join(key, "concurrency"),
                f"{concurrency.text()} at once, but times is {times.text()}; expected no more",
            )

    def outcome(self, node: Node, key: str) -> str | None:
        """How an operation ends."""
        text = self.text(node, key, "an outcome: " + _either((*OUTCOMES, "status:NNN")))
        if text is None or is_outcome(text):
            return text
        word = shown(text)
        if word in LATER_OUTCOMES:
            self.refuse(node.line, key, f"`{word}` {LATER}")
        elif re.fullmatch(r"[1-5]\d\d", word, re.ASCII):
            self.refuse(node.line, key, f"`{word}` is not an outcome; write status:{word}")
        elif word.startswith("status"):
            self.refuse(node.line, key, f"`{word}` is not an outcome; expected status:200 to 599")
        else:
            close = nearest(word, OUTCOMES)
            hint = (
                f"nearest: {close}" if close else "known: " + ", ".join((*OUTCOMES, "status:NNN"))
            )
            self.refuse(node.line, key, f"`{word}` is not an outcome; {hint}")
        return None

    def attempts(self, node: Node, key: str) -> int | None:
        """A number from 0; None for `contract`."""
        text = self.text(node, key, "a whole number or contract")
        if text is None:
            return None
        if text == "contract":
            return None
        if not re.fullmatch(r"\d{1,4}", text, re.ASCII):
            self.refuse(node.line, key, f"`{shown(text)}`: expected a whole number or contract")
            return None
        return int(text)

    def slug(self, node: Node, key: str) -> str | None:
        """The slug of a check; whether it exists is lab.plan's to say."""
        text = self.text(node, key, "the slug of a check")
        if text is None or _SLUG.fullmatch(text):
            return text
        self.refuse(node.line, key, f"`{shown(text)}`: expected the slug of a check")
        return None

    # --- inject ---------------------------------------------------------------------------------

    def inject(self, node: Mapping, head: Entry, key: str, phase: PhaseName) -> InjectStep | None:
        """A fault: kind, parameters, scope."""
        at = _join(key, "inject")
        if phase != "fault":
            self.refuse(head.line, at, f"no fault in `{phase}`; expected it under `fault`")
            return None
        kind = self.kind(head.value, at)
        if kind is None:
            return None
        model = KINDS[kind]
        own = parameters_of(model)
        scope = SCOPE_KEYS if model.reach != "listener" else ("service",)
        known = (*own, *scope)
        before = len(self.problems)
        values: list[tuple[str, Value]] = []
        entries: dict[str, Entry] = {}
        for entry in node.entries:
            if entry is head:
                continue
            if entry.key in own:
                value = self.parameter(kind, entry, _join(key, entry.key))
                if value is not None:
                    values.append((entry.key, value))
            elif entry.key in scope:
                entries[entry.key] = entry
            elif entry.key in SCOPE_KEYS:
                text = f"`{kind}` acts on the whole service; it takes no {entry.key}"
                self.refuse(entry.line, _join(key, entry.key), text)
            else:
                later = {word for of, word in LATER_KIND_KEYS if of == kind}
                self.unknown_key(entry, key, known, LATER_INJECT_KEYS | later)
        step = InjectStep(
            kind=kind,
            line=head.line,
            parameters=tuple(values),
            service=self.optional(entries, "service", self.service, _join(key, "service")),
            endpoint=self.optional(entries, "endpoint", self.endpoint, _join(key, "endpoint")),
            first=self.optional(entries, "first", self.count, _join(key, "first")),
        )
        if len(self.problems) == before:
            self.as_fault(step, node, key)
        return step

    def kind(self, node: Node, key: str) -> str | None:
        """A kind of fault of this version."""
        text = self.text(node, key, "a kind of fault: " + ", ".join(KINDS))
        if text is None or text in KINDS:
            return text
        word = shown(text)
        family = [kind for kind, model in KINDS.items() if word in families_of(kind, model)]
        if word in LATER_KINDS:
            self.refuse(node.line, key, f"`{word}` {LATER}; now: {', '.join(KINDS)}")
        elif family:
            plainly = f" ({_PLAINLY[word]})" if word in _PLAINLY else ""
            self.refuse(
                node.line,
                key,
                f"`{word}` is a family of faults; name the kind:\n{', '.join(family)}{plainly}",
            )
        else:
            close = nearest(word, KINDS)
            hint = f"nearest: {close}" if close else "known: " + ", ".join(KINDS)
            self.refuse(node.line, key, f"`{word}` is not a kind of fault; {hint}")
        return None

    def parameter(self, kind: str, entry: Entry, key: str) -> Value | None:
        """One parameter, read by the type that the fault's model declares for it."""
        node = entry.value
        alternatives = _alternatives(KINDS[kind].model_fields[entry.key].annotation)
        words = words_of(KINDS[kind], entry.key)
        if any(get_origin(kind_of) is tuple for kind_of in alternatives):
            if _holds_pairs(alternatives):
                return self.pairs(node, key)
            return self.each(node, key, self.whole)
        if words and int in alternatives:
            return self.word_or_whole(node, key, words)
        if words:
            return self.word(kind, entry.key, node, key, words)
        if float in alternatives:
            return self.duration(node, key)
        if int in alternatives:
            return self.whole(node, key)
        return self.text(node, key)

    def word(
        self, kind: str, name: str, node: Node, key: str, words: tuple[str, ...]
    ) -> str | None:
        """A word of a closed list, or one that comes later."""
        later = LATER_VALUES.get((kind, name), frozenset())
        if isinstance(node, Scalar) and node.text in later:
            self.refuse(node.line, key, f"`{node.text}` {LATER}; expected {_either(words)}")
            return None
        return self.choice(node, key, words)

    def word_or_whole(self, node: Node, key: str, words: tuple[str, ...]) -> str | int | None:
        """A whole number or a word."""
        expected = f"a whole number or {_either(words)}"
        text = self.text(node, key, expected)
        if text is None or text in words:
            return text
        if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
            self.refuse(node.line, key, f"`{shown(text)}`: expected {expected}")
            return None
        return int(text)

    def pairs(self, node: Node, key: str) -> tuple[tuple[str, str], ...] | None:
        """A mapping of text to text; a list as a value gives several pairs of one name."""
        if not isinstance(node, Mapping):
            self.refuse(
                node.line, key, f"{_shape(node)}; expected a mapping like {{Retry-After: 1}}"
            )
            return None
        found: list[tuple[str, str]] = []
        for entry in node.entries:
            at = _join(key, shown(entry.key))
            if not _WORD.fullmatch(entry.key):
                self.refuse(entry.line, at, "expected the name of a header")
                continue
            texts = self.each(entry.value, at, self.line_of_text)
            found.extend((entry.key, text) for text in texts or ())
        return tuple(found)

    def service(self, node: Node, key: str) -> str | None:
        """A service's name; whether the subject has it is lab.plan's to say."""
        return self.line_of_text(node, key)

    def endpoint(self, node: Node, key: str) -> str | None:
        """An operation's name, or `METHOD /path`."""
        text = self.line_of_text(node, key)
        if text is None or _NAME.fullmatch(text):
            return text
        try:
            return _endpoint.validate_python(text)
        except ValidationError:
            expected = "an operation's name, or one like `GET /orders/*`"
            self.refuse(node.line, key, f"`{shown(text)}` is not an endpoint; expected {expected}")
            return None

    def as_fault(self, step: InjectStep, node: Mapping, key: str) -> None:
        """What the model itself refuses: a missing or an impossible combination of parameters."""
        lines = {entry.key: entry.line for entry in node.entries}
        try:
            step.fault("service", None, lambda quantity: quantity.amount)
        except ValidationError as error:
            for detail in error.errors():
                where = [str(part) for part in detail["loc"] if part != step.kind]
                name = where[0] if where else "inject"
                at = _join(key, name)
                if detail["type"] == "missing":
                    text = f"missing; expected {self.expected(step.kind, name)}"
                else:
                    text = detail["msg"].removeprefix("Value error, ")
                self.refuse(lines.get(name, step.line), at, text)

    def expected(self, kind: str, name: str) -> str:
        """What a parameter holds, for who left it out."""
        alternatives = _alternatives(KINDS[kind].model_fields[name].annotation)
        words = words_of(KINDS[kind], name)
        if words:
            return _either(words)
        return "a duration like 500ms" if float in alternatives else "a value"


# --- the fault models as a schema -----------------------------------------------------------------


def parameters_of(model: type[Fault]) -> tuple[str, ...]:
    """A kind's own parameters, without kind and scope."""
    return tuple(name for name in model.model_fields if name not in ("kind", *SCOPE_KEYS))


def families_of(kind: str, model: type[Fault]) -> tuple[str, ...]:
    """The families that a kind belongs to; a cut inside the body is partial (design section 7)."""
    return (model.family, "partial") if kind == "cut" else (model.family,)


def words_of(model: type[Fault], name: str) -> tuple[str, ...]:
    """The closed list of words that a parameter takes; empty where it takes none."""
    alternatives = _alternatives(model.model_fields[name].annotation)
    return tuple(word for kind_of in alternatives for word in _words(kind_of))


def _holds_pairs(alternatives: tuple[object, ...]) -> bool:
    """Whether a tuple's items are pairs, so that a file writes a mapping."""
    items = (get_args(kind_of)[0] for kind_of in alternatives if get_args(kind_of))
    return any(get_origin(item) is tuple for item in items)


def _alternatives(annotation: object) -> tuple[object, ...]:
    """The members of a union without None, stripped of Annotated."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = (_alternatives(member) for member in get_args(annotation))
        return tuple(kind_of for member in members for kind_of in member)
    return () if annotation is type(None) else (annotation,)


def _words(kind_of: object) -> tuple[str, ...]:
    return get_args(kind_of) if get_origin(kind_of) is Literal else ()


# --- words of messages ----------------------------------------------------------------------------


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _either(words: Iterable[str], of: str = "") -> str:
    listed = tuple(words)
    if len(listed) == 1:
        return listed[0]
    head = f"{of}s " if of else ""
    return f"{head}{', '.join(listed[:-1])} or {listed[-1]}"


def _shape(node: Node) -> str:
    match node:
        case Scalar(text=""):
            return "empty"
        case Scalar(text=text):
            return f"`{shown(text)}`"
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"


__all__ = ["is_outcome", "load", "parse"]
