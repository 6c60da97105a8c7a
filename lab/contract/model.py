"""What a client can promise: the sections of a contract, and the contract.

Counterparts: source.py reads one, tune.py beside this package gives it other numbers. A field
that is None is left open: nothing is promised there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from typing_extensions import override

from .keys import KEYS, STATUS, STATUS_GROUPS, groups_of, is_key, lookup

RetryRule = Literal["always", "idempotent", "idempotent_or_key", "never"]
Scope = Literal["service", "endpoint", "client"]
Vote = Literal["counts", "success", "neutral"]

RETURNED = "response"
"""In `errors`, instead of a class: the operation returns the answer as its value, and ends ok."""


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
    if STATUS.fullmatch(text) or text in STATUS_GROUPS:
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
Count = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_none)]
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
            if key.startswith("status") or key in STATUS_GROUPS:
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
        match self.jitter:
            case "none":
                return longest, longest
            case "full":
                return 0.0, longest
            case "equal":
                return longest / 2, longest


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


class Carries(_Section):
    """What every error of the client tells beside its class.

    `cause`: the transport's error is its `__cause__`. `attributes`: names of the exception's own;
    `attempts` is how many were made on the wire, `elapsed` the seconds that the operation took.
    """

    cause: Literal["transport"] | None = None
    attributes: Annotated[tuple[str, ...] | None, BeforeValidator(_names)] = None


class Idempotency(_Section):
    """How idempotency keys travel. Kept and shown; no check reads it yet."""

    header: str | None = None
    when: str | None = None
    stable: bool | None = None
    attempt_header: str | None = None


class Resources(_Section):
    """How much of what the client began may be left after it was closed, in its process.

    Left open, nothing may be: a client that shares a pool of threads with others says how many.
    """

    tasks_after: Count = None
    threads_after: Count = None
    timers_after: Count = None
    descriptors_after: Count = None


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
        met = "status:200" if observable == "ok" else observable
        for key in (met, *groups_of(met)):
            if key in self.counts:
                return "counts"
            if key in self.success:
                return "success"
            if key in self.neutral:
                return "neutral"
        return None


class Contract(_Section):
    """The promises of one client; a section or field that is None is left open.

    `breaker`: () promises that there is none. `errors` maps keys to exception classes (by last
    name, or qualified if written with a dot), a command's exit codes, or `response` (`RETURNED`).
    """

    name: str = ""
    attempts: Annotated[Attempts, BeforeValidator(lambda v: _section(v))] = Attempts()
    retry_on: Annotated[RetryOn, BeforeValidator(lambda v: _section(v))] = RetryOn()
    backoff: Annotated[Backoff | None, BeforeValidator(_none)] = None
    retry_after: Annotated[RetryAfter | None, BeforeValidator(_none)] = None
    timeouts: Annotated[Timeouts, BeforeValidator(lambda v: _section(v))] = Timeouts()
    deadline: Annotated[Deadline, BeforeValidator(lambda v: _section(v))] = Deadline()
    errors: dict[Key, Names] = {}
    carries: Annotated[Carries, BeforeValidator(lambda v: _section(v))] = Carries()
    exhausted: Annotated[str, AfterValidator(_exhausted)] | None = None
    idempotency: Annotated[Idempotency | None, BeforeValidator(_none)] = None
    resources: Annotated[Resources, BeforeValidator(lambda v: _section(v))] = Resources()
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
        first = self.breaker[0] if self.breaker else None
        return first is not None and first.layer == "per_attempt"  # it is one for all

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
