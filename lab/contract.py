"""What a client promises: the declared contract, and the one table of its keys.

Counterpart: lab/oracle says what a contract demands next, lab/expect.py what an outcome means
under it. A contract belongs to a subject and knows no scenario. Pure, but for `builtin`, which
reads the contracts that come with the package.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from typing_extensions import override

from .history import Raised

__all__ = [
    "BUILTINS",
    "GROUPS",
    "KEYS",
    "NUMBERS",
    "OUTCOME_GROUPS",
    "RETURNED",
    "Attempts",
    "Backoff",
    "Breaker",
    "Contract",
    "ContractError",
    "Deadline",
    "HalfOpen",
    "Idempotency",
    "Problem",
    "RetryAfter",
    "RetryOn",
    "RetryRule",
    "Scope",
    "Timeouts",
    "Vote",
    "builtin",
    "error_keys",
    "groups_of",
    "is_key",
    "lookup",
    "mapped_by",
    "members",
    "parse",
    "resolve",
    "right_error",
]

# --- keys ----------------------------------------------------------------------------------------

# group -> its members, observables or smaller groups (design section 8). The statuses' groups
# `m2xx` to `m5xx` and `status` are not listed: `groups_of` derives them from `status:NNN`.
GROUPS: dict[str, tuple[str, ...]] = {
    "connect": ("connect_refused", "connect_timeout", "dns", "tls"),
    "reset": ("reset_on_accept", "reset_before_response", "stale_reset"),
    "eof": ("eof_on_accept", "eof_before_response", "stale_eof"),
    "read_timeout": ("read_timeout_headers", "read_timeout_body"),
    "body": ("truncated_length", "truncated_chunked", "reset_mid_body", "bad_chunk"),
    "unusable": (
        "bad_json",
        "wrong_content_type",
        "wrong_schema",
        "wrong_service",
        "empty_body",
        "bad_gzip",
    ),
    "connection": ("connect", "reset", "eof", "body"),
    "timeout": ("read_timeout", "write_timeout", "pool_exhausted"),
    "response": ("unusable",),
    "transport": ("connection", "timeout", "slow_drip"),
}

OUTCOME_GROUPS = ("connection", "timeout", "response")
"""The groups that a scenario may name as outcomes; each observable is in at most one."""

_ALONE = ("write_timeout", "pool_exhausted", "slow_drip", "deadline", "open", "cancelled", "local")
_STATUS_GROUPS = ("m2xx", "m3xx", "m4xx", "m5xx", "status")
_STATUS = re.compile(r"status:([2-5])[0-9]{2}")

RETURNED = "response"
"""In `errors`, instead of a class: the operation returns the answer as its value, and ends ok."""


def members(key: str) -> frozenset[str]:
    """The observables that a key covers, itself included; statuses' groups cover themselves."""
    if key not in GROUPS:
        return frozenset((key,))
    return frozenset(leaf for member in GROUPS[key] for leaf in members(member))


_LEAVES = tuple(
    dict.fromkeys(
        leaf
        for leaf in (*(m for group in GROUPS.values() for m in group), *_ALONE)
        if leaf not in GROUPS
    )
)

KEYS: tuple[str, ...] = (*_LEAVES, *GROUPS, *_STATUS_GROUPS)
"""Every contract key but the single statuses `status:NNN`."""

# observable -> the groups it is in, the most specific first (they are nested, so size orders them)
_GROUPS_OF = {
    leaf: tuple(
        sorted((g for g in GROUPS if leaf in members(g)), key=lambda group: len(members(group)))
    )
    for leaf in _LEAVES
}


def is_key(text: str) -> bool:
    """Whether the text is a contract key: an observable, a group, or `status:NNN`."""
    return text in KEYS or _STATUS.fullmatch(text) is not None


def groups_of(observable: str) -> tuple[str, ...]:
    """The groups that an observable is in, the most specific first; () for an unknown word."""
    if status := _STATUS.fullmatch(observable):
        return (f"m{status[1]}xx", "status")
    return _GROUPS_OF.get(observable, ())


T = TypeVar("T")


def lookup(mapping: Mapping[str, T], observable: str) -> T | None:
    """What a mapping by keys says of an observable: the most specific key wins; None: unmapped."""
    for key in (observable, *groups_of(observable)):
        if key in mapping:
            return mapping[key]
    return None


def mapped_by(mapping: Mapping[str, object], observable: str) -> str | None:
    """The key under which `lookup` finds an observable, for messages."""
    return next((key for key in (observable, *groups_of(observable)) if key in mapping), None)


# --- the model -----------------------------------------------------------------------------------

RetryRule = Literal["always", "idempotent", "idempotent_or_key", "never"]
Scope = Literal["service", "endpoint", "client"]
Vote = Literal["counts", "success", "neutral"]

# Fields of the vocabulary whose meaning a later version brings: a promise that nothing judges
# would look kept.
_LATER = {
    "attempts.hidden",
    "backoff.cap_after_jitter",
    "body_replay",
    "breaker.half_open.queue",
    "budget",
    "fallback",
    "recovery",
    "resources",
    "response_validation",
    "retry_after.min",
    "retry_after.statuses",
    "retry_on.override_header",
    "retry_on.statuses_with_retry_after",
    "timeouts.attempt_total",
}


def _none(value: object) -> object:
    return None if value == "none" else value


def _names(value: object) -> object:
    return (value,) if isinstance(value, str | int) else value


def _key(text: str) -> str:
    if is_key(text):
        return text
    near = difflib.get_close_matches(text, KEYS, n=1)
    raise ValueError(f"a contract key{f' (did you mean {near[0]}?)' if near else ''}")


def _status(value: object) -> object:
    text = value if isinstance(value, str) else f"status:{value}"
    if _STATUS.fullmatch(text) or text in _STATUS_GROUPS:
        return text
    raise ValueError("a status (200 to 599) or m2xx, m3xx, m4xx, m5xx")


def _exhausted(text: str) -> str:
    if text in ("last_error", "last_response") or re.fullmatch(r"wrapper:[\w.]+", text):
        return text
    raise ValueError("last_error, last_response or wrapper:CLASS")


Key = Annotated[str, AfterValidator(_key)]
StatusKey = Annotated[str, BeforeValidator(_status)]
Names = Annotated[tuple[str | int, ...], BeforeValidator(_names), Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MaybeSeconds = Annotated[Seconds | None, BeforeValidator(_none)]
MaybeCount = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_none)]


class _Section(BaseModel):
    """A part of a contract. None always means: left open, nothing is promised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def promised(self) -> bool:
        """Whether any of its fields is promised."""
        return any(value is not None for value in self.__dict__.values())


class Attempts(_Section):
    """`max`: attempts on the wire of one operation, the first included."""

    max: MaybeCount = None


class RetryOn(_Section):
    """After which failures an operation is tried again.

    `faults` maps keys other than statuses to a rule. `statuses` is a closed list: a status that
    it does not name is not retried; `methods` says for which operations those it names are.
    `until` is the last phase whose failures are retried at all.
    """

    faults: dict[Key, RetryRule] | None = None
    statuses: tuple[StatusKey, ...] | None = None
    methods: Literal["any", "idempotent", "idempotent_or_key"] | None = None
    until: Literal["connect", "headers", "body"] | None = None

    @model_validator(mode="after")
    def _statuses_apart(self) -> RetryOn:
        for key in self.faults or ():
            if key.startswith("status") or key in _STATUS_GROUPS:
                raise ValueError(f"`faults` without {key}: statuses stand in `statuses`")
        return self


class Backoff(_Section):
    """The wait before retry k, k from 1: d = min(max, base * factor^(k-1)), in seconds.

    With `first`, the first wait is that and the series begins at the second. `jitter` spreads it
    over [d, d] (none), [0, d] (full) or [d/2, d] (equal).
    """

    first: MaybeSeconds = None
    base: Seconds
    factor: Annotated[float, Field(ge=1)] = 2.0
    max: MaybeSeconds = None
    jitter: Literal["none", "full", "equal"] = "none"

    def interval(self, retry: int) -> tuple[float, float]:
        """Least and greatest wait in seconds before retry number `retry`, from 1."""
        power = retry - 1
        if self.first is not None and power == 0:
            longest = self.first
        else:
            if self.first is not None:
                power -= 1
            longest = self.base * self.factor ** min(power, 64)
        if self.max is not None:
            longest = min(longest, self.max)
        return {"none": longest, "full": 0.0, "equal": longest / 2}[self.jitter], longest


class RetryAfter(_Section):
    """What a server's Retry-After means: `s` whole seconds, `float` fractions too, `date`.

    Over `cap` seconds: `clamp` waits the cap, `no_retry` ends the operation, `obey` waits it all.
    A valid value replaces the backoff, or the longer of the two counts (`max`).
    """

    forms: tuple[Literal["s", "float", "date"], ...] = ("s", "date")
    cap: MaybeSeconds = None
    over_cap: Literal["clamp", "no_retry", "obey"] = "obey"
    invalid: Literal["backoff", "raise"] = "backoff"
    beats_backoff: Literal["max", "replace"] = "max"


class Timeouts(_Section):
    """Seconds that one attempt may spend in a phase; `read` and `write` from byte to byte."""

    connect: MaybeSeconds = None
    read: MaybeSeconds = None
    write: MaybeSeconds = None
    pool: MaybeSeconds = None


class Deadline(_Section):
    """Seconds for a whole operation.

    `hard`: an attempt is cut, and no wait is begun that would pass it; `before_sleep`: only the
    latter; `after_failure`: no attempt begins after it.
    """

    total: MaybeSeconds = None
    enforced: Literal["hard", "before_sleep", "after_failure", "none"] = "hard"

    @property
    @override
    def promised(self) -> bool:
        """Without a total there is nothing to enforce."""
        return self.total is not None


class Idempotency(_Section):
    """How idempotency keys travel. Kept and shown; no check reads it yet."""

    header: str | None = None
    when: str | None = None
    stable: bool | None = None
    attempt_header: str | None = None


class HalfOpen(_Section):
    """After the reset time: `probes` at once, each of `attempts` (None: as ever) attempts.

    `success_threshold` successes close it; whoever comes beyond the probes is rejected.
    """

    probes: Annotated[int, Field(ge=1)] = 1
    attempts: MaybeCount = None
    success_threshold: Annotated[int, Field(ge=1)] = 1
    excess: Literal["reject"] = "reject"


class Breaker(_Section):
    """One breaker of a client: a circuit for each service, each endpoint, or one for the client.

    It opens at `fail_max` results of `counts` in a row, for `reset_timeout` seconds. `success`
    resets the row, `neutral` leaves it. `late_results`: those of operations that an earlier
    state admitted.
    """

    scope: Scope
    counts: tuple[Key, ...] = ()
    success: tuple[Key, ...] = ()
    neutral: tuple[Key, ...] = ()
    layer: Literal["per_call", "per_attempt"] = "per_call"
    window: Literal["consecutive"] = "consecutive"
    fail_max: MaybeCount = None
    reset_timeout: MaybeSeconds = None
    clock: Literal["monotonic", "wall"] | None = None
    half_open: HalfOpen = HalfOpen()
    late_results: Literal["ignore", "count"] | None = None
    trip_raises: Literal["original", "open"] = "original"
    open_raises: Annotated[str | None, BeforeValidator(_none)] = None
    retried: bool = False

    @model_validator(mode="after")
    def _one_vote_each(self) -> Breaker:
        voted = [*self.counts, *self.success, *self.neutral]
        twice = sorted({key for key in voted if voted.count(key) > 1})
        if twice:
            raise ValueError(f"each key in one of counts, success, neutral; twice: {twice}")
        return self

    @property
    def votes(self) -> dict[str, Vote]:
        """What each declared key does to the circuit."""
        return {
            **dict.fromkeys(self.counts, "counts"),
            **dict.fromkeys(self.success, "success"),
            **dict.fromkeys(self.neutral, "neutral"),
        }

    def vote(self, observable: str) -> Vote | None:
        """What an observable does to the circuit; `ok` is `status:200`; None: left unmapped."""
        return lookup(self.votes, "status:200" if observable == "ok" else observable)


class Contract(_Section):
    """The promises of one client; a section or field that is None is left open.

    `breaker`: () promises that there is none. `errors` maps keys to exception classes (by last
    name, or qualified if written with a dot), exit codes, or `response` (`RETURNED`).
    """

    name: str = ""
    attempts: Annotated[Attempts, BeforeValidator(lambda v: _section(v))] = Attempts()
    retry_on: Annotated[RetryOn, BeforeValidator(lambda v: _section(v))] = RetryOn()
    backoff: Annotated[Backoff | None, BeforeValidator(_none)] = None
    retry_after: Annotated[RetryAfter | None, BeforeValidator(_none)] = None
    timeouts: Annotated[Timeouts, BeforeValidator(lambda v: _section(v))] = Timeouts()
    deadline: Annotated[Deadline, BeforeValidator(lambda v: _section(v))] = Deadline()
    errors: dict[Key, Names] = {}
    exhausted: Annotated[str, AfterValidator(_exhausted)] | None = None
    idempotency: Annotated[Idempotency | None, BeforeValidator(_none)] = None
    breaker: Annotated[tuple[Breaker, ...] | None, BeforeValidator(lambda v: _breakers(v))] = None

    @model_validator(mode="after")
    def _one_layer(self) -> Contract:
        if len({breaker.layer for breaker in self.breaker or ()}) > 1:
            raise ValueError("one `layer` for all breakers of a contract")
        return self

    def field(self, path: str, observable: str | None = None) -> object:
        """The value of a field such as `attempts.max`; None: left open.

        `breaker.*` is read from the breaker that counts `observable`. Raises KeyError for a path
        that no contract has.
        """
        value: object = self
        for i, part in enumerate(path.split(".")):
            if not isinstance(value, BaseModel) or part not in type(value).model_fields:
                raise KeyError(path)
            value = getattr(value, part)
            if i == 0 and part == "breaker" and path != "breaker":
                value = self.breaker_for(observable)
                if value is None:
                    return _without_breaker(path)
            if value is None:
                return None
        return value

    def promises(self, path: str) -> bool:
        """Whether anything is promised there: a field, a section with a field, a breaker."""
        if path == "breaker" or path.startswith("breaker."):
            if not self.breaker:
                return False
            return path == "breaker" or self.field(path) is not None
        value = self.field(path)
        if isinstance(value, _Section):
            return value.promised
        return value is not None and value not in ({}, ())

    def breaker_for(self, observable: str | None) -> Breaker | None:
        """The breaker that counts an observable; else the first; None: the contract has none."""
        if not self.breaker:
            return None
        if observable is not None:
            for breaker in self.breaker:
                if breaker.vote(observable) == "counts":
                    return breaker
        return self.breaker[0]

    @property
    def counts_attempts(self) -> bool:
        """Whether its breakers count, and are asked before, each attempt and not each operation."""
        return any(breaker.layer == "per_attempt" for breaker in self.breaker or ())

    @property
    def classes(self) -> dict[str, tuple[str | int, ...]]:
        """`errors`, with the breakers' `open_raises` under `open` where `errors` is silent."""
        opens = tuple(dict.fromkeys(b.open_raises for b in self.breaker or () if b.open_raises))
        if "open" in self.errors or not opens:
            return dict(self.errors)
        return {**self.errors, "open": opens}

    @property
    def wrapper(self) -> str | None:
        """The class that wraps the last error when the attempts are used up, if one is declared."""
        if self.exhausted is None or not self.exhausted.startswith("wrapper:"):
            return None
        return self.exhausted.removeprefix("wrapper:")

    def returns(self, key: str, *, exhausted: bool = False) -> bool | None:
        """Whether an operation that ends as `key` returns a value; None: left open.

        `exhausted`: all promised attempts were used.
        """
        if key == "ok":
            return True
        if exhausted and self.exhausted == "last_response" and "status" in groups_of(key):
            return True
        names = lookup(self.classes, key)
        return None if names is None else RETURNED in names


def _section(value: object) -> object:
    return {} if value is None or value == "none" else value


def _breakers(value: object) -> object:
    if value == "none":
        return ()
    return (value,) if isinstance(value, Mapping) else value


def _without_breaker(path: str) -> object:
    """Without a breaker one failure is the first, and nothing is to be waited for."""
    return {"breaker.fail_max": 1, "breaker.reset_timeout": 0.0}.get(path)


NUMBERS: tuple[str, ...] = (
    "attempts.max",
    "backoff.first",
    "backoff.base",
    "backoff.max",
    "retry_after.cap",
    "timeouts.connect",
    "timeouts.read",
    "timeouts.write",
    "timeouts.pool",
    "deadline.total",
    "breaker.fail_max",
    "breaker.reset_timeout",
)
"""The fields that a scenario may name for a count or a duration."""


def resolve(contract: Contract, path: str, observable: str | None = None) -> float | None:
    """The number of a field of `NUMBERS`; None: left open. Raises KeyError for another path.

    Without a breaker `breaker.fail_max` is 1 and `breaker.reset_timeout` 0.0.
    """
    if path not in NUMBERS:
        raise KeyError(path)
    value = contract.field(path, observable)
    return None if value is None else float(value)  # type: ignore[arg-type]  # NUMBERS says so


# --- errors --------------------------------------------------------------------------------------


def _is(declared: str | int, qualified: str) -> bool:
    if not isinstance(declared, str) or declared == RETURNED:
        return False
    return declared == (qualified if "." in declared else qualified.rpartition(".")[2])


def error_keys(contract: Contract, raised: tuple[Raised, ...]) -> frozenset[str]:
    """The keys that this exception chain may stand for; empty: it is none of the declared ones.

    The most specific declared class decides: the first in the MRO of the exception that escaped.
    Groups are spread to their observables; statuses stay as they are declared (`status`, `m5xx`).
    A declared wrapper stands for what it wraps, or, if that can't be told, for every key.
    """
    classes = contract.classes
    every = [*_LEAVES, *(key for key in classes if key.startswith("status") or key in KEYS[-5:])]
    for name in raised[0].classes if raised else ():
        if contract.wrapper is not None and _is(contract.wrapper, name):
            return error_keys(contract, raised[1:]) or frozenset(every)
        keys = frozenset(
            key
            for key in every
            if any(_is(declared, name) for declared in lookup(classes, key) or ())
        )
        if keys:
            return keys
    return frozenset()


def right_error(contract: Contract, raised: tuple[Raised, ...], observable: str) -> bool | None:
    """Whether the chain is what the contract declares for an observable; None: left unmapped."""
    if lookup(contract.classes, observable) is None:
        return None
    keys = error_keys(contract, raised)
    return observable in keys or mapped_by(contract.classes, observable) in keys


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a contract: where, what stands there, what was expected."""

    path: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: {self.value}: expected {self.expected}"


class ContractError(ValueError):
    """A contract that can't be read; `problems` holds all of them at once."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"contract {name}:\n{lines}")


BUILTINS = ("httpx", "maximus")


def builtin(name: str) -> Contract:
    """A contract that comes with the package. Raises ContractError for another name."""
    if name not in BUILTINS:
        near = ", ".join(BUILTINS)
        raise ContractError(name, [Problem("contract", repr(name), f"one of {near}, or a file")])
    text = resources.files(__package__).joinpath("contracts", f"{name}.yaml").read_text("utf-8")
    return parse(text, name)


def parse(source: Mapping[str, object] | str, name: str) -> Contract:
    """The contract in a mapping or in YAML text; `name` is its own and stands in messages.

    A mapping may hold exception classes instead of their names. Raises ContractError.
    """
    if isinstance(source, str):
        try:
            source = YAML(typ="safe", pure=True).load(source)
        except YAMLError as error:
            text = " ".join(str(error).split())
            raise ContractError(name, [Problem("file", text, "a YAML document")]) from error
    if not isinstance(source, Mapping):
        raise ContractError(name, [Problem("file", repr(source), "a mapping of contract fields")])
    data = _plain(source)
    try:
        return Contract.model_validate({"name": name, **data})
    except ValidationError as error:
        raise ContractError(name, _problems(error)) from error


def _plain(source: Mapping[str, object]) -> dict[str, object]:
    return {str(key): _plain_value(value) for key, value in source.items()}


def _plain_value(value: object) -> object:
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    return value


def _problems(error: ValidationError) -> Iterator[Problem]:
    for item in error.errors(include_url=False):
        place = [str(part) for part in item["loc"] if part != "[key]"]
        path = re.sub(r"\.(\d+)", r"[\1]", ".".join(place)) or "contract"
        value = repr(item["input"]) if not isinstance(item["input"], Mapping) else "a mapping"
        match item["type"]:
            case "extra_forbidden":
                yield _unknown(path)
            case "value_error":
                yield Problem(path, value, str(item["ctx"]["error"]))
            case "missing":
                yield Problem(path, "missing", "a value")
            case _:
                yield Problem(path, value, _expected(item["msg"]))


def _unknown(path: str) -> Problem:
    bare = re.sub(r"\[\d+\]", "", path)
    if bare in _LATER:
        return Problem(path, "not judged by this version", "the field left out")
    section, _, last = bare.rpartition(".")
    model: object = Contract
    for part in section.split(".") if section else ():
        model = {
            "attempts": Attempts,
            "retry_on": RetryOn,
            "backoff": Backoff,
            "retry_after": RetryAfter,
            "timeouts": Timeouts,
            "deadline": Deadline,
            "idempotency": Idempotency,
            "breaker": Breaker,
            "half_open": HalfOpen,
        }.get(part, model)
    known = list(model.model_fields) if isinstance(model, type(BaseModel)) else []
    near = difflib.get_close_matches(last, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Problem(path, "unknown field", f"one of {', '.join(known)}{hint}")


def _expected(message: str) -> str:
    text = message.removeprefix("Input should be ").partition(", unable")[0]
    return text.replace("a valid integer", "a whole number").replace("a valid number", "a number")
