"""A check that needs no contract: an error must tell of what was met, not of the client's own code.

Counterpart: lab/checks/errors.py holds exceptions against what the contract declares. Which
exceptions tell of nothing that a backend can do stands here, by their names.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Operation, Reading, doubt
from ..contract import Contract, error_keys, lookup, members
from ..history import Raised
from .finding import CheckInfo, Finding

FOREIGN = CheckInfo(
    "C64",
    "no-foreign-error",
    "an operation that met a failure ends as that failure or as a declared error",
    "an operation failed that had met a failure",
)

# What no answer and no connection can bring about, only code that runs when they fail.
_DEFECTS = frozenset(
    (
        "builtins.NameError",
        "builtins.UnboundLocalError",
        "builtins.ImportError",
        "builtins.ModuleNotFoundError",
        "builtins.RecursionError",
        "builtins.SystemError",
        "asyncio.exceptions.InvalidStateError",
        "httpx.RequestNotRead",
        "httpx.ResponseNotRead",
        "httpx.StreamClosed",
        "httpx.StreamConsumed",
        "requests.exceptions.StreamConsumedError",
    )
)

# What code raises that takes something for what it is not: an answer of another shape is an excuse.
_SHAPES = frozenset(
    (
        "builtins.AttributeError",
        "builtins.IndexError",
        "builtins.KeyError",
        "builtins.StopIteration",
        "builtins.TypeError",
        "builtins.ZeroDivisionError",
    )
)

# What tells of a body that can't be read.
_DECODING = frozenset(
    (
        "aiohttp.client_exceptions.ContentTypeError",
        "builtins.UnicodeDecodeError",
        "httpx.DecodingError",
        "json.decoder.JSONDecodeError",
        "msgspec.DecodeError",
        "msgspec.ValidationError",
        "orjson.JSONDecodeError",
        "pydantic_core._pydantic_core.ValidationError",
        "requests.exceptions.JSONDecodeError",
        "simplejson.errors.JSONDecodeError",
    )
)

_UNREADABLE = members("unusable") | members("body")
_NOT_THERE = frozenset(("status:404", "status:410"))  # `raise KeyError(name)` says just that
_NOT_KNOWN = frozenset(("ok", "cancelled", "unknown", "pending"))


def foreign(reading: Reading, contract: Contract | None) -> Iterator[Finding]:
    """C64. Precondition: an operation failed of which an attempt had met a failure.

    Claim: its exception is declared for the client, or may tell of that failure. A library's own
    error that escapes is C60's where the contract maps what was met. Witness: the operation with
    that attempt. Source: WASABI's oracle for handlers that fail themselves.
    """
    for operation in reading.operations:
        met = _met(operation)
        if operation.ending != "failed" or not operation.errors or met is None:
            continue
        if operation.cancelled_at is not None:
            continue  # C67 has it
        raised = _escaped(contract, operation)
        if not _is_foreign(contract, operation, raised, met):
            yield FOREIGN.passed(operation.id)
        elif unsure := doubt(reading, operation):
            yield FOREIGN.unknown(
                unsure,
                known=f"`{operation.name}` ended as {raised.classes[0]}",
                operation=operation.id,
                events=operation.events,
            )
        else:
            text = f": {raised.message}" if raised.message else ""
            attempt = next(one for one in reversed(operation.attempts) if one.observable == met)
            yield FOREIGN.failed(
                f"`{operation.name}` met {met} and ended as {raised.classes[0]}{text}",
                promised=f"it ends as {met}, or as an error that the client declares",
                operation=operation.id,
                events=(*operation.events, *attempt.events),
                marks=((operation.events[-1], f"<- tells nothing of {met}"),),
            )


def is_foreign(contract: Contract, operation: Operation) -> bool:
    """Whether C64 speaks of this operation's exception, so that no other check has to."""
    met = _met(operation)
    if met is None or not operation.errors or operation.cancelled_at is not None:
        return False
    return _is_foreign(contract, operation, _escaped(contract, operation), met)


def _met(operation: Operation) -> str | None:
    """The failure that the operation met last."""
    met = (one.observable for one in reversed(operation.attempts))
    return next((one for one in met if one not in _NOT_KNOWN), None)


def _escaped(contract: Contract | None, operation: Operation) -> Raised:
    """The exception that escaped, or what the declared wrapper wraps."""
    first, *rest = operation.errors
    wrapper = None if contract is None else contract.wrapper
    name = (
        first.classes[0] if wrapper is None or "." in wrapper else first.classes[0].split(".")[-1]
    )
    return rest[0] if rest and name == wrapper else first


def _is_foreign(contract: Contract | None, operation: Operation, raised: Raised, met: str) -> bool:
    name = raised.classes[0]
    index = operation.errors.index(raised)
    if len(operation.errors) > index + 1 and operation.errors[index + 1].via == "cause":
        return False  # somebody chose it to stand for its cause
    if contract is not None and error_keys(contract, (raised,)):
        return False
    if name in _DEFECTS:
        return True
    if name in _SHAPES:
        return met not in members("unusable") and not (
            name == "builtins.KeyError" and met in _NOT_THERE
        )
    if name in _DECODING:
        mapped = contract is not None and lookup(contract.classes, met) is not None
        return met not in _UNREADABLE and not mapped
    return False
