"""Random well-formed histories and contracts: what the properties of the judges are put to.

A history is drawn as operations with what each of their attempts meets; from these the events are
written that lab, wire and subject would have recorded. No client stands behind it, so it keeps no
promise on purpose: every judge must cope with whatever a client may do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

from faultlab.lab import history as h
from faultlab.lab.contract import Contract, parse

SERVICES = ("core", "nis")
ENDPOINTS = ("GET /a", "POST /b")
ANSWERS = ("ok", "status:204", "status:404", "status:429", "status:500", "status:503")
CUTS = ("reset_before_response", "eof_before_response", "truncated_length", "reset_mid_body")
SILENT = ("read_timeout_headers", "read_timeout_body")
FATES = (*ANSWERS, *CUTS, *SILENT, "bad_json", "connect_refused", "connect_timeout", "pending")
CLASSES = ("x.Down", "x.Slow", "x.Refused", "x.BadAnswer", "x.Open", "builtins.KeyError")
ENDINGS = ("ok", "failed", "cancelled", "unknown", "never")
STEP = 0.001  # seconds between two events of one attempt


@dataclass(frozen=True)
class Try:
    """One attempt: what it meets, how long that takes, how long the client waits after it."""

    fate: str
    takes: float = 0.01
    gap: float = 0.05
    retry_after: str | None = None


@dataclass(frozen=True)
class Op:
    """One operation, begun so many seconds after the one before it has begun, or ended."""

    after: float
    overlaps: bool
    service: str
    endpoint: str
    keyed: bool
    tries: tuple[Try, ...]
    ending: str
    error: str
    cancelled_at: float | None = None
    lag: float = 0.0


BESIDE = 0.2
"""Seconds by which three operations of another service are over."""


class Writer:
    """Writes events of operations; tagged ones say whose each request is."""

    def __init__(self, *, tagged: bool = True) -> None:
        self.events: list[Any] = []
        self.tagged = tagged
        self._conn = 0
        self._fault = 0
        self._op = 0
        self._began = self._ended = 0.01
        self.add(h.SubjectOpened, 0.0, tags="exact" if tagged else "none: a test's")
        for service in SERVICES:
            self.add(h.ListenerMode, 0.0, service=service, mode="open")

    def add(self, kind: type[h.Event], t: float, **fields: Any) -> None:
        """Any event."""
        self.events.append(kind(t=round(t, 6), **fields))

    def operation(self, op: Op) -> None:
        """All that is recorded of one."""
        self._op += 1
        number = self._op
        t = (self._began if op.overlaps else self._ended) + op.after
        self._began = t
        self.add(
            h.OpInvoked,
            t,
            op=number,
            name=op.endpoint,
            service=op.service,
            endpoint=op.endpoint,
            idempotent=op.endpoint.startswith("GET"),
            keyed=op.keyed,
        )
        if op.cancelled_at is not None:
            self.add(h.OpCancelRequested, t + op.cancelled_at, op=number)
        for attempt, one in enumerate(op.tries, 1):
            last = attempt == len(op.tries)
            t = self._attempt(op, number, attempt, one, t + STEP) + (0.0 if last else one.gap)
        self._end(op, number, t + STEP)

    def _end(self, op: Op, number: int, t: float) -> None:
        self._ended = max(self._ended, t)
        fields: dict[str, Any] = {"op": number, "late": op.lag}
        match op.ending:
            case "ok":
                self.add(h.OpOk, t, type="dict", **fields)
            case "failed":
                raised = h.Raised(classes=(op.error, "x.Error", "builtins.Exception"))
                self.add(h.OpFailed, t, errors=(raised,), **fields)
            case "cancelled":
                self.add(h.OpCancelled, t, **fields)
            case "unknown":
                self.add(h.OpUnknown, t, **fields)
            case _:
                pass

    def _attempt(self, op: Op, number: int, attempt: int, one: Try, t: float) -> float:
        """One attempt; when the client knows its end."""
        end = t + max(one.takes, 5 * STEP)
        told: dict[str, Any] = {"op": number, "attempt": attempt} if self.tagged else {}
        if self.tagged:
            self.add(h.AttemptBegun, t, service=op.service, **told)
        if one.fate.startswith("connect_"):
            self._shut(op, one, t, end, told)
        else:
            self._exchange(op, one, t + STEP, end, told)
        if self.tagged and one.fate != "pending":
            met = "" if one.fate in ANSWERS else "httpx.TransportError"
            self.add(h.AttemptEnded, end, service=op.service, error=met, **told)
        return end

    def _shut(self, op: Op, one: Try, t: float, end: float, told: dict[str, Any]) -> None:
        """A connect that meets a listener which is shut for just that long."""
        mode = "refusing" if one.fate == "connect_refused" else "dark"
        self._fault += 1
        on: dict[str, Any] = {"service": op.service}
        self.add(h.ListenerMode, t, mode=mode, **on)
        self.add(h.FaultArmed, t, fault=self._fault, name="refused", listener=mode, **on)
        port = 40_000 + len(self.events)
        self.add(h.ConnectAttempted, t + STEP, port=80, local=port, **on, **told)
        self.add(h.FaultCleared, end, fault=self._fault, **on)
        self.add(h.ListenerMode, end, mode="open", **on)

    def _exchange(self, op: Op, one: Try, t: float, end: float, told: dict[str, Any]) -> None:
        """A request on a connection of its own, and what came of it."""
        self._conn += 1
        on: dict[str, Any] = {"service": op.service, "conn": self._conn}
        method, _, path = op.endpoint.partition(" ")
        self.add(h.ConnOpened, t, port=50_000 + self._conn, **on)
        wire = {**on, "request": 1, **told}
        self.add(h.RequestStarted, t, method=method, target=path, **wire)
        self.add(h.RequestComplete, t + STEP, **wire)
        self.add(h.RequestReceived, t + STEP, method=method, target=path, **wire)
        if method == "POST":
            self.add(h.EffectApplied, t + STEP, endpoint=op.endpoint, **wire)
        if one.fate in ANSWERS or one.fate == "bad_json":
            status = int(one.fate.partition(":")[2] or 200)
            self.add(h.ResponseHead, end, status=status, retry_after=one.retry_after, **wire)
            damaged = one.fate if one.fate == "bad_json" else ""
            self.add(h.ResponseComplete, end, damaged=damaged, **wire)
            self.add(h.ConnClosed, end + STEP, by="client", how="fin", **on)
        elif one.fate == "pending":
            return
        elif one.fate in SILENT:
            if one.fate == "read_timeout_body":
                self.add(h.ResponseHead, t + 2 * STEP, status=200, **wire)
            self.add(h.ConnClosed, end, by="client", how="fin", **on)
        else:
            self._cut(one, t, end, on, wire)

    def _cut(
        self, one: Try, t: float, end: float, on: dict[str, Any], wire: dict[str, Any]
    ) -> None:
        """The lab ends the connection, before the answer or within it."""
        self._fault += 1
        how: Any = "rst" if one.fate.startswith("reset") else "fin"
        self.add(h.FaultArmed, t, fault=self._fault, service=on["service"], name="cut")
        self.add(h.FaultFired, t + STEP, fault=self._fault, **wire)
        if one.fate in ("truncated_length", "reset_mid_body"):
            self.add(h.ResponseHead, t + 2 * STEP, status=200, **wire)
            self.add(h.ResponseCut, end, at=3, how=how, **wire)
        self.add(h.ConnClosed, end, by="lab", how=how, **on)

    def beside(self, service: str, count: int, *, op: int = 1000) -> None:
        """Successful traffic of a service that nothing else has to do with."""
        self._began = self._ended = 0.005
        self.add(h.ListenerMode, 0.0, service=service, mode="open")
        self._op = op
        for _ in range(count):
            self.operation(Op(0.03, True, service, "GET /beside", False, (Try("ok"),), "ok", ""))

    def history(self) -> h.History:
        """What was written, in order of time."""
        return h.numbered(h.Header(run="test"), sorted(self.events, key=lambda event: event.t))


# --- what is drawn -------------------------------------------------------------------------------

_SHORT = st.sampled_from((0.0, 0.002, 0.02, 0.06, 0.3, 1.1))
TRIES = st.builds(
    Try,
    fate=st.sampled_from(FATES),
    takes=_SHORT,
    gap=_SHORT,
    retry_after=st.sampled_from(
        (None, None, "0", "1", "99", "soon", "Wed, 21 Oct 2037 07:28:00 GMT")
    ),
)


def operations(
    fates: st.SearchStrategy[Try] = TRIES, *, overlaps: bool = True
) -> st.SearchStrategy[list[Op]]:
    """Up to nine operations."""
    one = st.builds(
        Op,
        after=_SHORT,
        overlaps=st.booleans() if overlaps else st.just(False),
        service=st.sampled_from(SERVICES),
        endpoint=st.sampled_from(ENDPOINTS),
        keyed=st.booleans(),
        tries=st.lists(fates, max_size=4).map(tuple),
        ending=st.sampled_from(ENDINGS),
        error=st.sampled_from(CLASSES),
        cancelled_at=st.sampled_from((None, None, None, 0.0, 0.03)),
        lag=st.sampled_from((0.0, 0.0, 0.1)),
    )
    return st.lists(one, max_size=9)


_RULES = st.sampled_from(("always", "idempotent", "idempotent_or_key", "never"))
_KEYS = ("connect", "reset", "eof", "read_timeout", "body", "unusable", "connect_refused")
_STATUSES = ("m2xx", "m4xx", "m5xx", "status:404", "status:503")
_SECONDS = st.sampled_from((0.02, 0.05, 0.3, 1.0))
_COUNT = st.integers(1, 4)


def _maybe(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), one)


@st.composite
def _breaker(draw: st.DrawFn, scopes: tuple[str, ...]) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from((*_KEYS[:6], *_STATUSES[:3])), unique=True))
    votes = [draw(st.sampled_from(("counts", "success", "neutral"))) for _ in keys]
    return {
        "scope": draw(st.sampled_from(scopes)),
        **{
            vote: [key for key, its in zip(keys, votes, strict=True) if its == vote]
            for vote in ("counts", "success", "neutral")
        },
        "fail_max": draw(_maybe(st.integers(1, 3))),
        "reset_timeout": draw(_maybe(_SECONDS)),
        "half_open": {
            "probes": draw(st.integers(1, 2)),
            "attempts": draw(_maybe(st.just(1))),
            "success_threshold": draw(st.integers(1, 2)),
        },
        "late_results": draw(st.sampled_from((None, "ignore", "count"))),
        "trip_raises": draw(st.sampled_from(("original", "open"))),
    }


@st.composite
def contracts(
    draw: st.DrawFn, scopes: tuple[str, ...] = ("service", "endpoint", "client")
) -> Contract:
    """Any contract that can be written, promising much or little."""
    breakers = draw(st.lists(_breaker(scopes), max_size=2))
    layer = draw(st.sampled_from(("per_call", "per_attempt")))
    deadline = draw(_maybe(_SECONDS))
    enforced = draw(st.sampled_from(("hard", "before_sleep", "after_failure", "none")))
    written: dict[str, Any] = {
        "attempts": {"max": draw(_maybe(_COUNT))},
        "retry_on": {
            "faults": draw(_maybe(st.dictionaries(st.sampled_from(_KEYS), _RULES))),
            "statuses": draw(_maybe(st.lists(st.sampled_from(_STATUSES), unique=True))),
            "methods": draw(st.sampled_from((None, "any", "idempotent", "idempotent_or_key"))),
            "until": draw(st.sampled_from((None, "connect", "headers", "body"))),
        },
        "backoff": draw(
            _maybe(
                st.fixed_dictionaries(
                    {
                        "base": _SECONDS,
                        "max": _maybe(_SECONDS),
                        "jitter": st.sampled_from(("none", "full", "equal")),
                    }
                )
            )
        ),
        "retry_after": draw(
            _maybe(
                st.fixed_dictionaries(
                    {
                        "cap": _maybe(_SECONDS),
                        "over_cap": st.sampled_from(("clamp", "no_retry", "obey")),
                        "invalid": st.sampled_from(("backoff", "raise")),
                        "beats_backoff": st.sampled_from(("max", "replace")),
                    }
                )
            )
        ),
        "timeouts": {"connect": draw(_maybe(_SECONDS)), "read": draw(_maybe(_SECONDS))},
        "deadline": {"total": deadline, "enforced": enforced},
        "errors": draw(
            st.dictionaries(
                st.sampled_from((*_KEYS, "status", "open", "deadline", "cancelled", "m5xx")),
                st.sampled_from(("Down", "Slow", "Refused", "BadAnswer", "Open", "response")),
            )
        ),
        "exhausted": draw(st.sampled_from((None, "last_error", "last_response", "wrapper:Down"))),
        "breaker": draw(st.sampled_from((None, [], [{**one, "layer": layer} for one in breakers]))),
    }
    return parse({key: value for key, value in written.items() if value is not None}, "drawn")


@st.composite
def histories(draw: st.DrawFn, *, overlaps: bool = True) -> h.History:
    """Any history of those operations, tagged or not."""
    return _written(draw(operations(overlaps=overlaps)), tagged=draw(st.booleans()))


def _written(drawn: list[Op], *, tagged: bool = True, beside: int = 0) -> h.History:
    writer = Writer(tagged=tagged)
    for one in drawn:
        writer.operation(one)
    if beside:
        writer.beside("elsewhere", beside)
    if drawn:
        last = max(event.t for event in writer.events)
        writer.add(h.SubjectClosed, max(last, BESIDE) + 0.01)  # as late with as without them
    return writer.history()


class Drawn:
    """What the properties draw from."""

    contracts = staticmethod(contracts)
    histories = staticmethod(histories)
    operations = staticmethod(operations)
    written = staticmethod(_written)
    Op = Op
    Try = Try


@pytest.fixture(scope="session")
def drawn() -> type[Drawn]:
    """The strategies."""
    return Drawn
