"""What was seen of a client that promises nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from faultlab.lab.contract import Contract, parse
from faultlab.lab.history import (
    AnyEvent,
    ConnectAttempted,
    FaultArmed,
    Header,
    History,
    ListenerMode,
    OpFailed,
    OpInvoked,
    Raised,
    SubjectOpened,
    numbered,
)
from faultlab.lab.report.seen import seen

if TYPE_CHECKING:
    from .conftest import MakeResult

NOTHING = parse({}, "none")


def refused(counts: list[int], connects: str = "packets") -> History:
    """Operations that end with exit code 7 after so many refused connects each."""

    def events() -> Iterator[AnyEvent]:
        yield SubjectOpened(t=0.0, connects=connects)
        yield ListenerMode(t=0.0, service="core", mode="refusing")
        yield FaultArmed(t=0.0, fault=1, service="core", name="refused", listener="refusing")
        for op, count in enumerate(counts, 1):
            yield OpInvoked(t=op, op=op, name="read", service="core", endpoint="GET /x")
            for number in range(1, count + 1):
                yield ConnectAttempted(
                    t=op + number / 100, op=op, service="core", port=1, local=op * 100 + number
                )
            failed = (Raised(classes=("exit 7",), message="no route"),)
            yield OpFailed(t=op + 0.9, op=op, service="core", errors=failed)

    return numbered(Header(), tuple(events()))


def lines(make: MakeResult, history: History, contract: Contract = NOTHING) -> list[str]:
    """What is told."""
    return list(seen([replace(make(), armed=history, contract=contract)]))


def test_what_was_seen_is_a_contract_to_copy(result: MakeResult) -> None:
    """The first question at night is what it does; the second, whether it still does it."""
    told = lines(result, refused([3, 3]))
    assert told == [
        "seen, where nothing is promised:",
        "  connect_refused   3 attempts, then exit 7",
        "the same as a contract, to correct and keep (--contract FILE.yaml):",
        "  attempts: {max: 3}",
        "  errors:",
        "    connect_refused: 7",
    ]
    contract = parse("\n".join(line.removeprefix("  ") for line in told[3:]), "copied")
    assert contract.attempts.max == 3
    assert contract.errors == {"connect_refused": (7,)}


def test_different_counts_are_all_told(result: MakeResult) -> None:
    """One number would hide that it varies."""
    assert lines(result, refused([1, 3]))[1] == "  connect_refused   1 to 3 attempts, then exit 7"


def test_what_may_not_be_all_is_not_told(result: MakeResult) -> None:
    """A count that may be wrong would be kept for a promise."""
    assert lines(result, refused([3], connects="none: no rights")) == []


def test_a_client_that_promises_needs_no_proposal(result: MakeResult) -> None:
    """It has been judged."""
    promised = parse({"attempts": {"max": 3}}, "c")
    assert lines(result, refused([3]), promised) == []
