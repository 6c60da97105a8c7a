"""A plan in words, before it is played: phases, faults, operations and what is demanded of them.

Counterparts: lab/plan.py made the plan, lab/report/forecast.py asks the oracle. A wrong contract
shows here already, since attempts and waits are the contract's.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Literal, assert_never

from ...faults import (
    AnyFault,
    BadBody,
    Capacity,
    Cut,
    Drip,
    Duplicate,
    Frozen,
    Killed,
    Latency,
    LostAnswer,
    Partition,
    Refused,
    Stale,
    Stall,
    Status,
    Stopped,
    Throttle,
)
from ...faults.arming import listener
from ...faults.written import Rate, Size, shifted, written
from ..contract import Contract
from ..expect import required
from ..methods import IDEMPOTENT
from ..plan import Clear, Enter, Fresh, Inject, Operate, Plan, Renew, SetClock, Step, Wait
from .forecast import Forecast, Waiting, forecast
from .lanes import WIDTH
from .terminal import duration, left_out

__all__ = ["as_json", "explained", "fault_text"]

_NAME = 11  # where what happens stands
_ENDS = 41  # where outcomes stand
_ATTEMPTS = 54  # where attempts stand
_HARD = "\N{NO-BREAK SPACE}"
_FOOT = 14  # columns of a label below the steps


def explained(plan: Plan, contract: Contract) -> tuple[str, ...]:
    """The lines of a plan under the contract that it was made with."""
    head = [f"{plan.scenario}: {plan.title}", *_incident(plan), *_served(plan)]
    head += _settings(plan, contract)
    return (*head, "", *_steps(plan, contract), *_skipped(plan), "", *_foot(plan, contract))


def as_json(plan: Plan, contract: Contract) -> dict[str, object]:
    """Everything: the plan, the contract under its tune, and what that demands of each operation."""
    return {
        "plan": plan.model_dump(mode="json"),
        "contract": contract.model_dump(mode="json", exclude_none=True),
        "demanded": {
            number: asdict(one) for number, one in sorted(forecast(plan, contract).items())
        },
        "requires": list(required(plan, contract)),
        "seconds": round(duration(plan, contract), 3),
    }


def _incident(plan: Plan) -> Iterator[str]:
    if plan.incident is not None:
        told = (plan.incident.source, plan.incident.when, plan.incident.symptom)
        yield from _wrapped("incident: " + "; ".join(part for part in told if part), "", "  ")


def _served(plan: Plan) -> Iterator[str]:
    for served in plan.served:
        yield from _wrapped(f"service {served.text()}", "", "  ")


def _settings(plan: Plan, contract: Contract) -> Iterator[str]:
    parts = [
        f"subject {plan.subject}",
        f"environment {plan.environment}",
        *(() if plan.proxy == "embedded" else (f"proxy {plan.proxy}",)),
        f"tune {plan.tune}",
        f"seed {plan.seed}",
        f"about {duration(plan, contract):.1f} s",
    ]
    line = "   ".join(parts)
    if len(line) <= WIDTH:
        yield line
    else:
        yield parts[0]
        yield "  " + "   ".join(parts[1:])
    yield f"contract {plan.contract}   cut after {plan.limit:.0f} s a play   {plan.file}"


# --- steps ---------------------------------------------------------------------------------------


def _steps(plan: Plan, contract: Contract) -> Iterator[str]:
    expected = forecast(plan, contract)
    told: set[str] = set()  # gaps that stand further up already
    for _, group in groupby(plan.steps, key=_together):
        steps = list(group)
        match steps[0]:
            case Operate():
                yield from _operations(
                    [step for step in steps if isinstance(step, Operate)], expected, told
                )
            case first:
                yield from _other(first)


def _together(step: Step) -> tuple[object, ...]:
    """Operations of an implied phase with the same outcome share a line; all else stands alone."""
    if isinstance(step, Operate) and step.line is None:
        return (step.phase, step.expect, len(step.ids) == 1)
    return (id(step),)


def _other(step: Step) -> Iterator[str]:
    """The lines of a step that calls nobody."""
    match step:
        case Enter(phase=phase, implied=implied):
            what = {"control": "no fault", "fault": "", "recovery": "everything cleared"}[phase]
            yield f"{phase:<{_NAME}}{'(implied)   ' if implied else ''}{what}".rstrip()
        case Inject(fault=fault):
            yield from _told(f"inject {fault_text(fault)}")
        case Clear():
            yield from _told("clear all")
        case Wait(seconds=seconds, on=on):
            yield from _told(f"wait {seconds:g} s" + ("" if on is None else f": {on}"))
        case SetClock(seconds=seconds):
            yield from _told(f"clock {shifted(seconds)}: the wall clock, and no other, is set")
        case Fresh():
            yield from _told("connections fresh: idle ones closed by FIN")
        case Renew():
            yield from _told("subject new: breakers closed")
        case Operate():
            raise AssertionError("operations have lines of their own")
        case _:
            assert_never(step)


def _told(text: str) -> list[str]:
    return _wrapped(text, " " * _NAME, " " * (_NAME + 2))


def _operations(
    steps: Sequence[Operate],
    expected: dict[int, Forecast],
    told: set[str],
) -> Iterator[str]:
    """The line of operations: ids, names, outcome, attempts; long cells go on below."""
    ids = [number for step in steps for number in step.ids]
    found = [expected[number] for number in ids]
    cells = [
        textwrap.wrap(", ".join(step.name + _at_once(step) for step in steps), _ENDS - _NAME - 2),
        textwrap.wrap(" or ".join(steps[0].expect), _ATTEMPTS - _ENDS - 1),
        textwrap.wrap(
            _demanded(steps[0], found, told),
            WIDTH - _ATTEMPTS,
            break_on_hyphens=False,
        ),
    ]
    span = str(ids[0]) if len(ids) == 1 else f"{ids[0]}-{ids[-1]}"
    for number in range(max(map(len, cells))):
        name, ends, attempts = (cell[number] if number < len(cell) else "" for cell in cells)
        line = f"  {span if number == 0 else '':<{_NAME - 2}}{name:<{_ENDS - _NAME}}"
        yield f"{line}{ends:<{_ATTEMPTS - _ENDS}}{attempts}".rstrip()


def _at_once(step: Operate) -> str:
    return "" if step.concurrency == 1 else f", {step.concurrency} at once"


def _demanded(step: Operate, found: Sequence[Forecast], told: set[str]) -> str:
    """Attempts, waits and end that the contract demands of operations."""
    several = Counter((one.attempts, one.more) for one in found)
    if len(several) == 1:
        text = _count(found[0].attempts, more=found[0].more)
        text += " each" if len(found) > 1 else ""
    else:
        parts = [
            f"{number} of {len(found)}: {_count(attempts, more=more)}"
            for (attempts, more), number in several.items()
        ]
        text = "; ".join(parts)
    if step.attempts is not None:
        text += f"; the file says {step.attempts}"
    if step.cancel_after is not None:
        text += f", cancelled after {step.cancel_after:g} s"
    if found[0].attempts == 0 and found[0].ends == "open":
        text += ", in 50 ms"
    gaps = _gaps(max((one.waits for one in found), key=len))
    if gaps and gaps not in told:
        told.add(gaps)
        text += f", gaps {gaps}"
    return text + _otherwise(step, found)


def _count(attempts: int, *, more: bool) -> str:
    text = f"{attempts} attempt" if attempts == 1 else f"{attempts} attempts"
    return f"{text} or more" if more else text


def _gaps(waits: Sequence[Waiting]) -> str:
    """`25-50 and 50-100 ms`, seconds where one of them is that long; empty without a bound."""
    if all(wait == (0.0, None) for wait in waits):
        return ""
    longest = max(low if high is None else high for low, high in waits)
    factor, unit = (1.0, "s") if longest >= 1 else (1000.0, "ms")

    def one(wait: Waiting) -> str:
        low = f"{round(wait[0] * factor, 3):g}"
        if wait[1] is None:
            return f"{low} or more"
        high = f"{round(wait[1] * factor, 3):g}"
        return low if low == high else f"{low}-{high}"

    return " and ".join(dict.fromkeys(map(one, waits))) + f" {unit}"


def _otherwise(step: Operate, found: Sequence[Forecast]) -> str:
    """How the contract ends operations where the file leaves it to it, or says otherwise."""
    ends = dict.fromkeys(one.outcome for one in found)
    if step.expect == ("contract",):
        return f", then {' or '.join(ends)}"
    wrong = [outcome for outcome in ends if outcome not in step.expect]
    return f"; the contract ends it as {' or '.join(wrong)}" if wrong else ""


# --- faults --------------------------------------------------------------------------------------


def fault_text(fault: AnyFault) -> str:
    """A fault in words: what goes wrong, where, for whom."""
    where = f"{fault.kind} on {fault.service}"
    if fault.endpoint is not None:
        where += f" {fault.endpoint}"
    return ", ".join((f"{where}: {_what(fault)}", *_which(fault), *_when(fault)))


def _which(fault: AnyFault) -> Iterator[str]:
    """What it acts on, of all that it could."""
    of = "connections" if fault.reach == "connection" else "requests"
    if fault.connections is not None:
        yield f"on {fault.connections} connections"
    if fault.operation is not None:
        yield f"of operation {fault.operation} that meets it"
    if fault.attempt:
        each = " and ".join(map(str, fault.attempt))
        yield f"attempt{'s' if len(fault.attempt) > 1 else ''} {each} of an operation"
    if fault.every_nth is not None:
        yield f"one of {fault.every_nth} {of}"
    if fault.fraction is not None:
        yield f"{fault.fraction:.4g} of the {of} by chance"
    if fault.first is not None:
        yield f"the first {of[:-1]}" if fault.first == 1 else f"the first {fault.first} {of}"


def _when(fault: AnyFault) -> Iterator[str]:
    if fault.waits:
        yield f"not until {fault.awaits()}"
    if fault.lasts is not None:
        yield f"for {fault.lasts:g} s"


def _what(fault: AnyFault) -> str:
    match fault:
        case Refused(live=live):
            ends = {"close": "closed by FIN", "reset": "reset", "keep": "kept"}[live]
            return f"no listener, live connections {ends}"
        case Stopped(restart=restart):
            return f"its process stopped by SIGTERM, {_again(restart)}"
        case Killed(restart=restart):
            return f"its process killed by SIGKILL, {_again(restart)}"
        case Frozen():
            return "its process frozen by SIGSTOP: connects taken, then silence"
        case Cut(at="accept", by=by):
            return f"{by.upper()} on each connection that is accepted"
        case Cut(at="request_head", by=by):
            return f"{by.upper()} after the request's head"
        case Cut(at="request_complete", by=by):
            return f"{by.upper()} after the whole request"
        case Cut(at="response_head", by=by):
            return f"carried out, then {by.upper()} at the answer's head"
        case Cut(bytes=size, by=by):
            point = "half of the body" if size == "half" else f"{size} bytes of the body"
            return f"{by.upper()} after {point}"
        case Latency(delay=delay, jitter=jitter, direction=direction):
            late = f"{delay:g} s" + (f" +- {jitter:g} s" if jitter else "")
            return f"{_ways(direction)} {late} late"
        case Throttle(rate=rate, direction=direction):
            return f"{_ways(direction)} at {written(Rate(rate))}"
        case Drip(size=each, interval=interval, direction=direction):
            return (
                f"{_ways(direction)} in pieces of {written(Size(each))}, one every {interval:g} s"
            )
        case Stall(at=at):
            return {
                "connect": "connects unanswered, live connections kept",
                "response_head": "silence where the answer should begin",
                "response_body": "silence where the answer's body should begin",
            }[at]
        case Status():
            return _status(fault)
        case Partition(between=str(peer), direction=direction):
            way = "" if direction == "both" else f" {direction}"
            return f"no packets{way} between its backend and {peer}"
        case Partition(live=live, direction=direction):
            ends = {"hold": "held", "unplugged": "unplugged", "keep": "kept"}[live]
            way = "" if direction == "both" else f" {direction}"
            return f"connects unanswered, live connections {ends}{way}"
        case BadBody(body=body):
            return f"answers with {body}"
        case Stale(idle=idle, at=at, by=by):
            when = "as the next request begins" if at == "reuse" else "at once"
            since = f"a connection idle for {idle:g} s" if idle else "an idle connection"
            return f"{by.upper()} on {since}, {when}"
        case Capacity(workers=workers, queue=queue):
            waiting = f", {queue} more wait" if queue else ""
            return f"{workers} at once{waiting}, 503 to all others"
        case Duplicate(copies=copies):
            again = "once" if copies == 1 else f"{copies} times"
            return f"the backend gets each request {again} more"
        case LostAnswer(by=by):
            return f"carried out, then {by.upper()} without an answer"
        case _:
            assert_never(fault)


def _ways(direction: Literal["to_client", "to_backend", "both"]) -> str:
    return {"to_client": "answers", "to_backend": "requests", "both": "both ways"}[direction]


def _again(restart: float | Literal["never"]) -> str:
    """When a process is started again."""
    return "back when it is over" if restart == "never" else f"back after {restart:g} s"


def _status(fault: Status) -> str:
    headers = "".join(f", {name}: {value}" for name, value in fault.headers)
    if fault.sequence:
        codes = ", ".join(map(str, fault.sequence))
        return f"{codes} to one request each, then it works{headers}"
    whom = "" if any(_which(fault)) else " to every request"
    return f"{fault.code}{whom}{headers}"


# --- below ---------------------------------------------------------------------------------------


def _skipped(plan: Plan) -> Iterator[str]:
    for text in left_out(plan.skipped, str):
        yield from _wrapped(f"not offered: {text}", "", "  ")


_BY = {
    "audit": "the audit event",
    "network": "the simulated network",
    "packets": "the packets of the loopback, where these may be captured",
}


def _foot(plan: Plan, contract: Contract) -> Iterator[str]:
    """What the operations call, which checks must arise, and how each fact is known."""
    calls: dict[str, dict[str, None]] = {}
    for step in plan.operations():
        calls.setdefault(step.service, {})[
            _unbroken(f"{step.name} {step.endpoint}{_apart(step)}")
        ] = None
    for service, named in calls.items():
        yield from _label(service, ", ".join(named))
    yield from _label("requires", " ".join(required(plan, contract)))
    words = {"refusing": "refused", "dark": "unanswered"}
    modes = (listener(fault) for fault in plan.faults().values())
    unseen = dict.fromkeys(words[mode] for mode in modes if mode is not None)
    if unseen:
        connects = f"{' and '.join(unseen)} connects by {_BY[plan.connects]}"
        yield from _label("evidence", f"{connects}, all else at the proxy")
    else:
        yield from _label("evidence", "all attempts at the proxy")


def _apart(step: Operate) -> str:
    """What an operation is that its method doesn't say."""
    words = []
    if step.idempotent != (step.method in IDEMPOTENT):
        words.append("idempotent" if step.idempotent else "not idempotent")
    if step.keyed:
        words.append("with a key")
    return f" ({', '.join(words)})" if words else ""


def _label(label: str, text: str) -> Iterator[str]:
    if text:
        lines = _wrapped(text, f"{label:<{_FOOT - 1}} ", " " * _FOOT)
        yield from (line.replace(_HARD, " ") for line in lines)


def _unbroken(text: str) -> str:
    return text.replace(" ", _HARD)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
