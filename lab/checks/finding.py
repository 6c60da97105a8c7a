"""What a check says: a finding with its witness, and what identifies a check.

Counterparts: lab/verdict.py folds findings into a verdict, lab/report prints them. Values only;
this module knows neither histories nor contracts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec.structs import replace

__all__ = ["RUN", "STEP", "CheckInfo", "Finding", "Outcome", "Verdict"]

Outcome = Literal["pass", "fail", "error", "unknown", "not_exercised", "not_promised"]
Verdict = Literal["pass", "fail", "unknown", "error"]

STEP = "step"
"""`Finding.check` of a step whose expected outcome did not come."""

RUN = "run"
"""`Finding.check` of a run that did not come to its end."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """The answer of one check (or of one step) to one history.

    `promised` and `seen` are one sentence each; `field` is the contract's field and value that
    the promise stands in, e.g. `retry_after.beats_backoff: max`. `events` is the witness: the
    indices of the smallest sub-history that shows the outcome; `marks` are remarks on some of
    them. An unknown finding says which evidence is `missing`, what is `known` all the same, and
    what to do `to_know`. `cases` counts what was judged, `more` how many of these came out the
    same beside the one that is shown.
    """

    check: str
    slug: str
    outcome: Outcome
    promised: str = ""
    seen: str = ""
    field: str = ""
    operation: int | None = None
    events: tuple[int, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()
    missing: str = ""
    known: str = ""
    to_know: str = ""
    cases: int = 0
    more: int = 0


class CheckInfo(msgspec.Struct, frozen=True):
    """One check: its identity, what it claims, when it applies, which promise it reads.

    `promise` is the contract field without which the finding is `not_promised`; empty: the claim
    holds for every client.
    """

    id: str
    slug: str
    claim: str
    precondition: str
    promise: str = ""

    def says(self, outcome: Outcome) -> Finding:
        """A finding of this check that shows nothing."""
        return Finding(self.id, self.slug, outcome)

    def passed(self, operation: int | None = None) -> Finding:
        """One case in which the claim held."""
        return Finding(self.id, self.slug, "pass", operation=operation)

    def failed(
        self,
        seen: str,
        *,
        promised: str = "",
        field: str = "",
        operation: int | None = None,
        events: Iterable[int] = (),
        marks: Iterable[tuple[int, str]] = (),
    ) -> Finding:
        """One case in which the claim did not hold; `promised` is the claim unless told."""
        return Finding(
            self.id,
            self.slug,
            "fail",
            promised=promised if promised else self.claim,
            seen=seen,
            field=field,
            operation=operation,
            events=_witness(events),
            marks=tuple(marks),
        )

    def unknown(
        self,
        missing: str,
        *,
        known: str = "",
        to_know: str = "",
        operation: int | None = None,
        events: Iterable[int] = (),
    ) -> Finding:
        """One case that can't be judged for want of evidence."""
        return Finding(
            self.id,
            self.slug,
            "unknown",
            promised=self.claim,
            missing=missing,
            known=known,
            to_know=to_know,
            operation=operation,
            events=_witness(events),
        )

    def settle(self, cases: Iterable[Finding]) -> Finding:
        """One finding for all cases: the first of the worst, and how many there are.

        No case at all: `not_exercised`.
        """
        found = tuple(cases)
        for outcome in ("fail", "unknown", "pass"):
            same = [finding for finding in found if finding.outcome == outcome]
            if same and outcome == "pass":
                return replace(self.says("pass"), cases=len(found))
            if same:
                return replace(same[0], cases=len(found), more=len(same) - 1)
        return self.says("not_exercised")


def _witness(events: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({index for index in events if index > 0}))
