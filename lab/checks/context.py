"""A check about what an error tells beside its class: what it came of, how it came, and no secret.

Counterparts: the contract's `carries` says what every error tells; lab/subjects/outcome.py reads
it off the exception in the subject's own process.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Operation, Reading, doubt
from ..contract import Carries, Contract, error_keys, members
from ..history import CHAIN, Raised
from ..tolerance import BASE, within
from .case import attempts, seconds
from .finding import CheckInfo, Finding

CONTEXT = CheckInfo(
    "C62",
    "context-kept",
    "an error keeps its cause and circumstances, and its text tells no secret",
    "an operation failed",
)

# What ends with an error of the transport; a status or an unusable answer has none to keep.
_OF_TRANSPORT = members("transport")
# What an error of the transport is in the end, whichever library wraps it.
_OF_SYSTEM = frozenset(("builtins.OSError", "builtins.EOFError"))
# A deadline or a caller's time-out cuts an attempt by this, and raises something else for it.
_CUT = "asyncio.exceptions.CancelledError"


def context(reading: Reading, contract: Contract | None) -> Iterator[Finding]:
    """C62. Precondition: an operation failed. Claim: no text of its exceptions tells a secret.

    Where the contract promises that errors carry them: the transport's error is the cause, and
    the attributes are there and true. Witness: the operation, with its last attempt where the cause
    is missing. Source: Rainmaker's unrelated exceptions; secrets in logs.
    """
    for operation in reading.operations:
        if operation.cancelled_at is not None:
            continue  # an error in its place is C67's
        if operation.ending != "failed" or not operation.errors:
            continue
        found = [*_secrets(operation)]
        if contract is not None and contract.carries.promised and _own(contract, operation):
            found += _cause(reading, contract.carries, operation)
            found += _attributes(reading, contract, operation)
        yield from found or (CONTEXT.passed(operation.id),)


def _secrets(operation: Operation) -> Iterator[Finding]:
    for link in operation.errors:
        if link.secrets:
            names = ", ".join(f"`{name}`" for name in link.secrets)
            yield CONTEXT.failed(
                f"the text of {link.classes[0]} that `{operation.name}` raised tells {names}",
                promised="no text of an error tells a secret",
                operation=operation.id,
                events=operation.events,
                marks=_at_end(operation, f"<- tells {names}"),
            )
            return


def _own(contract: Contract, operation: Operation) -> bool:
    """Whether it is an error of the client's own; C60, C64 and C67 speak of another."""
    if operation.cancelled_at is not None:
        return False
    if contract.errors:
        return error_keys(contract, operation.errors) != frozenset()
    return "builtins.Exception" in operation.errors[0].classes


def _cause(reading: Reading, carries: Carries, operation: Operation) -> Iterator[Finding]:
    last = operation.attempts[-1] if operation.attempts else None
    if carries.cause is None or last is None or last.observable not in _OF_TRANSPORT:
        return
    told = "" if last.told.error == _CUT else last.told.error
    if _keeps(operation.errors, told):
        return
    name = operation.errors[0].classes[0]
    if unsure := doubt(reading, operation):
        yield CONTEXT.unknown(
            unsure,
            known=f"`{operation.name}` ended as {name}, without a cause",
            operation=operation.id,
            events=operation.events,
        )
        return
    cause = operation.errors[1] if len(operation.errors) > 1 else None
    stated = cause is not None and cause.via == "cause"
    what = f"{cause.classes[0]} as its cause" if stated and cause is not None else "no cause"
    yield CONTEXT.failed(
        f"`{operation.name}` met {last.observable} and ended as {name} with {what}",
        promised=f"its cause is the transport's error{f', {told}' if told else ''}",
        field=f"carries.cause: {carries.cause}",
        operation=operation.id,
        events=(*operation.events, *last.events),
        marks=_at_end(operation, f"<- {what}"),
    )


def _keeps(errors: tuple[Raised, ...], told: str) -> bool:
    """Whether the chain goes on, as stated by the client, to what the transport raised."""
    if told and told in errors[0].classes:
        return True  # it is the transport's own
    causes = errors[1:]
    if not causes or causes[0].via == "context":
        return False
    if not told or len(errors) >= CHAIN:
        return True
    return any(told in link.classes or not _OF_SYSTEM.isdisjoint(link.classes) for link in causes)


def _attributes(reading: Reading, contract: Contract, operation: Operation) -> Iterator[Finding]:
    raised = operation.errors[0]
    for name in contract.carries.attributes or ():
        value = raised.attributes.get(name)
        if value is None or value == "":
            wrong = "does not carry it" if name not in raised.attributes else f"carries {value!r}"
        elif isinstance(value, str | bool):
            continue
        elif name == "attempts" and value not in _made(contract, operation):
            wrong = f"says {value:g}, and the wire saw {attempts(len(operation.attempts))}"
            if unsure := doubt(reading, operation):
                yield CONTEXT.unknown(
                    unsure,
                    known=f"`{operation.name}`: its `attempts` {wrong}",
                    operation=operation.id,
                    events=operation.events,
                )
                continue
        elif name == "elapsed" and not _elapsed(operation, value):
            took = (operation.ended or operation.invoked) - operation.invoked
            wrong = f"says {seconds(value)}, and the operation took {seconds(took)}"
        else:
            continue
        made = (one for attempt in operation.attempts for one in attempt.events[:1])
        yield CONTEXT.failed(
            f"`{name}` of the {raised.classes[0]} of `{operation.name}`: it {wrong}",
            promised=f"every error carries `{name}`",
            field=f"carries.attributes: {name}",
            operation=operation.id,
            events=(*operation.events, *(made if name == "attempts" else ())),
            marks=_at_end(operation, f"<- {name}: {wrong}"),
        )


def _made(contract: Contract, operation: Operation) -> range:
    """The numbers of attempts that an error may tell.

    Where a deadline cut one between its connect and its head, the client has begun an attempt of
    which the wire saw none: a connect that was answered and carried no head is not one.
    """
    seen = len(operation.attempts)
    cut = "deadline" in error_keys(contract, operation.errors)
    return range(seen, seen + (2 if cut else 1))


def _elapsed(operation: Operation, value: float) -> bool:
    """Whether the client's own seconds lie within the operation's, which encloses them."""
    if operation.ended is None:
        return True
    return within(value, 0.0, operation.ended - operation.invoked, BASE) != "no"


def _at_end(operation: Operation, remark: str) -> tuple[tuple[int, str], ...]:
    return ((operation.events[-1], remark),) if operation.events else ()
