"""A verdict that a test can compare with a word, and that says why when the comparison fails.

Counterparts: `lab/verdict.py` judges, `pytest_plugin.py` shows the lines. Pure: a reading and a
contract in, a verdict out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any, Self

from msgspec.structs import replace

from ..attempts import Reading
from ..checks import Finding
from ..checks.meta import ATTRIBUTED, FIRED, WORKLOAD
from ..contract import Contract
from ..report.lanes import WIDTH
from ..verdict import judge, worst
from .count import NEGATED

__all__ = ["Verdict", "against", "judged"]

_SHOWN = 3  # findings that are shown whole
_LABEL = 10  # columns of the longest label and its gap
_MARK = 'mark each of its calls: with lab.operation("name"): ...'
_OF_THE_TEST = {FIRED.id, WORKLOAD.id, ATTRIBUTED.id}  # they judge no client


class Verdict(str):
    """`pass`, `fail`, `unknown` or `error`: compares, hashes and prints as that word.

    `findings` holds the answer of each check, with its witness. `told` is what the report of a
    failed test shows of it.
    """

    __slots__ = ("findings", "told")

    findings: tuple[Finding, ...]
    told: tuple[str, ...]

    def __new__(
        cls, word: str, *, findings: Iterable[Finding] = (), told: Iterable[str] = ()
    ) -> Self:
        """One of the four words, and why."""
        self = super().__new__(cls, word)
        self.findings = tuple(findings)
        self.told = tuple(told)
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (str(self),), {"findings": self.findings, "told": self.told}

    def explain(self, sign: str, other: object) -> list[str]:
        """The lines that a failed comparison `self SIGN other` shows."""
        found = against(self.findings)
        names = ", ".join(f"{one.check} {one.slug}".strip() for one in found)
        word = f"{self}: {names}" if names else str(self)
        told = [f"{label:<{_LABEL}} {text}" for label, text in (_rows(found[0]) if found else ())]
        return [f"{word} {NEGATED.get(sign, sign)} {str(other)!r}", *told]


def judged(reading: Reading, contract: Contract | None) -> Verdict:
    """What a test's history so far shows of its client.

    A pass needs proof, in a test as in a run: an operation, a fault that acted, and a check that
    could have failed. Without a contract only what needs no promise is judged.
    """
    judgement = judge(contract, reading)
    lacking = tuple(_lacking(reading, judgement.findings))
    named = {one.check for one in lacking}
    findings = (*lacking, *(_advised(one) for one in judgement.findings if one.check not in named))
    word = worst([judgement.verdict, "unknown"] if lacking else [judgement.verdict])
    found = against(findings)
    told = [line for one in found[:_SHOWN] for line in _block(one, contract)]
    if len(found) > _SHOWN:
        rest = ", ".join(f"{one.check} {one.slug}" for one in found[_SHOWN:])
        told += wrap(f"and {rest}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    return Verdict(word, findings=findings, told=told)


def against(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that speak against a pass, the worst first."""
    order = ("fail", "error", "unknown")
    found = [one for one in findings if one.outcome in order]
    return tuple(sorted(found, key=lambda one: order.index(one.outcome)))


def _lacking(reading: Reading, findings: Iterable[Finding]) -> Iterator[Finding]:
    """What a pass would lack."""
    if not reading.operations:
        yield WORKLOAD.unknown(
            "no operation was marked, so nothing that the client did can be judged",
            to_know=_MARK,
        )
        return
    if not any(fault.fired for fault in reading.faults):
        yield FIRED.unknown(
            "no fault acted in this test",
            to_know="arm one that the marked operations meet",
        )
    elif not any(one.outcome == "pass" for one in findings if one.check not in _OF_THE_TEST):
        yield WORKLOAD.unknown(
            "nothing happened that a check could judge",
            to_know="give a contract that promises something of what the fault shows",
        )


def _advised(finding: Finding) -> Finding:
    """The same with what a test's author can do: she marks operations, and instruments nothing."""
    if finding.check != ATTRIBUTED.id or finding.outcome != "unknown":
        return finding
    mend = f"{_MARK}; side by side only those of clients whose requests the lab can tag"
    return replace(finding, to_know=mend)


def _block(finding: Finding, contract: Contract | None) -> Iterator[str]:
    yield f"  {finding.outcome.upper()} {finding.check} {finding.slug}"
    field = "" if contract is None or not finding.field else f"{contract.name}, {finding.field}"
    for label, text in (*_rows(finding), ("contract", field)):
        if text:
            start = f"    {label:<{_LABEL}} "
            yield from wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))


def _rows(finding: Finding) -> Iterator[tuple[str, str]]:
    more = f"; {finding.more} more like it" if finding.more else ""
    rows = (
        ("promised", finding.promised if finding.outcome == "fail" else ""),
        ("missing", finding.missing and finding.missing + more),
        ("seen", finding.seen and finding.seen + more),
        ("known", finding.known),
        ("to know", finding.to_know),
    )
    return (row for row in rows if row[1])
