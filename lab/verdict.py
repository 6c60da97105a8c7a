"""From findings to a verdict: the worst wins, and a pass needs proof.

Counterparts: lab/checks finds, lab/report prints, lab/cli exits with `exit_code`. Pure: the same
histories give an equal judgement, and it never needs the network.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from .attempts import Reading, read
from .checks import Finding, Outcome, Verdict, by_slug, put
from .checks.limits import ENDS, ends
from .checks.meta import BASELINE, baseline_passes, no_baseline
from .contract import Contract
from .expect import not_ok
from .history import History
from .oracle import Demands

__all__ = ["Judgement", "decode", "encode", "exit_code", "judge", "worst"]

# The worst first: what a client did wrong must not hide behind an error of ours.
_ORDER: tuple[Verdict, ...] = ("fail", "error", "unknown", "pass")

_EXIT = {"pass": 0, "fail": 1, "unknown": 3, "error": 3}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with all that led to it.

    `findings` holds one of each check, in order of ids, and those of the steps after them;
    `baseline` those of the baseline's own history. `exercised` are the ids of the checks whose
    precondition arose, `not_exercised` and `not_promised` the others'; `unmet` those required of
    this run that were not exercised.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    baseline: tuple[Finding, ...] = ()
    exercised: tuple[str, ...] = ()
    not_exercised: tuple[str, ...] = ()
    not_promised: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings that speak against a pass, the worst first."""
        against = [finding for finding in self.findings if _verdict(finding.outcome) != "pass"]
        return tuple(sorted(against, key=lambda finding: _ORDER.index(_verdict(finding.outcome))))


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; nothing at all is unknown, since nothing was proved."""
    found = set(verdicts)
    return next((verdict for verdict in _ORDER if verdict in found), "unknown")


def exit_code(verdict: Verdict) -> int:
    """0 pass, 1 fail, 3 unknown or error."""
    return _EXIT[verdict]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Judging makes values and no circles of them: without it the collector goes over all of them
    again and again, which is a third of the time for 100,000 events, and more for more."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@_uncollected()
def judge(
    contract: Contract | None,
    armed: History | Reading | None,
    baseline: History | Reading | None = None,
    required: frozenset[str] = frozenset(),
    step_findings: tuple[Finding, ...] = (),
    demanded: Demands | None = None,
) -> Judgement:
    """Hold a run against a contract, beside its baseline if there is one.

    `required` names checks by slug or id that this run must exercise; raises KeyError for another
    name. `demanded` is what the oracle says of the armed run, if it was asked before.
    A check that fails counts whether required or not. Where an operation of the baseline did
    not end ok, that is the one finding, whatever the armed run shows; `armed` may be None then. It is
    `fail` only where one will never end: nothing else follows from what does not work without a fault.
    """
    wanted = frozenset(by_slug(name).id for name in required)
    of_baseline: tuple[Finding, ...] = ()
    pair = BASELINE.says("not_exercised")
    if baseline is not None:
        before = _reading(baseline)
        terms = Contract() if contract is None else contract
        if broken := not_ok(before, terms):
            ended = baseline_passes([ENDS.settle(ends(before, contract))])
            failed = (one for one in ended if one.outcome == "fail")
            pair = BASELINE.settle([*no_baseline(broken, terms), *failed])
            return Judgement(_verdict(pair.outcome), (pair,), exercised=(BASELINE.id,))
        of_baseline = tuple(f for f in put(before, contract) if f.check != "C90")
        pair = BASELINE.settle(baseline_passes(of_baseline))
    if armed is None:
        raise ValueError("there is nothing to judge: no run with faults, and a baseline that works")
    findings = list(put(_reading(armed), contract, demanded))
    findings = sorted([*findings, pair], key=lambda finding: finding.check)
    not_exercised = _ids(findings, "not_exercised")
    unmet = tuple(check for check in not_exercised if check in wanted - {BASELINE.id})
    verdicts = [_verdict(finding.outcome) for finding in (*findings, *step_findings)]
    if unmet:
        verdicts.append("unknown")
    return Judgement(
        verdict=worst(verdicts),
        findings=(*findings, *step_findings),
        baseline=of_baseline,
        exercised=tuple(f.check for f in findings if f.outcome in ("pass", "fail", "unknown")),
        not_exercised=not_exercised,
        not_promised=_ids(findings, "not_promised"),
        unmet=unmet,
    )


def encode(judgement: Judgement) -> bytes:
    """A judgement as the text of `verdict.json`."""
    return msgspec.json.format(msgspec.json.encode(judgement), indent=2) + b"\n"


def decode(data: bytes) -> Judgement:
    """The judgement in a `verdict.json`; raises msgspec.ValidationError or DecodeError."""
    return msgspec.json.decode(data, type=Judgement)


def _reading(run: History | Reading) -> Reading:
    return run if isinstance(run, Reading) else read(run)


def _ids(findings: Iterable[Finding], outcome: Outcome) -> tuple[str, ...]:
    return tuple(finding.check for finding in findings if finding.outcome == outcome)


def _verdict(outcome: Outcome) -> Verdict:
    match outcome:
        case "not_exercised" | "not_promised":
            return "pass"
        case _:
            return outcome
